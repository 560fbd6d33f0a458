"""Calling a model's own code: the entry point `callable`, with its inputs as keyword arguments."""

from __future__ import annotations

import importlib
from contextlib import suppress

from .errors import SPIError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from .manifests import Command

_PLAIN = frozenset((str, int, float, bool, dict, list, type(None)))


class Shared:
    """What the entry points of one process share: one instance of each class, set up once, and one event loop.

    Attributes:
        instances: By the reference of their class.
    """

    def __init__(self) -> None:
        self.instances: dict[str, Any] = {}
        self._loop: AbstractEventLoop | None = None
        self._task: Task[Any] | None = None

    def instance(self, reference: str, kind: type[Any]) -> Any:
        """The one instance of a class; the first who asks makes it and runs its ``setup``."""
        if reference not in self.instances:
            made = kind()
            if callable(getattr(made, "setup", None)):
                self.waited(made.setup())
            self.instances[reference] = made
        return self.instances[reference]

    def waited(self, result: Any) -> Any:
        """What was waited for, where the result is something to wait for."""
        return self._run(result) if hasattr(result, "__await__") else result

    def iterated(self, pieces: Any) -> Iterator[Any]:
        """An asynchronous generator as a plain one."""
        pieces = pieces.__aiter__()
        try:
            while True:
                try:
                    piece = self._run(pieces.__anext__())
                except StopAsyncIteration:
                    return
                yield piece
        finally:
            if self._loop is not None and hasattr(pieces, "aclose"):
                self._run(pieces.aclose())

    def cancel(self, *, inside: bool) -> bool:
        """Cancel what is waited for just now, without raising anything in a running event loop.

        To be said in the thread of the loop, as a signal's handler is.

        Args:
            inside: Whether that thread is in code of the model, not of the loop.

        Returns:
            False where there is nothing to cancel so: no loop is running, or it is the model's code for this very call
            that keeps it from going on.
        """
        loop, task = self._loop, self._task
        if loop is None or task is None or not loop.is_running():
            return False
        from asyncio import current_task

        if inside and current_task(loop) is task:
            return False
        # Not `task.cancel()` alone: the loop may be asleep, and only this wakes it.
        loop.call_soon_threadsafe(task.cancel)
        return True

    def forget_loop(self) -> None:
        """Use a new event loop from now on: in a forked child the old one is the parent's too."""
        self._loop = self._task = None

    def close(self) -> None:
        """Let go of the event loop, if one was needed."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def _run(self, awaitable: Any) -> Any:
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        task = self._task = self._loop.create_task(_wait(awaitable))
        try:
            return self._loop.run_until_complete(task)
        except BaseException:  # also Ctrl-C: put in order, and raised again
            if not task.done():
                # The loop was interrupted from outside. What was going on must not go on during the next call.
                task.cancel()
                self._loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
            raise
        finally:
            self._task = None


class Target:
    """What a command calls: a function, or the method of one instance of a class whose ``setup`` has run once.

    Args:
        reference: ``pkg.mod:function`` or ``pkg.mod:Class``.
        command: The command; of a class it names the method, ``-`` as ``_``, and ``predict`` for the default.
        shared: What it shares with other targets.

    Attributes:
        function: The function or the bound method.
        batch: What takes several calls together: beside ``predict`` the method or function ``predict_batch``, or None.
            It gets a list with a dict of the inputs for each call, and gives a list with the result of each.

    Raises:
        SPIError: ``model.error``; the reference names nothing that can be called.
    """

    def __init__(self, reference: str, command: Command, shared: Shared | None = None) -> None:
        self.reference = reference
        self.shared = shared = shared or Shared()
        found = find(reference)
        batch = None
        if isinstance(found, type):
            instance = shared.instance(reference, found)
            name = _method(instance, reference, command)
            found, batch = getattr(instance, name), getattr(instance, f"{name}_batch", None)
        elif callable(found):
            with suppress(SPIError):
                batch = find(f"{reference}_batch")
        if not callable(found):
            raise SPIError("model.error", f"The entry point '{reference}' cannot be called.")
        self.function: Callable[..., Any] = found
        self.batch: Callable[..., Any] | None = batch if callable(batch) else None
        self._needs: frozenset[str] | None = None

    def __call__(self, values: Mapping[str, Any], names: Iterable[str]) -> Any:
        """Call it with the values; of the other ``names``, those that it needs are None.

        A coroutine is awaited, an asynchronous generator becomes a plain one.
        """
        absent = [name for name in names if name not in values]
        arguments = {**values, **dict.fromkeys(self._needed(absent))} if absent else values
        try:
            result = self.function(**arguments)
        except TypeError as problem:
            trace = problem.__traceback__
            if trace is not None and trace.tb_next is None:
                # It never began: the arguments do not fit the function.
                raise SPIError("model.error", f"'{self.reference}' does not take its inputs: {problem}.") from problem
            raise
        if type(result) in _PLAIN:
            return result
        return self.shared.iterated(result) if hasattr(result, "__aiter__") else self.shared.waited(result)

    def _needed(self, absent: Iterable[str]) -> list[str]:
        """Of the inputs that were not given, those that the function has no default for."""
        if self._needs is None:
            self._needs = _without_default(self.function)
        return [name for name in absent if name in self._needs]

    def close(self) -> None:
        """Let go of the event loop, if one was needed."""
        self.shared.close()


async def _wait(awaitable: Any) -> Any:
    return await awaitable


def find(reference: str) -> Any:
    """What ``pkg.mod:name`` names.

    Raises:
        SPIError: ``model.error``; the module has no such name.
    """
    module, _, path = reference.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name, None)
        if found is None:
            raise SPIError("model.error", f"The entry point '{reference}' is not there: {module} has no '{path}'.")
    return found


def _method(instance: Any, reference: str, command: Command) -> str:
    own = command.name.replace("-", "_")
    names = ("predict", own) if command.default else (own,)
    for name in names:
        if callable(getattr(instance, name, None)) and not name.startswith("__"):
            return name
    raise SPIError("model.error", f"The class '{reference}' has no method '{names[0]}'.")


def _without_default(function: Callable[..., Any]) -> frozenset[str]:
    from inspect import Parameter, signature

    try:
        known = signature(function).parameters
    except (TypeError, ValueError):
        return frozenset()  # Some built-in functions do not say what they take.
    return frozenset(name for name in known if known[name].default is Parameter.empty)
