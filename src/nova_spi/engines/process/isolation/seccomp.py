"""The filter of system calls, assembled here as the kernel's virtual machine takes it (``seccomp(2)``, ``bpf``).

It forbids what a model does not need and an attack on the kernel or on other processes does; everything else works.
``clone3`` answers ENOSYS, since its flags lie where a filter cannot look; libraries then take ``clone``. No file can be
made set-uid: where root starts a run, the model's files are root's.
"""

import struct

from .system import MACHINES, address, call, machine

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_AT, _SECOND_AT, _THIRD_AT, _FOURTH_AT = 0, 4, 16, 24, 32, 40
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
_ARCHITECTURES = (0xC000003E, 0xC00000B7)
_X32 = 0x40000000
_NAMESPACES = 0x7E020000  # every CLONE_NEW* that clone(2) takes
_SET_ID = 0o6000  # a file that runs with its owner's rights: root's, where root started the run
_MAKES = 0x400040  # O_CREAT, __O_TMPFILE
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2

UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
"""The families of addresses that may be allowed."""

CLONE, SOCKET, IOCTL = (56, 220), (41, 198), (16, 29)
NOT_THERE = {"clone3": (435, 435), "openat2": (437, 437)}
"""Calls that answer ENOSYS, since what they ask for lies where a filter cannot look."""
_MODES = {
    "fchmod": ((91, _SECOND_AT), (52, _SECOND_AT)),
    "fchmodat": ((268, _THIRD_AT), (53, _THIRD_AT)),
    "fchmodat2": ((452, _THIRD_AT), (452, _THIRD_AT)),
    "mknodat": ((259, _THIRD_AT), (33, _THIRD_AT)),
}
_MODES_X86 = {"chmod": (90, _SECOND_AT), "creat": (85, _SECOND_AT), "mknod": (133, _SECOND_AT)}
_OPENING = (((257, _THIRD_AT, _FOURTH_AT), (2, _SECOND_AT, _THIRD_AT)), ((56, _THIRD_AT, _FOURTH_AT),))
"""``openat`` and ``open``: their number, where their flags are and where the mode of a new file is."""
FORBIDDEN = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "unshare": (272, 97),
    "setns": (308, 268),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "personality": (135, 92),
}
"""Calls that answer EPERM: their numbers on x86-64 and on arm64, from the kernel's headers."""
_X86_ONLY = {"iopl": 172, "ioperm": 173, "modify_ldt": 154}


def assemble(families: "tuple[int, ...]", machine_name: str) -> bytes:
    """The filter's program.

    Args:
        families: Of addresses, that sockets may be made for. A pair of connected sockets is always allowed.
        machine_name: One of `MACHINES`.
    """
    column = MACHINES[machine_name]
    program = [_step(_LOAD, _ARCHITECTURE_AT), _step(_EQUAL, _ARCHITECTURES[column], 1, 0), _step(_RETURN, _KILL)]
    program.append(_step(_LOAD, _NUMBER_AT))
    if column == 0:
        program += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _ERRNO | _EPERM)]
    for missing in NOT_THERE.values():
        program += _answer(missing[column], _ENOSYS)
    namespaces = [_step(_ANY_BIT, _NAMESPACES, 0, 1), _step(_RETURN, _ERRNO | _EPERM), _step(_RETURN, _ALLOW)]
    program += _argument(CLONE[column], _FIRST_AT, namespaces)
    program += _set_id(column)
    program += _argument(SOCKET[column], _FIRST_AT, _only(families))
    program += _argument(IOCTL[column], _SECOND_AT, _except(_TERMINAL_INPUT))
    numbers = [numbers[column] for numbers in FORBIDDEN.values()]
    for number in [*numbers, *(_X86_ONLY.values() if column == 0 else ())]:
        program += _answer(number, _EPERM)
    program.append(_step(_RETURN, _ALLOW))
    return b"".join(program)


def apply(families: "tuple[int, ...]") -> None:
    """Puts the filter over this process and all that it will start. Nothing takes it away again.

    Raises:
        OSError: The kernel has no such filters.
    """
    program = assemble(families, machine())
    header = struct.pack("HxxxxxxQ", len(program) // 8, address(program))
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    call("prctl", _PR_SET_SECCOMP, _MODE_FILTER, header)


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("<HBBI", code, then, otherwise, value)


def _answer(number: int, error: int) -> "list[bytes]":
    return [_step(_EQUAL, number, 0, 1), _step(_RETURN, _ERRNO | error)]


def _argument(number: int, at: int, steps: "list[bytes]") -> "list[bytes]":
    """For one call: loads an argument's lower half and runs ``steps``, which must return."""
    return [_step(_EQUAL, number, 0, len(steps) + 1), _step(_LOAD, at), *steps]


def _set_id(column: int) -> "list[bytes]":
    refuse = [_step(_ANY_BIT, _SET_ID, 0, 1), _step(_RETURN, _ERRNO | _EPERM), _step(_RETURN, _ALLOW)]
    calls = [places[column] for places in _MODES.values()] + (list(_MODES_X86.values()) if column == 0 else [])
    program = [step for number, at in calls for step in _argument(number, at, refuse)]
    for number, flags_at, mode_at in _OPENING[column]:
        makes = [_step(_ANY_BIT, _MAKES, 1, 0), _step(_RETURN, _ALLOW), _step(_LOAD, mode_at)]
        program += _argument(number, flags_at, makes + refuse)
    return program


def _only(values: "tuple[int, ...]") -> "list[bytes]":
    steps = [_step(_EQUAL, value, len(values) - place, 0) for place, value in enumerate(values)]
    return [*steps, _step(_RETURN, _ERRNO | _EAFNOSUPPORT), _step(_RETURN, _ALLOW)]


def _except(values: "tuple[int, ...]") -> "list[bytes]":
    steps = [_step(_EQUAL, value, len(values) - place, 0) for place, value in enumerate(values)]
    return [*steps, _step(_RETURN, _ALLOW), _step(_RETURN, _ERRNO | _EPERM)]
