"""What a container engine leaves on a machine, found by the folders that it was given, and taken away.

A daemon that ends as it should leaves little. One that was killed leaves its shims, its containers, their mounts, their
cgroups and its bridges.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_OURS = re.compile(r"/tmp/nova-spi-[a-z0-9_]{8}")
_BRIDGE = re.compile(rb"br-[0-9a-f]{12}")
_GONE_SECONDS = 5.0
_ROUNDS = 20


def sweep(folder: Path, short: Path) -> None:
    """Ends what still runs for a daemon, takes its mounts, bridges and cgroups away, and removes what it kept.

    Args:
        folder: Of its images and logs; its files stay, its folders go.
        short: Of its sockets and state, made for it alone; goes.
    """
    if not _OURS.fullmatch(str(short)):
        raise ValueError(f"{short} was not made for a daemon")
    groups = cgroups(short)
    for _ in range(_ROUNDS):  # conmon may start podman to clean up just while it is ended
        running = processes(folder, short)
        groups += _podmans_cgroups(running)
        if not running:
            break
        _end(running)
    for place in mounts(folder, short):
        subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)
    for name in bridges(folder):
        subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)
    for group in groups:
        with suppress(OSError):
            group.rmdir()
    for note in short.glob("c/io.containerd.runtime.v2.task/*/*/address"):  # containerd keeps these elsewhere
        Path(note.read_text().removeprefix("unix://")).unlink(missing_ok=True)
    for each in (short, *(path for path in folder.iterdir() if path.is_dir())):
        shutil.rmtree(each, ignore_errors=True)


def processes(folder: Path, short: Path) -> list[int]:
    """The processes that name one of the folders in their arguments (containerd, shims, conmon), and theirs."""
    marks = (f"{folder}/".encode(), f"{short}/".encode())
    parents, found = dict[int, int](), set[int]()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            pid = int(entry.name)
            parents[pid] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            line = (entry / "cmdline").read_bytes()
            if any(mark in line for mark in marks) and _is_engine(line):
                found.add(pid)
    for group in cgroups(short):
        with suppress(OSError):
            found.update(int(pid) for pid in (group / "cgroup.procs").read_text().split())
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {os.getpid()})


def _is_engine(line: bytes) -> bool:
    """Whether a command line is one of the engines' programs: an editor or a test may name the folders too."""
    program = os.path.basename(line.partition(b"\0")[0])  # noqa: PTH119  # bytes
    return program.startswith((b"dockerd", b"containerd", b"podman", b"conmon", b"runc", b"docker-"))


def mounts(folder: Path, short: Path) -> list[str]:
    """What is mounted below the folders, the deepest first."""
    places = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    own = (f"{folder}/", f"{short}/")
    return sorted((place for place in places if place.startswith(own)), key=len, reverse=True)


def bridges(folder: Path) -> Iterator[str]:
    """The bridges on this machine that Docker's own data base in ``folder`` names."""
    with suppress(OSError):
        known = (folder / "data" / "network" / "files" / "local-kv.db").read_bytes()
        for name in sorted({each.decode() for each in _BRIDGE.findall(known)}):
            if Path("/sys/class/net", name, "bridge").is_dir():
                yield name


def cgroups(short: Path) -> list[Path]:
    """The cgroups below the one that the daemon's containers have in common, the deepest first; version 1 and 2."""
    roots = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]
    tops = [root / short.name for root in roots if (root / short.name).is_dir()]
    found = {path for top in tops for path in (top, *(each for each in top.rglob("*/") if each.is_dir()))}
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def _podmans_cgroups(pids: list[int]) -> list[Path]:
    """The cgroups of containers of Podman's, which has one place for those of all its services."""
    found = set[Path]()
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
                _, names, place = line.split(":", 2)
                kind = names.removeprefix("name=") or "unified"
                roots = (Path(f"/sys/fs/cgroup/{kind}{place}"), Path(f"/sys/fs/cgroup{place}"))
                found.update(root for root in roots if root.name.startswith("libpod-") and root.is_dir())
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def _end(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + _GONE_SECONDS
    while any(runs(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether a process is there and has not ended; who inherits one that has may be slow to hear of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def children() -> set[int]:
    """The processes that this one has started and not waited for; a daemon of a whole session may be among them."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            found |= {int(word) for word in (task / "children").read_text().split()}
    return found
