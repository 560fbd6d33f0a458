"""The contents of BYTES tensors as the files of a call."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nova_spi.serving.accepting.inputs import Acceptor
from nova_spi.serving.accepting.intake import Intake
from nova_spi.serving.calls import InputFile
from nova_spi.serving.plan import Plan, ServedCommand

Contents = Mapping[str, Sequence[bytes]]
"""By file input, the content of each of its files."""


@contextmanager
def folder_for(plan: Plan) -> Iterator[Path]:
    """A folder of the server's own for the files of one call; what is left in it goes in the end."""
    with tempfile.TemporaryDirectory(prefix="tensors-", dir=plan.folder, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


async def stored(
    acceptor: Acceptor, command: ServedCommand, contents: Contents, folder: Path
) -> Mapping[str, tuple[InputFile, ...]]:
    """Writes contents to files, and has them checked; a tensor brings no names, so they are made up by content.

    Raises:
        UsageError: A file is too large, or there are too many.
        InputInvalid: A file is not what its parameter asks for.
    """
    intake = Intake(folder, command, acceptor.max_file_bytes)
    await asyncio.to_thread(_write, intake, command, contents)
    return await acceptor.files(command, intake.taken())


def _write(intake: Intake, command: ServedCommand, contents: Contents) -> None:
    try:
        for parameter in command.file_inputs:
            for content in contents.get(parameter.name, ()):
                intake.begin(parameter, "").write(content)
    finally:
        intake.end()
