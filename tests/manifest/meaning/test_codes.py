import re
from pathlib import Path

import pytest

from nova_spi.manifest import codes, json_schema
from nova_spi.manifest.codes import CODES
from nova_spi.manifest.reading import read

ROOT = Path(__file__).parents[3]
EXAMPLES = codes.examples()
MEANING = [code for code in CODES if code[5] in "235"]
BYTES = {
    "SPI-M001": b"x: " + b"a" * (1 << 20),
    "SPI-M002": b"model: {name: \xff}",
    "SPI-M003": "model: {}".encode("utf-16"),
    "SPI-M004": b"model: \x00",
    "SPI-M005": b"",
    "SPI-M006": b"model: [",
    "SPI-M008": b"a: " + b"[" * 200 + b"]" * 200,
    "SPI-M009": b"a: &a [1,2,3,4,5,6,7,8,9]\n"
    + b"".join(
        f"{key}: &{key} [*{before},*{before},*{before},*{before},*{before},*{before},*{before}]\n".encode()
        for before, key in zip("abcdefg", "bcdefgh", strict=True)
    ),
    "SPI-M010": b"a: &a [*a]",
    "SPI-M011": b"a: 1\n---\nb: 2\n",
    "SPI-M012": b"model: {}\nmodel: {}\n",
    "SPI-M013": b"[a]: 1",
    "SPI-M014": b"model: {<<: {}}",
    "SPI-M015": b"model: !python/object:os.system {}",
    "SPI-M016": b"%TAG ! tag:example.org,2000:\n---\nmodel: {}\n",
    "SPI-M017": b"[1, 2]",
    "SPI-M018": b"a: [" + b"1," * 100_001 + b"1]",
    "SPI-M019": b"model: *nothing",
}
SPELLINGS = {
    "SPI-M100": "",
    "SPI-M101": "inputs:\n  - {name: a, type: int}\n",
    "SPI-M102": "inputs:\n  - {name: a, type: String}\n",
    "SPI-M103": "model:\n  is_trainable: Yes\n",
    "SPI-M104": "inputs:\n  - {name: a, type: file, mount_path: /app/inputs/a}\n",
    "SPI-M105": "inputs:\n  - {name: a, type: file, mime_types: image/png}\n",
    "SPI-M106": "model:\n  license: [MIT]\n",
    "SPI-M107": "model:\n  domain_specific: {color_space: [Rec. 709]}\n",
    "SPI-M108": "inputs:\n  - {name: a, type: file, mime_types: [image/jpg]}\n",
    "SPI-M109": "execution: {entry_point: python run.py}\n",
    "SPI-M110": "catalog: {scorecard: {summary: Good.}}\n",
    "SPI-M111": "benchmark: {metrics: [{name: a, weight: 40}, {name: b, weight: 60}]}\n",
    "SPI-M112": "operations: {scaling: {minReplicas: 1}}\n",
    "SPI-M113": "model:\n  description: 2025-04-23\n",
    "SPI-M114": "model:\n  tasks: {on: [a]}\n",
}

ODD = [
    "model:\n  license: ''\n  tags: [null]\n  inputs: [Text, foo]\n  is_trainable: maybe\n  authors: [Ada]\n",
    "inputs:\n  - {name: NONE, type: string, default: [a]}\n  - {name: True, type: enum, enum: []}\n",
    "inputs:\n  - {name: a, type: file, enum: [a], file_pattern: '{a'}\n  - {name: A, type: file, mount_path: /x}\n",
    "inputs:\n  - {name: a, type: object, properties: {b: {type: string, required: true}}, default: {}}\n",
    "execution:\n  entry_point: {}\n  environment: {1A: a, INPUT_A: b, A: null}\n  timeout_seconds: 1e99\n",
    "execution:\n  resources: {cpu: 500m, memory: 1, gpu: nvidia, disk: []}\n  restart: always\n  network: null\n",
    "execution:\n  health_check: {interval_seconds: -1}\n  timeout_seconds: .inf\n  entry_point: {command: 'a \"'}\n",
    "catalog: {scorecard: x, thumbnail: ../x}\nscorecard: y\nX: 1\n",
]
"""Manifests with faults that the codes' own examples do not have."""


