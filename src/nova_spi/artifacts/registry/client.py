"""One registry over HTTP: manifests and blobs (distribution-spec, "Pull"). It only reads.

https, and http for this machine's own loopback alone. Redirects are followed by hand, and what lets us in goes to the
registry's own scheme, host and port and to nobody else: blobs often stand in a storage of somebody else's.
"""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.documents import MAX_BYTES, Fields, load_object
from nova_spi.artifacts.manifests import Index, Manifest, read_manifest
from nova_spi.artifacts.media_types import ACCEPTED
from nova_spi.artifacts.references import Reference, is_loopback
from nova_spi.artifacts.registry.access import Access, Credentials
from nova_spi.errors import ArtifactInvalid, RegistryError
from nova_spi.version import __version__

MAX_REDIRECTS = 5
MAX_ERROR_BYTES = 64 * 1024
ATTEMPTS = 4
LONGEST_WAIT = 30.0
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class Broken(Exception):
    """A blob's answer broke off, or the registry is busy; what has come counts, and asking again may help."""


class Registry:
    """One registry.

    Args:
        host: With its port; Docker Hub's is ``registry-1.docker.io`` (`Reference.address`).
        credentials: Ours, for this registry.
        ca_file: Certificates to trust instead of the system's.
        tls: Whether it speaks https; by default all do but this machine's own.
        backoff_seconds: The first pause before a request is tried again.
    """

    def __init__(
        self,
        host: str,
        *,
        credentials: Credentials | None = None,
        ca_file: Path | None = None,
        tls: bool | None = None,
        backoff_seconds: float = 0.5,
    ) -> None:
        secure = not is_loopback(host) if tls is None else tls
        if not secure and not is_loopback(host):
            raise RegistryError(
                f"{host} is not reached over plain http.", why="Anybody on the way could change the image."
            )
        self.host = host
        self._origin = httpx.URL(f"{'https' if secure else 'http'}://{host}")
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
        self._client = httpx.Client(
            verify=verify,
            timeout=httpx.Timeout(60.0, connect=15.0),
            follow_redirects=False,
            headers={"user-agent": f"nova-spi/{__version__}", "accept-encoding": "identity"},
        )
        self._access = Access(host, credentials, self._plain)
        self._backoff = backoff_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def ping(self) -> None:
        """Asks whether a registry answers there, and whether it lets us in.

        Raises:
            RegistryError: Neither.
        """
        for attempt in range(ATTEMPTS):
            try:
                with self._send("GET", "/v2/", {}, "") as response:
                    if response.status_code != httpx.codes.OK:
                        raise self._refused(response, f"{self.host} is no registry that answers")
                    return
            except Broken as broken:
                self._pause(attempt, broken)

    def manifest(self, reference: Reference) -> Manifest | Index:
        """A manifest by its digest or its tag, verified and read.

        Raises:
            RegistryError: It is not there, or cannot be had.
            ArtifactInvalid: It is not what its digest says, too large, or not valid.
        """
        path = f"/v2/{reference.repository}/manifests/{reference.wanted}"
        for attempt in range(ATTEMPTS):
            try:
                with self._send("GET", path, {"accept": ", ".join(ACCEPTED)}, reference.repository) as response:
                    if response.status_code != httpx.codes.OK:
                        raise self._refused(response, f"{reference} cannot be fetched")
                    data = _body(response, MAX_BYTES, f"The manifest of {reference}")
                    return self._read(reference, data, response.headers)
            except Broken as broken:
                self._pause(attempt, broken)
        raise AssertionError("the last attempt raises")

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
        with self._send("GET", path, headers, repository) as response:
            if response.status_code == httpx.codes.PARTIAL_CONTENT:
                if not response.headers.get("content-range", "").startswith(f"bytes {offset}-"):
                    raise Broken("the registry answered with another range than asked for")
            elif response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
                yield 0, iter(())
                return
            elif response.status_code != httpx.codes.OK:
                raise self._refused(response, f"The blob {descriptor.digest} of {repository} cannot be fetched")
            begins = offset if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
            yield begins, _pieces(response, descriptor.size - begins)

    def _pause(self, attempt: int, broken: Broken) -> None:
        if attempt + 1 >= ATTEMPTS:
            raise RegistryError(f"The registry {self.host} does not answer.", why=f"{broken}.") from broken
        time.sleep(min(self._backoff * 2**attempt, LONGEST_WAIT))

    @contextmanager
    def _send(self, method: str, path: str, headers: dict[str, str], repository: str) -> Iterator[httpx.Response]:
        """The last answer after logging in and redirects; its body is not read yet."""
        scope = f"repository:{repository}:pull" if repository else ""
        url, known = self._origin.join(path), self._access.header(scope)
        response = self._follow(method, url, headers, known)
        try:
            if response.status_code == httpx.codes.UNAUTHORIZED and _same_origin(response.url, self._origin):
                challenge = response.headers.get("www-authenticate", "")
                response.close()
                response = self._follow(method, url, headers, self._access.answer(challenge, scope))
            if response.status_code in BUSY:
                raise Broken(f"{self.host} answered {response.status_code}")
            yield response
        except httpx.TransportError as error:
            raise Broken(f"{self.host}: {_why(error)}") from error
        finally:
            response.close()

    def _follow(self, method: str, url: httpx.URL, headers: dict[str, str], authorization: str) -> httpx.Response:
        trusted = True
        for _ in range(MAX_REDIRECTS + 1):
            trusted = trusted and _same_origin(url, self._origin)
            own = {"authorization": authorization} if authorization and trusted else {}
            response = self._request(method, url, headers | own)
            if not response.has_redirect_location:
                return response
            target = response.headers["location"]
            response.close()
            url = self._allowed(url, target)
        raise RegistryError(f"The registry {self.host} redirects more than {MAX_REDIRECTS} times.")

    def _allowed(self, url: httpx.URL, target: str) -> httpx.URL:
        try:
            found = url.join(target)
        except httpx.InvalidURL as error:
            raise RegistryError(f"The registry {self.host} redirects to what is no address.") from error
        plain = found.scheme == "http" and self._origin.scheme == "http" and is_loopback(found.host)
        if not found.host or found.userinfo or (found.scheme != "https" and not plain):
            raise RegistryError(f"The registry {self.host} redirects to {found.host!r}, which is not https.")
        return found

    def _request(self, method: str, url: httpx.URL, headers: dict[str, str]) -> httpx.Response:
        # Cookies would be one more way to carry something of ours to another host.
        self._client.cookies.clear()
        try:
            return self._client.send(self._client.build_request(method, url, headers=headers), stream=True)
        except httpx.TransportError as error:
            certificate = _certificate(error)
            if certificate:
                raise RegistryError(
                    f"The certificate of {url.host} is not trusted: {certificate}",
                    mend="If your network has a CA of its own, set SSL_CERT_FILE to its certificates.",
                ) from error
            raise Broken(f"{url.host}: {_why(error)}") from error

    def _plain(self, url: httpx.URL, headers: dict[str, str], limit: int) -> tuple[httpx.Response, bytes]:
        """One request to the token service."""
        response = self._request("GET", url, headers)
        try:
            return response, _body(response, limit, "The token")
        except httpx.TransportError as error:
            raise Broken(f"{url.host}: {_why(error)}") from error
        finally:
            response.close()

    def _refused(self, response: httpx.Response, what: str) -> RegistryError:
        status = response.status_code
        codes = {401: "registry.denied", 403: "registry.denied", 404: "registry.not_found"}
        mend = "Check its name and its tag." if status == httpx.codes.NOT_FOUND else ""
        said = _said(response)
        return RegistryError(
            f"{what}: {response.url.host} answered {status}{f' ({said})' if said else ''}.",
            mend=mend,
            code=codes.get(status),
            status=status,
        )


