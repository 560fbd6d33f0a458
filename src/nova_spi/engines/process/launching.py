"""Our end of one launcher: starts it, sends it what to run, reads what it reports. See `launcher` for the protocol."""

import contextlib
import fcntl
import json
import math
import os
import resource
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nova_spi.engines.port import Job
from nova_spi.engines.process import launcher
from nova_spi.engines.process.isolation import confining
from nova_spi.engines.process.isolation.inside import program_inside
from nova_spi.engines.process.isolation.plan import isolation
from nova_spi.engines.process.log import PIPE_BYTES
from nova_spi.engines.process.request import CHANNEL, Request
from nova_spi.engines.process.tree import kill_below
from nova_spi.errors import EngineUnavailable

_BOOT = "import sys; sys.path.append(sys.argv[1]); from process.launcher import main; main()"
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
START_SECONDS = 30.0
"""What the launcher gets to start; it needs some 15 ms."""
OPEN_FILES = 65_536
NO_CORE = 1
"""RLIMIT_CORE. One byte, not 0: where core_pattern names a program, the kernel starts it, as root and outside of every
sandbox, also at 0, and at 1 alone it does not (core(5)). A file of one byte is never written."""
MAX_STATUS_BYTES = 64 * 1024


class Launch:
    """A launcher with the program of one job.

    Attributes:
        program: The program's process id, which is that of its session and group too; None until it has started.
        report: What the launcher said at the end (see `launcher.Supervision.report`); None until then.
        gone: The launcher has closed its status pipe.
    """

    def __init__(self, job: Job, level: str = "process", groups: Sequence[bytes] = ()) -> None:
        """Starts the launcher and hands it the job, to be run at an isolation level and in control groups.

        Raises:
            EngineUnavailable: The program is not there, or the machine cannot start one more process.
        """
        program = find_program(job)
        self.program: int | None = None
        self.report: dict[str, Any] | None = None
        self.gone = False
        self._unread = b""
        channel = _own_copy(job.channel)
        try:
            self._process = _spawn(channel)
        finally:
            if channel:
                os.close(channel)
        if self._process.stdin is None or self._process.stdout is None or self._process.stderr is None:
            raise AssertionError("three pipes were asked for")
        self._control, self._status, self._log = self._process.stdin, self._process.stdout, self._process.stderr
        os.set_blocking(self._log.fileno(), False)
        os.set_blocking(self._status.fileno(), False)
        _widen(self.log)
        try:
            self._send(_request(job, program, level, list(groups), channel))
        except BaseException:  # also Ctrl-C: put in order, and raised again
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The launcher's own process id; the root of everything that the job runs."""
        return self._process.pid

    @property
    def status(self) -> int:
        """The descriptor to wait on for `read_status`."""
        return self._status.fileno()

    @property
    def log(self) -> int:
        """The descriptor of the program's standard output and error; reading never blocks."""
        return self._log.fileno()

    def order(self, letter: bytes) -> None:
        """Sends ``launcher.TERMINATE`` or ``launcher.KILL``; a launcher that is gone takes no orders."""
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self._control.fileno(), letter)

    def read_status(self) -> None:
        """Takes in what the launcher has said since.

        Raises:
            EngineUnavailable: It could not start the program.
        """
        try:
            chunk = os.read(self.status, 4096)
        except BlockingIOError:
            return
        self.gone = not chunk
        self._unread = (self._unread + chunk)[-MAX_STATUS_BYTES:]
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            self._take(line)

    def kill(self) -> None:
        """Kills the launcher itself, for one that no longer listens."""
        self._process.kill()

    def close(self) -> None:
        """Ends the launcher, and so everything below it, by closing its control pipe; waits a moment for its end."""
        with contextlib.suppress(BrokenPipeError):
            self._control.close()
        try:
            self._await_end(time.monotonic() + launcher.ENDING_SECONDS + 1)
            if not self.gone:
                kill_below(self.pid, self.pid)
                self._process.kill()
            self._process.wait()
        finally:
            self._status.close()
            self._log.close()

    def _await_end(self, until: float) -> None:
        poller = select.poll()
        poller.register(self.status, select.POLLIN)
        while not self.gone and poller.poll(max(0.0, until - time.monotonic()) * 1000):
            with contextlib.suppress(EngineUnavailable):
                self.read_status()

    def _take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return
        if "started" in said:
            self.program = said["started"]
        elif "errno" in said:
            number, step = said["errno"], (*launcher.STEPS, *confining.STEPS)[said["step"]]
            raise EngineUnavailable(
                f"The model's program could not be started: it could not {step}.",
                why=os.strerror(number),
                mend="Check the program, its permissions and the size of its arguments and variables.",
            )
        elif "status" in said:
            self.report = said

    def _send(self, data: bytes) -> None:
        """Writes the request; a launcher that does not read it in time is no launcher."""
        os.set_blocking(self._control.fileno(), False)
        poller = select.poll()
        poller.register(self._control.fileno(), select.POLLOUT)
        until = time.monotonic() + START_SECONDS
        while data:
            if not poller.poll(max(0.0, until - time.monotonic()) * 1000):
                raise no_launcher()
            try:
                data = data[os.write(self._control.fileno(), data) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise no_launcher() from None


def _own_copy(channel: int | None) -> int:
    """A copy of the job's channel above the standard descriptors, which a daemon may have closed; 0 for none."""
    return 0 if channel is None else fcntl.fcntl(channel, fcntl.F_DUPFD_CLOEXEC, CHANNEL)


def _spawn(channel: int) -> subprocess.Popen[bytes]:
    variables = {name: os.environ[name] for name in _LIBRARY_PATHS if name in os.environ}
    folder = str(Path(launcher.__file__).parent.parent)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BOOT, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=variables,
            start_new_session=True,
            pass_fds=(channel,) if channel else (),
        )
    except OSError as error:
        raise EngineUnavailable(
            "No process could be started.", why=str(error), mend="End other programs, or raise the limits (ulimit -a)."
        ) from error


