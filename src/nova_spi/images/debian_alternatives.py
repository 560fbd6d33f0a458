"""The links that a package's maintainer script makes by ``update-alternatives``, read out of it, where it is plain.

Libraries like libblas3 have their place in this way only. A call whose words are all literal says which links there
must be; anything else is not guessed.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from nova_spi.images.layers import Entry

MAX_SCRIPT = 1 << 20
FOLDER = "etc/alternatives"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,200}")
_ENDS = frozenset({";", "||", "&&", "|", "&", ">", ">>", "<", "fi", "done", ")"})
_WORDS = 4
_SLAVE_WORDS = 3


class Alternative(NamedTuple):
    """One link with what it may lead to.

    Attributes:
        link: Where programs look, ``/usr/lib/x86_64-linux-gnu/libblas.so.3``.
        name: Of the link in ``/etc/alternatives``.
        target: The file.
        priority: The highest one counts.
    """

    link: str
    name: str
    target: str
    priority: int


def alternatives(script: str) -> list[Alternative]:
    """The alternatives that a maintainer script installs.

    Raises:
        ValueError: It calls update-alternatives in a way that only running it tells.
    """
    if len(script) > MAX_SCRIPT:
        raise ValueError("the script is too long")
    found: list[Alternative] = []
    for line in script.replace("\\\n", " ").split("\n"):
        _, called, rest = line.partition("update-alternatives")
        if called and not line.lstrip().startswith("#") and "--install" in rest:
            found += _one(_words(rest))
    return found


def links(found: Iterable[Alternative]) -> Iterator[Entry]:
    """The links of some alternatives, as update-alternatives makes them; of several for one name the best."""
    best: dict[str, Alternative] = {}
    for each in sorted(found):
        if each.name not in best or each.priority > best[each.name].priority:
            best[each.name] = each
    for name, each in sorted(best.items()):
        yield Entry(f"{FOLDER}/{name}", PurePosixPath(each.target))
        yield Entry(each.link.lstrip("/"), PurePosixPath(f"/{FOLDER}/{name}"))


def _words(text: str) -> list[str]:
    if "$" in text or "`" in text:
        raise ValueError("it has variables")
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word in _ENDS:
            break
        words.append(word)
    return words


def _one(words: list[str]) -> Iterator[Alternative]:
    words = [word for word in words if word not in ("--quiet", "--force", "--verbose")]
    if len(words) <= _WORDS or words[0] != "--install" or not re.fullmatch(r"-?[0-9]{1,9}", words[_WORDS]):
        raise ValueError("it is called in an unusual way")
    priority = int(words[_WORDS])
    yield _checked(words[1], words[2], words[3], priority)
    rest = words[_WORDS + 1 :]
    while rest:
        if rest[0] not in ("--slave", "--follower") or len(rest) <= _SLAVE_WORDS:
            raise ValueError("it is called in an unusual way")
        yield _checked(rest[1], rest[2], rest[3], priority)
        rest = rest[_SLAVE_WORDS + 1 :]


def _checked(link: str, name: str, target: str, priority: int) -> Alternative:
    for path in (link, target):
        if not path.startswith("/") or ".." in path.split("/") or not path.isprintable() or "*" in path:
            raise ValueError("it names no plain path")
    if not _NAME.fullmatch(name):
        raise ValueError("it gives no plain name")
    return Alternative(link, name, target, priority)
