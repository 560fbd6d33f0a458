"""Reading ``nova-spi.lock``, which people edit and merge: what is wrong is said with its line."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import ArtifactInvalid, BuildFailed, UsageError
from nova_spi.images.debian_records import Package
from nova_spi.images.lock import KINDS, LOCK, VERSION, Lock, Locked

MAX_BYTES = 1 << 20
LONGEST = 1024


def read_lock(root: Path) -> Lock:
    """Reads a project's lock; empty where there is none.

    Raises:
        BuildFailed: It is not valid; the message names the line.
    """
    try:
        handle = os.open(root / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        raise BuildFailed(f"{LOCK} cannot be read: {error.strerror}.", code="build.lock") from error
    return parse_lock(data)


def parse_lock(data: bytes) -> Lock:
    """Reads the text of a lock.

    Raises:
        BuildFailed: It is not valid; the message names the line.
    """
    if len(data) > MAX_BYTES:
        raise _invalid(1, f"it is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _invalid(data[: error.start].count(b"\n") + 1, "it is not UTF-8") from error
    try:
        found = tomllib.loads(text)
    except RecursionError as error:
        raise _invalid(1, "it is nested too deep") from error
    except ValueError as error:
        line = re.search(r"at line ([0-9]+)", str(error))
        raise _invalid(int(line[1]) if line else text.count("\n") + 1, "it is not TOML") from error
    return _Reader(text).lock(found)


class _Reader:
    """What a lock's TOML means, with the line of each thing that is wrong."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._starts = [number for number, line in enumerate(self._lines, 1) if line.strip() == "[[base]]"]

    def lock(self, found: dict[str, Any]) -> Lock:
        if found.get("version") != VERSION or type(found["version"]) is not int:
            self._wrong("version", 0, f"must be {VERSION}; another version of nova-spi wrote it")
        self._known(found, ("version", "base"), 0)
        rows = found.get("base", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self._wrong("base", 0, "must be tables, [[base]]")
        lock = Lock()
        for number, row in enumerate(rows):
            start = self._starts[number] if len(self._starts) == len(rows) else 0
            base = self._base(row, start)
            if lock.base(base.platform):
                self._wrong("platform", start, f"{base.platform} stands there twice")
            lock = lock.with_base(base)
        return lock

    def _base(self, row: dict[str, Any], start: int) -> Locked:
        known = ("platform", "kind", "name", "digest", "image_id", "packages", "system", "system_packages")
        self._known(row, known, start)
        for name in known[:4]:
            if not isinstance(row.get(name), str):
                self._wrong(name, start, "must be a string")
        if row["kind"] not in KINDS:
            self._wrong("kind", start, f"must be one of {', '.join(KINDS)}")
        if not _is_text(row["name"]):
            self._wrong("name", start, "is no name of an image")
        try:
            platform = Platform.parse(row["platform"])
        except UsageError:
            self._wrong("platform", start, "must be like linux/amd64")
        assembled = row["kind"] == "debian"
        if assembled != ("image_id" in row):
            self._wrong("image_id", start, "belongs to the kind debian, and to no other")
        packages, system = self._packages(row, "packages", start), self._texts(row, "system", start)
        if bool(packages) != assembled:
            self._wrong("packages", start, "belongs to the kind debian, and to no other")
        more = self._packages(row, "system_packages", start)
        if more and not (system and packages):
            self._wrong("system_packages", start, "needs packages and system")
        image_id = self._digest(row, "image_id", start) if assembled else None
        digest = self._digest(row, "digest", start)
        return Locked(platform, row["kind"], row["name"], digest, image_id, packages, system, more)

    def _digest(self, row: dict[str, Any], name: str, start: int) -> Digest:
        try:
            return Digest.parse(row[name] if isinstance(row[name], str) else "")
        except ArtifactInvalid:
            self._wrong(name, start, "must be sha256: and 64 hexadecimal digits")

    def _packages(self, row: dict[str, Any], name: str, start: int) -> tuple[Package, ...]:
        try:
            return tuple(Package.parse(each) for each in self._texts(row, name, start))
        except ValueError as error:
            self._wrong(name, start, f"is not valid: {error}")

    def _texts(self, row: dict[str, Any], name: str, start: int) -> tuple[str, ...]:
        found = row.get(name, [])
        if not isinstance(found, list) or not all(isinstance(each, str) and _is_text(each) for each in found):
            self._wrong(name, start, "must be a list of strings")
        return tuple(found)

    def _known(self, row: dict[str, Any], known: tuple[str, ...], start: int) -> None:
        for name in row:
            if name not in known:
                self._wrong(name, start, "is not known")

    def _wrong(self, name: str, start: int, why: str) -> NoReturn:
        """Raises the error for a key of the table that begins at a line; 0 is the whole document."""
        pattern = re.compile(rf"\s*\"?{re.escape(name)}\"?\s*=")
        below = range(start, len(self._lines))
        line = next((number + 1 for number in below if pattern.match(self._lines[number])), start or 1)
        raise _invalid(line, f"{name[:80]} {why}")


def _invalid(line: int, why: str) -> BuildFailed:
    return BuildFailed(
        f"{LOCK}, line {line}: {why}.",
        mend=f"Restore it, or remove it: the next build then chooses a base and writes {LOCK} again.",
        code="build.lock",
        line=line,
    )


def _is_text(text: str) -> bool:
    return 0 < len(text) <= LONGEST and text.isprintable()
