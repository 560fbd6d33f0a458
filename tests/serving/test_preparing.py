import json
import math
import os
import stat
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from nova_spi.engines.port import Image
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.in_place import InPlaceEngine
from nova_spi.engines.process.isolation.levels import why_not
from nova_spi.errors import ArtifactInvalid, AssetUnavailable, UsageError
from nova_spi.execution.places import is_held
from nova_spi.progress import Silent
from nova_spi.project.folder import open_folder
from nova_spi.serving import plan_text
from nova_spi.serving.engines import engine_of
from nova_spi.serving.plan import Health
from nova_spi.serving.preparing.folders import open_server
from nova_spi.serving.preparing.plans import check_runtime, prepare, remove
from nova_spi.serving.slots import renew
from nova_spi.settings import Settings

MANIFEST = """
spi_version: "1"
model: {name: served, version: 1.2.3, description: A model that is prepared., domain: text}
inputs: [{name: text, type: string, required: true}]
outputs: [{name: said, type: string, schema: {type: string, maxLength: 9}}]
"""
WARM = 'entry_point: {callable: "model:predict"}'


class Heard(Silent):
    """Progress that remembers."""

    def __init__(self):
        self.stages, self.warnings = [], []

    def stage(self, name, detail=""):
        self.stages.append(name)

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture
def project(tmp_path):
    """Writes a project: further lines of its manifest, and of ``execution``."""
    root = tmp_path / "project"
    root.mkdir()

    def write(execution=WARM, more=""):
        lines = textwrap.indent(textwrap.dedent(execution).strip(), "  ")
        (root / "manifest.yml").write_text(f"{MANIFEST}{textwrap.dedent(more)}\nexecution:\n{lines}\n")
        (root / "model.py").write_text("def predict(text):\n    return text\n")
        (root / "run.py").write_text("")
        return open_folder(root)

    return write


@pytest.fixture
def prepared(shared_cache, tmp_path):
    """Prepares projects; afterwards nothing of their plans may be there."""
    made = []

    def go(folder, level="process", **more):
        settings = replace(Settings.load(), cache_dir=shared_cache, data_dir=tmp_path / "data")
        engine = more.pop("engine", None) or ProcessEngine(shared_cache, level, folder.root)
        plan = prepare(folder, engine=engine, settings=settings, **more)
        made.append(plan)
        return plan

    yield go
    for plan in made:
        remove(plan)
        assert not plan.folder.exists()
        assert plan.secrets is None or not plan.secrets.parent.exists()


def test_a_worker_runs_our_program_without_a_deadline_and_finds_its_channel(project, prepared):
    plan = prepared(project("resources: {memory: 1Gi, cpu: 1.5, disk: 1Gi}\n" + WARM))
    (slot,) = plan.slots
    job = slot.job
    assert job.argv == ("python", "-m", "nova_spi_runtime.worker")
    assert (job.limits.timeout_seconds, job.limits.cpu_cores) == (math.inf, 1.5)
    assert job.limits.memory_bytes == 1 << 30
    assert job.limits.disk_bytes > 1 << 30
    assert job.network == "none"
    assert job.variables["SPI_WORKER"] == "3"
    assert job.variables["SPI_WORK_DIR"] == str(slot.work)
    assert "SPI_WORKER_PROCESS_PER_CALL" not in job.variables
    assert (slot.socket, job.channel) == (None, None)
    assert slot.calls_seen == str(slot.calls)


def test_the_models_folder_is_prepared_once_with_all_but_inputs(project, prepared):
    folder = project(WARM + "\nconfig: {size: 3}")
    (folder.root / "notes.txt").write_text("of the project")
    heard = Heard()
    plan = prepared(folder, progress=heard, workers=2)
    pristine = plan.slots[0].pristine
    assert {slot.pristine for slot in plan.slots} == {pristine}
    assert (pristine / "notes.txt").read_text() == "of the project"
    assert json.loads((pristine / "inputs" / "config" / "config.json").read_text()) == {"size": 3}
    assert (pristine / "spi" / "nova_spi_runtime" / "worker.py").is_file()
    assert list((pristine / "inputs" / "files").iterdir()) == []
    assert heard.stages[-3:] == ["environment", "assets", "prepare"]


