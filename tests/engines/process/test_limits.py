"""Log, memory and disk: what a program may use, and how it ends when it uses more."""

import resource
import signal
import time

import pytest

from nova_spi.engines.process.protection import protection
from nova_spi.progress import Silent

MIB = 1024 * 1024


class Listener(Silent):
    def __init__(self) -> None:
        self.heard = b""

    def log(self, chunk: bytes) -> None:
        self.heard += chunk


def test_a_log_is_cut_once_with_one_line_and_the_listener_hears_what_is_kept(lab):
    listener = Listener()
    source = "import sys\nfor n in range(200_000): print('line', n)\nsys.exit(3)"
    outcome = lab.run(lab.python(source, log_bytes=1000, variables={"PYTHONUNBUFFERED": ""}), listener)
    text = lab.text()
    assert outcome.log_truncated
    assert outcome.exit_code == 3  # it was not held up, and not ended for it
    assert text.endswith("\n[nova-spi] log cut at 1000 bytes\n")
    assert len(text) <= 1000 + 40
    assert listener.heard.decode() == text


def test_a_log_of_just_the_limit_is_whole(lab):
    assert not lab.run(lab.job("printf", "%01000d", "0", log_bytes=1000)).log_truncated
    assert lab.text() == "0" * 1000


def test_a_log_of_no_bytes_keeps_none(lab):
    assert lab.run(lab.job("echo", "x", log_bytes=0)).log_truncated
    assert lab.text() == "[nova-spi] log cut at 0 bytes\n"


def test_a_program_that_prints_forever_meets_its_deadline_with_a_bounded_log(lab):
    before = time.thread_time()
    outcome = lab.run(lab.job("sh", "-c", "exec yes", timeout_seconds=1.0, log_bytes=100_000))
    assert outcome.reason == "timeout"
    assert outcome.log_truncated
    assert lab.log.stat().st_size < 100_100
    assert time.thread_time() - before < 1.0


def test_many_writers_in_unbuffered_lines_are_all_kept(lab):
    lab.run(lab.job("sh", "-c", "for i in 1 2 3 4; do (for j in $(seq 500); do echo $i; done) & done; wait"))
    assert sorted(lab.text().split()) == sorted([*"1234"] * 500)


def test_what_was_written_just_before_a_kill_is_kept(lab):
    lab.run(lab.python("import os; os.write(1, b'x' * 60_000); os.kill(os.getpid(), 9)"))
    assert len(lab.text()) == 60_000


def test_a_memory_hog_is_out_of_memory(lab):
    source = "import time\nkept = []\nwhile True: kept.append(bytearray(4_000_000)); time.sleep(0.002)"
    outcome = lab.run(lab.python(source, memory_bytes=200 * MIB))
    assert (outcome.reason, outcome.exit_code, outcome.signal) == ("out_of_memory", None, signal.SIGKILL)
    assert 190 * MIB < outcome.peak_memory_bytes < 400 * MIB


def test_memory_counts_over_the_whole_tree_and_finds_daemons(lab):
    source = (
        "import os, time\n"
        "for n in range(6):\n"
        "    if os.fork() == 0:\n"
        "        if n % 2: os.setsid()\n"
        "        kept = bytearray(40_000_000); time.sleep(30)\n"
        "time.sleep(30)"
    )
    outcome = lab.run(lab.python(source, memory_bytes=150 * MIB))
    assert outcome.reason == "out_of_memory"
    assert outcome.wall_seconds < 10


def test_pages_that_processes_share_do_not_count_twice(lab):
    source = (
        "import os, time\n"
        "kept = bytearray(os.urandom(1000) * 60_000)\n"
        "children = [pid for _ in range(4) if (pid := os.fork()) or (time.sleep(0.5), os._exit(0))]\n"
        "for pid in children: os.waitpid(pid, 0)\n"
    )
    outcome = lab.run(lab.python(source, memory_bytes=170 * MIB))
    assert (outcome.reason, outcome.exit_code) == ("exited", 0)


