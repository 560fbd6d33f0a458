"""The way of a forked child into its isolation, up to the program's start.

At level ``sandbox`` three processes follow each other: the child itself, which the launcher knows, only waits; the
first process of the new process namespace ends everything in it when the program has ended; the third becomes the
program. At level ``landlock`` the child itself becomes the program.

`STEPS` names where it stands; the launcher reports the number of the step that failed.
"""

import os
import resource
import time

from . import landlock, mounts, namespaces, seccomp
from .order import Isolation
from .system import call

signal = __import__("_signal")

STEPS = (
    "change to another user",
    "make its namespaces",
    "build its file system",
    "enter its file system",
    "give up its rights",
)
USER, NAMESPACES, BUILD, ENTER, RIGHTS = range(5)
SETTLE_SECONDS = 0.5
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_SHARED_MEMORY = b"/dev/shm"
_STOPPING = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


class Confining:
    """One child on its way.

    Args:
        order: What it shall be left with.
        work: The work folder.

    Attributes:
        at: The step that it is at, counted in `STEPS`; None between them.
    """

    def __init__(self, order: Isolation, work: bytes) -> None:
        self.at: int | None = None
        self._order = order
        self._work = work

    def enter(self, failure: int, verdict: int) -> None:
        """Goes into the namespaces of level ``sandbox``; returns in the process that becomes the program.

        Args:
            failure: Held by that process alone from now on.
            verdict: Takes the program's wait status and how many processes it left, ``STATUS COUNT``.

        Raises:
            OSError: The machine cannot do it; ``at`` says what.
        """
        if self._order.level != b"sandbox":
            os.close(verdict)
            return
        launcher = os.getppid()
        self._make()
        call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # another user or namespace has cleared it
        if os.getppid() != launcher:
            os._exit(1)
        first = os.fork()
        if first:
            os.closerange(3, max(failure, verdict) + 64)  # the program's channel among them
            _wait_for(first)
        call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
        self.at = ENTER
        mounts.enter()
        if self._order.network == b"none":
            namespaces.loopback()
        program = _fork_program()
        if program:
            os.close(failure)
            _serve(program, verdict)
        self.at = None
        os.close(verdict)
        os.setsid()
        call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)

    def give_up(self) -> None:
        """The last things before the program: its rights over processes, files and system calls.

        Raises:
            OSError: The machine cannot do it.
        """
        self.at = RIGHTS
        order = self._order
        inside = order.level == b"sandbox"
        if inside:
            resource.setrlimit(resource.RLIMIT_NPROC, (order.processes, order.processes))
        namespaces.give_up()
        known = landlock.version()
        if known > 1 or not inside:
            landlock.restrict(self._rules(inside), tcp=inside or order.network != b"none")
        seccomp.apply(families(inside, order.network == b"none", known), outside=not inside)
        self.at = None

    def _make(self) -> None:
        order, network = self._order, self._order.network == b"none"
        every = namespaces.USERS | namespaces.MOUNTS | namespaces.PROCESSES | namespaces.IPC | namespaces.HOST_NAME
        every |= namespaces.NETWORK if network else 0
        user, group = os.geteuid(), os.getegid()
        as_root = user == 0
        if as_root:
            self.at = NAMESPACES
            owner = namespaces.mapping(order.user)
            namespaces.leave(namespaces.MOUNTS)
            self.at = BUILD
            mounts.build(order, self._work, owner)
            os.close(owner)
            self.at = USER
            namespaces.change_user(order.user)
            user = group = order.user
        self.at = NAMESPACES
        namespaces.leave(every)
        namespaces.map_user(user, group, order.inside)
        call("sethostname", b"model", 5)
        if not as_root:
            self.at = BUILD
            mounts.build(order, self._work, -1)

    def _rules(self, inside: bool) -> "list[tuple[bytes, int]]":
        """The files that it may use: what was bound into the sandbox, or the same on the machine itself."""
        order = self._order
        read = [b"/"] if inside else [*order.system, *order.readable]
        write = [*order.writable, b"/tmp", _SHARED_MEMORY] if inside else order.writable  # its own
        rules = [(name, landlock.READ) for name in read] + [(name, landlock.WRITE) for name in write]
        if not inside:
            rules.append((_SHARED_MEMORY, landlock.SHARED_MEMORY))
        return rules + [(name, landlock.USE) for name in order.devices]


def families(inside: bool, alone: bool, landlock_version: int) -> "tuple[int, ...]":
    """The families of addresses that a program may make sockets for.

    Args:
        inside: It is in a sandbox: a socket with a path leads nowhere but to itself.
        alone: It has no network: in a sandbox nobody but itself is in it.
        landlock_version: From 6 on abstract sockets of others are out of reach.
    """
    if alone and not inside:
        return ()
    internet = (seccomp.INET, seccomp.INET6, seccomp.NETLINK)
    return (seccomp.UNIX, *internet) if inside and (alone or landlock_version >= 6) else internet


def _fork_program() -> int:
    """Forks the program's process with SIGTERM held back, so that none is lost; in the child it is as before."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    program = os.fork()
    if program == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return program


def _wait_for(first: int) -> None:
    """The child that the launcher knows: waits for the first process of the namespace and ends as it ends."""
    for name in _STOPPING:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    _, status = os.waitpid(first, 0)
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(os.waitstatus_to_exitcode(status))


def _serve(program: int, verdict: int) -> None:
    """The first process: passes SIGTERM on, reaps, and ends; then the kernel ends all others of the namespace."""

    def stop(*_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGCONT):
            try:
                os.kill(-program, number)
            except ProcessLookupError:
                return

    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for name in _STOPPING[1:]:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    os.closerange(0, verdict)
    os.closerange(verdict + 1, verdict + 64)
    pid = status = 0
    while pid != program:
        pid, status = os.wait()
    os.write(verdict, b"%d %d" % (status, _left()))
    os._exit(0)


def _left() -> int:
    """How many processes do not end by themselves within a moment after the program's end."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return 0
        if time.monotonic() > until:
            return sum(name.isdigit() for name in os.listdir("/proc")) - 1  # noqa: PTH208 - pathlib costs 10 ms
        time.sleep(0.01)
