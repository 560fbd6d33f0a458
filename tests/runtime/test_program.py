import pytest

TEXT = {"name": "text", "type": "string", "required": True}
NUMBER = {"name": "n", "type": "integer"}


def succeeded(ended):
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_function_gets_keyword_arguments_and_gives_a_single_value(project):
    project.callable("def predict(n):\n    print('loud')\n    return 'n' * n\n", inputs=[NUMBER], outputs=[TEXT])
    ended = project.command(INPUT_N="3")
    succeeded(ended)
    assert ended.stdout == "loud\n"
    assert project.outputs == {"text": "nnn"}


def test_a_class_is_set_up_once_and_predicts(project):
    code = """
class Model:
    def setup(self):
        self.word = "ready"
    def predict(self, n):
        return {"text": f"{self.word} {n}"}
    def up_scale(self, n):
        return f"larger {n}"
"""
    upscale = {"up-scale": {"inputs": [NUMBER], "outputs": [TEXT]}}
    project.callable(code, "model:Model", inputs=[NUMBER], outputs=[TEXT], commands=upscale)
    succeeded(project.command(INPUT_N="3"))
    assert project.outputs == {"text": "ready 3"}
    succeeded(project.command(INPUT_N="3", SPI_COMMAND="up-scale"))
    assert project.outputs == {"text": "larger 3"}


def test_a_default_command_of_another_name_is_predict_or_its_own_method(project):
    code = "class Model:\n    def make_it(self):\n        return 'made'\n"
    project.callable(code, "model:Model", outputs=[TEXT], commands={"make-it": {"default": True}})
    succeeded(project.command())
    assert project.outputs == {"text": "made"}


@pytest.mark.parametrize(
    ("signature", "body", "said"),
    [
        ("n=7", "n", "7"),
        ("n", "n", "None"),
        ("**rest", "rest", "{}"),
        ("n, *, m=2", "(n, m)", "(None, 2)"),
    ],
)
def test_an_absent_optional_input_is_the_functions_default_or_none(project, signature, body, said):
    project.callable(f"def predict({signature}):\n    return str({body})\n", inputs=[NUMBER], outputs=[TEXT])
    succeeded(project.command())
    assert project.outputs == {"text": said}


def test_files_arrive_as_paths_and_results_are_put_in_place(project):
    code = """
import pathlib
def predict(picture, others):
    assert isinstance(picture, pathlib.Path) and len(others) == 2
    made = pathlib.Path("made.bin")
    made.write_bytes(picture.read_bytes())
    return made
"""
    inputs = [
        {"name": "picture", "type": "file", "mount_path": "inputs/p", "constraints": {"max_files": 1}},
        {"name": "others", "type": "file", "mount_path": "inputs/o"},
    ]
    output = {"name": "result", "type": "file", "file_pattern": "result_*.bin", "index_padding": 2}
    for name in ("p/a", "o/b", "o/c"):
        project.write(f"inputs/{name}", name)
    project.callable(code, inputs=inputs, outputs=[output])
    succeeded(project.command())
    assert project.outputs == {"result": ["outputs/result_00.bin"]}
    assert (project.root / "outputs/result_00.bin").read_text() == "p/a"


STREAMS = [
    TEXT,
    {"name": "items", "type": "array"},
    {"name": "best", "type": "integer"},
    {"name": "pics", "type": "file"},
]


@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_generators_pieces_are_put_together(project, prefix):
    code = f"""
import pathlib
{prefix}def predict():
    for index in range(3):
        pathlib.Path("outputs").mkdir(exist_ok=True)
        path = pathlib.Path(f"outputs/{{index}}.png")
        path.write_text(str(index))
        yield {{"text": str(index), "items": index, "best": index, "pics": path}}
"""
    project.callable(code, outputs=STREAMS)
    succeeded(project.command())
    pictures = ["outputs/0.png", "outputs/1.png", "outputs/2.png"]
    assert project.outputs == {"text": "012", "items": [0, 1, 2], "best": 2, "pics": pictures}


