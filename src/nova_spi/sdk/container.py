"""`Container`: a model as a built image, which runs and is tested as it was built."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from nova_spi.engines.port import Image
from nova_spi.progress import Progress
from nova_spi.sdk.running import Runnable
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.checks.testing.report import TestReport
    from nova_spi.execution.records import ExecutionResult
    from nova_spi.project.folder import Folder


class Container(Runnable):
    """A model's image in the local store.

    Docker or Podman runs it where one answers; else it is unpacked and run in a sandbox of this machine.

        container = nova_spi.Project.load("my-model").build_container()
        result = container.test(inputs={"prompt": "Hello, world!"})
        print(result.outputs["generated_text"])
    """

    _image: Image

    def __init__(self, folder: "Folder", image: Image) -> None:
        """See `Container.load` and `nova_spi.Project.build_container`.

        Args:
            folder: The project that the image was built from, or what `load` has unpacked of it.
            image: The image.
        """
        self._folder = folder
        self._image = image

    @classmethod
    def load(cls, name: str, progress: Progress | None = None) -> Self:
        """Opens an image of the local store; one that is not there is fetched from its registry first.

        Args:
            name: Its name (``my-model:1.0.0``, ``registry.example.org/team/model:1.0``, ``NAME@sha256:...``), or the
                digest of one that is in the store. Without a host a name is Docker Hub's, as everywhere.
            progress: Hears of what is fetched.

        Raises:
            ArtifactInvalid: It is damaged, for another platform, or holds no manifest (``artifact.no_manifest``).
            RegistryError: It is not in the store, and cannot be fetched.
        """
        from nova_spi.execution.opening import open_image, stored

        settings = Settings.load()
        image = stored(name, settings, progress)
        return cls(open_image(image, settings), image)

    def __repr__(self) -> str:
        return f"Container({self.name!r}, {self.digest!r})"

    @property
    def name(self) -> str:
        """What it is called, with its registry: ``docker.io/library/my-model:1.0.0``."""
        return self._image.name

    @property
    def digest(self) -> str:
        """``sha256:...`` of the image's manifest: what it is pinned by."""
        return self._image.manifest

    @property
    def folder(self) -> "Folder":
        """The project behind it: its manifest, and where runs leave their traces."""
        return self._folder

    @property
    def image(self) -> Image:
        """The image as engines take it."""
        return self._image

    @overload
    def test(self, *, inputs: Mapping[str, Any], **options: Any) -> "ExecutionResult": ...

    @overload
    def test(self, names: Sequence[str] | str = (), *, inputs: None = None, **options: Any) -> "TestReport": ...

    def test(
        self, names: Sequence[str] | str = (), *, inputs: Mapping[str, Any] | None = None, **options: Any
    ) -> "ExecutionResult | TestReport":
        """Runs the manifest's test cases in the image, or, with inputs, the model once.

        Args:
            names: Only these cases.
            inputs: With them there are no expectations: one run, and its result.
            options: With inputs those of `run`; else ``secrets``, ``output``, ``engine``, ``require_isolation`` and
                ``progress`` as of `nova_spi.Project.test`.

        Returns:
            With inputs the result of the run, else the report of the cases.

        Raises:
            UsageError: There is no case of one of the names.
            EngineUnavailable: As of `run`.
        """
        if inputs is not None:
            return self.run(inputs, **options)
        return self._cases(names, **options)

    def save(self, path: Path | str) -> Path:
        """Writes the image as one tar, for ``docker load``, ``podman load`` and other tools; returns its path.

        Raises:
            ArtifactInvalid: The image is damaged, or the file cannot be written.
        """
        from nova_spi.artifacts.archive_writing import save_archive
        from nova_spi.artifacts.layout import Layout
        from nova_spi.artifacts.references import Reference

        layout = Layout.open(self._image.layout)
        manifest = layout.manifest(layout.find(self._image.manifest))
        return save_archive(layout, manifest, Path(path), name=Reference.parse(self._image.name))
