import fcntl
import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.execution.history import history, prune
from nova_spi.execution.places import new_id, open_run, runs_folder


def made(project, name, status="succeeded"):
    folder = runs_folder(project) / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"status": status}))
    (folder / "lock").touch()
    return folder


def test_a_project_that_never_ran_has_no_history(tmp_path):
    assert history(tmp_path) == []
    prune(tmp_path)


def test_the_newest_comes_first(tmp_path):
    for name in ("20250101T000000000-a", "20250301T000000000-a", "20250201T000000000-a"):
        made(tmp_path, name)
    assert [past.id[:8] for past in history(tmp_path)] == ["20250301", "20250201", "20250101"]


def test_the_oldest_go_and_those_that_run_stay(tmp_path):
    folders = [made(tmp_path, f"2025010{n}T000000000-a") for n in range(5)]
    with (folders[0] / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prune(tmp_path, keep=2)
        assert [folder.exists() for folder in folders] == [True, False, False, True, True]
    prune(tmp_path, keep=2)
    assert not folders[0].exists()


def test_running_without_its_lock_is_abandoned_and_its_working_folders_go(tmp_path):
    folder = made(tmp_path, "20250101T000000000-a", "running")
    (folder / "work" / "inputs").mkdir(parents=True)
    (folder / "scratch").mkdir()
    assert history(tmp_path)[0].status == "abandoned"
    prune(tmp_path)
    assert not (folder / "work").exists()
    assert not (folder / "scratch").exists()
    assert (folder / "run.json").exists()


def test_a_kept_working_folder_stays(tmp_path):
    folder = made(tmp_path, "20250101T000000000-a")
    (folder / "work").mkdir()
    prune(tmp_path)
    assert (folder / "work").exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000, b"null"])
def test_a_damaged_record_is_an_abandoned_run(tmp_path, content):
    folder = made(tmp_path, "20250101T000000000-a")
    (folder / "run.json").write_bytes(content)
    assert history(tmp_path)[0].status == "abandoned"


def test_what_an_interrupted_removal_left_goes(tmp_path):
    made(tmp_path, "20250101T000000000-a.gone1.77")
    prune(tmp_path)
    assert list(runs_folder(tmp_path).iterdir()) == []


def test_a_run_without_a_record_leaves_nothing(tmp_path):
    with open_run(tmp_path, record=False) as run:
        run.work.mkdir()
    assert not run.root.exists()


@given(st.lists(st.datetimes(min_value=datetime(1970, 1, 1)), min_size=2, max_size=5))
def test_ids_sort_by_time(times):
    times = sorted(time.replace(microsecond=time.microsecond // 1000 * 1000) for time in times)
    stamps = [new_id(time).rpartition("-")[0] for time in times]
    assert stamps == sorted(stamps)
