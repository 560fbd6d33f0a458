import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("docker", reason="the extra 'docker' is not installed")

MANIFEST = """spi_version: "1"
model: {{name: {name}, version: 1.0.0, description: A model that is started and stays., domain: text, license: MIT}}
execution:
  entry_point: {{command: [python, serve.py]}}
  secrets: [TOKEN]
  network: {network}
  config: {{greeting: hello}}
  volumes: [{{name: kept, mount_path: kept}}]
  resources: {{memory: 256Mi, cpu: 1}}
{more}
inputs: []
outputs: []
commands:
  brief: {{entry_point: {{command: [python, -c, "print('brief')"]}}, inputs: [], outputs: []}}
"""
SERVE = """
import http.server, json, os, pathlib, sys
with open("kept/starts", "a") as file:
    file.write("x")
print("serving as", os.getuid(), json.load(open("inputs/config/config.json")), flush=True)
print("token", len(open("/run/secrets/TOKEN").read()), flush=True)
pathlib.Path("outputs/mine").write_text("mine")
http.server.HTTPServer(("", 8080), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
SECRET = "s3cret-value-of-a-test"


@pytest.fixture(scope="module")
def base(tmp_path_factory, shared_cache):
    """The base ``debian``, assembled once, as a layout on disk."""
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.platforms import Platform
    from nova_spi.images.base import open_base
    from nova_spi.images.debian_apt import can_be_asked
    from nova_spi.progress import Silent

    if why := can_be_asked(Platform.here()):
        pytest.skip(f"the base debian cannot be made here: {why}")
    layout = Layout.create(tmp_path_factory.mktemp("base") / "layout")
    made = open_base("debian", layout, Platform.here(), Silent(), cache_dir=shared_cache)
    layout.name(made.manifest.descriptor, "base")
    return f"{layout.root}:base"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def machine(tmp_path, monkeypatch, shared_cache, base, store):
    monkeypatch.setenv("NOVA_SPI_CACHE_DIR", str(shared_cache))
    monkeypatch.setenv("NOVA_SPI_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NOVA_SPI_STORE", str(store))
    monkeypatch.setenv("NOVA_SPI_BASE_IMAGE", base)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TOKEN", SECRET)
    return tmp_path


@pytest.fixture(params=["docker", "podman"])
def engine(request, monkeypatch, machine):
    """Each engine in turn; afterwards no container and no network of ours is left."""
    from nova_spi.engines.docker.connecting import connect
    from nova_spi.engines.docker.networks import LABEL
    from nova_spi.engines.docker.services import PROJECT

    host = request.getfixturevalue(f"{request.param}_host")
    monkeypatch.setenv("DOCKER_HOST", host)
    with connect(host) as connection:
        yield connection
        api = connection.client.api
        for each in api.containers(all=True, filters={"label": PROJECT}):
            api.remove_container(each["Id"], force=True)
        for each in api.networks(filters={"label": LABEL}):
            api.remove_network(each["Id"])


@pytest.fixture
def served(machine, monkeypatch):
    """Makes a project and goes there."""

    def made(name: str = "served", more: str = "", network: str = "none", serve: str = SERVE) -> Path:
        root = machine / name
        root.mkdir()
        (root / "manifest.yml").write_text(MANIFEST.format(name=name, more=more, network=network))
        (root / "serve.py").write_text(serve)
        monkeypatch.chdir(root)
        return root

    return made


def wait_for(true, seconds: float = 30.0):
    until = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < until:
        time.sleep(0.1)
    assert found
    return found


def test_what_a_container_without_limits_uses_is_shown_or_it_is_said_why_not(engine, served, call_json):
    manifest = served() / "manifest.yml"
    manifest.write_text(manifest.read_text().replace("  resources: {memory: 256Mi, cpu: 1}\n", ""))
    name = call_json("container", "start")[1]["name"]
    status, used = call_json("container", "stats")
    if status == 0:
        assert [each["name"] for each in used["containers"]] == [name]
        return
    assert (status, engine.engine) == (3, "podman"), "4.3 fails by itself for a container without limits"
    assert name in used["error"]["message"]
    assert used["error"]["why"]
    assert "execution.resources" in used["error"]["mend"]


def test_a_model_is_started_looked_at_entered_and_stopped(engine, served, call, call_json, machine):
    root = served()
    status, started = call_json("container", "start")
    assert (status, started["ok"], started["kind"], started["state"]) == (0, True, "service", "running")
    assert started["name"].startswith("served-")
    assert started["model"] == "served:1.0.0"
    name = started["name"]
    own = root / ".nova-spi" / "containers" / name
    assert started["folder"] == str(own)
    assert [each["name"] for each in call_json("container", "list")[1]["containers"]] == [name]
    lines = wait_for(lambda: (found := call_json("container", "logs", "serv")[1]["lines"]) and len(found) > 1 and found)
    assert lines[0].endswith("{'greeting': 'hello'}")
    assert not lines[0].startswith("serving as 0 ")
    assert lines[1] == f"token {len(SECRET)}"
    assert call("container", "logs", "--tail", "1")[1] == f"{lines[1]}\n"
    wait_for((own / "outputs" / "mine").exists)
    assert (machine / "data" / "volumes" / "served" / "kept" / "starts").read_text() == "x"
    calls = "import ctypes; libc = ctypes.CDLL(None); print(libc.ptrace(0, 0, 0, 0), libc.unshare(0x10000000))"
    assert call("container", "exec", name, "--", "/opt/model/bin/python", "-c", calls)[1] == "-1 -1\n"
    found = engine.client.api.inspect_container(name)
    assert SECRET not in json.dumps(found)
    assert found["HostConfig"]["ReadonlyRootfs"] is True
    status, used = call_json("container", "stats")
    assert used["containers"][0]["memory_limit_bytes"] == 256 * 2**20
    assert 0 < used["containers"][0]["memory_bytes"] < 256 * 2**20
    assert used["containers"][0]["processes"] >= 1
    assert name in call("container", "stats", "--no-stream")[1]
    status, stopped = call_json("container", "stop", "--timeout", "2")
    assert (status, stopped["state"]) == (0, "exited")
    assert stopped["exit_code"] in (137, 143)
    assert not (own / "secrets").exists()
    assert call("container", "exec", name, "--", "true")[0] == 2


def test_a_programs_words_and_its_exit_status_are_passed_on(engine, served, call, call_json):
    served()
    name = call_json("container", "start")[1]["name"]
    code = "import os, sys; print(os.getcwd()); print('bad', file=sys.stderr); sys.exit(7)"
    status, _, _ = call("container", "exec", name, "--", "python", "-c", code)
    assert status == 7
    status, out, _ = call("container", "exec", "--output-format", "json", name, "--", "python", "-c", code)
    found = json.loads(out)
    assert (status, found["exit_code"], found["ok"]) == (7, 7, False)
    assert (found["output"], found["errors"]) == ("/app\n", "bad\n")
    assert call("container", "exec", name, "--", "no-such-program")[0] in (126, 127)
    assert call("container", "exec", name)[0] == 2


def test_a_published_port_answers_on_the_loopback_alone(engine, served, call_json):
    served(network="full")
    started = call_json("container", "start", "--publish", "8080")[1]
    [port] = started["ports"]
    address = re.fullmatch(r"(127\.0\.0\.1:\d+)->8080/tcp", port)[1]

    def answer():
        try:
            return urllib.request.urlopen(f"http://{address}/manifest.yml", timeout=2).read()
        except OSError:
            return b""

    assert b"spi_version" in wait_for(answer)


def test_another_command_is_another_container_and_one_that_ended_makes_room(engine, served, call_json):
    served()
    assert "-brief-" in call_json("container", "start", "--command", "brief")[1]["name"]
    ended = wait_for(
        lambda: [each for each in call_json("container", "list")[1]["containers"] if each["state"] == "exited"]
    )
    assert (ended[0]["exit_code"], ended[0]["restarts"]) == (0, 0)
    assert call_json("container", "logs")[1]["lines"] == ["brief"]
    again = call_json("container", "start", "--command", "brief")[1]
    assert again["name"] == ended[0]["name"]
    assert again["id"] != ended[0]["id"]


def test_what_is_running_is_not_started_twice_and_names_are_checked(engine, served, call_json):
    served()
    name = call_json("container", "start", "--name", "mine.1")[1]["name"]
    assert name == "mine.1"
    status, found = call_json("container", "start", "--name", "mine.1")
    assert (status, found["error"]["code"]) == (2, "usage.container_name")
    assert call_json("container", "start", "--name", "-bad/name")[1]["error"]["code"] == "usage.container_name"
    assert call_json("container", "start", "--name", "mine.2")[0] == 0
    status, found = call_json("container", "logs", "mine")
    assert (status, found["error"]["code"]) == (2, "usage.container_ambiguous")
    assert call_json("container", "logs", "mine.1")[0] == 0
    status, found = call_json("container", "stop", "mime.1")
    assert (status, found["error"]["code"]) == (2, "usage.no_such_container")
    assert "mine.1" in found["error"]["why"]


def test_a_name_of_another_project_is_taken(engine, served, call_json):
    served("one")
    call_json("container", "start", "--name", "taken")
    served("two")
    status, found = call_json("container", "start", "--name", "taken")
    assert (status, found["error"]["code"]) == (2, "usage.container_name")
    assert call_json("container", "list")[1]["containers"] == []


def test_prune_says_what_goes_and_leaves_other_projects_alone(engine, served, call, call_json, machine, monkeypatch):
    other = served("other", network="full")
    kept = call_json("container", "start")[1]["name"]
    call_json("container", "stop", "--timeout", "1")
    running = call_json("container", "start", "--name", "runs-on")[1]["name"]
    root = served("served", network="full")
    gone = call_json("container", "start")[1]
    call_json("container", "stop", "--timeout", "1")
    status, _, err = call("container", "prune")
    assert status == 2
    assert "--yes" in err
    status, found = call_json("container", "prune", "--yes")
    assert status == 0
    assert {(each["kind"], each["name"]) for each in found["removed"]} == {
        ("container", gone["name"]),
        ("network", f"nova-spi-{gone['project'][:12]}"),
    }
    assert found["bytes"] == sum(each["bytes"] for each in found["removed"])
    assert not (root / ".nova-spi" / "containers" / gone["name"]).exists()
    assert {each["name"] for each in call_json("container", "list", "--all")[1]["containers"]} == {kept, running}
    assert (other / ".nova-spi" / "containers" / kept / "inputs").exists()
    assert "There is nothing to remove." in call("container", "prune", "--yes")[1]


def test_prune_removes_what_a_killed_nova_spi_has_left(engine, served, call_json):
    served()
    started = call_json("container", "start")[1]
    api, image = engine.client.api, engine.client.api.inspect_container(started["id"])["Image"]
    labels = {"dev.nova-spi.run": "left-behind", "dev.nova-spi.owner": "1 0 another-boot pid:[1]"}
    left = api.create_container(image, ["python", "-c", "pass"], labels=labels, name="left-behind")
    removed = call_json("container", "prune", "--yes")[1]["removed"]
    assert [(each["id"], each["why"]) for each in removed] == [(left["Id"], "its nova-spi has died")]
    assert call_json("container", "list")[1]["containers"][0]["state"] == "running"


def test_images_of_earlier_builds_go_where_they_are_asked_to(engine, served, call_json):
    root = served("rebuilt")
    call_json("container", "start")
    old = call_json("container", "list")[1]["containers"][0]
    before = engine.client.api.inspect_container(old["id"])["Image"]
    call_json("container", "stop", "--timeout", "1")
    (root / "more.txt").write_text("another build")
    call_json("container", "start")
    assert call_json("container", "prune", "--yes")[1]["removed"] == []
    removed = call_json("container", "prune", "--images", "--yes")[1]["removed"]
    assert [(each["kind"], each["id"]) for each in removed] == [("image", before)]


HEALTH = """\
  restart: {policy: on-failure, max_retries: 1}
  health_check: {command: [python, well.py], interval_seconds: 1, timeout_seconds: 3, retries: 2}
