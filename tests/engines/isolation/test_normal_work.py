"""What models do every day works at every level."""

import importlib.util
import sys

import pytest

LEVELS = [("root", "sandbox"), ("user", "sandbox"), ("user", "landlock"), ("user", "process")]
WORK = {
    "threads": "import threading; t = threading.Thread(target=print, args=('fine',)); t.start(); t.join()",
    "processes": "import os; pid = os.fork()\nif pid == 0: os._exit(7)\n"
    "print('fine' if os.waitpid(pid, 0)[1] == 7 << 8 else '')",
    "a pool of processes": "import multiprocessing as m\n"
    "with m.get_context('fork').Pool(2) as pool: print('fine' if pool.map(abs, [-1, -2]) == [1, 2] else '')",
    "shared memory": "from multiprocessing.shared_memory import SharedMemory as S; s = S(create=True, size=9);"
    "t = S(s.name); t.buf[0] = 5; print('fine' if s.buf[0] == 5 else ''); t.close(); s.close(); s.unlink()",
    "code in memory": "import ctypes, mmap; mmap.mmap(-1, 4096, prot=7);"
    "print('fine' if ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 5)() == 5 else '')",
    "a program": "import subprocess as s;print(s.run(['sh', '-c', 'echo fine'], capture_output=True).stdout.decode())",
    "a connected pair of sockets": "import socket; a, b = socket.socketpair();"
    "a.send(b'fine'); print(b.recv(9).decode())",
    "an event loop": "import asyncio; asyncio.run(asyncio.sleep(0)); print('fine')",
    "files": "import os, shutil; os.makedirs('a/b'); open('a/b/c', 'w').write('fine'); os.rename('a/b/c', 'a/c');"
    "shutil.copytree('a', 'd'); os.truncate('d/c', 4); print(open('d/c').read()); shutil.rmtree('a')",
    "a temporary file": "import tempfile; f = tempfile.TemporaryFile(dir='.'); f.write(b'x'); print('fine')",
    "random numbers and null": "import os; open('/dev/urandom', 'rb').read(4); open('/dev/null', 'w').write('x');"
    "os.urandom(4); print('fine')",
    "facts of the machine": "import os; open('/proc/meminfo').read(); open('/proc/cpuinfo').read();"
    "print('fine' if os.cpu_count() else '')",
    "the user's name": "import os, pwd; pwd.getpwuid(os.getuid()); print('fine')",
    "a time zone and a locale": "import time, locale; time.tzset();"
    "locale.setlocale(locale.LC_ALL, 'C.UTF-8'); print('fine')",
    "certificates": "import ssl; ssl.create_default_context(); print('fine')",
}


@pytest.mark.parametrize("field", LEVELS, indirect=True, ids="-".join)
@pytest.mark.parametrize("name", WORK)
def test_normal_work_is_done(field, name):
    outcome, said = field.run(WORK[name])
    assert said.strip() == "fine"
    assert (outcome["exit"], outcome["left"]) == (0, 0)


@pytest.mark.parametrize("field", LEVELS[:2], indirect=True, ids="-".join)
def test_a_sandbox_talks_to_itself(field):
    _, said = field.run(
        "import socket\n"
        "for family, address in ((socket.AF_INET, ('127.0.0.1', 0)), (socket.AF_UNIX, 'here')):\n"
        "    server = socket.socket(family); server.bind(address); server.listen()\n"
        "    caller = socket.socket(family); caller.connect(server.getsockname())\n"
        "print('fine')"
    )
    assert said == "fine\n"


@pytest.mark.parametrize("field", LEVELS[:1], indirect=True, ids="-".join)
@pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="numpy is not there")
def test_numpy_multiplies_on_all_cores(field):
    outcome, said = field.run(
        "import numpy; print(int((numpy.ones((400, 400)) @ numpy.ones((400, 400)))[0, 0]))",
        python=sys.executable,
        variables={"VIRTUAL_ENV": sys.prefix},
    )
    assert said == "400\n"
    assert outcome["exit"] == 0


@pytest.mark.parametrize("field", LEVELS, indirect=True, ids="-".join)
def test_an_end_is_reported_as_it_was(field):
    assert field.run("raise SystemExit(5)")[0]["exit"] == 5
    assert field.run("import os; os.kill(os.getpid(), 11)")[0]["signal"] == 11
    assert field.run("import os; os.abort()")[0]["signal"] == 6


@pytest.mark.parametrize("field", LEVELS[:2], indirect=True, ids="-".join)
def test_the_work_folder_stands_at_its_two_places_and_what_is_written_is_ours(field):
    field.run("import os; open('/app/made', 'w').write(os.getcwd())")
    made = field.work / "made"
    assert made.read_text() == str(field.work)
    assert made.stat().st_uid == field.owner


@pytest.mark.parametrize("field", LEVELS[:3], indirect=True, ids="-".join)
def test_what_is_named_readable_is_read_and_not_written(field):
    program = "print(open(SECRET).read())\ntry: open(SECRET, 'w')\nexcept OSError: print('not written')"
    _, said = field.run(program, readable=[field.victim.secret])
    assert said == "the secret\nnot written\n"
