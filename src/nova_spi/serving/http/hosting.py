"""uvicorn, set up to host the application and nothing else: no lifespan, no access log, no signals, no proxies."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Generator

import uvicorn

from nova_spi.serving.http.app import App
from nova_spi.serving.http.listening import BACKLOG
from nova_spi.serving.http.protocol import SWEEP_SECONDS, Protocol, sweep

KEEP_ALIVE_SECONDS = 65
"""Longer than the minute that balancers in front keep a connection, so that it is they who close it."""
LAST_ANSWERS_SECONDS = 10
"""What clients get to take the last answers, at the end."""


class Host(uvicorn.Server):
    """The server of one application on one socket.

    Args:
        app: The application.
        listening: The socket, which listens already.
        connections: How many there may be.
    """

    def __init__(self, app: App, listening: socket.socket, connections: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",
                loop="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=connections,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
            )
        )
        logging.getLogger("uvicorn").setLevel(logging.ERROR)  # what a client breaks is told to the client alone
        self._listening = listening
        self._sweeping: asyncio.TimerHandle | None = None

    async def host(self) -> None:
        """Answers until `should_exit` is set, and the last answers are out."""
        self._sweep()
        try:
            await self.serve(sockets=[self._listening])
        finally:
            if self._sweeping is not None:
                self._sweeping.cancel()

    def abandon(self) -> None:
        """Ends at once: nobody is let in or answered any more. `host` returns soon after."""
        self.should_exit = self.force_exit = True
        for server in getattr(self, "servers", ()):
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves signals alone: they are heard elsewhere."""
        yield

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        sweep(self.server_state.connections, loop.time())
        self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep)
