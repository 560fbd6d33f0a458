import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

import nova_spi
from nova_spi import (
    InputInvalid,
    ManifestUnreadable,
    ModelError,
    Project,
    QueueFull,
    RunTimeout,
    UsageError,
    WorkerCrashed,
    WorkerUnavailable,
)

MANIFEST = """spi_version: "1"
model: {name: many, version: 2.0.0, domain: text, description: Does many things.}
execution:
  entry_point: {callable: "many:Many"}
  timeout_seconds: 60
inputs:
  - {name: what, type: string, required: true}
  - {name: timeout, type: integer, default: 0}
outputs:
  - {name: text, type: string}
commands:
  typed:
    inputs: [{name: amount, type: decimal, required: true}, {name: command, type: string, default: ""}]
    outputs:
      - {name: amount, type: decimal}
      - {name: rows, type: array, items: {type: decimal}}
      - {name: half, type: float}
  pieces:
    inputs: [{name: count, type: integer, default: 3}]
    outputs: [{name: piece, type: string}]
  files:
    inputs: [{name: page, type: file, constraints: {max_files: 2}}]
    outputs: [{name: copies, type: file, file_pattern: "copy_*.txt"}]
  program:
    entry_point: {command: [python, program.py]}
    inputs: [{name: word, type: string, required: true}]
    outputs: [{name: word, type: string}]
"""
MODEL = """
import os, sys, time
from decimal import Decimal
from pathlib import Path

class Many:
    def setup(self):
        if Path("broken").exists():
            raise RuntimeError("no weights")

    def predict(self, what, timeout):
        print("asked:", what)
        if what == "raise":
            raise ValueError("as asked")
        if what == "exit":
            os._exit(3)
        if what.startswith("sleep"):
            time.sleep(float(what[5:]))
        return str(os.getpid()) if what == "pid" else f"{what}{timeout or ''}"

    def typed(self, amount, command):
        return {"amount": amount * 2, "rows": [amount], "half": 0.5}

    def pieces(self, count):
        for number in range(count):
            yield f"piece {number}"

    def files(self, page):
        found = []
        for number, path in enumerate(page or []):
            copy = Path(os.environ["SPI_OUTPUT_DIR"]) / f"{number}.txt"
            copy.write_text(path.read_text().upper())
            found.append(copy)
        return {"copies": found}
"""
PROGRAM = """import json, os
with open(os.environ["SPI_OUTPUT_FILE"], "w") as out:
    json.dump({"word": os.environ["INPUT_WORD"][::-1]}, out)
"""


@pytest.fixture
def project(tmp_path) -> Path:
    root = tmp_path / "many"
    root.mkdir()
    (root / "manifest.yml").write_text(MANIFEST)
    (root / "many.py").write_text(MODEL)
    (root / "program.py").write_text(PROGRAM)
    return root


@pytest.fixture
def model(project):
    with nova_spi.load(project) as model:
        yield model


@pytest.fixture(autouse=True)
def _daemons_of_the_session(monkeypatch):
    """Other tests of this process may have started some, which stay."""
    monkeypatch.setattr(sys.modules[__name__], "BEFORE", {process.pid for process in psutil.Process().children()})


BEFORE: set[int] = set()


def children() -> list[psutil.Process]:
    """What a test has started, and what runs below it, but for the machinery of Python's own that stays."""
    found = []
    for started in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if started.pid not in BEFORE and "resource_tracker" not in " ".join(started.cmdline()):
                found += [started, *started.children(recursive=True)]
    return found


def nothing_runs(seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while children() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not children()


def serving_folders(project: Path) -> list[Path]:
    return [path for path in (project / ".nova-spi/serving").iterdir() if path.is_dir()]


def test_a_loaded_model_answers_many_calls_in_one_process(model):
    assert model.predict(what="hi") == {"text": "hi"}
    assert len({model.predict(what="pid")["text"] for _ in range(3)}) == 1
    assert (model.version, model.commands[0], model.closed) == ("2.0.0", "run", False)
    assert repr(model) == "<model many 2.0.0>"


def test_every_keyword_is_an_input_whatever_its_name(model):
    assert model.predict(what="hi", timeout=7) == {"text": "hi7"}
    assert model.predict({"what": "hi"}, timeout=8) == {"text": "hi8"}
    assert model.command("typed").predict(amount="1", command="an input")["amount"] == 2


def test_values_come_back_with_their_types(model):
    found = model.command("typed").predict(amount=Decimal("1.10"))
    assert found == {"amount": Decimal("2.20"), "rows": [Decimal("1.10")], "half": 0.5}
    assert isinstance(found["rows"][0], Decimal)


def test_what_is_wrong_with_inputs_is_said_at_once(model):
    with pytest.raises(InputInvalid) as wrong:
        model.predict(wat="hi")
    assert {problem["path"] for problem in wrong.value.details["problems"]} == {"wat", "what"}


def test_inputs_without_a_name_are_refused_in_words(model):
    with pytest.raises(UsageError, match="by name"):
        model.predict("hi")


def test_a_failure_is_an_error_with_its_log_and_the_next_call_works(model):
    with pytest.raises(ModelError, match="as asked") as raised:
        model.predict(what="raise")
    assert "asked: raise" in raised.value.details["log"]
    with pytest.raises(WorkerCrashed):
        model.predict(what="exit")
    assert model.predict(what="hi") == {"text": "hi"}


def test_a_deadline_of_the_caller_ends_a_call(model):
    with pytest.raises(RunTimeout):
        model.command(timeout=0.5).predict(what="sleep600")
    assert model.predict(what="hi") == {"text": "hi"}


def test_an_unknown_command_names_those_that_are_there(model):
    with pytest.raises(UsageError, match=r"'type'.*typed") as unknown:
        model.command("type")
    assert "pieces" in unknown.value.mend


def test_threads_call_one_model(project):
    with nova_spi.load(project, workers=2) as model, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: model.predict(what=f"call {number}")["text"], range(200)))
    assert found == [f"call {number}" for number in range(200)]


