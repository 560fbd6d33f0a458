"""Compiles modules. Runs inside an image, by its Python, with nothing but the standard library; 3.9 and later.

    python -I -S program.py TAG     beside it: names (NUL-separated), sources/N; writes ../out/N

Each module is compiled in a child of its own, all of them children of one process that knows nothing of the modules.
So what comes out depends on the Python and on the one source alone: marshal's output depends on how many references an
object has, and so on all that the same process compiled before.
"""

import gc
import importlib.util
import marshal
import os
import sys
from types import CodeType

DONE, NO_MODULE, FAILED = 0, 3, 4
MOST_AT_ONCE = 8
_SEGMENTATION_FAULT = 11
_UNCHECKED_HASH = (1).to_bytes(4, "little")
"""Flags of PEP 552: Python takes the bytecode without a look at its source."""

_SORTED_SETS = (3, 11)
"""From here on marshal writes the elements of a set in an order that does not depend on their hashes."""


def start() -> None:
    """Starts again with an environment of nothing but what fixes the hashes of strings."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    argv = [sys.executable, "-B", "-S", "-s", "-W", "ignore", os.path.abspath(__file__), sys.argv[1]]  # noqa: PTH100  # pathlib would be compiled for this first
    os.execve(sys.executable, argv, dict(kept, PYTHONHASHSEED="0"))  # noqa: S606  # this Python itself


def main() -> int:
    """Compiles everything; the status is 0 where each module is compiled, or is none."""
    if sys.implementation.name != "cpython" or sys.implementation.cache_tag != sys.argv[1]:
        sys.stderr.write(f"It is {sys.version}, whose bytecode is called {sys.implementation.cache_tag}.\n")
        return FAILED
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  # as above
    with open(here + "/names", encoding="utf-8") as stream:  # noqa: PTH123  # as above
        names = [name for name in stream.read().split("\0") if name]
    gc.disable()
    most = min(len(os.sched_getaffinity(0)), MOST_AT_ONCE)
    running: set[int] = set()
    for number, name in enumerate(names):
        if len(running) >= most and not _ended(running):
            return FAILED
        child = os.fork()
        if child == 0:
            os._exit(_compile(here, number, name))
        running.add(child)
    return DONE if all(_ended(running) for _ in range(len(running))) else FAILED


def _ended(running: set[int]) -> bool:
    """Waits for a child; false where the machine failed it, and not its module."""
    child, status = os.wait()
    running.discard(child)
    return status in (DONE, NO_MODULE << 8, _SEGMENTATION_FAULT, _SEGMENTATION_FAULT | 0x80)


def _compile(here: str, number: int, name: str) -> int:
    try:
        with open(f"{here}/sources/{number}", "rb") as stream:  # noqa: PTH123  # as above
            source = stream.read()
        code = compile(source, name, "exec", dont_inherit=True)
        if sys.version_info < _SORTED_SETS and _holds_unsorted_set([code]):
            return NO_MODULE
        header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
        place = f"{here}/../out/{number}"
        with open(place + ".part", "wb") as stream:  # noqa: PTH123  # as above
            stream.write(header + marshal.dumps(code))
        os.rename(place + ".part", place)  # noqa: PTH104  # as above
    except (SyntaxError, ValueError, RecursionError, OverflowError):
        return NO_MODULE
    except BaseException as error:  # noqa: BLE001  # whatever it is: a child that is not the parent must end here
        os.write(2, f"{name}: {error!r}\n"[:500].encode("utf-8", "replace"))
        return FAILED
    return DONE


def _holds_unsorted_set(codes: list[CodeType]) -> bool:
    """Whether a set has an element whose hash is its address, as that of None was: its place is another every time."""
    while codes:
        for constant in codes.pop().co_consts:
            if isinstance(constant, CodeType):
                codes.append(constant)
            elif isinstance(constant, frozenset) and (None in constant or Ellipsis in constant):
                return True
    return False


if __name__ == "__main__":
    if sys.flags.isolated:
        start()
    sys.exit(main())
