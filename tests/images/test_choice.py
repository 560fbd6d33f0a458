import shutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import get_args

import pytest

from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.registry import reaching
from nova_spi.artifacts.registry.reaching import registry_problem
from nova_spi.errors import BuildFailed
from nova_spi.images import choice
from nova_spi.images.approval import approve, domain_base, domain_rules
from nova_spi.images.base import open_base, origin_of
from nova_spi.images.choice import choose_base
from nova_spi.images.lock import Lock, Locked, write_lock
from nova_spi.images.lock_reading import read_lock
from nova_spi.images.notes import keep_note
from nova_spi.manifest.models.model import Domain
from nova_spi.manifest.reading import read
from nova_spi.progress import Silent
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

PINNED = Digest("sha256", "a" * 64)


@pytest.fixture
def answering():
    """A registry's address, that answers with one status; the status may be changed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(self.server.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.status = 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server, f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def silent_host():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{probe.getsockname()[1]}"  # bound, and nobody listens


@pytest.fixture
def domain_at(monkeypatch):
    """Puts the domain's base at a registry of this machine."""

    def at(host: str) -> str:
        monkeypatch.setattr(choice, "domain_base", lambda *_: (f"{host}/library/python:3.11-slim", "It is small."))
        return f"{host}/library/python:3.11-slim"

    return at


@pytest.fixture
def choose(layout, project, kit, tmp_path):
    def chosen(manifest=kit.MANIFEST, said=None, lock=None, platform=kit.AMD64, root=None, **options):
        root = root or project(manifest=manifest)
        if lock:
            write_lock(root, Lock((lock,)))
        settings = Settings.load(root, cache_dir=tmp_path / "cache", **options)
        return choose_base(open_folder(root), layout, platform, said=said, settings=settings, progress=Silent())

    return chosen


def declared(kit, name: str) -> str:
    return kit.MANIFEST.replace("execution:\n", f"execution:\n  base_image: {name}\n")


def test_every_domain_has_an_approved_base_for_every_device():
    for domain in get_args(Domain):
        for device in ("cpu", "cuda"):
            name, reason = domain_base(domain, device, "3.12")
            assert approve(Reference.parse(name))
            assert "3.12" in name
            assert reason.endswith(".")
    assert all(rule.device in ("cpu", "cuda") for rule in domain_rules())


def test_what_the_call_says_counts_first(choose, kit):
    lock = Locked(kit.AMD64, "registry", "python:3.11-slim", PINNED)
    found = choose(declared(kit, "python:3.10-slim"), said="./base.tar", lock=lock, base_image="python:3.9-slim")
    assert (found.reference_or_path, found.pin) == ("./base.tar", None)


def test_then_the_manifest(choose, kit):
    lock = Locked(kit.AMD64, "registry", "python:3.11-slim", PINNED)
    found = choose(declared(kit, "python:3.10-slim"), lock=lock, base_image="python:3.9-slim")
    assert (found.reference_or_path, found.pin) == ("python:3.10-slim", None)


def test_where_lock_and_manifest_name_one_base_the_lock_says_which(choose, kit):
    lock = Locked(kit.AMD64, "registry", "python:3.10-slim", PINNED)
    found = choose(declared(kit, "python:3.10-slim"), lock=lock)
    assert (found.pin, found.from_lock) == (lock, True)


def test_then_the_lock_and_nobody_is_asked(choose, kit, domain_at, silent_host):
    domain_at(silent_host)
    lock = Locked(kit.AMD64, "registry", "python:3.11-slim", PINNED)
    found = choose(lock=lock, base_image="python:3.9-slim")
    assert (found.reference_or_path, found.pin, found.from_lock) == ("python:3.11-slim", lock, True)
    assert "nova-spi.lock" in found.reason


def test_each_platform_that_is_built_for_has_its_row_in_the_lock(build, project, kit, tmp_path):
    root = project()
    for platform in (kit.AMD64, kit.ARM64):
        base = kit.make_base(tmp_path / platform.architecture, kit.python_tree(), platform=platform)
        image = build(root, base=str(base), platform=platform)
        assert read_lock(root).base(platform).digest == image.base.manifest.descriptor.digest
    assert [str(each.platform) for each in read_lock(root).bases] == ["linux/amd64", "linux/arm64"]
    again = build(root, base=None, platform=kit.ARM64)
    assert (again.digest, again.reason) == (image.digest, "nova-spi.lock pins it.")


