"""``python -m nova_spi_runtime.worker``: a model that is loaded once and answers many calls. See `frames` for the wire.

The main thread runs the model, one call after the other; a second thread waits for what is to be cancelled. Nothing
that a model does to its own process outlasts its call: see `surroundings`. A model that ends the process ends the
worker, and its supervisor starts another one; a call that leaves too little for the next one does so too: see
`leaving`. With ``SPI_WORKER_PROCESS_PER_CALL=1`` every call has a process of its
own instead: see `forking`.
"""

from __future__ import annotations

import os
import sys
import time
from json import loads

from . import frames, progressing
from .calling import Shared
from .channel import ABANDONED_SECONDS, Channel, end_within
from .errors import SPIError
from .forking import VARIABLE as FORKS
from .forking import Forks
from .health_question import HealthQuestion
from .json_text import write_json
from .leaving import ALONE, FULL, Children, is_full
from .manifests import all_commands, find_manifest, load_manifest, work_dir_of
from .places import Places
from .serving_calls import Served, failed, leave
from .surroundings import Surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Optional

    from .manifests import Command
    from .output_folders import OutputFolders
    from .serving_calls import Answer


def main() -> int:
    """Serve until the supervisor has gone.

    Returns:
        The exit status: 1 where the model cannot be loaded.
    """
    where = os.environ.pop(frames.VARIABLE, "")
    if not where:
        sys.stderr.write(f"spi: {frames.VARIABLE} is not set: a worker is started by a supervisor.\n")
        return 1
    channel = Channel.take(where)
    try:
        worker = Worker(channel)
    except BaseException as exception:  # noqa: BLE001  # whatever the model does while it is loaded is its error
        if not channel.is_own():
            leave(1)
        kind, payload = failed(exception)
        _show(payload)
        channel.answer(kind, 0, payload)
        return 1
    status = worker.serve()
    end_within(ABANDONED_SECONDS)
    return status


