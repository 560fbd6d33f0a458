"""Bytes that would cost the server more than they cost whoever sends them."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from nova_spi.serving.http.protocol import MAX_HEADER_BYTES, MOST_AHEAD

GET = b"GET /v1/commands HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = (
    b"POST /v1/commands/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
BODY = b'c\r\n{"text":"a"}\r\n'


def resident(server):
    """Bytes of memory that the server process has."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def send_until_it_ends(raw, piece, most):
    """Sends a piece again and again; how many bytes it took until the other side closed."""
    sent = 0
    try:
        while sent < most:
            raw.send(piece)
            sent += len(piece)
    except (ConnectionResetError, BrokenPipeError):
        pass
    return sent


def test_requests_that_wait_for_their_turn_are_bounded(server):
    before = resident(server)
    with server.connect() as raw:
        raw.send(GET * MOST_AHEAD)
        assert [raw.answer()[0] for _ in range(MOST_AHEAD)] == [200] * MOST_AHEAD
    for _ in range(10):
        with server.connect() as raw:
            send_until_it_ends(raw, GET * 5000, len(GET) * 5000)
            with suppress(OSError):  # the server may have hung up already
                raw.socket.shutdown(socket.SHUT_WR)
                while raw.socket.recv(1 << 20):
                    pass
    assert resident(server) - before < 50 * 1024 * 1024  # it was 150


@pytest.mark.parametrize(
    "piece",
    [b"0\r\n" + b"a:\r\n" * 10_000, b"0\r\na: " + b"b" * 40_000, b"1;" + b"c" * 40_000],
    ids=["trailers", "one trailer", "a chunk's extension"],
)
def test_what_comes_beside_a_body_is_bounded(server, piece):
    before = resident(server)
    with server.connect() as raw:
        raw.send(CHUNKED + BODY + piece)
        sent = send_until_it_ends(raw, piece.removeprefix(b"0\r\n").removeprefix(b"1;"), 50_000_000)
    assert sent < 20_000_000  # what the buffers of both sides hold
    assert resident(server) - before < 30 * 1024 * 1024


def test_trailers_and_extensions_within_bounds_are_passed_over(server):
    with server.connect() as raw:
        raw.send(CHUNKED + b"c;name=value" + BODY[1:] + b"0\r\nx-checksum: 1\r\n\r\n")
        assert raw.answer()[0] == 200


def test_a_body_of_little_chunks_is_read_whole_whatever_their_frames_take(server):
    text = b'{"text":"' + b"a" * MAX_HEADER_BYTES + b'"}'
    with server.connect() as raw:
        raw.send(CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in text) + b"0\r\n\r\n")
        assert raw.answer()[0] == 200
