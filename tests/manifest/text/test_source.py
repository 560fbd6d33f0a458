import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nova_spi.manifest.nodes import Scalar, Span, at
from nova_spi.manifest.text.limits import MAX_BYTES
from nova_spi.manifest.text.source import parse, span_at


def codes(data: bytes, json: bool = False) -> list[str]:
    return [item.code for item in parse(data, json=json).findings]


def only(data: bytes, json: bool = False):
    (found,) = parse(data, json=json).findings
    return found


@given(st.binary(max_size=200), st.booleans())
@example(b'"\\U99999999"', False)
@example(b'a: "\\ud800"', False)
@example(b"%YAML 9999999999999.1\n---\n", False)
@example(b"!<", False)
@example(b"a: !%zz x", False)
@example(b"*", False)
@example(b'"\\', True)
def test_no_bytes_make_parse_raise(data, json):
    parsed = parse(data, json=json)
    assert parsed.node is not None or len(parsed.findings) > 0


@given(st.text(alphabet="ab:-?#&*!|>'\"%@`{}[], \n\t0.<=\\~\x00\ufeff\u2028", max_size=60), st.booleans())
def test_no_text_of_yaml_indicators_makes_parse_raise(text, json):
    parsed = parse(text.encode(), json=json)
    assert all(item.code.startswith("SPI-M0") for item in parsed.findings)
    read_as_utf16 = parsed.text == "" and "\x00" in text
    assert read_as_utf16 or parsed.text == text.removeprefix("\ufeff")


def test_a_byte_order_mark_is_passed_over():
    parsed = parse(b"\xef\xbb\xbfa: 1\n")
    assert len(parsed.findings) == 0
    assert at(parsed.node, ("a",)).span == Span(1, 4, 1, 5)


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        (b"", "SPI-M005", 1, 1),
        (b"# only a comment\n", "SPI-M005", 1, 1),
        (b"---\n...\n", "SPI-M005", 1, 1),
        (b"a: 1\nb: caf\xe9\n", "SPI-M002", 2, 7),
        (b"\xef\xbb\xbfb: caf\xe9\n", "SPI-M002", 1, 7),
        ("a: 1".encode("utf-16"), "SPI-M003", 1, 1),
        ("a: 1".encode("utf-16-le"), "SPI-M003", 1, 1),
        ("a: 1".encode("utf-16-be"), "SPI-M003", 1, 1),
        ("a: 1".encode("utf-32"), "SPI-M003", 1, 1),
        ("a: 1".encode("utf-32-be"), "SPI-M003", 1, 1),
        (b"a: 1\nb: \x00\n", "SPI-M004", 2, 4),
        (b"a: \x1b[31m\n", "SPI-M004", 1, 4),
        (b'a: "\\ud800"\n', "SPI-M004", 1, 4),
        (b'a: "\\0"\n', "SPI-M004", 1, 4),
        (b"[1, 2]\n", "SPI-M017", 1, 1),
        (b"text\n", "SPI-M017", 1, 1),
        (b"a: 1\n---\nb: 2\n", "SPI-M011", 2, 1),
        (b"a: 1\n...\nb: 2\n", "SPI-M011", 3, 1),
        (b"a: &x [*x]\n", "SPI-M010", 1, 8),
        (b"a: *x\n", "SPI-M019", 1, 4),
        (b"? [a]\n: 1\n", "SPI-M013", 1, 3),
        (b"a: !python/object:os.system x\n", "SPI-M015", 1, 4),
        (b"a: !!set {x}\n", "SPI-M015", 1, 4),
        (b"a: &x {b: 1}\nc:\n  <<: *x\n", "SPI-M014", 3, 3),
        (b"%YAML 1.1\n---\na: 1\n", "SPI-M016", 1, 1),
        (b"# c\n%TAG ! tag:x,2000:\n---\na: 1\n", "SPI-M016", 2, 1),
        (b"a: 1\nb: 2\na: 3\n", "SPI-M012", 3, 1),
    ],
)
def test_each_fault_is_one_finding_with_its_place(data, code, line, column):
    found = only(data)
    assert (found.code, found.span.line, found.span.column) == (code, line, column)
    assert found.mend


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("a: b: c", "no value can begin", 1),
        ("a:\n\t- b", "a tab stands", 2),
        ("a: @b", "cannot begin with '@'", 1),
        ("a: [1, 2", "not closed", 1),
        ("a: {b: 1\nc: 2", "not closed", 2),
        ('a: "b', "quotation mark is not closed", 1),
        ('a: "b\nc: 1\nd: 2\n', "quotation mark is not closed", 1),
        ("a: b\t# c", "a tab stands where only spaces can", 1),
        ('a: "\\q"', "escape", 1),
        ("a:\n  b: 1\n c: 2", "indentation does not fit", 3),
        ("a: 1\nb\nc: 2", "no ':' after it", 3),
        ("a: !x!y b", "tag", 1),
        ("a: [1, , 2]", "a value is missing", 1),
        ('a: "x" y', "text follows", 1),
    ],
)
def test_syntax_errors_say_what_is_wrong_and_how_to_mend_it(text, said, line):
    found = only(text.encode())
    assert found.code == "SPI-M006"
    assert said in found.message
    assert found.span.line == line
    assert found.mend


def test_ten_megabytes_are_refused_unread():
    found = only(b"a: " + b"x" * (10 << 20))
    assert found.code == "SPI-M001"
    assert f"{MAX_BYTES:,}" in found.message