def test_a_lock_that_is_not_valid_stops_the_build(build, project):
    root = project()
    (root / "nova-spi.lock").write_text("version = 1\n[[base]]\n")
    with pytest.raises(BuildFailed, match=r"nova-spi\.lock, line 2"):
        build(root)


def test_a_manifest_may_name_debian_without_a_digest(kit):
    codes = [each.code for each in read(declared(kit, "debian").encode()).diagnostics]
    assert "SPI-M345" not in codes
    assert "SPI-M345" in [each.code for each in read(declared(kit, "python:3.12-slim").encode()).diagnostics]


def test_a_lock_for_another_platform_does_not_count(choose, kit):
    lock = Locked(kit.ARM64, "registry", "python:3.11-slim", PINNED)
    assert choose(lock=lock, base_image="python:3.9-slim").reference_or_path == "python:3.9-slim"


def test_then_the_settings_with_where_they_stand(choose):
    found = choose(base_image="python:3.9-slim")
    assert found.reference_or_path == "python:3.9-slim"
    assert "option" in found.reason


@pytest.mark.parametrize("status", [200, 401])
def test_then_the_domains_where_its_registry_answers(choose, domain_at, answering, status):
    server, host = answering
    server.status = status
    name = domain_at(host)
    assert choose().reference_or_path == name


def test_a_domains_base_in_the_store_is_taken_without_asking(choose, domain_at, silent_host, layout, kit, base):
    reference = Reference.parse(domain_at(silent_host))
    opened = open_base(str(base), layout, kit.AMD64, Silent())
    keep_note(layout, origin_of(reference, kit.AMD64), opened.manifest.descriptor)
    found = choose()
    assert (found.from_lock, found.pin.digest) == (False, opened.manifest.descriptor.digest)
    assert open_base(found.reference_or_path, layout, kit.AMD64, Silent(), locked=found.pin).name == str(reference)


def test_a_domains_base_that_is_not_whole_any_more_does_not_count(choose, domain_at, answering, layout, kit, base):
    reference = Reference.parse(domain_at(answering[1]))
    opened = open_base(str(base), layout, kit.AMD64, Silent())
    keep_note(layout, origin_of(reference, kit.AMD64), opened.manifest.descriptor)
    layout.blobs.path(opened.manifest.layers[0].digest).unlink()
    assert choose().pin is None


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt-get is not installed")
def test_else_debian_which_says_why(choose, domain_at, silent_host):
    name = domain_at(silent_host)
    found = choose()
    assert found.reference_or_path == "debian"
    assert name in found.reason
    assert "does not answer" in found.reason


def test_where_nothing_is_to_be_had_the_error_says_why_for_each(choose, domain_at, answering, monkeypatch, tmp_path):
    server, host = answering
    server.status = 503
    name = domain_at(host)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed) as caught:
        choose()
    assert caught.value.error_code == "build.no_base"
    assert name in caught.value.why
    assert "HTTP 503" in caught.value.why
    assert "apt-get is not here" in caught.value.why
    assert "--base-image" in caught.value.mend


@pytest.mark.parametrize(
    ("more", "device"),
    [("", "cpu"), ("  resources: {gpu: 1}\n", "cuda"), ('  cuda_version: "12.4"\n', "cuda")],
)
def test_domain_device_and_python_decide(choose, kit, monkeypatch, answering, more, device):
    asked = []
    monkeypatch.setattr(choice, "domain_base", lambda *words: asked.append(words) or (f"{answering[1]}/a/b:1", "So."))
    choose(kit.MANIFEST.replace("execution:\n", f"execution:\n{more}"))
    assert asked == [("text", device, "3.11")]


def test_a_registry_is_asked_once_and_not_for_long(answering, silent_host, monkeypatch):
    server, host = answering
    assert registry_problem(host) == ""
    server.status = 404
    assert registry_problem(host) == "HTTP 404"
    assert registry_problem(silent_host)
    monkeypatch.setattr(reaching, "SECONDS", 0.2)
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen()
        assert "timed out" in registry_problem(f"127.0.0.1:{hanging.getsockname()[1]}")
