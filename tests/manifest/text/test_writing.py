import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from nova_spi.manifest.models import Manifest
from nova_spi.manifest.reading import read
from nova_spi.manifest.text.scalar_text import string_text
from nova_spi.manifest.text.source import parse
from nova_spi.manifest.text.writing import dump, dump_json

yaml = pytest.importorskip("yaml")

TRICKY = [
    "yes", "No", "on", "y", "N", "16:9", "2025-04-23", "1.10", "0o17", "0x1F", "1_000", "._", "+.", "0b_", "~", "null",
    "", "=", "<<", "- a", "-", "? b", "a: b", "a #b", "a:", "::", "#x", "&a", "*a", "!t", "%x", "@y", "`z", "'q'",
    '"q"', "[a]", "{a}", "a,b", "|x", ">x", "--- a", "...", " a", "a ", "a\tb", "\t", "1e3", "1e-06", ".5", "0.",
    "-.inf", ".NaN", "a\nb", "a\nb\n", "\na", "a\n\n", "a\n  \nb", "a\r\nb", "a\u2028b", "\x85", "\x1b", "\ufeff", "é",
    "😀", "k" * 1100,
]  # fmt: skip
TEXT = (
    st.sampled_from(TRICKY)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
    | st.text("ab:-#?,[]{}&*!|>'\"%@` \n0123456789.eE_+xoTtNnYy~=<", max_size=8)
)
LEAVES = TEXT | st.booleans() | st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
DOCUMENTS = st.dictionaries(TEXT, TREES, min_size=1, max_size=4)

EXAMPLE = {
    "outputs": [{"type": "string", "name": "text", "required": True}],
    "model": {
        "domain": "text",
        "version": "1.10.0",
        "name": "no",
        "tags": ["yes", "a b"],
        "created_at": "2025-04-23T10:00:00Z",
    },
    "inputs": [{"name": "count", "type": "float", "constraints": {"max_value": 1e-06}, "description": "Two\nlines.\n"}],
    "x-own": {"b": 1, "a": None},
    "spi_version": "1",
}


@given(DOCUMENTS)
@example({"k": "k" * 1100, "k" * 1100: {"k" * 1100: [{"k" * 1100: 1}]}})
@example({"a": 1e-06, "b": 1e16, "c": -0.0, "d": 10**400})
def test_yaml_1_1_and_1_2_read_what_was_written(data):
    text = dump(data)
    assert yaml.safe_load(text) == data
    assert YAML(typ="safe", pure=True).load(text) == data


@given(data=DOCUMENTS)
def test_what_was_written_reads_back_the_same(data, data_of):
    parsed = parse(dump(data).encode())
    if parsed.node is not None:
        assert len(parsed.findings) == 0
        assert data_of(parsed.node) == data
    else:
        assert [item.code for item in parsed.findings] == ["SPI-M004"]


@given(TEXT)
def test_a_string_is_a_string_in_every_context(text):
    for document in ({"a": text}, {"a": [text]}, {"a": {"b": {text: text}}}, {"a": [[text, {text: [text]}]]}):
        assert yaml.safe_load(dump(document)) == document


@given(DOCUMENTS)
def test_json_reads_back_the_same(data):
    assert json.loads(dump_json(data)) == data
    assert dump_json(data, indent=None).count("\n") == 1


def test_keys_stand_in_the_order_of_the_reference():
    data = json.loads(dump_json(EXAMPLE))
    assert list(data) == ["spi_version", "model", "inputs", "outputs", "x-own"]
    assert list(data["model"]) == ["name", "version", "domain", "created_at", "tags"]
    assert list(data["outputs"][0]) == ["name", "type", "required"]
    assert list(data["x-own"]) == ["b", "a"]


def test_the_text_is_in_block_style_with_short_lists_and_maps_on_their_line():
    assert dump(EXAMPLE) == (
        'spi_version: "1"\n'
        "model:\n"
        '  name: "no"\n'
        "  version: 1.10.0\n"
        "  domain: text\n"
        '  created_at: "2025-04-23T10:00:00Z"\n'
        '  tags: ["yes", a b]\n'
        "inputs:\n"
        "  - name: count\n"
        "    type: float\n"
        "    description: |\n"
        "      Two\n"
        "      lines.\n"
        "    constraints: {max_value: 1.0e-06}\n"
        "outputs:\n"
        "  - name: text\n"
        "    type: string\n"
        "    required: true\n"
        "x-own:\n"
        "  b: 1\n"
        "  a: null\n"
    )


def test_a_manifest_writes_as_its_data_does():
    document = read(dump(EXAMPLE | {"model": EXAMPLE["model"] | {"name": "a"}}).encode())
    assert isinstance(document.manifest, Manifest), document.diagnostics
    assert read(dump(document.manifest).encode()).manifest == document.manifest
    assert read(dump_json(document.manifest).encode(), filename="manifest.json").manifest == document.manifest


def test_writing_what_was_read_changes_nothing():
    text = dump(EXAMPLE | {"model": EXAMPLE["model"] | {"name": "a"}})
    document = read(text.encode())
    assert dump(document.manifest) == text
    assert document.edits == ()


@pytest.mark.parametrize(
    "text", ["text", "a b", "1.0.0", "python run.py --x=1", "C:/x", "*.png"[1:], "https://x.org/a?b=c#d"]
)
def test_usual_texts_need_no_quotation_marks(text):
    assert string_text(text) == text


def test_what_is_no_json_is_refused():
    with pytest.raises(TypeError, match="object"):
        dump({"a": object()})
    with pytest.raises(ValueError, match="JSON"):
        dump_json({"a": float("nan")})
