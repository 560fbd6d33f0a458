"""Bringing an image from our layout into a container engine: thin where the engine has layers of it already."""

from collections.abc import Iterator
from typing import IO, Any, cast

from nova_spi.artifacts.archive_writing import write_archive
from nova_spi.artifacts.configs import ImageConfig
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import Manifest
from nova_spi.artifacts.media_types import IMAGE_MANIFEST
from nova_spi.artifacts.references import Reference
from nova_spi.engines.docker.connecting import Connection
from nova_spi.engines.docker.wire import Refused, Upload, messages, posting
from nova_spi.engines.port import Image
from nova_spi.errors import ArtifactInvalid, EnvironmentFailed, UsageError
from nova_spi.progress import Progress

MAX_LOOKED_AT = 24
"""Images of the engine whose layers are compared with ours; a question to Podman takes some 10 ms."""


def ensure_loaded(connection: Connection, image: Image, progress: Progress) -> str:
    """Makes sure that an image is in the engine under its name.

    Args:
        connection: To the engine.
        image: In our layout.
        progress: Hears of the stage ``load`` and of its bytes; of nothing where the image is there.

    Returns:
        Its id in the engine: its config's digest, or its manifest's in a Docker that keeps images in containerd.

    Raises:
        ArtifactInvalid: The image is missing or damaged; nothing of it is in the engine then.
        EngineUnavailable: The engine went away, also in the middle.
        EnvironmentFailed: The engine refuses it, or its disk is full (``engine.disk_full``).
        UsageError: Its name is none.
    """
    name = Reference.parse(image.name)
    if (found := _present(connection, image)) is None:
        layout = Layout.open(image.layout)
        manifest = manifest_of(layout, image)
        _Load(connection, layout, manifest, name, progress).run()
        found = _present(connection, image)
    if found is None:
        raise EnvironmentFailed(
            f"The container engine took {name} and has no image {image.config}.", engine=connection.engine
        )
    if not any(_is(tag, name) for tag in _tags(found)):
        with connection.speaking("naming an image"):
            connection.client.api.tag(found["Id"], f"{name.host}/{name.repository}", name.tag or "latest", force=True)
    return str(found["Id"])


def _is(tag: str, name: Reference) -> bool:
    """Whether a tag of the engine is this name; engines have tags that are no references of ours."""
    try:
        found = Reference.parse(tag)
    except UsageError:
        return False
    return (found.host, found.repository, found.tag) == (name.host, name.repository, name.tag or "latest")


def _tags(found: dict[str, Any]) -> list[str]:
    return [tag for tag in found.get("RepoTags") or [] if "<none>" not in tag]


def _present(connection: Connection, image: Image) -> dict[str, Any] | None:
    """What the engine says of the image, where it has it; engines differ in which digest is an image's id."""
    from docker.errors import ImageNotFound

    for digest in (image.config, image.manifest):
        with connection.speaking("looking for an image"):
            try:
                found: dict[str, Any] = connection.client.images.get(digest).attrs
            except ImageNotFound:
                continue
            if found.get("Id") in (image.config, image.manifest):
                return found
    return None


def descriptor_of(layout: Layout, image: Image) -> Descriptor:
    """What names an image's manifest, whose size nobody tells and so is looked up.

    Raises:
        ArtifactInvalid: It is not in the layout.
    """
    digest = Digest.parse(image.manifest)
    try:
        size = layout.blobs.path(digest).stat().st_size
    except OSError as error:
        raise ArtifactInvalid(
            f"The image {image.name} is not in {image.layout}.", why=f"{error.strerror}.", code="artifact.missing"
        ) from error
    return Descriptor(IMAGE_MANIFEST, digest, size)


def manifest_of(layout: Layout, image: Image) -> Manifest:
    """The manifest of an image in a layout.

    Raises:
        ArtifactInvalid: It is missing, damaged, or has another config than the image.
    """
    manifest = layout.manifest(descriptor_of(layout, image))
    if str(manifest.config.digest) != image.config:
        raise ArtifactInvalid(
            f"The manifest {image.manifest} has the config {manifest.config.digest}, not {image.config}."
        )
    return manifest


class _Load:
    """One load."""

    def __init__(
        self, connection: Connection, layout: Layout, manifest: Manifest, name: Reference, progress: Progress
    ) -> None:
        self._connection = connection
        self._layout = layout
        self._manifest = manifest
        self._name = name
        self._progress = progress
        self._config: ImageConfig = layout.config(manifest)

    def run(self) -> None:
        self._progress.stage("load", str(self._name))
        omit = self._held()
        if omit:
            try:
                return self._send(omit)
            except EnvironmentFailed as error:
                if error.error_code == "engine.disk_full":
                    raise
        return self._send(frozenset())

    def _held(self) -> frozenset[Digest]:
        """The diff ids that may be left out: of the lowest layers, as far as one image of the engine has the same.

        Only these: a layer is known by what lies below it, too.
        """
        wanted, best = [str(each) for each in self._config.diff_ids], 0
        for layers in self._known():
            same = 0
            while same < min(len(wanted), len(layers)) and wanted[same] == layers[same]:
                same += 1
            best = max(best, same)
            if best >= len(wanted) - 1:
                break
        return frozenset(self._config.diff_ids[:best]) - frozenset(self._config.diff_ids[best:])

    def _known(self) -> Iterator[list[str]]:
        """The layers of images that the engine has: those of the same name first, then the newest."""
        from docker.errors import ImageNotFound

        client = self._connection.client
        own = f"{self._name.repository.removeprefix('library/')}:"
        with self._connection.speaking("looking for layers"):
            images = client.api.images()
            images.sort(key=lambda each: (not any(own in tag for tag in _tags(each)), -int(each.get("Created") or 0)))
            for each in images[:MAX_LOOKED_AT]:
                try:
                    found = client.images.get(each["Id"]).attrs
                except ImageNotFound:  # removed meanwhile
                    continue
                yield list((found.get("RootFS") or {}).get("Layers") or [])

    def _send(self, omit: frozenset[Digest]) -> None:
        sent = [
            layer
            for layer, diff_id in zip(self._manifest.layers, self._config.diff_ids, strict=True)
            if diff_id not in omit
        ]
        path = f"/v{self._connection.api}/images/load?quiet=0"
        # Podman would make a name of its own from the one that an OCI index has.
        name = self._name if self._connection.engine == "docker" else None
        with self._connection.speaking(f"loading {self._name}"):
            try:
                with posting(self._connection.host, path, headers={"Content-Type": "application/x-tar"}) as upload:
                    target = _Told(upload, self._progress, sum(layer.size for layer in sent))
                    write_archive(self._layout, self._manifest, cast("IO[bytes]", target), name=name, omit=omit)
                    for _ in messages(upload.answer()):
                        pass
            except Refused as error:
                raise self._refused(str(error)) from error

    def _refused(self, reason: str) -> EnvironmentFailed:
        full = "no space left" in reason.lower()
        return EnvironmentFailed(
            f"The container engine {'has no room for' if full else 'refuses'} the image {self._name}.",
            why=f"It says: {reason[:600].rstrip('.')}.",
            mend=f"{self._connection.engine} image prune" if full else "",
            code="engine.disk_full" if full else None,
            engine=self._connection.engine,
        )


class _Told:
    """An upload that tells how far it is."""

    def __init__(self, upload: Upload, progress: Progress, total: int) -> None:
        self._upload = upload
        self._progress = progress
        self._total = total
        self._done = 0

    def write(self, data: bytes) -> int:
        self._done += len(data)
        self._progress.advance(min(self._done, self._total), self._total, "bytes")
        return self._upload.write(data)
