"""Clients that go at any moment: what they asked for ends, and the server's log stays empty."""

import random
import socket
import struct
import time


def leave(raw, *, reset):
    if reset:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.socket.close()


def nothing_goes_on(client):
    standing = client.get("/readyz").json()
    return standing["in_flight"] == standing["queue_depth"] == 0


def test_a_stream_whose_client_goes_as_an_event_comes_is_cancelled(begin, until):
    chance = random.Random(1)
    with begin(workers=2) as server, server.client() as client:
        for number in range(80):
            raw = server.connect()
            raw.post("/v1/commands/count", b'{"to":1000000,"pause":0.002}', "Accept: text/event-stream")
            time.sleep(chance.random() * 0.01)
            leave(raw, reset=number % 2)
        until(lambda: nothing_goes_on(client), 15)


def test_who_asks_several_things_at_once_and_goes_costs_no_line_of_log(begin, until):
    with begin(workers=1) as server, server.client() as client:
        for reset in (True, False) * 3:
            raw = server.connect()
            for _ in range(20):
                raw.post("/v1/commands/wait", b'{"seconds":0.3}')
            leave(raw, reset=reset)
        until(lambda: nothing_goes_on(client), 15)
        assert client.post("/v1/commands/run", json={"text": "a"}).status_code == 200
        assert server.errors.read_text() == ""
