import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.cli import style


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_colours_stay_on_a_terminal_and_are_undone_at_the_end(terminal):
    style.put(terminal, f"{style.Paint(terminal).red('ours')} \x1b[32mtheirs \x1b[2J\x1b]0;title\x07")
    assert terminal.getvalue() == "\x1b[31mours\x1b[0m \x1b[32mtheirs \\x1b[2J\\x1b]0;title\\x07\x1b[0m"


def test_colours_of_others_do_not_reach_a_file():
    stream = io.StringIO()
    style.put(stream, "\x1b[31mred\x1b[0m\n")
    assert stream.getvalue() == "\\x1b[31mred\\x1b[0m\n"


@pytest.mark.parametrize("term", ["", "dumb", None])
def test_a_terminal_of_no_known_kind_has_no_colours(terminal, monkeypatch, term):
    monkeypatch.delenv("TERM") if term is None else monkeypatch.setenv("TERM", term)
    assert not style.colours(terminal)


@given(st.text())
def test_nothing_that_is_shown_moves_a_cursor_or_turns_the_line_around(text):
    shown = style.harmless(text)
    assert all(character in "\t\n" or not (ord(character) < 32 or 127 <= ord(character) < 160) for character in shown)
    assert not set(shown) & set("\u202e\u2066\u2028\u200f")
    assert shown == text or "\\" in shown


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_json_is_shown_without_control_characters_and_reads_the_same(value):
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        style.print_json(value)
    assert json.loads(stream.getvalue()) == value
    assert not any(127 <= ord(character) < 160 for character in stream.getvalue())


def test_a_stream_that_was_closed_before_the_start_takes_everything():
    style.write(None, "nobody hears")
    assert style.Paint(None).red("plain") == "plain"


def test_a_long_sentence_is_folded_between_words_on_a_terminal_only(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = "one two three four five six seven eight nine /a/path/that/is/longer/than/any/line/of/it"
    folded = style.folded(text, 7, terminal)
    assert " ".join(folded.split()) == text
    assert folded.splitlines()[1].startswith(" " * 7)
    assert max(map(len, folded.splitlines()[:-1])) <= 40
    assert style.folded(text, 7, io.StringIO()) == text
