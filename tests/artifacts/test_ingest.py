"""What is coming into a layout goes with its writer, and of one that was killed with the next that comes."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nova_spi.artifacts.ingest import coming_file, coming_folder, sweep

WRITER = """
import sys, time
from pathlib import Path
from nova_spi.artifacts.ingest import coming_file, coming_folder
folder = Path(sys.argv[1])
with coming_file(folder) as stream, coming_folder(folder) as scratch:
    stream.write(b"half")
    (scratch / "work").mkdir()
    (scratch / "work" / "half").write_bytes(b"half")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_what_is_being_written_is_not_swept_and_goes_with_its_writer(tmp_path):
    with coming_file(tmp_path) as stream, coming_folder(tmp_path) as scratch:
        sweep(tmp_path)
        assert stream.name
        assert {path.name for path in tmp_path.iterdir()} == {Path(stream.name).name, scratch.name}
    assert not list(tmp_path.iterdir())


def test_what_a_killed_writer_left_goes_and_what_can_be_taken_up_again_stays(tmp_path):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"ready\n"
        (tmp_path / "sha256-1.part").write_bytes(b"half")
        sweep(tmp_path)
        assert len(list(tmp_path.iterdir())) == 3
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sha256-1.part"]


def test_a_link_in_it_is_not_followed(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "ingest"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    folder.mkdir()
    (folder / "new-link").symlink_to(outside)
    sweep(folder)
    assert (outside / "kept").read_text() == "kept"


def test_where_there_is_nothing_to_sweep_nothing_happens(tmp_path):
    sweep(tmp_path / "missing")


def test_an_error_of_the_writer_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="told"), coming_file(tmp_path), coming_folder(tmp_path):
        raise ValueError("told")
    assert not list(tmp_path.iterdir())