@pytest.mark.parametrize(
    ("output", "pieces", "value"),
    [
        (TEXT, "['a', 'b']", "ab"),
        (TEXT, "[{'text': 'a'}, {'text': 'b'}]", "ab"),
        ({"name": "items", "type": "array"}, "[1, [2], {'a': 3}]", [1, [2], {"a": 3}]),
        ({"name": "seen", "type": "map"}, "[{'a': 1}, {'b': 2}]", {"b": 2}),
        (TEXT, "[]", None),
    ],
)
def test_a_generator_of_a_single_output(project, output, pieces, value):
    output = {**output, "required": False}
    project.callable(f"def predict():\n    yield from {pieces}\n", outputs=[output])
    succeeded(project.command())
    assert project.outputs == ({} if value is None else {output["name"]: value})


@pytest.mark.parametrize(
    ("output", "result"),
    [
        ({"name": "seen", "type": "map"}, {"a": 1}),
        ({"name": "seen", "type": "object"}, {"a": 1, "seen": 2}),
        ({"name": "seen", "type": "array"}, [{"seen": 1}]),
    ],
)
def test_a_mapping_may_be_the_single_value_itself(project, output, result):
    project.callable(f"def predict():\n    return {result!r}\n", outputs=[output])
    succeeded(project.command())
    assert project.outputs == {"seen": result}


def test_asynchronous_models_share_one_loop(project):
    code = """
import asyncio
class Model:
    async def setup(self):
        self.loop = asyncio.get_running_loop()
    async def predict(self):
        await asyncio.sleep(0)
        return str(self.loop is asyncio.get_running_loop())
"""
    project.callable(code, "model:Model", outputs=[TEXT])
    ended = project.command()
    succeeded(ended)
    assert project.outputs == {"text": "True"}
    assert ended.stderr == ""


def test_a_module_runs_as_the_main_program(project):
    code = """
from spi.utils import SPIRuntime
if __name__ == "__main__":
    spi = SPIRuntime()
    spi.write_outputs({"text": str(spi.parse_inputs()["n"])})
    raise SystemExit(0)
"""
    project.write("pkg/inner.py", code)
    project.write("spi/utils.py", "from nova_spi_runtime import SPIRuntime\n")
    project.manifest(execution={"entry_point": {"module": "pkg.inner"}}, inputs=[NUMBER], outputs=[TEXT])
    succeeded(project.command(INPUT_N="4"))
    assert project.outputs == {"text": "4"}


def test_a_module_that_writes_only_files_needs_no_word_of_ours(project):
    project.write(
        "m.py", "import pathlib\npathlib.Path('outputs').mkdir()\npathlib.Path('outputs/a.txt').write_text('a')\n"
    )
    project.manifest(
        execution={"entry_point": {"module": "m"}}, outputs=[{"name": "note", "type": "file", "required": True}]
    )
    succeeded(project.command())
    assert project.outputs == {"note": ["outputs/a.txt"]}


def test_the_project_comes_first_where_modules_are_looked_for(project, tmp_path):
    project.callable("def predict():\n    import json2\n    return json2.WHO\n", outputs=[TEXT])
    project.write("json2.py", "WHO = 'project'\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "json2.py").write_text("WHO = 'current folder'\n")
    succeeded(project.start("-m", "nova_spi_runtime", cwd=other, SPI_WORK_DIR=str(project.root)))
    assert project.outputs == {"text": "project"}


# What goes wrong


def failed(project, ended, code, message) -> dict:
    assert ended.returncode == 1
    assert project.error["code"] == code, project.error
    assert message in project.error["message"]
    assert ended.stderr.splitlines()[-1] == f"spi: {code}: {project.error['message']}"
    assert not (project.root / "outputs/output.json").exists()
    return project.error


def test_an_exception_is_a_model_error_with_its_own_frames(project):
    project.callable("def inner():\n    raise ValueError('bad\\nnews')\ndef predict():\n    inner()\n", outputs=[TEXT])
    ended = project.command()
    error = failed(project, ended, "model.error", "ValueError: bad news")
    assert 'model.py", line 4, in predict' in error["traceback"]
    assert "nova_spi_runtime" not in error["traceback"] + ended.stderr


def test_chained_exceptions_keep_the_models_frames_only(project):
    code = """
def predict():
    try:
        import not_there_at_all
    except ImportError as cause:
        raise RuntimeError("chained") from cause
"""
    project.callable(code, outputs=[TEXT])
    error = failed(project, project.command(), "model.error", "RuntimeError: chained")
    assert "not_there_at_all" in error["traceback"]
    assert "importlib" not in error["traceback"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def predict(): raise SystemExit(3)", "sys.exit(3)"),
        ("def predict(): raise SystemExit('no licence')", "no licence"),
        ("def predict(: pass", "SyntaxError"),
        ("import not_there_at_all", "No module named 'not_there_at_all'"),
        ("other = 3", "model has no 'predict'"),
        ("predict = 3", "cannot be called"),
        ("def predict(): return predict()", "RecursionError"),
        ("def predict(): raise MemoryError", "MemoryError"),
        ("class predict:\n    pass", "has no method 'predict'"),
        ("class predict:\n    def setup(self): raise OSError('no weights')", "no weights"),
        ("class E(Exception):\n    def __str__(self): raise ValueError\ndef predict(): raise E", "cannot be shown"),
        ("def predict():\n    yield 'a'\n    raise KeyError('late')", "KeyError: 'late'"),
    ],
)
def test_every_other_end_of_a_model_is_a_typed_error(project, code, message):
    project.callable(code + "\n", outputs=[TEXT])
    failed(project, project.command(), "model.error", message)


