"""Manifests to begin with, and short ways to read one."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nova_spi.manifest.reading import Document, read

HERE = Path(__file__).parent
_MODEL = {"name": "caption-reader", "version": "1.0.0", "domain": "image"}


@pytest.fixture(scope="session")
def full_bytes() -> bytes:
    return (HERE / "full.yml").read_bytes()


@pytest.fixture(scope="session")
def full(full_bytes: bytes) -> Document:
    return read(full_bytes)


@pytest.fixture
def full_data(full: Document) -> dict[str, Any]:
    return full.manifest.to_dict()


@pytest.fixture(scope="session")
def around() -> Callable[[str], str]:
    """Makes a whole manifest around a fragment of one: what every manifest must have is added where it is not there."""

    def complete(fragment: str) -> str:
        present = set(re.findall(r"^([a-z_]+):", fragment, re.MULTILINE))
        text = "" if "spi_version" in present else 'spi_version: "1"\n'
        missing = "".join(f"  {key}: {value}\n" for key, value in _MODEL.items())
        if "model" not in present:
            text += f"model:\n{missing}"
        text += re.sub(r"^model:\n", f"model:\n{missing}", fragment.rstrip("\n") + "\n", flags=re.MULTILINE)
        for side in ("inputs", "outputs"):
            if side not in present:
                text += f"{side}: []\n"
        return text

    return complete


@pytest.fixture(scope="session")
def check(around: Callable[[str], str]) -> Callable[[str], Document]:
    """Reads the manifest around a fragment."""
    return lambda fragment: read(around(fragment).encode())
