"""Each row of the table of attacks. A program prints ``open`` where it got through, and what hindered it otherwise."""

import pytest

SANDBOXES = [("root", "sandbox"), ("user", "sandbox")]
ISOLATED = [*SANDBOXES, ("user", "landlock")]

PREFIX = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    if libc.syscall(*[ctypes.c_long(word) if isinstance(word, int) else word for word in words]) < 0:
        raise OSError(ctypes.get_errno(), "call")
def talk(made, address):
    made.settimeout(1)
    made.connect(address)
    if made.type & socket.SOCK_DGRAM:
        made.send(b"x")
    assert made.recv(9) == b"hello"
def attack():
"""
SUFFIX = """
try:
    attack()
    print("open")
except (OSError, AssertionError) as error:
    print("blocked", type(error).__name__, error)
"""

FILES = {
    "read a secret": "open(SECRET).read()",
    "list a folder": "os.listdir(os.path.dirname(SECRET))",
    "list the root": "assert 'home' in os.listdir('/')",
    "read through a symbolic link": "os.symlink(SECRET, 'link'); open('link').read()",
    "read through a hard link": "os.link(SECRET, 'hard'); open('hard').read()",
    "read through /proc/1/root": "open('/proc/1/root' + SECRET).read()",
    "read through the parent's root": "open(f'/proc/{os.getppid()}/root' + SECRET).read()",
    "climb out of the work folder": "open('../' * 20 + SECRET[1:]).read()",
    "write beside the secret": "open(SECRET + '.new', 'w')",
    "overwrite the secret": "open(SECRET, 'w')",
    "truncate the secret": "os.truncate(SECRET, 0)",
    "delete the secret": "os.unlink(SECRET)",
    "rename the secret": "os.rename(SECRET, 'mine')",
    "write into the Python that runs": "open(os.__file__, 'a')",
}
NETWORK = {
    "talk TCP": "talk(socket.socket(), ('127.0.0.1', TCP))",
    "talk UDP": "talk(socket.socket(type=socket.SOCK_DGRAM), ('127.0.0.1', UDP))",
    "talk to an abstract socket": "talk(socket.socket(socket.AF_UNIX), ABSTRACT)",
    "talk to a socket with a path": "talk(socket.socket(socket.AF_UNIX), PATH_SOCKET)",
}
PROCESSES = {
    "see a process": "os.stat(f'/proc/{VICTIM}/cmdline'); open(f'/proc/{VICTIM}/cmdline').read()",
    "signal a process": "os.kill(VICTIM, 0)",
    "signal all processes": "os.kill(-1, 0) ; assert os.getppid() != 1",
    "read the environment of a process": "assert 'secret' in open(f'/proc/{VICTIM}/environ').read()",
}
KERNEL = {
    "ptrace": "call(101, 0, 0, 0, 0)",
    "keyctl": "call(250, 0, -3, 0)",
    "io_uring": "call(425, 8, ctypes.create_string_buffer(120))",
    "make a user namespace": "call(272, 0x10000000)",
    "clone into a user namespace": "call(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "clone3": "call(435, ctypes.create_string_buffer(88), 88)",
    "mount": "call(165, b'none', b'/tmp', b'tmpfs', 0, None)",
    "make a file set-uid": "open('x', 'w'); os.chmod('x', 0o4755)",
    "make a new file set-uid": "os.close(os.open('y', os.O_CREAT | os.O_WRONLY, 0o4755))",
    "become root": "os.setuid(0)",
    "bpf": "call(321, 0, 0, 0)",
    "use the calls of another architecture": "call(0x40000000 + 39)",
    "raise a limit": "call(160, 4, b'\\x09' + b'\\0' * 7 + b'\\x09' + b'\\0' * 7)",
}
BLOCKED = FILES | NETWORK | PROCESSES | KERNEL
LANDLOCK_LEAVES = {"signal all processes"}
"""It answers EPERM there only where nobody can be signalled, and one's own group can."""


def program(attack: str) -> str:
    lines = "".join(f"    {part.strip()}\n" for part in attack.split(";"))
    return PREFIX + lines + SUFFIX


@pytest.mark.parametrize("field", ISOLATED, indirect=True, ids="-".join)
@pytest.mark.parametrize("name", BLOCKED)
def test_an_attack_is_blocked(field, name):
    if field.level == "landlock" and name in LANDLOCK_LEAVES:
        pytest.skip("its own group may be signalled")
    outcome, said = field.run(program(BLOCKED[name]))
    assert said.startswith("blocked"), said
    assert outcome["exit"] == 0
    assert field.victim.secret.read_text() == "the secret"
    assert sorted(path.name for path in field.victim.folder.iterdir()) == ["secret.txt", "socket"]
    assert field.victim.process.poll() is None


