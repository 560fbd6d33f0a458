"""Did you mean: the known word that is nearest to an unknown one."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 64


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The word of ``known`` that ``word`` is most likely a slip of, or None.

    Words are compared without case, ``_``, ``-`` and spaces, so that ``maxLength`` finds ``max_length``.
    """
    if not word or len(word) > _LONGEST:
        return None
    by_plain = {_plain(name): name for name in known}
    found = get_close_matches(_plain(word), by_plain, n=1, cutoff=0.7)
    return by_plain[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean X?``, or nothing where no known word is near."""
    found = nearest(word, known)
    return f"did you mean {found}?" if found else ""


def _plain(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "").replace(" ", "")