def test_each_worker_has_folders_of_its_own(project, prepared):
    plan = prepared(project(WARM + "\nconcurrency: {workers: 3}"))
    assert len(plan.slots) == 3
    assert len({slot.work for slot in plan.slots} | {slot.calls for slot in plan.slots}) == 6
    for slot in plan.slots:
        renew(slot)
        assert (slot.work / "model.py").is_file()


@pytest.mark.parametrize(("said", "asked", "count"), [("", None, 1), ("workers: 2", None, 2), ("workers: 2", 4, 4)])
def test_how_many_workers_there_are_is_said_by_the_caller_else_the_manifest(project, prepared, said, asked, count):
    plan = prepared(project(f"{WARM}\nconcurrency: {{{said}}}"), workers=asked)
    assert len(plan.slots) == count


def test_what_is_a_function_is_warm_and_what_is_a_program_is_not(project, prepared):
    more = """
    commands:
      talk: {default: true, description: Talks.}
      train:
        entry_point: {command: "python train.py"}
        timeout_seconds: 5
        inputs: [{name: data, type: file}]
        outputs: [{name: model, type: file, mount_path: trained}]
      tell: {entry_point: {callable: "model:tell"}, outputs: [{name: story, type: file, mount_path: told}]}
    """
    plan = prepared(project(WARM, more))
    assert [(name, each.default, each.warm) for name, each in plan.commands.items()] == [
        ("talk", True, True),
        ("train", False, False),
        ("tell", False, True),
    ]
    assert plan.commands["talk"].schemas == {"said": {"type": "string", "maxLength": 9}}
    assert plan.commands["train"].timeout_seconds == 5
    assert (plan.slots[0].pristine / "told").is_dir()


def test_where_only_another_command_is_warm_the_workers_are_for_that(project, prepared):
    more = "commands: {tell: {entry_point: {callable: 'model:tell'}, resources: {memory: 2Gi}}}"
    plan = prepared(project("entry_point: {command: 'python run.py'}", more))
    assert plan.slots[0].job.variables["SPI_COMMAND"] == "tell"
    assert plan.slots[0].job.limits.memory_bytes == 2 << 30
    assert plan.default.name == "run"


def test_without_a_warm_command_there_are_no_workers_and_nothing_is_installed(project, prepared):
    heard = Heard()
    plan = prepared(project("entry_point: {command: 'python run.py'}"), progress=heard)
    assert plan.slots == ()
    assert heard.stages == []


def test_what_the_manifest_says_of_serving_stands_in_the_plan(project, prepared):
    folder = project(f"""
    {WARM}
    concurrency: {{max_batch_size: 8, max_batch_delay_ms: 5, process_per_call: true}}
    restart: {{policy: always, max_retries: 7, backoff_seconds: 0.5}}
    health_check: {{callable: "model:predict", interval_seconds: 9, timeout_seconds: 2, retries: 4}}
    """)
    plan = prepared(folder, queue_size=5, start_timeout_seconds=7.0, idle_seconds=3.0)
    assert (plan.name, plan.version, plan.domain, plan.engine) == ("served", "1.2.3", "text", "process")
    assert (plan.max_batch_size, plan.max_batch_delay_seconds) == (8, 0.005)
    assert (plan.max_retries, plan.backoff_seconds) == (7, 0.5)
    assert plan.health == Health(9, 2, 4)
    assert (plan.queue_size, plan.start_timeout_seconds, plan.idle_seconds) == (5, 7.0, 3.0)
    assert plan.slots[0].job.variables["SPI_WORKER_PROCESS_PER_CALL"] == "1"
    assert plan.openapi["paths"]
    assert {row["what"]: row["limit"] for row in plan.protections}["time"] == "600 seconds"


