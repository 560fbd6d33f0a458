"""Pushing an image out of a layout: what the registry has is not sent, the rest several blobs at a time.

Blobs go first, then the manifests of an index, then the manifest with its name: whoever pulls meanwhile never finds
half an image.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace

from nova_spi.artifacts.blobs import Blobs
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.layout import MAX_DEPTH, Layout
from nova_spi.artifacts.manifests import Index, Manifest, read_manifest
from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.registry.client import Registry
from nova_spi.artifacts.registry.uploading import CHUNK_BYTES, Upload
from nova_spi.errors import ArtifactInvalid, NovaSpiError, RegistryError, RunCancelled, UsageError
from nova_spi.progress import Progress, Silent

PARALLEL = 3
BASE_NAME = "org.opencontainers.image.base.name"
MISSING_BLOB = frozenset({"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"})
ELSEWHERE = ("nondistributable", ".foreign.")
"""Layers of these types may not be given away; their manifests say where they are."""


def push(
    registry: Registry,
    reference: Reference,
    layout: Layout,
    descriptor: Descriptor,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    parallel: int = PARALLEL,
    chunk_bytes: int = CHUNK_BYTES,
) -> Reference:
    """Pushes a manifest with all that it names, or an index with all its manifests that are there.

    Args:
        registry: Where to.
        reference: The name it gets there; without a tag it is published under its digest alone.
        layout: Where it is.
        descriptor: What names it.
        progress: Hears of bytes, from several threads but one at a time.
        stop: Ends the push once it is set.
        parallel: How many blobs go at once.
        chunk_bytes: How much of a large blob one request takes.

    Returns:
        The name with the digest.

    Raises:
        RegistryError: It cannot be reached, or does not take it: ``registry.denied``, ``registry.read_only``,
            ``registry.full``, ``registry.too_large``, ``registry.not_found``, ``registry.blob_unknown``.
        ArtifactInvalid: A blob is missing or damaged; the name is not published then.
        UsageError: The reference has another digest.
        RunCancelled: `stop` was set.
    """
    if reference.digest not in (None, descriptor.digest):
        raise UsageError(f"{reference} names another digest than {descriptor.digest}.", code="usage.reference")
    named = replace(reference, digest=descriptor.digest)
    listener = progress or Silent()
    listener.stage("push", str(replace(reference, digest=None)))
    if reference.tag and registry.manifest_digest(replace(reference, digest=None)) == descriptor.digest:
        return named
    work = _Push(registry, reference, layout, listener, stop or threading.Event(), parallel, chunk_bytes)
    work.run(descriptor)
    return named


class _Push:
    """One push."""

    def __init__(
        self,
        registry: Registry,
        reference: Reference,
        layout: Layout,
        progress: Progress,
        stop: threading.Event,
        parallel: int,
        chunk_bytes: int,
    ) -> None:
        self._registry = registry
        self._reference = reference
        self._layout = layout
        self._progress = progress
        self._stop = stop
        self._parallel = parallel
        self._chunk_bytes = chunk_bytes

    def run(self, descriptor: Descriptor) -> None:
        documents = list(self._documents(descriptor, 0))
        manifests = [found for found in documents if isinstance(found, Manifest)]
        sources = _Sources(self._layout, self._reference, manifests)
        blobs = {str(blob.digest): blob for each in manifests for blob in each.blobs if self._is_ours(blob)}
        self._upload(list(blobs.values()), sources, trust=True)
        try:
            self._publish(documents)
        except RegistryError as error:
            if error.details.get("said") not in MISSING_BLOB:
                raise
            # A registry may still believe in what it has removed: then it is told everything once more.
            self._upload(list(blobs.values()), sources, trust=False)
            self._publish_again(documents)

    def _publish(self, documents: Sequence[Manifest | Index]) -> None:
        """What is named by others first, the named one last."""
        *below, top = documents
        for each in {str(each.descriptor.digest): each for each in below}.values():
            self._registry.put_manifest(self._reference.repository, each, str(each.descriptor.digest))
        name = self._reference.tag or str(top.descriptor.digest)
        self._registry.put_manifest(self._reference.repository, top, name)

    def _publish_again(self, documents: Sequence[Manifest | Index]) -> None:
        try:
            self._publish(documents)
        except RegistryError as error:
            if error.details.get("said") not in MISSING_BLOB:
                raise
            raise RegistryError(
                f"The registry {self._registry.host} says that it has not got what was sent to it.",
                why=error.message,
                mend="Push again later; if it stays so, its storage is damaged.",
                code="registry.blob_unknown",
            ) from error

    def _documents(self, descriptor: Descriptor, depth: int) -> Iterator[Manifest | Index]:
        """The manifests behind a descriptor, verified, itself last."""
        if depth > MAX_DEPTH:
            raise ArtifactInvalid("Indexes stand within indexes too deep.")
        found = read_manifest(self._layout.blobs.read(descriptor), descriptor.media_type)
        for child in found.manifests if isinstance(found, Index) else ():
            if self._layout.blobs.has(child) or not self._is_there(child):
                yield from self._documents(child, depth + 1)
        yield found

    def _is_there(self, child: Descriptor) -> bool:
        """Whether the registry has a manifest that the layout has not: one platform of several may have been pulled."""
        there = replace(self._reference, tag="", digest=child.digest)
        return self._registry.manifest_digest(there) == child.digest

    def _is_ours(self, blob: Descriptor) -> bool:
        return self._layout.blobs.has(blob) or not any(part in blob.media_type for part in ELSEWHERE)

    def _upload(self, blobs: list[Descriptor], sources: "_Sources", *, trust: bool) -> None:
        """All blobs, the largest first; the first error ends the others."""
        counted = _Counted(self._progress, sum(blob.size for blob in blobs))
        halt = threading.Event()

        def one(blob: Descriptor) -> None:
            upload = Upload(
                self._registry,
                self._reference.repository,
                self._layout.blobs,
                blob,
                moved=counted.of(blob),
                stop=halt,
                chunk_bytes=self._chunk_bytes,
            )
            upload.run(sources.of(blob), trust=trust)

        with ThreadPoolExecutor(self._parallel, thread_name_prefix="nova-spi-push") as workers, _halting(halt):
            waiting = {workers.submit(one, blob) for blob in sorted(blobs, key=lambda blob: -blob.size)}
            failed: list[BaseException] = []
            while waiting and not failed:
                if self._stop.is_set():
                    halt.set()
                done, waiting = wait(waiting, timeout=0.2, return_when="FIRST_COMPLETED")
                failed = [error for each in done if (error := each.exception()) is not None]
            if failed:
                raise failed[0]
        if self._stop.is_set():
            raise RunCancelled("The push was cancelled.")


@contextmanager
def _halting(halt: threading.Event) -> Iterator[None]:
    try:
        yield
    except BaseException:  # also Ctrl-C: put in order, and raised again
        halt.set()
        raise


class _Counted:
    """Bytes of all blobs together, from several threads."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._there: dict[str, int] = {}
        self._lock = threading.Lock()

    def of(self, blob: Descriptor) -> Callable[[int], None]:
        def moved(there: int) -> None:
            with self._lock:
                self._there[str(blob.digest)] = there
                self._progress.advance(sum(self._there.values()), self._total, "bytes")

        return moved


