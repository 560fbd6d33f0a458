"""Other processes, the supervisor among them."""

# Calls to the kernel, as they are and not as pathlib would make them.
# ruff: noqa: PTH115, PTH123, PTH208

import ctypes
import os
import resource
import signal

from hostile.attempt import FACTS, SUPERVISOR, attack, call

VICTIM = FACTS.get("victim", 0)
PTRACE_SEIZE = 0x4206
EFAULT = 14


def _secret_in(path):
    with open(path, "rb") as file:
        assert FACTS["mark"].encode() in file.read(65536)


@attack("processes")
def see_a_process():
    _secret_in(f"/proc/{VICTIM}/cmdline")


@attack("processes")
def find_a_process():
    assert str(VICTIM) in os.listdir("/proc")
    _secret_in(f"/proc/{VICTIM}/cmdline")


@attack("processes")
def read_the_environment_of_a_process():
    _secret_in(f"/proc/{VICTIM}/environ")


@attack("processes")
def read_the_memory_map_of_a_process():
    with open(f"/proc/{VICTIM}/maps", "rb") as file:
        assert b"sleep" in file.read(4096)


@attack("processes")
def open_the_memory_of_a_process():
    os.close(os.open(f"/proc/{VICTIM}/mem", os.O_RDWR))


@attack("processes")
def signal_a_process():
    os.kill(VICTIM, 0)


@attack("processes")
def wake_a_process():
    os.kill(VICTIM, signal.SIGCONT)


@attack("processes")
def signal_a_process_by_a_descriptor():
    signal.pidfd_send_signal(os.pidfd_open(VICTIM), signal.SIGCONT)


@attack("processes")
def trace_a_process():
    call("ptrace", PTRACE_SEIZE, VICTIM, 0, 0)


@attack("processes")
def read_the_memory_of_a_process():
    place = ctypes.create_string_buffer(8)
    ours, its = (ctypes.c_ulong * 2)(ctypes.addressof(place), 8), (ctypes.c_ulong * 2)(8, 8)
    call("process_vm_readv", VICTIM, ctypes.addressof(ours), 1, ctypes.addressof(its), 1, 0, reached=(EFAULT,))


@attack("processes")
def take_a_descriptor_of_a_process():
    call("pidfd_getfd", os.pidfd_open(VICTIM), 1, 0)


@attack("processes")
def compare_two_processes():
    call("kcmp", os.getpid(), VICTIM, 1, 0, 0)


@attack("processes")
def limit_a_process():
    resource.prlimit(VICTIM, resource.RLIMIT_CORE, (0, 0))


@attack("processes")
def slow_a_process_down():
    os.setpriority(os.PRIO_PROCESS, VICTIM, 5)


@attack("processes")
def slow_a_group_of_processes_down():
    os.setpriority(os.PRIO_PGRP, VICTIM, 6)


@attack("processes")
def schedule_a_process():
    os.sched_setscheduler(VICTIM, os.SCHED_BATCH, os.sched_param(0))


@attack("processes")
def delay_what_a_process_reads():
    call("ioprio_set", 1, VICTIM, 3 << 13)


@attack("processes")
def bind_a_process_to_a_core():
    before = os.sched_getaffinity(VICTIM)
    os.sched_setaffinity(VICTIM, {min(before)})
    assert os.sched_getaffinity(VICTIM) == {min(before)}, "it had no effect"


@attack("processes")
def read_system_v_memory():
    place = call("shmget", FACTS["shm"], 0, 0)
    call("shmat", place, 0, 0o10000)


@attack("time", unbound=True, process="nova-spi itself")
def stop_nova_spi_itself():
    """Who may send this signal may send SIGSTOP."""
    with open(f"/proc/{SUPERVISOR}/stat") as file:
        parent = int(file.read().rpartition(")")[2].split()[1])
    assert parent > 1, "it cannot be seen"
    os.kill(parent, 0)


@attack("log", unbound=True, process="write to the file itself")
def write_into_the_log_by_its_name():
    open(FACTS["log"], "a").close()


@attack("processes", unbound=True)
def write_into_the_supervisors_descriptors():
    for number in range(16):
        try:
            os.close(os.open(f"/proc/{SUPERVISOR}/fd/{number}", os.O_WRONLY | os.O_NONBLOCK))
        except FileNotFoundError:
            continue
        return
    raise AssertionError("none to be seen")


@attack("processes", unbound=True)
def read_the_environment_of_the_supervisor():
    with open(f"/proc/{SUPERVISOR}/environ", "rb") as file:
        assert file.read(4096)


@attack("processes", unbound=True)
def read_the_program_of_the_supervisor():
    os.readlink(f"/proc/{SUPERVISOR}/exe")


@attack("processes", unbound=True)
def open_the_memory_of_the_supervisor():
    os.close(os.open(f"/proc/{SUPERVISOR}/mem", os.O_RDWR))


@attack("processes", unbound=True)
def trace_the_supervisor():
    call("ptrace", PTRACE_SEIZE, SUPERVISOR, 0, 0)
