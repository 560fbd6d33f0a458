import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MANIFEST = """spi_version: "1"
model: {name: sayer, version: 1.0.0, description: Says a text again and writes it into files., domain: text}
execution:
  entry_point: {callable: "model:say"}
  timeout_seconds: 20
  resources: {memory: 256Mi}
inputs:
  - {name: text, type: string, required: true, description: What to say}
  - {name: times, type: integer, description: How often, default: 1}
outputs:
  - {name: said, type: string, required: true, description: The same again}
commands:
  draw:
    description: Writes a text into files.
    entry_point: {callable: "model:draw"}
    inputs:
      - {name: page, type: file, required: true, description: A text, mime_types: [text/plain], file_pattern: "*.txt",
         constraints: {max_files: 1}}
      - {name: mark, type: string, description: What stands before it, default: "-"}
    outputs:
      - {name: pages, type: file, required: true, description: The texts, mime_types: [text/plain],
         file_pattern: "page_*.txt"}
      - {name: size, type: integer, required: true, description: How much it was}
  shell:
    description: A program of another language.
    entry_point: {command: [sh, program.sh]}
    inputs:
      - {name: text, type: string, required: true, description: What to say}
    outputs:
      - {name: said, type: string, required: true, description: The same again}
"""
MODEL = """
import os, time
from pathlib import Path


def say(text, times):
    print("saying", text)
    if text == "fail":
        raise ValueError("it would not say it")
    if text == "die":
        os._exit(3)
    if text == "hang":
        time.sleep(60)
    if text == "eat":
        eaten = [bytearray(os.urandom(1 << 20)) for _ in range(2000)]
    if text.startswith("slow"):
        time.sleep(0.05)
    return " ".join([text] * times)


def draw(page, mark):
    text = Path(page).read_text()
    Path("outputs").mkdir(exist_ok=True)
    for number, line in enumerate(text.splitlines()):
        Path(f"outputs/page_{number}.txt").write_text(mark + line)
    return {"size": len(text)}
"""
PROGRAM = """
printf '{"said": "%s"}' "$INPUT_TEXT" > "$SPI_OUTPUT_FILE"
"""


@pytest.fixture
def sayer(project, tmp_path, monkeypatch):
    monkeypatch.setenv("NOVA_SPI_ENGINE", "process")
    root = tmp_path / "sayer"
    root.mkdir()
    (root / "manifest.yml").write_text(MANIFEST)
    (root / "model.py").write_text(MODEL)
    (root / "program.sh").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    return root


def write(*lines, name="in.jsonl"):
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    Path(name).write_text("".join(f"{text}\n" for text in texts))


def results(folder="batch_outputs", name="results.jsonl"):
    return [json.loads(line) for line in (Path(folder) / name).read_bytes().splitlines()]


def said(folder="batch_outputs"):
    return [one.get("outputs", {}).get("said") for one in results(folder)]


def codes(folder="batch_outputs"):
    return [one.get("error", {}).get("code") for one in results(folder)]


def test_each_line_is_a_call_and_whatever_one_does_the_others_are_done(sayer, call):
    write(
        {"text": "a"},
        {"text": "die"},
        {"text": "fail"},
        {"text": "hang"},
        {"text": "eat"},
        {"times": 2},
        "x",
        {"text": "b", "times": 2},
    )
    status, out, _ = call("batch", "sayer", "--inputs", "in.jsonl", "--timeout", "2", "--workers", "2")
    assert (status, "8 of 8 items done, 6 failed" in out) == (1, True)
    assert said() == ["a", None, None, None, None, None, None, "b b"]
    assert codes()[1:7] == [
        "worker.crashed",
        "model.error",
        "run.timeout",
        "worker.out_of_memory",
        "input.invalid",
        "input.invalid",
    ]
    assert results(name="failures.jsonl") == results()[1:7]
    assert "saying fail" in results()[2]["error"]["details"]["log"]
    assert not list(sayer.glob(".nova-spi/serving/*/workers"))


