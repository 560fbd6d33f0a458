import os
import subprocess
import sys
import time

import pytest

from nova_spi.engines.port import Limits
from nova_spi.engines.process.cgroups.group import Group
from nova_spi.engines.process.cgroups.watching import GroupWatch
from nova_spi.engines.process.memory import (
    LATEST_SECONDS,
    PATIENT_SECONDS,
    MemoryWatch,
    ProcTree,
    PsutilTree,
    tree_below,
)

MIB = 1024 * 1024
FAMILY = """
import os, signal, sys, time
if os.fork() == 0:
    kept = bytearray(30 * 1024 * 1024)
    if os.fork() == 0:
        kept = kept + kept
        print(os.getppid(), flush=True)
    time.sleep(60)
    os._exit(0)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '60')
"""
"""A root, a child and a grandchild; each line that the root reads is one more child."""


@pytest.fixture
def family():
    """The root's process; `parent` is the id of its child. What else is below the tests is not their family's."""
    process = subprocess.Popen(
        [sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    process.parent = int(process.stdout.readline())
    yield process
    os.killpg(process.pid, 9)
    process.communicate()


@pytest.mark.parametrize("kind", [ProcTree, PsutilTree])
def test_a_tree_is_everything_below_its_root(family, kind):
    tree = kind(family.pid)
    assert 90 * MIB < tree.resident() < 300 * MIB
    assert tree.count() == 2
    assert 60 * MIB < tree.proportional() <= tree.resident()
    below = kind(family.parent)
    assert 60 * MIB < below.resident() < 200 * MIB
    assert below.count() == 1


@pytest.mark.parametrize("kind", [ProcTree, PsutilTree])
def test_known_processes_can_be_killed_and_then_are_gone(family, kind):
    tree = kind(family.pid)
    tree.resident()
    assert tree.kill_known() == 2
    time.sleep(0.1)
    assert tree.kill_known() == 0
    assert tree.resident() == 0


@pytest.mark.parametrize("kind", [ProcTree, PsutilTree])
def test_a_root_that_is_gone_has_nothing_below_it(kind):
    process = subprocess.Popen(["true"])
    process.wait()
    tree = kind(process.pid)
    assert (tree.resident(), tree.count(), tree.kill_known()) == (0, 0, 0)


def test_what_starts_later_is_seen(family):
    tree = ProcTree(family.pid)
    tree.resident()
    family.stdin.write(b"\n")
    family.stdin.flush()
    until = time.monotonic() + 5
    while tree.count() != 3 and time.monotonic() < until:
        tree.resident()
        time.sleep(0.01)
    assert tree.count() == 3


def test_a_watch_says_when_a_tree_is_over_its_limit(family):
    assert not MemoryWatch(tree_below(family.pid), None).sample()
    assert not MemoryWatch(tree_below(family.pid), 2000 * MIB).sample()
    watch = MemoryWatch(tree_below(family.pid), 50 * MIB)
    assert watch.sample()
    assert watch.peak > 50 * MIB


def test_samples_come_sooner_near_the_limit():
    watch = MemoryWatch(tree_below(os.getpid()), 1000 * MIB)
    assert watch.pause(10 * MIB, 0.0) > 0.04
    assert watch.pause(990 * MIB, 0.0) < 0.006
    assert watch.pause(10 * MIB, 0.01) > 0.9  # what costs 10 ms comes once a second


def test_a_program_that_lives_for_long_is_sampled_less_often_where_it_is_far_from_its_limit():
    watch = MemoryWatch(tree_below(os.getpid()), 4000 * MIB)
    watch._began -= 3600
    assert watch.pause(10 * MIB, 0.0) == PATIENT_SECONDS
    assert watch.pause(3990 * MIB, 0.0) < 0.006
    assert MemoryWatch(tree_below(os.getpid()), None).pause(10 * MIB, 0.0) == LATEST_SECONDS


def test_near_the_limit_what_does_not_change_is_looked_at_less_often(family):
    watch = MemoryWatch(tree_below(family.pid), 100_000 * MIB)
    for _ in range(100_000):  # on a busy machine the family is still beginning
        watch.sample()
        if watch._unchanged >= 100:
            break
    assert watch.pause(99_990 * MIB, 0.0) > 0.04
    watch._last = 0
    watch.sample()
    assert watch.pause(99_990 * MIB, 0.0) < 0.006


def test_where_the_kernel_holds_the_limit_samples_are_for_the_record():
    group = Group(Limits(60, memory_bytes=1000 * MIB))
    try:
        if not group.measures_memory:
            pytest.skip("no control groups of memory here")
        watch = GroupWatch(group, 1000 * MIB)
        assert watch.pause(990 * MIB, 0.0) > 0.04
        watch._began -= 3600
        assert watch.pause(990 * MIB, 0.0) > PATIENT_SECONDS
    finally:
        group.remove()
