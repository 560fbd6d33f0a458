"""Models that do what no model should: each has its typed error, its log, and leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from nova_spi.errors import RunCancelled


def no_process_of(made):
    """Nothing that works below the project's runs is alive."""
    for process in psutil.process_iter(["cwd", "cmdline"]):
        where = process.info["cwd"] or ""
        words = " ".join(process.info["cmdline"] or ())
        assert str(made.root) not in where + words, process


def failed(made, code, **options):
    options.setdefault("inputs", {"prompt": "x"})
    result = made(**options)
    assert result.error is not None
    assert result.error.error_code == code, (result.error.to_dict(), result.log_text())
    assert not result.ok
    record = json.loads((result.folder / "run.json").read_text())
    assert record["error"]["code"] == code
    assert record["status"] == ("cancelled" if code == "run.cancelled" else "failed")
    assert record["finished_at"]
    assert result.log.is_file()
    assert not (result.folder / "work").exists()
    assert not (result.folder / "scratch").exists()
    no_process_of(made)
    return result


def test_one_that_raises_shows_its_own_frames(model):
    manifest = """
        inputs: [{name: prompt, type: string}]
        outputs: [{name: said, type: string}]
        execution: {entry_point: {callable: "code_of:say"}}
    """
    made = model(manifest, code_of="def say(prompt):\n    return inner(prompt)\n\n\ndef inner(x):\n    return {}[x]\n")
    result = failed(made, "model.error")
    trace = result.error.details["traceback"]
    assert "in inner" in trace
    assert "nova_spi_runtime" not in trace
    assert "KeyError" in result.error.message
    assert "KeyError" in result.log_text()


def test_one_that_raises_as_a_plain_program(program):
    result = failed(program("print('so far')\nraise ValueError('no')"), "worker.crashed")
    assert result.error.details["exit_code"] == 1
    assert "so far" in result.log_text()
    assert "ValueError: no" in result.log_text()


@pytest.mark.parametrize("status", [1, 3, 137, 139, 143])
def test_one_that_exits_by_os_exit(program, status):
    result = failed(program(f"import os; print('bye', flush=True); os._exit({status})"), "worker.crashed")
    assert result.error.details["exit_code"] == status
    assert result.log_text() == "bye\n"


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT"])
def test_one_that_is_killed(program, name):
    source = f"import os, signal; print('bye', flush=True); os.kill(os.getpid(), signal.{name})"
    result = failed(program(source), "worker.crashed")
    assert result.error.details["signal"] == name
    assert name in result.error.message
    assert result.record["exit"]["signal"] == name


def test_one_that_ends_well_and_gives_nothing(program):
    result = failed(program("pass"), "output.missing")
    assert result.error.details["missing"] == ["said"]


def test_one_that_prints_forever_is_capped_and_ended(program):
    result = failed(program("while True: print('x' * 1_000_000)"), "run.timeout", timeout=3.0)
    assert result.log.stat().st_size < 11 * 1024 * 1024
    assert result.record["log"]["truncated"]


