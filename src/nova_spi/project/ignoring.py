"""Which files do not belong to a model: built-in rules, then `.spiignore`, in the syntax of gitignore.

The syntax is git's (gitignore(5), and ``wildmatch.c`` where the page is silent): the last rule that matches wins, ``!``
takes back, a slash at the start or in the middle anchors, a slash at the end means folders only, ``**`` spans folders.
What lies in an ignored folder cannot be taken back. Two differences: ``?`` is one character and not one byte, and only
the file in the project's root is read.

Matching is linear in practice whatever the rule: stars are atomic, so no rule of a stranger can make it hang.
"""

import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nova_spi.errors import ProjectError

IGNORE_FILE = ".spiignore"
MAX_FILE_BYTES = 256 * 1024
MAX_RULES = 2000
MAX_RULE_LENGTH = 1024

NEVER_OURS = frozenset({".git", ".hg", ".svn", ".nova-spi"})
"""Folders that are never a part of the model; no rule takes them back."""

BUILT_IN = (
    ".venv/",
    "venv/",
    "node_modules/",
    "__pycache__/",
    "*.py[co]",
    ".pytest_cache/",
    ".mypy_cache/",
    ".ruff_cache/",
    ".hypothesis/",
    ".ipynb_checkpoints/",
    ".tox/",
    ".idea/",
    ".vscode/",
    ".devcontainer/",
    ".DS_Store",
    ".env",
)
"""Rules that stand before the first line of `.spiignore`: caches, environments, and `.env` because it holds secrets."""

_POSIX_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": " \\t\\n\\r\\f\\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_ANY_FOLDERS = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file.

    Attributes:
        negated: It takes back what an earlier rule ignored.
        folders_only: It ended with a slash.
        anchored: It is matched against the whole relative path, else against the last segment.
        segments: One expression a segment; None is ``**``.
    """

    negated: bool
    folders_only: bool
    anchored: bool
    segments: tuple[re.Pattern[str] | None, ...]

    @classmethod
    def parse(cls, line: str) -> "Rule | None":
        """The rule of one line; None for a blank line, a comment, and what can never match."""
        text = _without_trailing_spaces(line.removesuffix("\r"))
        if not text or text.startswith("#"):
            return None
        negated = text.startswith("!")
        text = text.removeprefix("!")
        folders_only = text.endswith("/")
        text = text.removesuffix("/")
        anchored = "/" in text
        segments = _segments(text.removeprefix("/"))
        return cls(negated, folders_only, anchored, segments) if segments else None

    def matches(self, parts: tuple[str, ...], *, folder: bool) -> bool:
        """Whether the rule names this path, given as its segments from the root."""
        if self.folders_only and not folder:
            return False
        if self.anchored:
            return _match_all(self.segments, parts)
        expression = self.segments[-1]
        return expression is _ANY_FOLDERS or expression.fullmatch(parts[-1]) is not None


class IgnoreRules:
    """Rules in order; the last one that matches decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._rules = [rule for line in lines if (rule := Rule.parse(line))]
        self._rules.reverse()

    @classmethod
    def of(cls, root: Path) -> "IgnoreRules":
        """The built-in rules, then those of the project's `.spiignore`.

        Raises:
            ProjectError: The file is not a regular file, too long, or cannot be read.
        """
        return cls((*BUILT_IN, *_read(root / IGNORE_FILE)))

    def ignores(self, parts: tuple[str, ...], *, folder: bool) -> bool:
        """Whether a path, given as its segments, is ignored by itself; its parents are the caller's to ask about."""
        if parts[-1] in NEVER_OURS:
            return True
        return next((not rule.negated for rule in self._rules if rule.matches(parts, folder=folder)), False)


def _read(path: Path) -> list[str]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            raise ProjectError(
                f"{path} is not a regular file of at most {MAX_FILE_BYTES // 1024} KiB.", mend="Shorten or remove it."
            )
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ProjectError(f"{path} cannot be read.", why=error.strerror or str(error)) from error
    lines = text.removeprefix("\ufeff").split("\n")
    if len(lines) > MAX_RULES or any(len(line) > MAX_RULE_LENGTH for line in lines):
        raise ProjectError(
            f"{path} has more than {MAX_RULES} lines, or one of more than {MAX_RULE_LENGTH} characters.",
            mend="Ignore folders instead of files.",
        )
    return lines


