"""`load` and `Model`: a model that is loaded once and answers many calls, as an object.

    with nova_spi.load("my-model") as model:
        print(model.predict(prompt="Hello, world!")["generated_text"])

It is what `nova-spi serve` does, without HTTP: workers of their own, isolated, limited and ended as in every run. A
call that fails raises its error, and the next one works.
"""

import queue
import warnings
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nova_spi.errors import UsageError
from nova_spi.progress import Progress, Silent
from nova_spi.sdk.background import Background
from nova_spi.sdk.results import results, typing
from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi_runtime.problems import suggestion

if TYPE_CHECKING:
    from nova_spi.engines.port import Image
    from nova_spi.engines.process.isolation.levels import Level
    from nova_spi.project.folder import Folder
    from nova_spi.settings import Settings

Inputs = Mapping[str, Any]


class Command:
    """One command of a loaded model, with how it is called; see `Model.command`."""

    def __init__(
        self, background: Background, command: ServedCommand, timeout: float | None = None, output: Path | None = None
    ) -> None:
        self._background = background
        self._command = command
        self._timeout = timeout
        self._finish = results(command, background.plan.store, output)

    def __repr__(self) -> str:
        return f"<command {self.name} of {self._background.plan.name}>"

    @property
    def name(self) -> str:
        """Its name in the manifest."""
        return self._command.name

    def predict(self, inputs: Inputs | None = None, /, **more: Any) -> dict[str, Any]:
        """Calls the model and waits for its answer.

        Args:
            inputs: Values by name or dotted name; of a file input a path, a glob, a folder, or a list of them.
            more: The same as keywords; every keyword is an input.

        Returns:
            Typed values by name; a file output is a list of absolute paths. The files stay until the model is closed,
            or stand in the folder that `Model.command` was given.

        Raises:
            InputInvalid: With everything that is wrong with the inputs.
            ExecutionError: What the call failed with: `ModelError`, `WorkerCrashed`, `RunTimeout`, ...;
                ``details['log']`` is the end of what the model wrote.
            UsageError: The model is closed.
        """
        future = self.submit(inputs, **more)
        try:
            return future.result()
        except BaseException:  # Ctrl-C ends the call too; of one that has ended nothing is cancelled
            future.cancel()
            raise

    async def apredict(self, inputs: Inputs | None = None, /, **more: Any) -> dict[str, Any]:
        """`predict`, for a program with an event loop; cancelling it ends the call."""
        import asyncio

        return await asyncio.wrap_future(self.submit(inputs, **more))

    def submit(self, inputs: Inputs | None = None, /, **more: Any) -> "Future[dict[str, Any]]":
        """Calls the model and does not wait.

        As many calls run at once as the model has workers, the others wait in the order in which they came;
        ``queue_size`` of `load` bounds how many (`nova_spi.QueueFull`).

        Returns:
            A future of what `predict` returns or raises. ``cancel()`` works until it is done, and ends the call.
        """
        return self._background.submit(self._command, _merged(inputs, more), self._finish, timeout=self._timeout)

    def stream(self, inputs: Inputs | None = None, /, **more: Any) -> Iterator[dict[str, Any]]:
        """Calls a model that answers by pieces.

        Returns:
            The pieces as they come, each a value by the name of its output. A model that gives its answer at once has
            one piece, which is all of it. Whoever stops to listen (``break``) ends the call.

        Raises:
            ExecutionError: As `predict`, after the pieces that came before.
        """
        pieces: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        future = self._background.submit(
            self._command, _merged(inputs, more), self._finish, timeout=self._timeout, heard=pieces.put
        )
        future.add_done_callback(lambda _: pieces.put(None))
        return self._pieces(pieces, future)

    def _pieces(
        self, pieces: "queue.SimpleQueue[dict[str, Any] | None]", future: "Future[dict[str, Any]]"
    ) -> Iterator[dict[str, Any]]:
        typed, came = typing(self._command), False
        try:
            while (piece := pieces.get()) is not None:
                came = True
                yield typed(piece)
            whole = future.result()
            if not came:
                yield whole
        finally:
            future.cancel()


