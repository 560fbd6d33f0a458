"""The program that stands between nova-spi and a model's program, so that nothing of the model is ever left running.

`nova_spi.engines.process.launching` starts it as a process of its own, in a session of its own::

    python -I -S -c 'import sys; sys.path.append(sys.argv[1]); from process.launcher import main; main()' ENGINES

(``ENGINES`` is the folder above this one; so nothing else of nova-spi is loaded, and imports here are relative.)

It speaks through its three standard descriptors and takes nothing else from anywhere:

- **standard input, the control pipe**: eight digits and a `Request` of that many bytes, then single letters:
  ``T`` sends SIGTERM to the program's group, ``K`` ends everything. The end of the pipe means that nova-spi is gone,
  however it died: everything is ended at once;
- **standard output, the status pipe**: JSON lines of numbers. ``{"started": PID}``, then ``{"errno": N, "step": N}``
  where it could not become the program, or at the end one report (see `Supervision.report`);
- **standard error, the log pipe**: becomes the program's standard output and error.

Where the program gets a channel, the launcher inherits that too, and keeps no copy once the program has been forked:
so who holds the other end sees it close in the moment in which the program dies.

It is a child subreaper (``prctl(2)``, Linux): a descendant that daemonises becomes its child instead of init's, so it
finds and ends every one. Where there is no ``prctl`` (macOS) it ends the program's process group.

It starts before every run, so it imports the C halves of ``signal`` and ``ctypes`` alone and reads no JSON: 4 ms more
than an empty program instead of 20. The model's program is prepared in `_become`; what the levels above ``process`` add
is in `isolation.confining`, and what is done with control groups in `cgroups.joining`; both are loaded where they are
asked for.
"""

import os
import resource
import select
import sys
import time

from .request import CHANNEL, Request
from .tree import descendants, kill_below, send

TYPE_CHECKING = False  # of `typing`, which would cost every run 5 ms
if TYPE_CHECKING:
    from types import ModuleType

    from .isolation.confining import Confining

signal = __import__("_signal")

