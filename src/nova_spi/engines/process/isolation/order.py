"""What a run's isolation is made of, as it travels to the launcher inside its request.

The launcher imports this before every isolated run, so it imports nothing.
"""

_NUMBERS = ("user", "inside", "processes", "memory")
_TEXTS = ("level", "network", "base", "root")
_LISTS = ("system", "links", "readable", "writable", "devices", "sources", "targets", "made")

USER_INSIDE = 1000
"""The user and the group that a model is, where no image says another."""


class Isolation:
    """What one run sees and may do.

    Attributes:
        level: ``sandbox`` or ``landlock``.
        network: ``none``, or else the network of the machine.
        base: Where the work folder is to be seen a second time; empty: nowhere.
        root: The root of an image, which is then the program's; empty: the root is put together from the lists.
        user: The user to change to before everything else, where root starts the run.
        inside: The user that the program is in its own namespace.
        processes: The most processes and threads, at level ``sandbox``.
        memory: Bytes that each of ``/tmp`` and ``/dev/shm`` may hold, at level ``sandbox``.
        system: Folders and files of the machine, read-only, with the rights that they have.
        links: Symbolic links of the machine that are made anew.
        readable: Folders and files of the model, read-only.
        writable: Its folders that it may write; in an image, by the names that it sees.
        devices: Device files that it may use.
        sources: In an image: what of this machine is put into it, from the root on down.
        targets: Where each of these is put, without links on the way. The first letter says how: ``w`` writable, ``r``
            read-only, ``m`` read-only and with the owners that it has on this machine.
        made: The targets that lie in a folder that is empty at the start, so that they are made there.
    """

    __slots__ = (*_NUMBERS, *_TEXTS, *_LISTS)

    def __init__(self, level: bytes) -> None:
        self.level = level
        self.network = b"none"
        self.base = b""
        self.root = b""
        self.user = 0
        self.inside = USER_INSIDE
        self.processes = 0
        self.memory = 0
        self.system: list[bytes] = []
        self.links: list[bytes] = []
        self.readable: list[bytes] = []
        self.writable: list[bytes] = []
        self.devices: list[bytes] = []
        self.sources: list[bytes] = []
        self.targets: list[bytes] = []
        self.made: list[bytes] = []

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
