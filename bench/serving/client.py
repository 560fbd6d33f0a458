"""The one client that asks every server: raw sockets that stay open, bytes that are made once, little else.

What it costs itself is measured too, against `static_answer`; a figure of a server holds the client's own share.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context

REFUSED = (409, 429, 503)
"""Statuses that say: not now, ask again."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question, made once.

    Attributes:
        path: ``/predict``.
        body: Its bytes.
        media_type: Of the body.
        expected: What a good answer holds.
        headers: Beside those of every request.
    """

    path: str
    body: bytes = b""
    media_type: str = "application/json"
    expected: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def raw(self) -> bytes:
        """As it goes over the socket."""
        lines = [f"{'POST' if self.body else 'GET'} {self.path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*"]
        if self.body:
            lines += [f"Content-Type: {self.media_type}", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``status`` is 0 where the connection broke, and -1 where nothing came in time."""

    status: int
    body: bytes
    seconds: float


@dataclass(slots=True)
class Tally:
    """What became of many calls.

    Attributes:
        good: The seconds of each good answer.
        refused: How many were refused.
        wrong: How many failed otherwise.
        elapsed: Seconds from the first call to the last answer.
        client_cpu: Seconds of processor that the client itself took.
    """

    good: list[float] = field(default_factory=list)
    refused: int = 0
    wrong: int = 0
    elapsed: float = 0.0
    client_cpu: float = 0.0

    def count(self, status: int, found: bytes, expected: bytes, seconds: float) -> bool:
        """Takes in one answer; True where it was good."""
        if status == 200 and expected in found:
            self.good.append(seconds)
            return True
        if status in REFUSED:
            self.refused += 1
        else:
            self.wrong += 1
        return False

    def percentile(self, share: float) -> float | None:
        """Milliseconds below which so many of the good answers came; None where there are none."""
        if not self.good:
            return None
        ordered = sorted(self.good)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.good) / self.elapsed if self.elapsed else 0.0


def connect(port: int, timeout: float | None = 15.0) -> socket.socket:
    """A connection to a server of this machine, without Nagle's delay."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def complete(data: bytes | bytearray) -> bool:
    """Whether a whole answer is there; by its length, or by its last chunk."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return False
    lower = bytes(data[:head]).lower()
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return b"chunked" not in lower or data.endswith(b"0\r\n\r\n")
    end = lower.find(b"\r\n", at + 2)
    return len(data) >= head + 4 + int(lower[at + 17 : end if end > 0 else None])


def status_of(data: bytes | bytearray) -> int:
    """The status of an answer; 0 where it is none."""
    return int(data[9:12]) if data[:5] == b"HTTP/" and data[9:12].isdigit() else 0


def receive(connection: socket.socket) -> bytes:
    """One answer; what there is of it where the other side closes."""
    data = connection.recv(65536)
    while data and not complete(data):
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data


def ask(port: int, request: Request, timeout: float = 15.0) -> Answer:
    """One call on a connection of its own; never raises."""
    start = time.perf_counter()
    try:
        with closing(connect(port, timeout)) as connection:
            connection.sendall(request.raw())
            data = receive(connection)
    except TimeoutError:
        return Answer(-1, b"", time.perf_counter() - start)
    except OSError:
        return Answer(0, b"", time.perf_counter() - start)
    return Answer(status_of(data), data.partition(b"\r\n\r\n")[2], time.perf_counter() - start)


def one_after_the_other(port: int, request: Request, calls: int, seconds: float = 60.0) -> Tally:
    """So many calls on one connection, each after the answer to the one before, within ``seconds`` in all.

    A refused call is asked again; a connection that breaks counts as one wrong call, and a new one is made.
    """
    raw, expected, tally, clock = request.raw(), request.expected, Tally(), time.perf_counter
    connection, cpu, begin = connect(port), time.process_time(), clock()
    try:
        while len(tally.good) + tally.wrong < calls and clock() - begin < seconds:
            start = clock()
            try:
                connection.sendall(raw)
                data = receive(connection)
            except OSError:
                data = b""
            tally.count(status_of(data), data, expected, clock() - start)
            if not data:
                connection.close()
                connection = connect(port)
    finally:
        connection.close()
    tally.elapsed, tally.client_cpu = clock() - begin, time.process_time() - cpu
    return tally