TERMINATE, KILL = b"T", b"K"
STEPS = ("prepare its process", "enter its work folder", "run the program", "enter its control group")
PREPARE, FOLDER, RUN, GROUP = range(4)
SETTLE_SECONDS = 0.5
"""What helpers of a program that has ended get to end by themselves, e.g. multiprocessing's resource tracker."""
ENDING_SECONDS = 5.0
"""How long it tries to end what cannot be ended (a process in an uninterruptible wait) before it leaves."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36
_DEFAULT_SIGNALS = ("SIGPIPE", "SIGXFSZ", "SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGCHLD", "SIGUSR1", "SIGUSR2")
_OOM_SCORE = b"500"  # of 1000: the kernel, short of memory, takes the model before it takes nova-spi


class Supervision:
    """One program and everything below it, from its start to the last descendant's end.

    Attributes:
        child: The program's process id, which is also that of its session and group.
        status: Its wait status, None while it runs.
        leftovers: Processes that the program left behind when it ended by itself.
        alive: Processes that could not be ended.
    """

    def __init__(self, child: int, wake: int, verdict: int, groups: "list[bytes]") -> None:
        self.child = child
        self.status: int | None = None
        self.leftovers = 0
        self.alive = 0
        self._wake = wake
        self._verdict = verdict
        self._groups = groups
        self._started = self._ended = time.monotonic()
        self._alone = False

    def watch(self) -> None:
        """Waits for the program or for an order to end it; when it returns nothing is left, or cannot be ended."""
        poller = select.poll()
        poller.register(0, select.POLLIN)
        poller.register(self._wake, select.POLLIN)
        while not self._reap():
            for descriptor, _ in poller.poll(1000):
                if self._must_end(descriptor):
                    self._end_all(time.monotonic() + ENDING_SECONDS)
                    return
        self._settle()

    def hear_verdict(self) -> None:
        """In a sandbox the program is not our child: the process that was its parent has said how it ended."""
        if self._verdict < 0:
            return
        os.set_blocking(self._verdict, False)
        try:
            if said := os.read(self._verdict, 64):
                self.status, self.leftovers = map(int, said.split())
        except BlockingIOError:
            return  # what could not be ended still holds it

    def report(self) -> bytes:
        """The last line: wait status (-1: still there), wall and CPU seconds, peak of one process, what was left."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return b'{"status": %d, "wall": %.6f, "cpu": %.6f, "peak": %d, "leftovers": %d, "alive": %d}\n' % (
            -1 if self.status is None else self.status,
            self._ended - self._started,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            self.leftovers,
            self.alive,
        )

    def _must_end(self, descriptor: int) -> bool:
        """Reads one order; True for ``K``, for the end of the control pipe and where our parent has died."""
        if descriptor == self._wake:
            return signal.SIGTERM in os.read(self._wake, 4096)
        order = os.read(0, 1)
        if order == TERMINATE and self.status is None:
            send(-self.child, signal.SIGTERM)
            send(-self.child, signal.SIGCONT)
        return order != TERMINATE

    def _reap(self) -> bool:
        """Reaps whatever has ended; True once the program itself has. Orphans come to us as to init."""
        while not self._alone:
            try:
                pid, status, _ = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._alone = True
                break
            if pid == 0:
                break
            if pid == self.child:
                self.status, self._ended = status, time.monotonic()
        return self.status is not None

    def _settle(self) -> None:
        """After the program's own end: what does not follow by itself in a moment is a leftover."""
        until = time.monotonic() + SETTLE_SECONDS
        while not self._alone and time.monotonic() < until:
            select.select([self._wake], [], [], 0.01)
            self._drain()
            self._reap()
        if not self._alone or sys.platform != "linux":
            self.leftovers = len(self._end_all(time.monotonic() + ENDING_SECONDS))

    def _end_all(self, until: float) -> set[int]:
        """Kills until nothing is left or the time is over. Returns every process that was met."""
        met: set[int] = set()
        while True:
            met |= kill_below(os.getpid(), os.getpgrp())
            if self._groups:
                met |= joining().kill(self._groups)
            if self.status is None or sys.platform != "linux":
                send(-self.child, signal.SIGKILL)
            self._reap()
            if self._alone:
                return met
            if time.monotonic() > until:
                self.alive = len(descendants(os.getpid()))
                return met
            select.select([self._wake], [], [], 0.005)
            self._drain()

    def _drain(self) -> None:
        if select.select([self._wake], [], [], 0)[0]:
            os.read(self._wake, 4096)


def _prctl(option: int, value: int) -> bool:
    """Calls ``prctl(2)``; False where there is none."""
    if sys.platform != "linux":
        return False
    import _ctypes

    itself = _ctypes.dlopen(None, 0)  # type: ignore[arg-type] # None is this program; the stub does not know it
    call = _ctypes.dlsym(itself, "prctl")
    return bool(_ctypes.call_function(call, (option, value, 0, 0, 0)) == 0)


def _read(count: int) -> bytes:
    """Reads so many bytes from the control pipe; leaves where it ends before."""
    found = b""
    while len(found) < count:
        chunk = os.read(0, count - len(found))
        if not chunk:
            os._exit(1)
        found += chunk
    return found


def _listen() -> int:
    """Makes signals readable, so that one `poll` waits for them and for orders; returns the descriptor."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return reader


def _guard(parent: int) -> None:
    """Ties this process to nova-spi (SIGTERM when it dies) and every descendant of the model to this process."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(_PR_SET_DUMPABLE, 0)
    if os.getppid() != parent:
        os._exit(1)


def _limit(text: bytes) -> None:
    name, value = text.decode().split("=")
    number = getattr(resource, name)
    hard = resource.getrlimit(number)[1]
    wanted = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
    resource.setrlimit(number, (wanted, wanted))