def _without_trailing_spaces(text: str) -> str:
    kept = text.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 and len(kept) < len(text) else kept


def _match_all(segments: tuple[re.Pattern[str] | None, ...], parts: tuple[str, ...]) -> bool:
    """Matches segment by segment; ``reached`` holds how many parts may have been used so far."""
    reached = {0}
    for place, expression in enumerate(segments):
        if expression is _ANY_FOLDERS:
            # In the middle it may stand for nothing; at the end it is what lies inside, so at least one part.
            least = min(reached) + (place == len(segments) - 1)
            reached = set(range(least, len(parts) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(parts) and expression.fullmatch(parts[at])}
        if not reached:
            return False
    return len(parts) in reached


def _segments(text: str) -> tuple[re.Pattern[str] | None, ...]:
    """The segments as expressions; empty for a rule that can never match."""
    segments: list[re.Pattern[str] | None] = []
    tokens: list[str] = []
    at = 0
    while at <= len(text):
        character = text[at] if at < len(text) else "/"
        step, piece = _token(text, at) if character != "/" else (1, "/")
        if step == 0:
            return ()
        if piece == "/":
            segments.append(_expression(tokens))
            tokens = []
        else:
            tokens.append(piece)
        at += step
    return tuple(segments)


def _token(text: str, at: int) -> tuple[int, str]:
    """How many characters the next token takes, and its expression; 0 where the rule can never match."""
    match text[at]:
        case "*":
            return 1, "*"
        case "?":
            return 1, "[^/]"
        case "[":
            return _character_class(text, at + 1)
        case "\\":
            following = text[at + 1 : at + 2]
            return (2, "/" if following == "/" else re.escape(following)) if following else (0, "")
        case literal:
            return 1, re.escape(literal)


def _expression(tokens: list[str]) -> re.Pattern[str] | None:
    if len(tokens) > 1 and set(tokens) == {"*"}:
        return _ANY_FOLDERS
    runs: list[str] = [""]
    for piece in tokens:
        if piece != "*":
            runs[-1] += piece
        elif runs[-1] or len(runs) == 1:
            runs.append("")
    first, *middle, last = runs if len(runs) > 1 else (runs[0], None)
    if last is None:
        return re.compile(first, re.DOTALL)
    # The shortest stretch that reaches the next literal run is always enough, so each may be atomic.
    return re.compile(first + "".join(f"(?>.*?{run})" for run in middle) + ".*" + last, re.DOTALL)


def _character_class(text: str, at: int) -> tuple[int, str]:
    """Reads ``[...]`` from after its bracket, as wildmatch does; see `_token` for what it returns."""
    start = at - 1
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    members, previous, first = "", "", True
    while first or text[at : at + 1] != "]":
        first = False
        character = text[at : at + 1]
        if character == "[" and text[at + 1 : at + 2] == ":" and (end := text.find("]", at + 2)) != -1:
            name = text[at + 2 : end - 1]
            if text[end - 1] == ":" and end - 1 > at + 1:
                if name not in _POSIX_CLASSES:
                    return 0, ""
                members, previous, at = members + _POSIX_CLASSES[name], "", end + 1
                continue
        if character == "-" and previous and text[at + 1 : at + 2] not in ("", "]"):
            step, high = _class_member(text, at + 1)
            members += f"{re.escape(previous)}-{re.escape(high)}" if previous <= high else ""
            at, previous = at + 1 + step, ""
        else:
            step, previous = _class_member(text, at)
            members += re.escape(previous)
            at += step
        if step == 0:
            return 0, ""
    expression = f"[^{members}]" if negated else f"[{members}]"
    return at + 1 - start, expression if members else ("." if negated else "(?!)")


def _class_member(text: str, at: int) -> tuple[int, str]:
    if text[at : at + 1] == "\\":
        return (2, text[at + 1]) if at + 1 < len(text) else (0, "")
    return (1, text[at]) if at < len(text) else (0, "")
