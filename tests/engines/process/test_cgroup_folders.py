"""Where groups are made, in folders made up like a kernel's: what no kernel is needed for. Version 2 above all."""

import os
from pathlib import Path

import pytest

from nova_spi.engines.port import Limits
from nova_spi.engines.process.cgroups import controls
from nova_spi.engines.process.cgroups.finding import OWN_LEAF, parents
from nova_spi.engines.process.cgroups.reading import Mounted

ALL = "cpuset cpu io memory pids"
LIMITS = Limits(1.0, cpu_cores=1.5, memory_bytes=1 << 28)
FILES = ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max")


class Tree:
    """Folders with the files that the kernel would have put there; a folder made below them gets none."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.mounted = Mounted(2, frozenset(), "/", top)

    def group(
        self, path: str, *, given: str = "", processes: str = "", has: str = ALL, first: bool = False, **files: str
    ) -> Path:
        folder = self.top / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.controllers").write_text(has + "\n")
        (folder / "cgroup.subtree_control").write_text(given + "\n")
        (folder / "cgroup.procs").write_text(processes)
        if not first:
            (folder / "cgroup.type").write_text("domain\n")
        for name, value in files.items():
            (folder / name.replace("_", ".")).write_text(value + "\n")
        return folder

    def chosen(self, path: str, process: int = 7) -> list[Path]:
        """The folders in which it was tried to make a group; the trial itself needs a kernel."""
        tried = []

        def trial(parent, wanted, made):
            if wanted:
                tried.append((parent.folder, wanted))
            return wanted

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("nova_spi.engines.process.cgroups.finding._tried", trial)
            parents({"": path}, (self.mounted,), process)
        return tried


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


THREE = frozenset({"memory", "pids", "cpu"})


def test_the_nearest_group_that_gives_all_is_taken(tree):
    tree.group("", given=ALL, first=True)
    slice_ = tree.group("user.slice", given=ALL)
    tree.group("user.slice/terminal.scope", processes="7\n8\n")
    assert tree.chosen("/user.slice/terminal.scope") == [(slice_, THREE)]


def test_the_first_group_of_all_may_hold_processes(tree):
    top = tree.group("", given=ALL, processes="1\n7\n", first=True)
    assert tree.chosen("/") == [(top, THREE)]


def test_an_own_group_with_others_in_it_gives_nothing(tree):
    own = tree.group("", processes="1\n7\n")
    assert tree.chosen("/") == []
    assert not (own / OWN_LEAF).exists()
    assert (own / "cgroup.subtree_control").read_text() == "\n"


def test_processes_of_another_namespace_are_others_too(tree):
    own = tree.group("", processes="0\n7\n")
    assert tree.chosen("/") == []
    assert not (own / OWN_LEAF).exists()


def test_an_own_group_that_holds_us_alone_is_left_for_a_leaf(tree):
    own = tree.group("delegated", processes="7\n")
    (own / OWN_LEAF).mkdir()
    (own / OWN_LEAF / "cgroup.procs").write_text("")
    tree.group("", first=True, has="")
    tree.chosen("/delegated")
    assert (own / OWN_LEAF / "cgroup.procs").read_text() == "7"
    assert (own / "cgroup.subtree_control").read_text().startswith("+")


@pytest.mark.parametrize("files", [{"memory_max": "1000000"}, {"cpu_max": "50000 100000"}, {"memory_high": "5"}])
def test_a_group_that_carries_a_limit_is_not_left_for_one_above(tree, files):
    tree.group("", given=ALL, first=True)
    tree.group("job.scope", processes="7\n8\n", **files)
    assert tree.chosen("/job.scope") == []


def test_a_group_without_a_limit_is(tree):
    tree.group("", given=ALL, first=True)
    tree.group("job.scope", processes="7\n8\n", memory_max="max", cpu_max="max 100000")
    assert tree.chosen("/job.scope") == [(tree.top, THREE)]


def test_some_controllers_are_better_than_none(tree):
    tree.group("", given="", has="", processes="1\n", first=True)
    middle = tree.group("a", given="memory pids", has="memory pids")
    tree.group("a/b", processes="7\n8\n", has="memory pids")
    assert tree.chosen("/a/b") == [(middle, frozenset({"memory", "pids"}))]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_group_that_we_may_not_write_is_passed_over(tree):
    tree.group("", given=ALL, first=True).chmod(0o555)
    tree.group("a", processes="7\n8\n")
    assert tree.chosen("/a") == []


def test_a_path_that_is_not_to_be_seen_is_what_is_mounted(tree):
    top = tree.group("", given=ALL, first=True)
    assert tree.chosen("/somewhere/else") == [(top, THREE)]
    assert tree.chosen("/..") == [(top, THREE)]


def test_version_1_comes_before_version_2_and_no_controller_twice(tree, tmp_path):
    tree.group("", given=ALL, first=True)
    memory = tmp_path / "memory"
    memory.mkdir()
    seen = []

    def trial(parent, wanted, made):
        seen.append((parent.version, wanted))
        return wanted

    mounted = (
        tree.mounted,
        Mounted(1, frozenset({"memory"}), "/", memory),
        Mounted(1, frozenset({"blkio"}), "/", memory),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nova_spi.engines.process.cgroups.finding._tried", trial)
        found = parents({"": "/", "memory": "/not/there"}, mounted, 7)
    assert seen == [(1, {"memory"}), (2, {"pids", "cpu"})]
    assert [parent.folder for parent in found] == [memory, tree.top]


def test_a_folder_that_is_no_group_passes_no_trial(tmp_path):
    mounted = (Mounted(1, frozenset({"memory", "pids"}), "/", tmp_path),)
    assert parents({"memory": "/", "pids": "/"}, mounted, os.getpid()) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_is_read_only_passes_no_trial():
    mounted = (Mounted(1, frozenset({"memory"}), "/", Path("/proc/self")),)
    assert parents({"memory": "/"}, mounted, os.getpid()) == ()


def test_what_is_written_in_version_2(tree):
    asked = {name: value for name, value, _ in controls.settings(2, THREE, LIMITS)}
    cpu = f"{controls.quota(1.5)} 100000"
    assert asked == {
        "memory.max": str(1 << 28),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "4096",
        "cpu.max": cpu,
    }


def test_nothing_is_written_for_a_limit_that_is_none():
    assert [name for name, _, _ in controls.settings(2, THREE, Limits(1.0))] == ["pids.max"]
    assert [name for name, _, _ in controls.settings(1, frozenset({"cpu", "memory", "cpuacct"}), Limits(1.0))] == []


@pytest.mark.parametrize(("cores", "microseconds"), [(0.5, 50_000), (0.000001, 1000), (1e9, None)])
def test_a_quota_is_within_what_the_kernel_takes(cores, microseconds):
    assert controls.quota(cores) == (microseconds or (os.cpu_count() or 1) * 100_000)


def test_what_a_group_tells_is_read_in_both_versions(tmp_path):
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 5\noom 1\noom_kill 2\noom_group_kill 1\n")
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    (tmp_path / "memory.stat").write_text("anon 100\nfile 5000\nshmem 20\ntotal_rss 7\ntotal_cache 9\ntotal_shmem 4\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    (tmp_path / "cpuacct.usage").write_text("2500000000\n")
    (tmp_path / "memory.peak").write_text("77\n")
    (tmp_path / "memory.max_usage_in_bytes").write_text("max\n")
    assert [controls.killed(version, tmp_path) for version in (1, 2)] == [3, 2]
    assert [controls.held(version, tmp_path) for version in (1, 2)] == [11, 120]
    assert [controls.cpu_seconds(version, tmp_path) for version in (1, 2)] == [2.5, 1.5]
    assert [controls.highest(version, tmp_path) for version in (1, 2)] == [0, 77]


def test_what_a_group_does_not_tell_is_not_made_up(tmp_path):
    (tmp_path / "memory.events").write_text("oom_kill\noom_kill x\n\n1 2 3\n")
    assert controls.killed(2, tmp_path) is None
    assert controls.held(1, tmp_path) == 0
    assert controls.cpu_seconds(1, tmp_path) is None
