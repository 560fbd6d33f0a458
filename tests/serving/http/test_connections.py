import json
import socket
import struct
import time

import pytest

from nova_spi.serving.http.listening import SPARE_FILES
from nova_spi.serving.http.protocol import MAX_HEADER_BYTES, MAX_UNWANTED_BYTES

BODY = b'{"text":"a"}'
RUN = "/v1/commands/run"


def head(*lines):
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def test_a_connection_is_kept_for_many_requests(server):
    with server.connect() as raw:
        for _ in range(50):
            status, headers, body = raw.post(RUN, BODY).answer()
            assert status == 200
            assert "connection" not in headers
            assert json.loads(body)["outputs"] == {"text": "a"}


def test_an_answer_comes_as_one_piece(server):
    with server.connect() as raw:
        raw.post(RUN, BODY)
        piece = raw.socket.recv(65536)
        assert piece.endswith(b"}")
        assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\ndate: " in piece


def test_requests_that_come_before_their_turn_are_answered_in_order(server):
    with server.connect() as raw:
        for number in range(10):
            raw.post(RUN, json.dumps({"text": str(number)}).encode())
        assert [json.loads(raw.answer()[2])["outputs"]["text"] for _ in range(10)] == [str(n) for n in range(10)]


def test_requests_in_one_packet_of_all_kinds_are_answered_in_order(server):
    with server.connect() as raw:
        get = head("GET /livez HTTP/1.1", "Host: localhost")
        post = head(f"POST {RUN} HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: 12")
        missing = head("GET /nothing HTTP/1.1", "Host: localhost")
        raw.send((get + post + BODY + missing) * 5)
        assert [raw.answer()[0] for _ in range(15)] == [200, 200, 404] * 5


def test_a_request_may_come_byte_by_byte(server):
    request = head(f"POST {RUN} HTTP/1.1", "Host: localhost", "Content-Type: application/json", "Content-Length: 12")
    with server.connect() as raw:
        raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request + BODY:
            raw.send(bytes([byte]))
        assert raw.answer()[0] == 200


def test_a_client_of_1_0_is_answered_and_let_go(server):
    with server.connect() as raw:
        raw.send(head("GET /livez HTTP/1.0", "Host: localhost"))
        assert raw.answer()[0] == 200
        assert raw.closed()
    with server.connect() as raw:
        raw.send(
            head(f"POST {RUN} HTTP/1.0", "Host: localhost", "Content-Type: application/json", "Content-Length: 12")
            + BODY
        )
        assert raw.answer()[0] == 200
        assert raw.closed()


def test_a_client_that_says_close_is_let_go(server):
    with server.connect() as raw:
        raw.post(RUN, BODY, "Connection: close")
        status, headers, _ = raw.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert raw.closed()


def test_a_body_is_asked_for_only_where_it_is_wanted(server):
    with server.connect() as raw:
        lines = ["Host: localhost", "Content-Type: application/json", "Expect: 100-continue"]
        raw.send(head(f"POST {RUN} HTTP/1.1", *lines, "Content-Length: 12"))
        assert raw.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.send(BODY)
        assert raw.answer()[0] == 200
    for length, path, status in ((10**12, RUN, 413), (12, "/v1/commands/none", 404), (12, "/none", 404)):
        with server.connect() as raw:
            raw.send(head(f"POST {path} HTTP/1.1", *lines, f"Content-Length: {length}"))
            found, headers, _ = raw.answer()
            assert (found, headers["connection"]) == (status, "close")
            assert raw.closed()


