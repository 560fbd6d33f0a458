"""Calling a model's own code: the entry point `callable`, with its inputs as keyword arguments."""

from __future__ import annotations

import importlib

from .errors import SPIError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from .manifests import Command


class Target:
    """What a command calls: a function, or the method of one instance of a class whose ``setup`` has run once.

    Args:
        reference: ``pkg.mod:function`` or ``pkg.mod:Class``.
        command: The command; of a class it names the method, ``-`` as ``_``, and ``predict`` for the default.

    Raises:
        SPIError: ``model.error``; the reference names nothing that can be called.
    """

    def __init__(self, reference: str, command: Command) -> None:
        self.reference = reference
        self._loop: AbstractEventLoop | None = None
        found = find(reference)
        if isinstance(found, type):
            found = found()
            if callable(getattr(found, "setup", None)):
                self._waited(found.setup())
            found = _method(found, reference, command)
        if not callable(found):
            raise SPIError("model.error", f"The entry point '{reference}' cannot be called.")
        self.function: Callable[..., Any] = found

    def __call__(self, values: Mapping[str, Any], names: Iterable[str]) -> Any:
        """Call it with the values; of the other ``names``, those that it needs are None.

        A coroutine is awaited, an asynchronous generator becomes a plain one.
        """
        absent = [name for name in names if name not in values]
        arguments = {**values, **dict.fromkeys(_needed(self.function, absent))}
        try:
            result = self.function(**arguments)
        except TypeError as problem:
            trace = problem.__traceback__
            if trace is not None and trace.tb_next is None:
                # It never began: the arguments do not fit the function.
                raise SPIError("model.error", f"'{self.reference}' does not take its inputs: {problem}.") from problem
            raise
        return self._iterated(result) if hasattr(result, "__aiter__") else self._waited(result)

    def close(self) -> None:
        """Let go of the event loop, if one was needed."""
        if self._loop is not None:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _waited(self, result: Any) -> Any:
        return self._run(result) if hasattr(result, "__await__") else result

    def _iterated(self, result: Any) -> Iterator[Any]:
        pieces = result.__aiter__()
        while True:
            try:
                yield self._run(pieces.__anext__())
            except StopAsyncIteration:
                return

    def _run(self, awaitable: Any) -> Any:
        if self._loop is None:
            import asyncio

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop.run_until_complete(_wait(awaitable))


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


def _method(instance: Any, reference: str, command: Command) -> Any:
    own = command.name.replace("-", "_")
    names = ("predict", own) if command.default else (own,)
    for name in names:
        found = getattr(instance, name, None)
        if callable(found) and not name.startswith("__"):
            return found
    raise SPIError("model.error", f"The class '{reference}' has no method '{names[0]}'.")


def _needed(function: Callable[..., Any], absent: Iterable[str]) -> list[str]:
    """Of the inputs that were not given, those that the function has no default for."""
    names = list(absent)
    if not names:
        return []
    from inspect import Parameter, signature

    try:
        known = signature(function).parameters
    except (TypeError, ValueError):
        return []  # Some built-in functions do not say what they take.
    return [name for name in names if name in known and known[name].default is Parameter.empty]
