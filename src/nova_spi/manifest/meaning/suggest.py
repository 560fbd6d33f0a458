"""Did you mean: the known word that is nearest to an unknown one."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_LONGEST = 64
_LEAST_BEGINNING = 4
_MOST_WORDS = 500
_MOST_SUGGESTIONS = 50
"""Finding the nearest word takes a while; a file with more unknown words than this has other troubles."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The word of ``known`` that ``word`` is most likely a slip of, or None.

    Words are compared without case, ``_``, ``-`` and spaces, so that ``maxLength`` finds ``max_length``.
    """
    if not word or len(word) > _LONGEST:
        return None
    by_plain = {_plain(name): name for name in islice(known, _MOST_WORDS)}
    plain = _plain(word)
    found = get_close_matches(plain, by_plain, n=1, cutoff=0.7) or _begun(plain, by_plain)
    return by_plain[found[0]] if found else None


def _begun(plain: str, known: Iterable[str]) -> list[str]:
    """The one known word that begins with this one, as timeout_seconds with timeout; none where there are several."""
    found = [name for name in known if name.startswith(plain)] if len(plain) >= _LEAST_BEGINNING else []
    return found if len(found) == 1 else []


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean X?``, or nothing where no known word is near."""
    found = nearest(word, known)
    return f"did you mean {found}?" if found else ""


class Suggestions:
    """``did you mean X?`` for one document, as long as that stays quick."""

    def __init__(self) -> None:
        self._left = _MOST_SUGGESTIONS

    def __call__(self, word: object, known: Iterable[object]) -> str:
        """``did you mean X?``, or nothing where no known word is near or there were too many questions."""
        if not isinstance(word, str) or self._left == 0:
            return ""
        self._left -= 1
        return did_you_mean(word, (name for name in known if isinstance(name, str)))


def _plain(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "").replace(" ", "")
