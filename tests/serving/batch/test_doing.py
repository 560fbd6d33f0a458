import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests_batch import Upper

from nova_spi.errors import UsageError
from nova_spi.interface.assembling import Text
from nova_spi.serving.batch.binding import alone

TEXTS = [{"text": f"item {number}"} for number in range(30)]


def state(tmp_path):
    return json.loads((tmp_path / "results" / "batch.json").read_bytes())


def test_results_stand_in_the_order_of_the_inputs_with_what_failed_beside(batch, lines, results, tmp_path):
    report = batch(lines(*TEXTS, {"text": "fail", "custom_id": "c"}, b"no json", b"", {"text": "last"}))
    found = results()
    assert [one["index"] for one in found] == list(range(33))
    assert [one["line"] for one in found] == [*range(1, 33), 34]
    assert found[0]["outputs"] == {"said": "ITEM 0"}
    assert found[30]["custom_id"] == "c"
    assert found[30]["error"]["details"]["log"] == "what it wrote"
    assert found[31]["error"]["code"] == "input.invalid"
    assert results("failures.jsonl") == found[30:32]
    assert not report.ok
    said = state(tmp_path)
    assert said["status"] == "complete"
    assert said["counts"] == {"total": 33, "succeeded": 31, "failed": 2, "left": 0}


def test_a_batch_that_is_done_does_nothing_again(batch, lines, results):
    place = lines(*TEXTS)
    batch(place)
    before = results()
    upper = Upper()
    report = batch(place, upper)
    assert (report.ok, report.done_now, upper.ran) == (True, 0, [])
    assert results() == before


def test_what_cannot_go_on_stops_and_the_same_command_goes_on(batch, lines, results):
    place = lines(*TEXTS[:10], {"text": "broken"}, *TEXTS[10:])
    stopped = batch(place, Upper(capacity=1))
    assert (stopped.error.error_code, stopped.state["status"], stopped.done_now) == ("model.error", "stopped", 10)

    class Mended(Upper):
        async def run(self, ask):
            self.ran.append(ask.item.index)
            return (
                await super().run(ask)
                if ask.item.index != 10
                else await super().run(type(ask)(ask.item, inputs=b'{"text":"m"}'))
            )

    mended = Mended(capacity=1)
    report = batch(place, mended)
    assert report.ok
    assert min(mended.ran) == 10
    assert [one["index"] for one in results()] == list(range(31))
    assert report.state["starts"] == 2


def test_so_many_failures_end_it_and_failed_items_run_again_where_asked(batch, lines, results):
    place = lines(*[{"text": "fail"}] * 5, *TEXTS)
    report = batch(place, Upper(capacity=1), max_failures=3)
    assert (report.error.error_code, len(results())) == ("batch.failures", 3)
    again = Upper(capacity=1)
    report = batch(place, again, retry_failed=True)
    assert again.ran == list(range(35))
    assert (report.error, report.state["counts"]["failed"]) == (None, 5)


@pytest.mark.parametrize("change", ["inputs", "model", "command", "shared"])
def test_another_batch_in_the_same_folder_is_an_error_that_says_how_to_begin_anew(
    batch, lines, project, results, change
):
    place = lines({"text": "a"})
    batch(place)
    options = {}
    if change == "inputs":
        lines({"text": "b"})
    elif change == "model":
        (project / "model.py").write_text("# another\n")
    elif change == "shared":
        options["shared"] = {"times": Text("2")}
    else:
        manifest = (project / "manifest.yml").read_text()
        assert manifest
        options["command"] = "whisper"
        (project / "manifest.yml").write_text(manifest + EXTRA)
    with pytest.raises(UsageError, match="another batch") as caught:
        batch(place, **options)
    assert {"shared": "share"}.get(change, change) in caught.value.why.lower()
    assert "--restart" in caught.value.mend
    assert batch(place, restart=True, **options).ok
    assert len(results()) == 1


EXTRA = """  whisper:
    description: Softly.
    entry_point: {callable: "model:say"}
    inputs: [{name: text, type: string, required: true, description: What to say}]
    outputs: [{name: said, type: string, required: true, description: The same again}]
"""


def test_a_folder_with_something_else_in_it_is_left_alone(batch, lines, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "files").mkdir()
    (tmp_path / "results" / "files" / "precious").write_text("x")
    for restart in (False, True):
        with pytest.raises(UsageError, match="no batch of ours"):
            batch(lines({"text": "a"}), restart=restart)
    assert (tmp_path / "results" / "files" / "precious").exists()


def test_results_never_go_over_the_project_or_the_inputs(batch, lines, project, tmp_path):
    place = lines({"text": "a"})
    with pytest.raises(UsageError, match="the project would be among them"):
        batch(place, output=project.parent)
    inside = tmp_path / "results"
    inside.mkdir()
    (inside / "results.jsonl").write_bytes(place.read_bytes())
    with pytest.raises(UsageError, match="the inputs would be among them"):
        batch(inside / "results.jsonl")


def test_results_may_stand_in_the_project_and_are_not_the_model(batch, lines, project):
    place = lines({"text": "a"}, {"text": "broken"})
    for _ in range(2):
        report = batch(place, Upper(capacity=1), output=project / "results")
        assert report.error.error_code == "model.error"