def test_one_that_ignores_sigterm(program):
    source = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("still here", flush=True)
        while True:
            time.sleep(1)
    """
    begun = time.monotonic()
    result = failed(program(source), "run.timeout", timeout=0.7)
    assert time.monotonic() - begun < 8
    assert "still here" in result.log_text()


def test_one_that_leaves_children_behind(program):
    source = """
        import json, os, subprocess, sys, time
        for session in (False, True):
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=session)
        json.dump({"said": "x"}, open(os.environ["SPI_OUTPUT_FILE"], "w"))
    """
    made = program(source)
    result = made(inputs={"prompt": "x"}).raise_for_error()
    no_process_of(made)
    assert result.record["leftovers"] == 2
    assert "processes behind" in result.warnings[0]


def test_one_that_writes_more_than_its_disk(program):
    source = """
        import time
        print("writing", flush=True)
        for number in range(10_000):
            with open(f"outputs/f{number}", "wb") as file:
                file.write(bytes(1 << 20))
            time.sleep(0.01)
    """
    manifest = "inputs: []\noutputs: []\nexecution: {resources: {disk: 8Mi}, timeout_seconds: 60}\n"
    result = failed(program(source, manifest), "worker.out_of_disk", inputs={})
    assert "writing" in result.log_text()


def test_one_that_uses_more_than_its_memory(program):
    source = """
        import time
        held = []
        while True:
            held.append(bytearray(4 << 20))
            time.sleep(0.005)
    """
    manifest = "inputs: []\noutputs: []\nexecution: {resources: {memory: 128Mi}, timeout_seconds: 60}\n"
    result = failed(program(source, manifest), "worker.out_of_memory", inputs={})
    assert result.record["usage"]["peak_memory_bytes"] > 100 << 20


@pytest.mark.parametrize(
    "deed",
    [
        "open(os.path.join(project, 'run.py'), 'a').write('# mine')",
        "open(os.path.join(project, 'new.txt'), 'w').write('mine')",
        "os.unlink(os.path.join(project, 'data.txt'))",
        "open('big.bin', 'r+b').write(b'x')",
    ],
)
def test_one_that_writes_into_the_project(program, deed):
    source = f"""
        import json, os
        project = os.environ["SPI_WORK_DIR"].split("/.nova-spi/")[0]
        {deed}
        json.dump({{"said": "x"}}, open(os.environ["SPI_OUTPUT_FILE"], "w"))
    """
    made = program(source)
    made.write("data.txt", "data")
    with (made.root / "big.bin").open("wb") as stream:
        stream.truncate(9 * 1024 * 1024)
    out = made.root.parent / "out"
    if "big.bin" in deed:
        work = made(inputs={"prompt": "x"}, keep=True).folder / "work"
        if not (work / "big.bin").is_symlink():
            pytest.skip("the file system shares blocks: a large file is a clone and cannot be changed")
        with (made.root / "big.bin").open("r+b") as stream:
            stream.write(b"\0")
    result = failed(made, "run.project_modified", output=out)
    assert len(result.error.details["files"]) == 1
    assert result.error.details["files"][0] in result.error.message
    assert not out.exists()
    assert result.outputs == {"said": "x"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "output.invalid"),
        ("[]", "output.invalid"),
        ('{"said": 3}', "output.invalid"),
        ('{"said": "a", "said": "b"}', "output.invalid"),
        ('{"said": NaN}', "output.invalid"),
        ("[" * 200_000, "output.invalid"),
        ("{}", "output.missing"),
        ('{"said": null}', "output.missing"),
        ('{"other": "x"}', "output.missing"),
    ],
)
def test_one_whose_output_is_no_output(program, content, code):
    made = program(f"import os; open(os.environ['SPI_OUTPUT_FILE'], 'w').write({content!r})")
    out = made.root.parent / "out"
    failed(made, code, output=out)
    assert not out.exists()


def test_one_whose_output_is_not_utf8_or_endless(program):
    made = program("import os; open(os.environ['SPI_OUTPUT_FILE'], 'wb').write(b'{\"said\": \"\\xff\"}')")
    assert "UTF-8" in failed(made, "output.invalid").error.message
    made.write("run.py", "import os; open(os.environ['SPI_OUTPUT_FILE'], 'wb').truncate(100 << 20)")
    assert "larger than" in failed(made, "output.invalid").error.message


def test_an_output_that_is_not_declared_is_left_out_with_a_warning(program):
    made = program("import os; open(os.environ['SPI_OUTPUT_FILE'], 'w').write('{\"said\": \"x\", \"more\": 1}')")
    result = made(inputs={"prompt": "x"}).raise_for_error()
    assert result.outputs == {"said": "x"}
    assert "'more'" in result.warnings[0]


def test_one_that_claims_another_kind_of_error(program):
    source = """
        import json, os, sys
        json.dump({"code": "run.timeout", "message": "not me"}, open(os.environ["SPI_ERROR_FILE"], "w"))
        sys.exit(124)
    """
    result = failed(program(source), "model.error")
    assert result.error.details["reported_code"] == "run.timeout"


@pytest.mark.parametrize(
    "deed",
    [
        "shutil.rmtree(work)",
        "shutil.rmtree(run)",
        "os.symlink('/etc', run + '/outputs')",
        "os.symlink('/etc/passwd', run + '/run.json.' + str(os.getppid()) + '.new')",
        "os.mkfifo(work + '/outputs/output.json')",
        "os.symlink('/etc/passwd', work + '/outputs/output.json')",
        "os.mkdir(work + '/outputs/output.json')",
        "shutil.rmtree(work + '/outputs'); os.symlink('/etc', work + '/outputs')",
        "os.mkfifo(work + '/outputs/error.json')",
        "os.chmod(work, 0)",
    ],
)
def test_one_that_spoils_its_own_run(program, deed):
    source = f"""
        import os, shutil
        work = os.environ["SPI_WORK_DIR"]
        run = os.path.dirname(work)
        {deed}
    """
    result = program(source)(inputs={"prompt": "x"})
    assert result.error.error_code in ("output.missing", "output.invalid")
    assert json.loads((result.folder / "run.json").read_text())["status"] == "failed"
    assert not (result.folder / "work").exists()


def test_one_that_makes_folders_deeper_than_any_path(program):
    source = """
        import os
        for _ in range(3000):
            os.mkdir("d")
            os.chdir("d")
    """
    failed(program(source), "output.missing")


def test_cancelling_ends_it_at_once(program):
    made = program("import time; print('on', flush=True); time.sleep(300)")
    cancel = threading.Event()
    threading.Thread(target=lambda: (made.heard.saw_log.wait(30), cancel.set())).start()
    result = failed(made, "run.cancelled", cancel=cancel)
    assert isinstance(result.error, RunCancelled)
    assert "on" in result.log_text()


def test_cancelled_before_it_begins_nothing_is_run(program):
    cancel = threading.Event()
    cancel.set()
    result = failed(program("print('ran')"), "run.cancelled", cancel=cancel)
    assert "run" not in result.record["timings"]


DRIVER = """
import sys
from pathlib import Path
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.execution.run import execute
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

