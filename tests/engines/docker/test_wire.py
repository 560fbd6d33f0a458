import io
import socket
import tempfile
from contextlib import contextmanager, suppress
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.engines.docker.wire import MAX_LINE_BYTES, Refused, getting, messages, posting, reason_in


class Lines(io.BytesIO):
    """An answer's body."""


@contextmanager
def answering(said: bytes, after: int = 0):
    """An engine that reads so many bytes of a request, answers and hangs up; with 0 it reads to the request's end."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="n-") as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/s")
        server.listen()
        seen = bytearray()

        def is_read():
            end = b"\r\n0\r\n\r\n" if seen.startswith(b"POST") else b"\r\n\r\n"
            return seen.endswith(end) or 0 < after <= len(seen)

        def serve():
            connection, _ = server.accept()
            with connection:
                while not is_read() and (data := connection.recv(1000)):
                    seen.extend(data)
                with suppress(OSError):  # who asked may have gone
                    connection.sendall(said)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"unix://{folder}/s", seen
        thread.join(5)


def write_for_ever(host: str) -> None:
    with posting(host, "/x") as upload:
        while True:
            upload.write(b"x" * 100_000)


def answer(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_a_body_goes_in_chunks_and_the_answer_comes():
    said = answer("200 OK", b'{"stream":"a"}\n\n{"stream":"b"}\n')
    with answering(said) as (host, seen), posting(host, "/v1.41/images/load", headers={"X-Own": "1"}) as upload:
        for _ in range(3):
            upload.write(b"x" * 200_000)
        assert [message["stream"] for message in messages(upload.answer())] == ["a", "b"]
    head, _, body = bytes(seen).partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"X-Own: 1" in head
    assert body.count(b"x") == 600_000


def test_what_an_engine_says_before_it_hangs_up_is_heard():
    said = answer("500 Internal Server Error", b'{"message":"no space left on device"}')
    with answering(said, after=50) as (host, _), pytest.raises(Refused, match="no space left on device"):
        write_for_ever(host)


def test_an_engine_that_hangs_up_without_a_word_is_gone():
    with answering(b"", after=50) as (host, _), pytest.raises(OSError, match=r"Broken pipe|reset|closed"):
        write_for_ever(host)


def test_a_body_that_is_left_by_an_error_never_counts_as_whole():
    with answering(b"") as (host, seen), suppress(ZeroDivisionError), posting(host, "/x") as upload:
        upload.write(b"x" * 300_000)
        raise ZeroDivisionError
    assert seen.count(b"x") > 299_000
    assert not seen.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        ("404 Not Found", b'{"message":"No such image"}', "No such image"),
        ("500 Oops", b'{"cause":"why"}', "why"),
        ("500 Oops", b"plain words", "plain words"),
        ("500 Oops", b"[1]", "it answers 500"),
        ("500 Oops", b"", "it answers 500"),
        ("500 Oops", b"[" * 60_000, r"\["),
    ],
)
def test_an_engines_reason_is_its_own_words(status, body, reason):
    with answering(answer(status, body)) as (host, _), pytest.raises(Refused, match=reason), getting(host, "/x"):
        pass


@pytest.mark.parametrize("line", [b"no json\n", b"[]\n", b"[" * 100_000 + b"\n", b'{"a":"' + b"x" * MAX_LINE_BYTES])
def test_a_message_that_is_none_is_refused(line):
    with pytest.raises(Refused, match="cannot be read"):
        list(messages(Lines(line)))


def test_an_error_among_the_messages_is_a_refusal():
    with pytest.raises(Refused, match="it broke"):
        list(messages(Lines(b'{"stream":"a"}\n{"error":"x","errorDetail":{"message":"it broke"}}\n')))


@settings(max_examples=100)
@given(data=st.binary(max_size=100))
def test_no_bytes_make_reading_messages_fail(data):
    with suppress(Refused):
        assert all(isinstance(each, dict) for each in messages(Lines(data)))


@settings(max_examples=100)
@given(detail=st.none() | st.integers() | st.text() | st.dictionaries(st.just("message"), st.none() | st.text()))
def test_no_error_of_an_engine_is_misread(detail):
    assert isinstance(reason_in({"errorDetail": detail, "error": detail}), str)
