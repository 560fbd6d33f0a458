import http.client
import json
import os
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("docker", reason="the extra 'docker' is not installed")

from nova_spi.engines.docker.connecting import connect

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(params=["docker", "podman"])
def engine(request, monkeypatch, project, debian_base, store):
    """Each engine in turn; afterwards no container and no network of ours is left."""
    from nova_spi.engines.docker.networks import LABEL
    from nova_spi.engines.docker.services import PROJECT

    host = request.getfixturevalue(f"{request.param}_host")
    monkeypatch.setenv("DOCKER_HOST", host)
    monkeypatch.setenv("NOVA_SPI_STORE", str(store))
    monkeypatch.setenv("NOVA_SPI_BASE_IMAGE", debian_base)
    with connect(host) as connection:
        yield connection
        api = connection.client.api
        for each in api.containers(all=True, filters={"label": PROJECT}):
            api.remove_container(each["Id"], force=True)
        for each in api.networks(filters={"label": LABEL}):
            api.remove_network(each["Id"])


def run(call, name: str, code: str) -> str:
    words = ("container", "exec", "--output-format", "json", name, "--", "python", "-c", code)
    found = json.loads(call(*words)[1])
    assert found["ok"], found
    return found["output"]


def test_the_project_is_mounted_in_a_container_with_its_packages_that_stays(engine, project, call, call_json):
    os.chown(project, 1234, 1235)
    (project / "requirements.txt").write_text("./plain-1.0-py3-none-any.whl\n")
    wheel(project)
    text = (project / "manifest.yml").read_text()
    (project / "manifest.yml").write_text(text.replace("execution:", "execution:\n  requirements: requirements.txt"))
    status, found = call_json("init-env")
    assert (status, found["kind"], found["environment"]) == (0, "container", None), found
    made = found["container"]
    assert (made["done"], made["engine"], made["folder"]) == ("made", engine.engine, "/app")
    assert made["image"].startswith("localhost/nova-spi/shouter-development:")
    code = "import plain, model, os; from spi.utils import SPIRuntime; open('made', 'w').close(); print(os.getuid())"
    assert run(call, made["name"], code).strip() == ("1234" if not engine.rootless else str(os.getuid()))
    assert (project / "made").stat().st_uid == 1234
    calls = "import ctypes; libc = ctypes.CDLL(None); print(libc.ptrace(0, 0, 0, 0), libc.unshare(0x10000000))"
    assert run(call, made["name"], calls) == "0 -1\n"  # a debugger works
    said = engine.client.api.inspect_container(made["id"])["HostConfig"]
    assert "ALL" in (said["CapDrop"] or []) or len(said["CapDrop"]) > 10
    (project / "model.py").write_text("def shout(text):\n    return 'edited'\n")
    assert run(call, made["name"], "import model; print(model.shout(''))") == "edited\n"
    status, found = call_json("init-env")
    assert (found["container"]["done"], found["container"]["id"]) == ("there", made["id"])
    assert found["devcontainer"]["written"] == []
    call_json("container", "stop", "--timeout", "1")
    status, found = call_json("init-env")
    assert (found["container"]["done"], found["container"]["id"]) == ("started", made["id"])


def test_what_changed_makes_it_anew_and_the_home_folder_stays(engine, project, call, call_json):
    made = call_json("init-env")[1]["container"]
    run(call, made["name"], "import os; open(os.environ['HOME'] + '/note', 'w').close()")
    text = (project / "manifest.yml").read_text()
    (project / "manifest.yml").write_text(text.replace("execution:", "execution:\n  environment: {COLOUR: red}"))
    status, found = call_json("init-env")
    assert (status, found["container"]["done"], found["container"]["name"]) == (0, "made", made["name"])
    assert found["container"]["id"] != made["id"]
    code = "import os; print(os.environ['COLOUR'], os.listdir(os.environ['HOME']))"
    assert run(call, made["name"], code) == "red ['note']\n"
    assert call_json("init-env", "--force")[1]["container"]["done"] == "made"
    assert len(call_json("container", "list")[1]["containers"]) == 1


