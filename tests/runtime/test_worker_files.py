"""Files of calls: in by path, out into a folder of each call's own, and nothing left for the next one."""

import pytest

from nova_spi_runtime import frames

NOTES = {"name": "notes", "type": "file", "required": True, "file_pattern": "note_*.txt", "index_padding": 2}
PICTURE = {"name": "picture", "type": "file", "file_pattern": "*.png", "mount_path": "outputs/pictures"}
WORDS = {"name": "words", "type": "array", "items": {"type": "string"}, "default": ["a"]}
MANY = {"name": "many", "type": "file"}
ONE = {"name": "one", "type": "file", "constraints": {"max_files": 1}}
WRITE = """
import os, pathlib
def predict(words):
    for word in words:
        path = pathlib.Path(word if "/" in word else f"outputs/{word}.txt")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(word)
"""


def settled(worker) -> None:
    """Wait until it has put everything in order after its last answer."""
    worker.send(frames.HEALTH)
    assert worker.answer() == ("W", {"ok": True, "message": ""})


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def files(worker) -> dict:
    """What stands below the folders of calls."""
    settled(worker)
    root = worker.root / "calls"
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_files_come_as_paths(served, tmp_path):
    code = "def predict(many=None, one=None): return repr([many, one])\n"
    worker = served(code, inputs=[MANY, ONE], outputs=[{"name": "text", "type": "string"}])
    found = worker.call(files={"many": ["/f/a", "/f/b"], "one": ["/f/c"]})["text"]
    assert found == "[[PosixPath('/f/a'), PosixPath('/f/b')], PosixPath('/f/c')]"
    assert worker.call(files={"many": []}) == {"text": "[None, None]"}


def test_what_stands_in_the_outputs_is_named_and_moved_into_the_calls_folder(served):
    worker = served(WRITE, inputs=[WORDS], outputs=[NOTES, PICTURE])
    found = worker.call({"words": ["note_x", "note_y", "outputs/pictures/p.png"]})
    assert found == {"notes": ["outputs/note_00.txt", "outputs/note_01.txt"], "picture": ["outputs/pictures/p.png"]}
    found = files(worker)
    assert list(found) == ["1/outputs/note_00.txt", "1/outputs/note_01.txt", "1/outputs/pictures/p.png"]
    assert found["1/outputs/note_01.txt"] == "note_y"


def test_what_the_model_names_is_named_and_moved(served):
    code = "import pathlib\ndef predict(words):\n" + (
        "    paths = [pathlib.Path('outputs') / f'{word}.txt' for word in words]\n"
        "    for path in paths: path.write_text(path.stem)\n"
        "    return paths\n"
    )
    worker = served(code, inputs=[WORDS], outputs=[NOTES])
    assert worker.call({"words": ["b", "a"]}) == {"notes": ["outputs/note_00.txt", "outputs/note_01.txt"]}
    assert files(worker) == {"1/outputs/note_00.txt": "b", "1/outputs/note_01.txt": "a"}


def test_the_folder_of_a_call_goes_when_the_next_one_has_answered(served):
    worker = served(WRITE, inputs=[WORDS], outputs=[NOTES])
    for number in range(1, 5):
        worker.call({"words": [f"outputs/note_0{number}.txt"]})
    assert files(worker) == {"4/outputs/note_00.txt": "outputs/note_04.txt"}


def test_leftovers_are_nobodys_outputs(served):
    code = WRITE + "    if 'fail' in words: raise ValueError('after writing')\n"
    worker = served(code, inputs=[WORDS], outputs=[NOTES, PICTURE])
    assert worker.failure({"words": ["outputs/note_1.txt", "outputs/pictures/a.png", "fail"]})["code"] == "model.error"
    error = worker.failure({"words": []})
    assert (error["code"], files(worker)) == ("output.missing", {})
    assert names(worker.root / "outputs") == ["pictures"]


def test_a_command_without_files_leaves_none_to_one_that_has(served):
    other = {"entry_point": {"callable": "model:predict"}, "inputs": [WORDS], "outputs": []}
    worker = served(WRITE, inputs=[WORDS], outputs=[NOTES], commands={"other": other})
    assert worker.call({"words": ["outputs/note_1.txt"]}, command="other") == {}
    assert worker.failure({"words": []})["code"] == "output.missing"


