"""What the launcher does with the groups of its run: puts its child into them, ends what is in them, removes them.

A group travels as one word: the digit of its version and its folder. The launcher imports this before every run that
has groups, so it imports next to nothing.

A process that is put into a group by ``cgroup.procs`` waits for all processors to pass a quiet point: 7 to 15 ms on a
machine that does nothing. A thread that puts itself into a group of version 1 by ``tasks`` does not, nor does a child
that is born in a group of version 2 (``CLONE_INTO_CGROUP`` of ``clone3(2)``, Linux 5.7).
"""

import os

MOST_FOLDERS = 1000
MAX_BYTES = 4 * 1024 * 1024
_INTO_CGROUP, _SIGCHLD = 0x200000000, 17
_SIGKILL = 9


def fork(groups: "list[bytes]") -> "tuple[int, list[bytes]]":
    """Forks, the child in its group of version 2 already where the kernel can do that.

    Returns:
        The child's id, 0 in the child; and the groups that it has still to enter.
    """
    unified = [group for group in groups if group[:1] == b"2"]
    if len(unified) == 1:
        try:
            return _clone(unified[0][1:]), [group for group in groups if group not in unified]
        except OSError:
            pass  # an older kernel, or a filter above us: by `enter` then
    return os.fork(), groups


def enter(groups: "list[bytes]") -> None:
    """Puts this process, which has one thread, into its groups.

    Raises:
        OSError: The kernel refused.
    """
    for group in groups:
        _write(group[1:] + (b"/tasks" if group[:1] == b"1" else b"/cgroup.procs"), b"0")


def kill(groups: "list[bytes]") -> "set[int]":
    """Sends SIGKILL to all that is in the groups now; call it again until none is met.

    In version 1, which kills one by one, nothing more can be started in them afterwards.

    Returns:
        The ids of those that were met.
    """
    met: set[int] = set()
    for group in groups:
        folders = below(group[1:])
        if group[:1] == b"1":
            put(group[1:] + b"/pids.max", b"0")
        found = {pid for folder in folders for pid in members(folder)} - {os.getpid()}
        if found and not (group[:1] == b"2" and put(group[1:] + b"/cgroup.kill", b"1")):
            for pid in found:
                try:
                    os.kill(pid, _SIGKILL)
                except OSError:
                    continue  # gone meanwhile
        met |= found
    return met


def remove(groups: "list[bytes]") -> bool:
    """Removes the groups with all below them; True where none is left. One with a process in it stays."""
    left = False
    for group in groups:
        for folder in reversed(below(group[1:])):
            try:
                os.rmdir(folder)  # noqa: PTH106 - pathlib would cost every run 10 ms
            except FileNotFoundError:
                continue
            except OSError:
                left = True
    return not left


def below(folder: bytes) -> "list[bytes]":
    """The folder and those below it, each before what is in it; a model that is root may have made some."""
    found = [folder]
    for one in found:
        try:
            with os.scandir(one) as entries:
                found += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        if len(found) > MOST_FOLDERS:
            break
    return found


def members(folder: bytes) -> "list[int]":
    """The processes of one group; those outside of our process namespace are not ours and not told."""
    return [int(word) for word in read(folder + b"/cgroup.procs").split() if word.isdigit() and int(word)]


def read(place: bytes) -> bytes:
    """One file of the kernel's; empty where there is none."""
    try:
        handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    found: list[bytes] = []
    try:
        while len(found) < MAX_BYTES >> 16 and (chunk := os.read(handle, 1 << 16)):
            found.append(chunk)
    except OSError:
        pass  # the group is being removed
    finally:
        os.close(handle)
    return b"".join(found)


def _clone(folder: bytes) -> int:
    """As `os.fork`, for a process with one thread: nothing of another one can be half done in the child."""
    from ..isolation.system import call  # noqa: TID252 - the launcher knows this package by another name

    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        words = [_INTO_CGROUP, 0, 0, 0, _SIGCHLD, 0, 0, 0, 0, 0, place]
        arguments = b"".join(word.to_bytes(8, "little") for word in words)
        return call("clone3", arguments, len(arguments))
    finally:
        os.close(place)


def _write(place: bytes, text: bytes) -> None:
    handle = os.open(place, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text)
    finally:
        os.close(handle)


def put(place: bytes, text: bytes) -> bool:
    """Writes one file of the kernel's; False where it is not there or does not take it."""
    try:
        _write(place, text)
    except OSError:
        return False
    return True
