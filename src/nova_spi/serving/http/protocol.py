"""uvicorn's HTTP/1.1 with the bounds that it leaves to a proxy in front: headers, idle peers, and who has gone.

A request may not be endless before its body begins, a peer may not keep a connection by sending nothing or by taking
nothing, and what is left of a body that nobody wants is not read for ever.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

MAX_HEADER_BYTES = 32 * 1024
"""Of a request's first line and headers together; of trailers and chunk extensions too, from one byte of body on."""
MOST_AHEAD = 64
"""Requests of one connection that wait for their turn."""
MAX_UNWANTED_BYTES = 1024 * 1024
"""What is read of a body after its answer, so that the client gets to see the answer."""
SILENCE_SECONDS = 30.0
"""A peer that sends nothing of what it began, or takes nothing of its answer, for so long is gone."""
HEADER_SECONDS = 30.0
"""The headers of a request take at most so long, from its first byte, or of the first one from the connection."""
LEAST_RATE = 500
"""Bytes a second that a body comes with, on the whole, after `HEADER_SECONDS`."""
SWEEP_SECONDS = 5.0
_JSON = STATUS_LINE[200] + b"content-type: application/json\r\n"


class Refused(Exception):
    """A request that is not read any further."""


class Protocol(HttpToolsProtocol):
    """One connection; ``limit_concurrency`` of uvicorn's settings is how many there may be.

    Attributes:
        gone: Called once when the client has gone.
        lost: It has gone.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.gone: Callable[[], object] | None = None
        self.lost = False
        self._most, self.limit_concurrency = self.limit_concurrency, None
        self._idle = True
        self._answering: RequestResponseCycle | None = None
        self._head = 0  # bytes that came and brought neither whole headers nor a byte of body
        self._body = 0
        self._unwanted = 0
        self._began = self._last = 0.0
        self._unsent = 0
        self._unsent_since = 0.0
        self._refusal = 400, b"It breaks the rules of HTTP/1.1."

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Takes a connection, or not, where there are as many as may be."""
        super().connection_made(transport)
        self._began = self._last = self.loop.time()
        if self._most is not None and len(self.connections) > self._most:
            self._refusal = 503, b"As many connections are open as may be."
            self.send_400_response("")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells whoever waits for an answer, and whoever gives one: uvicorn tells the last request alone."""
        self.lost = True
        self.pipeline.clear()
        if self._answering is not None:
            self._answering.disconnected = True
        super().connection_lost(exc)
        gone, self.gone = self.gone, None
        if gone is not None:
            gone()

    def abort(self) -> None:
        """Ends the connection at once."""
        self.transport.abort()

    def answer(self, cycle: object, body: bytes) -> bool:
        """Answers a request with 200 and JSON in one piece, one packet and not two; False where that cannot be.

        It does what `RequestResponseCycle.send` of uvicorn 0.54 does for such an answer.

        Args:
            cycle: What ``nova_spi.cycle`` of the request's scope is.
            body: The JSON.
        """
        if (
            not isinstance(cycle, RequestResponseCycle)
            or cycle.response_started
            or not cycle.keep_alive
            or self.flow.write_paused
            or cycle.waiting_for_100_continue
        ):
            return False
        if self.lost:
            return True
        dates = cycle.default_headers
        date = b"date: %b\r\n" % dates[0][1] if dates else b""
        self.transport.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (_JSON, date, len(body), body))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True

    def data_received(self, data: bytes) -> None:
        """Counts what comes and is no body."""
        self._last = self.loop.time()
        if self._idle:
            self._began = self._last
            self._idle = False
        self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEADER_BYTES and not self._idle and not self.transport.is_closing():
            self._too_long()
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._unwanted = self._body = 0

    def on_headers_complete(self) -> None:
        """Its headers are whole."""
        if (
            self._head > MAX_HEADER_BYTES
            and len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEADER_BYTES
        ):
            raise self._too_long()
        if len(self.pipeline) >= MOST_AHEAD:
            raise Refused(f"More than {MOST_AHEAD} requests came before their turn.")
        self._head = 0
        super().on_headers_complete()
        self.scope["nova_spi.connection"] = self  # type: ignore[typeddict-unknown-key]  # ours, beside ASGI's
        self.scope["nova_spi.cycle"] = self.cycle  # type: ignore[typeddict-unknown-key]  # as above

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        """A piece of its body; after the answer it is thrown away, and ends the connection when it is too much."""
        self._head = 0
        if not self.cycle.response_complete:
            self._body += len(body)
            super().on_body(body)
            return
        if not self._unwanted:
            self._began = self._last
        self._unwanted += len(body)
        if self._unwanted > MAX_UNWANTED_BYTES:
            self.transport.close()

    def on_message_complete(self) -> None:
        """The next request may begin."""
        self._idle = True
        self._head = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The next request that came early has its turn; its time begins now."""
        self._began = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP in the shape that all errors have; nothing inside of another answer."""
        status, why = self._refusal
        if self.cycle is None or self.cycle.response_complete:
            code = b"queue.full" if status == 503 else b"usage.invalid"
            body = b'{"error":{"code":"%b","message":"The request is not answered.","why":"%b"}}' % (code, why)
            self.transport.write(
                b"%bcontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
                % (STATUS_LINE[status], len(body), body)
            )
        self.transport.close()

    def sweep(self, now: float) -> None:
        """Ends the connection where its peer sends or takes nothing for too long."""
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent or not unsent:
            self._unsent, self._unsent_since = unsent, now
        if now - self._unsent_since > SILENCE_SECONDS or self._waits_in_vain(now):
            self.transport.abort()

    def _waits_in_vain(self, now: float) -> bool:
        cycle, since, silent = self.cycle, now - self._began, now - self._last
        if cycle is not None and not cycle.response_complete:
            slow = silent > SILENCE_SECONDS or self._body < (since - HEADER_SECONDS) * LEAST_RATE
            return cycle.more_body and not self.flow.read_paused and slow
        if self._idle:
            return cycle is None and since > HEADER_SECONDS
        return silent > SILENCE_SECONDS or since > HEADER_SECONDS

    def _too_long(self) -> Refused:
        self._refusal = 431, b"Its headers are over %d bytes." % MAX_HEADER_BYTES
        return Refused(self._refusal[1])


def sweep(connections: Iterable[Any], now: float) -> None:
    """Ends the connections of peers that send or take nothing for too long."""
    for connection in list(connections):
        connection.sweep(now)
