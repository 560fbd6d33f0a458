"""Being let in: Basic, or a Bearer token from the service that the registry names (distribution-spec, auth/token.md).

A secret goes to the registry that it is for and to the token service that this registry names, never anywhere else.
"""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from nova_spi.artifacts.documents import Fields, load_object
from nova_spi.artifacts.references import is_loopback
from nova_spi.artifacts.registry.challenges import Challenge, read_challenges
from nova_spi.errors import ArtifactInvalid, RegistryError

MAX_TOKEN_BYTES = 1024 * 1024
SHORTEST_LIFE = 60.0
"""Seconds that a token counts where the service does not say (the specification's default)."""

MARGIN = 5.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to one registry."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The header ``Authorization`` of scheme Basic."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class Access:
    """What we show to one registry, and how we get it.

    Args:
        host: The registry, with its port.
        credentials: Ours; without them we ask as anybody.
        ask: Sends one request, without following redirects, and reads at most so many bytes of the answer.
    """

    def __init__(
        self,
        host: str,
        credentials: Credentials | None,
        ask: Callable[[httpx.URL, dict[str, str], int], tuple[httpx.Response, bytes]],
    ) -> None:
        self._host = host
        self._credentials = credentials
        self._ask = ask
        self._basic = False
        self._tokens: dict[str, tuple[str, float]] = {}

    def header(self, scope: str) -> str:
        """What is known to be wanted for a scope; empty where nothing is known."""
        if self._basic and self._credentials:
            return self._credentials.header
        token, until = self._tokens.get(scope, ("", 0.0))
        return f"Bearer {token}" if token and time.monotonic() < until else ""

    def answer(self, challenge: str, scope: str) -> str:
        """The header that answers a 401.

        Args:
            challenge: Its ``WWW-Authenticate``.
            scope: ``repository:NAME:pull``; where the registry names one, that counts.

        Raises:
            RegistryError: Nothing that we have answers it, or the token service refuses.
        """
        self._tokens.pop(scope, None)
        offered = read_challenges(challenge)
        for each in offered:
            if each.scheme == "bearer" and each.parameters.get("realm"):
                self._tokens[scope] = self._token(each, scope)
                return self.header(scope)
        if any(each.scheme == "basic" for each in offered) and self._credentials and not self._basic:
            self._basic = True
            return self._credentials.header
        raise self._denied("It wants a user name and a password." if offered else "It does not say what it wants.")

    def _token(self, challenge: Challenge, scope: str) -> tuple[str, float]:
        url = self._realm(challenge.parameters["realm"])
        asked = {"scope": challenge.parameters.get("scope") or scope}
        if challenge.parameters.get("service"):
            asked["service"] = challenge.parameters["service"]
        if self._credentials:
            asked["account"] = self._credentials.username
        headers = {"authorization": self._credentials.header} if self._credentials else {}
        response, body = self._ask(url.copy_merge_params(asked), headers, MAX_TOKEN_BYTES)
        if response.status_code != httpx.codes.OK:
            raise self._denied(f"Its token service {url.host} answered {response.status_code}.")
        try:
            fields = Fields(load_object(body, "The token"), "The token")
            token = fields.text("token", MAX_TOKEN_BYTES) or fields.text("access_token", MAX_TOKEN_BYTES)
            life = fields.whole("expires_in")
        except ArtifactInvalid as error:
            raise self._denied(f"Its token service {url.host} answered something else: {error.message}") from error
        if not token or not token.isascii() or not token.isprintable():
            raise self._denied(f"Its token service {url.host} gave no token.")
        return token, time.monotonic() + max(float(life or 0), SHORTEST_LIFE) - MARGIN

    def _realm(self, realm: str) -> httpx.URL:
        """The token service: https; http only where the registry itself is on this machine, as the service then is."""
        try:
            url = httpx.URL(realm)
        except httpx.InvalidURL as error:
            raise self._denied("The address of its token service is none.") from error
        both_here = is_loopback(self._host) and is_loopback(url.host)
        if not url.host or url.userinfo or (url.scheme != "https" and not (url.scheme == "http" and both_here)):
            raise self._denied(f"Its token service {url.host or realm[:80]!r} is not https.")
        return url

    def _denied(self, why: str) -> RegistryError:
        return RegistryError(
            f"The registry {self._host} does not let us in.",
            why=why,
            mend="Check the user name and the password." if self._credentials else "Give a user name and a password.",
            code="registry.denied",
        )
