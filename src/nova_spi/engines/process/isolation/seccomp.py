"""The filter of system calls, assembled here as the kernel's virtual machine takes it (``seccomp(2)``, ``bpf``).

It forbids what a model does not need and an attack on the kernel or on other processes does; everything else works.
``clone3`` answers ENOSYS, since its flags lie where a filter cannot look; libraries then take ``clone``. No file can be
made set-uid: where root starts a run, the model's files are root's.

Its tables are those of containers too: `nova_spi.engines.docker.seccomp`.

Outside a sandbox a program shares process ids and System V objects with the whole machine, so more is forbidden there:
what changes the limits, the priority and the memory of another process is no signal, and Landlock does not know it.
"""

import struct

from .system import MACHINES, address, call, machine

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, FIRST_AT, _SECOND_AT, _THIRD_AT, _FOURTH_AT = 0, 4, 16, 24, 32, 40
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS, _ESOCKTNOSUPPORT, EAFNOSUPPORT = 1, 38, 94, 97
_IGNORED = 0  # the call answers that it has done what it was asked, and has done nothing
_ARCHITECTURES = (0xC000003E, 0xC00000B7)
_X32 = 0x40000000
NAMESPACES = 0x7E020000  # every CLONE_NEW* that clone(2) takes
SET_ID = 0o6000  # a file that runs with its owner's rights: root's, where root started the run
MAKES = 0x400040  # O_CREAT, __O_TMPFILE
_DATAGRAMS = 2  # the bit that SOCK_DGRAM and SOCK_RAW have, and SOCK_STREAM and SOCK_SEQPACKET have not
_EVERY_BIT = 0xFFFFFFFF
_SOME_USER = 0xFFFFFFFE  # PRIO_USER, and not PRIO_PROCESS nor PRIO_PGRP
_UNKNOWN_FROM = 470
"""The first number after those of Linux 6.18: what a newer kernel adds is not there until somebody has looked at it."""
TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2

UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
"""The families of addresses that may be allowed."""

CLONE, SOCKET, SOCKET_PAIR, IOCTL = (56, 220), (41, 198), (53, 199), (16, 29)
NOT_THERE = {"clone3": (435, 435), "openat2": (437, 437)}
"""Calls that answer ENOSYS, since what they ask for lies where a filter cannot look."""
MODES = {
    "fchmod": ((91, _SECOND_AT), (52, _SECOND_AT)),
    "fchmodat": ((268, _THIRD_AT), (53, _THIRD_AT)),
    "fchmodat2": ((452, _THIRD_AT), (452, _THIRD_AT)),
    "mknodat": ((259, _THIRD_AT), (33, _THIRD_AT)),
}
"""Calls that give a file its mode: their number and where the mode is, on x86-64 and on arm64."""
MODES_X86 = {"chmod": (90, _SECOND_AT), "creat": (85, _SECOND_AT), "mknod": (133, _SECOND_AT)}
OPENING = (
    {"openat": (257, _THIRD_AT, _FOURTH_AT), "open": (2, _SECOND_AT, _THIRD_AT)},
    {"openat": (56, _THIRD_AT, _FOURTH_AT)},
)
"""For each machine the calls that open files: number, where their flags are and where the mode of a new file is."""
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
    "open_tree_attr": (467, 467),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "quotactl_fd": (443, 443),
    "fanotify_init": (300, 262),
    "lookup_dcookie": (212, 18),
}
"""Calls that answer EPERM: their numbers on x86-64 and on arm64, from the kernel's headers."""
FORBIDDEN_OUTSIDE = {
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "ioprio_set": (251, 30),
}
"""The same, where a program is in no sandbox."""
OF_ITSELF = {
    "prlimit64": (302, 261),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
}
"""Outside a sandbox a program calls these for itself alone: the process id, their first argument, is 0."""
PRIORITY, CORES = (141, 140), (203, 122)
X86_ONLY = {"iopl": 172, "ioperm": 173, "modify_ldt": 154}
"""As `FORBIDDEN`, where arm64 has no such call."""


