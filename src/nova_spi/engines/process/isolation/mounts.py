"""The file system of a sandbox: an empty one in memory, or an image's, with what the model needs bound into it.

Every tree is taken first (``open_tree(2)``), made read-only and given its owner while it hangs nowhere, and then put at
its place: so nothing is seen for a moment with more rights than it shall have, and a place may hide another's source.
Where an image is the root its own links could lead anywhere: every place in it is found from its root on
(``openat2(2)``), and one with a link on the way is none.
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
_MOVE_FROM_DESCRIPTOR, _MOVE_TO_DESCRIPTOR = 4, 0x40
_BIND, _RECURSE, _PRIVATE, _NO_EXECUTION, _DETACH = 4096, 16384, 1 << 18, 8, 2
_NO_LINKS, _IN_ROOT = 4, 0x10  # struct open_how: RESOLVE_NO_SYMLINKS, RESOLVE_IN_ROOT
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
        """Hangs it at its place in the new root, which is made."""
        _make(target, folder=self.folder)
        self.hang(_HERE, _inside(target))

    def hang(self, place: int, name: bytes = b"") -> None:
        """Hangs it at a place that is there: a descriptor, or a path."""
        flags = _MOVE_FROM_DESCRIPTOR | (0 if name else _MOVE_TO_DESCRIPTOR)
        call("move_mount", self.place, path(b""), place, path(name), flags)
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
    fixed += [(name, _Tree(name, _NO_SUID)) for name in order.devices]
    if order.root:
        _in_image(order, owner, fixed)
    else:
        _in_memory(order, work, owner, fixed)
    os.umask(mask)


def _in_memory(order: Isolation, work: bytes, owner: int, fixed: "list[tuple[bytes, _Tree]]") -> None:
    """A root that is empty but for what is put into it, each at the path that it has outside."""
    own = [(name, _Tree(name, _READ_ONLY | _NO_SUID | _NO_DEVICES, owner)) for name in order.readable]
    own += [(name, _Tree(name, _NO_SUID | _NO_DEVICES, owner)) for name in order.writable]
    if order.base:
        own.append((order.base, _Tree(work, _NO_SUID | _NO_DEVICES, owner)))
    links = [(name, os.readlink(name)) for name in order.links]  # noqa: PTH115 - as above
    _memory(b"", _OWN_BYTES, _PLAIN)
    for name in (b"/tmp", b"/dev/shm"):  # those of the sandbox
        os.makedirs(_inside(name))  # noqa: PTH103 - as above
        _memory(name, order.memory, _SHARED)
    os.mkdir(_inside(b"/proc"))  # noqa: PTH102 - as above
    for name, tree in sorted([*fixed, *own], key=_depth):
        tree.put(name)
    _put_links([*links, *_OF_DEVICES])
    _put_files()
    _close(b"")


def _in_image(order: Isolation, owner: int, fixed: "list[tuple[bytes, _Tree]]") -> None:
    """The root of an image, with new ``/dev``, ``/sys`` and ``/tmp`` over its own, and the run's folders in it."""
    root = _Tree(order.root, _READ_ONLY | _NO_SUID | _NO_DEVICES, owner)
    own = []
    for source, said in zip(order.sources, order.targets):  # noqa: B905 - `strict` is 3.10's
        attributes = _NO_SUID | _NO_DEVICES | (0 if said[:1] == b"w" else _READ_ONLY)
        own.append((said[1:], _Tree(source, attributes, -1 if said[:1] == b"m" else owner)))
    root.hang(_HERE, ROOT)
    for name, size, mode in ((b"/tmp", order.memory, _SHARED), (b"/dev", _OWN_BYTES, _PLAIN)):
        _memory(name, size, mode)
    _memory(b"/sys", _OWN_BYTES, _PLAIN)
    os.mkdir(_inside(b"/dev/shm"))  # noqa: PTH102 - as above
    _memory(b"/dev/shm", order.memory, _SHARED)
    for name, tree in sorted(fixed, key=_depth):
        tree.put(name)
    _put_links(_OF_DEVICES)
    for name in (b"/dev", b"/sys"):
        _close(name)
    inside = os.open(ROOT, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for name, tree in own:
        if name in order.made:
            _make(name, folder=tree.folder)
        place = _found(inside, name)
        tree.hang(place)
        os.close(place)
    os.close(inside)


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


_OF_DEVICES = (
    (b"/dev/fd", b"/proc/self/fd"),
    (b"/dev/stdin", b"/proc/self/fd/0"),
    (b"/dev/stdout", b"/proc/self/fd/1"),
    (b"/dev/stderr", b"/proc/self/fd/2"),
)


def _memory(name: bytes, size: int, mode: int) -> None:
    """An empty file system in memory at a place in the new root, or as the new root."""
    flags = _NO_SUID | _NO_DEVICES
    call("mount", b"tmpfs\0", path(_inside(name)), b"tmpfs\0", flags, path(_SIZE % (size, mode)))


def _close(name: bytes) -> None:
    """Nothing more is made in a file system of ours."""
    call("mount_setattr", _HERE, path(_inside(name)), 0, struct.pack("QQQQ", _READ_ONLY, 0, 0, 0), 32)


def _found(root: int, name: bytes) -> int:
    how = struct.pack("QQQ", os.O_PATH | os.O_CLOEXEC, 0, _NO_LINKS | _IN_ROOT)
    return call("openat2", root, path(name), how, len(how))


def _put_links(links: "list[tuple[bytes, bytes]] | tuple[tuple[bytes, bytes], ...]") -> None:
    for name, target in links:
        place = _inside(name)
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120 - as above
        if not os.path.lexists(place):
            os.symlink(target, place)  # noqa: PTH211 - as above


def _put_files() -> None:
    os.makedirs(_inside(b"/etc"), exist_ok=True)  # noqa: PTH103 - as above
    for name, text in _FILES.items():
        if not os.path.lexists(_inside(name)):
            _write(_inside(name), text)


def _make(name: bytes, *, folder: bool) -> None:
    """Makes the place for a tree, in what is our own and holds no links."""
    place = _inside(name)
    if folder:
        os.makedirs(place, exist_ok=True)  # noqa: PTH103 - as above
    elif not os.path.lexists(place):
        _write(place, b"")


def _depth(pair: "tuple[bytes, _Tree]") -> int:
    return pair[0].count(b"/")


def _inside(name: bytes) -> bytes:
    return ROOT + name


def _write(place: bytes, text: bytes) -> None:
    os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120 - as above
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.write(handle, text)
    os.close(handle)