def test_a_python_that_the_base_does_not_have_is_an_error_that_names_both(engine, project, call_json):
    status, found = call_json("init-env", "--python-version", "3.9")
    assert (status, found["error"]["code"]) == (1, "build.base_python")
    assert call_json("container", "list")[1]["containers"] == []


def test_attach_opens_the_editor_on_the_running_container_or_says_why_not(
    engine, project, call, call_json, tmp_path, monkeypatch
):
    program = tmp_path / "bin" / "code"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\njson.dump(sys.argv[1:], open({str(tmp_path / 'said')!r}, 'w'))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    status, found = call_json("init-env", "--attach")
    assert status == 0
    assert found["attached"]["opened"] is False
    assert "has no shell" in found["attached"]["why"]
    assert not (tmp_path / "said").exists()

    from nova_spi.execution.development import editor

    attached = editor.open_container(found["container"]["name"], "/app", engine.host)
    assert attached.opened
    option, address = json.loads((tmp_path / "said").read_text())
    digits, _, folder = address.removeprefix("vscode-remote://attached-container+").partition("/")
    assert option == "--folder-uri"
    assert folder == "app"
    assert json.loads(bytes.fromhex(digits))["containerName"] == f"/{found['container']['name']}"


def test_without_a_base_there_is_a_virtual_environment_and_the_reason_is_said(
    docker_host, project, call_json, monkeypatch, tmp_path
):
    monkeypatch.setenv("DOCKER_HOST", docker_host)
    monkeypatch.setenv("NOVA_SPI_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("NOVA_SPI_BASE_IMAGE", "127.0.0.1:1/nothing/here@sha256:" + "0" * 64)
    status, found = call_json("init-env", "--python-version", HERE)
    assert (status, found["kind"]) == (0, "venv"), found
    assert "no base for it" in found["reason"]
    monkeypatch.setenv("NOVA_SPI_ENGINE", "docker")
    assert call_json("init-env", "--python-version", HERE)[0] == 1


def test_an_engine_that_is_set_and_not_there_is_an_error(project, call_json, monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setenv("NOVA_SPI_ENGINE", "docker")
    status, found = call_json("init-env")
    assert (status, found["error"]["code"]) == (3, "engine.unavailable")


def wheel(folder: Path) -> None:
    import zipfile

    info = "plain-1.0.dist-info"
    with zipfile.ZipFile(folder / "plain-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("plain.py", "VERSION = '1.0'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: plain\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"plain.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.mark.slow
def test_jupyterlab_answers_on_the_loopback_to_whoever_has_the_token(engine, project, call, call_json):
    status, found = call_json("init-env", "--with-jupyter")
    if status and found["error"]["code"].startswith("build."):
        pytest.skip(f"JupyterLab cannot be fetched here: {found['error']['message']}")
    made = found["container"]
    token = Path(made["jupyter"]["token_file"]).read_text()
    assert len(token) > 30
    host, _, path = made["jupyter"]["url"].removeprefix("http://").partition("/")
    assert host.startswith("127.0.0.1:")

    def answer(headers):
        connection = http.client.HTTPConnection(host, timeout=5)
        try:
            connection.request("GET", "/api/contents", headers=headers)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    until = time.monotonic() + 90
    while not answer({}) and time.monotonic() < until:
        time.sleep(0.5)
    assert answer({}) == 403
    assert answer({"Authorization": f"token {token}"}) == 200
    assert path == "lab"
    inspected = json.dumps(engine.client.api.inspect_container(made["id"]))
    assert token not in inspected
    assert token not in call("container", "logs", made["name"])[1]
    assert call_json("init-env")[1]["container"]["jupyter"] == made["jupyter"], "once it was asked for it stays"
