import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.execution.development.editor import container_address

PREFIX = "vscode-remote://attached-container+"


def told(address: str) -> tuple[dict, str]:
    digits, slash, folder = address.removeprefix(PREFIX).partition("/")
    return json.loads(bytes.fromhex(digits)), slash + folder


def test_a_container_is_named_as_the_extension_names_it():
    expected = b'{"containerName":"/shouter-dev"}'.hex()
    assert container_address("shouter-dev", "/app") == f"{PREFIX}{expected}/app"


def test_another_daemon_is_named_too():
    found, folder = told(container_address("it", "/srv/model", "unix:///run/podman/podman.sock"))
    assert found == {"containerName": "/it", "settings": {"host": "unix:///run/podman/podman.sock"}}
    assert folder == "/srv/model"


@given(st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()))
@settings(max_examples=50)
def test_any_name_comes_back(name):
    assert told(container_address(name, "/app"))[0]["containerName"] == f"/{name}"


@pytest.mark.parametrize("folder", ["/", "/app", "/a b"])
def test_the_folder_follows_the_digits(folder):
    assert told(container_address("it", folder))[1] == folder
