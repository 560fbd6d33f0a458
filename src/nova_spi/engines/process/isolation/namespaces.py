"""Namespaces, users and capabilities of a process (``namespaces(7)``, ``user_namespaces(7)``, ``capabilities(7)``)."""

import os

from .system import call

signal = __import__("_signal")

MOUNTS, HOST_NAME, IPC, USERS, PROCESSES, NETWORK = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _CLEAR_ALL = 4, 24, 28, 47, 4
_NO_ROOT_BITS = 0xF  # NOROOT and NO_SETUID_FIXUP, both locked: being root brings no capability
_CAPABILITIES_3 = b"\x22\x05\x08\x20" + b"\0" * 4
_LO_UP = b"lo".ljust(16, b"\0") + b"\x41\0" + b"\0" * 22  # struct ifreq: IFF_UP | IFF_RUNNING
_AF_INET, _SOCK_DGRAM, _SIOCSIFFLAGS = 2, 2, 0x8914


def leave(kinds: int) -> None:
    """Leaves the namespaces of ``kinds`` for new ones; that of processes counts for children only."""
    call("unshare", kinds)


def change_user(user: int) -> None:
    """From root to ``user``, for good."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)


def map_user(user: int, group: int, inside: int) -> None:
    """In a new user namespace: the user that we were is ``inside`` here, and nobody else is anybody."""
    _write("/proc/self/setgroups", b"deny")
    _write("/proc/self/uid_map", b"%d %d 1" % (inside, user))
    _write("/proc/self/gid_map", b"%d %d 1" % (inside, group))


def mapping(user: int) -> int:
    """A descriptor of a user namespace in which root's files are those of ``user``, for `mounts`. Needs root."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            leave(USERS)
            os.write(writer, b"1")
            while True:
                signal.pause()
        finally:
            os._exit(1)
    os.close(writer)
    try:
        if not os.read(reader, 1):
            raise PermissionError(1, "no user namespace")
        for name in ("uid_map", "gid_map"):
            _write(f"/proc/{child}/{name}", b"0 %d 1" % user)
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(reader)
        os.kill(child, 9)
        os.waitpid(child, 0)


def loopback() -> None:
    """Switches on the network of this namespace, which is the machine talking to itself."""
    own = call("socket", _AF_INET, _SOCK_DGRAM, 0)
    call("ioctl", own, _SIOCSIFFLAGS, _LO_UP)
    os.close(own)


def give_up() -> None:
    """Drops every capability, and the ways to get one again."""
    call("prctl", _PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    number = 0
    try:
        while True:
            call("prctl", _PR_CAPBSET_DROP, number, 0, 0, 0)
            number += 1
    except OSError as error:
        if number == 0 and error.errno != 1:
            raise  # 1 is a process that has no capability to begin with, so it has none to drop either
    if number:
        call("prctl", _PR_SET_SECUREBITS, _NO_ROOT_BITS, 0, 0, 0)
    call("capset", _CAPABILITIES_3, b"\0" * 24)


def _write(path: str, text: bytes) -> None:
    place = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(place, text)
    finally:
        os.close(place)
