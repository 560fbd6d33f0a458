import os
import time

import pytest

from nova_spi.engines.process import disk
from nova_spi.engines.process.disk import DiskWatch, walk

KIB = 1024


def whole(folder):
    return list(walk(folder))[-1]


def until_known(watch: DiskWatch) -> bool:
    """Steps until a walk is whole or over; True where it is over."""
    for _ in range(10_000):
        if watch.step():
            return True
        if watch._walk is None:
            return False
    raise AssertionError("no walk came to an end")


def test_a_folder_counts_with_everything_in_it(tmp_path):
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "one").write_bytes(b"x" * 100 * KIB)
    (tmp_path / "a/b/c/two").write_bytes(b"x" * 200 * KIB)
    used, entries = whole(tmp_path)
    assert 300 * KIB <= used <= 340 * KIB
    assert entries == 5


def test_an_empty_folder_and_one_that_is_not_there_take_nothing(tmp_path):
    assert whole(tmp_path) == whole(tmp_path / "missing") == (0, 0)


def test_a_file_with_two_names_counts_once(tmp_path):
    (tmp_path / "one").write_bytes(b"x" * 400 * KIB)
    os.link(tmp_path / "one", tmp_path / "two")
    assert whole(tmp_path)[0] < 500 * KIB


def test_a_sparse_file_counts_by_its_blocks(tmp_path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**12)
    assert whole(tmp_path)[0] < 64 * KIB


def test_links_are_not_followed(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/big").write_bytes(b"x" * 400 * KIB)
    (tmp_path / "inside/link").symlink_to(tmp_path / "outside")
    (tmp_path / "inside/loop").symlink_to(tmp_path / "inside")
    assert whole(tmp_path / "inside")[1] == 2
    assert whole(tmp_path / "inside")[0] < 64 * KIB


def test_a_large_folder_is_walked_in_steps_that_are_short(tmp_path, monkeypatch):
    for number in range(3000):
        (tmp_path / str(number)).touch()
    monkeypatch.setattr(disk, "STEP_SECONDS", 0.0)
    watch = DiskWatch(tmp_path, 10**9)
    began = time.perf_counter()
    assert not watch.step()
    assert watch._walk is not None
    assert time.perf_counter() - began < 0.05
    assert not until_known(watch)


def test_over_the_limit_is_said_before_the_walk_is_whole(tmp_path):
    for number in range(1000):
        (tmp_path / str(number)).write_bytes(b"x" * 4 * KIB)
    watch = DiskWatch(tmp_path, 100 * KIB)
    assert until_known(watch)
    assert 100 * KIB < watch.used < 1000 * KIB


def test_too_many_entries_are_too_much(tmp_path, monkeypatch):
    for number in range(200):
        (tmp_path / str(number)).touch()
    monkeypatch.setattr(disk, "MAX_FILES", 100)
    assert until_known(DiskWatch(tmp_path, 10**9))


@pytest.mark.parametrize(("failed", "limit", "told"), [(True, 0, True), (False, 0, False), (True, 10**9, False)])
def test_a_folder_that_is_just_full_matters_only_to_a_program_that_failed(tmp_path, failed, limit, told):
    assert DiskWatch(tmp_path, limit).final(failed=failed) is told


def test_the_next_step_waits_in_proportion_to_what_the_last_one_cost(tmp_path):
    watch = DiskWatch(tmp_path, 10**15)
    watch.step()
    assert watch.due >= time.monotonic() + disk.PAUSE_SECONDS / 2


def test_a_disk_that_fills_fast_is_looked_at_sooner(tmp_path):
    watch = DiskWatch(tmp_path, 10**9)
    watch.step()
    watch._walk = walk(tmp_path)  # it stands in the middle of a walk
    watch._free += 10**15  # and so much has been written since the last whole one, by whomever
    watch.step()
    assert watch._walk is None
    watch._walk, watch._free = iter([(0, 1)] * 10**6), 10**18
    paused, pause = [], watch._pause
    watch._pause = lambda *cost, **how: paused.append(how["urgent"]) or pause(*cost, **how)
    watch.step()
    assert paused == [True]
    assert pause(0.01, whole=False, urgent=True) < pause(0.01, whole=False, urgent=False)


def test_a_program_that_lives_for_long_is_walked_less_often_unless_its_disk_fills(tmp_path):
    watch = DiskWatch(tmp_path, 10**12)
    assert watch._pause(0.001, whole=True, urgent=False) == disk.PAUSE_SECONDS
    watch._began -= 3600
    assert watch._pause(0.0005, whole=True, urgent=False) == disk.PATIENT_SECONDS
    assert watch._pause(0.003, whole=False, urgent=False) == pytest.approx(0.003 / disk.PATIENT_SHARE)
    assert watch._pause(0.003, whole=True, urgent=True) == pytest.approx(0.003 / disk.URGENT_SHARE)