def together(port: int, request: Request, clients: int, seconds: float, pause: float = 0.0) -> Tally:
    """Several clients in one loop of epoll, each with one call on its way, for so long.

    Args:
        port: Where the server is.
        request: What is asked.
        clients: How many, each on a connection of its own that stays.
        seconds: How long.
        pause: Seconds that a client waits after it was refused.
    """
    crowd, tally, clock = _Crowd(port, request.raw()), Tally(), time.perf_counter
    cpu, first = time.process_time(), clock()
    try:
        for _ in range(clients):
            crowd.join()
        while (now := clock()) - first < seconds:
            for number in crowd.heard(now):
                piece = _piece(crowd.open[number])
                data = crowd.buffers[number] = crowd.buffers[number] + piece
                if piece and not complete(data):
                    continue
                status, refused = status_of(data), tally.refused
                tally.count(status, data, request.expected, clock() - crowd.began[number])
                if not piece:
                    crowd.replace(number)
                elif tally.refused > refused and pause:
                    crowd.waiting.append((clock() + pause, number))
                else:
                    crowd.ask(number)
    finally:
        crowd.close()
    tally.elapsed, tally.client_cpu = now - first, time.process_time() - cpu
    return tally


class _Crowd:
    """The connections of several clients, and what each is at."""

    def __init__(self, port: int, raw: bytes) -> None:
        self.port, self.raw = port, raw
        self.poll = select.epoll()
        self.open: dict[int, socket.socket] = {}
        self.began: dict[int, float] = {}
        self.buffers: dict[int, bytes] = {}
        self.waiting: deque[tuple[float, int]] = deque()

    def join(self) -> None:
        """One more client, which asks at once."""
        connection = connect(self.port)
        self.open[connection.fileno()] = connection
        self.poll.register(connection, select.EPOLLIN)
        self.ask(connection.fileno())

    def ask(self, number: int) -> None:
        """The next call of a client."""
        self.buffers[number], self.began[number] = b"", time.perf_counter()
        self.open[number].sendall(self.raw)

    def replace(self, number: int) -> None:
        """A new connection for one that the server has closed."""
        self.poll.unregister(number)
        self.open.pop(number).close()
        self.join()

    def heard(self, now: float) -> list[int]:
        """The clients for whom something has come; those whose pause is over ask again meanwhile."""
        while self.waiting and self.waiting[0][0] <= now:
            self.ask(self.waiting.popleft()[1])
        patience = max(0.0, self.waiting[0][0] - now) if self.waiting else 0.1
        return [number for number, _ in self.poll.poll(patience)]

    def close(self) -> None:
        """Everything that is open."""
        self.poll.close()
        for connection in self.open.values():
            connection.close()


def _piece(connection: socket.socket) -> bytes:
    """What came; nothing where the connection has ended."""
    try:
        return connection.recv(65536)
    except OSError:
        return b""


@contextmanager
def static_answer() -> Iterator[int]:
    """A server that answers every request with the same bytes and does nothing else: the client's own floor."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        process = get_context("fork").Process(target=_answer_always, args=(listener,), daemon=True)
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.kill()
            process.join()


def _answer_always(listener: socket.socket) -> None:
    """Eight or fewer connections; a request is one segment, which is so for what is asked here."""
    body = b'{"output":"' + b"x" * 100 + b'"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    open_: dict[int, socket.socket] = {}
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                open_[connection.fileno()] = connection
                poll.register(connection, select.EPOLLIN)
            elif _piece(open_[number]):
                open_[number].send(answer)
            else:
                poll.unregister(number)
                open_.pop(number).close()
