"""What a hostile run leaves behind is collected, and taken away, without one step out of its folder."""

import json
from pathlib import Path

import pytest

from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.execution.run import execute
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

MANIFEST = """spi_version: '1'
model: {name: model, version: 1.0.0, description: Does what it is told., domain: text, license: MIT}
inputs: [{name: code, type: string, description: What to do., required: true}]
outputs:
  - {name: said, type: string, description: What it gave., required: false}
  - {name: files, type: file, description: Files., file_pattern: '*.txt', required: false}
execution:
  entry_point: {callable: 'run:go'}
  volumes: [{name: kept, mount_path: /srv/model/kept}]
"""
SECRET = "the secret of another"
AWAY = "shutil.rmtree('outputs') if os.path.isdir('outputs') else None; "
WAYS = {
    "the outputs folder leads away": AWAY + "os.symlink(away, 'outputs')",
    "the outputs folder leads away by dots": AWAY + "os.symlink(os.path.relpath(away), 'outputs')",
    "the outputs folder leads away in two steps": AWAY + "os.symlink(away, 'step'); os.symlink('step', 'outputs')",
    "output.json is a link": "os.symlink(away + '/output.json', 'outputs/output.json')",
    "output.json is a folder": "os.mkdir('outputs/output.json')",
    "output.json is a pipe": "os.mkfifo('outputs/output.json')",
    "a file is a link": "os.symlink(away + '/secret.txt', 'outputs/a.txt')",
    "a file is a link to a link": "os.symlink(away, 'b'); os.symlink('../b/secret.txt', 'outputs/a.txt')",
    "a file is named outside": "say({'files': away + '/secret.txt'})",
    "a file is named outside by dots": "say({'files': '../' * 20 + away[1:] + '/secret.txt'})",
    "a file is named through a link": "os.symlink(away, 'b'); say({'files': 'b/secret.txt'})",
    "a file is a link into proc": "os.symlink('/proc/self/root' + away + '/secret.txt', 'outputs/a.txt')",
    "a file is the log of another": "os.symlink('/proc/self/fd/1', 'outputs/a.txt')",
    "error.json leads away": AWAY + "os.symlink(away, 'outputs'); os._exit(1)",
    "folders without an end": "[(os.mkdir('d'), os.chdir('d')) for _ in range(3000)]",
    "folders without rights": "os.makedirs('outputs/x/y'); os.chmod('outputs/x', 0); os.chmod('outputs', 0)",
    "links everywhere": "[os.symlink(away, f'outputs/{n}.txt') for n in range(500)]",
    "a volume that leads away": "os.symlink(away, 'kept/link'); os.symlink(away + '/secret.txt', 'kept/a.txt')",
}
RUN = """import json, os, shutil

def say(values):
    with open("outputs/output.json", "w") as file:
        json.dump(values, file)

def go(code):
    exec(code)
    os._exit(0)
"""


@pytest.fixture(scope="module", params=["sandbox", "process"])
def hostile(request, tmp_path_factory):
    """Executes code as a model and returns the result; beside it a folder that is none of its business."""
    place = tmp_path_factory.mktemp("collecting")
    if reason := why_not(request.param, place / "levels", place):
        pytest.skip(reason)
    project, away = place / "project", place / "away"
    project.mkdir()
    away.mkdir()
    (project / "manifest.yml").write_text(MANIFEST)
    (project / "run.py").write_text(RUN)
    for name in ("output.json", "error.json"):
        (away / name).write_text(json.dumps({"said": SECRET, "message": SECRET, "files": "secret.txt"}))
    for name in ("secret.txt", "a.txt"):
        (away / name).write_text(SECRET)
    settings = Settings.load(cache_dir=place / "cache", data_dir=place / "data")
    engine, folder = ProcessEngine(place / "cache", request.param, place), open_folder(project)

    def run(code):
        code = f"away = {str(away)!r}\n{code}"
        return execute(folder, inputs={"code": code}, engine=engine, settings=settings)

    run.away = away
    return run


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_others_is_collected_or_touched(hostile, way):
    before = everything(hostile.away)
    result = hostile(WAYS[way])
    assert everything(hostile.away) == before
    said = json.dumps([result.record, str(result.outputs), str(result.error and result.error.to_dict())], default=str)
    assert SECRET not in said
    for path in result.folder.rglob("*"):
        assert not path.is_symlink(), path
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert not (result.folder / "work").exists()
