"""The log of models as a server shows it: whole lines, and never at the cost of whoever writes."""

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.serving import showing
from nova_spi.serving.showing import MAX_CHUNKS, MAX_LINE, MAX_WAITING, LogShown

PIECES = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.lists(st.sampled_from("xé\n\r"), max_size=6).map("".join)))


class Reader:
    """Who reads it, as soon as ``reads`` is set."""

    def __init__(self, *, reads):
        self.lines = []
        self.reads = threading.Event()
        if reads:
            self.reads.set()

    def put(self, source, line):
        self.reads.wait()
        self.lines.append((source, line))


def shown(*pieces):
    reader = Reader(reads=True)
    log = LogShown(reader.put)
    for source, chunk in pieces:
        log.write(source, chunk)
    log.close()
    return reader.lines


def test_lines_come_whole_whatever_pieces_they_came_in():
    assert shown(("a", b"on"), ("b", b"two\n"), ("a", b"e\nth"), ("a", b"ree")) == [
        ("b", "two"),
        ("a", "one"),
        ("a", "three"),
    ]


def test_a_bar_that_paints_itself_anew_is_lines_and_an_end_of_two_characters_is_one():
    assert shown(("a", b"10%\r20%\r"), ("a", b"\ndone\r\n")) == [("a", "10%"), ("a", "20%"), ("a", "done")]


@given(PIECES)
@settings(deadline=None, max_examples=40)
def test_nothing_is_lost_doubled_or_put_elsewhere(pieces):
    found = shown(*[(source, text.encode()) for source, text in pieces])
    for name in "ab":
        whole = "".join(text for source, text in pieces if source == name)
        lines = whole.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert [line for source, line in found if source == name] == (lines if lines[-1] else lines[:-1])


def test_a_line_without_an_end_is_shown_in_pieces():
    found = shown(("a", b"x" * (2 * MAX_LINE + 5)))
    assert [len(line) for _, line in found] == [MAX_LINE, MAX_LINE, 5]


def test_what_is_no_text_is_shown_all_the_same():
    assert shown(("a", b"\xff\n")) == [("a", "\ufffd")]


@pytest.mark.parametrize("size", [1, 100_000])
def test_who_writes_waits_for_no_reader_and_what_is_left_out_is_counted(size, monkeypatch):
    monkeypatch.setattr(showing, "CLOSING_SECONDS", 30)
    reader = Reader(reads=False)
    log = LogShown(reader.put)
    written = 0
    began = time.monotonic()
    for _ in range(3 * max(MAX_WAITING // size, 1) if size > 1 else 3 * MAX_CHUNKS):
        log.write("a", b"x" * (size - 1) + b"\n")
        written += size
    assert time.monotonic() - began < 20
    reader.reads.set()
    log.close()
    (missing,) = [line for _, line in reader.lines if "not shown" in line]
    kept = [line for _, line in reader.lines if "not shown" not in line]
    ends = written // size
    assert written - ends <= int(missing.split()[1]) + sum(map(len, kept)) <= written
    assert sum(map(len, kept)) <= 2 * MAX_WAITING


def test_words_of_the_server_come_in_their_turn_and_all_of_them():
    reader = Reader(reads=False)
    log = LogShown(reader.put)
    log.write("a", b"before\n" + b"x" * MAX_WAITING)
    for number in range(3):
        log.say(lambda number=number: reader.put("server", str(number)))
    reader.reads.set()
    log.close()
    assert reader.lines[0] == ("a", "before")
    assert [line for source, line in reader.lines if source == "server"] == ["0", "1", "2"]


def test_an_end_that_nobody_reads_is_waited_for_only_so_long(monkeypatch):
    monkeypatch.setattr(showing, "CLOSING_SECONDS", 0.1)
    reader = Reader(reads=False)
    log = LogShown(reader.put)
    log.write("a", b"never\n")
    log.close()
    assert reader.lines == []
    reader.reads.set()