root, cache = sys.argv[1:]
settings = Settings.load(cache_dir=Path(cache), data_dir=Path(cache), engine="process")
print("ready", flush=True)
result = execute(open_folder(Path(root)), inputs={"prompt": "x"}, engine=ProcessEngine(Path(cache)), settings=settings)
print(result.error.error_code, flush=True)
"""


def started(made):
    """The library in a process of its own, with the model running."""
    words = [sys.executable, "-c", DRIVER, str(made.root), str(made.settings.cache_dir)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(made.root.glob(".nova-spi/runs/*/work/running")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


WAITING = "import time; open('running', 'w').close(); time.sleep(300)"


def test_ctrl_c_ends_everything_and_is_a_result(program):
    made = program(WAITING)
    process = started(made)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=30)
    assert told == "ready\nrun.cancelled\n"
    no_process_of(made)
    [record] = made.root.glob(".nova-spi/runs/*/run.json")
    assert json.loads(record.read_text())["status"] == "cancelled"


def test_a_killed_caller_leaves_an_abandoned_run_that_the_next_one_clears(program):
    from nova_spi.execution.history import history

    made = program(WAITING)
    process = started(made)
    assert [past.status for past in history(made.root)] == ["running"]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 10
    while history(made.root)[0].status != "abandoned":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    abandoned = history(made.root)[0]
    made.write("run.py", "pass")
    made(inputs={"prompt": "x"})
    assert not (abandoned.folder / "work").exists()
    assert (abandoned.folder / "run.json").exists()
    time.sleep(0.2)
    no_process_of(made)


def test_a_run_that_is_going_on_is_never_pruned(program):
    from nova_spi.execution.history import prune

    made = program(WAITING)
    process = started(made)
    try:
        prune(made.root, keep=0)
        assert list(made.root.glob(".nova-spi/runs/*/work/running"))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


SECRETS = """
inputs:
  - {name: prompt, type: string}
  - {name: api_key, type: string, secret: true}
outputs:
  - {name: said, type: string}
execution: {secrets: [TOKEN, UNSET]}
"""


@pytest.mark.parametrize("ending", ["pass", "raise ValueError(token + key)", "import os; os._exit(3)"])
@pytest.mark.parametrize("keep", [False, True])
def test_secrets_reach_the_model_and_no_file(program, ending, keep):
    source = f"""
        import json, os, pathlib, sys
        token = pathlib.Path(os.environ["SPI_SECRETS_DIR"], "TOKEN").read_text()
        key = json.load(open(os.environ["SPI_INPUT_FILE"]))["api_key"]
        assert token not in repr(os.environ) and key not in repr(os.environ) and token not in repr(sys.argv)
        assert os.stat(os.environ["SPI_INPUT_FILE"]).st_mode & 0o077 == 0
        print("token", token, "key", key, len(token), len(key), flush=True)
        json.dump({{"said": "done"}}, open(os.environ["SPI_OUTPUT_FILE"], "w"))
        {ending}
    """
    made = program(source, SECRETS)
    token, key = "tok-3f9a77c0de", "key-abcdef012345"
    result = made(inputs={"prompt": "x", "api_key": key}, secrets={"TOKEN": token}, keep=keep)
    assert "token [secret TOKEN] key [secret api_key] 14 16" in result.log_text()
    assert any("UNSET" in warning for warning in result.warnings)
    assert result.record["inputs"]["api_key"] == "[secret]"
    assert result.record["secrets"] == ["TOKEN"]
    told = repr(result.record) + repr(result.error and result.error.to_dict()) + made.heard.logged.decode()
    for value in (token, key):
        assert value not in told
        for path in result.folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert value.encode() not in path.read_bytes(), path
    assert not list(result.folder.rglob("secrets/*"))


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("print('\\n'.join(map(str, range(50))), '\\n'); raise ValueError('odd number')", "worker.crashed"),
        ("import sys, time; print('odd number', flush=True); time.sleep(60)", "run.timeout"),
        ("print('odd number')", "output.missing"),
    ],
)
def test_one_that_says_nothing_is_shown_by_the_end_of_its_log(program, source, code):
    result = failed(program(source), code, timeout=20.0 if "sleep" not in source else 1.5)
    lines = result.error.details["lines"]
    assert "odd number" in lines[-1]
    assert len(lines) <= 10
    assert result.record["error"]["details"]["lines"] == lines


def test_the_end_of_the_log_shows_no_secret(program):
    made = program("import os; raise SystemExit(open(os.environ['SPI_SECRETS_DIR'] + '/TOKEN').read())", SECRETS)
    result = made(inputs={}, secrets={"TOKEN": "tok-3f9a77c0de"})
    assert result.error.details["lines"] == ["[secret TOKEN]"]


MANIFEST = """
inputs:
  - {name: prompt, type: string, required: true, description: What to say}
