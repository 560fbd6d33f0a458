import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from threading import Thread
from time import monotonic, sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.daemons import docker_daemon, podman_service, process_of
from nova_spi.engines.docker.asking import Answer, ask
from nova_spi.engines.docker.connecting import answers, connect
from nova_spi.engines.docker.places import Place, Refusal, places
from nova_spi.errors import EngineUnavailable

OK = b"HTTP/1.0 200 OK\r\nApi-Version: 1.41\r\nServer: Docker/20.10.24 (linux)\r\n\r\nOK"


@contextmanager
def listening(path, answer=None, slowly=False):
    """A socket that answers to whoever connects; None never answers, though it takes every connection."""
    pieces = [] if answer is None else [bytes([each]) for each in answer] if slowly else [answer]
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(8)
    kept = []

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            with suppress(OSError):  # who asks may hang up
                for piece in pieces:
                    connection.sendall(piece)
                    sleep(0.02 * slowly)
                if pieces:
                    connection.shutdown(socket.SHUT_RDWR)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Place(str(path))
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)
        for connection in kept:
            connection.close()


def test_a_docker_daemon_says_what_it_is(docker_host):
    with connect(docker_host) as connection:
        assert (connection.engine, connection.host, connection.rootless) == ("docker", docker_host, False)
        assert connection.version == connection.client.version()["Version"].partition("+")[0]
        assert connection.cgroup_driver == "cgroupfs"
        assert connection.cdi == (int(connection.version.split(".")[0]) >= 25 and bool(connection.info["CDISpecDirs"]))


def test_podman_is_told_apart(podman_host):
    with connect(podman_host) as connection:
        assert (connection.engine, connection.rootless, connection.cdi) == ("podman", False, True)
        assert connection.version == connection.client.version()["Version"]
        assert connection.cgroup_driver == "cgroupfs"


