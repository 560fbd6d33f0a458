"""Who may ask: a bearer token, or where there is none a caller on this machine who is no web page of somebody else.

Without a token the server listens on loopback alone. A page in the browser of this machine can reach it there in two
ways: by a name of its own that it lets point to 127.0.0.1 (DNS rebinding), which the Host header tells, and by sending
a form or a simple request across sites, which Origin and Sec-Fetch-Site tell. Neither is answered, and no answer ever
carries a CORS header.
"""

import hmac
import ipaddress
from collections.abc import Mapping

from nova_spi.errors import NovaSpiError, UsageError
from nova_spi.serving.http.statuses import FORBIDDEN, MISDIRECTED, UNAUTHORISED

SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_MOST_HOSTS = 64


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Gate:
    """Lets requests in.

    Args:
        token: What callers must know; None lets in callers of this machine.
    """

    def __init__(self, token: str | None) -> None:
        self.secured = token is not None
        self._token = (token or "").encode()
        self._hosts: set[bytes] = set()

    def check(self, method: str, headers: Mapping[bytes, bytes], *, public: bool = False) -> bool:
        """Whether the caller is trusted; raises where a request may not be answered at all.

        Args:
            method: Of the request.
            headers: Of the request.
            public: It asks for what is answered without a token.

        Raises:
            UsageError: ``usage.unauthorised``, ``usage.misdirected`` or ``usage.forbidden``.
        """
        if self.secured:
            trusted = self._knows(headers.get(b"authorization", b""))
            if not trusted and not public:
                raise _unauthorised()
            return trusted
        host = headers.get(b"host", b"")
        if host not in self._hosts:
            self._admit(host)
        if method not in SAFE:
            _same_site(headers, host)
        return True

    def _knows(self, said: bytes) -> bool:
        kind, _, token = said.partition(b" ")
        return hmac.compare_digest(token.strip(), self._token) and kind.lower() == b"bearer"

    def _admit(self, host: bytes) -> None:
        name, port = split_host(host.decode("latin-1"))
        if not is_loopback(name) or not (port == "" or port.isdigit()):
            raise UsageError(
                "This server answers on this machine's own names alone.",
                why="The Host header names another one.",
                mend="ask http://127.0.0.1 or http://localhost, or serve with --host and a token",
                code=MISDIRECTED,
            )
        if len(self._hosts) < _MOST_HOSTS:
            self._hosts.add(host)


def split_host(said: str) -> tuple[str, str]:
    """The name and the port of a Host header; the port is empty where there is none."""
    if said.startswith("["):
        name, _, rest = said.partition("]")
        return name + "]", rest.removeprefix(":")
    name, _, port = said.partition(":")
    return name, port


def _same_site(headers: Mapping[bytes, bytes], host: bytes) -> None:
    site = headers.get(b"sec-fetch-site")
    origin = headers.get(b"origin")
    if (site is None or site in (b"same-origin", b"none")) and (origin is None or origin == b"http://" + host):
        return
    raise UsageError(
        "A page of another site may not run the model.",
        why="The request's Origin or Sec-Fetch-Site is not this server's.",
        code=FORBIDDEN,
    )


def _unauthorised() -> NovaSpiError:
    return UsageError(
        "The request needs the server's token.",
        mend="send the header Authorization: Bearer TOKEN; the file that nova-spi serve names holds it",
        code=UNAUTHORISED,
    )
