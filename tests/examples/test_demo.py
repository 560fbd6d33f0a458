"""`make demo`'s program."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console


@pytest.fixture
def demo(load: Any) -> Any:
    return load(".", "demo")


@pytest.mark.slow
def test_demo_creates_validates_runs_and_tests_and_shows_a_table(tmp_path: Path, examples: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(examples / "demo.py"), "--output", str(tmp_path / "kept")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for model in ("fresh-text-model", "text-sentiment", "image-ocr", "video-frame-interpolation"):
        assert (tmp_path / "kept" / model / "run" / "output.json").is_file()
        assert model in done.stdout
    for shown in ("HARBOUR FERRY", "interpolated_000.mp4", "positive", "all passed", str(tmp_path / "kept")):
        assert shown in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_model_that_cannot_be_loaded_is_a_failure_in_the_table(demo: Any, tmp_path: Path) -> None:
    story = demo.tell(demo.Model(tmp_path / "nothing", {}), tmp_path, Console(quiet=True))
    assert story.failure
    assert story.tests == "not reached"


def test_manifest_with_errors_is_a_failure_in_the_table(demo: Any, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "manifest.yml").write_text('spi_version: "1"\nmodel: {name: bad, version: 1, domain: smell}\n')
    assert demo.tell(demo.Model(tmp_path / "bad", {}), tmp_path, Console(quiet=True)).failure


def test_values_are_shown_on_one_short_line(demo: Any) -> None:
    assert demo.short("a\nb") == "a / b"
    assert demo.short([Path("/x/film_000.mp4")]) == "film_000.mp4"
    assert len(demo.short("long" * 100)) == demo.SHOWN
    assert demo.short({"positive": 0.752}) == '{"positive": 0.752}'


@pytest.mark.parametrize("width", [80, 100, 150])
def test_table_fits_the_terminal_and_keeps_names_whole(demo: Any, width: int) -> None:
    story = demo.Story("video", "video-frame-interpolation", {"words": ["[red]"]}, {"film": "y" * 200}, 1, 2, "3 of 3")
    console = Console(width=width, file=io.StringIO())
    console.print(demo.table([story], width))
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is the StringIO of the line above
    assert max(len(line) for line in text.splitlines()) <= width
    for shown in ("video-frame-interpolation", '["[red]"]', "3 of 3", "2.00 s"):
        assert shown in text
