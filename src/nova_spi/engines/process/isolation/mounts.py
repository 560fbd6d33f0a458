"""The file system of a sandbox: an empty one in memory, with what the model needs bound into it, and a root of its own.

Every tree is taken first (``open_tree(2)``), made read-only and given its owner while it hangs nowhere, and then put at
its place: so nothing is seen for a moment with more rights than it shall have, and a place may hide another's source.
"""

import os
import struct

from .order import Isolation
from .system import call, path

ROOT = b"/tmp"  # covered by the new root, in our own namespace
_SIZE = b"size=%d,mode=%o"
_OWN_BYTES = 4 << 20
_READ_ONLY, _NO_SUID, _NO_DEVICES, _ID_MAP = 1, 2, 4, 0x100000
_HERE, _CLONE, _RECURSIVE, _EMPTY_PATH, _CLOSE = -100, 1, 0x8000, 0x1000, 0o2000000
_MOVE_FROM_DESCRIPTOR = 4
_BIND, _RECURSE, _PRIVATE, _NO_EXECUTION, _DETACH = 4096, 16384, 1 << 18, 8, 2
_HIDDEN = (b"kcore", b"keys", b"key-users", b"kmsg", b"sysrq-trigger", b"timer_list")
"""Files of ``/proc`` that tell of the whole machine and that no model needs."""
_SHARED, _PLAIN = 0o1777, 0o755
_FILES = {
    b"/etc/passwd": b"root:x:0:0:root:/root:/usr/sbin/nologin\nmodel:x:1000:1000:model:/tmp:/usr/sbin/nologin\n",
    b"/etc/group": b"root:x:0:\nmodel:x:1000:\n",
    b"/etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files dns\n",
    b"/etc/hosts": b"127.0.0.1 localhost\n::1 localhost\n",
}


class _Tree:
    """A tree that hangs nowhere yet."""

    def __init__(self, source: bytes, attributes: int, owner: int = -1) -> None:
        flags = _CLONE | _CLOSE | _RECURSIVE
        self.folder = os.path.isdir(source)  # noqa: PTH112 - pathlib would cost every run 10 ms
        self.place = call("open_tree", _HERE, path(os.path.realpath(source)), flags)
        if owner >= 0:
            attributes |= _ID_MAP
        wanted = struct.pack("QQQQ", attributes, 0, 0, max(owner, 0))
        call("mount_setattr", self.place, path(b""), _EMPTY_PATH | _RECURSIVE, wanted, len(wanted))

    def put(self, target: bytes) -> None:
        """Hangs it at its place in the new root."""
        place = _inside(target)
        if self.folder:
            os.makedirs(place, exist_ok=True)  # noqa: PTH103 - as above
        elif not os.path.lexists(place):
            _write(place, b"")
        call("move_mount", self.place, path(b""), _HERE, path(place), _MOVE_FROM_DESCRIPTOR)
        os.close(self.place)


def build(order: Isolation, work: bytes, owner: int) -> None:
    """Builds the file system at `ROOT`, in a mount namespace of our own.

    Args:
        order: What is in it.
        work: The work folder.
        owner: A descriptor of `namespaces.mapping`, for the model's folders; -1 where they are our user's already.

    Raises:
        OSError: Something is not there, or the kernel refused.
    """
    mask = os.umask(0o022)
    call("mount", None, path(b"/"), None, _RECURSE | _PRIVATE, None)
    fixed = [(name, _Tree(name, _READ_ONLY | _NO_SUID | _NO_DEVICES)) for name in order.system]
    devices = [(name, _Tree(name, _NO_SUID)) for name in order.devices]
    own = [(name, _Tree(name, _READ_ONLY | _NO_SUID | _NO_DEVICES, owner)) for name in order.readable]
    own += [(name, _Tree(name, _NO_SUID | _NO_DEVICES, owner)) for name in order.writable]
    if order.base:
        own.append((order.base, _Tree(work, _NO_SUID | _NO_DEVICES, owner)))
    links = [(name, os.readlink(name)) for name in order.links]  # noqa: PTH115 - as above
    _memory(ROOT, _OWN_BYTES, _PLAIN)
    for name in (b"/tmp", b"/dev/shm"):  # those of the sandbox
        os.makedirs(_inside(name))  # noqa: PTH103 - as above
        _memory(_inside(name), order.memory, _SHARED)
    os.mkdir(_inside(b"/proc"))  # noqa: PTH102 - as above
    for name, tree in sorted([*fixed, *devices, *own], key=lambda pair: pair[0].count(b"/")):
        tree.put(name)
    _small_things(links)
    call("mount_setattr", _HERE, path(ROOT), 0, struct.pack("QQQQ", _READ_ONLY, 0, 0, 0), 32)
    os.umask(mask)


def enter() -> None:
    """Makes what `build` has built the root of this process, which is the first of its process namespace."""
    call("mount", path(ROOT), path(ROOT), None, _BIND | _RECURSE, None)
    os.chdir(ROOT)
    flags = _NO_SUID | _NO_DEVICES | _NO_EXECUTION
    call("mount", b"proc\0", path(b"proc"), b"proc\0", flags, None)
    for name in _HIDDEN:
        if os.path.exists(b"proc/" + name):  # noqa: PTH110 - as above
            call("mount", path(b"dev/null"), path(b"proc/" + name), None, _BIND, None)
    call("pivot_root", path(b"."), path(b"."))
    call("umount2", path(b"."), _DETACH)
    os.chdir("/")


def _memory(place: bytes, size: int, mode: int) -> None:
    call("mount", b"tmpfs\0", path(place), b"tmpfs\0", _NO_SUID | _NO_DEVICES, path(_SIZE % (size, mode)))


def _small_things(links: "list[tuple[bytes, bytes]]") -> None:
    own = [(b"/dev/fd", b"/proc/self/fd"), (b"/dev/stdin", b"/proc/self/fd/0")]
    own += [(b"/dev/stdout", b"/proc/self/fd/1"), (b"/dev/stderr", b"/proc/self/fd/2")]
    for name, target in [*links, *own]:
        place = _inside(name)
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120 - as above
        if not os.path.lexists(place):
            os.symlink(target, place)  # noqa: PTH211 - as above
    os.makedirs(_inside(b"/etc"), exist_ok=True)  # noqa: PTH103 - as above
    for name, text in _FILES.items():
        if not os.path.lexists(_inside(name)):
            _write(_inside(name), text)


def _inside(name: bytes) -> bytes:
    return ROOT + name


def _write(place: bytes, text: bytes) -> None:
    os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120 - as above
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(handle, text)
    os.close(handle)
