"""A supervisor in a thread of its own, asked from any other: what a loaded model stands on.

The thread owns the event loop, the supervisor and everything of them; others hand it work and wait for a
`concurrent.futures.Future`. It is a daemon, and ended before the interpreter ends, as executors are.
"""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from nova_spi.engines.port import Engine
from nova_spi.errors import NovaSpiError, UsageError
from nova_spi.progress import Progress
from nova_spi.serving.accepting.inputs import Acceptor
from nova_spi.serving.calls import Call, Event, Execution
from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi.serving.preparing.plans import remove
from nova_spi.serving.supervisor import Supervisor

Finish = Callable[[Execution], dict[str, Any]]
"""Makes what a caller gets of an execution that has succeeded; it runs in a thread where there are files."""
Heard = Callable[[dict[str, Any]], None]
"""Hears the pieces of a stream."""


class Background:
    """One model, loaded.

    Args:
        plan: What is loaded; its folder goes at the end.
        engine: Where its workers run.
        progress: Hears warnings, and what the model writes; None is nobody.

    Attributes:
        plan: As given.
    """

    def __init__(self, plan: Plan, engine: Engine, progress: Progress | None) -> None:
        self.plan = plan
        self._acceptor = Acceptor(plan)
        self._supervisor = Supervisor(plan, engine)
        self._progress = progress
        self._owner = os.getpid()
        self._closing = False
        self._pending: set[Future[dict[str, Any]]] = set()
        self._looking: set[asyncio.Task[None]] = set()
        self._ready: Future[None] = Future()
        self._begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._live, name=f"nova-spi {plan.name}", daemon=True)

    def start(self) -> None:
        """Loads the model, and waits until it answers calls.

        Raises:
            WorkerUnavailable: It cannot be loaded.
        """
        _ALL.add(self)
        self._thread.start()
        try:
            self._ready.result()
        except BaseException:  # Ctrl-C above all: nothing stays
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether it takes no more calls."""
        return self._closing

    def submit(
        self,
        command: ServedCommand,
        given: Mapping[str, Any],
        finish: Finish,
        *,
        timeout: float | None = None,
        heard: Heard | None = None,
    ) -> "Future[dict[str, Any]]":
        """Asks the model, from any thread.

        Args:
            command: One of the plan's.
            given: Inputs by name; of a file input a path, a glob, a folder or a list of them.
            finish: Makes the result.
            timeout: Seconds; None is the command's.
            heard: Hears the pieces of a stream, in this object's own thread; None wants none.

        Returns:
            What becomes of it. Cancelling ends the call.

        Raises:
            UsageError: It is closed, or belongs to the process that this one was forked from.
        """
        self._want_open()
        if command.file_inputs:
            return self._ask(self._with_files, command, given, Path.cwd(), timeout, finish, heard)
        try:
            inputs = self._acceptor.values(command, given)
        except NovaSpiError as error:
            wrong: Future[dict[str, Any]] = Future()
            wrong.set_exception(error)
            return wrong
        return self._ask(self._take, Call(command.name, inputs, {}, timeout, heard is not None), finish, heard)

    def health(self) -> dict[str, Any]:
        """What the supervisor says of itself; see `nova_spi.serving.supervisor.Supervisor.health`."""
        self._want_open()
        return self._ask(lambda future: future.set_result(self._supervisor.health())).result()

    def end(self) -> None:
        """Begins to end; from any thread, any number of times, without waiting."""
        self._closing = True
        if self._owner == os.getpid() and self._thread.ident is not None:
            self._begun.add_done_callback(_signal)

    def close(self) -> None:
        """Ends everything, and waits until nothing is left: no process, no thread, no folder."""
        self.end()
        if self._owner == os.getpid() and self._thread.ident is not None and threading.current_thread() != self._thread:
            self._thread.join()

    def _want_open(self) -> None:
        if self._owner != os.getpid():
            raise UsageError(
                "The model was loaded by the process that this one was forked from.",
                why="Its workers belong to that process.",
                mend="Load it in this process, or make processes by 'spawn'.",
            )
        if self._closing:
            raise _closed()

    def _ask(self, function: Callable[..., object], *arguments: Any) -> "Future[dict[str, Any]]":
        """Has something done in the thread, which ends the future that it is given last."""
        future: Future[dict[str, Any]] = Future()
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        try:
            self._begun.result()[0].call_soon_threadsafe(partial(function, *arguments, future))
        except RuntimeError:  # the loop has been closed this moment
            _settle(future, _closed())
        return future

    def _live(self) -> None:
        """The thread's work, from its first line to its last."""
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001  # whoever waits for the model must hear of it
            if not self._ready.done():
                self._ready.set_exception(error)
        finally:
            self._closing = True
            for future in tuple(self._pending):  # asked so late that the loop did not hear of it
                _settle(future, _closed())
            remove(self.plan)

    async def _main(self) -> None:
        over = asyncio.Event()
        self._begun.set_result((asyncio.get_running_loop(), over))
        waiting = asyncio.ensure_future(over.wait())
        try:
            await self._supervisor.start()
            loading = asyncio.ensure_future(self._supervisor.ready())
            await asyncio.wait((loading, waiting), return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                loading.result()
                self._warn(self._supervisor.warnings)
                self._ready.set_result(None)
            await waiting
        finally:
            waiting.cancel()
            for looking in self._looking:
                looking.cancel()
            await self._supervisor.close()
            await self._acceptor.close()

    def _with_files(self, *arguments: Any) -> None:
        """Looks into the files first; what has none meanwhile may overtake it."""
        task = asyncio.ensure_future(self._look_and_take(*arguments))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look_and_take(
        self,
        command: ServedCommand,
        given: Mapping[str, Any],
        base: Path,
        timeout: float | None,
        finish: Finish,
        heard: Heard | None,
        future: "Future[dict[str, Any]]",
    ) -> None:
        try:
            call = await self._bound(command, given, base, timeout, heard is not None)
        except Exception as error:  # noqa: BLE001  # whatever it is, somebody waits to hear of it
            _settle(future, error)
        else:
            self._take(call, finish, heard, future)

    async def _bound(
        self, command: ServedCommand, given: Mapping[str, Any], base: Path, timeout: float | None, stream: bool
    ) -> Call:
        names = {parameter.name for parameter in command.file_inputs}
        paths = {name: value for name, value in given.items() if name in names}
        values = {name: value for name, value in given.items() if name not in names}
        attached = [name for name, value in paths.items() if value is not None]
        inputs = self._acceptor.values(command, values, attached)
        files = await self._acceptor.paths(command, paths, base)
        self._warn(files.warnings)
        return Call(command.name, inputs, files, timeout, stream)

    def _take(self, call: Call, finish: Finish, heard: Heard | None, future: "Future[dict[str, Any]]") -> None:
        """In the loop's thread: the call goes to the supervisor, and its end to whoever waits."""
        if future.cancelled():
            return
        try:
            execution = self._supervisor.submit(call)
        except Exception as error:  # noqa: BLE001  # as above
            _settle(future, error)
            return
        if heard is not None or self._progress is not None:
            execution.watch(partial(self._hear, heard))
        future.add_done_callback(partial(self._given_up, execution))
        execution.done.add_done_callback(lambda _: self._finish(execution, finish, future))

    def _hear(self, heard: Heard | None, event: Event) -> None:
        if event.kind == "output" and heard is not None:
            heard(event.data)
        elif event.kind == "log" and self._progress is not None:
            self._progress.log(str(event.data).encode())

    def _given_up(self, execution: Execution, future: "Future[dict[str, Any]]") -> None:
        """Whoever waited has cancelled; from any thread."""
        if future.cancelled() and not execution.ended:
            with suppress(RuntimeError):  # the loop is closed, and so the call has ended
                self._begun.result()[0].call_soon_threadsafe(execution.cancel)

    def _finish(self, execution: Execution, finish: Finish, future: "Future[dict[str, Any]]") -> None:
        if execution.error is not None:
            _settle(future, execution.error)
        elif execution.files:
            self._supervisor.in_thread(_finish_now, execution, finish, future)
        else:
            _finish_now(execution, finish, future)

    def _warn(self, warnings: "tuple[str, ...] | list[str]") -> None:
        if self._progress is not None:
            for warning in warnings:
                self._progress.warn(warning)


def _closed() -> UsageError:
    return UsageError("The model is closed.", mend="Load it again: nova_spi.load(...)")


def _finish_now(execution: Execution, finish: Finish, future: "Future[dict[str, Any]]") -> None:
    try:
        _settle(future, finish(execution))
    except Exception as error:  # noqa: BLE001  # as above
        _settle(future, error)


def _settle(future: "Future[dict[str, Any]]", result: "dict[str, Any] | BaseException") -> None:
    """The end of a call, for whoever waits; who has cancelled hears nothing more."""
    with suppress(InvalidStateError):
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)


def _signal(begun: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    loop, over = begun.result()
    with suppress(RuntimeError):  # it is closed already
        loop.call_soon_threadsafe(over.set)


_ALL: "weakref.WeakSet[Background]" = weakref.WeakSet()


def _end_all() -> None:
    """At the end of the interpreter, while threads still work."""
    for background in tuple(_ALL):
        background.close()


# `atexit` comes too late: by then the threads of executors are gone. Theirs are registered before (by the supervisor's
# imports), and so ended after.
threading._register_atexit(_end_all)  # type: ignore[attr-defined]  # what concurrent.futures itself uses
