"""The kernel, and rights that a model has no use for. Each is made so that it changes nothing where it succeeds."""

# Calls to the kernel, as they are and not as pathlib would make them.
# ruff: noqa: PTH101, PTH102, PTH123

import ctypes
import os
import platform
import resource
import socket
import struct
from pathlib import Path

from hostile.attempt import attack, call

ENOENT, EFAULT, EINVAL, ENOTTY, ENOEXEC, E2BIG, EBUSY = 2, 14, 22, 25, 8, 7, 16
NEW_USER, NEW_MOUNTS = 0x10000000, 0x20000
AF_TIPC, AF_ALG = 30, 38


@attack("kernel")
def trace():
    call("ptrace", 0, 0, 0, 0)


@attack("kernel")
def read_a_keyring():
    call("keyctl", 0, -3, 0)


@attack("kernel")
def add_a_key():
    call("add_key", b"user", b"nova-spi", b"x", 1, -2)


@attack("kernel")
def make_an_io_uring():
    call("io_uring_setup", 8, ctypes.create_string_buffer(120))


@attack("kernel")
def leave_for_a_user_namespace():
    call("unshare", NEW_USER)


@attack("kernel")
def leave_for_a_mount_namespace():
    call("unshare", NEW_MOUNTS)


@attack("kernel")
def clone_into_a_user_namespace():
    child = call("clone", NEW_USER | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


@attack("kernel")
def clone_into_a_user_namespace_by_the_newer_call():
    child = call("clone3", struct.pack("8Q", NEW_USER, 0, 0, 0, 17, 0, 0, 0), 64)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


@attack("kernel")
def enter_a_namespace_of_the_first_process():
    call("setns", os.open("/proc/1/ns/mnt", os.O_RDONLY), 0)


@attack("kernel")
def enter_its_own_user_namespace_again():
    call("setns", os.open("/proc/self/ns/user", os.O_RDONLY), 0, reached=(EINVAL,))


@attack("kernel")
def load_a_program_into_the_kernel():
    call("bpf", 0, 0, 0, reached=(EINVAL, EFAULT, E2BIG))


@attack("kernel")
def count_the_processors_events():
    wanted = bytearray(112)
    struct.pack_into("II", wanted, 0, 1, 112)
    struct.pack_into("Q", wanted, 40, 1 << 5 | 1 << 6)
    call("perf_event_open", bytes(wanted), 0, -1, -1, 0)


@attack("kernel")
def handle_faults_of_memory():
    call("userfaultfd", 1)


@attack("kernel")
def mount():
    os.mkdir("place")
    call("mount", b"none", b"place", b"tmpfs", 0, None)
    call("umount2", b"place", 2)


@attack("kernel")
def unmount():
    os.mkdir("no-mount")
    call("umount2", b"no-mount", 0, reached=(EINVAL,))


@attack("kernel")
def take_a_tree_of_files():
    call("open_tree", -100, b"/", 1)


@attack("kernel")
def make_a_file_system():
    call("fsopen", b"tmpfs", 0)


@attack("kernel")
def change_the_root():
    call("chroot", b".")


@attack("kernel")
def exchange_the_root():
    call("pivot_root", b".", b".", reached=(EINVAL, EBUSY))


@attack("kernel")
def type_into_the_terminal():
    call("ioctl", 0, 0x5412, b"x", reached=(ENOTTY,))


@attack("kernel")
def type_into_the_terminal_with_a_wide_number():
    call("ioctl", 0, 0x5412 | 1 << 40, b"x", reached=(ENOTTY,))


@attack("kernel")
def paste_into_the_console():
    call("ioctl", 0, 0x541C, b"\3", reached=(ENOTTY,))


@attack("kernel")
def change_its_personality():
    call("personality", 0x40000)


@attack("kernel")
def restart_the_machine():
    call("reboot", 1, 2, 3, 0, reached=(EINVAL,))


@attack("kernel")
def give_it_swap_space():
    call("swapon", b"nothing-there", 0, reached=(ENOENT,))


@attack("kernel")
def load_a_module():
    call("init_module", 0, 0, b"", reached=(EFAULT, ENOEXEC, EINVAL))


@attack("kernel")
def load_another_kernel():
    call("kexec_load", 0, 0, 0, 0xFFF0, reached=(EINVAL,))


@attack("kernel")
def keep_accounts_of_processes():
    call("acct", b"nothing-there", reached=(ENOENT,))


@attack("kernel")
def read_the_kernels_log():
    call("syslog", 3, ctypes.create_string_buffer(64), 64)


@attack("kernel")
def read_the_kernels_log_by_its_device():
    os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK))