def test_as_many_calls_run_at_once_as_there_are_workers(project):
    with nova_spi.load(project, workers=2) as model:
        slow = model.submit(what="sleep600")
        assert model.predict(what="hi") == {"text": "hi"}
        slow.cancel()


def test_a_future_that_is_cancelled_ends_its_call(model):
    slow = model.submit(what="sleep600")
    waiting = model.submit(what="never asked")
    while not model.health()["in_flight"]:
        time.sleep(0.01)
    assert waiting.cancel()
    assert slow.cancel()
    assert model.predict(what="hi") == {"text": "hi"}
    assert model.health()["in_flight"] == 0


def test_more_calls_than_may_wait_are_refused(project):
    with nova_spi.load(project, queue_size=1) as model:
        calls = [model.submit(what="sleep600") for _ in range(4)]
        with pytest.raises(QueueFull):
            calls[-1].result(60)
        for call in calls:
            call.cancel()


def test_a_program_with_an_event_loop_awaits_its_answers(model):
    async def both() -> list[dict[str, object]]:
        return await asyncio.gather(model.apredict(what="one"), model.apredict(what="two"))

    assert asyncio.run(both()) == [{"text": "one"}, {"text": "two"}]


def test_awaiting_that_is_given_up_ends_the_call(model):
    async def impatient() -> None:
        await asyncio.wait_for(model.apredict(what="sleep600"), 0.3)

    with pytest.raises(TimeoutError):
        asyncio.run(impatient())
    assert model.predict(what="hi") == {"text": "hi"}


def test_pieces_come_as_they_are_made(model):
    pieces = list(model.command("pieces").stream(count=3))
    assert pieces == [{"piece": f"piece {number}"} for number in range(3)]


def test_who_stops_to_listen_ends_the_call(model):
    for piece in model.command("pieces").stream(count=10**9):
        assert piece == {"piece": "piece 0"}
        break
    assert model.predict(what="hi") == {"text": "hi"}


def test_an_answer_that_comes_at_once_is_one_piece(model):
    assert list(model.stream(what="hi")) == [{"text": "hi"}]


def test_a_stream_that_fails_raises_after_its_pieces(model):
    with pytest.raises(ModelError):
        list(model.stream(what="raise"))


def test_a_program_is_run_anew_each_time(model):
    assert model.command("program").predict(word="abc") == {"word": "cba"}


def test_files_go_in_by_path_and_stay_until_the_model_is_closed(project, user):
    Path("page.txt").write_text("words")
    with nova_spi.load(project) as model:
        found = model.command("files").predict(page="page.txt")
        [copy] = found["copies"]
        assert (copy.name, copy.read_text()) == ("copy_0.txt", "WORDS")
        assert model.command("files").predict() == {}
    assert not copy.exists()
    assert Path("page.txt").read_text() == "words"


def test_files_go_where_they_are_wanted(model, tmp_path):
    pages = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for page in pages:
        page.write_text(page.stem)
    found = model.command("files", output=tmp_path / "out").predict(page=pages)
    assert found == {"copies": [tmp_path / "out/copy_0.txt", tmp_path / "out/copy_1.txt"]}
    assert [path.read_text() for path in found["copies"]] == ["A", "B"]


def test_files_that_cannot_go_there_are_an_error(model, tmp_path):
    (tmp_path / "out").write_text("a file")
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(nova_spi.ExecutionError, match="cannot be moved"):
        model.command("files", output=tmp_path / "out").predict(page=tmp_path / "a.txt")


def test_a_file_that_is_not_there_is_said(model):
    with pytest.raises(InputInvalid) as wrong:
        model.command("files").predict(page="missing.txt")
    assert "missing.txt" in wrong.value.message


