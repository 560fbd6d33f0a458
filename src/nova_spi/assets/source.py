"""The port: how the bytes behind one kind of URI are opened. One adapter a file beside this one."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

CHUNK = 1 << 20
"""How much is read at a time, in bytes."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server says so that a later answer can be compared with an earlier one (RFC 9110, section 8.8)."""

    etag: str = ""
    last_modified: str = ""

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)

    @property
    def strong(self) -> str:
        """What ``If-Range`` may carry: a strong ETag, else the date; empty where neither is there."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer whose body has not been read yet.

    Attributes:
        offset: Where in the whole the chunks begin; 0 when the source could not resume.
        total: Bytes of the whole, where the source says so.
        validators: See `Validators`.
        chunks: The bytes from ``offset`` on.
        unchanged: True where nothing has changed since ``unless``; then there are no chunks.
    """

    offset: int = 0
    total: int | None = None
    validators: Validators = field(default_factory=Validators)
    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))
    unchanged: bool = False


class Interrupted(Exception):
    """The source broke off, or is busy: worth another try.

    Args:
        reason: What happened, without a credential in it.
        retry_after: Seconds that the server asks to wait.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Source(Protocol):
    """The bytes behind one URI."""

    def open(self, offset: int, resume_if: Validators, unless: Validators) -> AbstractContextManager[Opened]:
        """Opens the content.

        Args:
            offset: What is there already; the answer may begin at 0 all the same.
            resume_if: Resume only while these hold; empty: resume whatever they are (the digest is checked later).
            unless: Answer `Opened.unchanged` while these hold; empty: always answer with the content.

        Raises:
            Interrupted: Another try may work. The chunks raise it too.
            AssetUnavailable: No other try will.
        """
        ...


@dataclass(frozen=True, slots=True)
class Transport:
    """How remote sources are reached.

    Attributes:
        ca_file: A file of CA certificates to trust instead of the machine's own. ``SSL_CERT_FILE`` in the environment
            does the same for a whole program.
        allow_loopback_http: Accept ``http:`` to this machine's own loopback addresses, for tests. Never to others.
        connect_seconds: Time to connect.
        read_seconds: Longest silence between two pieces.
        tries: Attempts in a row that gain no byte.
        backoff_seconds: Wait after the first failed attempt; doubled after each.
        max_bytes: The largest asset without a ``size_bytes`` of its own.
    """

    ca_file: Path | None = None
    allow_loopback_http: bool = False
    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    tries: int = 5
    backoff_seconds: float = 0.5
    max_bytes: int = 256 * 1024**3
