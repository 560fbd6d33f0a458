"""One blob on its way into a registry: begun, sent, gone on with where it broke, and finished.

Its digest is computed while it is sent and compared before the last piece leaves, so that a damaged layout is never
published. A small blob goes with one PUT, a large one in chunks, since most registries forget a request that broke
and keep the chunks before it.
"""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

import httpx

from nova_spi.artifacts.blobs import Blobs
from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.registry.client import Registry, pushing, same
from nova_spi.artifacts.registry.retrying import ATTEMPTS, Broken, Result, pause_before, retried
from nova_spi.errors import RegistryError, RunCancelled

if TYPE_CHECKING:
    from hashlib import _Hash

PIECE = 256 * 1024
CHUNK_BYTES = 32 * 1024 * 1024
LARGEST_CHUNK = 1 << 30
WHOLE = ("ghcr.io", ".ghcr.io", "gcr.io", ".gcr.io", ".pkg.dev", ".amazonaws.com", ".amazonaws.com.cn")
"""Registries that want a blob in one request: they answer the first chunk with 201, or refuse chunks of this size."""

DONE = frozenset({200, 201, 202, 204})
AGAIN = frozenset({"DIGEST_INVALID", "SIZE_INVALID", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "RANGE_INVALID"})
"""What a registry says of an upload that went wrong on its way; a new one may not."""

_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,16})")