def test_without_a_memory_limit_the_peak_of_the_tree_is_known(lab):
    source = (
        "import os, time\n"
        "for _ in range(3):\n"
        "    if not os.fork(): kept = bytearray(60_000_000); time.sleep(0.3); os._exit(0)\n"
        "kept = bytearray(60_000_000); time.sleep(0.4); [os.wait() for _ in range(3)]"
    )
    assert lab.run(lab.python(source)).peak_memory_bytes > 200_000_000


def test_watching_costs_little(lab):
    before = resource.getrusage(resource.RUSAGE_SELF)
    lab.run(lab.job("sleep", "2", memory_bytes=10**9, disk_bytes=10**9))
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.1


def test_one_big_file_is_out_of_disk_by_its_signal(lab):
    outcome = lab.run(lab.job("sh", "-c", "exec cat /dev/zero > big", disk_bytes=20 * MIB))
    assert outcome.reason == "out_of_disk"
    assert (lab.folder / "big").stat().st_size <= 20 * MIB


def test_one_big_file_of_python_is_out_of_disk_though_it_ignores_the_signal(lab):
    source = "f = open('big', 'wb', 0)\nwhile True:\n    assert f.write(b'x' * 100_000) == 100_000"
    outcome = lab.run(lab.python(source, disk_bytes=5 * MIB))
    assert outcome.reason == "out_of_disk"
    assert outcome.exit_code in (1, None)


def test_many_small_files_are_out_of_disk(lab):
    source = (
        "import os, itertools\n"
        "for n in itertools.count():\n"
        "    if n % 100 == 0: os.makedirs(f'd{n}/deep/er'); top = f'd{n}/deep/er'\n"
        "    with open(f'{top}/{n}', 'wb') as f: f.write(b'x' * 50_000)"
    )
    outcome = lab.run(lab.python(source, disk_bytes=100 * MIB))
    assert (outcome.reason, outcome.signal) == ("out_of_disk", signal.SIGKILL)
    assert sum(path.stat().st_size for path in lab.folder.rglob("*") if path.is_file()) < 1500 * MIB


def test_a_sparse_file_counts_what_it_takes(lab):
    source = (
        "import time\n"
        "for n in range(5):\n"
        "    with open(str(n), 'wb') as f: f.truncate(9_000_000); f.seek(8_000_000); f.write(b'x')\n"
        "time.sleep(0.3)"
    )
    assert lab.run(lab.python(source, disk_bytes=10_000_000)).reason == "exited"


def test_a_fast_program_that_took_too_much_is_found_at_its_end(lab):
    source = "for n in range(20): open(str(n), 'wb').write(b'x' * 1_000_000)"
    assert lab.run(lab.python(source, disk_bytes=10_000_000)).reason == "out_of_disk"


def test_a_program_that_fails_for_another_reason_is_not_out_of_disk(lab):
    outcome = lab.run(lab.python("open('small', 'w').write('x'); raise SystemExit(2)", disk_bytes=10_000_000))
    assert (outcome.reason, outcome.exit_code) == ("exited", 2)


@pytest.mark.parametrize("given", [{}, {"memory_bytes": 5, "disk_bytes": 6, "cpu_cores": 2.0}])
def test_the_table_of_protection_names_every_harm_and_promises_no_isolation(lab, given):
    rows = {row.what: row for row in lab.engine.protection(lab.python("pass", **given).limits)}
    assert list(rows) == ["memory", "cpu", "pids", "network", "files", "time", "disk", "log"]
    assert not any(row.hard for row in rows.values())
    assert rows["network"].by == "nothing"
    assert "runs as you" in rows["files"].by
    assert rows["memory"].limit == ("5 bytes" if given else "")
    assert lab.engine.level == lab.engine.name == "process"
    assert "sandbox" not in str(rows)


def test_the_table_says_less_where_there_is_no_proc(lab, monkeypatch):
    monkeypatch.setattr("nova_spi.engines.process.protection.sys.platform", "darwin")
    rows = {row.what: row for row in protection(lab.python("pass").limits)}
    assert "may stay" in rows["time"].by
