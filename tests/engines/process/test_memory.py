import os
import subprocess
import sys
import time

import pytest

from nova_spi.engines.process.memory import MemoryWatch, ProcTree, PsutilTree, tree_below

MIB = 1024 * 1024
FAMILY = """
import os, sys, time
kept = bytearray(30 * 1024 * 1024)
if os.fork() == 0:
    kept = kept + kept
    print('ready', flush=True)
time.sleep(60)
"""


@pytest.fixture
def family():
    process = subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.stdout.close()
    os.killpg(process.pid, 9)
    process.wait()


@pytest.mark.parametrize("kind", [ProcTree, PsutilTree])
def test_a_tree_is_everything_below_its_root(family, kind):
    tree = kind(os.getpid())
    assert 90 * MIB < tree.resident() < 300 * MIB
    assert tree.count() == 2
    assert 60 * MIB < tree.proportional() <= tree.resident()
    below = kind(family.pid)
    assert 60 * MIB < below.resident() < 200 * MIB
    assert below.count() == 1


@pytest.mark.parametrize("kind", [ProcTree, PsutilTree])
def test_known_processes_can_be_killed_and_then_are_gone(family, kind):
    tree = kind(os.getpid())
    tree.resident()
    assert tree.kill_known() == 2
    family.wait()
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
    tree = ProcTree(os.getpid())
    tree.resident()
    late = subprocess.Popen(["sleep", "60"])
    seen = False
    for _ in range(5):
        tree.resident()
        seen = seen or tree.count() == 3
        time.sleep(0.01)
    late.kill()
    late.wait()
    assert seen


def test_a_watch_says_when_a_tree_is_over_its_limit(family):
    assert not MemoryWatch(tree_below(os.getpid()), None).sample()
    assert not MemoryWatch(tree_below(os.getpid()), 2000 * MIB).sample()
    watch = MemoryWatch(tree_below(os.getpid()), 50 * MIB)
    assert watch.sample()
    assert watch.peak > 50 * MIB


def test_samples_come_sooner_near_the_limit():
    watch = MemoryWatch(tree_below(os.getpid()), 1000 * MIB)
    pauses = []
    for used in (10 * MIB, 990 * MIB):
        watch._plan(used, 0.0)
        pauses.append(watch.due - time.monotonic())
    assert pauses[0] > 0.04
    assert pauses[1] < 0.006
    watch._plan(10 * MIB, 0.01)
    assert watch.due - time.monotonic() > 0.9  # what costs 10 ms comes once a second
