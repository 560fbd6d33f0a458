"""What models do every day works at every place."""

import importlib.util
import sys
from pathlib import Path

import hostile.work
import pytest
from hostile import attempt

assert hostile.work
WORK = [found.name for found in attempt.of("work")]
SPAWN = """import multiprocessing
def double(number): return 2 * number
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print("fine" if pool.map(double, [1, 2]) == [2, 4] else "")
"""


@pytest.mark.parametrize("name", WORK)
def test_normal_work_is_done(ground, name):
    end, how = ground.work_ends[name]
    assert end == "open", how


def test_normal_work_leaves_nothing_running(ground):
    assert ground.work_ends
    assert ground.worked.outcome["exit_code"] == 0
    assert ground.worked.outcome["leftovers"] == 0


def test_a_pool_of_spawned_processes_works(ground):
    (ground.work / "spawn.py").write_text(SPAWN)
    ended = ground.run("spawn.py")
    assert ended.log.strip() == "fine"


def test_a_sandbox_talks_to_itself(ground):
    if ground.level not in ("sandbox", "container"):
        pytest.skip("it has no network of its own")
    ended = ground.run(
        "-c",
        "import socket\n"
        "for family, address in ((socket.AF_INET, ('127.0.0.1', 0)), (socket.AF_UNIX, '/tmp/here')):\n"
        "    server = socket.socket(family); server.bind(address); server.listen()\n"
        "    caller = socket.socket(family); caller.connect(server.getsockname())\n"
        "print('fine')",
    )
    assert ended.log == "fine\n"


@pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="numpy is not there")
def test_numpy_multiplies_on_two_threads(ground):
    if ground.name not in ("root-sandbox", "root-landlock", "root-process"):
        pytest.skip("numpy is in the environment of the tests alone")
    with ground.use(sys.executable):
        ended = ground.run(
            "-c",
            "import numpy; print(int((numpy.ones((400, 400)) @ numpy.ones((400, 400)))[0, 0]))",
            variables={"VIRTUAL_ENV": sys.prefix, "OPENBLAS_NUM_THREADS": "2"},
        )
    assert ended.log == "400\n"
    assert ended.outcome["exit_code"] == 0


def test_an_end_is_reported_as_it_was(ground):
    assert ground.run("-c", "raise SystemExit(5)").outcome["exit_code"] == 5
    for end, numbers in (("ctypes.string_at(0)", {11}), ("os.abort()", {6, 11})):  # 11 where it is the first process
        outcome = ground.run("-c", f"import ctypes, os; {end}").outcome
        assert outcome["signal"] in numbers or outcome["exit_code"] in {128 + number for number in numbers}, outcome


def test_what_is_written_belongs_to_whoever_runs_nova_spi(ground):
    ended = ground.run("-c", "import os; open('made', 'w').write('x'); os.mkdir('folder')")
    assert ended.outcome["exit_code"] == 0
    for name in ("made", "folder"):
        assert Path(ground.work, name).stat().st_uid == ground.owner


def test_the_work_folder_stands_at_the_manifests_place_too(ground):
    if ground.level not in ("sandbox", "container"):
        pytest.skip("a path of the machine cannot be made up")
    assert ground.run("-c", "open('/app/made', 'w').write('x')").outcome["exit_code"] == 0
    assert (ground.work / "made").read_text() == "x"


def test_what_is_named_readable_is_read_and_not_written(ground):
    if ground.name.endswith(("image", "process", "docker", "podman")):
        pytest.skip("only an isolated process of the machine has such")
    program = (
        "import json, os\nSECRET = json.loads(os.environ['FACTS'])['secret']\n"
        "print(open(SECRET).read())\ntry: open(SECRET, 'w')\nexcept OSError: print('not written')"
    )
    ended = ground.run("-c", program, readable=[ground.victim.folder / "secret.txt"])
    assert ended.log == "the secret\nnot written\n"
