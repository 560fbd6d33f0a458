import math
import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.engines.port import Job, Limits
from nova_spi.serving.plan import Slot
from nova_spi.serving.slots import SMALL, renew


@pytest.fixture
def slot(tmp_path) -> Slot:
    return made(tmp_path)


def made(place: Path, *, socket: bool = False) -> Slot:
    """A slot with a small model's folder."""
    pristine, folder = place / "pristine", place / "workers" / "0"
    for each in (pristine / "code", folder, place / "calls" / "0", place / "outside"):
        each.mkdir(parents=True)
    (place / "outside" / "treasure.txt").write_text("mine")
    (pristine / "model.py").write_text("print('hello')")
    (pristine / "code" / "run.sh").write_text("#!/bin/sh")
    (pristine / "code" / "run.sh").chmod(0o755)
    (pristine / "weights").symlink_to(place / "outside")
    variables = {"HOME": str(folder / "scratch"), "TMPDIR": str(folder / "scratch" / "tmp")}
    job = Job(("python",), folder, folder / "work", variables, folder / "log.txt", Limits(math.inf))
    return Slot(
        job, pristine, folder / "work", place / "calls" / "0", "/calls", place / "s" / "0" / "w" if socket else None
    )


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """What is in a folder: kinds, modes, contents and targets of links."""
    found: dict[str, tuple[object, ...]] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_dir():
            found[name] = ("folder", mode)
        else:
            found[name] = ("file", mode, path.read_bytes())
    return found


def test_a_life_begins_with_a_copy_of_what_was_prepared(slot):
    renew(slot)
    assert tree(slot.work) == tree(slot.pristine)
    assert (slot.work / "weights" / "treasure.txt").read_text() == "mine"
    assert stat.S_IMODE(Path(slot.job.variables["TMPDIR"]).stat().st_mode) == 0o700


def test_what_a_life_has_left_is_gone_in_the_next(slot):
    renew(slot)
    (slot.work / "left.txt").write_text("of the last life")
    (slot.work / "model.py").write_text("changed")
    (slot.job.folder / "scratch" / "cache").write_text("x")
    (slot.job.log).write_text("x")
    (slot.calls / "1").mkdir()
    renew(slot)
    assert tree(slot.work) == tree(slot.pristine)
    assert list(slot.calls.iterdir()) == []
    assert not slot.job.log.exists()
    assert sorted(path.name for path in slot.job.folder.parent.iterdir()) == ["0"]


def test_a_copy_shares_no_content_with_what_was_prepared(slot):
    (slot.pristine / "large.bin").write_bytes(b"a" * (SMALL + 1))
    renew(slot)
    for name in ("large.bin", "model.py"):
        (slot.work / name).write_bytes(b"changed")
        assert (slot.pristine / name).read_bytes() != b"changed"


def test_a_leftover_of_the_last_life_reaches_nothing_of_the_next(tmp_path):
    slot = made(tmp_path, socket=True)
    renew(slot)
    folders = [slot.work, slot.calls, slot.job.folder, slot.socket.parent]
    held = [os.open(folder, os.O_PATH) for folder in folders]
    renew(slot)
    (slot.calls / "secret.txt").write_text("of the next life")
    try:
        for handle, folder in zip(held, folders, strict=True):
            assert os.fstat(handle).st_ino != folder.stat().st_ino
            with pytest.raises(FileNotFoundError):
                os.open("secret.txt", os.O_RDONLY, dir_fd=handle)
    finally:
        for handle in held:
            os.close(handle)


def test_links_that_a_model_has_made_are_removed_and_never_followed(slot, tmp_path):
    outside = tmp_path / "outside"
    renew(slot)
    (slot.work / "way-out").symlink_to(outside)
    (slot.work / "code" / "run.sh").unlink()
    (slot.work / "code" / "run.sh").symlink_to(outside / "treasure.txt")
    (slot.job.folder / "scratch" / "tmp").rmdir()
    (slot.job.folder / "scratch" / "tmp").symlink_to(outside)
    renew(slot)
    assert (outside / "treasure.txt").read_text() == "mine"
    assert tree(slot.work) == tree(slot.pristine)


@pytest.mark.parametrize("name", ["work", "scratch"])
def test_a_link_in_the_place_of_a_whole_folder_leads_nowhere(slot, tmp_path, name):
    renew(slot)
    (slot.job.folder / name).rename(slot.job.folder / "elsewhere")
    (slot.job.folder / name).symlink_to(tmp_path / "outside")
    renew(slot)
    assert (tmp_path / "outside" / "treasure.txt").read_text() == "mine"
    assert not (slot.job.folder / name).is_symlink()
    assert tree(slot.work) == tree(slot.pristine)


def test_a_folder_that_is_too_deep_or_closed_goes_too(slot):
    renew(slot)
    subprocess.run(
        ["sh", "-c", "for i in $(seq 1200); do mkdir -p aaaaaaaa && cd -P aaaaaaaa; done; mkdir -m 0 closed"],
        cwd=slot.work,
        check=True,
    )
    renew(slot)
    assert tree(slot.work) == tree(slot.pristine)
    assert sorted(path.name for path in slot.job.folder.parent.iterdir()) == ["0"]


def test_the_folder_of_a_socket_is_new_and_empty_and_nobody_can_list_it(tmp_path):
    slot = made(tmp_path, socket=True)
    for _ in range(2):
        renew(slot)
        assert stat.S_IMODE(slot.socket.parent.stat().st_mode) == 0o711
        assert not slot.socket.exists()
        slot.socket.touch()


def test_folders_are_open_to_the_user_of_a_container_whatever_the_umask_is(slot):
    before = os.umask(0o077)
    try:
        renew(slot)
    finally:
        os.umask(before)
    for folder in (slot.job.folder, slot.calls, slot.work):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o055 == 0o055


def test_without_what_was_prepared_the_error_says_so(slot):
    subprocess.run(["rm", "-r", slot.pristine], check=True)
    with pytest.raises(FileNotFoundError, match="pristine"):
        renew(slot)


NAMES = st.text("abc.é ", min_size=1, max_size=6).filter(lambda name: name.strip(".") != "")
TREES = st.recursive(
    st.tuples(st.binary(max_size=64), st.sampled_from([0o644, 0o755, 0o400, 0o444])) | st.text("ab/.", min_size=1),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def grow(place: Path, what: object) -> None:
    if isinstance(what, dict):
        place.mkdir()
        for name, inner in what.items():
            grow(place / name, inner)
    elif isinstance(what, str):
        place.symlink_to(what)
    else:
        place.write_bytes(what[0])
        place.chmod(what[1])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.dictionaries(NAMES, TREES, max_size=4))
def test_any_folder_is_copied_as_it_is(tmp_path_factory, content):
    slot = made(tmp_path_factory.mktemp("slot"))
    grow(slot.pristine / "grown", content)
    renew(slot)
    assert tree(slot.work) == tree(slot.pristine)
