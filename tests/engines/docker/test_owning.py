"""A run's files given to the user of its container, while somebody else works in the same folder."""

import os
import threading

import pytest

from nova_spi.engines.docker.owning import _give_tree


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_goes_meanwhile_is_passed_over(tmp_path, kind):
    over = threading.Event()

    def come_and_go():
        number = 0
        while not over.is_set():
            number += 1
            path = tmp_path / str(number % 50)
            path.mkdir() if kind == "folder" else path.touch()
            path.rmdir() if kind == "folder" else path.unlink()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for owner in (1000, 0) * 150:
            _give_tree(tmp_path, owner)
    finally:
        over.set()
        other.join()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    _give_tree(tmp_path, 1000)
    assert {path.stat().st_uid for path in (tmp_path, *tmp_path.rglob("*"))} == {1000}
