"""`Project`: a model on disk as one object, and the two functions that need no object."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nova_spi.errors import UsageError
from nova_spi.progress import Progress
from nova_spi.project.folder import Folder, open_folder
from nova_spi.sdk.changes import Changes
from nova_spi.sdk.running import Runnable
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.checks.testing.report import TestReport
    from nova_spi.checks.validation.report import ValidationReport
    from nova_spi.engines.process.isolation.levels import Level
    from nova_spi.execution.records import ExecutionResult
    from nova_spi.manifest.models import Manifest
    from nova_spi.sdk.container import Container


class Project(Runnable):
    """A model's project: create or load one, change its manifest, validate, run and test it.

        project = Project.create("my-model")
        project.add_input(name="prompt", type="string", required=True)
        project.add_output(name="generated_text", type="string")
        project.save_manifest()
        result = project.run({"prompt": "Hello, world!"})

    Changes stay in memory until `save_manifest`; `validate` sees them, `run` and `test` want them saved.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._changes = Changes()

    @classmethod
    def create(
        cls, name: str, path: Path | str = ".", domain: str | None = None, template: str | None = None, **words: str
    ) -> Self:
        """Makes the folder ``name`` in ``path`` with a project in it.

        Args:
            name: The model's name and the folder's.
            path: Where the folder is made.
            domain: With a domain, that domain's template; without one, a bare project of domain text whose `run.py`
                answers each declared output with an example.
            template: Another template than the domain's own.
            words: ``version`` and ``description``, where they shall not be the template's.

        Raises:
            ProjectError: The name cannot be used, or the folder is there and not empty.
        """
        from nova_spi.project.creation import create

        return cls(create(name, domain=domain, output_dir=path, template=template, **words))

    @classmethod
    def load(cls, path: Path | str = ".") -> Self:
        """Opens the project in a folder, or that of a manifest.

        Raises:
            ManifestUnreadable: There is no manifest. One with errors is opened; `validate` shows them.
        """
        return cls(open_folder(path))

    def __repr__(self) -> str:
        return f"Project({str(self.root)!r})"

    @property
    def root(self) -> Path:
        """The project's folder, absolute."""
        return self._folder.root

    @property
    def manifest_path(self) -> Path:
        """The manifest's file, absolute."""
        return self._folder.manifest_path

    @property
    def manifest(self) -> "Manifest":
        """The manifest with the changes that were made here.

        Raises:
            ManifestInvalid: It has errors.
        """
        return self._folder.manifest

    @property
    def folder(self) -> Folder:
        """What the parts below the SDK take: root, manifest's path, and the document with the changes."""
        return self._folder

    def set_metadata(self, **values: Any) -> None:
        """Sets keys of the manifest's ``model`` section, e.g. ``version``, ``description``, ``license``.

        Args:
            values: The keys and their values; None removes a key.

        Raises:
            ManifestInvalid: A key does not exist or a value breaks its rule; nothing has changed then.
        """
        self._apply(self._changes.with_metadata(values))

    def add_input(self, *, name: str, type: str, **values: Any) -> None:
        """Adds an input to the default command, or replaces the one of the same name.

        Args:
            name: Its name.
            type: string, integer, float, decimal, boolean, array, map, object, file or enum.
            values: Any further key of a parameter: ``description``, ``required``, ``default``, ``constraints``, ...

        Raises:
            ManifestInvalid: The parameter breaks a rule; nothing has changed then.
        """
        self._apply(self._changes.with_parameter("inputs", {"name": name, "type": type, **values}))

    def add_output(self, *, name: str, type: str, **values: Any) -> None:
        """Adds an output to the default command, or replaces the one of the same name; see `add_input`."""
        self._apply(self._changes.with_parameter("outputs", {"name": name, "type": type, **values}))

    def save_manifest(self) -> Path:
        """Writes the changes into the manifest's file, whose comments and order stay, and ``model.modified_at``.

        The file is read again first, so what was edited meanwhile stays too. Without a change nothing is written.

        Returns:
            The manifest's path.

        Raises:
            ManifestInvalid: The file, or the file with the changes, has errors; it stays as it was.
            ProjectError: The file cannot be written; it stays as it was.
        """
        if self._changes:
            from nova_spi.sdk.saving import save

            self._folder = save(self.manifest_path, self._changes)
            self._changes = Changes()
        return self.manifest_path

    def validate(self, *, strict: bool = False) -> "ValidationReport":
        """Every finding about the manifest and the project; unsaved changes count.

        Args:
            strict: Warnings fail too.

        Returns:
            The report: ``ok``, ``summary()``, ``diagnostics``, ``to_text()``.
        """
        from nova_spi.checks.validation.report import ValidationReport
        from nova_spi.manifest.diagnostics import Findings
        from nova_spi.project.validation import check_project

        document = self._folder.document
        findings = Findings([*document.diagnostics, *check_project(self._folder)])
        return ValidationReport(document.filename, document.text, tuple(findings.sorted()), strict=strict)

    def test(
        self,
        names: Sequence[str] | str = (),
        *,
        secrets: Mapping[str, str] | None = None,
        output: Path | str | None = None,
        engine: str | None = None,
        require_isolation: "Level | None" = None,
        progress: Progress | None = None,
    ) -> "TestReport":
        """Runs the manifest's test cases.

        Args:
            names: Only these cases.
            secrets: As for `run`.
            output: Receives a folder for each case; None takes ``test_outputs`` in the project.
            engine: As for `run`.
            require_isolation: As for `run`.
            progress: Who listens.

        Returns:
            The report: ``ok`` and ``cases`` with a name, a status and findings each.

        Raises:
            ManifestInvalid: The manifest has errors.
            UsageError: There is no case of one of the names, or changes are not saved.
            EngineUnavailable: The engine is not on this machine, or isolates less than what is required.
        """
        return self._cases(
            names,
            secrets=secrets,
            output=output,
            engine=engine,
            require_isolation=require_isolation,
            progress=progress,
        )

    def build_container(
        self,
        *,
        tag: str | None = None,
        base_image: str | None = None,
        platform: str | None = None,
        cache: bool = True,
        progress: Progress | None = None,
    ) -> "Container":
        """Builds the model's image into the local store; the same project gives the same digest.

        No container engine is needed, unless the manifest asks for system packages on a base from a registry or for
        the project's own Dockerfile.

        Args:
            tag: The image's name; None is the model's name and version.
            base_image: A reference, a path of an OCI layout or an archive, ``debian`` or ``Dockerfile``; None takes the
                manifest's, that of nova-spi.lock, the settings' or the domain's.
            platform: ``linux/amd64`` or ``linux/arm64``; None is this machine's.
            cache: Whether layers of earlier builds count.
            progress: Who listens.

        Raises:
            ManifestInvalid: The manifest has errors.
            UsageError: The tag is none, or changes are not saved.
            BuildFailed: The base does not do, or a package has no wheel for the platform.
            RegistryError: The base cannot be pulled.
        """
        self._want_saved()
        from nova_spi.artifacts.layout import Layout
        from nova_spi.artifacts.platforms import Platform
        from nova_spi.artifacts.references import Reference
        from nova_spi.execution.building import build
        from nova_spi.execution.images import image_of
        from nova_spi.sdk.container import Container

        settings = Settings.load(self.root)
        layout = Layout.create(settings.store)
        image = build(
            self._folder,
            layout,
            settings,
            base=base_image,
            platform=Platform.parse(platform) if platform else None,
            name=Reference.parse(tag) if tag else None,
            cached=cache,
            progress=progress,
        )
        return Container(self._folder, image_of(image, layout))

    def _apply(self, changes: Changes) -> None:
        self._folder = changes.applied(self._folder)
        self._changes = changes

    def _want_saved(self) -> None:
        if self._changes:
            raise UsageError(
                "The manifest has changes that are not saved.",
                why="What runs, and the record of it, come from the manifest's file.",
                mend="project.save_manifest()",
            )


def run(path: Path | str = ".", inputs: Mapping[str, Any] | None = None, **options: Any) -> "ExecutionResult":
    """Runs the model at ``path`` once; see `Project.run` for the options."""
    return Project.load(path).run(inputs, **options)


def validate(path: Path | str = ".", *, strict: bool = False) -> "ValidationReport":
    """Every finding about a project, or, where ``path`` is a file, about that manifest alone.

    Raises:
        ManifestUnreadable: There is no manifest.
    """
    from nova_spi.checks.validation.checking import check

    return check(Path(path), strict=strict)
