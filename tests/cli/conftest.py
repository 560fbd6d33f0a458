import json
from pathlib import PurePosixPath

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG
from nova_spi.cli.main import run
from nova_spi.cli.state import State
from nova_spi.images.layers import Entry, write_layer

MANIFEST = """spi_version: "1"
model:
  name: shouter
  version: 1.0.0
  description: Repeats a text in capital letters.
  domain: text
  license: Apache-2.0
execution:
  entry_point: {callable: "model:shout"}
  timeout_seconds: 30
  secrets: [SHOUTER_TOKEN]
inputs:
  - {name: text, type: string, description: What to shout., required: true}
  - {name: times, type: integer, description: How often., default: 1}
  - {name: options, type: object, description: More., properties: {mark: {type: string, default: "!"}}}
  - {name: notes, type: file, description: Files to count., mime_types: [text/plain], file_pattern: "*.txt"}
outputs:
  - {name: shout, type: string, description: The text., required: true}
  - {name: count, type: integer, description: How many notes came.}
commands:
  whisper:
    description: Repeats a text softly.
    entry_point: {callable: "model:whisper"}
    inputs: [{name: text, type: string, description: What to whisper., required: true}]
    outputs: [{name: whisper, type: string, description: The text., required: true}]
test_cases:
  - {name: once, inputs: {text: hello}, expect: {equals: {shout: "HELLO!"}}}
  - {name: twice, inputs: {text: hello, times: 2}, expect: {contains: {shout: "HELLO! HELLO!"}}}
"""
MODEL = """
def shout(text, times=1, options=None, notes=()):
    print("shouting", text)
    if text == "fail":
        raise ValueError("it would not shout")
    mark = (options or {}).get("mark", "!")
    return {"shout": " ".join([text.upper() + mark] * times), "count": len(notes)}


def whisper(text):
    return text.lower()
"""


@pytest.fixture
def project(tmp_path, monkeypatch, shared_cache):
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(shared_cache))
    monkeypatch.setenv("NOVA_SPI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("SHOUTER_TOKEN", raising=False)
    root = tmp_path / "shouter"
    root.mkdir()
    (root / "manifest.yml").write_text(MANIFEST)
    (root / "model.py").write_text(MODEL)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def call(capsys):
    def call(*words):
        status = run([str(word) for word in words], State())
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def call_json(call):
    def call_json(*words):
        status, out, _ = call(*words, "--output-format", "json")
        return status, json.loads(out)

    return call_json


@pytest.fixture
def base_for(tmp_path):
    """Makes a base image that has the look of Python and nothing else, as a layout on disk."""

    def made(architecture):
        layout = Layout.create(tmp_path / f"base-{architecture}")
        tree = [
            Entry("usr/bin/python3.11", b"\x7fELF", executable=True),
            Entry("usr/bin/python3", PurePosixPath("python3.11")),
        ]
        layer = write_layer(layout, tree, "made")
        rootfs = {"type": "layers", "diff_ids": [str(layer.diff_id)]}
        document = {"architecture": architecture, "os": "linux", "rootfs": rootfs}
        manifest = write_manifest(layout.blobs.write(json.dumps(document).encode(), IMAGE_CONFIG), [layer.descriptor])
        layout.blobs.write(manifest.raw, manifest.media_type)
        layout.name(manifest.descriptor, "base")
        return layout.root

    return made


@pytest.fixture
def base(base_for):
    return base_for("amd64")
