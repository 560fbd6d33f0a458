"""What a run may use: it gets no more of it than the report says, and whoever wants more ends with its typed reason."""

import os

import pytest

MIB = 1 << 20
PRELUDE = "import ctypes, mmap, os, resource, sys, time\nfrom multiprocessing.shared_memory import SharedMemory\n"
MEMORY = {
    "takes it at once": "x = b'x' * (900 << 20); time.sleep(9)",
    "takes it step by step": "x = []\nwhile True: x.append(bytearray(b'x' * (8 << 20)))",
    "takes it by a grandchild": "if os.fork() == 0:\n    os.setsid()\n"
    "    if os.fork() == 0:\n        x = b'x' * (900 << 20)\n    time.sleep(20)\ntime.sleep(20)",
    "takes it in many processes": "for _ in range(30):\n    if os.fork() == 0:\n"
    "        x = os.urandom(1 << 20) * 30; time.sleep(20)\ntime.sleep(20)",
    "maps shared memory": "m = mmap.mmap(-1, 900 << 20)\n"
    "for at in range(0, 900 << 20, 4096): m[at] = 1\ntime.sleep(20)",
}
IN_FILES = {
    "a file that is nowhere": "f = os.memfd_create('x')\nfor _ in range(600): os.write(f, X)",
    "files in shared memory": "f = open('/dev/shm/x', 'wb', 0)\nfor _ in range(600): assert f.write(X) == MIB",
    "files in the temporary folder": "f = open('/tmp/x', 'wb', 0)\nfor _ in range(600): assert f.write(X) == MIB",
}
"""600 MiB that no process has mapped, where 200 are allowed."""


def kept(ground, **limits):
    """The report of a run with these limits."""
    return ground.run(**limits).rows


@pytest.mark.parametrize("way", MEMORY)
def test_one_that_takes_too_much_memory_is_out_of_memory(ground, way):
    ended = ground.run("-c", PRELUDE + MEMORY[way], memory_bytes=200 * MIB)
    assert ended.outcome["reason"] == "out_of_memory", ended.log[-300:]
    assert ended.rows["memory"]["limit"] == f"{200 * MIB} bytes"
    if ended.rows["memory"]["hard"]:
        assert (ended.outcome["peak_memory_bytes"] or 0) <= 240 * MIB


@pytest.mark.parametrize("where", IN_FILES)
def test_memory_in_files_is_bounded_or_the_report_says_that_it_is_not(ground, where):
    if ground.level in ("landlock", "process") and "nowhere" not in where:
        pytest.skip("the folder is the machine's own")
    source = f"{PRELUDE}MIB = 1 << 20\nX = b'x' * MIB\n{IN_FILES[where]}\nprint('all of it')"
    ended = ground.run("-c", source, memory_bytes=200 * MIB)
    memory = ended.rows["memory"]
    if ended.log.endswith("all of it\n"):
        assert not memory["hard"], memory
        assert "files" in memory["by"], memory


def test_its_processes_and_threads_are_counted(ground):
    source = (
        "import _thread, os\n"
        "_thread.stack_size(64 << 10)\n"
        "lock, made = _thread.allocate_lock(), 0\n"
        "lock.acquire()\n"
        "try:\n"
        "    while made < int(os.environ['MOST']):\n"
        "        _thread.start_new_thread(lock.acquire, ())\n"
        "        made += 1\n"
        "except RuntimeError: pass\n"
        "os.write(1, b'%d' % made)\n"
        "os._exit(0)"
    )
    row = ground.rows["pids"]
    most = int(row["limit"].split()[0]) if row["limit"] else 100
    ended = ground.run("-c", source, variables={"MOST": str(most + 50)})
    assert (int(ended.log) <= most) == (not row["by"].startswith("nothing")), row


def test_a_log_without_an_end_is_cut(ground):
    source = "import os\nwhile True: os.write(1, b'x' * 60000)"
    ended = ground.run("-c", source, timeout_seconds=0.6, grace_seconds=0.1, log_bytes=100_000)
    assert ended.outcome["reason"] == "timeout"
    assert ended.outcome["log_truncated"]
    assert len(ended.log) < 100_200
    assert ended.rows["log"]["limit"] == "100000 bytes"


DISK = {
    "one file": "f = open('a', 'wb', 0)\nwhile True: assert f.write(b'x' * 100_000) == 100_000",
    "many files": "import itertools\nfor n in itertools.count(): open(str(n), 'wb').write(b'x' * 100_000)",
    "hidden folders": "import itertools\nfor n in itertools.count():\n"
    "    os.makedirs(f'.x{n}/y'); open(f'.x{n}/y/z', 'wb').write(b'x' * 100_000)",
    "no bytes but space": "for n in range(9): os.posix_fallocate(os.open(str(n), os.O_CREAT | os.O_RDWR), 0, 9 << 20)\n"
    "time.sleep(20)",
}


@pytest.mark.parametrize("way", DISK)
def test_one_that_takes_too_much_of_the_disk_is_out_of_disk(ground, way):
    ended = ground.run("-c", PRELUDE + DISK[way], disk_bytes=20 * MIB)
    assert ended.outcome["reason"] == "out_of_disk", ended.log[-300:]
    assert str(20 * MIB) in ended.rows["disk"]["limit"]


def test_a_deleted_file_that_is_open_is_bounded_or_the_report_says_that_it_is_not(ground):
    source = (
        "import os\n"
        "for n in range(6):\n"
        "    f = os.open(str(n), os.O_CREAT | os.O_RDWR); os.unlink(str(n))\n"
        "    assert os.write(f, b'x' * (9 << 20)) == 9 << 20\n"
        "print('all of it')"
    )
    ended = ground.run("-c", source, disk_bytes=20 * MIB)
    if ended.log.endswith("all of it\n"):
        assert not ended.rows["disk"]["hard"]
        assert "deleted" in ended.rows["disk"]["by"], ended.rows["disk"]


def test_open_files_end_somewhere(ground):
    ended = ground.run("-c", "import resource; print(*resource.getrlimit(resource.RLIMIT_NOFILE))")
    soft, hard = map(int, ended.log.split())
    assert 256 <= soft <= hard <= 1 << 20


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_cores_are_shared_as_the_report_says(ground):
    """Two processes for 1.5 s, where half a core is allowed: 0.75 s, and twice that would be none."""
    row = kept(ground, cpu_cores=0.5)["cpu"]
    if row["by"].startswith("nothing"):
        assert not row["hard"]
        return
    source = (
        "import os, time\nos.fork()\nuntil = time.monotonic() + 1.5\n"
        "while time.monotonic() < until: pass\n"
        "print(time.process_time())"
    )
    ended = ground.run("-c", source, cpu_cores=0.5)
    assert sum(map(float, ended.log.split())) < 1.5


def test_what_has_no_limit_is_reported_without_one(ground):
    for what in ("memory", "cpu", "disk"):
        row = ground.rows[what]
        assert (row["limit"], row["hard"]) == ("", False), row
        assert row["by"].startswith("nothing")