def test_exactly_the_limit_is_read():
    assert codes(b"a: " + b"x" * (MAX_BYTES - 3)) == []


@pytest.mark.parametrize(
    ("data", "json"),
    [
        (b"[" * 1000 + b"]" * 1000, False),
        (b"[" * 1000 + b"]" * 1000, True),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, True),
        (b"".join(b" " * depth + b"a:\n" for depth in range(1000)), False),
        (b"- " * 1000 + b"x", False),
    ],
)
def test_a_thousand_levels_are_too_deep(data, json):
    assert codes(data, json) == ["SPI-M008"]


def test_a_hundred_levels_are_read():
    assert codes(b"a: " + b"[" * 99 + b"]" * 99) == []
    assert codes(b'{"a": ' + b"[" * 99 + b"]" * 99 + b"}", json=True) == []


def test_an_alias_bomb_is_refused_at_once():
    lines = [b"a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)]
    assert codes(b"\n".join(lines)) == ["SPI-M009"]


def test_more_values_than_the_limit_are_refused():
    assert codes(b"a: [" + b"1," * 100_001 + b"]") == ["SPI-M018"]
    assert codes(b'{"a": [' + b"1," * 100_001 + b"1]}", json=True) == ["SPI-M018"]


def test_an_alias_is_the_node_that_its_anchor_marks(data_of):
    parsed = parse(b"a: &x {b: [1, 2]}\nc: *x\nd: &y text\ne: *y\n")
    assert data_of(parsed.node) == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": "text", "e": "text"}


def test_of_two_equal_keys_the_first_counts_and_both_places_are_named(data_of):
    parsed = parse(b"a: 1\nm: {x: 1, x: 2}\na: 3\n")
    assert data_of(parsed.node) == {"a": 1, "m": {"x": 1}}
    assert [item.where for item in parsed.findings] == ["m.x", "a"]
    assert "1:1" in list(parsed.findings)[1].message
    assert "3:1" in list(parsed.findings)[1].message


def test_equal_keys_are_equal_whatever_their_quotation_marks():
    assert codes(b"a: 1\n\"a\": 2\n'a': 3\n") == ["SPI-M012", "SPI-M012"]


def test_a_merge_key_is_reported_and_yet_merged(data_of):
    parsed = parse(b"base: &b {x: 1, y: 2}\nm: {<<: *b, x: 3}\nn: {<<: [*b, {z: 1}]}\n")
    assert [item.code for item in parsed.findings] == ["SPI-M014", "SPI-M014"]
    assert data_of(parsed.node)["m"] == {"x": 3, "y": 2}
    assert data_of(parsed.node)["n"] == {"x": 1, "y": 2, "z": 1}


def test_a_quoted_merge_key_is_a_key():
    assert codes(b'"<<": 1\n') == []


def test_core_tags_decide_what_a_scalar_is():
    node = parse(b'a: !!str 1\nb: !!int "2"\nc: ! 3\nd: "4"\ne: 5\n').node
    assert [at(node, (key,)).plain for key in "abcde"] == [False, True, False, False, True]


def test_an_unknown_tag_leaves_the_value():
    parsed = parse(b"a: !x 1\nb: 2\n")
    assert at(parsed.node, ("a",)) == Scalar("1", False, Span(1, 7, 1, 8))
    assert parsed.findings.items[0].where == "a"


def test_the_directive_for_yaml_1_2_is_allowed():
    assert codes(b"%YAML 1.2\n---\na: 1\n") == []


def test_spans_are_exact():
    node = parse(b"a:\n  - b: [x, 'y z']  # c\n    d: |\n      text\n    e:\nf: &n !!str g\n").node
    assert at(node, ("a",)).span == Span(2, 3, 5, 7)
    assert at(node, ("a", 0)).span == Span(2, 5, 5, 7)
    assert at(node, ("a", 0, "b")).span == Span(2, 8, 2, 18)
    assert at(node, ("a", 0, "b", 1)).span == Span(2, 12, 2, 17)
    assert at(node, ("a", 0, "d")).span == Span(3, 8, 5, 1)
    assert at(node, ("a", 0, "e")).span == Span(5, 7, 5, 7)
    assert at(node, ("f",)).span == Span(6, 13, 6, 14)


def test_a_missing_value_stands_behind_its_key():
    node = parse(b"a:\n  b:\n\n  # c\nd:\n- x:\n").node
    assert at(node, ("a", "b")).span == Span(2, 5, 2, 5)
    assert at(node, ("a",)).span == Span(2, 3, 2, 5)
    assert at(node, ("d", 0, "x")).span == Span(6, 5, 6, 5)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_count_the_same_with_every_line_ending(ending):
    node = parse(f"a: 1{ending}b: {ending}  c: x{ending}".encode()).node
    assert at(node, ("b", "c")).span == Span(3, 6, 3, 7)


def test_the_place_of_a_character_counts_as_the_reader_does():
    assert span_at("ab\r\ncd", 5) == Span(2, 2, 2, 3)


def test_values_are_those_of_the_text():
    node = parse(b"a: 1.10\nb: 0o17\nc: yes\nd: 'it''s'\ne: \"x\\ty\"\nf: >-\n  two\n  lines\n").node
    assert [entry.value.text for entry in node] == ["1.10", "0o17", "yes", "it's", "x\ty", "two lines"]