class _Sources:
    """Which repositories of the same registry may have a blob: the base's, and those of other names in the layout."""

    def __init__(self, layout: Layout, reference: Reference, manifests: Sequence[Manifest]) -> None:
        self._by_digest: dict[str, str] = {}
        for name, descriptor in layout.names().items():
            other = _reference(name)
            if other and other.host == reference.host and other.repository != reference.repository:
                for blob in _blobs(layout.blobs, descriptor):
                    self._by_digest.setdefault(str(blob.digest), other.repository)
        bases = [_reference(each.annotations.get(BASE_NAME, "")) for each in manifests]
        here = [base.repository for base in bases if base and base.host == reference.host]
        self._base = next((name for name in here if name != reference.repository), "")

    def of(self, blob: Descriptor) -> str:
        """One that may have it, or nothing."""
        return self._by_digest.get(str(blob.digest), self._base)


def _blobs(blobs: Blobs, descriptor: Descriptor) -> tuple[Descriptor, ...]:
    """What a manifest names; nothing where it cannot be read, since it only saves an upload."""
    try:
        found = read_manifest(blobs.read(descriptor), descriptor.media_type)
    except ArtifactInvalid:
        return ()
    return found.blobs if isinstance(found, Manifest) else ()


def _reference(name: str) -> Reference | None:
    try:
        return Reference.parse(name) if name else None
    except NovaSpiError:
        return None
