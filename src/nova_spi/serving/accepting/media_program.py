"""The process that looks into files for a server: ``python -m nova_spi.serving.accepting.media_program``.

Decoders meet hostile files here, with bounds on memory and time, and nothing to lose: no secrets, no sockets. One line
of JSON comes for each parameter with files, and one goes back. The end of the input, or an idle parent's silence, ends
it; an alarm ends it even where a decoder never returns.

A request is {parameter, files: [{path, name}]}; a name may be empty, and is then made up by content. Or, for callers on
this machine, {parameter, value, base}, where the value is what `nova_spi.interface.files.resolve_files` takes. The
answer is {files: [{path, name}], problems: [[path, message]], warnings}, {failed: the error as JSON}, or
{unreadable: why} where a reader gave up in a way that it should not.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from nova_spi.errors import NovaSpiError
from nova_spi.interface.candidates import Candidate, Findings, find_candidates, named
from nova_spi.interface.facts import MediaProblem
from nova_spi.interface.files import ResolvedFiles, check_files
from nova_spi.interface.media import sniff
from nova_spi.serving.accepting.media_names import made_up
from nova_spi_runtime.parameters import Parameter

MEMORY_BYTES = 3 * 1024**3
"""Of address space: the largest picture that is looked at is half a GiB once decoded, and Pillow may hold it thrice."""


def main() -> None:
    """Answers requests until the input ends; the first argument is how many seconds one file may take."""
    replies = FileIO(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)  # what a library prints must not stand between the answers
    _bound()
    serve(sys.stdin.buffer, replies, float(sys.argv[1]))


def _bound() -> None:
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 1024 * 1024),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Control-C is the parent's to judge


def serve(requests: BinaryIO, replies: FileIO, seconds: float) -> None:
    """Answers each line of ``requests`` with one line.

    Args:
        requests: Where they come from.
        replies: Where the answers go.
        seconds: The alarm rings after so long for each file, and ends the process.
    """
    for line in requests:
        request = json.loads(line)
        files = max(1, len(request.get("files", ())))
        signal.setitimer(signal.ITIMER_REAL, seconds * files)
        answer = json.dumps(_answer(request)).encode() + b"\n"
        signal.setitimer(signal.ITIMER_REAL, 0)
        view = memoryview(answer)
        while view:
            view = view[replies.write(view) :]


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        parameter = Parameter.from_dict(request["parameter"])
        found = Findings(parameter.name)
        if "files" in request:
            candidates = _named(parameter, request["files"], found)
        else:
            candidates = find_candidates(parameter, request["value"], Path(request["base"]), found)
        return _told(check_files(parameter, candidates, found), candidates)
    except NovaSpiError as error:
        return {"failed": error.to_dict()}
    except MemoryError:
        return {"unreadable": "it fills the memory"}
    except Exception as error:  # noqa: BLE001  # a decoder may raise anything, and that is an answer
        return {"unreadable": type(error).__name__}


def _named(parameter: Parameter, files: Sequence[dict[str, str]], found: Findings) -> list[Candidate]:
    candidates = []
    for index, file in enumerate(files):
        path = Path(file["path"])
        candidate = named(parameter, file["name"] or _made_up(parameter, path, index), path, found)
        if candidate is not None:
            candidates.append(candidate)
    return candidates


def _made_up(parameter: Parameter, path: Path, index: int) -> str:
    try:
        return made_up(parameter, sniff(path), index)
    except MediaProblem:  # it cannot be read, and the check says so
        return path.name


def _told(found: ResolvedFiles, candidates: Sequence[Candidate]) -> dict[str, Any]:
    names = {candidate.source: candidate.relative for candidate in candidates}
    return {
        "files": [{"path": str(file.source), "name": names[file.source]} for file in found.files],
        "problems": [list(problem) for problem in found.problems],
        "warnings": list(found.warnings),
    }


if __name__ == "__main__":
    main()
