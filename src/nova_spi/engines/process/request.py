"""What to start, as it travels from nova-spi to the launcher through the control pipe.

The launcher imports this before every run, so it imports nothing.
"""

CHANNEL = 3
"""The number that a program finds its channel by; `nova_spi.engines.port.CHANNEL`."""


class Request:
    """What to start. Everything is bytes, as the kernel takes it, and travels joined by NUL.

    Attributes:
        parent: The process id of nova-spi.
        program: The absolute path to execute.
        work_dir: The program's current folder.
        argv: Its arguments, with its name.
        limits: ``RLIMIT_NAME=VALUE``, set soft and hard.
        variables: ``NAME=VALUE``, its whole environment.
        isolation: The words of an `isolation.order.Isolation`; none at level ``process``.
        groups: The control groups that the program is put into, as `cgroups.joining` takes them.
        channel: The descriptor that the launcher has inherited for the program; 0 without one.
    """

    __slots__ = ("argv", "channel", "groups", "isolation", "limits", "parent", "program", "variables", "work_dir")

    def __init__(
        self,
        parent: int,
        program: bytes,
        work_dir: bytes,
        argv: list[bytes],
        limits: list[bytes],
        variables: list[bytes],
        isolation: "list[bytes] | None" = None,
        groups: "list[bytes] | None" = None,
        channel: int = 0,
    ) -> None:
        self.parent = parent
        self.program = program
        self.work_dir = work_dir
        self.argv = argv
        self.limits = limits
        self.variables = variables
        self.isolation = isolation or []
        self.groups = groups or []
        self.channel = channel

    def encode(self) -> bytes:
        """The request as it goes through the control pipe.

        Raises:
            ValueError: An argument or a variable holds a NUL, which no program can be given.
        """
        words = [b"%d" % self.parent, b"%d" % self.channel, self.program, self.work_dir]
        for several in (self.argv, self.limits, self.isolation, self.groups):
            words += [b"%d" % len(several), *several]
        words += self.variables
        payload = b"\0".join(words)
        if payload.count(b"\0") != len(words) - 1:
            raise ValueError("an argument or a variable holds a NUL byte")
        return b"%08d" % len(payload) + payload

    @classmethod
    def decode(cls, payload: bytes) -> "Request":
        """Reads what `encode` wrote after its eight digits."""
        words = payload.split(b"\0")
        at, several = 4, []
        for _ in range(4):
            end = at + 1 + int(words[at])
            several.append(words[at + 1 : end])
            at = end
        argv, limits, isolation, groups = several
        return cls(int(words[0]), words[2], words[3], argv, limits, words[at:], isolation, groups, int(words[1]))
