"""No attacks: what models do every day, tried in the same way. "Open" means that it works."""

import asyncio
import ctypes
import fcntl
import locale
import mmap
import multiprocessing
import os
import pwd
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.shared_memory import SharedMemory

from hostile.attempt import attack

# Calls to the kernel, as they are and not as pathlib would make them.
# ruff: noqa: PTH101, PTH102, PTH103, PTH104, PTH112, PTH123, PTH211

_FORKED = multiprocessing.get_context("fork")
_HELLO = [sys.executable, "-I", "-S", "-c", "print('hello')"]


@attack("work")
def threads():
    found = []
    started = [threading.Thread(target=found.append, args=(number,)) for number in range(8)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert sorted(found) == list(range(8))


@attack("work")
def processes():
    child = os.fork()
    if child == 0:
        os._exit(7)
    assert os.waitpid(child, 0)[1] == 7 << 8


@attack("work")
def a_pool_of_forked_processes():
    with _FORKED.Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]


@attack("work")
def a_queue_and_a_lock_between_processes():
    queue, lock = _FORKED.Queue(), _FORKED.Lock()

    def put():
        with lock:
            queue.put("fine")

    other = _FORKED.Process(target=put)
    other.start()
    assert queue.get() == "fine"
    other.join()


@attack("work")
def an_executor_of_processes():
    with ProcessPoolExecutor(2, mp_context=_FORKED) as pool:
        assert list(pool.map(abs, [-1])) == [1]


@attack("work")
def shared_memory():
    made = SharedMemory(create=True, size=9)
    same = SharedMemory(made.name)
    same.buf[0] = 5
    assert made.buf[0] == 5
    same.close()
    made.close()
    made.unlink()


@attack("work")
def code_in_memory():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    assert ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 5)() == 5


@attack("work")
def a_program():
    assert subprocess.run(_HELLO, capture_output=True, check=True).stdout == b"hello\n"


@attack("work")
def a_program_out_of_memory():
    held = os.memfd_create("program")
    with open(os.path.realpath(sys.executable), "rb") as program:
        os.sendfile(held, program.fileno(), 0, 1 << 30)
    child = os.fork()
    if child == 0:
        os.execve(held, _HELLO, dict(os.environ) | {"PYTHONHOME": sys.base_prefix})
    assert os.waitpid(child, 0)[1] == 0


@attack("work")
def a_pair_of_sockets():
    one, other = socket.socketpair()
    one.send(b"fine")
    assert other.recv(9) == b"fine"


@attack("work")
def a_descriptor_sent_to_another_process():
    one, other = socket.socketpair()
    reader, writer = os.pipe()
    socket.send_fds(one, [b"x"], [writer])
    os.write(socket.recv_fds(other, 1, 1)[1][0], b"fine")
    assert os.read(reader, 9) == b"fine"


@attack("work")
def an_event_loop_with_a_program():
    async def go():
        started = await asyncio.create_subprocess_exec(*_HELLO, stdout=asyncio.subprocess.PIPE)
        return (await started.communicate())[0]

    assert asyncio.run(go()) == b"hello\n"


@attack("work")
def files():
    os.makedirs("a/b")
    with open("a/b/c", "w") as file:
        file.write("fine")
    os.rename("a/b/c", "a/c")
    shutil.copytree("a", "d")
    os.truncate("d/c", 2)
    os.link("d/c", "d/e")
    os.symlink("c", "d/f")
    os.chmod("d/c", 0o600)
    os.utime("d/c")
    with open("d/f") as file:
        assert file.read() == "fi"
    shutil.rmtree("a")
    shutil.rmtree("d")


@attack("work")
def temporary_files():
    with tempfile.TemporaryFile(dir=".") as file:
        file.write(b"x")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        os.mkdir(folder + "/below")


@attack("work")
def a_database():
    database = sqlite3.connect("data.db")
    database.execute("pragma journal_mode=wal")
    database.execute("create table t(x)")
    database.execute("insert into t values (1)")
    database.commit()
    assert database.execute("select x from t").fetchone() == (1,)
    database.close()


@attack("work")
def a_mapped_file():
    with open("mapped", "w+b") as file:
        file.write(b"x" * 9000)
        file.flush()
        with mmap.mmap(file.fileno(), 0) as place:
            place[:4] = b"fine"
            place.flush()
        file.seek(0)
        assert file.read(4) == b"fine"


@attack("work")
def a_locked_file():
    with open("locked", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX)


@attack("work")
def random_numbers_and_nothing():
    with open("/dev/urandom", "rb") as chance, open("/dev/null", "wb") as nothing:
        nothing.write(chance.read(4) + os.urandom(4))


@attack("work")
def facts_of_the_machine():
    for name in ("/proc/meminfo", "/proc/cpuinfo"):
        with open(name) as file:
            assert file.read(9)
    assert os.cpu_count()
    assert os.sched_getaffinity(0)


@attack("work")
def a_thread_bound_to_a_core():
    libc, mask = ctypes.CDLL(None), bytearray(128)
    core = min(os.sched_getaffinity(0))
    mask[core // 8] = 1 << core % 8
    libc.pthread_self.restype = ctypes.c_ulong
    assert libc.pthread_setaffinity_np(ctypes.c_ulong(libc.pthread_self()), 128, bytes(mask)) == 0


@attack("work")
def its_own_limits_and_priority():
    resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))
    os.nice(1)
    os.setpriority(os.PRIO_PROCESS, 0, 2)
    os.sched_setaffinity(0, os.sched_getaffinity(0))


@attack("work")
def the_users_name():
    assert pwd.getpwuid(os.getuid()).pw_name


@attack("work")
def a_time_zone_and_a_locale():
    time.tzset()
    locale.setlocale(locale.LC_ALL, "C.UTF-8" if os.path.isdir("/usr/lib/locale") else "C")


@attack("work")
def a_context_of_certificates():
    ssl.create_default_context()


@attack("work")
def signals_of_its_own():
    heard = []
    signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert heard
