"""Whether a model that is loaded is well: the manifest's own check, asked of a worker between two calls."""

from __future__ import annotations

from .calling import find
from .errors import SPIError
from .failures import model_error, one_line
from .json_text import write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .calling import Shared
    from .interrupting import Interruption

_TIMEOUT = 5.0  # the manifest's own default


class HealthQuestion:
    """The check of ``execution.health_check``; a model without one is well as long as it answers.

    Args:
        manifest: The manifest.
        shared: The model: ``pkg.mod:Class.method`` is asked of the instance that answers the calls.
    """

    def __init__(self, manifest: Mapping[str, Any], shared: Shared) -> None:
        check = (manifest.get("execution") or {}).get("health_check") or {}
        self._callable = str(check.get("callable") or "")
        self._command = check.get("command") or []
        self._timeout = float(check.get("timeout_seconds") or _TIMEOUT)
        self._shared = shared

    def answer(self, interruption: Interruption, number: int) -> bytes:
        """Ask, in the main thread, as the call of a number that may be interrupted.

        Returns:
            The payload of the answer: {ok, message}.

        Raises:
            Cancelled: It took too long for whoever has asked.
        """
        try:
            trouble = interruption.run(number, self._trouble)
        except SPIError as error:
            trouble = error.message
        except (Exception, SystemExit) as exception:  # noqa: BLE001  # whatever the check raises: the model is not well
            trouble = model_error(exception).message
        return write_json({"ok": not trouble, "message": one_line(trouble)}).encode("utf-8", "replace")

    def _trouble(self) -> str:
        from .health import check, trouble_of

        if self._callable:
            return trouble_of(self._shared.waited(self._function()()), self._callable)
        if isinstance(self._command, str):
            import shlex

            return check(shlex.split(self._command), self._timeout)
        return check([str(word) for word in self._command], self._timeout) if self._command else ""

    def _function(self) -> Any:
        reference, _, method = self._callable.rpartition(".")
        if reference in self._shared.instances:
            return getattr(self._shared.instances[reference], method)
        return find(self._callable)