class Worker:
    """A loaded model and its wire.

    Args:
        channel: The wire; nothing has been said yet.

    Raises:
        SPIError: The manifest or an entry point cannot be used.
        BaseException: Whatever the model raises while it is loaded.
    """

    def __init__(self, channel: Channel) -> None:
        began = time.monotonic()
        self._channel = channel
        self._surroundings = Surroundings(channel.log)
        path = find_manifest()
        places = Places(work_dir_of(path))
        os.chdir(places.work_dir)
        _put_first(places.work_dir)
        manifest = load_manifest(path)
        commands = [each for each in all_commands(manifest, path).values() if each.entry_point.get("callable")]
        if not commands:
            raise SPIError("manifest.unreadable", f"{path} has no command whose entry point is a callable.")
        self._shared = Shared()
        channel.interruption.soft = self._shared.cancel
        self._folders = _folders(commands, places)
        self._served = {each.name: Served(each, self._shared, channel, self._folders) for each in commands}
        self._health = HealthQuestion(manifest, self._shared)
        if self._folders is not None:
            self._folders.begin()
        self._unswept = self._touched = False
        self._children = Children()
        self._last_words = ""
        self._forks = Forks(channel, self._shared) if os.environ.get(FORKS) == "1" else None
        self._surroundings.keep(places.work_dir)
        self._surroundings.restore()
        self._setup_seconds = time.monotonic() - began

    def serve(self) -> int:
        """Say that it is ready, and answer frame by frame until there are no more.

        Returns:
            The exit status.
        """
        channel = self._channel
        channel.interruption.install()
        if self._forks is None:
            channel.listen()
        receive = channel.receive if self._forks is None else self._forks.receive
        progressing.listen(self._progress)
        try:
            channel.answer(frames.READY, 0, write_json(self._ready()).encode())
            while True:
                frame = receive()
                if frame is None:
                    return 0
                self._serve(*frame)
        except OSError:
            return 0  # the supervisor has gone in the middle of a word
        finally:
            progressing.listen(None)

    def _serve(self, kind: bytes, number: int, payload: bytes) -> None:
        self._channel.open = number
        if self._forks is None:
            answer = self._answer(kind, number, payload)
        else:
            answer = self._forks.answer(number, lambda: self._answer(kind, number, payload))
            self._unswept = True
        self._channel.answer(answer[0], number, answer[1])
        if self._last_words:
            # A call that is on its way already is not read: the supervisor gives it to the next worker.
            sys.stderr.write(self._last_words)
            leave(1)
        if self._unswept and self._folders is not None:
            self._folders.sweep(0 if answer[0] == frames.ERROR else number)
            self._unswept = False

    def _answer(self, kind: bytes, number: int, payload: bytes) -> Answer:
        """What becomes of one frame, and everything ready for the next one."""
        self._channel.interruption.hit = False
        answer = self._tried(kind, number, payload)
        if self._channel.interruption.hit and self._children.stay():
            self._last_words = ALONE
        self._surroundings.restore()
        self._channel.interruption.install()
        if len(answer[1]) > frames.MAX_PAYLOAD:
            answer = failed(SPIError("output.invalid", f"The outputs are {len(answer[1])} bytes of JSON: give files."))
        if answer[0] == frames.ERROR:
            _show(answer[1])
        return answer

    def _tried(self, kind: bytes, number: int, payload: bytes) -> Answer:
        try:
            if kind == frames.CALL:
                document = loads(payload)
                served = self._begin(document, document["id"], document.get("timeout_seconds"))
                return served.one(number, document)
            if kind == frames.BATCH:
                document = loads(payload)
                calls = document["calls"]
                limits = [call["timeout_seconds"] for call in calls if call.get("timeout_seconds") is not None]
                served = self._begin(document, ",".join(call["id"] for call in calls), min(limits, default=None))
                return served.several(number, calls)
            if kind == frames.HEALTH:
                return frames.WELL, self._health.answer(self._channel.interruption, number)
            raise frames.FrameInvalid(f"A worker takes no frame of kind {kind!r}.")
        except BaseException as exception:  # noqa: BLE001  # whatever the model raises is this call's error alone
            if not self._channel.is_own():
                _show(failed(exception)[1])
                leave(1)
            if is_full(exception):
                self._last_words = FULL
            return failed(exception, cancelled=self._channel.interruption.hit)

    def _begin(self, document: Mapping[str, Any], identifier: str, timeout: Any) -> Served:
        name = document["command"]
        served = self._served.get(name)
        if served is None:
            raise SPIError("input.invalid", f"No worker answers the command '{name}'.")
        self._surroundings.announce(identifier, name, timeout)
        progressing.begin()
        if served.folders is None:
            self._touched = True
        elif self._touched:
            # A command without files may have left some where those of this one are looked for.
            served.folders.sweep(0)
            self._touched = False
        self._unswept = served.folders is not None
        return served

    def _ready(self) -> dict[str, Any]:
        return {
            "protocol": frames.PROTOCOL,
            "pid": os.getpid(),
            "python": ".".join(map(str, sys.version_info[:3])),
            "setup_seconds": round(self._setup_seconds, 6),
            "batch": [name for name, served in self._served.items() if served.target.batch is not None],
        }

    def _progress(self, fraction: Optional[float], message: str) -> bool:
        try:
            report = write_json({"fraction": fraction, "message": message})
            return self._channel.tell(frames.PROGRESS, report.encode("utf-8", "replace"))
        except OSError:
            return True  # the supervisor has gone, and nobody else reads it


def _folders(commands: list[Command], places: Places) -> Optional[OutputFolders]:
    files = [each for command in commands for each in command.outputs if each.type == "file"]
    if not files:
        return None
    from .output_folders import OutputFolders

    return OutputFolders(places, files)


def _put_first(folder: str) -> None:
    """Make the model's folder the first place that modules are found in; ``-m`` put the current one there."""
    if sys.path and sys.path[0] in ("", os.getcwd()):
        sys.path.pop(0)
    sys.path.insert(0, folder)


def _show(payload: bytes) -> None:
    """The error stands in the log too, where a run has it."""
    error = loads(payload)
    try:
        sys.stdout.flush()
        sys.stderr.write(error["traceback"] or f"spi: {error['code']}: {error['message']}\n")
        sys.stderr.flush()
    except Exception:  # noqa: BLE001  # the stream may be the model's own, and the error is told otherwise too
        return


if __name__ == "__main__":
    sys.exit(main())
