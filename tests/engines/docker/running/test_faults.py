"""Daemons that hang or die, callers that cancel or are killed: the caller has its answer, and nothing is left."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bench.daemons import docker_daemon, podman_service, process_of
from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.docker.reaping import OWNER, RUN, is_dead, owner, prune
from nova_spi.engines.port import Recipe
from nova_spi.errors import EngineUnavailable
from nova_spi.progress import Silent

STUBBORN = "import signal,time;signal.signal(signal.SIGTERM, signal.SIG_IGN);print('on', flush=True);time.sleep(60)"

LEFT_OPEN = pytest.mark.filterwarnings("ignore:(?s).*unclosed <socket", "ignore:Exception ignored in. <socket")
"""The SDK's own sockets: it forgets those whose connection fails."""


def wait_until(true, seconds=15.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until and not true():
        time.sleep(0.02)
    return bool(true())


class Once(Silent):
    """Does one thing when the program has said something."""

    def __init__(self, act):
        self._act = act
        self.at = None

    def log(self, chunk):
        if self.at is None:
            self.at = time.monotonic()
            self._act()


@pytest.fixture(params=["docker", "podman"])
def own_host(request, tmp_path_factory):
    """A daemon that the test may hurt."""
    request.getfixturevalue(f"{request.param}_host")  # skips where there is none
    start = docker_daemon if request.param == "docker" else podman_service
    with start(tmp_path_factory.mktemp("hurt")) as address:
        yield address


@pytest.fixture
def own_harbour(own_host, small_image, tmp_path, make_harbour):
    engine = DockerEngine(own_host)
    environment = engine.provide(Recipe(Path("/"), image=small_image), Silent())
    threads = threading.active_count()
    yield make_harbour(engine, environment, tmp_path / "run")
    engine.close()
    assert wait_until(lambda: threading.active_count() <= threads), "a thread is left"
    gc.collect()  # what the SDK leaves open is found here, where it is expected


def test_a_cancel_ends_it(harbour):
    cancel = threading.Event()
    outcome = harbour.run(harbour.job(STUBBORN), Once(cancel.set), cancel)
    assert (outcome.reason, outcome.signal) == ("cancelled", 9)


def test_a_cancel_before_it_runs_leaves_nothing(harbour):
    cancel = threading.Event()
    cancel.set()
    assert harbour.run(harbour.job(STUBBORN), None, cancel).reason == "cancelled"


def test_control_c_ends_it_and_goes_on(harbour):
    def interrupt():
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        harbour.run(harbour.job(STUBBORN), Once(interrupt))


def test_a_listener_that_fails_leaves_nothing(harbour):
    def fail():
        raise RuntimeError("told you")

    with pytest.raises(RuntimeError, match="told you"):
        harbour.run(harbour.job(STUBBORN), Once(fail))


def test_somebody_else_removes_the_container(harbour):
    def remove():
        harbour.api.remove_container(f"nova-spi-{harbour.id}", force=True)

    with pytest.raises(EngineUnavailable) as failed:
        harbour.run(harbour.job(STUBBORN), Once(remove))
    assert failed.value.error_code == "engine.lost"


def test_a_killed_caller_leaves_no_container(harbour, host, small_image, tmp_path):
    program = f"""
from pathlib import Path
from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.port import Image, Job, Limits, Mount, Recipe
from nova_spi.progress import Silent
class Loud(Silent):
    def log(self, chunk): print('running', flush=True)
folder = Path({str(tmp_path)!r})
image = Image({small_image.name!r}, Path({str(small_image.layout)!r}), {small_image.manifest!r}, {small_image.config!r})
engine = DockerEngine({host!r})
environment = engine.provide(Recipe(folder, image=image), Silent())
engine.run(Job(('/opt/model/bin/python', '-c', {STUBBORN!r}), folder, Path('/app'),
    {{'NOVA_SPI_TEST_MARK': {harbour.id!r}}}, folder / 'log', Limits(60.0), environment=environment, network='none',
    labels={{'dev.nova-spi.execution': {harbour.id!r}}}), Loud())
"""
    caller = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert caller.stdout.readline() == b"running\n"
    assert len(harbour.containers()) == 1
    caller.kill()
    caller.wait()
    caller.stdout.close()
    assert wait_until(lambda: not harbour.containers())
    assert wait_until(lambda: not harbour.inside())


@LEFT_OPEN
def test_a_daemon_that_hangs_delays_no_deadline(own_harbour, own_host):
    daemon = process_of(own_host)
    job = own_harbour.job(STUBBORN, limits={"timeout_seconds": 2.0, "grace_seconds": 0.3})
    hung = Once(lambda: os.kill(daemon, signal.SIGSTOP))
    try:
        outcome = own_harbour.run(job, hung)
        took = time.monotonic() - hung.at
        assert (outcome.reason, outcome.signal) == ("timeout", 9)
        assert took < 2.3 + 3
        assert not own_harbour.inside()
    finally:
        os.kill(daemon, signal.SIGCONT)
    assert wait_until(lambda: not own_harbour.containers()), "the reaper did not remove it"


@LEFT_OPEN
def test_a_daemon_that_dies_in_the_middle_is_an_error_and_nothing_runs_on(own_harbour, own_host):
    daemon = process_of(own_host)
    died = Once(lambda: os.kill(daemon, signal.SIGKILL))
    with pytest.raises(EngineUnavailable) as failed:
        own_harbour.run(own_harbour.job(STUBBORN), died)
    assert time.monotonic() - died.at < 10
    assert failed.value.error_code == "engine.lost"
    assert wait_until(lambda: not own_harbour.inside())


@LEFT_OPEN
def test_a_daemon_that_is_dead_before_is_an_error(own_harbour, own_host):
    os.kill(process_of(own_host), signal.SIGKILL)
    time.sleep(0.1)
    with pytest.raises(EngineUnavailable):
        own_harbour.run(own_harbour.job("pass"))


def test_prune_removes_the_containers_of_the_dead_alone(harbour, small_image):
    connection = harbour.engine.connection
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    words = owner().split()
    dead.wait()
    made = {}
    for name, label in {"dead": " ".join([str(dead.pid), "1", *words[2:]]), "alive": owner(), "odd": "x"}.items():
        labels = {RUN: f"test-{harbour.id}-{name}", OWNER: label}
        container = harbour.api.create_container(small_image.config, ["x"], labels=labels, use_config_proxy=False)
        made[name] = container["Id"]
    try:
        assert f"test-{harbour.id}-dead" in prune(connection)
        left = {each["Id"] for each in harbour.api.containers(all=True)}
        assert left & set(made.values()) == {made["alive"], made["odd"]}
    finally:
        for each in ("alive", "odd"):
            harbour.api.remove_container(made[each], force=True)


def test_an_owner_is_dead_when_its_process_or_its_boot_is_over():
    pid, start, boot, namespace = owner().split()
    assert not is_dead(owner())
    assert is_dead(f"{pid} {int(start) + 1} {boot} {namespace}")
    assert is_dead(f"{pid} {start} another-boot {namespace}")
    assert not is_dead(f"{pid} {int(start) + 1} {boot} pid:[1]")  # it cannot be seen from here
    assert not any(map(is_dead, ("", "x", "1 2 3", "-1 2 3 4")))


def test_where_this_machine_does_not_show_the_container_the_engine_is_asked(harbour, host, small_image, tmp_path):
    """As with a daemon in a virtual machine: here in a process namespace that has none of its processes."""
    apart = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("no process namespace can be made here")
    program = f"""
from pathlib import Path
from nova_spi.engines.docker.engine import DockerEngine
from nova_spi.engines.port import Image, Job, Limits, Recipe
from nova_spi.progress import Silent
folder = Path({str(tmp_path)!r})
image = Image({small_image.name!r}, Path({str(small_image.layout)!r}), {small_image.manifest!r}, {small_image.config!r})
engine = DockerEngine({host!r})
environment = engine.provide(Recipe(folder, image=image), Silent())
def run(source, seconds):
    job = Job(('/opt/model/bin/python', '-c', source), folder, Path('/app'), {{}}, folder / 'log',
        Limits(seconds, memory_bytes=100 << 20, grace_seconds=0.3), environment=environment, network='none',
        labels={{'dev.nova-spi.execution': {harbour.id!r}}})
    outcome = engine.run(job, Silent())
    print(outcome.reason, outcome.exit_code, outcome.signal, flush=True)
run("import os,time;os.close(1);os.close(2);time.sleep(0.5);raise SystemExit(3)", 20.0)
run({STUBBORN!r}, 1.0)
"""
    found = subprocess.run([*apart, sys.executable, "-c", program], capture_output=True, text=True)
    assert found.stdout.splitlines() == ["exited 3 None", "timeout None 9"], found.stderr
    assert "on\n" in (tmp_path / "log").read_text()
