"""The machine's files."""

# Calls to the kernel, as they are and not as pathlib would make them.
# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH115, PTH116, PTH119, PTH120, PTH123, PTH208, PTH211

import mmap
import os
import socket
import stat
import subprocess
from pathlib import Path

from hostile.attempt import FACTS, SUPERVISOR, attack, call

FOLDER = FACTS.get("folder", "")
SECRET = FACTS.get("secret", "")
ESTALE, EINVAL = 116, 22


def _read(path):
    with open(path, "rb") as file:
        assert file.read(64), "it is empty"


@attack("files")
def read_a_secret():
    _read(SECRET)


@attack("files")
def map_a_secret_into_memory():
    with open(SECRET, "rb") as file:
        assert mmap.mmap(file.fileno(), 4, prot=mmap.PROT_READ)[:4] == b"the "


@attack("files")
def list_a_folder():
    assert os.listdir(FOLDER)


@attack("files")
def find_a_folder_of_the_machine():
    assert os.path.basename(FOLDER) in os.listdir(os.path.dirname(FOLDER))


@attack("files")
def read_through_a_symbolic_link():
    os.symlink(SECRET, "link-to-read")
    _read("link-to-read")


@attack("files")
def read_through_a_folder_link():
    os.symlink(FOLDER, "link-to-folder")
    _read("link-to-folder/secret.txt")


@attack("files")
def read_through_a_hard_link():
    os.link(SECRET, "hard")
    _read("hard")


@attack("files")
def climb_out_of_the_work_folder():
    _read("../" * 20 + SECRET[1:])


@attack("files")
def climb_by_an_open_folder():
    place = os.open(".", os.O_RDONLY)
    for _ in range(20):
        place = os.open("..", os.O_RDONLY, dir_fd=place)
    os.close(os.open(SECRET[1:], os.O_RDONLY, dir_fd=place))


@attack("files")
def read_through_its_own_root_in_proc():
    _read("/proc/self/root" + SECRET)


@attack("files", unbound=True)
def read_through_the_root_of_the_first_process():
    _read("/proc/1/root" + SECRET)


@attack("files", unbound=True)
def read_through_the_root_of_the_supervisor():
    _read(f"/proc/{SUPERVISOR}/root" + SECRET)


@attack("files", unbound=True)
def read_through_the_folder_of_the_supervisor():
    _read(f"/proc/{SUPERVISOR}/cwd/" + "../" * 20 + SECRET[1:])


@attack("files")
def read_through_the_folder_of_a_process():
    _read(f"/proc/{FACTS['victim']}/cwd/secret.txt")


@attack("files")
def read_what_a_process_has_open():
    _read(f"/proc/{FACTS['victim']}/fd/0")


@attack("files")
def write_beside_the_secret():
    open(SECRET + ".new", "w").close()


@attack("files")
def overwrite_the_secret():
    open(SECRET, "r+").close()


@attack("files")
def overwrite_through_a_link_in_the_work_folder():
    os.symlink(SECRET, "link-to-write")
    open("link-to-write", "r+").close()


@attack("files")
def make_a_file_through_a_dangling_link():
    os.symlink(FOLDER + "/dangling", "link-to-nothing")
    open("link-to-nothing", "w").close()


@attack("files")
def truncate_a_file():
    os.truncate(FACTS["spare"], 2)


@attack("files")
def delete_a_file():
    os.unlink(FOLDER + "/to-delete")


@attack("files")
def rename_a_file_into_the_work_folder():
    os.rename(FOLDER + "/to-rename", "renamed")


@attack("files")
def rename_a_file_of_its_own_out():
    open("own", "w").close()
    os.rename("own", FOLDER + "/renamed-out")


@attack("files")
def link_a_file_of_its_own_out():
    open("own-linked", "w").close()
    os.link("own-linked", FOLDER + "/linked-out")


@attack("files")
def make_a_folder():
    os.mkdir(FOLDER + "/made")


@attack("files")
def make_a_link():
    os.symlink("/etc/passwd", FOLDER + "/symlink")


@attack("files")
def make_a_pipe():
    os.mkfifo(FOLDER + "/pipe")


@attack("files")
def make_a_socket():
    socket.socket(socket.AF_UNIX).bind(FOLDER + "/bound")


@attack("files")
def run_a_program_of_the_machines_owner():
    assert subprocess.run([FOLDER + "/program"], capture_output=True, check=False).stdout == b"it ran\n"


@attack("files", landlock="modes")
def change_the_mode():
    os.chmod(FACTS["spare"], 0o640)


@attack("files", landlock="times")
def change_the_times():
    os.utime(FACTS["spare"], (0, 0))


@attack("files", landlock="sizes")
def learn_the_size():
    assert os.stat(SECRET).st_size


@attack("files", landlock="extended attributes")
def set_an_extended_attribute():
    os.setxattr(FACTS["spare"], "user.note", b"x")


@attack("files", landlock="/dev/shm")
def read_a_file_in_shared_memory():
    _read(FACTS["shared"])


@attack("files")
def list_shared_memory():
    assert os.path.basename(FACTS["shared"]) in os.listdir("/dev/shm")


@attack("files")
def leave_a_file_in_the_machines_temporary_folder():
    path = f"/tmp/{os.path.basename(FOLDER)}-left"
    open(path, "w").close()
    assert FACTS["namespace"] == os.readlink("/proc/self/ns/mnt"), "it is a folder of its own"


@attack("files")
def write_into_the_python_that_runs():
    open(os.__file__, "a").close()


@attack("files")
def write_a_setting_of_the_machine():
    open("/etc/nova-spi-attack", "w").close()
    os.unlink("/etc/nova-spi-attack")


@attack("files")
def read_the_passwords_of_the_machine():
    with open("/etc/shadow", "rb") as file:
        assert os.fstat(file.fileno()).st_ino == FACTS["shadow"], "it is not the machine's"


@attack("files")
def read_the_disk():
    disks = [path for path in Path("/dev").iterdir() if stat.S_ISBLK(path.stat().st_mode)]
    assert disks, "no block device"
    os.close(os.open(disks[0], os.O_RDONLY))


@attack("files")
def make_a_node_of_the_disk():
    os.mknod("disk", stat.S_IFBLK | 0o600, os.makedev(*FACTS["disk"]))
    os.close(os.open("disk", os.O_RDONLY))


@attack("files")
def make_a_node_of_the_kernels_memory():
    os.mknod("memory", stat.S_IFCHR | 0o600, os.makedev(1, 1))
    os.close(os.open("memory", os.O_RDONLY))


@attack("files")
def open_by_a_handle():
    handle = b"\x08\x00\x00\x00\x01\x00\x00\x00" + b"\2" * 8
    call("open_by_handle_at", os.open(".", os.O_RDONLY), handle, 0, reached=(ESTALE, EINVAL))
