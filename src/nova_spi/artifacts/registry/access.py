"""Being let in: Basic, or a Bearer token from the service that the registry names (distribution-spec, auth/token.md).

A secret goes to the registry that it is for and to the token service that this registry names, never anywhere else.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import httpx

from nova_spi.artifacts.documents import Fields, load_object
from nova_spi.artifacts.references import is_loopback
from nova_spi.artifacts.registry.challenges import Challenge, read_challenges
from nova_spi.artifacts.registry.credentials import Credentials, log_in
from nova_spi.artifacts.registry.retrying import BUSY, Broken, retry_after
from nova_spi.errors import ArtifactInvalid, RegistryError

MAX_TOKEN_BYTES = 1024 * 1024
SHORTEST_LIFE = 60.0
"""Seconds that a token counts where the service does not say (the specification's default)."""

MARGIN = 5.0
CLIENT = "nova-spi"
"""How we name ourselves to a token service, which wants a name for a refresh token."""

Scopes = tuple[str, ...]
"""What we want to do: ``repository:team/model:pull,push``, one a repository."""

Lookup = Callable[[], Credentials | None]


class Ask(Protocol):
    """Sends one request to a token service, without following redirects."""

    def __call__(
        self, url: httpx.URL, headers: dict[str, str], form: dict[str, str] | None, limit: int
    ) -> tuple[httpx.Response, bytes]:
        """The answer and at most so many bytes of it; a GET, or with a form a POST."""
        ...


class Access:
    """What we show to one registry, and how we get it. Several threads may use it at once.

    Args:
        host: The registry, with its port.
        credentials: Ours, or where to look for them once the registry wants some; without them we ask as anybody.
        ask: Speaks to a token service.
    """

    def __init__(self, host: str, credentials: Credentials | Lookup | None, ask: Ask) -> None:
        self._host = host
        self._lookup: Lookup | None = credentials if callable(credentials) else None
        self._credentials = None if callable(credentials) else credentials
        self._ask = ask
        self._basic = False
        self._service = ""
        self._tokens: dict[tuple[str, Scopes], tuple[str, float]] = {}
        self._lock = threading.RLock()

    def header(self, scopes: Scopes) -> str:
        """What is known to be wanted for these scopes; empty where nothing is known."""
        with self._lock:
            if self._basic and self._credentials:
                return self._credentials.header
            token, until = self._tokens.get((self._service, scopes), ("", 0.0))
            return f"Bearer {token}" if token and time.monotonic() < until else ""

    def answer(self, challenge: str, scopes: Scopes, used: str) -> str:
        """The header that answers a 401.

        Args:
            challenge: Its ``WWW-Authenticate``.
            scopes: What we want; what the registry names is asked for too.
            used: The header that was refused.

        Raises:
            RegistryError: Nothing that we have answers it, or the token service refuses.
            Broken: The token service is busy.
        """
        with self._lock:
            known = self.header(scopes)
            if known and known != used:
                return known  # another thread has got it meanwhile
            if self._lookup is not None:
                self._credentials, self._lookup = self._lookup(), None
            self._tokens.pop((self._service, scopes), None)
            offered = read_challenges(challenge)
            for each in offered:
                if each.scheme == "bearer" and each.parameters.get("realm"):
                    self._service = each.parameters.get("service", "")
                    self._tokens[self._service, scopes] = self._token(each, scopes)
                    return self.header(scopes)
            return self._as_ourselves(offered)

    def _as_ourselves(self, offered: list[Challenge]) -> str:
        ours = self._credentials
        if any(each.scheme == "basic" for each in offered) and ours and ours.password and not self._basic:
            self._basic = True
            return ours.header
        raise self.denied("It wants a user name and a password." if offered else "It does not say what it wants.")

    def _token(self, challenge: Challenge, scopes: Scopes) -> tuple[str, float]:
        if self._credentials and self._credentials.registry_token:
            return self._credentials.registry_token, time.monotonic() + SHORTEST_LIFE
        url = self._realm(challenge.parameters["realm"])
        asked = merged((*challenge.parameters.get("scope", "").split(), *scopes))
        response, body = self._asked(url, challenge.parameters.get("service", ""), asked)
        if response.status_code in BUSY:
            raise Broken(
                f"the token service {url.host} answered {response.status_code}",
                after=retry_after(response.headers.get("retry-after", "")),
            )
        if response.status_code != httpx.codes.OK:
            raise self.denied(f"Its token service {url.host} answered {response.status_code}.")
        try:
            fields = Fields(load_object(body, "The token"), "The token")
            token = fields.text("token", MAX_TOKEN_BYTES) or fields.text("access_token", MAX_TOKEN_BYTES)
            life = fields.whole("expires_in")
        except ArtifactInvalid as error:
            raise self.denied(f"Its token service {url.host} answered something else: {error.message}") from error
        if not token or not token.isascii() or not token.isprintable():
            raise self.denied(f"Its token service {url.host} gave no token.")
        return token, time.monotonic() + max(float(life or 0), SHORTEST_LIFE) - MARGIN

    def _asked(self, url: httpx.URL, service: str, scopes: Scopes) -> tuple[httpx.Response, bytes]:
        """A GET with our name and password; a POST where we have a refresh token (auth/oauth.md)."""
        ours = self._credentials
        if ours and ours.identity_token:
            form = {"grant_type": "refresh_token", "refresh_token": ours.identity_token, "client_id": CLIENT}
            return self._ask(url, {}, form | {"service": service, "scope": " ".join(scopes)}, MAX_TOKEN_BYTES)
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        if ours:
            query.append(("account", ours.username))
        url = url.copy_with(params=httpx.QueryParams([*url.params.multi_items(), *query]))
        return self._ask(url, {"authorization": ours.header} if ours else {}, None, MAX_TOKEN_BYTES)

    def _realm(self, realm: str) -> httpx.URL:
        """The token service: https; http only where the registry itself is on this machine, as the service then is."""
        try:
            url = httpx.URL(realm)
        except httpx.InvalidURL as error:
            raise self.denied("The address of its token service is none.") from error
        both_here = is_loopback(self._host) and is_loopback(url.host)
        if not url.host or url.userinfo or (url.scheme != "https" and not (url.scheme == "http" and both_here)):
            raise self.denied(f"Its token service {url.host or realm[:80]!r} is not https.")
        return url

    def denied(self, why: str) -> RegistryError:
        """The error that the registry does not let us in."""
        return RegistryError(
            f"The registry {self._host} does not let us in.",
            why=why if self._credentials is None else f"{why} The credentials that we have are not enough.",
            mend=log_in(self._host),
            code="registry.denied",
        )


def merged(scopes: Iterable[str]) -> Scopes:
    """Scopes with each resource once and all its actions, sorted: a registry may name what we want in another order."""
    found: dict[str, set[str]] = {}
    for scope in scopes:
        resource, _, actions = scope.rpartition(":")
        if resource:
            found.setdefault(resource, set()).update(actions.split(","))
    return tuple(f"{resource}:{','.join(sorted(actions))}" for resource, actions in found.items())
