"""However a run ends, it ends as at level ``process``, and nothing of it stays."""

import os
import signal
import time
from pathlib import Path

import pytest

LEVELS = [("root", "sandbox"), ("user", "sandbox"), ("user", "landlock")]
EVERYWHERE = pytest.mark.parametrize("field", LEVELS, indirect=True, ids="-".join)


def programs(field):
    """Processes whose current folder is the run's work folder, wherever they see it."""
    wanted, found = field.work.stat().st_ino, []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if place.stat().st_ino == wanted:
                found.append(int(place.parent.name))
        except OSError:
            continue
    return found


@EVERYWHERE
def test_at_the_deadline_a_program_may_say_good_bye(field):
    outcome, said = field.run(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('good bye'), sys.exit(3)))\n"
        "time.sleep(60)",
        timeout_seconds=1.5,
    )
    assert said == "good bye\n"
    assert (outcome["reason"], outcome["exit"]) == ("timeout", 3)


@EVERYWHERE
def test_one_that_ignores_the_deadline_is_killed_with_all_it_started(field):
    outcome, _ = field.run(
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0: os.setsid()\n"
        "time.sleep(60)",
        timeout_seconds=1.0,
        grace_seconds=0.3,
    )
    assert outcome["reason"] == "timeout"
    assert outcome["wall"] < 4
    assert programs(field) == []


@EVERYWHERE
def test_one_that_takes_too_much_memory_is_ended(field):
    outcome, _ = field.run("x = [bytearray(b'x' * 10_000_000) for _ in range(60)]", memory_bytes=200_000_000)
    assert outcome["reason"] == "out_of_memory"


@EVERYWHERE
def test_one_that_fills_the_disk_is_ended(field):
    source = (
        "import time\nopen('a', 'wb').write(b'x' * 9_000_000)\nopen('b', 'wb').write(b'x' * 9_000_000)\ntime.sleep(9)"
    )
    outcome, _ = field.run(source, disk_bytes=10_000_000)
    assert outcome["reason"] == "out_of_disk"


@pytest.mark.parametrize("field", LEVELS[:1], indirect=True, ids="-".join)
@pytest.mark.parametrize("whom", ["nova-spi", "launcher"])
def test_a_sandbox_ends_with_those_who_watch_it(field, whom):
    started = field.start("import time; open('there', 'w'); time.sleep(60)")
    try:
        until = time.monotonic() + 15
        while not (field.work / "there").exists() and time.monotonic() < until:
            time.sleep(0.02)
        assert programs(field)
        children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
        os.kill(started.pid if whom == "nova-spi" else int(children[0]), signal.SIGKILL)
        until = time.monotonic() + 5
        while programs(field) and time.monotonic() < until:
            time.sleep(0.02)
        assert programs(field) == []
    finally:
        started.kill()
        started.wait()
