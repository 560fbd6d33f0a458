import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.serving import tables
from bench.serving.__main__ import promises
from bench.serving.client import Request, ask, complete, one_after_the_other, static_answer, status_of, together
from bench.serving.peers import PEERS, Place

REQUEST = Request("/", b"hello", "text/plain", b"HELLO")


class Shouting(BaseHTTPRequestHandler):
    """Answers in capitals; every third call is refused."""

    protocol_version = "HTTP/1.1"
    calls = 0
    chunked = False

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).upper()
        type(self).calls += 1
        self.send_response(429 if self.calls % 3 == 0 else 200)
        if self.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


class Server(ThreadingHTTPServer):
    """One whose clients may leave in the middle of an answer."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        assert isinstance(sys.exc_info()[1], ConnectionError)


@pytest.fixture(params=[False, True], ids=["by length", "in chunks"])
def port(request):
    handler = type("Fresh", (Shouting,), {"calls": 0, "chunked": request.param})
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_calls_one_after_the_other_are_counted_by_what_became_of_them(port):
    tally = one_after_the_other(port, REQUEST, 20)
    assert (len(tally.good), tally.refused, tally.wrong) == (20, 9, 0)
    assert 0 < tally.percentile(0.5) <= tally.percentile(0.99)


def test_a_wrong_answer_is_no_good_one(port):
    tally = one_after_the_other(port, Request("/", b"hello", "text/plain", b"something else"), 6)
    assert (len(tally.good), tally.wrong) == (0, 6)
    assert tally.percentile(0.5) is None


@pytest.mark.parametrize("pause", [0.0, 0.002])
def test_clients_together_are_counted_as_well(port, pause):
    tally = together(port, REQUEST, 4, 0.5, pause)
    assert len(tally.good) > 4
    assert tally.refused
    assert tally.wrong == 0
    assert tally.rate > 0


def test_nobody_there_is_an_answer_too():
    with static_answer() as port:
        assert ask(port, Request("/", b"x")).status == 200
    assert ask(port, Request("/", b"x")).status == 0


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nab", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", True),
    ],
)
def test_an_answer_is_whole_where_its_length_says_so(data, whole):
    assert complete(data) is whole
    assert status_of(data) == (200 if data else 0)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_knows_how_it_is_started_and_asked(peer, tmp_path):
    place = Place(tmp_path, tmp_path / "bin", (1, 2, 3), "echo", 5)
    assert all(isinstance(word, str) for word in peer.words(place))
    assert peer.echo("some words").expected in peer.echo("some words").body
    assert peer.file(b"12345").expected == b"5 bytes"


def results(ours: float, cog: float, memory: float = 40.0) -> dict:
    """What a run finds, with the milliseconds and the rates of two servers."""

    def rounds(milliseconds: float) -> list[dict]:
        alone = {"p50_ms": milliseconds, "p95_ms": milliseconds, "p99_ms": milliseconds, "client_cpu_share": 0.1}
        alone |= {"good": 1, "refused": 0, "wrong": 0, "rate": 1000 / milliseconds}
        sizes = {"http": {"pss": memory, "rss": memory}, "without_worker": memory, "with_worker": memory}
        return [{"cold_seconds": 1.0, "alone": alone, "together": alone, "memory": sizes}]

    environment = {"date": "2026-01-01", "system": "Linux", "processors": 2, "python": "3.11"}
    servers = {"nova-spi": {"rounds": rounds(ours)}, "Cog": {"rounds": rounds(cog)}, "Truss": {"skipped": "no wheel"}}
    return {"environment": environment, "rounds": 1, "servers": servers}


def test_promises_that_hold_say_nothing():
    assert promises(results(0.2, 1.0)) == []


def test_broken_promises_are_said():
    broken = promises(results(0.6, 1.0, memory=50.0))
    assert [line.split()[0] for line in broken] == ["p50", "throughput", "the"]
    short = results(0.2, 1.0)
    short["servers"]["nova-spi"]["lasting"] = {"good": 99_999, "refused": 1, "wrong": 0}
    assert "1 refused" in promises(short)[0]


def test_the_tables_show_what_was_measured_and_why_something_was_not():
    shown = tables.tables(results(0.2, 1.0))
    assert "| nova-spi | 0.20 ms | 0.20 ms | 0.20 ms | 0.20 | none | 5000/s | 5.00 | none |" in shown
    assert "not measured: no wheel" in shown
    assert "nan" not in shown
    json.dumps(results(0.2, 1.0))


def test_the_tables_go_between_their_marks():
    page = f"before\n{tables.BEGIN}\nold\n{tables.END}\nafter\n"
    assert tables.into(page, "new\n") == f"before\n{tables.BEGIN}\n\nnew\n\n{tables.END}\nafter\n"
    with pytest.raises(ValueError, match="no place"):
        tables.into("a page", "new")
