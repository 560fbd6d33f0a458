"""The filter as a program: run by a small machine of the test's own, for both architectures; its numbers by headers."""

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.engines.process.isolation import seccomp
from nova_spi.engines.process.isolation.system import NUMBERS

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
HEADERS = {
    "x86_64": ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"),
    "aarch64": ("/usr/include/asm-generic/unistd.h",),
}
ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS, EAFNOSUPPORT, ESOCKTNOSUPPORT, IGNORED = 0x50001, 0x50000 | 38, 0x50000 | 97, 0x50000 | 94, 0x50000
COLUMN = {name: column for column, name in enumerate(ARCHITECTURES)}
BOTH = pytest.mark.parametrize("machine", ARCHITECTURES)


def answer(machine, number, *arguments, architecture=None, families=(seccomp.UNIX,), outside=False):
    """What the filter says to one call."""
    program = list(struct.iter_unpack("<HBBI", seccomp.assemble(families, machine, outside=outside)))
    words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<iIQ6Q", number, architecture or ARCHITECTURES[machine], 0, *words)
    at, value = 0, 0
    while True:
        code, then, otherwise, operand = program[at]
        at += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            value = struct.unpack_from("<I", data, operand)[0]
        else:
            true = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += then if true else otherwise


def numbers_in_headers(machine):
    for name in HEADERS[machine]:
        if Path(name).exists():
            text = Path(name).read_text()
            found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)
            return {name.removeprefix("3264_"): int(number) for name, number in found}
    return pytest.skip("the kernel's headers are not there")


@BOTH
def test_every_number_is_that_of_the_kernels_headers(machine):
    headers, column = numbers_in_headers(machine), COLUMN[machine]
    tables = [NUMBERS, seccomp.FORBIDDEN, seccomp.NOT_THERE, seccomp.FORBIDDEN_OUTSIDE, seccomp.OF_ITSELF]
    ours = {name: numbers[column] for table in tables for name, numbers in table.items()}
    ours |= {name: places[column][0] for name, places in seccomp.MODES.items()}
    ours |= {"clone": seccomp.CLONE[column], "socket": seccomp.SOCKET[column], "ioctl": seccomp.IOCTL[column]}
    ours |= {"socketpair": seccomp.SOCKET_PAIR[column], "setpriority": seccomp.PRIORITY[column]}
    ours |= {"sched_setaffinity": seccomp.CORES[column], "openat": seccomp.OPENING[column]["openat"][0]}
    if machine == "x86_64":
        ours |= seccomp.X86_ONLY | {name: place[0] for name, place in seccomp.MODES_X86.items()}
        ours["open"] = seccomp.OPENING[0]["open"][0]
    newer = {name for name in ours if name not in headers}
    assert newer <= {"fchmodat2", "mount_setattr", "open_tree_attr", "statmount", "listmount", "quotactl_fd"}, newer
    assert {name: ours[name] for name in ours if name in headers} == {
        name: headers[name] for name in ours if name in headers
    }


@BOTH
@pytest.mark.parametrize("name", seccomp.FORBIDDEN)
def test_a_forbidden_call_is_not_permitted(machine, name):
    assert answer(machine, seccomp.FORBIDDEN[name][COLUMN[machine]]) == EPERM


@BOTH
def test_what_lies_where_no_filter_looks_is_not_there(machine):
    for numbers in seccomp.NOT_THERE.values():
        assert answer(machine, numbers[COLUMN[machine]]) == ENOSYS


@BOTH
def test_another_architecture_ends_the_process(machine):
    assert answer(machine, 0, architecture=0x40000003) == KILL


def test_the_calls_of_x32_are_not_permitted():
    assert answer("x86_64", 0x40000000) == EPERM
    assert answer("x86_64", 0x3FFFFFFF) == ENOSYS


@BOTH
@given(flags=st.integers(0, 2**32 - 1))
def test_clone_makes_threads_and_processes_and_no_namespaces(machine, flags):
    wanted = EPERM if flags & 0x7E020000 else ALLOW
    assert answer(machine, seccomp.CLONE[COLUMN[machine]], flags) == wanted