def _widen(pipe: int) -> None:
    """A larger pipe, where the machine gives one: a talkative program wakes us less often."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def no_launcher() -> EngineUnavailable:
    """The error for a launcher that ended before it had started anything, or that does not answer."""
    return EngineUnavailable(
        "The program that supervises the model did not start.",
        why=f"{sys.executable} ended early or did not answer in {START_SECONDS:g} s.",
        mend=f"Try: {sys.executable} -I -S -c pass",
    )


def _request(job: Job, program: str, level: str, groups: list[bytes], channel: int) -> bytes:
    request = Request(
        os.getpid(),
        os.fsencode(program),
        os.fsencode(job.work_dir),
        [os.fsencode(word) for word in (program, *job.argv[1:])],
        rlimits(job),
        [os.fsencode(f"{name}={value}") for name, value in job.variables.items()],
        isolation(job, program, level).encode() if level != "process" else None,
        groups,
        channel,
    )
    try:
        return request.encode()
    except ValueError as error:
        raise EngineUnavailable(
            "The model's program could not be started.", why=str(error), mend="Take the NUL byte out of the inputs."
        ) from error


def find_program(job: Job) -> str:
    """The absolute path of the job's program, found on the job's own PATH or below its work folder.

    Raises:
        EngineUnavailable: It is not there or cannot be executed.
    """
    if job.environment is not None and job.environment.root is not None:
        return program_inside(job, job.environment.root)
    name = job.argv[0]
    wanted = str(job.work_dir / name) if os.sep in name else name
    found = shutil.which(wanted, path=job.variables.get("PATH", os.defpath))
    if found is None:
        raise EngineUnavailable(
            f"The program '{name}' is not there.",
            why=f"Searched: {job.variables.get('PATH', os.defpath)}" if wanted == name else f"No program {wanted}.",
            mend="Install it, or name one that is there in the command's entry point.",
            program=name,
        )
    return str(Path(found).absolute())


def rlimits(job: Job) -> list[bytes]:
    """What the kernel limits for each process of the job, as `launcher.Request` takes it.

    A job without a deadline may use the processor for ever.
    ``RLIMIT_AS`` is not among them: a program that uses torch needs three times its memory as addresses.
    """
    limits = job.limits
    cores = os.cpu_count() or 1
    wanted = {
        "RLIMIT_CORE": NO_CORE,
        "RLIMIT_NOFILE": OPEN_FILES,
    }
    if limits.timeout_seconds < math.inf:
        wanted["RLIMIT_CPU"] = int(min((limits.timeout_seconds + limits.grace_seconds) * cores, 2**40)) + 60
    if limits.disk_bytes is not None:
        wanted["RLIMIT_FSIZE"] = limits.disk_bytes
    return [f"{name}={min(value, 2**62)}".encode() for name, value in wanted.items() if hasattr(resource, name)]
