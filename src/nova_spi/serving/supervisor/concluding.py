"""What a worker answered, made into outputs and files; all of it runs in a thread, and raises nothing."""

import json
from collections.abc import Sequence
from typing import Any

from nova_spi.errors import ExecutionError, ModelError
from nova_spi.serving.calls import OutputFile
from nova_spi.serving.collecting import Collecting
from nova_spi.serving.plan import Plan, Slot
from nova_spi.serving.supervisor import reasons
from nova_spi.serving.supervisor.answers import json_in, outputs_in
from nova_spi.serving.supervisor.served import Served

CALLS = "calls"
"""Below the model's folder: the folders of calls with their output files."""

Answer = tuple[bytes, dict[str, tuple[OutputFile, ...]]]
Concluded = ExecutionError | Answer | None


class Concluding:
    """Reads the answer of one turn.

    Args:
        served: The command.
        plan: Where the files of executions go.
        slot: Where they come from.
        places: Of each call, the names of its folder below that of all calls.
        ids: Of each call, the execution's id; None where nobody waits for it any more.
    """

    def __init__(
        self, served: Served, plan: Plan, slot: Slot, places: Sequence[tuple[str, ...]], ids: Sequence[str | None]
    ) -> None:
        self._served = served
        self._plan = plan
        self._slot = slot
        self._places = places
        self._ids = ids

    def one(self, payload: bytes) -> list[Concluded]:
        """Of ``R``: outputs and files, or why there are none."""
        try:
            found = self._answer(outputs_in(payload), 0)
        except ExecutionError as error:
            return [error]
        if isinstance(found, tuple) and not self._served.command.file_outputs:
            return [(payload, {})]  # as it came: there is no need to write it once more
        return [found]

    def several(self, payload: bytes) -> list[Concluded]:
        """Of ``S``: the same for each call, in their order."""
        try:
            found = json_in(payload)
        except ExecutionError as error:
            return [error] * len(self._ids)
        if not isinstance(found, list) or len(found) != len(self._ids):
            return [ModelError("The model's process did not give one result for each call of a batch.")] * len(
                self._ids
            )
        return [self._item(item, index) for index, item in enumerate(found)]

    def _item(self, item: Any, index: int) -> Concluded:
        if isinstance(item, dict) and isinstance(item.get("outputs"), dict):
            return self._answer(item["outputs"], index)
        told = item.get("error") if isinstance(item, dict) else None
        return reasons.of_dict(told if isinstance(told, dict) else {})

    def _answer(self, outputs: dict[str, Any], index: int) -> Concluded:
        identity = self._ids[index]
        if identity is None:
            return None
        command = self._served.command
        try:
            values = self._served.answers.checked(outputs)
            files: dict[str, tuple[OutputFile, ...]] = {}
            if command.file_outputs:
                place = (CALLS, *self._places[index])
                values, files = Collecting(self._slot.work, place, self._plan.store / identity).collect(command, values)
            return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"), files
        except Exception as error:  # noqa: BLE001  # whatever a model has made up, it is one failed call
            return reasons.of_exception(error)
