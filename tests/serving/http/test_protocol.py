"""Peers that are silent, in a moment: the clock is given."""

import asyncio
import contextlib
import socket

import pytest
import uvicorn

from nova_spi.serving.http.protocol import HEADER_SECONDS, SILENCE_SECONDS, Protocol, sweep


async def application(scope, receive, send):
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        size += len(message["body"])
        if not message["more_body"]:
            break
    body = b"x" * (20_000_000 if scope["path"] == "/large" else 2)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def hosted(scenario):
    async def run():
        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            application,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            interface="asgi3",
            proxy_headers=False,
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext
        serving = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        try:
            await scenario(server, reader, writer)
        finally:
            writer.close()
            server.should_exit = True
            await serving

    asyncio.run(run())


async def swept(server, after):
    """Whether the sweep at so many seconds from now ends the one connection."""
    await asyncio.sleep(0.05)
    [connection] = server.server_state.connections
    connection.sweep(connection.loop.time())
    sweep(server.server_state.connections, connection.loop.time() + after)
    await asyncio.sleep(0.05)
    return not server.server_state.connections


HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "after", "ends"),
    [
        (b"", HEADER_SECONDS + 1, True),
        (b"", HEADER_SECONDS - 1, False),
        (b"GET / HTT", HEADER_SECONDS + 1, True),
        (b"GET / HTT", HEADER_SECONDS - 1, False),
        (HEAD, SILENCE_SECONDS + 1, True),
        (HEAD + b"x" * 1000, SILENCE_SECONDS - 1, False),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", SILENCE_SECONDS + 100, False),
        (b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n", SILENCE_SECONDS + 1, True),
        (b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n", SILENCE_SECONDS - 1, False),
    ],
)
def test_whoever_is_silent_for_too_long_is_let_go(sent, after, ends):
    async def scenario(server, reader, writer):
        if sent.startswith(b"GET /large"):
            writer.transport.pause_reading()
        writer.write(sent)
        assert await swept(server, after) is ends

    hosted(scenario)


def test_a_body_that_drips_is_too_slow():
    async def scenario(server, reader, writer):
        writer.write(HEAD)
        await asyncio.sleep(0.05)
        [connection] = server.server_state.connections
        now = connection.loop.time()
        connection._began = now - HEADER_SECONDS - 100  # it began long ago, and sends a byte now and then
        writer.write(b"x")
        await asyncio.sleep(0.05)
        connection.sweep(connection.loop.time())
        await asyncio.sleep(0.05)
        assert not server.server_state.connections

    hosted(scenario)
