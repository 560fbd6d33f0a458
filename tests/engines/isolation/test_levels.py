"""Which level a machine gives, what a machine that cannot says, and that the report is true."""

import json
import os
import subprocess
import sys

import pytest

from nova_spi.engines.port import Limits
from nova_spi.engines.process.engine import ProcessEngine
from nova_spi.engines.process.isolation.levels import LEVELS, best, why_not
from nova_spi.engines.process.isolation.report import protection
from nova_spi.engines.select import select
from nova_spi.errors import EngineUnavailable
from nova_spi.settings import Settings

WITHOUT_NAMESPACES = """
import sys
from nova_spi.engines.process.isolation import seccomp
seccomp.apply((1, 2, 10, 16))
from nova_spi.cli.main import main
sys.argv[0] = "nova-spi"
sys.exit(main())
"""
"""A machine that gives no namespaces, as most containers: our own filter forbids them to all that comes after."""
ROWS = ["memory", "cpu", "pids", "network", "files", "time", "disk", "log"]


def rows(level, network):
    return {row.what: row for row in protection(Limits(5.0), level, network)}


@pytest.fixture
def project(tmp_path):
    made = tmp_path / "model"
    made.mkdir()
    (made / "manifest.yml").write_text(
        "spi_version: '1'\nmodel: {name: model, version: 1.0.0, description: Says hello., domain: text, license: MIT}\n"
        "inputs: []\noutputs: [{name: said, type: string, description: Hello.}]\n"
        "execution: {entry_point: {callable: 'run:go'}}\n"
    )
    (made / "run.py").write_text("def go():\n    return {'said': 'hello'}\n")
    return made


def nova_spi(project, *words, boot=WITHOUT_NAMESPACES):
    environment = dict(os.environ) | {"NOVA_SPI_CACHE_DIR": str(project.parent / "cache")}
    argv = [sys.executable, "-c", boot, "run", *words, "--output", str(project.parent / "out")]
    return subprocess.run(argv, cwd=project, env=environment, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def need(tmp_path):
    def need(level):
        if reason := why_not(level, tmp_path):
            pytest.skip(reason)
        return level

    return need


def test_the_best_level_is_the_first_that_the_machine_has(tmp_path):
    assert best(tmp_path) == next(level for level in LEVELS if not why_not(level, tmp_path))
    assert not why_not("process", tmp_path)


def test_what_works_is_remembered_for_this_start_of_the_machine(tmp_path, need):
    need("sandbox")
    known = json.loads((tmp_path / "isolation.json").read_bytes())
    assert all(key.startswith(("sandbox ", "landlock ")) and value is True for key, value in known.items())


@pytest.mark.parametrize("damaged", [b"", b"[]", b"{", b"null", b'{"x": 1}'])
def test_a_damaged_memory_is_written_anew(tmp_path, need, damaged):
    need("sandbox")
    other = tmp_path / "other"
    other.mkdir()
    (other / "isolation.json").write_bytes(damaged)
    assert why_not("sandbox", other) == ""
    assert True in json.loads((other / "isolation.json").read_bytes()).values()


def test_a_cache_that_is_a_file_hinders_nothing(tmp_path, need):
    need("sandbox")
    (tmp_path / "file").write_text("")
    assert why_not("sandbox", tmp_path / "file") == ""


def test_the_report_of_a_sandbox_is_hard_where_the_attacks_are_blocked(need):
    found = rows(need("sandbox"), "none")
    assert list(found) == [*ROWS, "processes", "kernel"]
    hard = {what for what, row in found.items() if row.hard}
    assert hard == {"pids", "network", "files", "time", "log", "processes", "kernel"}
    assert "netns" in found["network"].by
    assert found["memory"].by.startswith("nothing; files in its /tmp")


@pytest.mark.parametrize("network", ["egress", "full"])
@pytest.mark.parametrize("level", ["sandbox", "landlock"])
def test_a_network_that_is_the_machines_is_called_so(need, network, level):
    row = rows(need(level), network)["network"]
    assert not row.hard
    assert row.limit == ""
    assert row.by.startswith("nothing")


def test_the_report_of_landlock_says_what_stays_within_reach(need):
    found = rows(need("landlock"), "none")
    assert not found["files"].hard
    assert "/dev/shm" in found["files"].by
    assert "modes" in found["files"].by
    assert found["network"].by == "seccomp: no sockets"
    assert found["pids"].hard == found["pids"].by.startswith("cgroup")


@pytest.mark.parametrize("network", ["none", "full"])
@pytest.mark.parametrize("level", ["landlock", "process"])
def test_no_lower_level_is_called_a_sandbox(need, level, network):
    assert "sandbox" not in str(rows(need(level), network))


def test_level_process_promises_what_it_did(need):
    found = rows("process", "none")
    assert list(found) == ROWS
    assert found["network"].by == "nothing"


def test_the_embedded_engine_takes_the_best_level(tmp_path):
    assert select("auto", Settings.load(cache_dir=tmp_path)).level == best(tmp_path)


def test_a_level_below_the_best_is_enough(tmp_path):
    for level in LEVELS[LEVELS.index(best(tmp_path)) :]:
        assert select("auto", Settings.load(cache_dir=tmp_path), level).level == best(tmp_path)


def test_a_run_in_a_sandbox_is_recorded_as_it_was(project, need):
    need("sandbox")
    done = nova_spi(project, "--require-isolation", "sandbox", boot=WITHOUT_NAMESPACES.replace("seccomp.apply", "str"))
    assert done.returncode == 0, done.stderr
    record = json.loads(next(project.glob(".nova-spi/runs/*/run.json")).read_bytes())
    assert record["engine"]["level"] == "sandbox"
    assert [row["what"] for row in record["engine"]["protections"]][-2:] == ["processes", "kernel"]
    assert record["outputs"]["said"] == "hello"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_a_machine_without_namespaces_refuses_and_says_what_is_missing(project, need):
    need("landlock")
    done = nova_spi(project, "--require-isolation", "sandbox", "--output-format", "json")
    assert done.returncode == 3
    said = json.loads(done.stdout or done.stderr)
    error = said.get("error", said)
    assert error["code"] == "engine.unavailable"
    assert "make its namespaces" in error["why"]
    assert "Operation not permitted" in error["why"]
    assert "--require-isolation" in error["mend"]
    assert not list(project.glob(".nova-spi/runs/*"))


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_a_machine_without_namespaces_takes_landlock_and_says_so(project, need):
    need("landlock")
    done = nova_spi(project)
    assert done.returncode == 0, done.stderr
    record = json.loads(next(project.glob(".nova-spi/runs/*/run.json")).read_bytes())
    assert record["engine"]["level"] == "landlock"
    assert "sandbox" not in json.dumps(record["engine"])


def test_an_engine_of_a_level_that_is_not_there_refuses(tmp_path, monkeypatch, need):
    monkeypatch.setattr("nova_spi.engines.process.isolation.levels.machine", lambda: "riscv64")
    other = tmp_path / "other"
    for level in ("sandbox", "landlock"):
        with pytest.raises(EngineUnavailable, match=level) as failure:
            _ = ProcessEngine(other, level).level
        assert "riscv64" in failure.value.why
        assert failure.value.exit_status == 3
    assert ProcessEngine(other, "auto").level == "process"
