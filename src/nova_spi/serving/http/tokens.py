"""The server's token: read from a file, or made; never in arguments, logs or answers."""

import os
import secrets
import stat
from pathlib import Path
from typing import NamedTuple

from nova_spi.errors import UsageError

LEAST, MOST = 16, 4096
"""Characters of a token."""


class Token(NamedTuple):
    """A token and where it stands.

    Attributes:
        text: What callers send.
        path: The file that holds it.
        readable: Others of this machine may read the file.
    """

    text: str
    path: Path
    readable: bool


def read(path: Path) -> Token:
    """The token in a file; white space around it does not count.

    Raises:
        UsageError: The file cannot be read, or holds no token.
    """
    try:
        with path.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            data = opened.read(MOST + 1).strip()
    except OSError as error:
        raise UsageError(
            f"The token's file {path} cannot be read.",
            why=error.strerror or str(error),
            mend=f"umask 077; openssl rand -hex 32 > {path}",
        ) from error
    if not LEAST <= len(data) <= MOST or not all(32 < character < 127 for character in data):
        raise UsageError(
            f"The file {path} holds no token that can be used.",
            why=f"A token is {LEAST} to {MOST} visible ASCII characters without spaces.",
            mend=f"umask 077; openssl rand -hex 32 > {path}",
        )
    return Token(data.decode(), path, stat.S_ISREG(mode) and bool(mode & 0o077))


def make(path: Path) -> Token:
    """A new token in a new file that only its owner can read.

    Raises:
        FileExistsError: There is something at the place already.
    """
    text = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as opened:
        opened.write(text + "\n")
    return Token(text, path, readable=False)