def test_a_folder_is_a_call_a_file_and_what_comes_out_stands_by_item(sayer, call_json):
    for name, text in (("b/2.txt", "two\nlines"), ("a.txt", "one"), ("c.png", "none of its files")):
        place = Path("pages") / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    words = ("--command", "draw", "--inputs", "pages", "--output", "drawn", "--input", "mark=+")
    status, told = call_json("batch", "sayer", *words)
    assert (status, told["ok"], told["counts"]["total"]) == (0, True, 2)
    found = results("drawn")
    assert [one["file"] for one in found] == ["a.txt", "b/2.txt"]
    pages = found[1]["outputs"]["pages"]
    assert [(Path("drawn") / page).read_text() for page in pages] == ["+two", "+lines"]
    assert all(page.startswith("files/0001/") for page in pages)
    assert [one["outputs"]["size"] for one in found] == [3, 9]
    assert [each.name for each in Path("drawn/files").iterdir() if each.name.startswith(".")] == []


def test_lines_name_files_beside_them_or_hold_their_content(sayer, call):
    Path("sub").mkdir()
    Path("sub/one.txt").write_text("one")
    content = base64.b64encode(b"two").decode()
    write({"page": "one.txt"}, {"page": f"data:text/plain;base64,{content}"}, {"page": "none.txt"}, name="sub/in.jsonl")
    status, _, _ = call("batch", "sayer", "--command", "draw", "--inputs", "sub/in.jsonl")
    assert (status, codes()) == (1, [None, None, "input.invalid"])
    texts = [(Path("batch_outputs") / one["outputs"]["pages"][0]).read_text() for one in results()[:2]]
    assert texts == ["-one", "-two"]
    assert Path("sub/one.txt").read_text() == "one"


def test_a_program_of_another_language_is_run_for_each_line(sayer, call):
    write({"text": "a"}, {"text": "b"}, {"text": "c"})
    status, _, err = call("batch", "sayer", "--command", "shell", "--inputs", "in.jsonl")
    assert (status, said()) == (0, ["a", "b", "c"]), err


def test_a_model_that_does_not_load_ends_the_batch_and_mended_it_goes_on_anew(sayer, call):
    write({"text": "a"}, {"text": "b"})
    (sayer / "model.py").write_text("import nothing_of_this_name\n" + MODEL)
    status, out, err = call("batch", "sayer", "--inputs", "in.jsonl")
    assert status == 3
    assert "worker.unavailable" in err
    assert "2 left: the same command goes on" in out
    (sayer / "model.py").write_text(MODEL)
    assert call("batch", "sayer", "--inputs", "in.jsonl")[0] == 2
    assert call("batch", "sayer", "--inputs", "in.jsonl", "--restart")[0] == 0
    assert said() == ["a", "b"]


def test_results_in_the_project_itself_do_not_change_its_model(sayer, call, monkeypatch):
    monkeypatch.chdir(sayer)
    write({"text": "a"}, {"text": "fail"})
    assert call("batch", "--inputs", "in.jsonl", "--output", "answers")[0] == 1
    assert call("batch", "--inputs", "in.jsonl", "--output", "answers", "--retry-failed")[0] == 1
    assert said("answers") == ["a", None]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--inputs", "nowhere.jsonl"), "There is no file nowhere.jsonl"),
        (("--inputs", "in.jsonl", "--address", "auto"), "--address belongs to --engine ray"),
        (("--inputs", "in.jsonl", "--command", "nope"), "nope"),
        (("--inputs", "in.jsonl", "--input", "tixt=1"), "did you mean 'text'"),
        (("--inputs", "in.jsonl", "--output", "."), "the project would be among them"),
        (("--inputs", "sayer"), "needs a command with one file input"),
    ],
)
def test_wrong_use_is_told_before_anything_runs(sayer, call, words, message):
    write({"text": "a"})
    status, _, err = call("batch", "sayer", *words)
    assert (status, message in err) == (2, True), err


