"""What every server of the comparison serves: text in, the same text out, unless the text asks for a fault."""

import ctypes
import itertools
import os
import sys

WHICH = "which process are you?"


def answer(prompt: str) -> str:
    """The prompt itself; to the question which process this is, its number."""
    if prompt == WHICH:
        return f"process {os.getpid()}."
    if prompt.startswith("fault:"):
        print("this was written before the failure", flush=True)
        fail(prompt[6:])
    return prompt


def fail(how: str) -> None:
    """Fails in one of the ways in which models do.

    ``endless`` is a call in C that keeps the interpreter's lock, as an extension does that never checks for signals.
    """
    if how == "raise":
        raise ValueError("the reason of this failure")
    if how == "exit":
        sys.exit(3)
    if how == "os_exit":
        os._exit(4)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "endless":
        sum(itertools.repeat(0))
    raise LookupError(how)


def count(data: bytes) -> str:
    """What is served with a file: how many bytes it has, all of them read."""
    return f"{len(data)} bytes"
