import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.manifest.diagnostics import Diagnostic, Findings, Severity
from nova_spi.manifest.nodes import Span
from nova_spi.manifest.reading import read
from nova_spi.manifest.showing.excerpt import excerpt, lines_of, safe
from nova_spi.manifest.showing.rendering import render_text

WRONG = Diagnostic(
    "SPI-M203", Severity.ERROR, "type takes a text", ("inputs", 0, "type"), Span(2, 9, 2, 12), "write string"
)
PROJECT = Diagnostic("SPI-M401", Severity.WARNING, "run.py is not there", file="run.py")


def caret(line: str, start: int, end: int) -> tuple[str, str]:
    shown = excerpt([line], Span(1, start, 1, end))
    return shown.line, shown.caret


def test_a_finding_has_its_place_line_caret_path_and_mend():
    assert render_text([WRONG], "inputs:\n- type: int\n", "manifest.yml") == (
        "manifest.yml:2:9: error SPI-M203 type takes a text\n"
        "  |\n"
        "2 | - type: int\n"
        "  |         ^^^\n"
        "  = at: inputs[0].type\n"
        "  = mend: write string\n"
        "\n"
        "manifest.yml: 1 error\n"
    )


def test_a_finding_without_a_place_names_its_file():
    assert render_text([PROJECT], "", "manifest.yml") == (
        "run.py: warning SPI-M401 run.py is not there\n\nmanifest.yml: 1 warning\n"
    )


def test_the_summary_counts_each_kind():
    hint = Diagnostic("SPI-M501", Severity.SUGGESTION, "x")
    text = render_text([WRONG, hint, hint, WRONG, PROJECT], "", "m.yml")
    assert text.endswith("\nm.yml: 2 errors, 1 warning, 2 suggestions\n")
    assert render_text([], "", "m.yml") == "m.yml: no findings\n"


def test_a_document_a_list_and_findings_render_alike():
    document = read(b"model: [")
    text = render_text(document, document.text, "m.yml")
    assert text == render_text(document.diagnostics, document.text, "m.yml")
    assert text == render_text(Findings(list(document.diagnostics)), document.text, "m.yml")
    assert "m.yml:1:9: error SPI-M006" in text


def test_colours_come_only_when_asked_for():
    plain = render_text([WRONG], "a\n- type: int\n", "m.yml")
    coloured = render_text([WRONG], "a\n- type: int\n", "m.yml", color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize(
    ("line", "start", "end", "shown", "below"),
    [
        ("a: int", 4, 7, "a: int", "   ^^^"),
        ("\ta: int", 5, 8, "    a: int", "       ^^^"),
        ("名前: int", 5, 8, "名前: int", "      ^^^"),
        ("a: 名前", 4, 6, "a: 名前", "   ^^^^"),
        ("e\u0301: int", 5, 8, "e\u0301: int", "   ^^^"),
        ("a:", 3, 3, "a:", "  ^"),
        ("", 1, 1, "", "^"),
        ("a: x", 40, 44, "a: x", "    ^"),
    ],
)
def test_carets_stand_below_what_they_mark(line, start, end, shown, below):
    assert caret(line, start, end) == (shown, below)


def test_a_place_over_several_lines_is_marked_to_the_end_of_the_first():
    shown = excerpt(["a: |  ", "  text"], Span(1, 4, 3, 1))
    assert shown.caret == "   ^"


def test_a_very_long_line_is_cut_to_a_window_around_the_place():
    line, below = caret("x" * 5000 + "WRONG" + "y" * 5000, 5001, 5006)
    assert len(line) < 120
    assert line.startswith("...")
    assert line.endswith("...")
    assert line[below.index("^") : below.rindex("^") + 1] == "WRONG"
    line, below = caret("WRONG" + "y" * 5000, 1, 6)
    assert (line[:5], below) == ("WRONG", "^^^^^")


def test_a_place_outside_the_text_has_no_excerpt():
    assert excerpt(["a"], Span(2, 1, 2, 2)) is None


def test_lines_are_those_that_yaml_counts():
    assert lines_of("a\r\nb\rc\nd\x0be\u2028f") == ["a", "b", "c", "d\x0be\u2028f"]


def test_nothing_in_a_document_reaches_the_terminal_as_a_command():
    evil = "\x1b]0;title\x07\x1b[2J\u202eabc\x9b31m"
    item = Diagnostic("SPI-M201", Severity.ERROR, evil, (evil,), Span(1, 1, 1, 5), evil, file=evil)
    text = render_text([item], evil, evil)
    assert all(character == "\n" or character.isprintable() for character in text)
    assert safe("\x1b") == "\\u{1b}"


def test_a_message_is_never_long():
    item = Diagnostic("SPI-M201", Severity.ERROR, "x" * 100_000, ("k" * 100_000,), Span(1, 1, 1, 5), "m" * 100_000)
    assert len(render_text([item], "k" * 100_000, "m.yml")) < 2_000


@given(st.text(max_size=200), st.integers(0, 5), st.integers(0, 300), st.integers(0, 5), st.integers(0, 300))
def test_any_span_in_any_text_renders(text, line, column, more_lines, end):
    item = Diagnostic("SPI-M201", Severity.ERROR, "x", (), Span(line, column, line + more_lines, end))
    assert render_text([item], text, "m.yml").endswith("m.yml: 1 error\n")


@given(st.binary(max_size=100))
def test_the_findings_of_any_bytes_render(data):
    document = read(data)
    assert render_text(document, document.text, "m.yml", color=True)
