"""One command of a loaded model, compiled for many calls: from the frame of a call to the answer."""

from __future__ import annotations

from json import dumps

from .calling import Target
from .containers import any_json
from .errors import SPIError
from .failures import model_error, one_line
from .frames import ERROR, PIECE, RESULT, RESULTS
from .interrupting import Cancelled
from .json_text import write_json
from .outputs import check_outputs, plain
from .problems import Problems, ValueInvalid, listed
from .reading import reader
from .results import is_stream, to_outputs
from .values import from_json, to_json
from .writing import writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Optional

    from .calling import Shared
    from .channel import Channel
    from .manifests import Command
    from .output_folders import OutputFolders
    from .parameters import Parameter

    Answer = tuple[bytes, bytes]

_SCALARS = frozenset((str, int, float, bool, dict))


class _Outputs(dict[str, "Any"]):
    """Outputs by name: a result that has been read already."""


class Served:
    """One command whose entry point is a callable.

    Args:
        command: What the manifest says of it.
        shared: What all commands of the model share.
        channel: Where pieces of streams go.
        folders: Where files are; None where no command gives any.

    Raises:
        SPIError: ``model.error``; the entry point names nothing that can be called.
    """

    def __init__(self, command: Command, shared: Shared, channel: Channel, folders: Optional[OutputFolders]) -> None:
        self.command = command
        self.target = Target(str(command.entry_point["callable"]), command, shared)
        self.folders = folders if any(each.type == "file" for each in command.outputs) else None
        self._channel = channel
        self._names = [parameter.name for parameter in command.inputs]
        self._single = {parameter.name for parameter in command.inputs if parameter.single_file}
        self._pieces = {each.name: _of_piece(each) for each in command.outputs if each.type != "file"}
        self._read = reader(command.inputs)
        self._write = writer(command.outputs)

    def one(self, number: int, document: Mapping[str, Any]) -> Answer:
        """Answer one call.

        Raises:
            SPIError: It failed in a way that has a code.
            BaseException: Whatever the model raised.
        """
        values = self._inputs(document)
        call = self._stream if document.get("stream") else self._whole
        result = self._channel.interruption.run(number, call, values)
        self._stay()
        return RESULT, self._write(result) or self._outputs(result, str(number), document)

    def several(self, number: int, documents: list[Mapping[str, Any]]) -> Answer:
        """Answer several calls that the model takes together; each has its outputs, or its own error.

        Raises:
            SPIError: The model gave something else than a result for each.
            BaseException: Whatever the model raised; it is every call's error.
        """
        entries: list[Optional[bytes]] = [None] * len(documents)
        items: list[dict[str, Any]] = []
        asked = []
        for index, document in enumerate(documents):
            try:
                values = self._inputs(document)
            except SPIError as error:
                entries[index] = _entry_of(error)
                continue
            items.append({name: values.get(name) for name in self._names})
            asked.append(index)
        results = self._together(number, items) if items else []
        self._stay()
        for at, index in enumerate(asked):
            entries[index] = self._entry(results[at], f"{number}/{index}", documents[index])
        return RESULTS, b"[" + b",".join(entry for entry in entries if entry is not None) + b"]"

    def _inputs(self, document: Mapping[str, Any]) -> dict[str, Any]:
        try:
            values = self._read(document["inputs"])
        except ValueInvalid as invalid:
            count = len(invalid.problems)
            message = f"{count} problem{'s' * (count > 1)} with the inputs: {listed(invalid.problems)}"
            raise SPIError("input.invalid", message, invalid.problems) from None
        files = document.get("files")
        if files:
            from pathlib import Path

            for name, paths in files.items():
                if paths:
                    values[name] = Path(paths[0]) if name in self._single else [Path(path) for path in paths]
        return values

    def _whole(self, values: Mapping[str, Any]) -> Any:
        result = self.target(values, self._names)
        # The pieces of a generator are the model's code too, and are made while it may be interrupted.
        if type(result) not in _SCALARS and is_stream(result):
            return _Outputs(to_outputs(result, self.command.outputs))
        return result

    def _stream(self, values: Mapping[str, Any]) -> Any:
        result = self.target(values, self._names)
        return _Outputs(to_outputs(result, self.command.outputs, self._tell)) if is_stream(result) else result

    def _tell(self, piece: Mapping[str, Any]) -> None:
        found = {}
        for name, value in piece.items():
            typed = self._pieces[name](value) if name in self._pieces else None
            if typed is not None:
                found[name] = typed
        if found:
            self._channel.tell(PIECE, write_json(found).encode())

    def _outputs(self, result: Any, call: str, document: Mapping[str, Any], *, search: bool = True) -> bytes:
        outputs = result if type(result) is _Outputs else to_outputs(result, self.command.outputs)
        if self.folders is None:
            found, _ = check_outputs(self.command.outputs, outputs, lambda files, problems: {})
        else:
            given = [path for paths in (document.get("files") or {}).values() for path in paths]
            found = self.folders.outputs(self.command.outputs, outputs, call, given=given, search=search)
        return write_json({each.name: found[each.name] for each in self.command.outputs if each.name in found}).encode()

    def _together(self, number: int, items: list[dict[str, Any]]) -> list[Any]:
        batch = self.target.batch
        if batch is None:
            raise SPIError("model.error", f"'{self.target.reference}' has no predict_batch.")
        results: list[Any] = self._channel.interruption.run(number, self._batch, batch, items)
        if len(results) != len(items):
            message = f"'{self.target.reference}' got {len(items)} calls together and gave {len(results)} results."
            raise SPIError("model.error", message)
        return results

    def _batch(self, batch: Callable[..., Any], items: list[dict[str, Any]]) -> list[Any]:
        found = batch(items)
        found = list(self.target.shared.iterated(found)) if hasattr(found, "__aiter__") else found
        found = self.target.shared.waited(found)
        if isinstance(found, (str, bytes, dict)) or not hasattr(found, "__iter__"):
            message = f"'{self.target.reference}' must give a list of results to several calls, not {found!r:.80}."
            raise SPIError("model.error", message)
        return list(found)

    def _entry(self, result: Any, call: str, document: Mapping[str, Any]) -> bytes:
        try:
            if isinstance(result, BaseException):
                raise result
            outputs = self._write(result) or self._outputs(result, call, document, search=False)
        except Exception as exception:  # noqa: BLE001  # the model's own, of this one call
            return _entry_of(exception)
        return b'{"outputs":' + outputs + b"}"

    def _stay(self) -> None:
        """A child that the model has forked, and that has come back from the model's code, ends here."""
        if not self._channel.is_own():
            leave(0)


