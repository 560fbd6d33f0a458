import time

import pytest

from nova_spi.cli import showing
from nova_spi.cli.showing import Showing, amount
from nova_spi.cli.state import State


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(showing, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(showing, "NEWS_SECONDS", 0.05)
    monkeypatch.setattr(showing, "SIGN_OF_LIFE_SECONDS", 0.15)


def wait_for(text, capsys, seconds=10):
    seen, deadline = "", time.monotonic() + seconds
    while text not in seen:
        assert time.monotonic() < deadline, seen
        time.sleep(0.01)
        seen += capsys.readouterr().err
    return seen


def test_outside_a_terminal_a_stage_that_is_over_soon_is_not_told(capsys):
    with Showing(State()) as progress:
        for name in ("prepare", "environment", "run"):
            progress.stage(name)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("quick")
def test_a_stage_that_lasts_is_a_plain_line_even_where_nothing_advances(capsys):
    with Showing(State()) as progress:
        progress.stage("environment", "Collecting numpy")
        assert wait_for("...", capsys) == "environment: Collecting numpy ...\n"
        progress.stage("environment", "Installing numpy")
        assert "environment: Installing numpy ...\n" in wait_for("Installing", capsys)
        assert "Installing numpy, for 0 s" in wait_for(", for", capsys)


@pytest.mark.usefixtures("quick")
def test_a_download_says_how_many_bytes_have_come(capsys):
    with Showing(State()) as progress:
        progress.stage("assets", "weights")
        progress.advance(12_300_000, 35_800_000, "bytes")
        wait_for("assets: weights (12.3 of 35.8 MB) ...", capsys)


@pytest.mark.usefixtures("quick")
def test_a_test_case_stands_before_its_stages(capsys):
    with Showing(State(verbosity=1)) as progress:
        progress.stage("case", "first")
        progress.stage("run")
        progress.stage("case", "second")
        progress.stage("run")
    assert capsys.readouterr().err == "first: run\nsecond: run\n"


@pytest.mark.usefixtures("quick")
def test_silent_is_silent_whatever_happens(capsys):
    with Showing(State(silent=True, verbosity=2)) as progress:
        progress.stage("environment", "Collecting numpy")
        progress.advance(1, 2, "bytes")
        progress.warn("a remark")
        progress.log(b"a line\n")
        time.sleep(0.2)
    assert capsys.readouterr() == ("", "")


def test_a_log_cannot_command_the_terminal_and_characters_may_come_in_pieces(capsys):
    with Showing(State(verbosity=1)) as progress:
        for chunk in (b"caf\xc3", b"\xa9 \x1b[2J\x1b]0;evil\x07\r\n", b"10 %\r20 %\r\n\xff\n"):
            progress.log(chunk)
    assert capsys.readouterr().err == "café \\x1b[2J\\x1b]0;evil\\x07\n10 %\n20 %\n\ufffd\n"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ((1_000_000, None, "bytes"), "1.0 MB"),
        ((2_500, 35_800_000, "bytes"), "0.0 of 35.8 MB"),
        ((2_500, 12_300, "bytes"), "2.5 of 12.3 kB"),
        ((3, 8, "files"), "3 of 8 files"),
        ((3, None, "files"), "3 files"),
    ],
)
def test_amounts_are_written_for_people(given, shown):
    assert amount(*given) == shown