def _plain_process(parent: int) -> None:
    """Own session, default signals, ends with the launcher, first in line when the machine is out of memory."""
    os.setsid()
    _prctl(_PR_SET_DUMPABLE, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    for name in _DEFAULT_SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if sys.platform == "linux":
        try:
            score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(score, _OOM_SCORE)
        except OSError:
            pass  # a machine without it, or one that says more already


def _become(request: Request, launcher: int, failure: int, verdict: int, groups: "list[bytes]") -> None:
    """In the forked child: becomes the program, or says through ``failure`` which step failed with which errno."""
    step = GROUP
    confining = _confining(request) if request.isolation else None
    try:
        if groups:
            joining().enter(groups)
        step = PREPARE
        _plain_process(launcher)
        for text in request.limits:
            _limit(text)
        if confining is not None:
            confining.enter(failure, verdict)
        step = FOLDER
        os.chdir(request.work_dir)
        step = RUN
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(2, 1)
        if request.channel:
            os.set_inheritable(CHANNEL, True)
        variables = dict(word.split(b"=", 1) for word in request.variables if word)
        if confining is not None:
            confining.give_up()
        os.execve(request.program, request.argv, variables)  # noqa: S606 - no shell, on purpose
    except OSError as error:
        if confining is not None and confining.at is not None:
            step = len(STEPS) + confining.at
        os.write(failure, b'{"errno": %d, "step": %d}\n' % (error.errno or 0, step))
    finally:
        os._exit(127)


def _confining(request: Request) -> "Confining":
    from .isolation.confining import Confining
    from .isolation.order import Isolation

    return Confining(Isolation.decode(request.isolation), request.work_dir)


def joining() -> "ModuleType":
    """What is done with control groups; loaded for runs that have some."""
    from .cgroups import joining as found

    return found


def _start(request: Request) -> tuple[int, bytes, int]:
    """Forks, tells so, and waits until the program has taken the child's place.

    Returns:
        Its id, the failure, and where the verdict of `Supervision.hear_verdict` comes, -1 without one.
    """
    reader, writer = os.pipe()
    verdict, judge = os.pipe() if request.isolation else (-1, -1)
    launcher = os.getpid()
    child, groups = joining().fork(request.groups) if request.groups else (os.fork(), [])
    if child == 0:
        _become(request, launcher, writer, judge, groups)
    if request.channel:
        os.close(CHANNEL)
    os.close(writer)
    if judge >= 0:
        os.close(judge)
    _tell(b'{"started": %d}\n' % child)
    failure = os.read(reader, 4096)
    os.close(reader)
    return child, failure, verdict


def _tell(line: bytes) -> None:
    try:
        os.write(1, line)
    except BrokenPipeError:
        return  # nobody is there to hear it; the control pipe has ended too


def _tidy(request: Request) -> None:
    """Removes the run's control groups where nova-spi, which made them, is no longer there to do it."""
    until = time.monotonic() + ENDING_SECONDS
    while request.groups and os.getppid() != request.parent and time.monotonic() < until:
        joining().kill(request.groups)
        if joining().remove(request.groups):
            return
        time.sleep(0.001)


def _take_channel(inherited: int) -> None:
    """Puts the channel at its number, before anything else is opened there."""
    if inherited != CHANNEL:
        os.dup2(inherited, CHANNEL)
        os.close(inherited)
    os.set_inheritable(CHANNEL, False)


def main() -> None:
    """Serves one request and leaves."""
    request = Request.decode(_read(int(_read(8))))
    if request.channel:
        _take_channel(request.channel)
    _guard(request.parent)
    wake = _listen()
    child, failure, verdict = _start(request)
    if failure:
        os.waitpid(child, 0)
        _tell(failure)
        _tidy(request)
        os._exit(1)
    supervision = Supervision(child, wake, verdict, request.groups)
    supervision.watch()
    supervision.hear_verdict()
    _tell(supervision.report())
    _tidy(request)
    os._exit(0)
