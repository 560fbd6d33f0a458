"""What the kernel says of control groups, read: version 1, version 2, both at once, containers, and nonsense."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.engines.process.cgroups.reading import MAX_LINES, Mounted, memberships, mounts

VERSION_1 = """12:pids:/user.slice/user-1000.slice
5:cpu,cpuacct:/user.slice
4:memory:/process/9fe3
1:name=systemd:/user.slice/user-1000.slice/session-1.scope
"""
VERSION_2 = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-terminal.scope\n"
MOUNTS_1 = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro,nosuid master:15 - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /a\040place\134here rw,relatime - cgroup2 cgroup2 rw,nsdelegate
"""


def test_version_1_says_a_path_for_each_controller():
    found = memberships(VERSION_1)
    assert found["memory"] == "/process/9fe3"
    assert found["cpu"] == found["cpuacct"] == "/user.slice"
    assert "" not in found


def test_version_2_says_one_path():
    path = VERSION_2.strip()[3:]
    assert memberships(VERSION_2) == {"": path}
    assert memberships(VERSION_1 + VERSION_2)["pids"] == "/user.slice/user-1000.slice"
    assert memberships(VERSION_1 + VERSION_2)[""] == path


def test_mounts_of_both_versions_are_told_apart_and_names_are_unescaped():
    cpu, memory, systemd, unified = mounts(MOUNTS_1)
    assert (cpu.version, cpu.controllers) == (1, {"cpu", "cpuacct"})
    assert memory == Mounted(1, frozenset({"memory"}), "/docker/abc", Path("/sys/fs/cgroup/memory"))
    assert systemd.controllers == {"name=systemd"}
    assert (unified.version, unified.folder) == (2, Path("/a place\\here"))


@pytest.mark.parametrize(
    ("root", "path", "folder"),
    [
        ("/", "/", "/m"),
        ("/", "/a/b", "/m/a/b"),
        ("/docker/abc", "/docker/abc", "/m"),
        ("/docker/abc", "/docker/abc/d", "/m/d"),
        ("/docker/abc", "/docker/other", None),
        ("/docker/abc", "/", None),
    ],
)
def test_a_group_is_found_below_what_is_mounted(root, path, folder):
    found = Mounted(1, frozenset(), root, Path("/m")).holds(path)
    assert found == (Path(folder) if folder else None)


@pytest.mark.parametrize(
    "line",
    [
        "",
        ":",
        "::",
        "0:memory",
        "x:memory:/a",
        "4:memory:relative",
        "4:memory:/../out",
        "4:memory:/a/../../b",
        "4:memory:/" + "a" * 5000,
        "٤:memory:/a",
        "4:memory:/a\0b",
    ],
)
def test_a_line_that_is_none_is_passed_over(line):
    assert memberships(line + "\n5:pids:/b\n") == {"pids": "/b"}


@pytest.mark.parametrize(
    "line",
    [
        "32 31 0:29 / /a rw - cgroup",
        "32 31 0:29 / a rw - cgroup cgroup rw,cpu",
        "32 31 0:29 /../x /a rw - cgroup cgroup rw,cpu",
        "32 31 0:29 / /a - cgroup cgroup rw,cpu",
        "- cgroup cgroup rw,cpu",
        r"32 31 0:29 / /a\000 rw - cgroup cgroup rw,cpu",
        "32 31 0:29 / /a rw - cgroup3 cgroup rw,cpu",
        "32 31 0:29 / /a rw  cgroup cgroup rw,cpu",
    ],
)
def test_a_mount_that_is_none_is_passed_over(line):
    assert mounts(line) == ()


def test_more_lines_than_a_machine_has_are_not_read():
    assert len(mounts("32 31 0:29 / /a rw - cgroup2 c rw\n" * (MAX_LINES + 50))) == MAX_LINES
    assert memberships("\n" * (MAX_LINES + 50) + "4:memory:/a") == {}


PIECES = st.sampled_from(
    [
        "0::",
        "4:memory:",
        "/",
        "/..",
        "a",
        "-",
        " - ",
        "cgroup",
        "cgroup2",
        "rw,",
        "cpu",
        "\\040",
        "\\",
        "\n",
        " ",
        ":",
        ",",
    ]
)


@given(st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=60).map("".join)))
def test_no_text_makes_them_fail_or_leave_their_folder(text):
    for path in memberships(text).values():
        assert path.startswith("/")
        assert ".." not in path.split("/")
    for found in mounts(text):
        assert found.folder.is_absolute()
        for path in ("/", "/a/b", *memberships(text).values()):
            inside = found.holds(path)
            assert inside is None or inside.is_relative_to(found.folder)


WORD = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\0\\ :", exclude_categories=["Cs"]), min_size=1, max_size=8
)
PATH = st.lists(WORD.filter(lambda word: word not in (".", "..") and "/" not in word), max_size=4).map(
    lambda words: "/" + "/".join(words)
)


@given(st.dictionaries(st.sampled_from(["memory", "pids", "cpu", "name=x"]), PATH), PATH)
def test_what_a_kernel_writes_is_read_back(version_1, unified):
    text = "".join(f"{n + 2}:{name}:{path}\n" for n, (name, path) in enumerate(version_1.items())) + f"0::{unified}\n"
    assert memberships(text) == version_1 | {"": unified}


@given(PATH, PATH, st.sampled_from(["cpu", "memory", "cpu,cpuacct"]))
def test_a_mount_that_a_kernel_writes_is_read_back(root, folder, controllers):
    (found,) = mounts(
        f"35 31 0:32 {root} {folder} rw,nosuid master:1 propagate_from:2 - cgroup cgroup rw,{controllers}\n"
    )
    assert found == Mounted(1, frozenset(controllers.split(",")), root, Path(folder))