outputs:
  - {name: said, type: string, required: true, description: The same again}
"""


@pytest.mark.parametrize("entry", ["", "execution: {entry_point: {callable: 'run:predict'}}\n"])
def test_one_that_looks_where_only_a_container_has_its_folder_is_told(program, entry):
    body = "open('/app/model/weights.bin')"
    source = f"def predict(prompt):\n    {body}\n" if entry else body
    made = program(source, MANIFEST + entry)
    assert "SPI_WORK_DIR" in made(inputs={"prompt": "x"}).error.why
    made.write("run.py", source.replace("/app/", "data/app/"))
    assert "SPI_WORK_DIR" not in made(inputs={"prompt": "x"}).error.why


def test_an_environment_that_cannot_be_made_is_an_error_with_its_record(program):
    made = program("pass", "inputs: []\noutputs: []\nexecution: {python_version: '3.99'}\n")
    result = failed(made, "engine.unavailable", inputs={})
    assert "3.99" in result.error.message


def test_requirements_that_cannot_be_installed_are_an_error_whose_log_says_why(program):
    made = program("pass", "inputs: []\noutputs: []\nexecution: {requirements: requirements.txt}\n")
    made.write("requirements.txt", "./nothing-1.0-py3-none-any.whl\n")
    result = failed(made, "environment.failed", inputs={})
    assert "nothing" in result.log_text()


def test_an_asset_that_cannot_be_had_is_an_error_with_its_record(program):
    manifest = "inputs: []\noutputs: []\nassets: [{name: w, uri: 'file:none.bin', mount_path: w.bin}]\n"
    result = failed(program("pass", manifest), "asset.unavailable", inputs={})
    assert "none.bin" in result.log_text()


def test_inputs_that_do_not_fit_are_an_error_with_their_record(program):
    result = failed(program("pass"), "input.invalid", inputs={"promt": 3})
    assert {problem["path"] for problem in result.error.details["problems"]} >= {"prompt"}


def test_nothing_to_run_is_said(model):
    assert "nothing to run" in failed(model(), "run.no_entry_point").error.message


def test_a_program_that_is_not_there_is_said(model):
    made = model("inputs: []\noutputs: []\nexecution: {entry_point: {command: [no-such-program]}}\n")
    failed(made, "engine.unavailable", inputs={})


def test_a_full_disk_is_an_error_and_nothing_is_half_written(program, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        made = program(
            "import os; open(os.environ['SPI_OUTPUT_FILE'], 'w').write('{\"said\": \"%s\"}' % ('x' * 900_000))"
        )
        shutil.move(made.root, small / "project")
        made.root = small / "project"
        made.write("filler", bytes(300_000))
        result = made(inputs={"prompt": "x"})
        assert result.error is not None
        assert result.record["error"]["code"] in ("worker.out_of_disk", "worker.crashed", "output.invalid")
        assert not (result.folder / "work").exists()
        assert json.loads((result.folder / "run.json").read_text())["status"] == "failed"
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_an_output_folder_that_cannot_be_written_keeps_the_result_in_the_run(program, tmp_path):
    made = program("import os; open(os.environ['SPI_OUTPUT_FILE'], 'w').write('{\"said\": \"x\"}')")
    (tmp_path / "file").write_text("")
    result = failed(made, "run.output", output=tmp_path / "file")
    assert json.loads((result.folder / "outputs" / "output.json").read_text()) == {"said": "x"}


def test_a_project_that_cannot_be_written_is_said(program, monkeypatch):
    from nova_spi.errors import ProjectError

    made = program("pass")
    made.write(".nova-spi", "a file in the way")
    with pytest.raises(ProjectError, match="cannot be made"):
        made(inputs={"prompt": "x"})
