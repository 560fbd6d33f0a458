"""Who a job is in its container, and what of its folders belongs to that user."""

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.engines.port import Job, Mount

if TYPE_CHECKING:
    from nova_spi.engines.docker.connecting import Connection

SECRETS = Path("/run/secrets")
"""What is mounted here was made for the run, wherever it stands, and the program must be able to read it."""
MAX_DEPTH = 128
"""Folders below these stay whose they are; each takes a descriptor while it is open."""


@dataclass(frozen=True, slots=True)
class User:
    """A user in a container.

    Attributes:
        words: What the engine is told, ``1000:1000``.
        keep_id: Podman's ``keep-id``: the caller's own number inside is the caller outside.
        owner: The number on this machine to whom the job's files must belong; None where they belong to it already.
    """

    words: str
    keep_id: bool = False
    owner: int | None = None


def user_of(connection: "Connection", image_user: int) -> User:
    """Who a job is.

    The caller is root: the image's user, and the run's files are given to it for so long. An ordinary user with an
    engine that runs as root: that user. An engine without root: that user too; in Docker's case its name inside is
    root, which is mapped to the caller and has no rights outside.
    """
    uid, gid = os.getuid(), os.getgid()
    if connection.rootless:
        keep = connection.engine == "podman"
        return User(f"{uid}:{gid}" if keep else "0:0", keep_id=keep)
    if uid == 0:
        return User(f"{image_user}:{image_user}", owner=image_user)
    return User(f"{uid}:{gid}")


def give(job: Job, owner: int) -> None:
    """Gives a job's files to a user: all below its own folder and its secrets, of other writable folders the top.

    No link is followed, and files with several names stay whose they are: another name may be somebody else's. A
    folder changes hands after what is in it, so that its new owner cannot change the ground below the walk.
    """
    for mount in job.mounts:
        if _of_run(job, mount):
            _give_tree(mount.source, owner)
        elif mount.writable:
            os.chown(mount.source, owner, owner, follow_symlinks=False)


def take_back(job: Job) -> None:
    """Gives what is below the job's own folder back to the caller; the container must have ended."""
    for mount in job.mounts:
        if _of_run(job, mount) and mount.source.is_relative_to(job.folder):
            _give_tree(mount.source, os.getuid())


def _of_run(job: Job, mount: Mount) -> bool:
    return mount.source.is_relative_to(job.folder) or mount.target.is_relative_to(SECRETS)


def _give_tree(top: Path, owner: int) -> None:
    try:
        handle = os.open(top, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    try:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            _give_content(handle, owner, MAX_DEPTH)
        os.chown(handle, owner, owner)
    finally:
        os.close(handle)


def _give_content(folder: int, owner: int, depth: int) -> None:
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        with suppress(FileNotFoundError):  # what has gone meanwhile needs no owner
            _give_entry(folder, entry, owner, depth)


def _give_entry(folder: int, entry: "os.DirEntry[str]", owner: int, depth: int) -> None:
    status = entry.stat(follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        if depth:
            _give_folder(folder, entry.name, owner, depth - 1)
    elif status.st_nlink == 1:
        os.chown(entry.name, owner, owner, dir_fd=folder, follow_symlinks=False)


def _give_folder(above: int, name: str, owner: int, depth: int) -> None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(name, flags, dir_fd=above)
    try:
        _give_content(handle, owner, depth)
        os.chown(handle, owner, owner)
    finally:
        os.close(handle)
