"""Projects of the tests are written by the tests themselves, file by file."""

from collections.abc import Callable
from pathlib import Path

import pytest

MANIFEST = """\
spi_version: "1"
model:
  name: tried-model
  version: 0.1.0
  description: A model that exists for the tests alone.
  domain: text
  license: Apache-2.0
execution:
  entry_point: {callable: "model:Model"}
inputs:
  - {name: prompt, type: string, required: true, description: Any text}
outputs:
  - {name: text, type: string, description: The same text}
"""

MODEL = """\
class Model:
    def predict(self, prompt):
        return prompt
"""

Write = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Write:
    """Writes files into a project and gives its root; keyword ``manifest`` replaces the good one."""

    def write(files: dict[str, str] | None = None, manifest: str = MANIFEST) -> Path:
        root = tmp_path / "project"
        for relative, text in {"manifest.yml": manifest, "model.py": MODEL, **(files or {})}.items():
            path = root / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write


@pytest.fixture
def good() -> str:
    return MANIFEST
