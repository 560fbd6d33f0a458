"""`Runnable`: what a project and a container have in common, which is that both run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_spi.progress import Progress
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.checks.testing.report import TestReport
    from nova_spi.engines.port import Image
    from nova_spi.engines.process.isolation.levels import Level
    from nova_spi.execution.records import ExecutionResult
    from nova_spi.project.folder import Folder
    from nova_spi.sdk.loading import Model


class Runnable:
    """A model that can be run: its project, and the image that it runs in, if it is one."""

    _folder: "Folder"
    _image: "Image | None" = None

    def run(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        command: str | None = None,
        secrets: Mapping[str, str] | None = None,
        timeout: float | None = None,
        output: Path | str | None = None,
        engine: str | None = None,
        require_isolation: "Level | None" = None,
        progress: Progress | None = None,
    ) -> "ExecutionResult":
        """Runs the model once.

        Args:
            inputs: Values by name; of a file input a path, a glob, a folder, or a list of them.
            command: One of the manifest's commands; None takes the default one.
            secrets: Values of ``execution.secrets``, over those of the environment; an image that was loaded by its
                name gets none but these.
            timeout: Seconds; None takes the manifest's.
            output: A folder that receives ``output.json`` and the output files.
            engine: Where it runs; None takes the settings'.
            require_isolation: ``sandbox``, ``landlock`` or ``process``: the least to run at; None takes the strongest
                that the machine has, whatever it is.
            progress: Who listens.

        Returns:
            What came of it. A run that fails is a result too: ``ok`` is False and ``error`` says why.

        Raises:
            ManifestInvalid: The manifest has errors.
            UsageError: There is no such command, or a project has changes that are not saved.
            EngineUnavailable: The engine is not on this machine, or isolates less than what is required.
        """
        self._want_saved()
        from nova_spi.execution.choosing import choose_engine
        from nova_spi.execution.run import execute

        settings = self._settings(engine)
        return execute(
            self._folder,
            command=command,
            inputs=inputs,
            secrets=secrets,
            timeout=timeout,
            engine=choose_engine(self._folder, settings, require_isolation, self._image),
            settings=settings,
            progress=progress,
            output=None if output is None else Path(output),
            image=self._image,
        )

    def warm(
        self,
        *,
        engine: str | None = None,
        require_isolation: "Level | None" = None,
        workers: int | None = None,
        secrets: Mapping[str, str] | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> "Model":
        """Loads the model, to be called many times; `nova_spi.load` does the same by a path or a name.

            with project.warm() as model:
                print(model.predict(prompt="Hello, world!")["generated_text"])

        Args:
            engine: As for `run`.
            require_isolation: As for `run`.
            workers: How many calls it answers at once; None takes the manifest's.
            secrets: As for `run`.
            progress: Who listens.
            options: ``queue_size``, ``start_timeout`` and ``idle_seconds``, as for `nova_spi.load`.

        Raises:
            ManifestInvalid: The manifest has errors.
            UsageError: A project has changes that are not saved.
            EngineUnavailable, EnvironmentFailed, AssetUnavailable: It cannot run here.
            WorkerUnavailable: The model's own code could not be loaded.
        """
        self._want_saved()
        from nova_spi.sdk.loading import load_folder

        return load_folder(
            self._folder,
            self._settings(engine),
            self._image,
            require_isolation=require_isolation,
            workers=workers,
            secrets=secrets,
            progress=progress,
            **options,
        )

    def _cases(
        self,
        names: Sequence[str] | str = (),
        *,
        secrets: Mapping[str, str] | None = None,
        output: Path | str | None = None,
        engine: str | None = None,
        require_isolation: "Level | None" = None,
        progress: Progress | None = None,
    ) -> "TestReport":
        """Runs the manifest's test cases; see `nova_spi.Project.test`."""
        self._want_saved()
        from nova_spi.checks.testing.cases import run_cases
        from nova_spi.execution.choosing import choose_engine

        settings = self._settings(engine)
        return run_cases(
            self._folder,
            names=(names,) if isinstance(names, str) else names,
            secrets=secrets,
            engine=choose_engine(self._folder, settings, require_isolation, self._image),
            settings=settings,
            output=self._folder.root / "test_outputs" if output is None else Path(output),
            progress=progress,
            image=self._image,
        )

    def _settings(self, engine: str | None) -> Settings:
        return Settings.load(self._folder.settings_root, engine=engine)

    def _want_saved(self) -> None:
        """Refuses what is not as its file says."""