def _same_origin(url: httpx.URL, other: httpx.URL) -> bool:
    ports = {"https": 443, "http": 80}
    return (url.scheme, url.host, url.port or ports.get(url.scheme)) == (
        other.scheme,
        other.host,
        other.port or ports.get(other.scheme),
    )


def _body(response: httpx.Response, limit: int, what: str) -> bytes:
    found = b""
    for chunk in response.iter_raw():
        found += chunk
        if len(found) > limit:
            raise ArtifactInvalid(f"{what} is larger than {limit} bytes.")
    return found


def _pieces(response: httpx.Response, most: int) -> Iterator[bytes]:
    """The body, one byte more than it may have at most: then it is known to be too long, and no more is read."""
    left = most + 1
    for chunk in response.iter_raw():
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _said(response: httpx.Response) -> str:
    """The code of the first error that the registry names: ``NAME_UNKNOWN``."""
    try:
        fields = Fields(load_object(_body(response, MAX_ERROR_BYTES, "The answer"), "The answer"), "The answer")
        codes = [each.text("code", 64) for each in fields.objects("errors")]
    except (ArtifactInvalid, httpx.TransportError):
        return ""
    return "".join(c for c in codes[0] if c.isascii() and (c.isalnum() or c == "_")) if codes else ""


def _certificate(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        cause = cause.__cause__ or cause.__context__
    return ""


def _why(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__