def test_two_at_once_in_one_folder_are_refused(batch, lines, tmp_path):
    with alone(tmp_path / "results"), pytest.raises(UsageError, match="Another batch works"):
        batch(lines({"text": "a"}))


def test_lines_come_from_standard_input_too_and_the_same_ones_go_on(batch, lines, results, monkeypatch, tmp_path):
    place = lines(*TEXTS[:5], {"text": "broken"})
    for _ in range(2):
        with place.open() as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            assert batch(Path("-"), Upper(capacity=1)).error is not None
    assert [one["index"] for one in results()] == [0, 1, 2, 3, 4]
    with lines({"text": "other"}).open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(UsageError, match="another batch"):
            batch(Path("-"))


def test_no_items_are_a_batch_that_is_done(batch, lines, results):
    assert batch(lines()).ok
    assert results() == []


def test_the_first_signal_lets_what_runs_come_to_its_end(batch, lines, results):
    def end(ask):
        if ask.item.index == 5:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()

    report = batch(lines(*TEXTS), Upper(capacity=2, seconds=0.2, before=end))
    assert (report.signal, report.state["status"]) == (signal.SIGTERM, "interrupted")
    assert len(results()) in (6, 7)
    assert batch(lines(*TEXTS)).ok
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


PROGRAM = """
import sys, json, os, random
from contextlib import contextmanager
from pathlib import Path
sys.path[:0] = {path!r}
from tests_batch import Upper
from nova_spi.project.folder import open_folder
from nova_spi.serving.batch.doing import run_batch
from nova_spi.serving.batch.order import Order
from nova_spi.settings import Settings

seen = os.open({seen!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

@contextmanager
def running(*_):
    yield Upper(capacity=4, seconds=0.001, before=lambda ask: os.write(seen, b"%d\\n" % ask.item.index))

root = Path({project!r})
order = Order(open_folder(root), Path({inputs!r}), output=Path({output!r}), settings=Settings.load(root))
report = run_batch(order, running=running)
"""


def test_killed_at_any_moment_and_again_it_loses_none_and_records_none_twice(batch, lines, project, results, tmp_path):
    """Whenever it was killed, no item with a line runs again, and the end is that of a quiet run."""
    place = lines(*[{"text": f"item {number}"} for number in range(1500)])
    seen, output = tmp_path / "seen", tmp_path / "results"
    program = PROGRAM.format(
        path=[str(Path(__file__).parent)], seen=str(seen), project=str(project), inputs=str(place), output=str(output)
    )
    rounds = random.Random(7)
    for round_ in range(100):
        before = recorded(output)
        seen.write_bytes(b"")
        child = subprocess.Popen([sys.executable, "-c", program])
        if round_ % 3:  # in the middle of the work, else at any moment of the start
            grown(output, len(before) + rounds.randint(1, 300), child)
        else:
            time.sleep(rounds.uniform(0.05, 0.7))
        child.kill()
        child.wait()
        assert before.isdisjoint(int(one) for one in seen.read_bytes().split())
        assert before <= recorded(output)
        if len(before) == 1500:
            break
    assert round_ > 5
    assert batch(place).ok
    interrupted = [(one["index"], one["outputs"]) for one in results()]
    batch(place, restart=True)
    assert interrupted == [(one["index"], one["outputs"]) for one in results()]
    assert [index for index, _ in interrupted] == list(range(1500))


def grown(output, count, child):
    while child.poll() is None and len(recorded(output)) < count:
        time.sleep(0.001)


def recorded(output):
    try:
        whole = (output / "results.jsonl").read_bytes()
    except FileNotFoundError:
        return set()
    return {json.loads(one)["index"] for one in whole.splitlines(keepends=True) if one.endswith(b"\n")}


def test_a_disk_that_is_full_stops_it_and_with_room_it_goes_on(lines, project, batch, results, tmp_path):
    place = lines(*[{"text": "x" * 100} for number in range(300)])
    output = tmp_path / "results"
    program = PROGRAM.format(
        path=[str(Path(__file__).parent)], seen=os.devnull, project=str(project), inputs=str(place), output=str(output)
    )
    full = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n" + program
    done = subprocess.run(
        [sys.executable, "-c", full + "\nprint(report.error.error_code, report.error.why)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("run.output File too large")
    assert 0 < len(results()) < 300
    assert batch(place).ok
    assert [one["index"] for one in results()] == list(range(300))


@pytest.mark.slow
def test_many_items_need_no_more_memory_than_few(lines, project, results, tmp_path):
    """200,000 lines, of which none stays in memory: a bit for each, and nothing else."""
    peaks = []
    for count in (20_000, 200_000):
        place = lines(*[b'{"text":"%d"}' % number for number in range(count)], name=f"{count}.jsonl")
        program = PROGRAM.replace(", seconds=0.001", "").format(
            path=[str(Path(__file__).parent)],
            seen=os.devnull,
            project=str(project),
            inputs=str(place),
            output=str(tmp_path / f"results-{count}"),
        )
        measured = "\nprint(report.ok, next(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line))"
        done = subprocess.run([sys.executable, "-c", program + measured], capture_output=True, text=True, check=True)
        ok, peak = done.stdout.split()
        assert ok == "True"
        peaks.append(int(peak) / 1024)
        assert (tmp_path / f"results-{count}" / "results.jsonl").read_bytes().count(b"\n") == count
    assert peaks[1] - peaks[0] < 10, f"{peaks} MiB"
