"""What is kept of a log."""

from hypothesis import given
from hypothesis import strategies as st

from nova_spi.serving.log import FIRST, LAST, CallLog

PIECES = st.lists(st.tuples(st.binary(min_size=1, max_size=8), st.integers(1, 40_000)), max_size=12)


@given(PIECES)
def test_the_first_and_the_last_part_are_kept_however_it_comes(pieces):
    log, whole = CallLog(), b""
    for piece, times in pieces:
        log.write(piece * times)
        whole += piece * times
    assert log.size == len(whole)
    if len(whole) <= FIRST + LAST:
        assert log.text() == whole.decode("utf-8", "replace")
        assert log.tail(100) == whole[-100:].decode("utf-8", "replace")
    else:
        gap = b"\n[... %d bytes are not kept ...]\n" % (len(whole) - FIRST - LAST)
        assert log.text() == (whole[:FIRST] + gap + whole[-LAST:]).decode("utf-8", "replace")
    assert len(log.tail().encode()) <= 3 * 4096


def test_many_little_pieces_take_no_more_room_than_one_large_one():
    import tracemalloc

    tracemalloc.start()
    try:
        log = CallLog()
        for _ in range(300_000):
            log.write(b"x")
        assert tracemalloc.get_traced_memory()[0] < 4 * (FIRST + LAST)
    finally:
        tracemalloc.stop()
    assert log.size == 300_000
