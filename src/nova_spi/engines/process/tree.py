"""The tree of processes below one process, as ``/proc`` shows it, and how to end it.

The launcher imports this before every run, so it imports next to nothing. Without ``/proc`` the tree is empty.
"""

import os

SIGKILL = 9
"""The same number everywhere; `signal` would cost every run 5 ms."""


def process_table() -> dict[int, tuple[int, int, str]]:
    """Every process of the machine: its id -> parent's id, group's id, state letter. Empty without ``/proc``.

    The format of ``/proc/PID/stat`` is in ``proc(5)``; a program's name may hold anything, so it is read from the
    last parenthesis on.
    """
    table = {}
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - pathlib would cost every run 10 ms
    except OSError:
        return {}
    for name in names:
        if name.isdigit():
            try:
                with open("/proc/" + name + "/stat", "rb", buffering=0) as file:  # noqa: PTH123 - as above
                    words = file.read(1024).rpartition(b")")[2].split()
                table[int(name)] = (int(words[1]), int(words[2]), words[0].decode())
            except (OSError, IndexError):
                continue  # it ended while we looked
    return table


def descendants(root: int) -> dict[int, int]:
    """Living processes below ``root``: process id -> group's id. What waits to be reaped does not count."""
    table = process_table()
    children: dict[int, list[int]] = {}
    for pid, (parent, _, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found, open_ends = {}, [root]
    while open_ends:
        for pid in children.pop(open_ends.pop(), ()):
            open_ends.append(pid)
            if table[pid][2] not in "ZX":
                found[pid] = table[pid][1]
    return found


def kill_below(root: int, spare: int) -> set[int]:
    """Sends SIGKILL to every descendant of ``root``, groups first: a group is hit at once, forking or not.

    Args:
        root: The process whose descendants end.
        spare: A process group that is not to be hit.

    Returns:
        The ids of the processes that were alive.
    """
    found = descendants(root)
    for group in set(found.values()) - {spare, 0}:
        send(-group, SIGKILL)
    for pid in found:
        send(pid, SIGKILL)
    return set(found)


def send(target: int, number: int) -> None:
    """`os.kill`, as in ``kill(2)``: a negative target is a group."""
    try:
        os.kill(target, number)
    except (ProcessLookupError, PermissionError):
        return  # it is gone, or it is a set-uid program that we may not signal: the report counts it as alive
