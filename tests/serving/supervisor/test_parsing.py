"""Frames out of a stream that comes in any pieces, and out of anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.serving.supervisor.parsing import LIMITS, FrameReader
from nova_spi_runtime.frames import HEADER, MAX_PAYLOAD, FrameInvalid, pack

FRAMES = st.lists(st.tuples(st.sampled_from(sorted(LIMITS)), st.integers(0, 2**32 - 1), st.binary(max_size=300)))


def frames_in(reader):
    found = []
    while (frame := reader.next()) is not None:
        found.append(frame)
    return found


@given(FRAMES, st.data())
def test_what_is_cut_anywhere_is_put_together_again(frames, data):
    stream = b"".join(pack(*frame) for frame in frames)
    reader, found, at = FrameReader(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, 500))
        reader.feed(stream[at : at + size])
        at += size
        found += frames_in(reader)
    assert found == frames


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_anything_else_is_refused_or_waited_for_and_never_another_error(pieces):
    reader = FrameReader()
    for piece in pieces:
        reader.feed(piece)
        try:
            frames_in(reader)
        except FrameInvalid:
            return


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_each_kind_has_its_bound_and_is_refused_before_it_has_come(kind):
    reader = FrameReader()
    reader.feed(HEADER.pack(LIMITS[kind], kind, 1))
    assert reader.next() is None
    reader = FrameReader()
    reader.feed(HEADER.pack(LIMITS[kind] + 1, kind, 1))
    with pytest.raises(FrameInvalid, match="may have"):
        reader.next()
    assert max(LIMITS.values()) == MAX_PAYLOAD


def test_a_kind_that_only_we_send_is_refused():
    for kind in (b"C", b"B", b"H", b"X", b"F", b"\0"):
        reader = FrameReader()
        reader.feed(HEADER.pack(0, kind, 1))
        with pytest.raises(FrameInvalid, match="does not send"):
            reader.next()
