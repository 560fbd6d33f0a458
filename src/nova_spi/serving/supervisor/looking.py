"""What output files hold, against what the manifest says of it: looked into where a hostile file harms nobody."""

from collections.abc import Mapping

from nova_spi.errors import ExecutionError, ExtraMissing
from nova_spi.serving.accepting.probing import Prober, asked_of
from nova_spi.serving.calls import OutputFile
from nova_spi.serving.plan import ServedCommand
from nova_spi.serving.supervisor.answers import invalid_output


class Looking:
    """The process that looks into output files, while there are some."""

    def __init__(self) -> None:
        self._prober = Prober()

    async def into(self, command: ServedCommand, files: Mapping[str, tuple[OutputFile, ...]]) -> ExecutionError | None:
        """What is wrong with the files of one call; None where nothing is, or nobody asks."""
        problems: list[tuple[str, str]] = []
        for parameter in command.file_outputs:
            several = files.get(parameter.name, ())
            if not several or not (parameter.mime_types or parameter.domain_specific):
                continue
            asked = [(str(file.path), file.path.name) for file in several]
            try:
                found = await self._prober.ask(parameter, asked_of(asked), len(asked))
            except ExtraMissing:
                continue  # as in a run: what cannot be looked into is let through
            problems += [(path, message) for path, message in found["problems"]]
            if not found["problems"] and len(found["files"]) < len(asked):
                problems.append((parameter.name, "; ".join(found["warnings"]) or "a file is of another type"))
        return invalid_output(problems) if problems else None

    async def close(self) -> None:
        """Ends the process."""
        await self._prober.close()