def test_what_stood_there_before_any_call_stays_and_is_no_output(served, project):
    project.write("outputs/note_old.txt", "old")
    project.write("calls/7/mine", "kept")
    project.write("calls/notes", "kept")
    worker = served(WRITE, inputs=[WORDS], outputs=[NOTES])
    for _ in range(2):
        assert worker.failure({"words": []})["code"] == "output.missing"
        assert worker.call({"words": ["outputs/note_new.txt"]})["notes"] == ["outputs/note_00.txt"]
    assert (project.root / "outputs/note_old.txt").read_text() == "old"
    assert (project.root / "calls/7/mine").read_text() == "kept"
    assert (project.root / "calls/notes").read_text() == "kept"
    worker.call({"words": ["outputs/note_old.txt"]})
    assert files(worker)["5/outputs/note_00.txt"] == "outputs/note_old.txt"


def test_a_work_folder_that_is_the_mount_path_keeps_the_model(served, project):
    top = {**NOTES, "mount_path": "."}
    worker = served(WRITE, inputs=[WORDS], outputs=[top])
    assert worker.call({"words": ["./note_1.txt", "./cache.bin"]}) == {"notes": ["note_00.txt"]}
    assert worker.failure({"words": []})["code"] == "output.missing"
    assert (project.root / "model.py").exists()
    assert (project.root / "cache.bin").exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("return '/etc/hostname'", "stands outside the work folder"),
        ("os.symlink('/etc/hostname', 'outputs/a.txt'); return 'outputs/a.txt'", "symbolic link"),
        ("return 'outputs/none.txt'", "no such file"),
        ("return 3", "must be a path"),
        ("os.rmdir('outputs'); os.symlink('/etc', 'outputs')", "leaves the work folder"),
    ],
)
def test_what_is_no_output_file_is_an_error(served, code, message):
    worker = served(f"import os\ndef predict(words):\n    {code}\n", inputs=[WORDS], outputs=[NOTES])
    for _ in range(2):
        error = worker.failure()
        assert error["code"].startswith("output.")
        assert message in error["message"]


def test_a_model_that_removes_its_outputs_folder_finds_it_again(served):
    code = """
import os
def predict(words):
    os.rmdir("outputs")
    return {"text": "gone"}
"""
    worker = served(code, inputs=[WORDS], outputs=[MANY, {"name": "text", "type": "string"}])
    for _ in range(2):
        assert worker.call()["text"] == "gone"
        settled(worker)
        assert (worker.root / "outputs").is_dir()


def test_an_input_may_be_given_back_as_a_copy(served, tmp_path):
    (tmp_path / "seen").mkdir()
    given = tmp_path / "seen/in.txt"
    given.write_text("given")
    worker = served("def predict(one): return one\n", inputs=[ONE], outputs=[NOTES], options={"TMPDIR": "/var/empty"})
    assert worker.call(files={"one": [str(given)]}) == {"notes": ["outputs/note_00.txt"]}
    assert given.read_text() == "given"
    assert worker.failure(files={"one": [str(tmp_path / "seen/other.txt")]})["code"] == "output.invalid"


def test_a_file_from_the_temporary_folder_is_moved(served, tmp_path):
    (tmp_path / "own").mkdir()
    code = """
import os, tempfile
def predict(words):
    handle, path = tempfile.mkstemp(suffix=".txt")
    os.write(handle, b"made")
    os.close(handle)
    return path
"""
    worker = served(code, inputs=[WORDS], outputs=[NOTES], options={"TMPDIR": str(tmp_path / "own")})
    assert worker.call() == {"notes": ["outputs/note_00.txt"]}
    assert files(worker) == {"1/outputs/note_00.txt": "made"}
    assert names(tmp_path / "own") == []


def test_a_cancelled_call_leaves_no_files(served):
    code = """
import sys, time
def predict(words):
    open("outputs/note_1.txt", "w").close()
    sys.stdout.write("begun\\n")
    time.sleep(600)
"""
    worker = served(code, inputs=[WORDS], outputs=[NOTES])
    worker.ask()
    worker.said("begun")
    worker.cancel()
    assert worker.answer()[1]["code"] == "run.cancelled"
    settled(worker)
    assert names(worker.root / "outputs") == []
