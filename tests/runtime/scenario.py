"""One run of everything that stands beside a model, in plain Python 3.9: started under every Python that is there."""

import compileall
import decimal
import json
import os
import pathlib
import subprocess
import sys

RUNTIME, WORK = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])

MODEL = """
import pathlib
class Model:
    async def setup(self):
        self.word = "ready"
    def predict(self, steps, price, prompt, tags, options, pictures, mood="calm"):
        assert type(steps) is int and str(price) == "1.10" and tags == ["a", "b"], (steps, price, tags)
        assert options == {"deep": True, "scale": 10.2} and prompt is None
        folder = pathlib.Path("outputs")
        folder.mkdir(exist_ok=True)
        for picture in pictures:
            (folder / picture.name).write_bytes(picture.read_bytes())
            yield {"text": picture.name + mood, "files": folder / picture.name, "sizes": len(picture.name)}
"""
OPTIONS = {"deep": {"type": "boolean"}, "scale": {"type": "float", "default": 10.2}}
MANIFEST = {
    "execution": {"entry_point": {"callable": "model:Model"}},
    "inputs": [
        {"name": "steps", "type": "integer", "required": True, "constraints": {"min_value": 1, "multiple_of": 5}},
        {"name": "price", "type": "decimal"},
        {"name": "prompt", "type": "string", "constraints": {"pattern": "^[a-z]+$"}},
        {"name": "tags", "type": "array", "items": {"type": "string"}, "constraints": {"unique_items": True}},
        {"name": "options", "type": "object", "properties": OPTIONS},
        {"name": "mood", "type": "enum", "enum": ["calm", "wild"]},
        {"name": "pictures", "type": "file", "file_pattern": "*.{png,jpg}", "mount_path": "inputs/p", "required": True},
    ],
    "outputs": [
        {"name": "text", "type": "string", "required": True},
        {"name": "sizes", "type": "array"},
        {"name": "files", "type": "file", "file_pattern": "file_*.{jpg,png}", "index_padding": 3},
    ],
}


def put(relative, content):
    path = WORK / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def start(**variables):
    environment = {"PATH": os.defpath, "PYTHONPATH": str(WORK / "runtime"), "PYTHONWARNINGS": "error", **variables}
    program = [sys.executable, "-m", "nova_spi_runtime"]
    return subprocess.run(program, cwd=str(WORK), env=environment, stderr=subprocess.PIPE, text=True)


put("model.py", MODEL)
put("manifest.json", json.dumps(MANIFEST))
put("inputs/p/b10.PNG", "ten")
put("inputs/p/b9.jpg", "nine")
put("inputs/config/inputs.json", '{"price": "1.10", "tags": ["a", "b"], "options": {"deep": true}}')
copy = WORK / "runtime" / "nova_spi_runtime"
for source in RUNTIME.glob("*.py"):
    put(str(copy / source.name), source.read_text())
assert compileall.compile_dir(str(copy), quiet=1)

ended = start(INPUT_STEPS="10")
assert ended.returncode == 0, ended.stderr
assert ended.stderr == "", ended.stderr
found = json.loads((WORK / "outputs/output.json").read_text())
files = ["outputs/file_000.jpg", "outputs/file_001.PNG"]
assert found == {"text": "b9.jpgcalmb10.PNGcalm", "sizes": [6, 7], "files": files}, found
assert (WORK / files[1]).read_text() == "ten"

ended = start(INPUT_STEPS="7", INPUT_PROMPT="NO", INPUT_MOOD="wlid")
assert ended.returncode == 1
assert ended.stderr.count("\n") == 1, ended.stderr
error = json.loads((WORK / "outputs/error.json").read_text())
assert error["code"] == "input.invalid"
assert [problem["path"] for problem in error["problems"]] == ["steps", "prompt", "mood"], error

put("model.py", "def predict(**inputs):\n    raise ValueError('own')\n")
put("manifest.json", json.dumps({**MANIFEST, "execution": {"entry_point": {"callable": "model:predict"}}}))
ended = start(INPUT_STEPS="10")
error = json.loads((WORK / "outputs/error.json").read_text())
assert ended.returncode == 1
assert error["code"] == "model.error", error
assert "in predict" in error["traceback"]
assert "nova_spi_runtime" not in error["traceback"]
assert decimal.Decimal("1.10")
sys.stdout.write("complete {}.{}\n".format(*sys.version_info))
