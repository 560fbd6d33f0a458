"""A run cannot get rid of those who watch over it, and ends with all that it has started."""

from concurrent.futures import ThreadPoolExecutor

import pytest

ISOLATED = {"sandbox", "landlock", "container"}
OWN_PROCESSES = {"sandbox", "container"}
"""Levels where a run sees no process but its own."""


@pytest.fixture
def isolated(ground):
    """A place that protects at all."""
    if ground.level not in ISOLATED:
        pytest.skip("nothing protects here")
    return ground


@pytest.fixture
def alone(ground):
    """A place where a run sees no process but its own."""
    if ground.level not in OWN_PROCESSES:
        pytest.skip("processes of others are there")
    return ground


def test_no_descriptor_is_inherited_but_the_three(ground):
    """Not even a file that nova-spi's caller has left open for its children on purpose."""
    said = ground.run(
        "-c",
        "import os\nfor number in range(1024):\n    try: os.fstat(number); print(number)\n    except OSError: pass\n",
    )
    assert said.log.split() == ["0", "1", "2"]


def test_the_three_descriptors_lead_to_no_file_of_the_machine(ground):
    ended = ground.run(
        "-c",
        "import os, stat\n"
        "for number in range(3):\n"
        "    mode = os.fstat(number).st_mode\n"
        "    print(stat.S_ISCHR(mode), stat.S_ISFIFO(mode), stat.S_ISREG(mode))\n",
    )
    assert ended.log.splitlines() == ["True False False", "False True False", "False True False"]


def test_a_signal_to_the_supervisor_changes_nothing(isolated):
    ended = isolated.run(
        "-c",
        "import os, signal, time\n"
        "for number in (15, 2, 1, 3, 10, 12): signal.signal(number, lambda *_: None)\n"
        "for number in (15, 2, 1, 3, 10, 12, 9, 19):\n"
        "    try: os.kill(os.getppid(), number)\n"
        "    except PermissionError: pass\n"
        "    time.sleep(0.02)\n"
        "print('still here')",
    )
    assert ended.log.endswith("still here\n")
    assert (ended.outcome["reason"], ended.outcome["exit_code"]) == ("exited", 0)


def test_killing_everybody_ends_the_runs_own_processes_alone(alone):
    ended = alone.run(
        "-c",
        "import os, time\n"
        "child = os.fork()\n"
        "if child == 0: time.sleep(60)\n"
        "os.kill(-1, 9)\n"
        "print(os.waitpid(child, 0)[1], flush=True)\n",
    )
    assert ended.log == "9\n"
    assert ended.outcome["exit_code"] == 0
    assert alone.victim.harm() == {}


def test_killing_its_own_group_ends_the_run_alone(ground):
    ended = ground.run("-c", "import os; os.kill(0, 9)")
    assert ended.outcome["signal"] == 9 or ended.outcome["exit_code"] == 137
    assert ground.victim.process.poll() is None


@pytest.mark.parametrize("way", ["stops itself", "stops its group", "ignores every signal", "never returns from C"])
def test_the_deadline_ends_whoever_does_not_want_to(ground, way):
    program = {
        "stops itself": "os.kill(os.getpid(), 19)",
        "stops its group": "os.fork(); os.kill(0, 19)",
        "ignores every signal": "[signal.signal(n, signal.SIG_IGN) for n in range(1, 32) if n not in (9, 19)]\n"
        "while True: time.sleep(1)",
        "never returns from C": "pow(3, 10 ** 9)",
    }[way]
    ended = ground.run("-c", f"import os, signal, time\n{program}", timeout_seconds=0.5, grace_seconds=0.1)
    assert ended.outcome["reason"] == "timeout"
    assert ended.rows["time"]["limit"].startswith("0.5 s")
    assert ended.outcome["wall_seconds"] < 15


def test_daemons_end_with_the_run(ground):
    """Twice forked, in sessions of their own, with every descriptor closed; one of them has a child of its own."""
    program = (
        "import os, sys, time\n"
        "for number in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        "            os.closerange(0, 100)\n"
        "            if number: os.fork()\n"
        "            os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)', sys.argv[1]])\n"
        "        os._exit(0)\n"
        "time.sleep(0.3)"
    )
    ended = ground.run("-c", program, f"daemon-of-{ground.victim.mark}")
    assert (ended.outcome["reason"], ended.outcome["exit_code"]) == ("exited", 0)
    assert ground.living(f"daemon-of-{ground.victim.mark}") == []


def test_a_fork_that_never_ends_ends_with_the_deadline(alone):
    program = (
        "import os, signal, sys\n"
        "signal.signal(15, signal.SIG_IGN)\n"
        "for _ in range(20):\n"
        "    if os.fork() == 0:\n"
        "        while True:\n"
        "            if os.fork(): os._exit(0)\n"
        "import time; time.sleep(60)\n"
    )
    ended = alone.run("-c", program, f"fork-of-{alone.victim.mark}", timeout_seconds=0.7, grace_seconds=0.1)
    assert ended.outcome["reason"] == "timeout"
    assert alone.living(f"fork-of-{alone.victim.mark}") == []


def test_no_core_is_left(ground):
    ended = ground.run("-c", "import os; os.abort()")
    assert ended.outcome["signal"] == 6 or ended.outcome["exit_code"] == 134
    assert [path.name for path in ground.work.rglob("core*")] == []


def test_with_a_network_the_machine_is_reached_and_the_report_says_so(isolated):
    program = (
        "import json, os, socket\n"
        "port = json.loads(os.environ['FACTS'])['tcp']\n"
        "print(socket.create_connection(('127.0.0.1', port), 2).recv(9))"
    )
    ended = isolated.run("-c", program, network="full")
    if isolated.level == "container":
        return
    assert ended.log == "b'hello'\n"
    assert not ended.rows["network"]["hard"]
    assert ended.rows["network"]["by"].startswith("nothing")


@pytest.mark.parametrize("network", ["egress", "full"])
@pytest.mark.parametrize("name", ["talk_to_an_abstract_socket", "send_a_datagram_by_one_of_a_pair"])
def test_with_a_network_the_sockets_of_the_machine_are_still_out_of_reach(isolated, network, name):
    program = "import sys\nfrom hostile import attempt, network\nattempt.make(attempt.named(sys.argv[1]))"
    ended = isolated.run("-c", program, name, network=network)
    assert '"blocked"' in ended.log, ended.log
    assert isolated.victim.harm() == {}


def test_ten_at_once_all_succeed(alone):
    def run(number):
        return alone.run("-c", f"print({number})", log=f"log-{number}.txt")

    run(-1)
    with ThreadPoolExecutor(10) as pool:
        ended = list(pool.map(run, range(10)))
    assert [one.outcome["exit_code"] for one in ended] == [0] * 10
    assert [one.log for one in ended] == [f"{number}\n" for number in range(10)]


def test_nothing_of_the_machine_can_be_written(alone):
    """Every folder is tried that is not far below another one."""
    ended = alone.run(
        "-c",
        "import os\n"
        "for folder, below, _ in os.walk('/'):\n"
        "    below[:] = [] if folder.startswith(('/proc', '/sys')) or folder.count('/') > 2 else below\n"
        "    if os.access(folder, os.W_OK): print(folder)\n",
    )
    found = {path for path in ended.log.split("\n") if path and not path.startswith(tuple(alone.own))}
    assert found == set()