def test_docker_host_is_the_only_place_where_it_is_set(docker_host, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    assert answers()
    with connect() as connection:
        assert connection.host == docker_host
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    assert not answers()
    with pytest.raises(EngineUnavailable, match="No container engine answers") as failure:
        connect()
    assert failure.value.why == "/nonexistent/docker.sock: not there."
    assert failure.value.details["tried"] == [{"place": "/nonexistent/docker.sock", "why": "not there"}]


def test_proxies_of_the_environment_do_not_matter(host, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", host)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert answers()
    with connect() as connection:
        assert connection.client.ping()


def test_asking_whether_an_engine_answers_loads_no_sdk(docker_host):
    code = (
        "import sys; from nova_spi.engines.docker.connecting import answers; assert answers(); "
        "assert not {'docker', 'requests', 'pydantic', 'httpx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"DOCKER_HOST": docker_host}, check=True, timeout=60)


def test_a_socket_that_nobody_listens_on_is_dead(short_folder, monkeypatch):
    path = short_folder / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with pytest.raises(EngineUnavailable) as failure:
        connect()
    assert "nobody listens" in failure.value.why
    assert "start docker" in failure.value.mend


def test_a_daemon_that_hangs_is_given_up(short_folder):
    with listening(short_folder / "s") as place:
        refusal = ask(place, 0.2)
    assert "does not answer within 0.2 s" in refusal.why


def test_a_daemon_that_drips_is_given_up(short_folder):
    with listening(short_folder / "s", OK, slowly=True) as place:
        assert "does not answer within 0.2 s" in ask(place, 0.2).why


def test_an_endless_answer_is_given_up(short_folder):
    with listening(short_folder / "s", b"x" * (1 << 20)) as place:
        assert "no container engine" in ask(place, 5).why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no container engine"),
        (b"", "no container engine"),
        (b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n", "no container engine"),
        (b"HTTP/1.1 500 Internal Server Error\r\nApi-Version: 1.41\r\n\r\n", "500"),
        (b"HTTP/1.1 200 OK\r\nApi-Version: 1.24\r\n\r\n", "too old"),
        (b"HTTP/1.1 200 OK\r\nApi-Version: ../../etc\r\n\r\n", "version"),
        (b"HTTP/1.1 200 OK\r\nApi-Version: 99999999999.1\r\n\r\n", "version"),
    ],
)
def test_what_is_no_engine_that_we_can_use_says_why(short_folder, answer, why):
    with listening(short_folder / "s", answer) as place:
        assert why in ask(place, 5).why


@settings(max_examples=60, deadline=None)
@given(answer=st.binary(max_size=300) | st.binary(max_size=60).map(lambda rest: OK[:-10] + rest))
def test_no_answer_makes_asking_fail(tmp_path_factory, answer):
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp", prefix="n-") as folder, listening(f"{folder}/s", answer) as place:
        assert isinstance(ask(place, 5), Answer | Refusal)


def test_another_user_is_told_how_to_get_permission(open_folder_without_rights, monkeypatch):
    folder, without_rights = open_folder_without_rights
    if os.geteuid() != 0:
        pytest.skip("only root can ask as another user")
    path = folder / "docker.sock"
    with listening(path, OK):
        path.chmod(0o600)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        with without_rights(), pytest.raises(EngineUnavailable) as failure:
            connect()
    assert "no permission" in failure.value.why
    assert "usermod -aG docker" in failure.value.mend


def test_a_file_that_is_no_socket_is_none(tmp_path):
    (tmp_path / "f").write_text("")
    assert ask(Place(str(tmp_path / "f"))).why == "is no socket"


def test_a_path_that_is_too_long_for_a_socket_says_so():
    assert "107 bytes" in ask(Place("/" + "x" * 200)).why


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:2375", "ssh://user:hunter2@example.org", "https://127.0.0.1"])
def test_an_engine_elsewhere_is_refused_since_files_are_mounted(address):
    with pytest.raises(EngineUnavailable, match="not reached by a unix socket") as failure:
        connect(address)
    assert "hunter2" not in json.dumps(failure.value.to_dict())


@pytest.mark.parametrize("address", ["nonsense", "unix://relative", "user:hunter2@x", "://"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(EngineUnavailable, match="no address") as failure:
        connect(address)
    assert "hunter2" not in json.dumps(failure.value.to_dict())


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """A user without DOCKER_HOST, whose docker configuration is empty."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "docker").mkdir()
    return tmp_path


def write_context(home, name, host):
    folder = home / "docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    (home / "docker" / "config.json").write_text(json.dumps({"currentContext": name}))


def test_the_usual_sockets_are_dockers_and_podmans_for_all_and_for_one(own_home):
    assert [place.path for place in places()] == [
        "/var/run/docker.sock",
        f"{own_home}/run/docker.sock",
        f"{own_home}/.docker/run/docker.sock",
        "/run/podman/podman.sock",
        f"{own_home}/run/podman/podman.sock",
    ]


def test_the_current_docker_context_comes_first(own_home, docker_host):
    write_context(own_home, "mine", docker_host)
    assert answers()
    with connect() as connection:
        assert connection.host == docker_host


def test_a_context_that_leads_elsewhere_is_told_among_the_places(own_home):
    write_context(own_home, "far", "tcp://10.0.0.1:2376")
    first = next(places())
    assert isinstance(first, Refusal)
    assert (first.place, "unix socket" in first.why) == ("the docker context 'far'", True)


def test_a_context_that_is_not_there_is_told_among_the_places(own_home, monkeypatch):
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    first = next(places())
    assert (first.place, first.why) == ("the docker context 'gone'", "there is no such context")


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"currentContext": 1}', b"\xff", b"[" * 100_000, b"{}" * (1 << 20)])
def test_a_damaged_docker_configuration_is_told_among_the_places(own_home, data):
    (own_home / "docker" / "config.json").write_bytes(data)
    first = next(places())
    assert isinstance(first, Refusal)
    assert "cannot be read" in first.why


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=80)
    | st.dictionaries(st.text(max_size=8) | st.just("Endpoints"), st.text(max_size=9)).map(
        lambda d: json.dumps(d).encode()
    )
)
def test_no_context_file_makes_looking_fail(tmp_path_factory, data):
    home = tmp_path_factory.mktemp("home")
    write_context(home, "x", "")
    next((home / "docker" / "contexts").rglob("meta.json")).write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(home / "docker"))
        patch.delenv("DOCKER_HOST", raising=False)
        patch.delenv("DOCKER_CONTEXT", raising=False)
        assert list(places())


def _wait_until(holds):
    until = monotonic() + 10
    while not holds():
        assert monotonic() < until
        sleep(0.01)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.usefixtures("sockets_collected")
@pytest.mark.parametrize("start", [docker_daemon, podman_service])
def test_an_engine_that_is_killed_is_one_clear_error(tmp_path, start, request):
    request.getfixturevalue("docker_host" if start is docker_daemon else "podman_host")
    with start(tmp_path / "own") as address, connect(address) as connection:
        os.kill(process_of(address), signal.SIGKILL)
        _wait_until(lambda: isinstance(ask(Place(address[7:])), Refusal))
        with (
            pytest.raises(EngineUnavailable, match="went away while listing") as failure,
            connection.speaking("listing"),
        ):
            connection.client.containers.list()
    assert failure.value.details["gone"] is True


def test_what_the_engine_refuses_is_not_taken_for_its_end(connection):
    with pytest.raises(EngineUnavailable, match="failed while starting") as failure, connection.speaking("starting"):
        connection.client.api.start("no-such-container")
    assert failure.value.details["gone"] is False
    assert "no-such-container" in failure.value.why
