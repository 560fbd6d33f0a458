"""What run and test share: a project, the chosen command, its inputs and the engine, ready for an execution."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.cli.inputs import Words, gather, read_secrets
from nova_spi.cli.showing import Showing
from nova_spi.cli.state import State

if TYPE_CHECKING:
    from nova_spi.engines.port import Engine, Image
    from nova_spi.engines.process.isolation.levels import Level
    from nova_spi.execution.records import ExecutionResult
    from nova_spi.project.folder import Folder
    from nova_spi.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """A project, or an image, and where it runs."""

    folder: "Folder"
    settings: "Settings"
    engine: "Engine"
    image: "Image | None" = None

    @classmethod
    def open(cls, said: str, engine: str | None, isolation: "Level | None", state: State) -> "Place":
        """Opens what ``said`` names: what stands on disk is a project; NAME:TAG or NAME@DIGEST is an image.

        An image that is not in the local store is fetched from its registry, which is shown.

        Args:
            said: The words of the command line.
            engine: The option's value; None takes the settings'.
            isolation: The least level to run at; None takes the strongest that the machine has.
            state: The global options, for what is shown.
        """
        from nova_spi.execution.choosing import choose_engine

        folder, settings, image = opened(said, engine, state)
        return cls(folder, settings, choose_engine(folder, settings, isolation, image), image)


def opened(said: str, engine: str | None, state: State) -> "tuple[Folder, Settings, Image | None]":
    """What `Place.open` opens, before it is known where it runs."""
    from nova_spi.execution.opening import open_image, stored
    from nova_spi.project.folder import open_folder
    from nova_spi.settings import Settings

    image = None
    if not Path(said).exists() and (":" in said or "@" in said):
        with Showing(state) as progress:
            image = stored(said, Settings.load(), progress)
    folder = open_folder(Path(said)) if image is None else open_image(image, Settings.load())
    return folder, Settings.load(folder.settings_root, engine=engine), image


@dataclass(frozen=True, slots=True)
class Call:
    """One execution to make."""

    place: Place
    command: str
    inputs: dict[str, Any]
    secrets: dict[str, str]

    @classmethod
    def make(cls, place: Place, command: str | None, words: Words) -> "Call":
        """Reads the words of the command line against the interface of ``command``."""
        from nova_spi.interface.compiled import compile_interface

        chosen = compile_interface(place.folder.manifest).command(command)
        files = frozenset(parameter.name for parameter in chosen.inputs if parameter.type == "file")
        return cls(place, chosen.name, gather(words, files), read_secrets(words.secrets))

    def execute(
        self, state: State, *, output: Path, timeout: float | None = None, keep: bool = False
    ) -> "ExecutionResult":
        """Runs it, showing progress."""
        from nova_spi.execution.run import execute

        with Showing(state) as progress:
            return execute(
                self.place.folder,
                command=self.command,
                inputs=self.inputs,
                secrets=self.secrets,
                timeout=timeout,
                engine=self.place.engine,
                settings=self.place.settings,
                progress=progress,
                output=output,
                keep=keep,
                image=self.place.image,
            )