def test_a_secret_stands_in_a_private_file_and_nowhere_else(project, prepared, tmp_path):
    plan = prepared(project(f"{WARM}\nsecrets: [TOKEN]"), secrets={"TOKEN": "very-secret-value"})
    assert stat.S_IMODE(plan.secrets.stat().st_mode) == 0o700
    (file,) = plan.secrets.iterdir()
    assert (file.name, file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("TOKEN", "very-secret-value", 0o400)
    assert plan.slots[0].job.variables["SPI_SECRETS_DIR"] == str(plan.secrets)
    assert plan.secrets in plan.slots[0].job.readable
    plan_text.write(plan, tmp_path / "plan.json")
    assert "very-secret-value" not in (tmp_path / "plan.json").read_text()
    for path in plan.folder.rglob("*"):
        assert not path.is_file() or b"very-secret-value" not in path.read_bytes()


def test_a_secret_that_nobody_gave_is_told_and_one_that_nobody_asked_for_is_refused(project, prepared, monkeypatch):
    monkeypatch.delenv("TOKEN", raising=False)
    folder, heard = project(f"{WARM}\nsecrets: [TOKEN]"), Heard()
    assert prepared(folder, progress=heard).secrets is None
    assert "TOKEN has no value" in heard.warnings[0]
    with pytest.raises(UsageError, match="OTHER"):
        prepared(folder, secrets={"OTHER": "x"})


def test_what_fails_on_the_way_leaves_no_folder(project, prepared):
    folder = project(WARM, "assets: [{name: weights, uri: 'file:nowhere.bin', mount_path: weights.bin}]")
    with pytest.raises(AssetUnavailable):
        prepared(folder)
    assert [path.name for path in (folder.root / ".nova-spi" / "serving").iterdir()] == [".lock"]


def test_an_asset_is_where_the_manifest_mounts_it(project, prepared):
    folder = project(WARM, "assets: [{name: weights, uri: 'file:outside.bin', mount_path: model/weights/w.bin}]")
    (folder.root / "outside.bin").write_bytes(b"weights")
    (slot,) = prepared(folder).slots
    renew(slot)
    assert (slot.work / "model" / "weights" / "w.bin").read_bytes() == b"weights"


def test_nobody_else_of_this_machine_looks_into_the_folder_of_a_server(project, prepared):
    plan = prepared(project())
    assert stat.S_IMODE(plan.folder.stat().st_mode) == 0o700


def test_git_sees_nothing_of_a_server(project, prepared):
    prepared(project())
    assert (project().root / ".nova-spi" / ".gitignore").read_text() == "*\n"


def test_servers_of_one_project_stand_beside_each_other_and_the_dead_are_cleared_away(project, prepared):
    folder = project()
    first, second = prepared(folder), prepared(folder)
    assert first.folder.exists()
    assert is_held(first.folder / "lock")
    dead = second.folder.with_name("20200101T000000000-abcdef")
    dead.mkdir()
    (dead / "lock").touch()
    third = prepared(folder)
    assert not dead.exists()
    assert all(plan.folder.exists() for plan in (first, second, third))


HOLDING = """
import os, sys
from pathlib import Path
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.project.folder import open_folder
from nova_spi.serving.preparing.plans import prepare
from nova_spi.serving import plan_text
from nova_spi.settings import Settings
folder, settings = open_folder(sys.argv[1]), Settings.load()
engine = ProcessEngine(settings.cache_dir, "process")
plan = prepare(folder, engine=engine, settings=settings, secrets={"TOKEN": "very-secret-value"})
plan_text.write(plan, plan.folder / "plan.json")
os.execv(sys.executable, [sys.executable, "-c", sys.argv[2], str(plan.folder / "plan.json")])
"""
SERVING = "import sys; print(sys.argv[1], flush=True); sys.stdin.read()"
ENDING = """
import sys
from pathlib import Path
from nova_spi.serving.plan_text import read
from nova_spi.serving.slots import remove
remove(read(Path(sys.argv[1])))
"""


@pytest.fixture
def server(project, isolated_environment):
    """Starts a program that prepares a project and is then replaced by another."""
    started = []

    def start(program):
        folder = project(f"{WARM}\nsecrets: [TOKEN]")
        words = [sys.executable, "-c", HOLDING, str(folder.root), program]
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=isolated_environment
        )
        started.append(process)
        return folder, process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_program_that_takes_our_place_holds_the_folders_until_it_dies(server, prepared):
    folder, process = server(SERVING)
    plan = plan_text.read(Path(process.stdout.readline().strip()))
    assert is_held(plan.folder / "lock")
    assert is_held(plan.secrets.parent / ".lock")
    prepared(folder)
    assert plan.folder.exists()
    process.kill()
    process.wait()
    assert not is_held(plan.folder / "lock")
    prepared(folder)
    assert not plan.folder.exists()
    os.utime(plan.secrets.parent, (0, 0))  # a minute of grace is over
    prepared(folder, secrets={"TOKEN": "very-secret-value"})
    assert not plan.secrets.exists()


