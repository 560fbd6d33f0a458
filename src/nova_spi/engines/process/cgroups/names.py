"""How a run's group is called, so that anybody can tell later whether its owner still lives.

``nova-spi-NAMESPACE-PID-START-NUMBER``: the process namespace, the id and the start of the nova-spi that made it (field
22 of ``/proc/PID/stat``, which tells a process from a later one of the same id), and a number of its own.
"""

import itertools
import os
import re
from functools import cache

from nova_spi.engines.process.cgroups.joining import read

_NAME = re.compile(r"nova-spi-([0-9]{1,20})-([0-9]{1,10})-([0-9]{1,20})-[0-9]{1,20}", re.ASCII)
_numbers = itertools.count()


def fresh() -> str:
    """A name that nobody has."""
    return f"nova-spi-{_namespace()}-{os.getpid()}-{_start(os.getpid())}-{next(_numbers)}"


def abandoned(name: str) -> bool:
    """True for a group whose owner was in our process namespace and is gone."""
    found = _NAME.fullmatch(name)
    if found is None or int(found[1]) != _namespace() or not _start(os.getpid()):
        return False
    return _start(int(found[2])) != int(found[3])


@cache
def _namespace() -> int:
    try:
        return os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - one number of the kernel's
    except OSError:
        return 0


def _start(pid: int) -> int:
    """When a process began, in ticks since the machine's start; 0 where it has ended."""
    words = read(b"/proc/%d/stat" % pid).rpartition(b")")[2].split()
    return int(words[19]) if len(words) > 19 and words[0] not in b"ZX" else 0
