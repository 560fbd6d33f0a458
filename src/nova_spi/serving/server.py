"""The server process: ``python -m nova_spi.serving.server PLAN``, which ``nova-spi serve`` becomes.

It reads a plan, has a supervisor load the model, and answers over HTTP until it is told to end. SIGTERM and SIGINT let
what was taken up come to its end, and take nothing new; a second one ends at once. It loads none of the libraries that
read manifests, so that it stays small.
"""

import argparse
import asyncio
import gc
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import uvloop

from nova_spi.errors import NovaSpiError, UsageError
from nova_spi.serving.accepting.inputs import Acceptor
from nova_spi.serving.announcing import Announcer, at_once
from nova_spi.serving.engines import engine_of
from nova_spi.serving.http import listening, tokens
from nova_spi.serving.http.app import App
from nova_spi.serving.http.authorising import is_loopback
from nova_spi.serving.http.hosting import Host
from nova_spi.serving.http.idempotency import Keys
from nova_spi.serving.http.keeping import Executions
from nova_spi.serving.http.metrics import Metrics
from nova_spi.serving.http.served import Limits, Served
from nova_spi.serving.plan import Plan
from nova_spi.serving.plan_text import read
from nova_spi.serving.showing import LogShown
from nova_spi.serving.slots import remove
from nova_spi.serving.supervisor import Supervisor

STATUSES = {signal.SIGTERM: 0, signal.SIGHUP: 0, signal.SIGINT: 130}
"""The exit status after a signal that let everything come to its end."""
LINGER_SECONDS = 0.5
"""What clients that keep a connection get to be told, by an answer, that the server ends, and not by a broken line."""
CLOSING_SECONDS = 5.0
"""What workers get to end when a second signal comes."""


