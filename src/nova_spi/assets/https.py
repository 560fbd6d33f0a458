"""The adapter for ``https:`` URIs: httpx, redirects by hand, credentials only to the host they are for."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from time import time
from typing import NoReturn

import httpx

from nova_spi.assets.source import Interrupted, Opened, Transport, Validators
from nova_spi.assets.uri import shown
from nova_spi.errors import AssetUnavailable
from nova_spi.version import __version__

MAX_REDIRECTS = 5
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class HttpsSource:
    """One URI of a web server.

    Args:
        uri: Where the content is.
        name: The asset's name, for messages.
        token: Sent as ``Authorization: Bearer`` to the URI's own host and port, never to another.
        transport: See `Transport`.
    """

    def __init__(self, uri: str, name: str, token: str | None, transport: Transport) -> None:
        self._name = name
        self._token = token
        self._transport = transport
        self._url = self._parsed(uri)
        self._origin = _origin(self._url)
        self._allowed(self._url)

    @contextmanager
    def open(self, offset: int, resume_if: Validators, unless: Validators) -> Iterator[Opened]:
        """See `Source.open`."""
        headers = _headers(offset, resume_if, unless)
        if offset and "range" not in headers:
            offset = 0
        with self._client() as client:
            response = self._answer(client, headers)
            try:
                yield self._opened(response, offset)
            except httpx.TransportError as error:
                raise Interrupted(_why(error)) from error
            finally:
                response.close()

    def _client(self) -> httpx.Client:
        verify: ssl.SSLContext | bool = True
        if self._transport.ca_file:
            verify = ssl.create_default_context(cafile=str(self._transport.ca_file))
        wait = httpx.Timeout(self._transport.read_seconds, connect=self._transport.connect_seconds)
        return httpx.Client(verify=verify, timeout=wait, follow_redirects=False)

    def _answer(self, client: httpx.Client, headers: dict[str, str]) -> httpx.Response:
        """The last answer of a chain of redirects; its body is not read yet."""
        url, trusted = self._url, True
        for _ in range(MAX_REDIRECTS + 1):
            trusted = trusted and _origin(url) == self._origin
            sent = headers | ({"authorization": f"Bearer {self._token}"} if self._token and trusted else {})
            try:
                response = client.send(client.build_request("GET", url, headers=sent), stream=True)
            except httpx.TransportError as error:
                self._unreachable(error, url)
            if not response.has_redirect_location:
                return response
            target = response.headers["location"]
            response.close()
            url = self._parsed(target, url)
            self._allowed(url)
        raise AssetUnavailable(
            f"Asset {self._name!r}: {shown(str(self._url))} redirects more than {MAX_REDIRECTS} times."
        )

    def _parsed(self, target: str, base: httpx.URL | None = None) -> httpx.URL:
        try:
            return base.join(target) if base else httpx.URL(target)
        except httpx.InvalidURL as error:
            raise AssetUnavailable(f"Asset {self._name!r}: {shown(target)} is not a URI: {error}") from error

    def _allowed(self, url: httpx.URL) -> None:
        """Only https; http to a loopback address where the transport asks for it; no password inside."""
        if url.userinfo:
            raise AssetUnavailable(
                f"Asset {self._name!r}: its URI holds a user name or password.",
                mend="Name the secret in the asset's `credentials` and list it under `execution.secrets`.",
            )
        if url.scheme == "https" and url.host:
            return
        if url.scheme == "http" and self._transport.allow_loopback_http and _is_loopback(url.host):
            return
        redirected = "redirects to" if _origin(url) != self._origin else "is at"
        raise AssetUnavailable(
            f"Asset {self._name!r} {redirected} {shown(str(url))}, which is not https.",
            why="Over plain http anybody on the way can change the weights.",
        )

    def _unreachable(self, error: httpx.TransportError, url: httpx.URL) -> NoReturn:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise AssetUnavailable(
                    f"Asset {self._name!r}: the certificate of {url.host} is not trusted: {cause.verify_message}",
                    mend="If your network has a CA of its own, set SSL_CERT_FILE to its certificates.",
                ) from error
            cause = cause.__cause__ or cause.__context__
        raise Interrupted(f"{url.host}: {_why(error)}") from error

    def _opened(self, response: httpx.Response, offset: int) -> Opened:
        status = response.status_code
        validators = Validators(response.headers.get("etag", "")[:512], response.headers.get("last-modified", "")[:64])
        if status == httpx.codes.NOT_MODIFIED:
            return Opened(validators=validators, unchanged=True)
        if status == httpx.codes.OK:
            return Opened(0, _number(response.headers.get("content-length")), validators, _chunks(response))
        if status == httpx.codes.PARTIAL_CONTENT:
            start, total = _content_range(response.headers.get("content-range", ""))
            if start == offset:
                return Opened(offset, total, validators, _chunks(response))
            raise Interrupted(f"the server answered with bytes from {start} where {offset} were asked for")
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
            return Opened(offset, _content_range(response.headers.get("content-range", ""))[1] or 0, validators)
        if status in BUSY:
            raise Interrupted(f"the server answered {_status(response)}", _retry_after(response))
        raise self._refused(response)

    def _refused(self, response: httpx.Response) -> AssetUnavailable:
        mend = "Correct the asset's uri."
        if response.status_code in (401, 403):
            mend = (
                "The token in its secret is not accepted: renew it."
                if self._token
                else "Name a secret in the asset's `credentials` that holds an access token."
            )
        return AssetUnavailable(
            f"Asset {self._name!r}: {shown(str(response.url))} answered {_status(response)}.",
            mend=mend,
            status=response.status_code,
        )


def _headers(offset: int, resume_if: Validators, unless: Validators) -> dict[str, str]:
    headers = {"accept-encoding": "identity", "accept": "*/*", "user-agent": f"nova-spi/{__version__}"}
    if offset and (not resume_if or resume_if.strong):
        headers["range"] = f"bytes={offset}-"
        if resume_if:
            headers["if-range"] = resume_if.strong
    elif not offset and unless.etag:
        headers["if-none-match"] = unless.etag
    elif not offset and unless.last_modified:
        headers["if-modified-since"] = unless.last_modified
    return headers


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    """The bytes as they came; a body that ends too early is an interruption."""
    try:
        yield from response.iter_raw()  # as it comes: what a break leaves in a buffer would be lost
    except httpx.TransportError as error:
        raise Interrupted(_why(error)) from error


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}.get(url.scheme)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _content_range(text: str) -> tuple[int | None, int | None]:
    """``bytes 5-9/10`` is (5, 10); what cannot be read is None."""
    span, _, total = text.removeprefix("bytes").strip().partition("/")
    return _number(span.partition("-")[0]), _number(total)


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    if (seconds := _number(text)) is not None:
        return float(seconds)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except ValueError:
        return None


def _status(response: httpx.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}".strip()


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
