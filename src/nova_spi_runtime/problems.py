"""What is wrong with a value, told by place, all at once."""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NamedTuple

    class Problem(NamedTuple):
        """One thing that is wrong: where (``tags[2].name``) and what, without a final full stop."""

        path: str
        message: str

else:
    Problem = namedtuple("Problem", ("path", "message"))
    Problem.__doc__ = "One thing that is wrong: where (``tags[2].name``) and what, without a final full stop."

MAX_PROBLEMS = 100
"""More are not collected: a list of a million wrong elements is one mistake."""
_MAX_SHOWN = 40


class ValueInvalid(Exception):
    """A value that does not meet its parameter; ``problems`` lists everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(listed(self.problems))

    def __reduce__(self) -> Any:
        return ValueInvalid, (self.problems,)


class Problems:
    """Collects problems up to `MAX_PROBLEMS`."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, path: str, message: str) -> Any:
        """Note one problem. The answer is always None, so that a reader can end with it."""
        if len(self.found) < MAX_PROBLEMS:
            self.found.append(Problem(path, message))
        return None

    @property
    def full(self) -> bool:
        """Whether looking on is of no use."""
        return len(self.found) >= MAX_PROBLEMS


def listed(problems: Iterable[Problem]) -> str:
    """The problems as one line."""
    return "; ".join(f"{path}: {message}" if path else message for path, message in problems)


def shown(value: Any) -> str:
    """A value as a message quotes it: short, and without control characters."""
    text = value if isinstance(value, str) else repr(value)
    short = text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."
    return ascii(short) if not short.isprintable() else f"'{short}'" if isinstance(value, str) else short


def kind_of(value: Any) -> str:
    """What a value is in the words of JSON, e.g. ``a string``; a value that JSON cannot hold has its Python type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    for kind, name in ((str, "a string"), (int, "a number"), (float, "a number"), (dict, "an object")):
        if isinstance(value, kind):
            return name
    return "an array" if isinstance(value, (list, tuple)) else f"a Python {type(value).__name__}"


def child(path: str, key: str) -> str:
    """The path of an object's key; a long one is cut, since each value below it may be told by its whole path."""
    if len(key) <= _MAX_SHOWN and key.isidentifier():
        return f"{path}.{key}" if path else key
    return f"{path}[{shown(key)}]"


def suggestion(name: str, known: Iterable[str]) -> str:
    """A did-you-mean, with a space before it, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name.lower()[:100], {other.lower(): other for other in known}, 1)
    if not near:
        return ""
    return f" (did you mean '{next(other for other in known if other.lower() == near[0])}'?)"
