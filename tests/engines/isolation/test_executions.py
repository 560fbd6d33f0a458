"""Whole executions in a sandbox: secrets, volumes, large files, the manifest's paths, many at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.execution.run import execute
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

MANIFEST = """spi_version: '1'
model: {name: model, version: 1.0.0, description: Looks around., domain: text, license: MIT}
inputs: [{name: code, type: string, description: What to run., required: true}]
outputs: [{name: said, type: string, description: What it gave.}]
execution:
  entry_point: {callable: 'run:go'}
  base_work_dir: /srv/model
  secrets: [KEY]
  volumes: [{name: kept, mount_path: /srv/model/kept}]
"""
LARGE = 9 * 1024 * 1024


@pytest.fixture(params=["sandbox", "landlock"])
def run(request, tmp_path):
    if reason := why_not(request.param, tmp_path / "levels"):
        pytest.skip(reason)
    project = tmp_path / "project"
    project.mkdir()
    (project / "manifest.yml").write_text(MANIFEST)
    (project / "run.py").write_text("import os\ndef go(code):\n    return {'said': str(eval(code))}\n")
    (project / "large.bin").write_bytes(b"x" * LARGE)
    settings = Settings.load(cache_dir=tmp_path / "cache", data_dir=tmp_path / "data")
    engine = ProcessEngine(tmp_path / "cache", request.param)
    folder = open_folder(project)

    def run(code, **options):
        return execute(folder, inputs={"code": code}, engine=engine, settings=settings, **options)

    run.level, run.project = request.param, project
    return run


def said(result):
    result.raise_for_error()
    return result.outputs["said"]


def test_a_secret_is_read_and_cannot_be_changed(run):
    read = "open(os.environ['SPI_SECRETS_DIR'] + '/KEY').read()[::-1]"
    assert said(run(read, secrets={"KEY": "value of the key"})) == "yek eht fo eulav"
    changed = run("open(os.environ['SPI_SECRETS_DIR'] + '/KEY', 'w')", secrets={"KEY": "value of the key"})
    assert changed.error.error_code == "model.error"


def test_a_volume_is_kept_between_executions(run):
    assert said(run("open('kept/count', 'w').write('two')")) == "3"
    assert said(run("open('kept/count').read()")) == "two"


def test_a_large_file_of_the_project_is_read_and_cannot_be_changed(run):
    assert said(run("len(open('large.bin', 'rb').read())")) == str(LARGE)
    run("open('large.bin', 'r+b').write(b'y')")
    assert (run.project / "large.bin").read_bytes() == b"x" * LARGE


def test_the_project_itself_is_out_of_reach(run):
    result = run(f"open({str(run.project / 'run.py')!r}).read()")
    assert result.error.error_code == "model.error"
    assert result.record["engine"]["level"] == run.level


def test_the_manifests_own_path_leads_to_the_work_folder(run):
    if run.level != "sandbox":
        pytest.skip("a path of the machine cannot be made up")
    assert said(run("sorted(os.listdir('/srv/model')) == sorted(os.listdir('.'))")) == "True"


def test_nothing_is_left_of_a_sandbox_on_the_machine(run):
    said(run("1"))
    assert str(run.project.parent) not in Path("/proc/self/mountinfo").read_text()


def test_ten_at_once_all_succeed(run):
    said(run("0"))
    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(lambda number: said(run(str(number))), range(10))) == [str(n) for n in range(10)]
