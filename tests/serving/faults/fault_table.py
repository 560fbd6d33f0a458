"""What the caller of each fault gets, and who answers the next call. At every place the same, but where it is said."""

from dataclasses import dataclass

SAME, NEW = "the same worker", "a new worker"


@dataclass(frozen=True)
class Expected:
    """What a fault comes to.

    Attributes:
        code: The error's; None where the call is answered.
        words: In its message.
        next: Who answers the next call.
        last: What health says of the end of the worker, where there is a new one: a code and words.
    """

    code: str | None
    words: str
    next: str
    last: tuple[str, str] = ("worker.crashed", "")


LATE = "The deadline of 0.3 seconds passed"
STUBBORN = ("worker.crashed", "did not come back")
LEFT_ALONE = ("worker.crashed", "status 1 while it had no call")
OUT_OF_MEMORY = ("worker.out_of_memory", "used more memory than its 209715200 bytes")
OUT_OF_DISK = ("worker.out_of_disk", "wrote more than its disk")

FAULTS = {
    "raise": Expected("model.error", "ValueError: no", SAME),
    "raise BaseException": Expected("model.error", "Odd: odd", SAME),
    "sys.exit": Expected("model.error", "sys.exit(3)", SAME),
    "recursion": Expected("model.error", "RecursionError", SAME),
    "close its output": Expected("model.error", "Bad file descriptor", SAME),
    "daemon, raise": Expected("model.error", "and a daemon", SAME),
    "os._exit": Expected("worker.crashed", "status 3 before it had answered", NEW, ("worker.crashed", "status 3")),
    "forked children, exit": Expected("worker.crashed", "status 4", NEW, ("worker.crashed", "status 4")),
    "daemon, exit": Expected("worker.crashed", "status 5", NEW, ("worker.crashed", "status 5")),
    "exit while idle": Expected(None, "", NEW, ("worker.crashed", "status 7 while it had no call")),
    "segfault": Expected("worker.crashed", "SIGSEGV", NEW, ("worker.crashed", "SIGSEGV")),
    "recursion in C": Expected("worker.crashed", "SIGSEGV", NEW, ("worker.crashed", "SIGSEGV")),
    "out of memory": Expected(*OUT_OF_MEMORY, NEW, OUT_OF_MEMORY),
    "out of memory in a child": Expected(*OUT_OF_MEMORY, NEW, OUT_OF_MEMORY),
    "disk, many files": Expected(*OUT_OF_DISK, NEW, OUT_OF_DISK),
    "sleep": Expected("run.timeout", LATE, SAME),
    "flood": Expected("run.timeout", LATE, SAME),
    "deadlock": Expected("run.timeout", LATE, SAME),
    "endless C call": Expected("run.timeout", LATE, NEW, STUBBORN),
    "ignore SIGTERM": Expected("run.timeout", LATE, NEW, STUBBORN),
    "forked children, hang": Expected("run.timeout", LATE, NEW, LEFT_ALONE),
    "fork bomb": Expected("run.timeout", LATE, NEW, ("worker.crashed", "")),
}
"""By the name that the model knows them by."""
EITHER = {
    "disk, one file": (
        Expected("model.error", "File too large", NEW, ("", "")),
        Expected(*OUT_OF_DISK, NEW, OUT_OF_DISK),
    ),
}
"""Those of which the kernel and the watchdog see the one or the other first."""