class Serving:
    """One server, from its first line to its last.

    Args:
        plan: What is served.
        listener: The socket, which listens already.
        token: What callers must know; None on loopback alone.
        limits: What callers may use.
        drain_seconds: What calls that were taken up get at the end; None is as long as the slowest command may take.
        announcer: Says what happens.
        shown: See `Supervisor.shown`.
    """

    def __init__(
        self,
        plan: Plan,
        listener: socket.socket,
        token: tokens.Token | None,
        limits: Limits,
        drain_seconds: float | None,
        announcer: Announcer,
        shown: Callable[[str, bytes], None] | None,
    ) -> None:
        self._plan = plan
        self._listener = listener
        self._token = token
        self._announcer = announcer
        longest = max(command.timeout_seconds for command in plan.commands.values())
        self._drain_seconds = longest + plan.grace_seconds if drain_seconds is None else drain_seconds
        self._supervisor = Supervisor(plan, engine_of(plan))
        self._supervisor.shown = shown
        self._acceptor = Acceptor(plan, max_file_bytes=limits.file_bytes)
        executions, keys = Executions(plan.store), Keys()
        executions.on_forget.append(keys.forget)
        self._served = Served(
            plan, self._supervisor, self._acceptor, executions, Metrics(), keys, limits, secured=token is not None
        )
        self._app = App(self._served, None if token is None else token.text)
        self._heard: asyncio.Queue[signal.Signals] = asyncio.Queue()

    async def run(self) -> int:
        """Serves until it is told to end; the exit status."""
        loop = asyncio.get_running_loop()
        for number in STATUSES:
            if signal.getsignal(number) != signal.SIG_IGN:  # nohup means it so
                loop.add_signal_handler(number, self._heard.put_nowait, number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STATUSES)
        host = Host(self._app, self._listener, listening.most_connections())
        hosting = asyncio.ensure_future(host.host())
        self._announce()
        began = time.monotonic()
        await self._supervisor.start()
        loading = asyncio.ensure_future(self._tell_ready(began))
        gc.freeze()
        try:
            hearing = asyncio.ensure_future(self._heard.get())
            await asyncio.wait((hearing, hosting), return_when=asyncio.FIRST_COMPLETED)
            if not hearing.done():
                return 1
            first = hearing.result()
            ending = asyncio.ensure_future(self._end(host, hosting))
            again = asyncio.ensure_future(self._heard.get())
            await asyncio.wait((ending, again), return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                again.cancel()
                return STATUSES[first]
            ending.cancel()
            return 128 + again.result()
        finally:
            loading.cancel()
            host.abandon()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._close(), CLOSING_SECONDS)
            await asyncio.wait((hosting,), timeout=CLOSING_SECONDS)

    async def _end(self, host: Host, hosting: "asyncio.Future[None]") -> None:
        """Takes nothing new, lets the rest come to its end, and its answers out."""
        self._announcer.tell("draining", "Ending: calls that were taken up are finished. Once more ends at once.")
        self._app.closing = True
        await self._supervisor.drain(self._drain_seconds)
        until = time.monotonic() + LINGER_SECONDS
        while host.server_state.connections and time.monotonic() < until:
            await asyncio.sleep(0.02)
        host.should_exit = True
        await hosting

    async def _close(self) -> None:
        await self._supervisor.close()
        await self._acceptor.close()
        await self._served.executions.close()

    async def _tell_ready(self, began: float) -> None:
        try:
            await self._supervisor.ready()
        except NovaSpiError as error:
            self._announcer.fail(error)
            return
        for warning in self._supervisor.warnings:
            self._announcer.warn(warning)
        seconds = time.monotonic() - began
        self._announcer.tell("ready", f"The model is ready ({seconds:.1f} s)", seconds=round(seconds, 3))

    def _announce(self) -> None:
        plan, token, url = self._plan, self._token, listening.url(self._listener)
        workers = f"{plan.workers} worker{'s' if plan.workers > 1 else ''}"
        text = f"Serving {plan.name} {plan.version} on {url} ({workers}, {plan.level})"
        if token is not None:
            text += f"\nThe token is in {token.path}"
        self._announcer.tell(
            "serving",
            text,
            name=plan.name,
            version=plan.version,
            url=url,
            workers=plan.workers,
            engine=plan.engine,
            level=plan.level,
            token_file=None if token is None else str(token.path),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; its exit status."""
    said = _parser().parse_args(arguments)
    announcer = Announcer(machine=said.output_format == "json", silent=said.silent)
    try:
        plan = read(said.plan)
        try:
            return _serve(plan, said, announcer)
        finally:
            remove(plan)
    except NovaSpiError as error:
        announcer.fail(error)
        return error.exit_status


def _serve(plan: Plan, said: argparse.Namespace, announcer: Announcer) -> int:
    token = tokens.read(said.token_file) if said.token_file else None
    if token is None and not is_loopback(said.host):
        token = tokens.make(plan.folder / "token")
    if token is not None and token.readable:
        announcer.warn(f"Others can read {token.path}: chmod 600 {token.path}")
    limits = Limits(body_bytes=said.max_body_size, file_bytes=said.max_file_size)
    with (
        _listener(said) as opened,
        _log(said, announcer) as shown,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # the runner would cancel everything at Ctrl-C
        return runner.run(Serving(plan, opened, token, limits, said.drain_timeout, announcer, shown).run())


@contextmanager
def _log(said: argparse.Namespace, announcer: Announcer) -> Iterator[Callable[[str, bytes], None] | None]:
    if not said.show_log or said.silent:
        yield None
        return
    log = LogShown(announcer.log)
    announcer.speak = log.say
    try:
        yield log.write
    finally:
        announcer.speak = at_once
        log.close()


def _listener(said: argparse.Namespace) -> socket.socket:
    if said.listener is None:
        opened = listening.bind(said.host, said.port)
    else:
        try:
            opened = socket.socket(fileno=said.listener)
        except OSError as error:
            raise UsageError(f"Descriptor {said.listener} is no socket.", why=error.strerror or "") from error
        opened.set_inheritable(False)
    listening.listen(opened)
    return opened


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nova_spi.serving.server", description="Serve a prepared model.")
    parser.add_argument("plan", type=Path, help="what nova-spi serve has prepared; it is removed at the end")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--listener", type=int, help="an inherited socket that is bound; instead of a port")
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--max-body-size", type=int, default=Limits().body_bytes, help="bytes")
    parser.add_argument("--max-file-size", type=int, default=Limits().file_bytes, help="bytes")
    parser.add_argument("--drain-timeout", type=float, help="seconds")
    parser.add_argument("--output-format", choices=("text", "json"), default="text")
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--show-log", action="store_true", help="what the model writes, as it comes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