def test_the_program_that_takes_our_place_can_take_everything_away(server):
    folder, process = server(ENDING)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert [path.name for path in (folder.root / ".nova-spi" / "serving").iterdir()] == [".lock"]


def test_a_project_that_cannot_be_written_is_served_from_elsewhere(project, prepared):
    folder = project()
    (folder.root / ".nova-spi").write_text("not a folder")
    plan = prepared(folder)
    assert not plan.folder.is_relative_to(folder.root)
    assert stat.S_IMODE(plan.folder.stat().st_mode) == 0o700


def test_the_path_of_a_socket_is_short_wherever_the_project_stands(tmp_path, monkeypatch):
    deep = tmp_path.joinpath(*["a" * 40] * 4)
    deep.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.setattr("tempfile.tempdir", None)
    made = open_server(deep)
    try:
        assert len(os.fsencode(made.sockets() / "999" / "worker.sock")) < 108
    finally:
        made.remove()
    assert not any(folder.exists() for folder in (made.root, *made.beside))


@pytest.mark.parametrize("level", ["process", "landlock", "sandbox"])
def test_an_engine_is_as_the_plan_says(project, prepared, level, shared_cache):
    if reason := why_not(level, shared_cache):
        pytest.skip(reason)
    plan = prepared(project(), level)
    engine = engine_of(plan)
    assert (engine.name, engine.level) == (plan.engine, plan.level) == ("process", level)
    assert not isinstance(engine, InPlaceEngine)


TRIES = """
import os, sys
calls, work = sys.argv[1:]
print(open(os.path.join(calls, "1", "text", "input.txt")).read())
for folder in (calls, os.path.join(calls, "1"), work):
    try:
        open(os.path.join(folder, "mine.txt"), "w").close()
        print("written")
    except OSError:
        print("refused")
"""


@pytest.mark.parametrize("level", ["landlock", "sandbox"])
def test_a_model_reads_the_files_of_its_calls_and_cannot_write_there(project, prepared, level, shared_cache):
    if reason := why_not(level, shared_cache):
        pytest.skip(reason)
    (slot,) = prepared(project(), level).slots
    renew(slot)
    place = slot.calls / "1" / "text"
    place.mkdir(parents=True)
    (place / "input.txt").write_text("for the model")
    limits = replace(slot.job.limits, timeout_seconds=30.0)
    words = ("python", "-c", TRIES, slot.calls_seen, str(slot.work))
    outcome = ProcessEngine(shared_cache, level).run(replace(slot.job, argv=words, limits=limits), Silent())
    assert outcome.exit_code == 0, slot.job.log.read_text()
    assert slot.job.log.read_text().split("\n")[:4] == ["for the model", "refused", "refused", "written"]


def test_an_image_whose_runtime_knows_no_workers_is_refused(tmp_path):
    image = Image("docker.io/library/old:1", tmp_path, "sha256:0", "sha256:0")
    check_runtime(tmp_path, image)
    runtime = tmp_path / "spi" / "nova_spi_runtime"
    runtime.mkdir(parents=True)
    with pytest.raises(ArtifactInvalid, match="older nova-spi") as caught:
        check_runtime(tmp_path, image)
    assert caught.value.mend == "nova-spi build"
    (runtime / "worker.py").touch()
    check_runtime(tmp_path, image)
