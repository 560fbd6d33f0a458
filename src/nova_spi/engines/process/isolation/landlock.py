"""Landlock: which files a process may use, which TCP ports, and whom it may signal (``landlock(7)``)."""

import os
import stat
import struct

from .system import call

_EXECUTE, _WRITE, _READ, _READ_FOLDER, _REMOVE_FILE, _MAKE_FILE = 1, 2, 4, 8, 1 << 5, 1 << 8
_TRUNCATE, _DEVICE = 1 << 14, 1 << 15
_BITS = (0, 13, 14, 15, 15, 16)
"""How many rights over files each version of the interface knows; the last is that of all later ones."""
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _DEVICE
_TCP, _SCOPES = 3, 3  # bind and connect; abstract unix sockets and signals
_TCP_SINCE, _SCOPES_SINCE = 4, 6
_VERSION_FLAG, _PATH_RULE = 1, 1
_PR_SET_NO_NEW_PRIVS = 38

READ = _EXECUTE | _READ | _READ_FOLDER
WRITE = (1 << 16) - 1
USE = _READ | _WRITE | _DEVICE
SHARED_MEMORY = _READ | _WRITE | _TRUNCATE | _MAKE_FILE | _REMOVE_FILE
"""Files by their name, without listing them."""


def version() -> int:
    """The version of the kernel's interface; 0 where there is none."""
    try:
        return call("landlock_create_ruleset", None, 0, _VERSION_FLAG)
    except OSError:
        return 0


def restrict(rules: "list[tuple[bytes, int]]", *, tcp: bool) -> None:
    """Leaves this process, and all that it will start, only the files of ``rules``.

    Args:
        rules: Paths and the rights over them and what lies below them. A path that is not there is left out.
        tcp: Whether it may bind and connect TCP sockets, as far as Landlock is concerned.

    Raises:
        OSError: The kernel refused.
    """
    known = version()
    every = (1 << _BITS[min(known, len(_BITS) - 1)]) - 1
    network = _TCP if known >= _TCP_SINCE and not tcp else 0
    scopes = _SCOPES if known >= _SCOPES_SINCE else 0
    attributes = struct.pack("QQQ", every, network, scopes)
    size = 8 if known < _TCP_SINCE else 16 if known < _SCOPES_SINCE else 24
    ruleset = call("landlock_create_ruleset", attributes, size, 0)
    for path, rights in rules:
        _allow(ruleset, path, rights & every)
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("landlock_restrict_self", ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: bytes, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine, or not to be reached by this user: then it is not allowed either
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        rights &= _OF_FILES
    call("landlock_add_rule", ruleset, _PATH_RULE, struct.pack("=Qi", rights, place), 0)
    os.close(place)
