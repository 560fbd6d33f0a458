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
