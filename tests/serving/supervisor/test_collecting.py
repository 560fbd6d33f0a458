"""Taking files out of a folder that somebody else changes meanwhile."""

import os
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.errors import OutputInvalid
from nova_spi.serving.collecting import Collecting
from nova_spi.serving.plan import ServedCommand
from nova_spi_runtime.parameters import Parameter

SECRET = "what only the host may read"


def command(**rules):
    parameter = Parameter.from_dict({"name": "files", "type": "file"} | rules)
    return ServedCommand("run", "", True, (), (parameter,), 10.0, True)


@pytest.fixture
def folders(tmp_path):
    """The model's folder with one of a call, the folder of ours, and a file of the host."""
    own = tmp_path / "work" / "calls" / "7"
    own.mkdir(parents=True)
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "secret.txt").write_text(SECRET)
    return own, tmp_path / "store" / "id", tmp_path / "host"


def collect(own, target, names, **rules):
    collecting = Collecting(own.parents[1], ("calls", "7"), target)
    return collecting.collect(command(**rules), {"files": names})


def refused(own, target, names, **rules):
    with pytest.raises(OutputInvalid) as found:
        collect(own, target, names, **rules)
    assert not target.exists()
    return found.value.message


def test_files_are_moved_with_their_folders(folders):
    own, target, _ = folders
    (own / "outputs").mkdir()
    (own / "outputs" / "a.txt").write_text("a")
    (own / "b.txt").write_text("bb")
    plain, files = collect(own, target, ["outputs/a.txt", "b.txt"])
    assert plain == {"files": ["outputs/a.txt", "b.txt"]}
    assert [(file.path.read_text(), file.size) for file in files["files"]] == [("a", 1), ("bb", 2)]
    assert [file.path for file in files["files"]] == [target / "outputs" / "a.txt", target / "b.txt"]
    assert not (own / "b.txt").exists()


def test_nothing_but_a_regular_file_is_taken(folders):
    own, target, host = folders
    (own / "link").symlink_to(host / "secret.txt")
    (own / "folder").mkdir()
    os.mkfifo(own / "pipe")
    (own / "way").symlink_to(host)
    listener = socket.socket(socket.AF_UNIX)
    here = os.open(own, os.O_RDONLY)
    listener.bind(f"/proc/self/fd/{here}/socket")
    for name in (
        "link",
        "folder",
        "pipe",
        "socket",
        "way/secret.txt",
        "missing",
        "../../../host/secret.txt",
        "",
        "\ud800",
    ):
        refused(own, target, [name])
    refused(own, target, [str(host / "secret.txt")])
    listener.close()
    os.close(here)
    assert (host / "secret.txt").read_text() == SECRET


def test_a_file_that_has_another_name_is_copied(folders):
    own, target, _ = folders
    (own / "a.txt").write_text("then")
    (own.parent / "kept").hardlink_to(own / "a.txt")
    _, files = collect(own, target, "a.txt")
    (own.parent / "kept").write_text("later")
    assert files["files"][0].path.read_text() == "then"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"file_pattern": "*.png"}, "does not meet the file_pattern"),
        ({"constraints": {"min_files": 3}}, "min_files is 3"),
        ({"constraints": {"max_files": 1}}, "max_files is 1"),
        ({"constraints": {"min_size_bytes": 10}}, "min_size_bytes is 10"),
        ({"constraints": {"max_size_bytes": 2}}, "max_size_bytes is 2"),
    ],
)
def test_the_rules_of_the_manifest_hold(folders, rules, words):
    own, target, _ = folders
    (own / "a.txt").write_text("abc")
    (own / "b.txt").write_text("abc")
    assert words in refused(own, target, ["a.txt", "b.txt"], **rules)


def test_a_name_twice_and_what_is_no_list_are_refused(folders):
    own, target, _ = folders
    (own / "a.txt").write_text("abc")
    refused(own, target, ["a.txt", "a.txt"])
    refused(own, target, {"a.txt": 1})
    refused(own, target, [1])


@given(st.lists(st.text(max_size=20), max_size=4))
def test_no_name_leads_anywhere_else(tmp_path_factory, names):
    base = tmp_path_factory.mktemp("any")
    own = base / "work" / "calls" / "7"
    own.mkdir(parents=True)
    try:
        _, files = collect(own, base / "target", names)
    except OutputInvalid:
        assert not (base / "target").exists()
    else:
        assert names == []
        assert files == {"files": ()}


def test_a_model_that_swaps_folders_and_files_for_links_gets_no_file_of_the_host(folders, tmp_path):
    """It does so as fast as it can, while we collect; what comes out is its own file or nothing."""
    own, _, host = folders
    stop = threading.Event()

    def swap():
        number = 0
        while not stop.is_set():
            number += 1
            try:
                folder = own / "outputs"
                spare = own / f"spare{number}"
                spare.mkdir()
                (spare / "secret.txt").write_text("the model's own")
                if folder.is_symlink():
                    folder.unlink()
                elif folder.exists():
                    folder.rename(own / f"old{number}")
                spare.rename(folder)
                (folder / "secret.txt").unlink()
                (folder / "secret.txt").symlink_to(host / "secret.txt")
                folder.rename(own / f"gone{number}")
                folder.symlink_to(host)
            except OSError:
                continue

    thread = threading.Thread(target=swap)
    thread.start()
    taken = 0
    try:
        for attempt in range(3000):
            try:
                _, files = collect(own, tmp_path / "store" / str(attempt), ["outputs/secret.txt"])
            except OutputInvalid:
                continue
            taken += 1
            path = files["files"][0].path
            assert not path.is_symlink()
            assert path.read_text() in ("the model's own", "")
    finally:
        stop.set()
        thread.join()
    assert (host / "secret.txt").read_text() == SECRET
    assert not [path for path in Path(tmp_path / "store").rglob("*") if path.is_symlink()]


def test_a_hole_of_a_file_with_two_names_is_not_copied(folders):
    own, target, _ = folders
    with (own / "a.txt").open("wb") as large:
        large.write(b"begin")
        large.seek(1 << 38)
        large.write(b"end")
        large.truncate(1 << 39)
    os.link(own / "a.txt", own / "other")
    _, files = collect(own, target, ["a.txt"])
    found = files["files"][0]
    status = found.path.stat()
    assert (found.size, status.st_size) == (1 << 39, 1 << 39)
    assert status.st_blocks * 512 < 1 << 20
    with found.path.open("rb") as copy:
        assert copy.read(6) == b"begin\0"
        copy.seek(1 << 38)
        assert copy.read(4) == b"end\0"


def test_the_content_of_a_copy_is_that_of_the_file(folders):
    own, target, _ = folders
    content = os.urandom(3_000_000)
    (own / "a.bin").write_bytes(content)
    os.link(own / "a.bin", own / "b")
    assert collect(own, target, ["a.bin"])[1]["files"][0].path.read_bytes() == content


def test_what_a_file_is_is_told_where_it_is_taken(folders):
    own, target, _ = folders
    (own / "a.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
    (own / "b.txt").write_text("b")
    _, files = collect(own, target, ["a.txt", "b.txt"])
    assert [file.media_type for file in files["files"]] == ["image/png", "text/plain"]