class Model(Command):
    """A model that is loaded; `load` makes one.

    It is a context, and everything of it goes at the end: workers, files, folders. Any thread may call it. It belongs
    to the process that loaded it: in a forked child every call is refused (`UsageError`).

    `predict`, `apredict`, `submit` and `stream` call the model's default command; `command` gives another one, or
    another deadline.
    """

    def __init__(self, background: Background) -> None:
        super().__init__(background, background.plan.default)
        self._plan: Plan = background.plan
        self._end = weakref.finalize(self, _forgotten, background, repr(self))
        self._end.atexit = False  # `background` sees to that itself, and earlier

    def __repr__(self) -> str:
        return f"<model {self._plan.name} {self._plan.version}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def commands(self) -> tuple[str, ...]:
        """The names of its commands, the default one first."""
        return tuple(self._plan.commands)

    @property
    def version(self) -> str:
        """The model's version."""
        return self._plan.version

    @property
    def closed(self) -> bool:
        """Whether it takes no more calls."""
        return self._background.closed

    def command(
        self, name: str | None = None, *, timeout: float | None = None, output: Path | str | None = None
    ) -> Command:
        """A command, with how it is called.

            model.command(timeout=5).predict(prompt="Hello")
            model.command("describe", output="out").predict(picture="cat.png")

        Args:
            name: One of the manifest's; None is the default one.
            timeout: Seconds for each call, from when a worker takes it; None takes the manifest's.
            output: A folder that receives output files; what has the same name there is replaced.

        Raises:
            UsageError: There is no such command.
        """
        commands = self._plan.commands
        if name is not None and name not in commands:
            raise UsageError(
                f"The model has no command {name!r}{suggestion(name, commands)}.", mend=f"It has: {', '.join(commands)}"
            )
        chosen = self._plan.default if name is None else commands[name]
        return Command(self._background, chosen, timeout, None if output is None else Path(output).absolute())

    def health(self) -> dict[str, Any]:
        """How it is at this moment: ``status``, ``ready``, ``queue_depth``, ``in_flight``, and each of its workers."""
        return self._background.health()

    def close(self) -> None:
        """Ends it, and waits until nothing is left of it; calls that are going on fail. Twice does no harm."""
        self._end.detach()
        self._background.close()


def load(
    path: Path | str = ".",
    *,
    engine: str | None = None,
    require_isolation: "Level | None" = None,
    workers: int | None = None,
    secrets: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    queue_size: int = 1000,
    start_timeout: float = 600.0,
    idle_seconds: float | None = None,
) -> Model:
    """Loads a model, to be called many times.

        with nova_spi.load("my-model") as model:
            print(model.predict(prompt="Hello, world!")["generated_text"])

    Args:
        path: A project's folder, its manifest, or the name of an image (``my-model:1.0.0``, ``NAME@sha256:...``).
        engine: Where it runs; None takes the settings'.
        require_isolation: ``sandbox``, ``landlock`` or ``process``: the least to run at; None takes the strongest that
            the machine has, whatever it is.
        workers: How many calls it answers at once; None takes the manifest's.
        secrets: Values of ``execution.secrets``, over those of the environment.
        progress: Hears of the stages, warnings, and what the model writes; in threads of ours.
        queue_size: How many calls may wait.
        start_timeout: Seconds that it may take to load.
        idle_seconds: After so long without a call the workers end, until the next one; None is never.

    Raises:
        ManifestUnreadable: There is no manifest.
        ManifestInvalid: It has errors.
        UsageError: A secret is given that the manifest does not name.
        EngineUnavailable, EnvironmentFailed, AssetUnavailable: It cannot run here.
        WorkerUnavailable: The model's own code could not be loaded.
    """
    from nova_spi.execution.opening import open_image, stored
    from nova_spi.project.folder import open_folder
    from nova_spi.settings import Settings

    image = None
    if not Path(path).exists() and isinstance(path, str) and (":" in path or "@" in path):
        image = stored(path, Settings.load(), progress)
    folder = open_folder(path) if image is None else open_image(image, Settings.load())
    return load_folder(
        folder,
        Settings.load(folder.settings_root, engine=engine),
        image,
        require_isolation=require_isolation,
        workers=workers,
        secrets=secrets,
        progress=progress,
        queue_size=queue_size,
        start_timeout=start_timeout,
        idle_seconds=idle_seconds,
    )


def load_folder(
    folder: "Folder",
    settings: "Settings",
    image: "Image | None" = None,
    *,
    require_isolation: "Level | None" = None,
    workers: int | None = None,
    secrets: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    queue_size: int = 1000,
    start_timeout: float = 600.0,
    idle_seconds: float | None = None,
) -> Model:
    """`load`, for what has been opened already."""
    from nova_spi.execution.choosing import choose_engine
    from nova_spi.serving.preparing.plans import prepare

    chosen = choose_engine(folder, settings, require_isolation, image)
    plan = prepare(
        folder,
        engine=chosen,
        settings=settings,
        workers=workers,
        secrets=secrets,
        image=image,
        progress=progress or Silent(),
        queue_size=queue_size,
        start_timeout_seconds=start_timeout,
        idle_seconds=idle_seconds,
    )
    background = Background(plan, chosen, progress)
    if progress is not None:
        progress.stage("load")
    background.start()
    return Model(background)


def _merged(inputs: Inputs | None, more: Inputs) -> Inputs:
    """Both ways in which inputs are given; a keyword wins."""
    if inputs is None:
        return more
    if not isinstance(inputs, Mapping):
        raise UsageError(
            "Inputs are given by name.",
            why=f"What was given is of the type {type(inputs).__name__}.",
            mend='model.predict(prompt="Hello") or model.predict({"prompt": "Hello"})',
        )
    return {**inputs, **more}


def _forgotten(background: Background, shown: str) -> None:
    """Nobody holds the model any more, and nobody has closed it; this may run in any thread, so it does not wait."""
    warnings.warn(f"unclosed {shown}", ResourceWarning, stacklevel=2)
    background.end()
