"""Patterns of file names: globs of ``*``, ``?``, ``[...]``, nested ``{a,b}`` and, for inputs, ``**`` and folders.

Braces are expanded first, as a shell does; what remains is matched segment by segment, in time that grows with pattern
times name. After the last dot of a name the case of letters does not count. A name that begins with a dot is matched
only by a pattern that says so, as everywhere with globs. Paths are relative, with ``/``.
"""

from __future__ import annotations

from functools import lru_cache

from .braces import PatternInvalid, expand_braces
from .globs import parse_segment, segment_matches, segments_meet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from .globs import Segment

__all__ = [
    "PatternInvalid",
    "expand_braces",
    "matches",
    "may_overlap",
    "natural_key",
    "numbered_name",
    "pattern_problem",
]

_MANY = None  # stands for the segment `**`


def pattern_problem(pattern: str, output: bool) -> Optional[str]:
    """Say why a file pattern is not allowed, or None if it is.

    Args:
        pattern: The ``file_pattern`` of a parameter.
        output: Whether it names outputs: then one segment, with at most one ``*``.
    """
    try:
        alternatives = expand_braces(pattern)
        for alternative in alternatives:
            _check(alternative, output)
    except PatternInvalid as problem:
        return str(problem)
    return None


def _check(pattern: str, output: bool) -> None:
    if "\\" in pattern or any(ord(char) < 32 for char in pattern):
        raise PatternInvalid("it holds a backslash or a control character")
    if pattern.startswith("/") or pattern[1:2] == ":":
        raise PatternInvalid("it is absolute; a pattern is relative to mount_path")
    segments = pattern.split("/")
    if output and len(segments) > 1:
        raise PatternInvalid("an output's pattern names files, not folders: it has no '/'")
    for segment in segments:
        if segment in ("", ".", ".."):
            raise PatternInvalid(f"the segment '{segment}' is not allowed" if segment else "it has an empty segment")
        if segment == "**" and not output:
            continue
        if "**" in segment:
            raise PatternInvalid("'**' stands only for folders of inputs, alone between slashes")
        stars = sum(token is None for token in parse_segment(segment))
        if output and stars > 1:
            raise PatternInvalid("an output's pattern has at most one '*', which is its counter")


@lru_cache(maxsize=256)
def _parsed(pattern: str) -> tuple[tuple[Optional[Segment], ...], ...]:
    found = []
    for alternative in expand_braces(pattern):
        segments = alternative.split("/")
        parts = [_MANY if part == "**" else parse_segment(part) for part in segments]
        found.append((*parts, parse_segment("*")) if segments[-1] == "**" else tuple(parts))
    return tuple(found)


def matches(pattern: str, relative_posix_path: str) -> bool:
    """Whether a path below ``mount_path`` matches the pattern.

    Raises:
        PatternInvalid: The pattern cannot be read; see `pattern_problem`.
    """
    names = relative_posix_path.split("/")
    return any(_path_matches(alternative, names) for alternative in _parsed(pattern))


def _path_matches(segments: tuple[Optional[Segment], ...], names: list[str]) -> bool:
    """The two pointers that match a glob, with whole segments as letters and `**` as the star."""
    at = begin = 0
    star = star_at = -1
    while begin < len(names):
        segment = segments[at] if at < len(segments) else ()
        if at < len(segments) and segment is _MANY:
            star, star_at = at, begin
            at += 1
        elif at < len(segments) and segment is not None and segment_matches(segment, names[begin]):
            at += 1
            begin += 1
        elif star >= 0 and not names[star_at].startswith("."):
            star_at += 1
            at, begin = star + 1, star_at
        else:
            return False
    return all(segment is _MANY for segment in segments[at:])


def natural_key(name: str) -> tuple[tuple[tuple[int, str, str], ...], str]:
    """A sort key in which ``file2`` stands before ``file10``, and letters stand together whatever their case."""
    parts: list[tuple[int, str, str]] = []
    digits = ""
    for char in name + "\0":
        if "0" <= char <= "9":
            digits += char
            continue
        if digits:
            bare = digits.lstrip("0")
            parts.append((0, f"{len(bare):08d}", bare))
            digits = ""
        parts.append((1, char.casefold(), ""))
    return tuple(parts[:-1]), name


def numbered_name(pattern: str, index: int, padding: Optional[int], suffix: str) -> str:
    """The name of the file ``index`` of an output: the counter in place of ``*``, the extension as produced.

    ``numbered_name("file_*.{jpg,png}", 0, 3, ".png")`` is ``file_000.png``. A pattern without an extension takes the
    suffix as it is; without a ``*`` every index has the same name.

    Args:
        pattern: An output's pattern.
        index: The counter, from 0.
        padding: Its least number of digits; None is as good as 1.
        suffix: The extension of the produced file with its dot, or empty.

    Raises:
        PatternInvalid: The pattern allows no such extension, or cannot be read.
    """
    counter = str(index).zfill(padding or 1)
    for alternative in expand_braces(pattern):
        stem, dot, extension = alternative.rpartition(".")
        bare = stem if dot and "*" not in extension else alternative
        name = bare.replace("*", counter, 1) + suffix
        if not set("?[") & set(bare) and matches(alternative, name):
            return name
    wanted = suffix or "no extension"
    raise PatternInvalid(f"the pattern '{pattern}' allows no file with {wanted}")


def may_overlap(first: str, second: str) -> bool:
    """Whether one name could match both patterns. Put the mount path before a pattern to compare whole paths.

    Exact, but for three things in which it says yes too often: the case of letters never counts (some disks do not
    keep it), a leading dot is a character like others, and letters beyond ASCII, and ranges of them, count as one.

    Raises:
        PatternInvalid: A pattern cannot be read.
    """
    return any(_paths_meet(one, other) for one in _parsed(first) for other in _parsed(second))


def _paths_meet(first: tuple[Optional[Segment], ...], second: tuple[Optional[Segment], ...]) -> bool:
    reached = {(0, 0)}
    waiting = [(0, 0)]
    while waiting:
        one, other = waiting.pop()
        if (one, other) == (len(first), len(second)):
            return True
        for step in _steps(first, second, one, other):
            if step not in reached:
                reached.add(step)
                waiting.append(step)
    return False


def _steps(
    first: tuple[Optional[Segment], ...], second: tuple[Optional[Segment], ...], one: int, other: int
) -> list[tuple[int, int]]:
    """Where the two patterns can stand after one more segment, or after a `**` that ends."""
    left, right = first[one : one + 1], second[other : other + 1]
    found = []
    if left == (_MANY,):
        found.append((one + 1, other))
    if right == (_MANY,):
        found.append((one, other + 1))
    if left and right:
        here, there = left[0], right[0]
        if here is None or there is None or segments_meet(here, there):
            found.append((one if here is None else one + 1, other if there is None else other + 1))
    return found
