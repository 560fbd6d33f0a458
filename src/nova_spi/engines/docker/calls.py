"""Requests to a daemon that may never answer: each in a thread, so that the caller can stop waiting."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Call(Generic[T]):
    """One request on its way.

    Args:
        request: What is asked; its result or its error is kept.
    """

    def __init__(self, request: Callable[[], T]) -> None:
        self._request = request
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._done = threading.Event()
        # Nobody waits for it where the daemon hangs, the interpreter's end neither.
        threading.Thread(target=self._work, name="nova-spi-docker", daemon=True).start()

    @property
    def done(self) -> bool:
        """Whether the answer is there, or an error."""
        return self._done.is_set()

    @property
    def succeeded(self) -> bool:
        """Whether the answer is there, and no error."""
        return self.done and self._error is None

    def wait(self, seconds: float) -> bool:
        """Waits for the answer; False where it is not there yet."""
        return self._done.wait(max(0.0, seconds))

    def result(self) -> T:
        """The answer of a request that is `done`; raises what the request raised."""
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _work(self) -> None:
        try:
            self._result.append(self._request())
        except BaseException as error:  # noqa: BLE001  # it belongs to whoever asks for the result
            self._error = error
        finally:
            self._done.set()