def leave(status: int) -> None:
    """End a forked child, with what it has written, and without anything that belongs to its parent."""
    import os
    import sys

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001,S112  # the child is over; its parent goes on
            continue
    os._exit(status)


def failed(exception: BaseException, *, cancelled: bool = False) -> Answer:
    """The answer to a call that ended in an exception; it never fails itself, whatever that exception is."""
    try:
        return ERROR, _error_text(_typed(exception, cancelled))
    except Exception:  # noqa: BLE001  # the exception's own methods, and the sources that its traceback quotes
        return ERROR, _error_text(SPIError("model.error", type(exception).__name__))


def _typed(exception: BaseException, cancelled: bool = False) -> SPIError:
    if cancelled or isinstance(exception, Cancelled):
        return SPIError("run.cancelled", "The call was cancelled.")
    if isinstance(exception, SPIError):
        return exception
    if isinstance(exception, SystemExit):
        code = exception.code
        message = code if isinstance(code, str) else f"The model ended itself with sys.exit({code!r:.80})."
        return SPIError("model.error", message)
    return model_error(exception)


def _entry_of(exception: BaseException) -> bytes:
    return b'{"error":' + _error_text(_typed(exception)) + b"}"


def _error_text(error: SPIError) -> bytes:
    document = error.to_dict()
    document["message"] = one_line(error.message)
    # Half a surrogate pair, as in the name of a file that is not UTF-8, must not lose us the error.
    return dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _of_piece(parameter: Parameter) -> Callable[[Any], Any]:
    """What types a piece of an output: the rules are for the whole, and what has no form in JSON is left out."""
    bare = parameter.replace(constraints={}, enum=None) if parameter.type == "string" else parameter
    element = parameter.items if parameter.type == "array" else bare

    def typed(piece: Any) -> Any:
        problems = Problems()
        try:
            value = plain(piece)
            if element is not None:
                return to_json(element, from_json(element, value))
        except (ValueInvalid, RecursionError):
            return None
        found = any_json(value, "", problems)
        return None if problems.found else found

    return typed