def test_what_the_model_writes_is_heard(project):
    heard: list[bytes] = []
    stages: list[str] = []

    class Ear:
        def stage(self, name: str, detail: str = "") -> None:
            stages.append(name)

        def advance(self, done: int, total: int | None, unit: str) -> None: ...

        def warn(self, message: str) -> None: ...

        def log(self, chunk: bytes) -> None:
            heard.append(chunk)

    with nova_spi.load(project, progress=Ear()) as model:
        model.predict(what="hi")
    assert b"asked: hi" in b"".join(heard)
    assert stages[-1] == "load"


def test_a_closed_model_refuses_and_leaves_nothing(project):
    before = threading.active_count()
    model = nova_spi.load(project)
    assert model.health()["ready"]
    assert len(serving_folders(project)) == 1
    model.close()
    model.close()
    assert model.closed
    assert (nothing_runs(), threading.active_count(), serving_folders(project)) == (True, before, [])
    for refused in (lambda: model.predict(what="hi"), lambda: model.submit(what="hi"), model.health):
        with pytest.raises(UsageError, match="is closed"):
            refused()


def test_closing_ends_the_calls_that_are_there(project):
    model = nova_spi.load(project)
    calls = [model.submit(what="sleep600"), model.submit(what="waits")]
    model.close()
    for call in calls:
        assert isinstance(call.exception(10), nova_spi.ExecutionError)


def test_closing_and_calling_at_once_leaves_nobody_waiting(project):
    model = nova_spi.load(project)
    ended = 0

    def call() -> None:
        nonlocal ended
        try:
            while True:
                model.predict(what="hi")
        except (UsageError, nova_spi.ExecutionError):
            ended += 1

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    model.close()
    for thread in threads:
        thread.join(30)
    assert ended == 4


def test_a_forgotten_model_warns_and_ends(project):
    held = [nova_spi.load(project)]
    with pytest.warns(ResourceWarning, match="unclosed <model many 2.0.0>"):
        held.clear()
    assert nothing_runs()


def test_ctrl_c_ends_the_call_and_not_the_model(model):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(KeyboardInterrupt):
            model.predict(what="sleep600")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert model.predict(what="hi") == {"text": "hi"}


def test_a_forked_child_is_refused_and_takes_nothing_with_it(model):
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def child() -> None:
        try:
            model.predict(what="hi")
        except UsageError as error:
            answers.put(error.message)
        model.close()

    process = context.Process(target=child)
    process.start()
    assert "forked" in answers.get()
    process.join(20)
    assert process.exitcode == 0
    answers.close()
    assert model.predict(what="hi") == {"text": "hi"}


def test_a_model_that_cannot_be_loaded_is_an_error_and_leaves_nothing(project):
    manifest = project / "manifest.yml"
    restart = "execution:\n  restart: {max_retries: 0, backoff_seconds: 0}\n"
    manifest.write_text(MANIFEST.replace("execution:\n", restart))
    (project / "broken").touch()
    with pytest.raises(WorkerUnavailable, match="no weights"):
        nova_spi.load(project)
    assert (nothing_runs(), serving_folders(project)) == (True, [])


def test_what_is_not_there_cannot_be_loaded():
    with pytest.raises(ManifestUnreadable):
        nova_spi.load("nothing")


def test_a_project_is_loaded_as_it_is_saved(project):
    opened = Project.load(project)
    with opened.warm(workers=1, queue_size=5) as model:
        assert model.predict(what="hi") == {"text": "hi"}
    opened.set_metadata(version="3.0.0")
    with pytest.raises(UsageError, match="not saved"):
        opened.warm()


PROGRAM_THAT_ENDS = """
import os, sys, threading, nova_spi
model = nova_spi.load(sys.argv[1])
print(model.predict(what="pid")["text"], flush=True)
if sys.argv[2] == "busy":
    threading.Thread(target=lambda: model.predict(what="sleep600")).start()
if sys.argv[2] == "killed":
    os.kill(os.getpid(), 9)
if sys.argv[2] == "raise":
    raise SystemExit(4)
"""


@pytest.mark.parametrize(("how", "status"), [("end", 0), ("busy", 0), ("raise", 4), ("killed", -9)])
def test_a_program_that_ends_without_closing_leaves_nothing(project, how, status):
    words = [sys.executable, "-X", "dev", "-c", PROGRAM_THAT_ENDS, str(project), how]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status, done.stderr
    assert nothing_left_of(project)
    assert how == "killed" or not serving_folders(project)


def nothing_left_of(project: Path) -> bool:
    """No process works below the project any more."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        left = []
        for process in psutil.process_iter():
            try:
                if process.cwd().startswith(os.fspath(project)):
                    left.append(process)
            except psutil.Error:
                continue
        if not left:
            return True
        time.sleep(0.1)
    return False
