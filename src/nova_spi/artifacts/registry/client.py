"""One registry over HTTP: manifests and blobs (distribution-spec, "Pull" and "Push")."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_BYTES
from nova_spi.artifacts.manifests import Index, Manifest, read_manifest
from nova_spi.artifacts.media_types import ACCEPTED
from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.registry.access import Lookup, Scopes
from nova_spi.artifacts.registry.answers import body
from nova_spi.artifacts.registry.credentials import Credentials, find_credentials
from nova_spi.artifacts.registry.retrying import Broken, retried
from nova_spi.artifacts.registry.transport import Transport
from nova_spi.errors import ArtifactInvalid, RegistryError


class Registry:
    """One registry.

    Args:
        host: With its port; Docker Hub's is ``registry-1.docker.io`` (`Reference.address`).
        credentials: Ours, for this registry, or where to look for them once it wants some.
        ca_file: Certificates to trust instead of the system's.
        tls: Whether it speaks https; by default all do but this machine's own.
        backoff_seconds: The first pause before a request is tried again.
    """

    def __init__(
        self,
        host: str,
        *,
        credentials: Credentials | Lookup | None = None,
        ca_file: Path | None = None,
        tls: bool | None = None,
        backoff_seconds: float = 0.5,
    ) -> None:
        self.host = host
        self.backoff_seconds = backoff_seconds
        self.transport = Transport(host, credentials, ca_file, tls)

    @classmethod
    def of(cls, reference: Reference) -> Self:
        """The registry of a reference, with the credentials that this machine's files and helpers have for it."""
        return cls(reference.address, credentials=lambda: find_credentials(reference))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.transport.close()

    def ping(self) -> None:
        """Asks whether a registry answers there, and whether it lets us in.

        Raises:
            RegistryError: Neither.
        """

        def once() -> None:
            with self.transport.send("GET", "/v2/") as response:
                if response.status_code != httpx.codes.OK:
                    raise self.transport.refused(response, f"{self.host} is no registry that answers")

        retried(self.host, self.backoff_seconds, once)

    def manifest(self, reference: Reference) -> Manifest | Index:
        """A manifest by its digest or its tag, verified and read.

        Raises:
            RegistryError: It is not there, or cannot be had.
            ArtifactInvalid: It is not what its digest says, too large, or not valid.
        """

        def once() -> Manifest | Index:
            with self._manifest("GET", reference) as response:
                if response.status_code != httpx.codes.OK:
                    raise self.transport.refused(response, f"{reference} cannot be fetched")
                data = body(response, MAX_BYTES, f"The manifest of {reference}")
                return self._read(reference, data, response.headers)

        return retried(self.host, self.backoff_seconds, once)

    def manifest_digest(self, reference: Reference) -> Digest | None:
        """What a tag stands for, as the registry says it; None where it has no such manifest, or does not say.

        Raises:
            RegistryError: It does not answer.
        """

        def once() -> Digest | None:
            with self._manifest("HEAD", reference) as response:
                return promised(response) if response.status_code == httpx.codes.OK else None

        return retried(self.host, self.backoff_seconds, once)

    @contextmanager
    def _manifest(self, method: str, reference: Reference) -> Iterator[httpx.Response]:
        path = f"/v2/{reference.repository}/manifests/{reference.wanted}"
        with self.transport.send(
            method, path, {"accept": ", ".join(ACCEPTED)}, pulling(reference.repository)
        ) as response:
            yield response

    def _read(self, reference: Reference, data: bytes, headers: httpx.Headers) -> Manifest | Index:
        said = headers.get("docker-content-digest", "")
        wanted = reference.digest or (Digest.parse(said) if said else None)
        if wanted is not None and not wanted.matches(data):
            raise ArtifactInvalid(
                f"The manifest of {reference} is not what its digest says.",
                why=f"{wanted} was {'asked for' if reference.digest else 'promised'}.",
                code="artifact.damaged",
            )
        return read_manifest(data, headers.get("content-type", ""))

    @contextmanager
    def blob(self, repository: str, descriptor: Descriptor, offset: int = 0) -> Iterator[tuple[int, Iterator[bytes]]]:
        """A blob's bytes, **not verified**: `nova_spi.artifacts.registry.pulling` does that as it keeps them.

        Args:
            repository: Where it is.
            descriptor: What it is; no more than its size is read.
            offset: From which byte on.

        Yields:
            Where the bytes begin, which is 0 where the registry does not do ranges, and the bytes.

        Raises:
            Broken: The answer broke off, or the registry is busy.
            RegistryError: It is not there, or cannot be had.
        """
        headers = {"range": f"bytes={offset}-"} if offset else {}
        path = f"/v2/{repository}/blobs/{descriptor.digest}"
        with self.transport.send("GET", path, headers, pulling(repository)) as response:
            if response.status_code == httpx.codes.PARTIAL_CONTENT:
                if not response.headers.get("content-range", "").startswith(f"bytes {offset}-"):
                    raise Broken("the registry answered with another range than asked for")
            elif response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
                yield 0, iter(())
                return
            elif response.status_code != httpx.codes.OK:
                what = f"The blob {descriptor.digest} of {repository} cannot be fetched"
                raise self.transport.refused(response, what)
            begins = offset if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
            yield begins, _pieces(response, descriptor.size - begins)

    def has_blob(self, repository: str, descriptor: Descriptor, scopes: Scopes) -> bool:
        """Whether a repository has a blob; one of another size is another, and counts as missing.

        Raises:
            Broken: The registry is busy, or the connection broke.
            RegistryError: It does not let us in.
        """
        path = f"/v2/{repository}/blobs/{descriptor.digest}"
        with self.transport.send("HEAD", path, scopes=scopes) as response:
            if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise self.transport.refused(response, f"{self.host}/{repository} cannot be read")
            size = response.headers.get("content-length", "")
            return response.status_code == httpx.codes.OK and size in ("", str(descriptor.size))

    def put_manifest(self, repository: str, found: Manifest | Index, name: str) -> None:
        """Publishes a manifest, byte by byte as it is.

        Args:
            repository: Where to.
            found: What; its blobs or its manifests must be there.
            name: A tag, or its own digest.

        Raises:
            RegistryError: The registry does not take it, or took it for something else.
        """
        digest, path = found.descriptor.digest, f"/v2/{repository}/manifests/{name}"
        headers = {"content-type": found.media_type, "content-length": str(len(found.raw))}

        def once() -> None:
            with self.transport.send("PUT", path, headers, pushing(repository), lambda: iter((found.raw,))) as response:
                if response.status_code not in (200, 201, 202, 204):
                    what = f"The manifest of {self.host}/{repository}:{name} cannot be published"
                    raise self.transport.refused(response, what)
                same(response, digest, self.host)

        retried(self.host, self.backoff_seconds, once)


