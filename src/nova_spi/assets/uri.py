"""Asset URIs: taken apart, and shown without what may be secret in them."""

from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from nova_spi.errors import AssetUnavailable

LATER = ("s3", "gs", "hf", "oci")
"""Schemes that a manifest may name and that this release does not read."""


def shown(uri: str) -> str:
    """The URI for messages: without user, query and fragment, where signatures and tokens stand."""
    try:
        parts = urlsplit(uri)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return uri.split("?", 1)[0][:200]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def scheme_of(uri: str) -> str:
    """The scheme in lower case, or an empty string."""
    head, colon, _ = uri.partition(":")
    return head.lower() if colon else ""


def local_path(uri: str, root: Path) -> Path:
    """The path that a ``file:`` URI names (RFC 8089); a relative one is below ``root`` and may not leave it.

    Raises:
        AssetUnavailable: The URI names a host, or leaves the project.
    """
    rest = uri.partition(":")[2]
    if rest.startswith("//"):
        host, slash, tail = rest[2:].partition("/")
        if host not in ("", "localhost"):
            raise AssetUnavailable(
                f"{shown(uri)} names the host {host!r}; a file: URI is on this machine.",
                mend=f"Write file:{host}/... for a file of the project, or file:///... for an absolute path.",
            )
        rest = slash + tail
    path = Path(unquote(rest))
    if "\0" in str(path) or not rest:
        raise AssetUnavailable(f"{shown(uri)} names no file.")
    if path.is_absolute():
        return path
    inside = root.resolve()
    found = (inside / path).resolve()
    if not found.is_relative_to(inside):
        raise AssetUnavailable(
            f"{shown(uri)} leaves the project.",
            why="A relative file: URI is below the project's root.",
            mend="Write an absolute path: file:///...",
        )
    return found