def test_a_traceback_is_bounded(project):
    project.callable("def predict(): raise ValueError('x' * 1_000_000)\n", outputs=[TEXT])
    error = failed(project, project.command(), "model.error", "xxx")
    assert len(error["message"]) <= 2000
    assert len(error["traceback"]) < 40_000


def test_a_function_that_does_not_take_its_inputs_says_so(project):
    project.callable("def predict(m): return ''\n", inputs=[NUMBER], outputs=[TEXT])
    failed(
        project, project.command(INPUT_N="1"), "model.error", "does not take its inputs: predict() got an unexpected"
    )


def test_a_type_error_of_the_models_own_stays_its_own(project):
    project.callable("def predict(n): return n + 'a'\n", inputs=[NUMBER], outputs=[TEXT])
    error = failed(project, project.command(INPUT_N="1"), "model.error", "TypeError: unsupported operand")
    assert "in predict" in error["traceback"]


def test_wrong_inputs_end_the_run_before_the_model_is_loaded(project):
    project.callable("raise AssertionError('loaded')\n", inputs=[{**NUMBER, "required": True}], outputs=[TEXT])
    ended = project.command()
    failed(project, ended, "input.invalid", "n: is required")
    assert ended.stderr.count("\n") == 1


def test_exit_status_0_is_success_only_with_outputs(project):
    project.callable("def predict(): raise SystemExit(0)\n", outputs=[TEXT])
    failed(project, project.command(), "output.missing", "sys.exit(0) before its outputs")
    project.callable("def predict(): raise SystemExit\n", outputs=[])
    succeeded(project.command())


@pytest.mark.parametrize(
    ("result", "code", "message"),
    [
        ("None", "output.missing", "text: is required"),
        ("3", "output.invalid", "text: must be a string, not a number"),
        ("{'txt': 'a'}", "output.missing", "did you mean 'text'"),
        ("'\\ud800'", "output.invalid", "surrogate"),
    ],
)
def test_wrong_results(project, result, code, message):
    project.callable(f"def predict(): return {result}\n", outputs=[TEXT])
    failed(project, project.command(), code, message)


def test_several_outputs_must_be_named(project):
    project.callable("def predict(): return ('a', 3)\n", outputs=[TEXT, {"name": "n", "type": "integer"}])
    failed(
        project, project.command(), "output.invalid", "a mapping from name to value (outputs: text, n), not an array"
    )


def test_an_entry_point_that_is_a_command_is_not_for_us(project):
    project.manifest(execution={"entry_point": {"command": ["python", "run.py"]}}, outputs=[TEXT])
    failed(project, project.command(), "manifest.unreadable", "no module or callable")


def test_what_an_earlier_run_left_is_not_taken_for_this_ones(project):
    project.write("outputs/output.json", '{"text": "old"}')
    project.callable("def predict(): raise SystemExit(0)\n", outputs=[TEXT])
    failed(project, project.command(), "output.missing", "text")
