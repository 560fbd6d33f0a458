"""Real environments, installed by the real pip from wheels made here, without any network."""

import base64
import gc
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from nova_spi.engines.port import Recipe
from nova_spi.engines.process import environments, installing
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.errors import EnvironmentFailed
from nova_spi.progress import Silent
from nova_spi.project import installer


def wheel(folder: Path, name: str, version: str, requires: str = "") -> Path:
    """The smallest wheel that pip installs (PEP 427), with one module of its name."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-say = {name}:VERSION.strip\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name_in_it, text in (files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}).items():
            archive.writestr(name_in_it, text)
    return path


class Listener(Silent):
    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage(self, name: str, detail: str = "") -> None:
        assert name == "environment"
        self.stages.append(detail)


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    wheel(root / "wheels", "tiny_thing", "1.0")
    wheel(root / "wheels", "tiny_thing", "2.0")
    return root


@pytest.fixture
def needs(project):
    def write(text: str, name: str = "requirements.txt") -> Recipe:
        (project / name).write_text(f"--no-index\n--find-links wheels\n{text}\n")
        return Recipe(project, project / name)

    return write


def said(lab, environment, source: str) -> str:
    outcome = lab.run(lab.python("pass", variables=dict(environment.variables)))
    assert outcome.exit_code == 0
    lab.log.unlink()
    assert lab.run(lab.job("python", "-c", source, variables=dict(environment.variables))).exit_code == 0, lab.text()
    return lab.text().strip()


def test_without_requirements_there_is_a_plain_environment_made_once(lab, project):
    listener = Listener()
    first = lab.engine.provide(Recipe(project), listener)
    again = lab.engine.provide(Recipe(project.parent), listener)
    assert (first.cached, again.cached) == (False, True)
    assert first.digest == again.digest
    assert len(listener.stages) == 1
    found = said(
        lab, first, "import sys, importlib.util as u; print(sys.prefix, u.find_spec('pip'), u.find_spec('nova_spi'))"
    )
    assert found == f"{first.variables['VIRTUAL_ENV']} None None"
    assert first.python.exists()
    assert first.version == ".".join(str(number) for number in sys.version_info[:3])
    assert first.digest.startswith("sha256:")


def test_requirements_are_installed_once_and_a_change_makes_another(lab, needs):
    listener = Listener()
    first = lab.engine.provide(needs("tiny-thing==1.0"), listener)
    assert said(lab, first, "import tiny_thing; print(tiny_thing.VERSION)") == "1.0"
    assert any(stage.startswith("Installing collected packages: tiny") for stage in listener.stages)
    assert lab.engine.provide(needs("tiny-thing==1.0", "other.txt"), listener).cached
    second = lab.engine.provide(needs("tiny-thing==2.0"), listener)
    assert not second.cached
    assert second.digest != first.digest
    assert (Path(second.variables["VIRTUAL_ENV"]) / "bin" / "tiny_thing-say").exists()
    assert "Successfully installed" in (Path(second.variables["VIRTUAL_ENV"]) / "install.log").read_text()


def test_local_distributions_and_constraints_are_installed(lab, project, needs):
    (project / "limits.txt").write_text("tiny-thing<2\n")
    wheel(project / "own", "my_own", "0.1", "tiny-thing")
    recipe = needs("-c limits.txt\n./own/my_own-0.1-py3-none-any.whl")
    environment = lab.engine.provide(recipe, Silent())
    assert said(lab, environment, "import my_own, tiny_thing; print(tiny_thing.VERSION)") == "1.0"


def test_a_requirement_that_does_not_exist_says_so_and_leaves_nothing(lab, needs, tmp_path):
    with pytest.raises(EnvironmentFailed) as failure:
        lab.engine.provide(needs("no-such-thing-at-all==9"), Silent())
    assert "no-such-thing-at-all" in failure.value.why
    assert any("no-such-thing-at-all" in line for line in failure.value.details["lines"])
    assert failure.value.mend
    assert not [path for path in (tmp_path / "cache/envs").iterdir() if path.is_dir()]


def test_pip_s_own_settings_count_for_the_install_only(lab, project, monkeypatch):
    (project / "requirements.txt").write_text("tiny-thing==1.0\n")
    monkeypatch.setenv("PIP_FIND_LINKS", str(project / "wheels"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_TARGET", str(project / "elsewhere"))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid")
    environment = lab.engine.provide(Recipe(project, project / "requirements.txt"), Silent())
    assert said(lab, environment, "import tiny_thing; print(tiny_thing.VERSION)") == "1.0"
    assert not any("PIP" in name or "PROXY" in name.upper() for name in environment.variables)
    assert not (project / "elsewhere").exists()


def test_the_installer_gets_no_secrets_of_ours():
    ours = {
        "AWS_SECRET_ACCESS_KEY": "s",
        "GITHUB_TOKEN": "t",
        "PIP_INDEX_URL": "i",
        "https_proxy": "p",
        "HOME": "/h",
        "PYTHONPATH": "x",
    }
    assert set(installer.variables(ours)) == {"PIP_INDEX_URL", "https_proxy", "HOME", "PIP_USER", "PYTHONUNBUFFERED"}


def test_passwords_in_addresses_are_blotted_out():
    text = b"Looking in https://me:secret@example.org/simple and https://token@x.org, mail a@b.org"
    assert installer.without_passwords(text) == (
        b"Looking in https://****@example.org/simple and https://****@x.org, mail a@b.org"
    )


def test_an_older_python_gets_a_pip_of_its_own():
    ours = installing._commands(Path("/e/bin/python"), "3.12.1", Path("/r.txt"))
    assert [command[0] for command in ours] == [sys.executable]
    own = installing._commands(Path("/e/bin/python"), "3.8.18", Path("/r.txt"))
    assert [command[:4] for command in own] == [
        ("/e/bin/python", "-I", "-m", "ensurepip"),
        ("/e/bin/python", "-I", "-m", "pip"),
    ]


def test_a_pip_of_its_own_installs_too(lab, needs, monkeypatch):
    monkeypatch.setattr(installing, "OLDEST_FOR_OUR_PIP", (9, 9))
    environment = lab.engine.provide(needs("tiny-thing"), Silent())
    assert said(lab, environment, "import tiny_thing; print(tiny_thing.VERSION)") == "2.0"


def test_an_exception_on_the_way_leaves_nothing_half_made(lab, needs, tmp_path):
    class Impatient(Listener):
        def stage(self, name: str, detail: str = "") -> None:
            if detail.startswith("Installing"):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.engine.provide(needs("tiny-thing"), Impatient())
    assert not [path for path in (tmp_path / "cache/envs").iterdir() if path.is_dir()]
    assert not lab.engine.provide(needs("tiny-thing"), Silent()).cached


@pytest.mark.parametrize("broken", ["no marker", "no python", "a file in its place"])
def test_what_is_broken_is_made_again(lab, project, broken):
    environment = lab.engine.provide(Recipe(project), Silent())
    folder = Path(environment.variables["VIRTUAL_ENV"])
    if broken == "no marker":
        (folder / ".complete").unlink()
        (folder / "bin" / "python").unlink()  # a link to the real one: never write through it
        (folder / "bin" / "python").write_text("half")
    elif broken == "no python":
        environment.python.unlink()
    else:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        folder.write_text("x")
    again = lab.engine.provide(Recipe(project), Silent())
    assert not again.cached
    assert said(lab, again, "print('works')") == "works"


def test_a_cache_that_cannot_be_made_says_what_to_do(tmp_path, project):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailed) as failure:
        environments.Environments(tmp_path / "file").provide(Recipe(project), Silent())
    assert "NOVA_SPI_CACHE_DIR" in failure.value.mend


def test_a_requirements_file_that_is_not_there_is_environment_failed(lab, project):
    with pytest.raises(EnvironmentFailed, match=r"gone\.txt"):
        lab.engine.provide(Recipe(project, project / "gone.txt"), Silent())


PROVIDE = """
import sys
import threading
from pathlib import Path
from nova_spi.engines.port import Recipe
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.progress import Silent
project = Path(sys.argv[1])
environment = ProcessEngine(Path(sys.argv[2])).provide(Recipe(project, project / "requirements.txt"), Silent())
print(environment.cached)
"""


def test_processes_at_the_same_time_make_it_once(project, needs, tmp_path):
    needs("tiny-thing")
    argv = [sys.executable, "-c", PROVIDE, str(project), str(tmp_path / "cache")]
    started = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = sorted(process.communicate(timeout=120)[0].strip() for process in started)
    assert answers == ["False", "True", "True"]


def test_a_kill_in_the_middle_ends_pip_and_the_next_one_repairs(lab, project, tmp_path, needs):
    """pip waits for an index that accepts and says nothing; nova-spi is killed; pip must not go on writing."""
    needs("tiny-thing")
    argv = [sys.executable, "-c", PROVIDE, str(project), str(tmp_path / "cache")]
    mark = f"PIP_{lab.mark}"
    with socket.create_server(("127.0.0.1", 0)) as index:
        address = f"http://127.0.0.1:{index.getsockname()[1]}/simple"
        (project / "requirements.txt").write_text("tiny-thing\n")
        configuration = dict([mark.split("="), ("PIP_INDEX_URL", address), ("PIP_CONFIG_FILE", os.devnull)])
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        process = subprocess.Popen(argv, env=kept | configuration | {"NO_PROXY": "*"})
        connection, _ = index.accept()
        process.kill()
        process.wait()
        until = time.monotonic() + 1
        while lab.left() and time.monotonic() < until:
            time.sleep(0.01)
        assert not lab.left()
        connection.close()
    folders = [path for path in (tmp_path / "cache/envs").iterdir() if path.is_dir()]
    assert len(folders) == 1
    assert not (folders[0] / ".complete").exists()
    configuration = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project / "wheels")}
    again = subprocess.run(argv, env=kept | configuration, capture_output=True, text=True, check=True)
    assert again.stdout == "False\n"
    assert (folders[0] / ".complete").exists()


def test_prune_keeps_what_was_used_last_and_what_may_be_in_use(lab, project, needs, tmp_path):
    cache = tmp_path / "cache"
    plain = lab.engine.provide(Recipe(project), Silent())
    for age, name in ((9000, "a" * 64), (8000, "b" * 64)):
        (cache / "envs" / name).mkdir()
        (cache / "envs" / name / ".complete").write_text("{}")
        os.utime(cache / "envs" / name / ".complete", (time.time() - age,) * 2)
        (cache / "envs" / f"{name}.lock").touch()
    (cache / "envs" / ("c" * 64)).mkdir()
    (cache / "envs" / "not-ours").mkdir()
    assert environments.prune(cache, keep=4) == []
    assert environments.prune(cache, keep=2) == ["sha256:" + "a" * 64, "sha256:" + "c" * 64]
    with environments.locked(cache / "envs" / ("b" * 64 + ".lock"), Silent()):
        assert environments.prune(cache, keep=0) == []
    assert environments.prune(cache, keep=0) == ["sha256:" + "b" * 64]
    assert environments.prune(cache, keep=0, idle_seconds=0) == []  # the engine that gave it out still lives
    assert plain.python.exists()
    lab.engine = None
    gc.collect()
    assert environments.prune(cache, keep=0, idle_seconds=0) == [plain.digest]
    assert not plain.python.exists()
    assert (cache / "envs" / "not-ours").exists()
    assert environments.prune(tmp_path / "nowhere") == []


def test_who_makes_an_environment_removes_those_that_nobody_used_for_long(project, tmp_path):
    cache = tmp_path / "cache"
    folders = [cache / "envs" / f"{number:064x}" for number in range(12)]
    for days, folder in enumerate(folders, 1):
        folder.mkdir(parents=True)
        (folder / ".complete").write_text("{}")
        os.utime(folder / ".complete", (time.time() - days * 86400,) * 2)
    in_use = environments.share(folders[-1].with_suffix(".used"))
    made = ProcessEngine(cache).provide(Recipe(project), Silent())
    left = {path for path in (cache / "envs").iterdir() if path.is_dir()}
    assert left == {made.python.parent.parent, *folders[: environments.KEEP - 1], folders[-1]}
    os.close(in_use)
    ProcessEngine(cache).provide(Recipe(project), Silent())
    assert folders[-1].exists(), "finding one that is there removes nothing: it must be quick"


def test_one_that_is_being_removed_is_waited_for(project, tmp_path):
    cache = tmp_path / "cache"
    digest = ProcessEngine(cache).provide(Recipe(project), Silent()).digest.removeprefix("sha256:")
    gc.collect()
    found = []
    with environments.locked(cache / "envs" / f"{digest}.used", Silent()):
        thread = threading.Thread(target=lambda: found.append(ProcessEngine(cache).provide(Recipe(project), Silent())))
        thread.start()
        time.sleep(0.2)
        assert not found
        shutil.rmtree(cache / "envs" / digest)
        (cache / "envs" / f"{digest}.used").unlink()
    thread.join(30)
    assert not found[0].cached
    assert found[0].python.exists()
