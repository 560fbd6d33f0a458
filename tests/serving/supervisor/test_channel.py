"""A worker's end, and whether it has read what it was sent: what it has not, another one may have."""

import asyncio
import socket

import pytest
import uvloop

from nova_spi.serving.supervisor.channel import Channel
from nova_spi_runtime import frames


class Hearer:
    """Sends a call as soon as it has an answer, at the moment that a test names."""

    def __init__(self):
        self.channel = None
        self.unread = None

    def hear(self, kind, number, payload):
        if kind == frames.RESULT:
            self.send()

    def send(self):
        self.channel.send(frames.CALL, 2, b"{}")

    def garbage(self, what):
        raise AssertionError(what)

    def silence(self, *, unread):
        self.unread = unread


async def ended(act):
    """Whether something is said to be unread of a channel whose other end ``act(hearer, theirs)`` closes."""
    loop, hearer = asyncio.get_running_loop(), Hearer()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    lost = loop.create_future()
    hearer.channel = Channel(hearer, loop, lambda: lost.set_result(None))
    await loop.create_unix_connection(lambda: hearer.channel, sock=ours)
    act(hearer, theirs)
    await asyncio.wait_for(lost, 30)
    return hearer.unread


def goes_after_an_answer(hearer, theirs):
    frames.send(theirs, frames.RESULT, 1, b"{}")
    theirs.close()


def goes_with_a_call_in_its_socket(hearer, theirs):
    hearer.send()
    theirs.close()


def goes_before_a_call_is_sent(hearer, theirs):
    theirs.close()
    hearer.send()


def goes_and_a_call_is_sent_before_its_end_is_told(hearer, theirs):
    heard = hearer.channel.eof_received

    def eof_received():
        heard()
        asyncio.get_running_loop().call_soon(hearer.send)

    hearer.channel.eof_received = eof_received
    theirs.close()


def goes_after_it_has_read_its_call(hearer, theirs):
    frames.send(theirs, frames.PROGRESS, 1, b"{}")
    hearer.channel.send(frames.CALL, 2, b"{}")
    asyncio.get_running_loop().call_later(0.05, read_and_close, theirs)


def read_and_close(theirs):
    theirs.recv(100)
    theirs.close()


WAYS = {
    goes_after_an_answer: True,
    goes_with_a_call_in_its_socket: True,
    goes_before_a_call_is_sent: True,
    goes_and_a_call_is_sent_before_its_end_is_told: True,
    goes_after_it_has_read_its_call: False,
}


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_it_has_not_read_is_known(way, loop):
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(ended(way)) == WAYS[way]
