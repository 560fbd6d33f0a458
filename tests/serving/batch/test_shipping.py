import fcntl
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import ProjectError
from nova_spi.serving.batch import shipping
from nova_spi.serving.batch.shipping import Unpacking, pack, pieces, used


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(["a", "b.txt", "dir/c", "dir/deep/d", "model/weights/w"]), st.binary(max_size=300)),
    st.integers(1, 200),
    st.integers(1, 100),
)
def test_a_project_arrives_as_it_was_whatever_the_pieces(tmp_path_factory, files, piece, cut):
    root = tmp_path_factory.mktemp("from")
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o755 if name == "a" else 0o644)
    before, shipping.PIECE = shipping.PIECE, piece
    try:
        stream = list(pack(root))
    finally:
        shipping.PIECE = before
    assert all(len(one) == piece for one in stream[:-1])
    target = tmp_path_factory.mktemp("to") / "project"
    unpacking = Unpacking(target)
    whole = b"".join(stream)
    for at in range(0, len(whole), cut):
        unpacking.write(whole[at : at + cut])
    unpacking.close()
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == files
    if "a" in files:
        assert (target / "a").stat().st_mode & 0o777 == 0o755


def test_what_is_not_the_models_stays_here(tmp_path):
    for name in ("model.py", "outputs/x", ".nova-spi/y", "results/z", "in.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    stream = b"".join(pack(tmp_path, (tmp_path / "results", tmp_path / "in.jsonl")))
    assert stream.count(b'"name"') == 1
    assert b'"model.py"' in stream


def unpack(target, stream):
    unpacking = Unpacking(target)
    try:
        unpacking.write(stream)
        unpacking.close()
    finally:
        unpacking.close(whole=False)


@pytest.mark.parametrize(
    "stream",
    [
        b'{"name": "../x", "mode": 420, "size": 0}\n',
        b'{"name": "/x", "mode": 420, "size": 0}\n',
        b'{"name": "x", "mode": 420, "size": -1}\n',
        b'{"name": "x", "mode": 420}\n',
        b"nonsense\n",
        b'{"name": "x", "mode": 420, "size": 5}\nabc',
        b'{"name": "x", "mo',
        b"[" * 70_000,
    ],
)
def test_a_stream_that_is_none_or_is_cut_off_is_refused(tmp_path, stream):
    with pytest.raises(ProjectError, match="not come whole"):
        unpack(tmp_path / "to", stream)
    assert list(tmp_path.iterdir()) == [tmp_path / "to"]


def test_pieces_are_all_the_bytes():
    assert list(pieces([])) == []
    assert b"".join(pieces([b"a" * 5, b"", b"b"])) == b"aaaaab"


def test_a_project_that_nobody_has_used_for_long_goes_and_one_in_use_stays(tmp_path):
    for name in ("old", "held", "new"):
        with used(tmp_path, name) as (place, _):
            place.mkdir()
    for name in ("old", "held"):
        os.utime(tmp_path / f"{name}.lock", (1, 1))
    with (tmp_path / "held.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with used(tmp_path, "another"):
            pass
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["held", "new"]