@pytest.mark.parametrize("field", [("user", "process")], indirect=True, ids="-".join)
@pytest.mark.parametrize(
    "name",
    ["read a secret", "list a folder", "write beside the secret", *NETWORK, "see a process", "signal a process"],
)
def test_at_level_process_everything_is_open(field, name):
    _, said = field.run(program(BLOCKED[name]))
    assert said == "open\n"


@pytest.mark.parametrize("field", ISOLATED, indirect=True, ids="-".join)
def test_a_signal_to_the_supervisor_changes_nothing(field):
    outcome, said = field.run(
        "import os, time\n"
        "for number in (15, 2, 1, 9):\n"
        "    try: os.kill(os.getppid(), number)\n"
        "    except OSError as error: print(error)\n"
        "    time.sleep(0.05)\n"
        "print('still here')"
        if field.level == "landlock"
        else "import os, signal\n"
        "signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "for number in (15, 2, 1, 9, 19):\n"
        "    try: os.kill(1, number)\n"
        "    except PermissionError: pass\n"
        "print('still here')"
    )
    assert said.endswith("still here\n")
    assert (outcome["reason"], outcome["exit"]) == ("exited", 0)


@pytest.mark.parametrize("field", ISOLATED, indirect=True, ids="-".join)
def test_no_descriptor_is_inherited_but_the_three(field):
    _, said = field.run(
        "import os\nfor number in range(1024):\n    try: os.fstat(number); print(number)\n    except OSError: pass\n"
    )
    assert said.split() == ["0", "1", "2"]


@pytest.mark.parametrize("field", SANDBOXES, indirect=True, ids="-".join)
def test_nothing_of_the_machine_can_be_written(field):
    _, said = field.run(
        "import os\n"
        "tried = [folder for folder, _, _ in os.walk('/') if not folder.startswith('/proc')]\n"
        "print(sorted(f for f in tried if os.access(f, os.W_OK)))\n"
        "for path in ('/new', '/etc/new', '/dev/new', '/usr/new'):\n"
        "    try: open(path, 'w'); print('open', path)\n"
        "    except OSError: pass\n"
    )
    assert "open" not in said
    writable = {str(field.work), "/app", "/tmp", "/dev/shm"}
    assert set(eval(said.splitlines()[0])) == writable


@pytest.mark.parametrize("field", SANDBOXES, indirect=True, ids="-".join)
def test_a_file_of_the_machine_that_only_root_may_read_is_not_read(field):
    _, said = field.run(program("open('/etc/shadow').read()"))
    assert said.startswith("blocked")


@pytest.mark.parametrize("field", SANDBOXES, indirect=True, ids="-".join)
@pytest.mark.parametrize("network", ["egress", "full"])
def test_with_a_network_the_machine_is_reached_and_its_abstract_sockets_are_not(field, network):
    _, said = field.run(program(NETWORK["talk TCP"]), network=network)
    assert said == "open\n"
    _, said = field.run(program(NETWORK["talk to an abstract socket"]), network=network)
    assert said.startswith("blocked")


@pytest.mark.parametrize("field", SANDBOXES, indirect=True, ids="-".join)
def test_daemons_end_with_the_program_and_are_counted(field):
    outcome, _ = field.run(
        "import os, time\n"
        "for _ in range(2):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0: time.sleep(60)\n"
        "        os._exit(0)\n"
        "time.sleep(0.1)"
    )
    assert (outcome["reason"], outcome["exit"], outcome["left"]) == ("exited", 0, 2)


@pytest.mark.parametrize("field", SANDBOXES, indirect=True, ids="-".join)
def test_a_fork_bomb_meets_its_limit(field):
    outcome, said = field.run(
        "import os, resource, time\n"
        "print(resource.getrlimit(resource.RLIMIT_NPROC))\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (50, 50))\n"
        "made = 0\n"
        "try:\n"
        "    while made < 200:\n"
        "        if os.fork() == 0: time.sleep(60)\n"
        "        made += 1\n"
        "except OSError: print(made)\n"
    )
    assert said.splitlines()[0] == "(4096, 4096)"
    assert 30 < int(said.splitlines()[1]) <= 50
    assert outcome["exit"] == 0