def pulling(repository: str) -> Scopes:
    """What reading a repository needs."""
    return (f"repository:{repository}:pull",)


def pushing(repository: str, source: str = "") -> Scopes:
    """What writing to a repository needs; with a source, also what taking a blob from there needs."""
    return (f"repository:{repository}:pull,push", *(pulling(source) if source else ()))


def promised(response: httpx.Response) -> Digest | None:
    """What ``Docker-Content-Digest`` says."""
    said = response.headers.get("docker-content-digest", "")
    try:
        return Digest.parse(said)
    except ArtifactInvalid:
        return None


def same(response: httpx.Response, digest: Digest, host: str) -> None:
    """Compares ``Docker-Content-Digest``, where a registry says it, with what was sent.

    Raises:
        RegistryError: It took something else.
    """
    said = promised(response)
    if said is not None and said.algorithm == digest.algorithm and said != digest:
        raise RegistryError(
            f"The registry {host} took {digest} for something else.",
            why=f"It says {said}.",
            mend="Push again; if it stays so, the registry or a proxy before it changes what comes.",
            code="registry.other_digest",
        )


def _pieces(response: httpx.Response, most: int) -> Iterator[bytes]:
    """The body, one byte more than it may have at most: then it is known to be too long, and no more is read."""
    left = most + 1
    for chunk in response.iter_raw():
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return