@BOTH
@given(family=st.integers(0, 60), allowed=st.sets(st.sampled_from([1, 2, 10, 16])))
def test_a_socket_is_made_for_the_allowed_families_alone(machine, family, allowed):
    wanted = ALLOW if family in allowed else EAFNOSUPPORT
    assert answer(machine, seccomp.SOCKET[COLUMN[machine]], family, families=tuple(allowed)) == wanted


@BOTH
@given(mode=st.integers(0, 0o7777), places=st.sampled_from(sorted(seccomp.MODES)))
def test_no_mode_with_set_id_is_given(machine, mode, places):
    number, at = seccomp.MODES[places][COLUMN[machine]]
    arguments = [0o6000] * 6  # the other arguments do not matter
    arguments[(at - 16) // 8] = mode
    assert answer(machine, number, *arguments) == (EPERM if mode & 0o6000 else ALLOW)


@BOTH
@given(flags=st.integers(0, 0xFFFFFF), mode=st.integers(0, 0o7777))
def test_a_mode_counts_where_a_file_is_made(machine, flags, mode):
    for number, flags_at, mode_at in seccomp.OPENING[COLUMN[machine]].values():
        arguments = [0] * 6
        arguments[(flags_at - 16) // 8], arguments[(mode_at - 16) // 8] = flags, mode
        refused = flags & 0x400040 and mode & 0o6000
        assert answer(machine, number, *arguments) == (EPERM if refused else ALLOW)


@BOTH
def test_nothing_is_typed_into_a_terminal(machine):
    number = seccomp.IOCTL[COLUMN[machine]]
    assert answer(machine, number, 0, 0x5412) == answer(machine, number, 0, 0x541C) == EPERM
    assert answer(machine, number, 0, 0x5413) == ALLOW


@BOTH
@pytest.mark.parametrize("name", seccomp.FORBIDDEN_OUTSIDE)
def test_what_reaches_others_is_forbidden_outside_of_a_sandbox_alone(machine, name):
    number = seccomp.FORBIDDEN_OUTSIDE[name][COLUMN[machine]]
    assert answer(machine, number, outside=True) == EPERM
    assert answer(machine, number) == ALLOW


@BOTH
@given(pid=st.integers(0, 2**32 - 1), names=st.sampled_from(sorted(seccomp.OF_ITSELF)))
def test_limits_and_scheduling_are_its_own_outside_of_a_sandbox(machine, pid, names):
    number = seccomp.OF_ITSELF[names][COLUMN[machine]]
    assert answer(machine, number, pid, outside=True) == (EPERM if pid else ALLOW)
    assert answer(machine, number, pid) == ALLOW


@BOTH
@given(which=st.integers(0, 5), who=st.integers(0, 2**32 - 1))
def test_a_priority_is_its_own_outside_of_a_sandbox(machine, which, who):
    wanted = EPERM if which > 1 or who else ALLOW
    assert answer(machine, seccomp.PRIORITY[COLUMN[machine]], which, who, outside=True) == wanted


@BOTH
@given(pid=st.integers(0, 2**32 - 1))
def test_the_cores_of_another_thread_or_process_stay_as_they_are_outside_of_a_sandbox(machine, pid):
    wanted = IGNORED if pid else ALLOW
    assert answer(machine, seccomp.CORES[COLUMN[machine]], pid, outside=True) == wanted


@BOTH
@given(family=st.integers(0, 60), kind=st.sampled_from([1, 2, 3, 5]), flags=st.sampled_from([0, 0o4000, 0o2000000]))
def test_a_pair_of_sockets_reaches_nobody_but_itself(machine, family, kind, flags):
    number = seccomp.SOCKET_PAIR[COLUMN[machine]]
    wanted = ALLOW if family == 1 else EAFNOSUPPORT
    assert answer(machine, number, family, kind | flags) == wanted
    closed = ESOCKTNOSUPPORT if family == 1 and kind in (2, 3) else wanted
    assert answer(machine, number, family, kind | flags, families=()) == closed


@BOTH
def test_calls_that_nobody_has_looked_at_are_not_there(machine):
    assert answer(machine, 469) == ALLOW
    assert answer(machine, 470) == answer(machine, 0x3FFFFFFF) == ENOSYS
