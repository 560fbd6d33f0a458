"""What to start, as it travels from nova-spi to the launcher through the control pipe.

The launcher imports this before every run, so it imports nothing.
"""


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
    """

    __slots__ = ("argv", "isolation", "limits", "parent", "program", "variables", "work_dir")

    def __init__(
        self,
        parent: int,
        program: bytes,
        work_dir: bytes,
        argv: list[bytes],
        limits: list[bytes],
        variables: list[bytes],
        isolation: "list[bytes] | None" = None,
    ) -> None:
        self.parent = parent
        self.program = program
        self.work_dir = work_dir
        self.argv = argv
        self.limits = limits
        self.variables = variables
        self.isolation = isolation or []

    def encode(self) -> bytes:
        """The request as it goes through the control pipe.

        Raises:
            ValueError: An argument or a variable holds a NUL, which no program can be given.
        """
        words = [b"%d" % self.parent, self.program, self.work_dir]
        for several in (self.argv, self.limits, self.isolation):
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
        limits_at = 4 + int(words[3])
        isolation_at = limits_at + 1 + int(words[limits_at])
        variables_at = isolation_at + 1 + int(words[isolation_at])
        return cls(
            int(words[0]),
            words[1],
            words[2],
            words[4:limits_at],
            words[limits_at + 1 : isolation_at],
            words[variables_at:],
            words[isolation_at + 1 : variables_at],
        )
