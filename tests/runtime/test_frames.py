import ast
import inspect
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi_runtime import frames

numbers = st.integers(0, 2**32 - 1)


def exchanged(data: bytes, read=None):
    """What is read of bytes after which the other side closes; by a reader that reads ahead, where one is made."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=lambda: (theirs.sendall(data), theirs.close()))
        sender.start()
        found = []
        receive = read(ours).receive if read else lambda: frames.receive(ours)
        try:
            while (frame := receive()) is not None:
                found.append(frame)
        finally:
            ours.close()
            sender.join()
        return found


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([b"C", b"R", b"X"]), numbers, st.binary(max_size=300)), max_size=5),
    st.sampled_from([None, frames.Reader]),
)
def test_frames_arrive_as_they_were_sent(sent, read):
    assert exchanged(b"".join(frames.pack(*each) for each in sent), read) == sent


@pytest.mark.parametrize("pause", [1, 5, 9, 12, 40_000])
def test_a_reader_waits_for_what_comes_in_pieces(pause):
    sent = [(b"C", 1, bytes(50_000)), (b"C", 2, b""), (b"C", 3, b"x")]
    data = b"".join(frames.pack(*each) for each in sent)
    ours, theirs = socket.socketpair()

    def send():
        for start in range(0, len(data), pause) if pause > 100 else (0, pause):
            theirs.sendall(data[start : start + pause] if pause > 100 or not start else data[start:])
            threading.Event().wait(0.02)
        theirs.close()

    with ours:
        sender = threading.Thread(target=send)
        sender.start()
        reader = frames.Reader(ours)
        assert [reader.receive() for _ in range(4)] == [*sent, None]
        assert not reader.ahead
        sender.join()


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_torn_frame_is_no_frame(payload, data):
    whole = frames.pack(frames.CALL, 7, payload)
    cut = data.draw(st.integers(1, len(whole) - 1))
    for read in (None, frames.Reader):
        with pytest.raises(frames.FrameInvalid, match="ends inside"):
            exchanged(whole[:cut], read)


def test_a_header_without_its_payload_is_a_torn_frame():
    with pytest.raises(frames.FrameInvalid, match="ends inside"):
        exchanged(frames.HEADER.pack(3, b"C", 1))


def test_a_frame_that_is_too_large_is_refused_before_it_is_read():
    for read in (None, frames.Reader):
        with pytest.raises(frames.FrameInvalid, match=str(frames.MAX_PAYLOAD)):
            exchanged(frames.HEADER.pack(frames.MAX_PAYLOAD + 1, b"C", 1), read)


class Counted(bytes):
    def __len__(self) -> int:
        return frames.MAX_PAYLOAD + 1


def test_a_frame_that_is_too_large_is_not_sent():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(frames.FrameInvalid):
            frames.send(ours, frames.RESULT, 1, Counted(b"a"))
        with pytest.raises(frames.FrameInvalid):
            frames.pack(frames.RESULT, 1, Counted(b"a"))
        ours.close()
        assert theirs.recv(1) == b""


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 5_000_000])
def test_every_size_goes_through(size):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        payload = bytes(size)
        sender = threading.Thread(target=frames.send, args=(ours, frames.RESULT, 9, payload))
        sender.start()
        assert frames.receive(theirs) == (frames.RESULT, 9, payload)
        sender.join()


def test_the_protocol_is_what_it_was():
    """The letters and the layout are spoken by images that were built long ago; a change needs another `PROTOCOL`."""
    assert frames.PROTOCOL == 1
    assert (frames.VARIABLE, frames.HAND_OVER) == ("SPI_WORKER", b"F")
    assert frames.pack(frames.CALL, 258, b"{}") == b"\x00\x00\x00\x02C\x00\x00\x01\x02{}"
    letters = {name: value for name, value in vars(frames).items() if isinstance(value, bytes) and name != "HAND_OVER"}
    assert letters == {
        "CALL": b"C",
        "BATCH": b"B",
        "HEALTH": b"H",
        "CANCEL": b"X",
        "READY": b"A",
        "PIECE": b"P",
        "PROGRESS": b"G",
        "RESULT": b"R",
        "RESULTS": b"S",
        "ERROR": b"E",
        "WELL": b"W",
    }
    assert {f"``{value.decode()}``" in inspect.getdoc(frames) for value in letters.values()} == {True}


def test_the_wire_needs_no_json_and_nothing_of_ours():
    imported = {
        getattr(node, "module", None) or node.names[0].name
        for node in ast.parse(inspect.getsource(frames)).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert imported == {"__future__", "struct"}
