"""Requests to one registry: redirects, being let in, and what its answers say where it refuses.

https, and http for this machine's own loopback alone. Redirects are followed by hand, and what lets us in goes to the
registry's own scheme, host and port and to nobody else: blobs often stand in a storage of somebody else's.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from nova_spi.artifacts.references import is_loopback
from nova_spi.artifacts.registry.access import Access, Lookup, Scopes
from nova_spi.artifacts.registry.answers import body, certificate_problem, reason, said_by
from nova_spi.artifacts.registry.credentials import Credentials, log_in
from nova_spi.artifacts.registry.retrying import BUSY, Broken, retry_after
from nova_spi.errors import RegistryError
from nova_spi.version import __version__

MAX_REDIRECTS = 5
CONNECTIONS = 8
PORTS = {"https": 443, "http": 80}

Content = Callable[[], Iterator[bytes]]
"""Makes the body of a request, once more for each attempt."""

_WRITING = {
    405: ("registry.read_only", "It takes nothing: it may be read only, or have no such repository.", ""),
    413: ("registry.too_large", "It does not take anything as large as this.", ""),
    507: ("registry.full", "Its disk is full.", "Make room in the registry, then push again: what has come is kept."),
}


class Transport:
    """The connection to one registry. Several threads may use it at once.

    Args:
        host: With its port.
        credentials: Ours, or where to look for them once they are wanted.
        ca_file: Certificates to trust instead of the system's.
        tls: Whether it speaks https; by default all do but this machine's own.
    """

    def __init__(
        self, host: str, credentials: Credentials | Lookup | None, ca_file: Path | None, tls: bool | None
    ) -> None:
        secure = not is_loopback(host) if tls is None else tls
        if not secure and not is_loopback(host):
            raise RegistryError(
                f"{host} is not reached over plain http.", why="Anybody on the way could change the image."
            )
        self.host = host
        self.origin = httpx.URL(f"{'https' if secure else 'http'}://{host}")
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=str(ca_file)) if ca_file else True
        self._client = httpx.Client(
            verify=verify,
            timeout=httpx.Timeout(60.0, connect=15.0),
            follow_redirects=False,
            headers={"user-agent": f"nova-spi/{__version__}", "accept-encoding": "identity"},
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            # Cookies would be one more way to carry something of ours to another host.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        self._access = Access(host, credentials, self._plain)

    def close(self) -> None:
        """Ends its connections."""
        self._client.close()

    @contextmanager
    def send(
        self,
        method: str,
        target: str | httpx.URL,
        headers: Mapping[str, str] | None = None,
        scopes: Scopes = (),
        content: Content | None = None,
    ) -> Iterator[httpx.Response]:
        """The last answer after logging in and redirects; its body is not read yet.

        Args:
            method: Of HTTP.
            target: A path of the registry, or an address that it gave (see `located`).
            headers: Ours.
            scopes: What we want to do.
            content: The body; a ``content-length`` belongs to it.

        Raises:
            Broken: The connection broke, or the registry is busy.
            RegistryError: It does not let us in, or leads us astray.
        """
        url, known, ours = self.origin.join(target), self._access.header(scopes), dict(headers or {})
        response = self._follow(method, url, ours, known, content)
        try:
            if response.status_code == httpx.codes.UNAUTHORIZED and _same_origin(response.url, self.origin):
                challenge = response.headers.get("www-authenticate", "")
                response.close()
                response = self._follow(method, url, ours, self._access.answer(challenge, scopes, known), content)
            if response.status_code in BUSY:
                after = retry_after(response.headers.get("retry-after", ""))
                said = said_by(response)
                raise Broken(f"{self.host} answered {response.status_code}{said and f' ({said})'}", after=after)
            yield response
        except httpx.TransportError as error:
            raise Broken(f"{self.host}: {reason(error)}") from error
        finally:
            response.close()

    def located(self, response: httpx.Response, before: httpx.URL | None = None) -> httpx.URL:
        """Where an upload goes on: ``Location``, which may be relative and may have a query of its own.

        A registry behind a proxy may name its own host by http where we came by https: then https is meant.

        Args:
            response: The answer.
            before: What counts where it does not say.

        Raises:
            RegistryError: It leads astray.
        """
        target = response.headers.get("location", "")
        if not target:
            if before is None:
                raise RegistryError(f"The registry {self.host} does not say where to upload to.")
            return before
        found = self._joined(response.url, target)
        if found.host == self.origin.host and found.scheme == "http" and self.origin.scheme == "https":
            found = found.copy_with(scheme="https", port=self.origin.port)
        return self._allowed(found)

    def refused(self, response: httpx.Response, what: str) -> RegistryError:
        """The error for an answer that is none of those that are wanted.

        Args:
            response: The answer, whose body is not read yet.
            what: What did not work, without a full stop.
        """
        status, method = response.status_code, response.request.method
        said = said_by(response)
        code, why, mend = "", "", ""
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN) or said == "DENIED":
            code, why, mend = "registry.denied", "We are not allowed to.", log_in(self.host)
        elif status == httpx.codes.NOT_FOUND:
            code, mend = "registry.not_found", "Check its name and its tag."
        elif method not in ("GET", "HEAD"):
            code, why, mend = _WRITING.get(status, ("", "", ""))
        return RegistryError(
            f"{what}: {response.url.host} answered {status}{f' ({said})' if said else ''}.",
            why=why,
            mend=mend,
            code=code or None,
            status=status,
            **({"said": said} if said else {}),
        )

    def _follow(
        self, method: str, url: httpx.URL, headers: dict[str, str], authorization: str, content: Content | None
    ) -> httpx.Response:
        trusted = True
        for _ in range(MAX_REDIRECTS + 1):
            trusted = trusted and _same_origin(url, self.origin)
            own = {"authorization": authorization} if authorization and trusted else {}
            response = self._request(method, url, headers | own, content() if content else None)
            if not response.has_redirect_location:
                return response
            if method not in ("GET", "HEAD") and response.status_code not in (307, 308):
                response.close()
                raise RegistryError(f"The registry {self.host} redirects a {method} by {response.status_code}.")
            target = response.headers["location"]
            response.close()
            url = self._allowed(self._joined(url, target))
        raise RegistryError(f"The registry {self.host} redirects more than {MAX_REDIRECTS} times.")

    def _joined(self, url: httpx.URL, target: str) -> httpx.URL:
        try:
            return url.join(target)
        except httpx.InvalidURL as error:
            raise RegistryError(f"The registry {self.host} redirects to what is no address.") from error

    def _allowed(self, found: httpx.URL) -> httpx.URL:
        plain = found.scheme == "http" and self.origin.scheme == "http" and is_loopback(found.host)
        if not found.host or found.userinfo or (found.scheme != "https" and not plain):
            raise RegistryError(f"The registry {self.host} redirects to {found.host!r}, which is not https.")
        return found

    def _request(
        self,
        method: str,
        url: httpx.URL,
        headers: dict[str, str],
        content: Iterator[bytes] | None = None,
        form: dict[str, str] | None = None,
    ) -> httpx.Response:
        request = self._client.build_request(method, url, headers=headers, content=content, data=form)
        try:
            return self._client.send(request, stream=True)
        except httpx.TransportError as error:
            certificate = certificate_problem(error)
            if certificate:
                raise RegistryError(
                    f"The certificate of {url.host} is not trusted: {certificate}",
                    mend="If your network has a CA of its own, set SSL_CERT_FILE to its certificates.",
                ) from error
            raise Broken(f"{url.host}: {reason(error)}") from error

    def _plain(
        self, url: httpx.URL, headers: dict[str, str], form: dict[str, str] | None, limit: int
    ) -> tuple[httpx.Response, bytes]:
        """One request to the token service."""
        response = self._request("GET" if form is None else "POST", url, headers, form=form)
        try:
            return response, body(response, limit, "The token")
        except httpx.TransportError as error:
            raise Broken(f"{url.host}: {reason(error)}") from error
        finally:
            response.close()


def _same_origin(url: httpx.URL, other: httpx.URL) -> bool:
    return (url.scheme, url.host, url.port or PORTS.get(url.scheme)) == (
        other.scheme,
        other.host,
        other.port or PORTS.get(other.scheme),
    )
