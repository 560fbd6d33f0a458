"""Images for serving: what they hold, and that they serve where a real Docker starts them."""

import re
import subprocess
import time
from contextlib import contextmanager

import httpx
import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.trees import unpack
from nova_spi.engines.docker.connecting import connect
from nova_spi.engines.docker.loading import ensure_loaded
from nova_spi.errors import BuildFailed
from nova_spi.execution.building import build
from nova_spi.execution.images import image_of
from nova_spi.images.python_facts import PythonFacts
from nova_spi.images.serving import check_python
from nova_spi.progress import Silent
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

MANIFEST = """\
spi_version: "1"
model: {name: served, version: 2.0.0, description: Says it again., domain: text, license: MIT}
execution:
  entry_point: {callable: "model:Echo"}
inputs:
  - {name: text, type: string, required: true, description: What to say}
outputs:
  - {name: said, type: string, required: true, description: The same again}
  - {name: sees, type: array, items: {type: string}, required: true, description: What the model could import}
"""
MODEL = """\
import importlib.util

class Echo:
    def setup(self):
        print("loaded")

    def predict(self, text):
        found = [name for name in ("nova_spi", "uvicorn", "pydantic") if importlib.util.find_spec(name)]
        return {"said": text, "sees": found}
"""
START_SECONDS = 60


@pytest.fixture(scope="module")
def image(tmp_path_factory, debian_base, shared_cache):
    root = tmp_path_factory.mktemp("served")
    project = root / "served"
    project.mkdir()
    (project / "manifest.yml").write_text(MANIFEST)
    (project / "model.py").write_text(MODEL)
    settings = Settings.load(project, cache_dir=shared_cache, data_dir=root / "data", store=root / "store")
    layout = Layout.create(settings.store)
    return build(open_folder(project), layout, settings, base=debian_base, serving=True), layout


def test_its_name_says_that_it_serves(image):
    built, _ = image
    assert str(built.name) == "docker.io/library/served:2.0.0-serving"


def test_the_two_environments_share_no_package(image, tmp_path):
    built, layout = image
    unpack(layout, built.manifest, tmp_path / "root", below="opt")
    [server] = (tmp_path / "root" / "nova-spi" / "lib").glob("python3.*/site-packages")
    [model] = (tmp_path / "root" / "model" / "lib").glob("python3.*/site-packages")
    assert {"nova_spi", "nova_spi_runtime", "uvicorn", "pydantic"} <= {each.name for each in server.iterdir()}
    assert not list(model.iterdir())
    script = (tmp_path / "root" / "nova-spi" / "bin" / "nova-spi").read_text()
    assert re.match(r"#!/opt/nova-spi/bin/python3\.\d+ -I\n", script)


def test_it_is_built_twice_with_one_digest(image, debian_base, shared_cache, tmp_path):
    built, layout = image
    project = tmp_path / "served"
    project.mkdir()
    (project / "manifest.yml").write_text(MANIFEST)
    (project / "model.py").write_text(MODEL)
    settings = Settings.load(project, cache_dir=shared_cache, data_dir=tmp_path / "data", store=layout.root)
    again = build(open_folder(project), layout, settings, base=debian_base, serving=True)
    assert again.digest == built.digest


def test_a_base_with_an_older_python_is_refused():
    with pytest.raises(BuildFailed) as raised:
        check_python(PythonFacts(path="/usr/bin/python3.10", version="3.10.4", libc="gnu", libc_version="2.36"))
    assert raised.value.error_code == "build.serving_python"


@contextmanager
def network(connection):
    made = connection.client.networks.create("nova-spi-test-serving", driver="bridge", internal=True)
    try:
        yield made.name
    finally:
        made.remove()


def test_it_serves_in_docker_hardened_and_answers_with_its_token(image, docker_host, tmp_path):
    built, layout = image
    connection = connect(docker_host)
    loaded = ensure_loaded(connection, image_of(built, layout), Silent())
    token = tmp_path / "token"
    token.write_text("a-token-for-this-test-only")
    token.chmod(0o644)
    with network(connection) as name:
        container = connection.client.containers.run(
            loaded,
            ["--token-file", "/run/secrets/token"],
            detach=True,
            network=name,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            tmpfs={"/tmp": "rw,exec,mode=1777"},
            volumes={str(token): {"bind": "/run/secrets/token", "mode": "ro"}},
        )
        try:
            container.reload()
            address = container.attrs["NetworkSettings"]["Networks"][name]["IPAddress"]
            said = ask(f"http://{address}:8000", container)
        finally:
            container.stop(timeout=10)
            status = container.wait()["StatusCode"]
            container.remove(force=True)
    connection.client.close()
    assert said.json()["outputs"] == {"said": "hello", "sees": []}
    assert status == 0


def ask(address, container):
    headers = {"authorization": "Bearer a-token-for-this-test-only"}
    until = time.monotonic() + START_SECONDS
    with httpx.Client(base_url=address, trust_env=False) as client:
        while True:
            try:
                if client.get("/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            assert time.monotonic() < until, container.logs().decode()
            time.sleep(0.1)
        assert client.post("/v1/commands/run", json={"text": "hello"}).status_code == 401
        answer = client.post("/v1/commands/run", json={"text": "hello"}, headers=headers)
    assert answer.status_code == 200, answer.text + container.logs().decode()
    return answer


def test_its_command_line_is_that_of_serve(image, docker_host):
    built, layout = image
    connection = connect(docker_host)
    loaded = ensure_loaded(connection, image_of(built, layout), Silent())
    connection.client.close()
    done = subprocess.run(
        ["docker", "--host", docker_host, "run", "--rm", "--network", "none", loaded, "--help"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--workers" in done.stdout
