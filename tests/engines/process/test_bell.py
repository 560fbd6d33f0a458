"""A group that has no memory left is heard of at once."""

import select
import sys
import time
from pathlib import Path

import pytest

from nova_spi.engines.port import Limits
from nova_spi.engines.process import running
from nova_spi.engines.process.cgroups.finding import find
from nova_spi.engines.process.cgroups.group import Group
from nova_spi.engines.process.cgroups.hearing import Bell
from nova_spi.engines.process.cgroups.watching import GroupWatch
from nova_spi.progress import Silent

MIB = 1024 * 1024
TAKES = "x = []\nwhile True: x.append(bytearray(b'x' * 4_000_000))"
IN_A_CHILD = f"""
import subprocess, sys, time
subprocess.run([sys.executable, "-c", {TAKES!r}])
time.sleep(60)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")


@pytest.fixture
def memory():
    if not any("memory" in parent.controllers for parent in find()):
        pytest.skip("no control groups with memory")


def test_it_rings_where_memory_runs_out_and_not_before(memory, lab, monkeypatch):
    rang = []
    monkeypatch.setattr(GroupWatch, "rang", lambda watch, rang_=GroupWatch.rang: (rang.append(1), rang_(watch)))
    assert running.run(lab.python("print(1)", memory_bytes=100 * MIB), Silent()).reason == "exited"
    assert rang == []
    assert running.run(lab.python(TAKES, memory_bytes=100 * MIB), Silent()).reason == "out_of_memory"


def test_a_program_that_has_lived_long_is_ended_as_soon_as_one_of_its_processes_was(memory, lab, monkeypatch):
    """It is looked at so seldom that nothing but the bell can tell."""
    monkeypatch.setattr(GroupWatch, "pause", lambda watch, used, cost: 0.005 if watch._restless_until else 600.0)
    began = time.monotonic()
    assert running.run(lab.python(IN_A_CHILD, memory_bytes=100 * MIB), Silent()).reason == "out_of_memory"
    assert time.monotonic() - began < 30


def test_a_group_without_a_limit_has_none(memory):
    group = Group(Limits(timeout_seconds=1))
    try:
        assert group.bell() is None
    finally:
        group.remove()


@pytest.mark.parametrize("version", [1, 2])
def test_a_folder_that_is_no_group_has_none(tmp_path, version):
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert Bell.of(version, tmp_path) is None
    (tmp_path / "memory.oom_control").touch()
    (tmp_path / "cgroup.event_control").mkdir()
    assert Bell.of(1, tmp_path) is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_is_heard_of_version_2_is_a_change_of_its_file(tmp_path):
    (tmp_path / "memory.events").write_text("oom_kill 0\n")
    bell = Bell.of(2, tmp_path)
    assert bell.events == select.POLLPRI
    bell.hear()
    bell.close()
    bell.close()
