"""Who we are to a registry, from where people keep it: Docker's config and its helpers, and Podman's auth file.

The first of these files that knows the registry counts: ``$REGISTRY_AUTH_FILE``; ``config.json`` in ``$DOCKER_CONFIG``
or ``~/.docker``; ``$XDG_RUNTIME_DIR/containers/auth.json``; ``~/.config/containers/auth.json``. Formats: Docker's
``config.json`` (docs.docker.com, docker login) and containers-auth.json(5), which adds keys with a path.
"""

import base64
import binascii
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nova_spi.artifacts.documents import Fields, load_object
from nova_spi.artifacts.references import HUB, HUB_ADDRESS, Reference
from nova_spi.artifacts.registry.helpers import ask_helper, is_helper
from nova_spi.errors import ArtifactInvalid, RegistryError

MAX_FILE_BYTES = 1024 * 1024
MAX_SECRET = 256 * 1024
TOKEN_USER = "<token>"  # noqa: S105  # the name under which helpers keep an identity token
HUB_KEY = "https://index.docker.io/v1/"
"""What Docker has called Docker Hub in its files since 2014."""

HUB_NAMES = frozenset({HUB, HUB_ADDRESS, "index.docker.io"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to one registry.

    Attributes:
        username: Our name.
        password: Or an access token that is used as one.
        identity_token: What a token service gives tokens for, instead of a password (OAuth 2, refresh token).
        registry_token: A token for the registry itself.
    """

    username: str
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def header(self) -> str:
        """The header ``Authorization`` of scheme Basic."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def find_credentials(reference: Reference) -> Credentials | None:
    """What the files on this machine say for a registry; None where they do not know it.

    Args:
        reference: Of the repository; Podman's files may have an entry for a part of a registry.

    Raises:
        RegistryError: A file cannot be read or is not valid, or a helper that it names fails.
    """
    for path, named in _files(os.environ):
        data = _read(path, named)
        if data is None:
            continue
        try:
            found = _AuthFile(data, path).find(reference)
        except ArtifactInvalid as error:
            raise _unusable(path, error.message, reference.host) from error
        if found is not None:
            return found
    return None


def credential_files() -> list[Path]:
    """The files on this machine that have something to say of registries, in the order in which they count.

    Raises:
        RegistryError: One of them cannot be read, or is not valid.
    """
    found = []
    for path, named in _files(os.environ):
        if (data := _read(path, named)) is None:
            continue
        try:
            if _AuthFile(data, path).knows_registries:
                found.append(path)
        except ArtifactInvalid as error:
            raise _unusable(path, error.message) from error
    return found


def _files(environment: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    """Where to look, each with whether a variable names this very file."""
    if named := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(named), True
    home = environment.get("HOME")
    if folder := environment.get("DOCKER_CONFIG"):
        yield Path(folder) / "config.json", False
    elif home:
        yield Path(home) / ".docker" / "config.json", False
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers" / "auth.json", False
    if home:
        yield Path(home) / ".config" / "containers" / "auth.json", False


def _read(path: Path, named: bool) -> bytes | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise _unusable(path, "It is not a regular file.")
            data = stream.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        if named:
            raise _unusable(path, "REGISTRY_AUTH_FILE names it, and it is not there.") from error
        return None
    except OSError as error:
        raise _unusable(path, f"It cannot be read: {error.strerror}.") from error
    if len(data) > MAX_FILE_BYTES:
        raise _unusable(path, f"It is larger than {MAX_FILE_BYTES} bytes.")
    return data if data.strip() else None


class _AuthFile:
    """One file.

    Args:
        data: Its content.
        path: Where it stands, for messages.

    Raises:
        ArtifactInvalid: It is not valid.
    """

    def __init__(self, data: bytes, path: Path) -> None:
        self._path = path
        self._fields = Fields(load_object(data, "It", limit=MAX_FILE_BYTES), "It")
        self._auths = self._fields.object("auths") or Fields({}, "It")
        self._helpers = self._fields.map("credHelpers")

    @property
    def knows_registries(self) -> bool:
        """Whether it names any registry or helper; Docker's has other settings too."""
        return bool(self._auths.values or self._helpers or self._fields.text("credsStore", 256))

    def find(self, reference: Reference) -> Credentials | None:
        """What it says of a registry: the helper first, as with Docker, then the file itself."""
        listed = self._entry(reference)
        own = next((name for key, name in self._helpers.items() if _place(key) == (reference.host, "")), "")
        helper = own or self._fields.text("credsStore", 256)
        # A store is named for all registries: one that is not installed matters where we were logged in with it.
        if helper and (own or listed is not None or is_helper(helper)):
            username, secret = ask_helper(helper, HUB_KEY if reference.host == HUB else reference.host)
            if username == TOKEN_USER:
                return Credentials("", identity_token=secret)
            if username or secret:
                return _checked(Credentials(username, secret))
        return _credentials(listed) if listed is not None else None

    def _entry(self, reference: Reference) -> Fields | None:
        """The entry of ``auths`` with the longest part of the repository's name; at last the host's own."""
        by_place: dict[tuple[str, str], str] = {}
        for key in self._auths.values:
            by_place.setdefault(_place(key), key)
        parts = reference.repository.split("/")
        for length in range(len(parts), -1, -1):
            listed = by_place.get((reference.host, "/".join(parts[:length])))
            if listed is not None:
                return self._auths.object(listed) or Fields({}, "It")
        return None


def _place(key: str) -> tuple[str, str]:
    """The registry of a key, and the part of it; addresses of the old API are the whole registry."""
    _, scheme, rest = key.rpartition("://")
    host, _, path = rest.partition("/")
    path = path.strip("/")
    if scheme or path in ("v1", "v2", "api/v1", "api/v2"):
        path = ""
    host = host.lower()
    return (HUB if host in HUB_NAMES else host), path


def _credentials(entry: Fields) -> Credentials | None:
    username, password = entry.text("username", 4096), entry.text("password", MAX_SECRET)
    if auth := entry.text("auth", MAX_SECRET):
        try:
            text = base64.b64decode(auth, validate=True).decode("utf-8").rstrip("\0")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ArtifactInvalid("An entry's auth is not base64 of NAME:PASSWORD.") from error
        username, colon, password = text.partition(":")
        if not colon:
            raise ArtifactInvalid("An entry's auth is not base64 of NAME:PASSWORD.")
    identity, token = entry.text("identitytoken", MAX_SECRET), entry.text("registrytoken", MAX_SECRET)
    if not (username or password or identity or token):
        return None
    return _checked(Credentials(username, password, identity, token))


def _checked(found: Credentials) -> Credentials:
    """A name or token with a line's end could add a header of its own."""
    texts = (found.username, found.registry_token, found.identity_token)
    if ":" in found.username or not all(text.isprintable() for text in texts):
        raise ArtifactInvalid("A user name or a token in it has characters that neither can have.")
    if not found.registry_token.isascii():
        raise ArtifactInvalid("A token in it has characters that it cannot have.")
    return found


def _unusable(path: Path, why: str, host: str = "HOST") -> RegistryError:
    return RegistryError(
        f"The credentials in {path} cannot be used.",
        why=why,
        mend=f"Mend the file, or write it anew: {log_in(host)}",
        code="registry.credentials",
    )


def log_in(host: str) -> str:
    """The command that gives us credentials for a registry."""
    where = "" if host in HUB_NAMES else f" {host}"
    return f"docker login{where}, or podman login {HUB if host in HUB_NAMES else host}"
