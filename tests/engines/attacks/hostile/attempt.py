"""One attack: a function that returns where it got through, and raises where it was hindered."""

import ctypes
import json
import os
import platform
import select
import signal
import time
from typing import NamedTuple

FACTS = json.loads(os.environ.get("FACTS", "{}"))
SUPERVISOR = os.getppid()
MARK = "ATTEMPT "
HINDERED, BROKEN = 3, 4
SECONDS = 8.0
NUMBERS = {
    "ptrace": (101, 117),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone3": (435, 435),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "open_by_handle_at": (304, 265),
    "process_vm_readv": (310, 270),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "ioctl": (16, 29),
    "personality": (135, 92),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "init_module": (175, 105),
    "kexec_load": (246, 104),
    "acct": (163, 89),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "prctl": (157, 167),
    "capget": (125, 90),
    "ioprio_set": (251, 30),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "adjtimex": (159, 171),
    "add_key": (248, 217),
    "clone": (56, 220),
}
"""System calls, on x86-64 and on arm64."""
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class Attack(NamedTuple):
    """What is tried, and where it may succeed.

    Attributes:
        name: The function's name.
        module: The module's.
        row: The row of the engine's report that speaks of it.
        function: Returns: it got through. OSError or AssertionError: it did not. Any other exception: it is broken.
        admitted: Level -> words. It succeeds at this level, and the report's row must hold these words.
        unbound: At level ``process`` it may end either way: what hinders it there, nobody counts on.
    """

    name: str
    module: str
    row: str
    function: object
    admitted: dict
    unbound: bool


_known = []


def attack(row, *, unbound=False, **admitted):
    """Makes a function an `Attack`; ``admitted`` is by level: ``landlock="/dev/shm"``."""

    def note(function):
        module = function.__module__.rpartition(".")[2]
        _known.append(Attack(function.__name__, module, row, function, admitted, unbound))
        return function

    return note


def of(module):
    """The attacks of one module, in their order."""
    return [found for found in _known if found.module == module]


def named(name):
    """One attack by its name; its module must have been imported."""
    return next(found for found in _known if found.name == name)


def call(name, *words, reached=()):
    """A system call by its number; with one of the errors ``reached`` it was let through as far as it could go."""
    number = NUMBERS[name][platform.machine() == "aarch64"] if isinstance(name, str) else name
    said = _libc.syscall(*[ctypes.c_long(word) if isinstance(word, int) else word for word in (number, *words)])
    error = ctypes.get_errno()
    if said < 0 and error not in reached:
        raise OSError(error, os.strerror(error), str(name))
    return said


def make(tried):
    """Makes one attack in a child and prints ``ATTEMPT {"name": .., "end": "open"|"blocked"|"broken", "how": ..}``."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        _in_child(tried.function, writer)
    os.close(writer)
    how, until = b"", time.monotonic() + SECONDS
    while not how.endswith(b"\n") and select.select([reader], [], [], max(0.0, until - time.monotonic()))[0]:
        chunk = os.read(reader, 4096)
        how += chunk or b"\n"
    os.close(reader)
    if not how:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        end, how = ("blocked" if how else "broken"), how + b"signal %d" % os.WTERMSIG(status)
    else:
        end = {0: "open", HINDERED: "blocked"}.get(os.WEXITSTATUS(status), "broken")
    line = {"name": tried.name, "end": end, "how": how.decode(errors="replace").strip()}
    os.write(1, f"{MARK}{json.dumps(line)}\n".encode())


def _in_child(function, writer):
    status = BROKEN
    try:
        said = function()
        os.write(writer, repr(said).encode()[:200] + b"\n")
        status = 0
    except (OSError, AssertionError) as error:
        os.write(writer, f"{type(error).__name__}: {error}\n".encode()[:400])
        status = HINDERED
    except BaseException as error:  # noqa: BLE001 - whatever it is, the attack is at fault and the test must hear it
        os.write(writer, f"{type(error).__name__}: {error}\n".encode()[:400])
    finally:
        os._exit(status)
