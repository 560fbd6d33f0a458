"""What ``/proc/self/cgroup`` and ``/proc/self/mountinfo`` say of control groups. Text in, values out.

Formats: ``cgroups(7)`` (``ID:CONTROLLERS:PATH``; version 2 has neither number nor controllers) and
``proc_pid_mountinfo(5)``. Others have a hand in what stands there (a mount's name), so it is read with bounds, and a
line that is not as it should be is passed over.
"""

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024
MAX_LINES = 20_000
MAX_PATH = 4096
_ESCAPE = re.compile(r"\\([0-3][0-7]{2})")
_DIGITS = frozenset("0123456789")


@dataclass(frozen=True, slots=True)
class Mounted:
    """A hierarchy of control groups that is mounted.

    Attributes:
        version: 1 or 2.
        controllers: Those of version 1, as ``memory``; a hierarchy without any is ``name=...``. Empty in version 2.
        root: Which group stands at ``folder``; not ``/`` in a container that sees a part of the hierarchy alone.
        folder: Where it is mounted.
    """

    version: int
    controllers: frozenset[str]
    root: str
    folder: Path

    def holds(self, path: str) -> Path | None:
        """Where a group stands in this mount; None where it is outside of it."""
        inside = posixpath.relpath(path, self.root)
        if inside == ".." or inside.startswith("../"):
            return None
        return self.folder / inside


def memberships(text: str) -> dict[str, str]:
    """The path of our group for each controller of version 1, and of version 2 under the empty name."""
    found: dict[str, str] = {}
    for line in _lines(text):
        number, _, rest = line.partition(":")
        controllers, separator, path = rest.partition(":")
        if not (separator and number and set(number) <= _DIGITS and _is_path(path)):
            continue
        for name in controllers.split(","):
            found.setdefault(name, path)
    return found


def mounts(text: str) -> tuple[Mounted, ...]:
    """The hierarchies that are mounted, in their order; the same one may stand at several places."""
    return tuple(found for line in _lines(text) if (found := _mounted(line)) is not None)


def _mounted(line: str) -> Mounted | None:
    before, separator, after = line.partition(" - ")
    words, kind = before.split(" "), after.split(" ")
    if not separator or len(words) < 6 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
        return None
    root, folder = _plain(words[3]), _plain(words[4])
    if not (_is_path(root) and _is_path(folder)):
        return None
    if kind[0] == "cgroup2":
        return Mounted(2, frozenset(), root, Path(folder))
    options = frozenset(kind[2].split(",")) - {"rw", "ro", "xattr", "noprefix", "clone_children", ""}
    return Mounted(1, options, root, Path(folder))


def _lines(text: str) -> list[str]:
    lines = text[:MAX_BYTES].split("\n", MAX_LINES)
    return [line for line in lines[:MAX_LINES] if line]


def _plain(word: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), word)


def _is_path(path: str) -> bool:
    """An absolute path that means what it says: ``/..`` is a group outside of our namespace, which has no folder."""
    return path.startswith("/") and len(path) <= MAX_PATH and "\0" not in path and ".." not in path.split("/")
