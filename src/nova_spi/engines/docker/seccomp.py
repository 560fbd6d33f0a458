"""The filter of system calls that every container gets: Docker's JSON, made of the tables of the process engine.

The engines' own profiles leave open what no model needs: sockets to the hypervisor, tracing, programs of 32 bits,
set-uid files, typing into a terminal; Docker 20.10 ``io_uring``, Podman user namespaces and keyrings. Ours lets through
what is listed and nothing else. What we forbid answers EPERM; what is not listed answers ENOSYS (EPERM before Docker
22), as a kernel does that does not have it, so that libraries take an older call.

Two rules of libseccomp shape it: one call has one condition on each argument in a rule; and rules for one call are
alternatives, without an order that one could count on. So no two rules of ours with different answers ever hold
at once. Formats: ``profiles/seccomp`` of Docker's sources, "Seccomp" of the OCI runtime specification.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from nova_spi.engines.docker.system_calls import ALLOWED, TRACING
from nova_spi.engines.process.isolation import seccomp as process

_WORD = 0xFFFF_FFFF
_BITS = 32
_ARCHITECTURES = ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64")

_NETLINK_PROTOCOLS = (("LT", 9), ("EQ", 15), ("EQ", 16))
"""All that are in use but NETLINK_AUDIT, which Podman's own profile forbids too."""

Rule = dict[str, Any]


@cache
def profile(*, tracing: bool = False) -> str:
    """The whole profile, for ``seccomp=`` of Docker's ``SecurityOpt`` and for a file that Podman reads.

    Args:
        tracing: Debuggers work: for a container that somebody develops in.
    """
    allowed = [name for names in ALLOWED.values() for name in names.split()]
    forbidden = [*process.FORBIDDEN, *process.X86_ONLY]
    if tracing:
        allowed += TRACING
        forbidden = [name for name in forbidden if name not in TRACING]
    document = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": process.ENOSYS,
        # Without those of 32 bits beside them: such a call ends its program.
        "archMap": [{"architecture": each, "subArchitectures": []} for each in _ARCHITECTURES],
        "syscalls": [
            _allow(allowed),
            _refuse(forbidden),
            _refuse(list(process.NOT_THERE), error=process.ENOSYS),
            *_clone(),
            *_modes(),
            *_sockets(),
            *_ioctl(),
        ],
    }
    return json.dumps(document, separators=(",", ":"))


@contextmanager
def lying_in(folder: Path, text: str) -> Iterator[Path]:
    """A profile as a file, for as long as Podman needs it to make a container.

    Args:
        folder: A run's own: wherever the engine can mount from, it can read this.
        text: Of `profile`.
    """
    descriptor, name = tempfile.mkstemp(prefix=".seccomp-", suffix=".json", dir=folder)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _clone() -> list[Rule]:
    return [_allow(["clone"], _masked(0, process.NAMESPACES)), *_each_bit(["clone"], 0, process.NAMESPACES)]


def _modes() -> list[Rule]:
    """No file is made set-uid, nor set-gid."""
    by_place: dict[int, list[str]] = {}
    for name, places in process.MODES.items():
        by_place.setdefault(_index(places[0][1]), []).append(name)
    for name, (_, at) in process.MODES_X86.items():
        by_place.setdefault(_index(at), []).append(name)
    found: list[Rule] = []
    for place, names in by_place.items():
        found += [_allow(names, _masked(place, process.SET_ID)), *_each_bit(names, place, process.SET_ID)]
    for name, (_, flags_at, mode_at) in process.OPENING[0].items():
        found.append(_allow([name], _masked(_index(flags_at), process.MAKES)))
        found.append(_allow([name], _masked(_index(mode_at), process.SET_ID)))
    return found


def _sockets() -> list[Rule]:
    """Of a container's own network namespace, which AF_VSOCK, for one, knows nothing of."""
    found = [_allow(["socket"], _condition(0, "EQ", family)) for family in (process.UNIX, process.INET, process.INET6)]
    netlink = _condition(0, "EQ", process.NETLINK)
    found += [_allow(["socket"], netlink, _condition(2, how, protocol)) for how, protocol in _NETLINK_PROTOCOLS]
    found.append(_allow(["socketpair"], _condition(0, "EQ", process.UNIX)))
    above = _condition(0, "GT", process.NETLINK)  # what libraries try; the few below it answer as what is not listed
    return [*found, _refuse(["socket", "socketpair"], above, error=process.EAFNOSUPPORT)]


def _ioctl() -> list[Rule]:
    """All but typing into a terminal. The kernel looks at the lower half of the number alone, and so do we."""
    found = [_refuse(["ioctl"], _masked(1, _WORD, value)) for value in process.TERMINAL_INPUT]
    return found + [_allow(["ioctl"], _masked(1, mask, value)) for mask, value in _others(process.TERMINAL_INPUT)]


def _others(values: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Every word of 32 bits but these, each once: as masks and what is left of a word under them."""
    for bit in reversed(range(_BITS)):
        heads = {value >> bit for value in values}
        for head in sorted(heads):
            if head ^ 1 not in heads:
                yield _WORD >> bit << bit, (head ^ 1) << bit


def _each_bit(names: list[str], place: int, bits: int) -> list[Rule]:
    single = [1 << bit for bit in range(_BITS) if bits >> bit & 1]
    return [_refuse(names, _masked(place, bit, bit)) for bit in single]


def _index(at: int) -> int:
    """An argument by where it lies in the kernel's ``seccomp_data``."""
    return (at - process.FIRST_AT) // 8


def _masked(place: int, mask: int, value: int = 0) -> Rule:
    found = _condition(place, "MASKED_EQ", mask)
    return found | {"valueTwo": value} if value else found


def _condition(place: int, how: str, value: int) -> Rule:
    return {"index": place, "value": value, "op": f"SCMP_CMP_{how}"}


def _allow(names: list[str], *conditions: Rule) -> Rule:
    return {"names": names, "action": "SCMP_ACT_ALLOW"} | ({"args": list(conditions)} if conditions else {})


def _refuse(names: list[str], *conditions: Rule, error: int = process.EPERM) -> Rule:
    return _allow(names, *conditions) | {"action": "SCMP_ACT_ERRNO", "errnoRet": error}
