import json
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from nova_spi.project.folder import open_folder
from nova_spi.serving.batch.doing import run_batch
from nova_spi.serving.batch.order import Order
from nova_spi.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))

from tests_batch import Upper

MANIFEST = """
spi_version: "1"
model: {name: echo, version: 1.0.0, description: Says the same again and counts what it was given., domain: text}
execution:
  entry_point: {callable: "model:say"}
  timeout_seconds: 20
  resources: {cpu: 0.25, memory: 512Mi}
inputs:
  - {name: text, type: string, required: true, description: What to say}
  - {name: times, type: integer, description: How often, default: 1}
outputs:
  - {name: said, type: string, required: true, description: The same again}
commands:
  draw:
    description: Writes a text into files.
    entry_point: {callable: "model:draw"}
    inputs:
      - {name: page, type: file, required: true, description: A text, mime_types: [text/plain], file_pattern: "*.txt",
         constraints: {max_files: 1}}
      - {name: mark, type: string, description: What stands before it, default: "-"}
    outputs:
      - {name: pages, type: file, required: true, description: The texts, mime_types: [text/plain],
         file_pattern: "page_*.txt"}
      - {name: size, type: integer, required: true, description: How much it was}
"""
MODEL = """
import os, time
from pathlib import Path


def say(text, times):
    if text == "fail":
        print("about to fail")
        raise ValueError("it would not say it")
    if text == "die":
        os._exit(3)
    if text == "sleep":
        time.sleep(60)
    if text == "slow":
        time.sleep(0.2)
    return " ".join([text] * times)


def draw(page, mark):
    text = Path(page).read_text()
    places = []
    for number, line in enumerate(text.splitlines()):
        place = Path("outputs") / f"page_{number}.txt"
        place.parent.mkdir(exist_ok=True)
        place.write_text(mark + line)
        places.append(str(place))
    return {"pages": places, "size": len(text)}
"""


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (root / "manifest.yml").write_text(MANIFEST)
    (root / "model.py").write_text(MODEL)
    return root


@pytest.fixture
def lines(tmp_path):
    """Writes a file of lines: objects, or bytes as they are."""

    def lines(*values, name="inputs.jsonl"):
        place = tmp_path / name
        raw = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in values]
        place.write_bytes(b"".join(line + b"\n" for line in raw))
        return place

    return lines


@pytest.fixture
def batch(tmp_path, project):
    """Does a batch with `Upper`, or with what is given."""

    def batch(inputs, runner=None, **options):
        options.setdefault("output", tmp_path / "results")
        order = Order(open_folder(project), inputs, settings=Settings.load(project), **options)

        @contextmanager
        def running(*_):
            yield runner or Upper()

        return run_batch(order, running=running)

    return batch


@pytest.fixture
def results(tmp_path):
    def results(name="results.jsonl"):
        return [json.loads(line) for line in (tmp_path / "results" / name).read_bytes().splitlines()]

    return results
