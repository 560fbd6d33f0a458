import base64
import contextlib
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.registry.credentials import HUB_KEY, Credentials, find_credentials
from nova_spi.artifacts.registry.helpers import ask_helper
from nova_spi.errors import RegistryError

HERE = Reference.parse("registry.example.org:5000/team/model:1")
HUB = Reference.parse("python:3.12")


def encoded(name: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def docker_config(home):
    def write(content, place: str = ".docker/config.json") -> Path:
        path = home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Makes a program docker-credential-NAME from lines of shell; returns what it was told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def made(name: str, lines: str) -> Path:
        told = folder / f"{name}.told"
        program = folder / f"docker-credential-{name}"
        program.write_text(f'#!/bin/sh\nread server\necho "$1 $server" >> {told}\n{lines}\n')
        program.chmod(0o755)
        return told

    return made


# --- files


def test_without_files_we_are_nobody(home):
    assert find_credentials(HERE) is None


def test_dockers_config_knows_a_registry_with_its_port(docker_config):
    docker_config({"auths": {"registry.example.org:5000": encoded("me", "pass:word")}})
    assert find_credentials(HERE) == Credentials("me", "pass:word")
    assert find_credentials(Reference.parse("registry.example.org/team/model")) is None
    assert find_credentials(Reference.parse("registry.example.org:5001/team/model")) is None
    assert find_credentials(Reference.parse("evil.registry.example.org:5000/team/model")) is None


@pytest.mark.parametrize("key", [HUB_KEY, "docker.io", "index.docker.io", "registry-1.docker.io", "https://docker.io"])
def test_docker_hub_is_known_by_each_of_its_names(docker_config, key):
    docker_config({"auths": {key: encoded("me", "pw")}})
    assert find_credentials(HUB) == Credentials("me", "pw")
    assert find_credentials(HERE) is None


@pytest.mark.parametrize(
    "key",
    ["https://registry.example.org:5000/v2/", "http://registry.example.org:5000", "Registry.Example.org:5000/v1/"],
)
def test_addresses_of_old_files_mean_their_host(docker_config, key):
    docker_config({"auths": {key: encoded("me", "pw")}})
    assert find_credentials(HERE) == Credentials("me", "pw")


def test_the_longest_part_of_a_name_counts(docker_config):
    docker_config(
        {
            "auths": {
                "registry.example.org:5000": encoded("all", "1"),
                "registry.example.org:5000/team": encoded("team", "2"),
                "registry.example.org:5000/tea": encoded("other", "3"),
                "registry.example.org:5000/team/model/more": encoded("below", "4"),
            }
        },
        ".config/containers/auth.json",
    )
    assert find_credentials(HERE) == Credentials("team", "2")
    assert find_credentials(Reference.parse("registry.example.org:5000/else")) == Credentials("all", "1")


def test_files_are_asked_in_order_until_one_knows(home, docker_config, monkeypatch):
    places = [".config/containers/auth.json", "run/containers/auth.json", ".docker/config.json", "own.json"]
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    for place in places:
        docker_config({"auths": {"registry.example.org:5000": encoded(place, "pw")}}, place)
        if place == "own.json":
            monkeypatch.setenv("REGISTRY_AUTH_FILE", str(home / place))
        assert find_credentials(HERE).username == place
    docker_config({"auths": {}}, "own.json")
    monkeypatch.setenv("DOCKER_CONFIG", str(home / "elsewhere"))
    assert find_credentials(HERE).username == "run/containers/auth.json"


def test_tokens_of_both_kinds_are_read(docker_config):
    docker_config({"auths": {HERE.host: {"identitytoken": "idt", **encoded("me", "")}}})
    assert find_credentials(HERE) == Credentials("me", identity_token="idt")
    docker_config({"auths": {HERE.host: {"registrytoken": "bearer"}}})
    assert find_credentials(HERE) == Credentials("", registry_token="bearer")


def test_no_secret_stands_in_a_repr():
    shown = repr(Credentials("me", "secret1", "secret2", "secret3"))
    assert "secret" not in shown
    assert "me" in shown


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"auths": []}',
        '{"auths": {"registry.example.org:5000": "x"}}',
        '{"auths": {"registry.example.org:5000": {"auth": 5}}}',
        '{"auths": {"registry.example.org:5000": {"auth": "not base64 SECRET"}}}',
        json.dumps({"auths": {HERE.host: {"auth": base64.b64encode(b"SECRET").decode()}}}),
        json.dumps({"auths": {HERE.host: encoded("a\r\nX: SECRET", "b")}}),
        json.dumps({"auths": {HERE.host: {"registrytoken": "SECRET\r\nX: y"}}}),
        '{"auths": {}, "auths": {}}',
        '{"credHelpers": {"registry.example.org:5000": 5}}',
        " " * (2 << 20),
    ],
)
def test_a_file_that_is_not_valid_is_one_clear_error_without_its_content(docker_config, content):
    path = docker_config(content)
    if not content.strip():
        path.write_text("x" * (2 << 20))
    with pytest.raises(RegistryError) as caught:
        find_credentials(HERE)
    assert caught.value.error_code == "registry.credentials"
    assert str(path) in caught.value.message
    assert "docker login" in caught.value.mend
    assert "SECRET" not in json.dumps(caught.value.to_dict())