class Upload:
    """One blob.

    Args:
        registry: Where to.
        repository: The same.
        blobs: Where from.
        descriptor: Which.
        moved: Told how many bytes of it are there, each time that this changes; a break takes some back.
        stop: Ends the upload once it is set.
        chunk_bytes: How much one request takes.
    """

    def __init__(
        self,
        registry: Registry,
        repository: str,
        blobs: Blobs,
        descriptor: Descriptor,
        *,
        moved: Callable[[int], None],
        stop: threading.Event,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._registry = registry
        self._transport = registry.transport
        self._repository = repository
        self._blobs = blobs
        self._descriptor = descriptor
        self._moved = moved
        self._stop = stop
        self._chunk = 0 if registry.host.partition(":")[0].endswith(WHOLE) else chunk_bytes
        self._place: httpx.URL | None = None
        self._there = 0
        self._hashed: tuple[int, _Hash] = (0, descriptor.digest.hasher())

    def run(self, source: str = "", *, trust: bool = True) -> None:
        """Brings the blob there.

        Args:
            source: A repository of the same registry that may have it already.
            trust: Whether a registry is believed that says that it has the blob.

        Raises:
            RegistryError: It does not take it.
            ArtifactInvalid: The blob is missing or damaged; nothing of it is published then.
            RunCancelled: `stop` was set.
        """
        failed, best = 0, 0
        try:
            while (broken := self._attempt(source, trust=trust, again=failed > 0)) is not None:
                if self._there > best:
                    failed, best = 0, self._there
                failed += 1
                if failed == ATTEMPTS:
                    raise self._given_up(broken) from broken
                if self._stop.wait(pause_before(failed - 1, self._registry.backoff_seconds, broken)):
                    raise RunCancelled("The push was cancelled.")
        except BaseException:  # also Ctrl-C: put in order, and raised again
            self._withdraw()
            raise
        self._moved(self._descriptor.size)

    def _attempt(self, source: str, *, trust: bool, again: bool) -> Broken | None:
        """One attempt; what broke it, where it did not succeed and another may."""
        if self._stop.is_set():
            raise RunCancelled("The push was cancelled.")
        try:
            if again:
                self._patiently(self._ask_how_far)
                self._moved(self._there)
            if self._place is None:
                if trust and self._patiently(self._is_there):
                    return None
                if self._patiently(lambda: self._begin(source if trust else "")):
                    return None
            self._deliver()
        except Broken as broken:
            return broken
        return None

    def _patiently(self, once: Callable[[], Result]) -> Result:
        """A small request, tried again by itself where the registry is busy."""
        return retried(self._registry.host, self._registry.backoff_seconds, once, sleep=self._stop.wait)

    def _is_there(self) -> bool:
        return self._registry.has_blob(self._repository, self._descriptor, pushing(self._repository))

    def _begin(self, source: str) -> bool:
        """Begins an upload; true where the registry took the blob from another repository instead."""
        path, digest = f"/v2/{self._repository}/blobs/uploads/", self._descriptor.digest
        if source and source != self._repository:
            mount = f"{path}?mount={digest}&from={source}"
            # Who may not read the source is told so, or is not let in at all; neither is a reason not to upload.
            with (
                contextlib.suppress(RegistryError),
                self._transport.send("POST", mount, scopes=pushing(self._repository, source)) as response,
            ):
                if response.status_code == httpx.codes.CREATED:
                    same(response, digest, self._registry.host)
                    return True
                if response.status_code == httpx.codes.ACCEPTED:
                    self._begun(response)
                    return False
        with self._transport.send("POST", path, scopes=pushing(self._repository)) as response:
            if response.status_code not in DONE:
                raise self._transport.refused(response, f"{self._registry.host}/{self._repository} takes no layer")
            self._begun(response)
        return False

    def _begun(self, response: httpx.Response) -> None:
        self._place, self._there = self._transport.located(response), 0
        least = response.headers.get("oci-chunk-min-length", "")
        if self._chunk and least.isascii() and least.isdigit() and len(least) <= len(str(LARGEST_CHUNK)):
            self._chunk = min(max(self._chunk, int(least)), LARGEST_CHUNK)

    def _deliver(self) -> None:
        size = self._descriptor.size
        with self._blobs.open(self._descriptor) as stream:
            if not size:
                self._blobs.verify(self._descriptor)
            if self._there == 0 and (not self._chunk or size <= self._chunk):
                return self._finish(stream, 0)
            while self._there < size:
                self._patch(stream, min(self._there + self._chunk, size) if self._chunk else size)
            return self._finish(stream, size)

    def _patch(self, stream: BinaryIO, end: int) -> None:
        begins, place = self._there, self._place
        assert place is not None, "it has begun"  # noqa: S101  # _begin sets it
        headers = {
            "content-type": "application/octet-stream",
            "content-range": f"{begins}-{end - 1}",
            "content-length": str(end - begins),
        }
        scopes = pushing(self._repository)
        with self._transport.send(
            "PATCH", place, headers, scopes, lambda: self._pieces(stream, begins, end)
        ) as response:
            if response.status_code in (413, 416) and begins == 0 and self._chunk:
                self._chunk, self._place = 0, None
                raise Broken(f"{self._registry.host} does not take chunks of {end} bytes")
            self._accept(response)
            self._place, self._there = self._transport.located(response, place), end

    def _finish(self, stream: BinaryIO, begins: int) -> None:
        """The last request, which names the digest; it brings all bytes from ``begins`` on."""
        assert self._place is not None, "it has begun"  # noqa: S101  # _begin sets it
        size, digest, address = self._descriptor.size, self._descriptor.digest, str(self._place)
        url = httpx.URL(f"{address}{'&' if '?' in address else '?'}digest={digest}")
        headers = {"content-type": "application/octet-stream", "content-length": str(size - begins)}
        scopes = pushing(self._repository)
        with self._transport.send("PUT", url, headers, scopes, lambda: self._pieces(stream, begins, size)) as response:
            self._accept(response)
            same(response, digest, self._registry.host)
            self._place = None
            if response.status_code == httpx.codes.CREATED:
                return
        if not self._patiently(self._is_there):
            raise Broken(f"{self._registry.host} answered {response.status_code} and does not have the blob")

    def _accept(self, response: httpx.Response) -> None:
        """Refuses an answer that is no success; where a new upload may succeed, that is begun."""
        if response.status_code in DONE:
            return
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._place = self._place if self._there else None
            raise Broken(f"{self._registry.host} has another part of the blob than we thought")
        error = self._transport.refused(
            response, f"{self._registry.host}/{self._repository} does not take the layer {self._descriptor.digest}"
        )
        if error.details.get("said") in AGAIN:
            self._place = None
            raise Broken(f"{self._registry.host} answered {error.details['status']} ({error.details['said']})")
        raise error

    def _ask_how_far(self) -> None:
        """What of a broken upload the registry has kept; a new one begins where it does not say."""
        place = self._place
        if place is None:
            self._there = 0
            return
        with self._transport.send("GET", place, scopes=pushing(self._repository)) as response:
            kept = kept_bytes(response.headers.get("range", ""))
            goes_on = response.status_code in (200, 202, 204) and 0 < kept <= self._descriptor.size
            self._place = self._transport.located(response, place) if goes_on else None
            # 0-0 is what most registries say of an upload without a byte, and of one with a single byte.
            self._there = kept if goes_on and kept > 1 else 0

    def _pieces(self, stream: BinaryIO, begins: int, end: int) -> Iterator[bytes]:
        """The bytes of one request; the blob's last piece comes only where its digest is right."""
        hasher, position = self._hasher(stream, begins), begins
        stream.seek(begins)
        while position < end:
            if self._stop.is_set():
                raise RunCancelled("The push was cancelled.")
            piece = stream.read(min(PIECE, end - position))
            hasher.update(piece)
            position += len(piece)
            whole = position == self._descriptor.size
            if not piece or (whole and hasher.hexdigest() != self._descriptor.digest.hex):
                self._blobs.damaged(self._descriptor)
            yield piece
            self._moved(position)
        self._hashed = (end, hasher)

    def _hasher(self, stream: BinaryIO, begins: int) -> "_Hash":
        """The hash of everything before ``begins``: from the chunk before, or read again."""
        known, hasher = self._hashed
        if known == begins:
            return hasher.copy()
        hasher = self._descriptor.digest.hasher()
        stream.seek(0)
        left = begins
        while left and (piece := stream.read(min(PIECE, left))):
            hasher.update(piece)
            left -= len(piece)
        return hasher

    def _withdraw(self) -> None:
        """Tells the registry that nothing more comes; whether it listens does not matter any more."""
        if self._place is not None:
            scopes = pushing(self._repository)
            with contextlib.suppress(Broken, RegistryError), self._transport.send("DELETE", self._place, scopes=scopes):
                pass

    def _given_up(self, broken: Broken) -> RegistryError:
        return RegistryError(
            f"The registry {self._registry.host} does not take the blob {self._descriptor.digest}.",
            why=f"{broken}.",
            mend="Push again: what has come whole is not sent again.",
        )


def kept_bytes(header: str) -> int:
    """How many bytes ``Range: 0-N`` says are there; 0 where it says something else."""
    found = _RANGE.fullmatch(header.strip())
    return int(found[1]) + 1 if found else 0