def found(document):
    return {item.code for item in document.diagnostics}


def test_the_page_of_codes_is_fresh():
    assert (ROOT / "docs/codes.md").read_text(encoding="utf-8") == codes.page(), "run python -m nova_spi.manifest.codes"


def test_the_page_and_the_schemas_are_written_whole(tmp_path):
    codes.main(str(tmp_path / "codes.md"))
    json_schema.main(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"codes.md", *json_schema._FILES.values()}


def test_every_code_stands_once_and_says_what_it_is():
    chapters = [code for _, _, chapter in codes._CHAPTERS for code in chapter]
    assert len(chapters) == len(CODES)
    for code in chapters:
        assert re.fullmatch(r"SPI-M\d{3}", code.code)
        assert code.title
        assert code.explanation.endswith((".", "`"))
        assert code.mend


def test_every_code_of_meaning_has_an_example():
    assert sorted(EXAMPLES) == sorted(MEANING)


@pytest.mark.parametrize("code", MEANING)
def test_the_bad_example_of_a_code_has_it(code, check):
    document = check(EXAMPLES[code][0])
    assert code in found(document)
    assert found(document) <= set(CODES)
    for item in document.diagnostics:
        assert item.severity is CODES[item.code].severity
        assert item.span is not None
        assert item.message
        assert "\n" not in item.message


@pytest.mark.parametrize("code", MEANING)
def test_the_good_example_of_a_code_is_mended(code, check):
    document = check(EXAMPLES[code][1])
    assert code not in found(document)
    assert document.ok, document.errors


@pytest.mark.parametrize("code", BYTES)
def test_bytes_that_cannot_be_read_have_their_code(code):
    assert code in found(read(BYTES[code]))


@pytest.mark.parametrize("code", SPELLINGS)
def test_a_spelling_has_its_code(code, around, check):
    fragment = SPELLINGS[code]
    document = check(fragment) if fragment else read(around("").split("\n", 1)[1].encode())
    assert code in found(document)
    assert document.ok, document.errors


def spelled_alike(item, text):
    """The one form of a finding: no full stops, lower case but for words of the document, and always a mend."""
    first = item.message.split()[0]
    assert not first[0].isupper() or first.strip(",:;") in text, item.message
    assert not item.message.endswith((".", "!")), item.message
    assert item.mend, item.code
    assert not item.mend[0].isupper(), item.mend
    assert not item.mend.endswith("."), item.mend


def test_every_finding_has_one_form_and_says_what_mends_it(check, around):
    fragments = [*(bad for bad, _ in EXAMPLES.values()), *(text for text in SPELLINGS.values() if text), *ODD]
    documents = [*map(check, fragments), *map(read, BYTES.values()), read(b"{,}", filename="manifest.json")]
    documents.append(read(around("").split("\n", 1)[1].encode()))
    seen = [(item, document.text) for document in documents for item in document.diagnostics]
    assert {item.code for item, _ in seen} == {code for code in CODES if not code.startswith("SPI-M4")}
    for item, text in seen:
        spelled_alike(item, text)


def test_the_page_s_sentences_have_one_form():
    for code in CODES.values():
        assert code.title[0].isupper()
        assert not code.title.endswith(".")
        assert code.mend.startswith(("nova-spi ", "pip ")) or (code.mend[0].isupper() and code.mend.endswith("."))


def test_text_that_is_no_json_has_its_code():
    assert found(read(b"{,}", filename="manifest.json")) == {"SPI-M007"}


def test_every_code_is_raised_by_some_document():
    project = {code for code in CODES if code.startswith("SPI-M4")}
    assert set(CODES) == {*EXAMPLES, *BYTES, *SPELLINGS, "SPI-M007", *project}