"""
WELL = "import os, sys; sys.exit(os.path.exists('kept/ill') and 'the weights are gone')\n"


def test_a_health_check_that_fails_leads_to_a_restart_and_no_more_than_were_asked_for(
    engine, served, call, call_json, machine
):
    root = served(more=HEALTH)
    (root / "well.py").write_text(WELL)
    status, _, err = call("container", "start")
    assert status == 0, err
    if engine.engine == "podman" and not Path("/run/systemd/system").exists():
        assert "The health check does not run" in err
        pytest.skip("Podman has systemd run health checks, and it does not run here")

    def now():
        return call_json("container", "list")[1]["containers"][0]

    wait_for(lambda: now()["health"] == "healthy")
    assert now()["restarts"] == 0
    (machine / "data" / "volumes" / "served" / "kept" / "ill").write_text("")
    ended = wait_for(lambda: (found := now())["state"] == "exited" and found, 60)
    assert (ended["restarts"], ended["exit_code"]) == (1, 137)
    assert (machine / "data" / "volumes" / "served" / "kept" / "starts").read_text() == "xx"
    log = "\n".join(call_json("container", "logs")[1]["lines"])
    assert log.count("The health check failed 2 times in a row") == 2
    assert "the weights are gone" in log


def test_a_program_that_fails_is_restarted_as_often_as_the_manifest_says(engine, served, call_json, machine):
    serve = "open('kept/starts', 'a').write('x')\nraise SystemExit(3)\n"
    served(more="  restart: {policy: on-failure, max_retries: 2}", serve=serve)
    assert call_json("container", "start")[0] == 0
    starts = machine / "data" / "volumes" / "served" / "kept" / "starts"
    wait_for(lambda: starts.exists() and starts.read_text() == "xxx")
    ended = wait_for(
        lambda: [each for each in call_json("container", "list")[1]["containers"] if each["state"] == "exited"]
    )
    assert (ended[0]["exit_code"], ended[0]["restarts"]) == (3, 2)
    time.sleep(0.5)
    assert starts.read_text() == "xxx"


def test_the_engines_own_ways_are_told_where_the_manifest_says_other(engine, served, call):
    served(more="  restart: {policy: always, max_retries: 2, backoff_seconds: 5}")
    status, _, err = call("container", "start")
    assert status == 0
    assert "backoff_seconds does not count here" in err
    assert "max_retries does not count" in err


def test_a_log_is_followed_to_its_end(engine, served, call, call_json):
    # A line in one write: Podman 4.3 counts the pieces of a line that comes in several, and loses ends of lines.
    served(serve="import os, time\nfor n in range(3):\n    os.write(1, b'line %d\\n' % n)\n    time.sleep(0.3)\n")
    call_json("container", "start")
    assert call("container", "logs", "--follow")[1] == "line 0\nline 1\nline 2\n"
    _, out, _ = call("container", "logs", "--follow", "--tail", "2", "--output-format", "json")
    assert [json.loads(line)["line"] for line in out.splitlines()] == ["line 1", "line 2"]


def test_a_log_commands_no_terminal(engine, served, call, call_json):
    served(serve="print('\\x1b[2Jgone', flush=True)\n")
    call_json("container", "start")
    out = wait_for(lambda: call("container", "logs")[1])
    assert out == "\\x1b[2Jgone\n"


def test_on_a_terminal_a_program_has_the_terminal(engine, served, call_json, isolated_environment):
    root = served()
    name = call_json("container", "start")[1]["name"]
    code = "import os, sys; print('ready', sys.stdin.isatty()); print(input()[::-1], os.get_terminal_size().columns)"
    argv = [sys.executable, "-m", "nova_spi", "container", "exec", name, "--", "python", "-c", code]
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 97, 0, 0))
    before = termios.tcgetattr(terminal)
    environment = isolated_environment | {"DOCKER_HOST": engine.host, "TERM": "xterm"}
    running = subprocess.Popen(argv, cwd=root, env=environment, stdin=terminal, stdout=terminal, stderr=terminal)
    try:
        seen = read_until(main, b"ready True")
        os.write(main, b"abc\r")
        seen += read_until(main, b"cba 97")
        assert running.wait(20) == 0, seen
        assert termios.tcgetattr(terminal) == before
    finally:
        running.kill()
        running.wait()
        os.close(main)
        os.close(terminal)


def read_until(descriptor: int, wanted: bytes, seconds: float = 30.0) -> bytes:
    seen, until = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < until:
        if select.select([descriptor], [], [], 0.1)[0]:
            seen += os.read(descriptor, 4096)
    assert wanted in seen, seen
    return seen


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--publish", "8080:80"), "execution.network is none"),
        (("--publish", "http"), "is no port to publish"),
        (("--publish", "99999:80"), "is no port to publish"),
        (("--publish", "my.host:8080:80"), "does not begin with an address"),
        (("--secret", "TOKEN=plain"), "NAME=@FILE"),
        (("--command", "breif"), "brief"),
    ],
)
def test_wrong_words_are_told_before_anything_is_started(docker_host, served, call, monkeypatch, words, told):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    served()
    status, _, err = call("container", "start", *words)
    assert status == 2
    assert told in err
    assert "This project has no containers" in call("container", "list")[1]


@pytest.mark.parametrize("part", ["list", "start", "stop", "logs", "stats", "prune"])
def test_without_an_engine_every_part_says_so(served, call_json, monkeypatch, machine, part):
    served()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{machine}/nobody.sock")
    status, found = call_json("container", part)
    assert (status, found["error"]["code"]) == (3, "engine.unavailable")


def test_outside_of_a_project_only_all_can_be_shown(docker_host, machine, monkeypatch, call, call_json):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    monkeypatch.chdir(machine)
    assert call_json("container", "list")[1]["error"]["code"] == "manifest.unreadable"
    assert call_json("container", "list", "--all") == (0, {"schema_version": "1", "ok": True, "containers": []})
