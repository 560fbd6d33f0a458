"""What a run's isolation is made of, as it travels to the launcher inside its request.

The launcher imports this before every isolated run, so it imports nothing.
"""

_NUMBERS = ("user", "processes", "memory")
_TEXTS = ("level", "network", "base")
_LISTS = ("system", "links", "readable", "writable", "devices")


class Isolation:
    """What one run sees and may do.

    Attributes:
        level: ``sandbox`` or ``landlock``.
        network: ``none``, or else the network of the machine.
        base: Where the work folder is to be seen a second time; empty: nowhere.
        user: The user to change to before everything else, where root starts the run.
        processes: The most processes and threads, at level ``sandbox``.
        memory: Bytes that each of ``/tmp`` and ``/dev/shm`` may hold, at level ``sandbox``.
        system: Folders and files of the machine, read-only, with the rights that they have.
        links: Symbolic links of the machine that are made anew.
        readable: Folders and files of the model, read-only.
        writable: Its folders that it may write.
        devices: Device files that it may use.
    """

    __slots__ = (*_NUMBERS, *_TEXTS, *_LISTS)

    def __init__(self, level: bytes) -> None:
        self.level = level
        self.network = b"none"
        self.base = b""
        self.user = 0
        self.processes = 0
        self.memory = 0
        self.system: list[bytes] = []
        self.links: list[bytes] = []
        self.readable: list[bytes] = []
        self.writable: list[bytes] = []
        self.devices: list[bytes] = []

    def encode(self) -> list[bytes]:
        """One word for each value, ``NAME=VALUE``."""
        words = [b"%s=%s" % (name.encode(), getattr(self, name)) for name in _TEXTS]
        words += [b"%s=%d" % (name.encode(), getattr(self, name)) for name in _NUMBERS]
        return words + [b"%s=%s" % (name.encode(), value) for name in _LISTS for value in getattr(self, name)]

    @classmethod
    def decode(cls, words: list[bytes]) -> "Isolation":
        """Reads what `encode` wrote."""
        found = cls(b"")
        for word in words:
            key, _, value = word.partition(b"=")
            name = key.decode()
            if name in _LISTS:
                getattr(found, name).append(value)
            else:
                setattr(found, name, int(value) if name in _NUMBERS else value)
        return found
