"""What an attack is after: a folder with a secret, servers, a process, memory; all of the attacker's own user."""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path

SECRET = "the secret"
_LEAST_PID = 1000
"""Above the ids of a run's own processes, where it counts them from one on."""


class Victim:
    """Made anew for each place of attacks, and harmed where that place protects nothing.

    Args:
        owner: The user and group that everything belongs to.
    """

    def __init__(self, owner: int) -> None:
        self.owner = owner
        self.folder = Path(tempfile.mkdtemp(prefix="victim-", dir="/var/tmp"))
        self.mark = str(uuid.uuid4().int)  # a number, since sleep is given it
        self._user = {"user": owner, "group": owner, "extra_groups": []} if os.geteuid() == 0 else {}
        for name in ("secret.txt", "spare", "to-delete", "to-rename"):
            (self.folder / name).write_text(SECRET)
        (self.folder / "program").write_text("#!/bin/sh\necho it ran\n")
        (self.folder / "program").chmod(0o755)
        self.shared = Path("/dev/shm", self.folder.name)
        self.shared.write_text(SECRET)
        self._servers = [
            self._serve(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            self._serve(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            self._serve(socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "socket")),
            self._serve(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.folder.name}"),
        ]
        self._mailbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._mailbox.bind(str(self.folder / "mailbox"))
        for path in (self.folder, self.shared, *self.folder.iterdir()):
            os.chown(path, owner, owner)
        self._key = uuid.uuid4().int & 0x7FFFFFFF
        self._segment = self._as_owner_memory()
        self.process = self._sleeper()
        self._before = self.state()

    def facts(self) -> dict[str, object]:
        """What the attackers are told, so that they need not search."""
        here = self.folder.stat().st_dev
        return {
            "folder": str(self.folder),
            "secret": str(self.folder / "secret.txt"),
            "spare": str(self.folder / "spare"),
            "shared": str(self.shared),
            "path": str(self.folder / "socket"),
            "datagrams": str(self.folder / "mailbox"),
            "abstract": f"\0{self.folder.name}",
            "tcp": self._servers[0].getsockname()[1],
            "udp": self._servers[1].getsockname()[1],
            "victim": self.process.pid,
            "mark": self.mark,
            "shm": self._key,
            "interfaces": [name for _, name in socket.if_nameindex() if name != "lo"],
            "namespace": str(Path("/proc/self/ns/mnt").readlink()),
            "disk": [os.major(here), os.minor(here)],
            "shadow": Path("/etc/shadow").stat().st_ino if Path("/etc/shadow").exists() else 0,
            "tests": os.getpid(),
        }

    def state(self) -> dict[str, object]:
        """All of it that an attack could have changed."""
        pid = self.process.pid
        return {
            "files": sorted(path.name for path in self.folder.iterdir()),
            "contents": {path.name: path.read_text() for path in self.folder.iterdir() if path.is_file()},
            "alive": self.process.poll() is None,
            "priority": os.getpriority(os.PRIO_PROCESS, pid),
            "scheduling": os.sched_getscheduler(pid),
            "cores": os.sched_getaffinity(pid),
            "mail": self._mail(),
            "shared": self.shared.read_text(),
        }

    def harm(self) -> dict[str, object]:
        """What has changed since the beginning."""
        return {name: found for name, found in self.state().items() if found != self._before[name]}

    def close(self) -> None:
        """Takes everything away again."""
        self.process.kill()
        self.process.wait()
        ctypes.CDLL(None).shmctl(self._segment, 0, None)
        for server in (*self._servers, self._mailbox):
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        self.shared.unlink(missing_ok=True)
        Path("/tmp", f"{self.folder.name}-left").unlink(missing_ok=True)
        shutil.rmtree(self.folder)

    def _mail(self) -> bytes:
        try:
            return self._mailbox.recv(64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""

    def _as_owner_memory(self) -> int:
        libc = ctypes.CDLL(None)
        segment = libc.shmget(self._key, 4096, 0o1600)
        if self.owner != os.geteuid():
            about = ctypes.create_string_buffer(256)
            libc.shmctl(segment, 2, about)
            ctypes.c_uint.from_buffer(about, 4).value = self.owner  # struct shmid_ds: ipc_perm.uid
            libc.shmctl(segment, 1, about)
        return segment

    def _sleeper(self) -> subprocess.Popen[bytes]:
        while True:
            started = subprocess.Popen(
                ["sh", "-c", f"exec sleep 600 0.{self.mark} < {self.folder}/secret.txt"],
                env={"VICTIM": self.mark},
                cwd=self.folder,
                start_new_session=True,
                **self._user,
            )
            if started.pid > _LEAST_PID:
                time.sleep(0.05)
                return started
            started.kill()
            started.wait()

    def _serve(self, family: int, kind: int, address: object) -> socket.socket:
        server = socket.socket(family, kind)
        server.bind(address)

        def answer() -> None:
            with contextlib.suppress(OSError):
                while kind == socket.SOCK_DGRAM:
                    _, caller = server.recvfrom(64)
                    if caller is None:
                        return
                    server.sendto(b"hello", caller)
                server.listen()
                while True:
                    with server.accept()[0] as caller:
                        caller.sendall(b"hello")

        threading.Thread(target=answer, daemon=True).start()
        return server
