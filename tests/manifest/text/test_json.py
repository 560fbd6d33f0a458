import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.manifest.nodes import Mapping, Scalar, Span, at
from nova_spi.manifest.text.json_text import json_text
from nova_spi.manifest.text.source import parse

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
DOCUMENTS = st.dictionaries(TEXT, TREES, min_size=1, max_size=4)


def values(node):
    if isinstance(node, Scalar):
        return json.loads(node.text) if node.plain else node.text
    if isinstance(node, Mapping):
        return {entry.key.text: values(entry.value) for entry in node}
    return [values(item) for item in node.items]


def only(text: str):
    (found,) = parse(text.encode(), json=True).findings
    return found


@given(DOCUMENTS, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_json_reads_as_the_standard_library_reads_it(data, indent, ascii_only):
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    if any(ord(character) in (*range(0x7F, 0x85), *range(0x86, 0xA0), 0xFFFE, 0xFFFF) for character in text):
        return
    parsed = parse(text.encode(), json=True)
    assert len(parsed.findings) == 0
    assert values(parsed.node) == data


@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsn \n\\/u', max_size=30))
def test_what_the_standard_library_refuses_is_refused(text):
    parsed = parse(text.encode(), json=True)
    try:
        json.loads(text, parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError):
        assert parsed.node is None
        assert len(parsed.findings) > 0
    else:
        assert all(item.code in ("SPI-M017", "SPI-M005", "SPI-M012", "SPI-M004") for item in parsed.findings)


@given(DOCUMENTS, st.sampled_from([None, 2, 4, "\t"]), st.sampled_from(["", "\n"]))
def test_written_again_a_document_keeps_its_indentation(data, indent, end):
    text = json.dumps(data, indent=indent, ensure_ascii=False) + end
    parsed = parse(text.encode(), json=True)
    if parsed.node is not None and any(data.values()):
        assert json_text(parsed.node, text) == text


@pytest.mark.parametrize(
    ("text", "said", "line", "column"),
    [
        ('{"a": NaN}', "NaN is not a JSON value", 1, 7),
        ('{"a": -Infinity}', "-Infinity is not a JSON value", 1, 7),
        ('{"a": True}', "True is not a JSON value", 1, 7),
        ('{"a": 01}', "01 is not a JSON value", 1, 7),
        ('{"a": .5}', ".5 is not a JSON value", 1, 7),
        ('{"a": 1,\n}', "a comma stands after the last value", 1, 8),
        ('{"a": [1, 2,]}', "a comma stands after the last value", 1, 12),
        ('{"a": 1 // why\n}', "',' or '}' is missing", 1, 9),
        ('// why\n{"a": 1}', "JSON has no comments", 1, 1),
        ("{'a': 1}", "a key in double quotation marks is missing", 1, 2),
        ("{a: 1}", "a key in double quotation marks is missing", 1, 2),
        ('{"a" 1}', "a ':' is missing", 1, 6),
        ('{"a": "x}', "a quotation mark is not closed", 1, 7),
        ('{"a": "x\ty"}', "a line break or tab", 1, 9),
        ('{"a": "\\x"}', "an escape", 1, 8),
        ('{"a": 1} {"b": 2}', "text follows after the end", 1, 10),
        ('{"a":', "the document ends", 1, 6),
        ('{"a": , "b": 1}', "a value is missing before ','", 1, 7),
    ],
)
def test_faults_have_their_place_and_mend(text, said, line, column):
    found = only(text)
    assert found.code == "SPI-M007"
    assert said in found.message
    assert (found.span.line, found.span.column) == (line, column)
    assert found.mend


def test_tabs_are_white_space_in_json():
    assert len(parse(b'{\t"a":\t1\n}', json=True).findings) == 0


def test_equal_keys_are_found_in_json():
    found = only('{"a": 1,\n "a": 2}')
    assert (found.code, found.span) == ("SPI-M012", Span(2, 2, 2, 5))


def test_half_a_surrogate_pair_is_refused():
    assert only('{"a": "\\ud83d"}').code == "SPI-M004"
    assert len(parse(b'{"a": "\\ud83d\\ude00"}', json=True).findings) == 0


def test_json_strings_are_never_plain_and_bare_words_are():
    node = parse(b'{"a": "1", "b": 1, "c": true, "d": null}', json=True).node
    assert [entry.value.plain for entry in node] == [False, True, True, True]
    assert at(node, ("b",)).span == Span(1, 17, 1, 18)


def test_an_empty_json_file_is_empty():
    assert only("  \n").code == "SPI-M005"
    assert only("null").code == "SPI-M005"