@pytest.fixture
def program(sayer, isolated_environment, tmp_path):
    """Starts the program in a process of its own; what is left of it is ended."""
    running = []

    def program(*words):
        command = [sys.executable, "-m", "nova_spi", "batch", "sayer", "--inputs", "in.jsonl", *words]
        environment = isolated_environment | {"NOVA_SPI_ENGINE": "process"}
        with (tmp_path / "told").open("wb") as told:
            child = subprocess.Popen(command, env=environment, stdout=told, stderr=told)
        running.append(child)
        return child

    yield program
    for child in running:
        child.kill()
        child.wait()


def until(count, folder="batch_outputs"):
    place, end = Path(folder) / "results.jsonl", time.monotonic() + 60
    while time.monotonic() < end and (not place.exists() or place.read_bytes().count(b"\n") < count):
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_finishes_what_runs_and_the_same_command_goes_on(program, call, tmp_path, number, status):
    write(*({"text": f"slow {item}"} for item in range(60)))
    child = program()
    until(3)
    child.send_signal(number)
    assert child.wait(60) == status
    text = (tmp_path / "told").read_text()
    done = len(results())
    assert f"{60 - done} left: the same command goes on with them." in text
    assert json.loads(Path("batch_outputs/batch.json").read_bytes())["status"] == "interrupted"
    code, out, _ = call("batch", "sayer", "--inputs", "in.jsonl")
    assert (code, f"({60 - done} in " in out) == (0, True)
    assert said() == [f"slow {item}" for item in range(60)]


def test_interrupted_while_the_model_loads_it_ends_at_once(program, sayer, tmp_path):
    (sayer / "model.py").write_text("import time; print('loading'); time.sleep(100)\n" + MODEL)
    write({"text": "a"})
    child = program("-v")
    end = time.monotonic() + 60
    while time.monotonic() < end and "load" not in (tmp_path / "told").read_text():
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 130
    assert "0 of 1 item done\n1 left: the same command goes on with them." in (tmp_path / "told").read_text()


def test_secrets_of_a_model_stay_out_of_the_results(sayer, call):
    manifest = sayer / "manifest.yml"
    manifest.write_text(
        manifest.read_text().replace("  timeout_seconds: 20", "  timeout_seconds: 20\n  secrets: [TOKEN]")
    )
    secret = "(Path(os.environ['SPI_SECRETS_DIR']) / 'TOKEN').read_text()"
    (sayer / "model.py").write_text(MODEL.replace('"it would not say it"', secret))
    Path("token").write_text("very-secret-value")
    write({"text": "fail"})
    assert call("batch", "sayer", "--inputs", "in.jsonl", "--secret", "TOKEN=@token")[0] == 1
    whole = b"".join(each.read_bytes() for each in Path("batch_outputs").iterdir() if each.is_file())
    assert b"[secret TOKEN]" in whole
    assert b"very-secret-value" not in whole


def test_killed_with_its_workers_running_it_goes_on_and_leaves_no_process(program, call):
    write(*({"text": f"slow {item}"} for item in range(80)))
    for count in (5, 20, 45):
        child = program("--workers", "2")
        until(count)
        child.kill()
        child.wait()
        before = results()
        assert len({one["index"] for one in before}) == len(before)
    assert call("batch", "sayer", "--inputs", "in.jsonl", "--workers", "2")[0] == 0
    assert said() == [f"slow {item}" for item in range(80)]


def test_an_output_folder_that_is_full_stops_it_with_words_for_people(program, tmp_path):
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small file system is mounted by root alone")
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)], capture_output=True)
    if done.returncode:
        pytest.skip(f"no small file system here: {done.stderr.decode().strip()}")
    try:
        write(*({"text": "x" * 1000} for _ in range(200)))
        child = program("--output", str(small / "out"))
        assert child.wait(60) == 1
        assert "The results cannot be written. [run.output]" in (tmp_path / "told").read_text()
        assert 0 < len(results(small / "out")) < 200
        subprocess.run(["mount", "-o", "remount,size=2m", str(small)], check=True)
        assert program("--output", str(small / "out")).wait(60) == 0
        assert len(results(small / "out")) == 200
    finally:
        subprocess.run(["umount", str(small)], check=True)
