"""Calls to the kernel that Python has no function for, through the C half of ``ctypes``.

Its other half, and ``array`` too, would cost every run some 5 ms.
"""

import os
import sys

_ctypes = __import__("_ctypes")

MACHINES = {"x86_64": 0, "aarch64": 1}
"""Those whose tables of system calls are known, and the column of each in `NUMBERS`."""
NUMBERS = {
    "prctl": (157, 167),
    "capset": (126, 91),
    "sethostname": (170, 161),
    "mount": (165, 40),
    "umount2": (166, 39),
    "socket": (41, 198),
    "ioctl": (16, 29),
    "pivot_root": (155, 41),
    "unshare": (272, 97),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "openat2": (437, 437),
    "mount_setattr": (442, 442),
    "clone3": (435, 435),
    "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
"""From ``asm/unistd_64.h`` (x86-64) and ``asm-generic/unistd.h`` (arm64) of Linux."""


class _Long(_ctypes._SimpleCData):  # type: ignore[misc, name-defined] # the C half has no stubs
    _type_ = "l"


class _Text(_ctypes._SimpleCData):  # type: ignore[misc, name-defined] # the C half has no stubs
    _type_ = "z"


class _Function(_ctypes.CFuncPtr):  # type: ignore[misc, name-defined] # the C half has no stubs
    _flags_ = 1 | 8  # FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = _Long


def machine() -> str:
    """The machine's architecture as the kernel names it."""
    return os.uname().machine if sys.platform == "linux" else ""


_COLUMN = MACHINES.get(machine())
_SYSCALL = _Function(_ctypes.dlsym(_ctypes.dlopen(None, 0), "syscall")) if _COLUMN is not None else None


def call(name: str, *arguments: "int | bytes | None") -> int:
    """Calls the kernel.

    Args:
        name: One of `NUMBERS`.
        arguments: Numbers; bytes, of which the kernel gets the address (end a text with NUL); None for no address.

    Raises:
        OSError: The kernel refused, or this machine's system calls are not known.
    """
    if _COLUMN is None or _SYSCALL is None:
        raise OSError(38, "system calls of this machine are not known")
    words = [_Text(word) if isinstance(word, bytes) else _Long(word or 0) for word in arguments]
    found: int = _SYSCALL(_Long(NUMBERS[name][_COLUMN]), *words)
    if found < 0:
        number = _ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return found


def address(data: bytes) -> int:
    """Where the bytes lie, for a structure that points to them; the caller keeps them alive."""
    return int.from_bytes(memoryview(_Text(data)).cast("B"), sys.byteorder)


def path(text: bytes) -> bytes:
    """A path as the kernel takes it."""
    return text + b"\0"
