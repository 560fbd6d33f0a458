"""The way through: from an asset of the manifest to a verified path in the cache."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Protocol

from nova_spi.assets.cache import Cache, Entry, Remembered, content_digest, uri_key
from nova_spi.assets.download import Download, Expected
from nova_spi.assets.file import FileSource
from nova_spi.assets.resume import Partial
from nova_spi.assets.source import Interrupted, Source, Transport, Validators
from nova_spi.assets.tree import copy_tree, tree_mark
from nova_spi.assets.uri import LATER, local_path, scheme_of, shown
from nova_spi.errors import AssetUnavailable
from nova_spi.progress import Progress


class Asset(Protocol):
    """What fetching reads of `nova_spi.manifest.models.Asset`."""

    @property
    def name(self) -> str:
        """Its name, for messages."""
        ...

    @property
    def uri(self) -> str:
        """Where its content is."""
        ...

    @property
    def sha256(self) -> str | None:
        """Its digest in hex, where the manifest pins it."""
        ...

    @property
    def size_bytes(self) -> int | None:
        """Its size, where the manifest pins it."""
        ...

    @property
    def credentials(self) -> str | None:
        """The name of the secret that opens it."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """An asset that is there.

    Attributes:
        path: A file or a folder in the cache; read-only, to be used where it is.
        sha256: Its digest, computed here; of a folder see `nova_spi.assets.tree`.
        size_bytes: Its size.
        cached: True where nothing had to be fetched.
    """

    path: Path
    sha256: str
    size_bytes: int
    cached: bool


def fetch(
    asset: Asset,
    *,
    root: Path,
    cache_dir: Path,
    secrets: Mapping[str, str],
    progress: Progress,
    transport: Transport | None = None,
    cancel: threading.Event | None = None,
) -> Fetched:
    """Fetches an asset, or finds it in the cache.

    With a ``sha256`` in the manifest nothing is asked of anybody once the content is there. Without one the source is
    asked each time whether it changed; where it cannot be reached, what is there is used, with a warning.

    Args:
        asset: From the manifest.
        root: The project, for relative ``file:`` URIs.
        cache_dir: The settings' own.
        secrets: Values by name; the one that ``asset.credentials`` names goes to the asset's host as a Bearer token.
        progress: Hears what is going on, in bytes.
        transport: How remote sources are reached.
        cancel: Ends the work where it is set.

    Raises:
        AssetUnavailable: It cannot be had, or is not what the manifest says.
        RunCancelled: ``cancel`` was set.
    """
    fetching = _Fetching(asset, root, Cache(cache_dir / "assets"), progress, cancel)
    try:
        return fetching.fetch(secrets, transport or Transport())
    except OSError as error:  # of the cache: what a source refuses is told by its adapter
        raise AssetUnavailable(
            f"Asset {asset.name!r} cannot be kept: {error.strerror or error}: {error.filename or cache_dir}",
            mend="Free some disk space, or set NOVA_SPI_CACHE_DIR to a folder that you can write.",
        ) from error


class _Fetching:
    def __init__(
        self, asset: Asset, root: Path, cache: Cache, progress: Progress, cancel: threading.Event | None
    ) -> None:
        digest = asset.sha256.lower().removeprefix("sha256:") if asset.sha256 else None
        self._expected = Expected(asset.name, digest, asset.size_bytes)
        self._asset = asset
        self._root = root
        self._cache = cache
        self._progress = progress
        self._cancel = cancel

    def fetch(self, secrets: Mapping[str, str], transport: Transport) -> Fetched:
        if found := self._pinned():
            return found
        self._progress.stage("assets", f"{self._asset.name} from {shown(self._asset.uri)}")
        local = self._local()
        if local and local.is_dir():
            return self._copied(local)
        source = FileSource(local, self._asset.name) if local else self._remote(secrets, transport)
        key = self._key()
        with self._cache.lock(key, self._cancel):
            return self._pinned() or self._downloaded(source, key, transport)

    def _key(self) -> str:
        """Two manifests that mean the same content, or the same place, wait for each other."""
        return self._expected.sha256 or uri_key(
            f"{self._asset.credentials or ''} {self._asset.uri} {self._local() or ''}"
        )

    def _pinned(self) -> Fetched | None:
        entry = self._cache.find(self._expected.sha256) if self._expected.sha256 else None
        if entry and self._asset.size_bytes not in (None, entry.size_bytes):
            raise AssetUnavailable(
                f"Asset {self._asset.name!r}: size_bytes is {self._asset.size_bytes}, the content with its sha256 has "
                f"{entry.size_bytes} bytes.",
                mend=f"Write size_bytes: {entry.size_bytes}.",
            )
        return _fetched(entry, cached=True) if entry else None

    def _local(self) -> Path | None:
        return local_path(self._asset.uri, self._root) if scheme_of(self._asset.uri) == "file" else None

    def _remote(self, secrets: Mapping[str, str], transport: Transport) -> Source:
        scheme, name = scheme_of(self._asset.uri), self._asset.name
        if scheme in LATER:
            raise AssetUnavailable(
                f"Asset {name!r}: {scheme}: URIs are not read yet; that comes with a later release.",
                mend="Until then name the file by its https: address, or put it into the project as file:PATH.",
            )
        if scheme != "https" and not (scheme == "http" and transport.allow_loopback_http):
            raise AssetUnavailable(f"Asset {name!r}: {shown(self._asset.uri)} is neither an https: nor a file: URI.")
        if self._asset.uri.endswith("/"):
            raise AssetUnavailable(
                f"Asset {name!r}: {shown(self._asset.uri)} is a folder, and a web server cannot list one.",
                mend="Name each file as an asset of its own, or one archive.",
            )
        # httpx costs some 50 ms to import: only where something really comes over the network.
        from nova_spi.assets.https import HttpsSource

        return HttpsSource(self._asset.uri, name, self._token(secrets), transport)

    def _token(self, secrets: Mapping[str, str]) -> str | None:
        wanted = self._asset.credentials
        if not wanted:
            return None
        if not (token := secrets.get(wanted, "").strip()):
            raise AssetUnavailable(
                f"Asset {self._asset.name!r} needs the secret {wanted}, which has no value.",
                mend=f"Set {wanted} in the environment, or give --secret {wanted}=@FILE.",
            )
        if not token.isascii() or not token.isprintable():
            raise AssetUnavailable(f"The secret {wanted} cannot be sent as a token: it is not plain ASCII text.")
        return token

    def _downloaded(self, source: Source, key: str, transport: Transport) -> Fetched:
        known = self._known(key)
        partial = Partial(self._cache.partial(key))
        download = Download(source, partial, self._expected, transport, self._progress, self._cancel)
        try:
            came = download.complete(known[1] if known else Validators(), 1 if known else None)
        except Interrupted as error:
            if known:
                return self._stale(known[0], error)
            raise AssetUnavailable(
                f"Asset {self._asset.name!r} could not be fetched from {shown(self._asset.uri)}: {error}",
                mend="Try again: what has come is kept, and the rest is asked for."
                if partial.size
                else "Try again later.",
            ) from error
        if came is None and known:
            return _fetched(known[0], cached=True)
        if came is None:
            raise AssetUnavailable(f"Asset {self._asset.name!r}: the server says 'not modified' to a first request.")
        entry = self._cache.keep(came.path, came.sha256, came.size_bytes)
        partial.remove()
        if not self._expected.sha256:
            self._remember(key, entry, came.validators)
        return _fetched(entry, cached=False)

    def _known(self, key: str) -> tuple[Entry, Validators] | None:
        held = None if self._expected.sha256 else self._cache.remembered(key)
        entry = self._cache.find(held.sha256) if held else None
        if not held or not entry or self._asset.size_bytes not in (None, entry.size_bytes):
            return None
        return entry, held.validators

    def _stale(self, entry: Entry, error: Interrupted) -> Fetched:
        self._progress.warn(
            f"Asset {self._asset.name!r} could not be compared with {shown(self._asset.uri)} ({error}); the copy of "
            f"the last time is used. With sha256: {entry.sha256} in the manifest nothing has to be asked."
        )
        return _fetched(entry, cached=True)

    def _remember(self, key: str, entry: Entry, validators: Validators) -> None:
        self._cache.remember(key, Remembered(entry.sha256, validators))

    def _copied(self, local: Path) -> Fetched:
        if not self._asset.uri.endswith("/"):
            raise AssetUnavailable(
                f"Asset {self._asset.name!r}: {local} is a folder.",
                mend=f"Write a folder with a slash: {self._asset.uri}/",
            )
        key = self._key()
        with self._cache.lock(key, self._cancel):
            mark = Validators(etag=tree_mark(local, self._asset.name))
            known = self._known(key)
            if found := self._pinned():
                return found
            if known and known[1] == mark:
                return _fetched(known[0], cached=True)
            entry = self._keep_tree(local, key)
            if not self._expected.sha256:
                self._remember(key, entry, mark)
        return _fetched(entry, cached=False)

    def _keep_tree(self, local: Path, key: str) -> Entry:
        fresh = self._cache.partial(key)
        rmtree(fresh, ignore_errors=True)
        try:
            copy_tree(local, fresh, self._asset.name)
            digest, size = content_digest(fresh)
        except OSError as error:
            rmtree(fresh, ignore_errors=True)
            raise AssetUnavailable(f"Asset {self._asset.name!r} cannot be copied: {error}") from error
        if self._expected.sha256 not in (None, digest) or self._expected.size_bytes not in (None, size):
            rmtree(fresh, ignore_errors=True)
            raise AssetUnavailable(
                f"Asset {self._asset.name!r} is not what the manifest says: its sha256 is {digest}, its size {size}.",
                why="The digest of a folder is that of its sorted listing, as sha256sum prints it.",
                mend="If the folder changed on purpose, write these.",
            )
        return self._cache.keep(fresh, digest, size)


def _fetched(entry: Entry, *, cached: bool) -> Fetched:
    return Fetched(entry.path, entry.sha256, entry.size_bytes, cached)