def test_an_empty_file_says_nothing(docker_config):
    docker_config("\n")
    assert find_credentials(HERE) is None


def test_a_file_that_is_named_must_be_there(home, monkeypatch):
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(home / "missing.json"))
    with pytest.raises(RegistryError, match="cannot be used") as caught:
        find_credentials(HERE)
    assert "REGISTRY_AUTH_FILE" in caught.value.why


def test_a_file_that_is_none_is_refused_and_does_not_hang(home):
    (home / ".docker").mkdir()
    os.mkfifo(home / ".docker" / "config.json")
    with pytest.raises(RegistryError, match="cannot be used"):
        find_credentials(HERE)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["auths", "credHelpers", "credsStore", "x"]),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from([HERE.host, "auth", "username", "password", "identitytoken"]), inner)
            ),
            max_leaves=8,
        ),
    )
)
def test_whatever_a_file_says_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("auth") / "auth.json"
    path.write_text(json.dumps(content))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DOCKER_CONFIG", "XDG_RUNTIME_DIR", "HOME"):
            patch.delenv(name, raising=False)
        patch.setenv("REGISTRY_AUTH_FILE", str(path))
        found = None
        with contextlib.suppress(RegistryError):
            found = find_credentials(HERE)
        assert found is None or isinstance(found, Credentials)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1).filter(lambda name: ":" not in name and name.isprintable()), st.text())
def test_what_docker_writes_is_what_we_read(tmp_path_factory, name, password):
    path = tmp_path_factory.mktemp("auth") / "auth.json"
    path.write_text(json.dumps({"auths": {HERE.host: encoded(name, password)}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGISTRY_AUTH_FILE", str(path))
        assert find_credentials(HERE) == Credentials(name, password.rstrip("\0"))


# --- helpers


def test_a_registrys_own_helper_is_asked(docker_config, helper):
    told = helper("mine", """echo '{"ServerURL": "x", "Username": "me", "Secret": "from the helper"}'""")
    docker_config({"credHelpers": {HERE.host: "mine"}, "auths": {HERE.host: encoded("old", "old")}})
    assert find_credentials(HERE) == Credentials("me", "from the helper")
    assert told.read_text() == f"get {HERE.host}\n"


def test_the_store_is_asked_for_docker_hub_by_its_old_name(docker_config, helper):
    told = helper("store", """echo '{"Username": "me", "Secret": "s"}'""")
    docker_config({"credsStore": "store"})
    assert find_credentials(HUB) == Credentials("me", "s")
    assert told.read_text() == f"get {HUB_KEY}\n"


def test_a_helper_may_keep_an_identity_token(docker_config, helper):
    helper("store", """echo '{"Username": "<token>", "Secret": "idt"}'""")
    docker_config({"credsStore": "store"})
    assert find_credentials(HERE) == Credentials("", identity_token="idt")


def test_a_helper_that_does_not_know_the_registry_leaves_it_to_the_file(docker_config, helper):
    helper("store", "echo credentials not found in native keychain; exit 1")
    docker_config({"credsStore": "store", "auths": {HERE.host: encoded("me", "pw")}})
    assert find_credentials(HERE) == Credentials("me", "pw")
    assert find_credentials(HUB) is None


def test_a_store_that_is_not_installed_matters_where_it_was_used(docker_config):
    docker_config({"credsStore": "not-on-this-machine", "auths": {HERE.host: {}}})
    assert find_credentials(HUB) is None
    with pytest.raises(RegistryError, match="docker-credential-not-on-this-machine"):
        find_credentials(HERE)


@pytest.mark.parametrize(
    "lines",
    [
        "echo SECRET; echo SECRET >&2; exit 1",
        "echo SECRET",
        "echo '[\"SECRET\"]'",
        'echo \'{"Username": 5, "Secret": "SECRET"}\'',
        "kill -9 $$",
        "yes SECRET",
    ],
)
def test_a_helper_that_fails_is_one_clear_error_without_what_it_said(docker_config, helper, lines):
    helper("bad", lines)
    docker_config({"credHelpers": {HERE.host: "bad"}})
    with pytest.raises(RegistryError) as caught:
        find_credentials(HERE)
    assert caught.value.error_code == "registry.credentials"
    assert "SECRET" not in json.dumps(caught.value.to_dict())
    assert "docker-credential-bad get" in caught.value.mend


def test_a_helper_that_hangs_is_ended_with_what_it_started(helper, tmp_path):
    helper("slow", f"sh -c 'echo $$ > {tmp_path}/pid; exec sleep 600'")
    with pytest.raises(RegistryError, match="does not give"):
        ask_helper("slow", "x.example", timeout=0.5)
    pid = int((tmp_path / "pid").read_text())
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and _state(pid) != "Z" and time.monotonic() < until:
        time.sleep(0.02)
    assert _state(pid) in ("", "Z")


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@pytest.mark.parametrize("name", ["../../bin/sh", "a b", "x;id", "", "-x", "a/b"])
def test_a_name_that_is_no_programs_name_runs_nothing(docker_config, name):
    docker_config({"credHelpers": {HERE.host: name}} if name else {"credsStore": ""})
    if not name:
        assert find_credentials(HERE) is None
        return
    with pytest.raises(RegistryError, match="does not give"):
        find_credentials(HERE)