def test_head_is_get_without_a_body_and_options_says_what_there_is(server):
    with server.connect() as raw:
        raw.send(head("GET /v1/commands HTTP/1.1", "Host: localhost"))
        length = raw.answer()[1]["content-length"]
        raw.send(head("HEAD /v1/commands HTTP/1.1", "Host: localhost"))
        assert f"content-length: {length}".encode() in raw.until(b"\r\n\r\n")
        raw.send(head(f"OPTIONS {RUN} HTTP/1.1", "Host: localhost"))
        status, headers, _ = raw.answer()
        assert (status, headers["allow"]) == (200, "options, post")
        assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_other_methods_are_405_and_say_which_there_are(server, method):
    with server.connect() as raw:
        raw.send(head(f"{method} {RUN} HTTP/1.1", "Host: localhost"))
        status, headers, body = raw.answer()
        assert (status, headers["allow"]) == (405, "options, post")
        assert json.loads(body)["error"]["code"] == "usage.method"


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
        b"GARBAGE\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: local\x00host\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n Host: localhost\r\n\r\n",
        b"POST /v1/commands/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/commands/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e3\r\n\r\n",
        b"POST /v1/commands/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /v1/commands/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /v1/commands/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/commands/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_the_connection_ends(server, request_):
    with server.connect() as raw:
        raw.send(request_)
        raw.socket.settimeout(20)
        found = b""
        try:
            while piece := raw.socket.recv(65536):
                found += piece
        except ConnectionResetError:
            pass
        assert found[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 421 ", b""), found
    with server.client() as client:
        assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("name", ["Host", "Content-Type", "Authorization", "Origin", "Idempotency-Key"])
def test_a_header_that_means_one_thing_comes_once(server, name):
    with server.connect() as raw:
        raw.post(RUN, BODY, f"{name}: a", f"{name}: b")
        assert raw.answer()[0] == 400


def test_the_host_has_to_be_said(server):
    with server.connect() as raw:
        raw.send(head("GET /livez HTTP/1.1"))
        assert raw.answer()[0] == 421


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"x%d: a\r\n" % at for at in range(5000)) + b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"x%d: a\r\n" % at for at in range(100_000)),
    ],
)
def test_headers_are_bounded_wherever_they_are_cut(server, request_):
    assert len(request_) > MAX_HEADER_BYTES
    for step in (len(request_), 1000):
        with server.connect() as raw:
            pieces = [request_[at : at + step] for at in range(0, len(request_), step)]
            assert raw.status_of(pieces) in (431, None)


def test_headers_within_bounds_are_read(server):
    with server.connect() as raw:
        raw.send(head("GET /livez HTTP/1.1", "Host: localhost", f"X: {'a' * (MAX_HEADER_BYTES - 1000)}"))
        assert raw.answer()[0] == 200


def test_a_body_that_nobody_wants_does_not_cost_the_connection_and_an_endless_one_ends_it(server):
    with server.connect() as raw:
        raw.post("/v1/commands/none", b"x" * 300_000)
        assert raw.answer()[0] == 404
        assert raw.post(RUN, BODY).answer()[0] == 200
    with server.connect() as raw:
        raw.send(head("POST /none HTTP/1.1", "Host: localhost", f"Content-Length: {10**12}"))
        endless = [b"x" * 65536] * (100 * MAX_UNWANTED_BYTES // 65536)
        with pytest.raises(ConnectionError):
            raw.send(b"".join(endless))


def test_an_upgrade_that_is_not_offered_is_ignored(server):
    with server.connect() as raw:
        lines = ["Host: localhost", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        raw.send(head("GET /livez HTTP/1.1", *lines))
        assert raw.answer()[0] == 200


@pytest.mark.parametrize("sent", [b"", b"POST /v1/comm", b"POST /v1/commands/run HTTP/1.1\r\nHost: loc"])
@pytest.mark.parametrize("how", ["close", "reset", "half"])
def test_a_client_may_leave_before_its_request_is_whole(server, sent, how):
    raw = server.connect()
    raw.send(sent)
    leave(raw.socket, how)
    with server.client() as client:
        assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("command", ["run", "copy", "count"])
def test_a_client_may_leave_inside_of_its_body(server, how, command):
    raw = server.connect()
    kind = "multipart/form-data; boundary=b" if command == "copy" else "application/json"
    lines = ["Host: localhost", f"Content-Type: {kind}", "Content-Length: 100000"]
    part = b'--b\r\nContent-Disposition: form-data; name="papers"; filename="a"\r\n\r\nabc'
    raw.send(head(f"POST /v1/commands/{command} HTTP/1.1", *lines) + part)
    time.sleep(0.1)
    leave(raw.socket, how)
    with server.client() as client:
        assert client.get("/readyz").json()["in_flight"] == 0
    assert not list(server.folder.glob("incoming/*"))


def leave(connected, how):
    if how == "reset":
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how == "half":
        connected.shutdown(socket.SHUT_WR)
        connected.settimeout(20)
        assert connected.recv(100) in (b"", b"HTTP/1.1 400 ")[:1]
    connected.close()


def test_more_connections_than_may_be_are_refused_and_the_others_go_on(serve):
    server = serve(open_files=SPARE_FILES + 30)
    first = server.connect()
    assert first.post(RUN, BODY).answer()[0] == 200
    others = [server.connect() for _ in range(60)]
    try:
        refused = 0
        for each in others:
            refused += each.status_of([head("GET /livez HTTP/1.1", "Host: localhost")]) in (503, None)
        assert 25 <= refused <= 40
        assert first.post(RUN, BODY).answer()[0] == 200
    finally:
        for each in [*others, first]:
            each.socket.close()
    time.sleep(0.2)
    with server.connect() as raw:
        assert raw.post(RUN, BODY).answer()[0] == 200