def assemble(families: "tuple[int, ...]", machine_name: str, *, outside: bool = False) -> bytes:
    """The filter's program.

    Args:
        families: Of addresses, that sockets may be made for. A pair of connected sockets is always allowed; without
            `UNIX` none of datagrams, since each of those can send to any address.
        machine_name: One of `MACHINES`.
        outside: The program shares process ids and System V objects with others: it is in no sandbox.
    """
    column = MACHINES[machine_name]
    program = [_step(_LOAD, _ARCHITECTURE_AT), _step(_EQUAL, _ARCHITECTURES[column], 1, 0), _step(_RETURN, _KILL)]
    program.append(_step(_LOAD, _NUMBER_AT))
    if column == 0:
        program += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _ERRNO | EPERM)]
    program += [_step(_AT_LEAST, _UNKNOWN_FROM, 0, 1), _step(_RETURN, _ERRNO | ENOSYS)]
    for missing in NOT_THERE.values():
        program += _answer(missing[column], ENOSYS)
    program += _argument(CLONE[column], FIRST_AT, _without(NAMESPACES))
    program += _set_id(column)
    program += _argument(SOCKET[column], FIRST_AT, _only(families))
    program += _argument(SOCKET_PAIR[column], FIRST_AT, _pair(datagrams=UNIX in families))
    program += _argument(IOCTL[column], _SECOND_AT, _except(TERMINAL_INPUT))
    if outside:
        program += _of_itself(column)
    forbidden = FORBIDDEN | FORBIDDEN_OUTSIDE if outside else FORBIDDEN
    numbers = [numbers[column] for numbers in forbidden.values()]
    for number in [*numbers, *(X86_ONLY.values() if column == 0 else ())]:
        program += _answer(number, EPERM)
    program.append(_step(_RETURN, _ALLOW))
    return b"".join(program)


def apply(families: "tuple[int, ...]", *, outside: bool = False) -> None:
    """Puts the filter over this process and all that it will start. Nothing takes it away again.

    Args:
        families: As of `assemble`.
        outside: As of `assemble`.

    Raises:
        OSError: The kernel has no such filters.
    """
    program = assemble(families, machine(), outside=outside)
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


def _without(bits: int, error: int = EPERM) -> "list[bytes]":
    """Allows the call where the argument has none of the bits."""
    return [_step(_ANY_BIT, bits, 0, 1), _step(_RETURN, _ERRNO | error), _step(_RETURN, _ALLOW)]


def _pair(*, datagrams: bool) -> "list[bytes]":
    family = [_step(_EQUAL, UNIX, 1, 0), _step(_RETURN, _ERRNO | EAFNOSUPPORT)]
    return (
        [*family, _step(_RETURN, _ALLOW)]
        if datagrams
        else [
            *family,
            _step(_LOAD, _SECOND_AT),
            *_without(_DATAGRAMS, _ESOCKTNOSUPPORT),
        ]
    )


def _of_itself(column: int) -> "list[bytes]":
    """Calls that would reach other processes. Which cores another one uses is ignored: libraries ask for threads."""
    program = [step for numbers in OF_ITSELF.values() for step in _argument(numbers[column], FIRST_AT, _nobody())]
    whose = [_step(_ANY_BIT, _SOME_USER, 0, 1), _step(_RETURN, _ERRNO | EPERM), _step(_LOAD, _SECOND_AT), *_nobody()]
    program += _argument(PRIORITY[column], FIRST_AT, whose)
    return program + _argument(CORES[column], FIRST_AT, _without(_EVERY_BIT, _IGNORED))


def _nobody() -> "list[bytes]":
    return _without(_EVERY_BIT)


def _set_id(column: int) -> "list[bytes]":
    refuse = _without(SET_ID)
    calls = [places[column] for places in MODES.values()] + (list(MODES_X86.values()) if column == 0 else [])
    program = [step for number, at in calls for step in _argument(number, at, refuse)]
    for number, flags_at, mode_at in OPENING[column].values():
        makes = [_step(_ANY_BIT, MAKES, 1, 0), _step(_RETURN, _ALLOW), _step(_LOAD, mode_at)]
        program += _argument(number, flags_at, makes + refuse)
    return program


def _only(values: "tuple[int, ...]") -> "list[bytes]":
    steps = [_step(_EQUAL, value, len(values) - place, 0) for place, value in enumerate(values)]
    return [*steps, _step(_RETURN, _ERRNO | EAFNOSUPPORT), _step(_RETURN, _ALLOW)]


def _except(values: "tuple[int, ...]") -> "list[bytes]":
    steps = [_step(_EQUAL, value, len(values) - place, 0) for place, value in enumerate(values)]
    return [*steps, _step(_RETURN, _ALLOW), _step(_RETURN, _ERRNO | EPERM)]
