"""Idempotency keys: the same request asked again, after a broken line for one, is not run again.

After draft-ietf-httpapi-idempotency-key-header: a key that comes with another request than before is refused with 422.
A key lives as long as its execution is kept, so that it can always be answered. One that no worker ever began is no
answer: a call that waited in vain may be asked again. A server has one token, so all who know it are one caller here,
and a key that is easy to guess is answered with the result of whoever used it first.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from nova_spi.errors import UsageError
from nova_spi.serving.http.statuses import KEY_REUSED

MOST_CHARACTERS = 255


class Remembered(NamedTuple):
    """What a key stands for: the digest of its request, and the execution that answers it."""

    digest: bytes
    execution: str


class Keys:
    """The keys of all executions that are kept; bounded as these are."""

    __slots__ = ("_by_execution", "_by_key")

    def __init__(self) -> None:
        self._by_key: dict[bytes, Remembered] = {}
        self._by_execution: dict[str, bytes] = {}

    def find(self, key: bytes, digest: bytes) -> str | None:
        """The execution that answers this request already; None where it is the first of its key.

        Raises:
            UsageError: The key came with another request (``usage.key_reused``).
        """
        found = self._by_key.get(key)
        if found is None:
            return None
        if found.digest != digest:
            raise UsageError(
                "This Idempotency-Key came with another request before.",
                why="A key stands for one command and one body.",
                mend="take a new key for each new request",
                code=KEY_REUSED,
            )
        return found.execution

    def remember(self, key: bytes, digest: bytes, execution: str) -> None:
        """Notes what answers the request of a key."""
        before = self._by_key.get(key)
        if before is not None:  # one that never began
            self._by_execution.pop(before.execution, None)
        self._by_key[key] = Remembered(digest, execution)
        self._by_execution[execution] = key

    def forget(self, execution: str) -> None:
        """Lets go of the key of an execution, where it has one."""
        key = self._by_execution.pop(execution, None)
        if key is not None:
            del self._by_key[key]

    def __len__(self) -> int:
        return len(self._by_key)


def checked(key: bytes) -> bytes:
    """A key as it came, where it is one.

    Raises:
        UsageError: It is empty, too long, or holds more than visible characters and spaces.
    """
    if not key.strip() or len(key) > MOST_CHARACTERS or not all(32 <= character < 127 for character in key):
        raise UsageError(
            "The Idempotency-Key cannot be used.",
            why=f"It is 1 to {MOST_CHARACTERS} visible ASCII characters.",
            mend="send a random one, e.g. a UUID",
        )
    return key


def digest(parts: Iterable[bytes]) -> bytes:
    """What tells two requests apart: their parts, each with its length."""
    found = hashlib.blake2b(digest_size=32)
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.digest()
