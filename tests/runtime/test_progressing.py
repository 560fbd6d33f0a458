import pytest

from nova_spi_runtime import progress, progressing


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(progressing, "PAUSE", 0)


@pytest.mark.parametrize(
    ("fraction", "message", "line"),
    [
        (0.256, "reading", "progress 26%: reading"),
        (None, "reading\nmore", "progress: reading more"),
        (1, "", "progress 100%"),
        (-3, "", "progress 0%"),
        (float("inf"), "", "progress 100%"),
        (float("nan"), "", "progress"),
        (0.5, 7, "progress 50%: 7"),
    ],
)
def test_where_nobody_listens_progress_is_a_line_of_the_log(capsys, fraction, message, line):
    progress(fraction, message)
    assert capsys.readouterr().err == line + "\n"


def test_a_listener_hears_it_and_no_line_is_written(capsys):
    heard = []
    progressing.listen(lambda *report: bool(heard.append(report)) or True)
    try:
        progress(2.0, "a")
    finally:
        progressing.listen(None)
    assert heard == [(1.0, "a")]
    assert capsys.readouterr().err == ""


def test_what_comes_too_fast_is_left_out_but_not_the_end(monkeypatch):
    monkeypatch.setattr(progressing, "PAUSE", 60)
    monkeypatch.setattr(progressing, "_last", [(0.0, None)])
    heard = []
    progressing.listen(lambda *report: bool(heard.append(report)) or True)
    try:
        for step in range(1001):
            progress(step / 1000)
        progress(1)
    finally:
        progressing.listen(None)
    assert [share for share, _ in heard] == [0.0, 1.0]


def test_the_module_does_not_hide_the_function():
    import nova_spi_runtime.progressing as module

    assert module.progress is progress
