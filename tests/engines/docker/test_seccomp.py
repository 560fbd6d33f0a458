"""The filter of containers as engines make it: compiled by libseccomp as runc does, run by a machine of the test's."""

import ctypes
import json
import re
import resource
import struct
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nova_spi.engines.docker.flags import ulimits
from nova_spi.engines.docker.seccomp import lying_in, profile
from nova_spi.engines.docker.system_calls import ALLOWED, TRACING
from nova_spi.engines.port import Limits
from nova_spi.engines.process.isolation import seccomp as process

ALLOW, EPERM, ENOSYS, EAFNOSUPPORT = 0x7FFF0000, 0x50001, 0x50000 | 38, 0x50000 | 97
TOKENS = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINES = pytest.mark.parametrize("machine", TOKENS)
COLUMN = {"x86_64": 0, "aarch64": 1}
HEADERS = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")
OF_PODMAN = Path("/usr/share/containers/seccomp.json")
NEWER = {
    *("cachestat", "futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "map_shadow_stack", "mseal"),
    *("getxattrat", "listxattrat", "removexattrat", "setxattrat"),
}
"""Those that old headers, and old engines' own profiles, do not know."""
NAMES = {name for names in ALLOWED.values() for name in names.split()}
KINDS = ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")
NUMBERS = {
    "openat": (257, 56),
    "open": (2, None),
    "read": (0, 63),
    "ptrace": (101, 117),
    "chmod": (90, None),
    "fchmodat": (268, 53),
}


class Condition(ctypes.Structure):
    """``struct scmp_arg_cmp``."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


@cache
def compiled(machine, tracing=False):
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("libseccomp is not there")
    library.seccomp_init.restype = ctypes.c_void_p
    document = json.loads(profile(tracing=tracing))
    first = 0x50000 | document["defaultErrnoRet"]
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(first)))
    native = library.seccomp_arch_native
    native.restype = ctypes.c_uint32
    if native() != TOKENS[machine]:
        assert library.seccomp_arch_add(context, ctypes.c_uint32(TOKENS[machine])) == 0
        assert library.seccomp_arch_remove(context, ctypes.c_uint32(native())) == 0
    for rule in document["syscalls"]:
        answer = ALLOW if rule["action"] == "SCMP_ACT_ALLOW" else 0x50000 | rule["errnoRet"]
        conditions = [
            Condition(each["index"], 1 + KINDS.index(each["op"][9:]), each["value"], each.get("valueTwo", 0))
            for each in rule.get("args", ())
        ]
        given_ = (Condition * len(conditions))(*conditions)
        for name in rule["names"]:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if number != -1 and answer != first:
                done = library.seccomp_rule_add_array(context, ctypes.c_uint32(answer), number, len(conditions), given_)
                assert done == 0, (name, done)
    with tempfile.TemporaryFile() as file:
        assert library.seccomp_export_bpf(context, file.fileno()) == 0
        file.seek(0)
        program = file.read()
    library.seccomp_release(context)
    return list(struct.iter_unpack("<HBBI", program))


def ran(program, machine, number, arguments=(), architecture=None):
    words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number, architecture or TOKENS[machine], 0, *words)
    at, value = 0, 0
    while True:
        code, then, otherwise, operand = program[at]
        at += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            value = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x54:
            value &= operand
        elif code == 0x05:
            at += operand
        else:
            true = {0x15: value == operand, 0x25: value > operand, 0x35: value >= operand, 0x45: value & operand}[code]
            at += then if true else otherwise


def answer(machine, number, *arguments, tracing=False, architecture=None):
    """What the profile says to one call."""
    return ran(compiled(machine, tracing), machine, number, arguments, architecture)


def of_the_process_engine(machine, number, *arguments):
    families = (process.UNIX, process.INET, process.INET6, process.NETLINK)
    program = list(struct.iter_unpack("<HBBI", process.assemble(families, machine)))
    return ran(program, machine, number, arguments)


WORDS = st.one_of(
    st.sampled_from(
        [0, 1, 2, 10, 16, 40, 0x40, 0o4755, 0o2000, 0x400000, 0x5412, 0x541C, 0x10000000, 1 << 40 | 0x5412]
    ),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**16),
)


@MACHINES
@settings(max_examples=300)
@given(number=st.integers(0, 500), words=st.lists(WORDS, max_size=6))
def test_a_container_allows_nothing_that_a_sandbox_forbids(machine, number, words):
    if of_the_process_engine(machine, number, *words) != ALLOW:
        assert answer(machine, number, *words) != ALLOW


@MACHINES
def test_each_name_that_is_forbidden_answers_as_in_a_sandbox(machine):
    for names in (process.FORBIDDEN, process.NOT_THERE):
        for name, numbers in names.items():
            assert answer(machine, numbers[COLUMN[machine]]) in (EPERM, ENOSYS), name
    assert answer(machine, process.FORBIDDEN["ptrace"][COLUMN[machine]]) == EPERM
    assert answer(machine, process.NOT_THERE["clone3"][COLUMN[machine]]) == ENOSYS


@MACHINES
@given(mode=st.integers(0, 0o7777), name=st.sampled_from(["fchmod", "fchmodat", "mknodat"]), high=st.integers(0, 99))
def test_no_file_is_made_set_uid(machine, mode, name, high):
    number, at = process.MODES[name][COLUMN[machine]]
    words = [0] * 6
    words[(at - 16) // 8] = mode | high << 32
    assert answer(machine, number, *words) == (EPERM if mode & 0o6000 else ALLOW)


@MACHINES
@given(flags=st.integers(0, 2**24), mode=st.integers(0, 0o7777))
@example(flags=0x40, mode=0o4755)
@example(flags=0x400000, mode=0o2000)
@example(flags=0, mode=0o7777)
def test_a_file_is_opened_where_it_is_not_made_set_uid_thereby(machine, flags, mode):
    fine = not flags & 0x400040 or not mode & 0o6000
    assert (answer(machine, NUMBERS["openat"][COLUMN[machine]], 0, 0, flags, mode) == ALLOW) == fine


@MACHINES
@given(wanted=st.integers(0, 2**64 - 1) | st.sampled_from([0x5412, 0x541C, 0x5410, 0x5413, 0x541D, 0x5401, 1 << 63]))
@example(wanted=1 << 40 | 0x5412)
@example(wanted=0xFFFFFFFF0000541C)
def test_of_all_that_a_device_can_be_asked_only_typing_into_a_terminal_is_forbidden(machine, wanted):
    forbidden = wanted & 0xFFFFFFFF in (0x5412, 0x541C)
    assert answer(machine, process.IOCTL[COLUMN[machine]], 0, wanted) == (EPERM if forbidden else ALLOW)


@MACHINES
@given(flags=st.integers(0, 2**32 - 1) | st.sampled_from([17, 0x10000011, 0x3D0F00, 0x02000000]))
def test_threads_and_processes_are_made_and_namespaces_are_not(machine, flags):
    wanted = EPERM if flags & process.NAMESPACES else ALLOW
    assert answer(machine, process.CLONE[COLUMN[machine]], flags) == wanted


@MACHINES
@given(family=st.integers(0, 60) | st.sampled_from([1 << 40 | 40, 1 << 40 | 1]), protocol=st.integers(0, 40))
def test_sockets_are_those_of_a_network_namespace(machine, family, protocol):
    told = answer(machine, process.SOCKET[COLUMN[machine]], family, 3, protocol)
    netlink = family == 16 and (protocol < 9 or protocol in (15, 16))
    assert (told == ALLOW) == (family in (1, 2, 10) or netlink)
    assert family <= 16 or told == EAFNOSUPPORT
    assert (answer(machine, process.SOCKET_PAIR[COLUMN[machine]], family) == ALLOW) == (family == 1)


@MACHINES
def test_calls_of_another_architecture_end_the_program(machine):
    assert answer(machine, 3, architecture=0x40000003) in (0, 0x80000000)
    assert answer(machine, 3, architecture=TOKENS["x86_64" if machine == "aarch64" else "aarch64"]) in (0, 0x80000000)
    if machine == "x86_64":
        assert answer(machine, 0x40000000 + 39) in (0, 0x80000000)


@MACHINES
def test_what_no_kernel_has_yet_is_not_there(machine):
    assert answer(machine, 600) == ENOSYS


@MACHINES
def test_where_somebody_develops_debuggers_work_and_nothing_else_is_added(machine):
    column = COLUMN[machine]
    assert answer(machine, NUMBERS["ptrace"][column], tracing=True) == ALLOW
    found = [number for number in range(500) if answer(machine, number, tracing=True) != answer(machine, number)]
    assert sorted(found) == sorted(process.FORBIDDEN[name][column] for name in TRACING)


def test_every_name_is_one_of_the_kernels():
    known = set()
    for path in map(Path, HEADERS):
        if not path.exists():
            pytest.skip("the kernel's headers are not there")
        known |= set(re.findall(r"#define __NR(?:3264)?_(?:3264_)?(\w+)\s+\d+", path.read_text()))
    assert known >= NAMES - NEWER


def test_no_name_is_said_twice():
    words = [name for names in ALLOWED.values() for name in names.split()]
    assert len(words) == len(set(words))
    assert not NAMES & {*process.FORBIDDEN, *process.NOT_THERE, *process.MODES, *process.MODES_X86, *process.X86_ONLY}


def test_what_podmans_own_profile_forbids_stays_forbidden():
    if not OF_PODMAN.exists():
        pytest.skip("Podman's own profile is not there")
    rules = json.loads(OF_PODMAN.read_text())["syscalls"]
    theirs = {
        name
        for rule in rules
        if rule["action"] == "SCMP_ACT_ALLOW" and not (rule.get("includes") or {}).get("caps")
        for name in rule["names"]
    }
    assert theirs >= NAMES - NEWER


def test_it_is_small_and_always_the_same():
    assert len(profile()) < 13_000
    assert profile() == profile(tracing=False)
    assert json.loads(profile())["defaultAction"] == "SCMP_ACT_ERRNO"


def test_as_a_file_it_is_there_for_a_moment_and_for_its_owner_alone(tmp_path):
    with lying_in(tmp_path, profile()) as path:
        assert path.read_text() == profile()
        assert path.stat().st_mode & 0o077 == 0
        assert list(tmp_path.iterdir()) == [path]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("hard", "wanted"), [(resource.RLIM_INFINITY, 1), (4096, 1), (1, 1), (0, 0)])
def test_core_files_have_the_one_length_at_which_the_kernel_starts_no_helper_for_them(hard, wanted, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (hard, hard))
    assert ulimits(Limits(5.0))["core"] == wanted