@attack("kernel")
def set_the_clock():
    call("adjtimex", struct.pack("I", 0x100).ljust(256, b"\0"))


@attack("kernel")
def name_the_machine():
    name = os.uname().nodename.encode()
    call("sethostname", name, len(name))


@attack("kernel")
def become_root():
    assert os.getuid(), "it is called so already"
    os.setuid(0)


@attack("kernel")
def join_a_group():
    os.setgroups([0])


@attack("kernel")
def have_a_capability():
    header, found = struct.pack("II", 0x20080522, 0), ctypes.create_string_buffer(24)
    call("capget", header, found)
    assert any(found.raw), "none"


@attack("kernel")
def gain_rights_by_a_set_uid_program():
    assert call("prctl", 39, 0, 0, 0, 0) == 0, "no new privileges"


@attack("kernel")
def make_a_file_set_uid():
    open("set-uid", "w").close()
    os.chmod("set-uid", 0o4755)


@attack("kernel")
def make_a_new_file_set_gid():
    os.close(os.open("set-gid", os.O_CREAT | os.O_WRONLY, 0o2755))


@attack("kernel")
def raise_a_hard_limit():
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
    try:
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (10, 10))
    except ValueError as error:
        raise PermissionError(str(error)) from None


@attack("kernel")
def come_before_others():
    os.nice(-1)


@attack("kernel")
def run_in_real_time():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


@attack("kernel")
def be_the_last_to_be_killed():
    Path("/proc/self/oom_score_adj").write_text("-999")


@attack("kernel")
def use_the_ports_of_the_machine():
    assert platform.machine() == "x86_64", "there are none"
    call(172, 3)


@attack("kernel")
def use_calls_of_thirty_two_bits():
    assert platform.machine() == "x86_64", "another architecture"
    import mmap

    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\0\0\0\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
    start = ctypes.addressof(ctypes.c_char.from_buffer(code))
    assert ctypes.CFUNCTYPE(ctypes.c_int)(start)() == os.getpid()


@attack("kernel")
def use_calls_of_x32():
    assert platform.machine() == "x86_64", "another architecture"
    call(0x40000000 + 39)


@attack("kernel")
def use_the_kernels_cryptography():
    socket.socket(AF_ALG, socket.SOCK_SEQPACKET)


@attack("kernel")
def have_a_protocol_loaded():
    socket.socketpair(AF_TIPC, socket.SOCK_SEQPACKET)


def _open_to_write(*paths):
    """Opening writes nothing."""
    there = [path for path in paths if Path(path).exists()]
    assert there, "not there"
    os.close(os.open(there[0], os.O_WRONLY))


@attack("kernel")
def write_where_core_files_go():
    _open_to_write("/proc/sys/kernel/core_pattern")


@attack("kernel")
def write_a_setting_of_the_kernel():
    _open_to_write("/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/printk")


@attack("kernel")
def press_a_key_of_the_kernel():
    _open_to_write("/proc/sysrq-trigger")


@attack("kernel")
def write_below_sys():
    _open_to_write("/sys/kernel/uevent_helper", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/power/state")


@attack("kernel")
def open_the_machines_memory():
    os.close(os.open("/dev/mem", os.O_RDONLY))


@attack("kernel")
def leave_its_control_group():
    for folder, _, names in os.walk("/sys/fs/cgroup"):
        if "cgroup.procs" in names:
            return _open_to_write(folder + "/cgroup.procs")
    raise AssertionError("none to be seen")
