"""Pushing into Debian's docker-registry: as it is, behind a password, behind a token service, through a bad line."""

import base64
import contextlib
import hashlib
import json
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bench.daemons import DaemonMissing
from bench.registries import docker_registry
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import read_manifest, write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, IMAGE_INDEX, LAYER_TAR
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.registry.client import Registry
from nova_spi.artifacts.registry.credentials import Credentials
from nova_spi.artifacts.registry.pulling import pull
from nova_spi.artifacts.registry.pushing import push
from nova_spi.errors import ArtifactInvalid, NovaSpiError, RegistryError, RunCancelled, UsageError

AMD64 = Platform("linux", "amd64")
ME = Credentials("me", "secret-password")
HTPASSWD = "me:$2y$05$abcdefghijklmnopqrstuu8jXihDn6YyI16dkpSl33R.slyuyqYCi\n"
"""The password of `ME`, by bcrypt, which is all that docker-registry takes."""


class Listener:
    def __init__(self, on_bytes=None):
        self.stages, self.moved, self.on_bytes = [], [], on_bytes

    def stage(self, name, detail=""):
        self.stages.append((name, detail))

    def advance(self, done, total, unit):
        self.moved.append((done, total, unit))
        if self.on_bytes:
            self.on_bytes(done)

    def warn(self, message):
        raise AssertionError(message)

    log = warn


def content(size: int, seed: int = 0) -> bytes:
    """Bytes that gzip does not shrink, the same for each seed."""
    block = b"".join(hashlib.sha256(f"{seed} {count}".encode()).digest() for count in range(1024))
    return (block * (size // len(block) + 1))[:size]


def plain_image(layout, *blobs: bytes, name: str = "plain:1"):
    """An image whose layers are these bytes; no registry looks into them."""
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}}
    layers = [layout.blobs.write(each, LAYER_TAR) for each in blobs]
    manifest = write_manifest(layout.blobs.write(json.dumps(config).encode(), IMAGE_CONFIG), layers)
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, name)
    return manifest


def send(registry_host, layout, descriptor, name="team/model:1.0", **options):
    made = {key: options.pop(key) for key in ("credentials", "ca_file", "tls") if key in options}
    with Registry(registry_host, backoff_seconds=0.01, **made) as registry:
        return push(registry, Reference.parse(f"{registry_host}/{name}"), layout, descriptor, **options)


def fetched(registry_host, tmp_path, name="team/model:1.0", **made):
    target = Layout.create(tmp_path / f"again-{time.monotonic_ns()}")
    with Registry(registry_host, **made) as registry:
        found = pull(registry, Reference.parse(f"{registry_host}/{name}"), target, platform=AMD64)
    target.name(found, "again")
    assert list(target.verify())
    return target.manifest(found)


@dataclass
class Started:
    """A docker-registry of one test's own."""

    host: str
    data: Path


@pytest.fixture
def registries(tmp_path_factory):
    """Starts docker-registry with some configuration; all end with the test."""
    with contextlib.ExitStack() as stack:

        def start(**options) -> Started:
            folder = tmp_path_factory.mktemp("registry")
            try:
                return Started(stack.enter_context(docker_registry(folder, **options)), folder / "data")
            except DaemonMissing as missing:
                pytest.skip(str(missing))

        yield start


# --- a real registry


def test_what_was_pushed_comes_back_byte_by_byte(real_registry, layout, image, tmp_path):
    listener = Listener()
    found = send(real_registry, layout, image.descriptor, "push/model:1.0", progress=listener)
    assert str(found) == f"{real_registry}/push/model:1.0@{image.descriptor.digest}"
    assert fetched(real_registry, tmp_path, "push/model:1.0").raw == image.raw
    assert listener.stages == [("push", f"{real_registry}/push/model:1.0")]
    total = sum(blob.size for blob in image.blobs)
    assert max(done for done, _, _ in listener.moved) == total
    assert {(whole, unit) for _, whole, unit in listener.moved} == {(total, "bytes")}


def test_skopeo_reads_what_we_pushed_and_copies_it_back(real_registry, layout, image, tmp_path):
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed (apt-get install skopeo)")
    send(real_registry, layout, image.descriptor, "push/skopeo:1.0")
    address = f"docker://{real_registry}/push/skopeo:1.0"
    run = {"capture_output": True, "check": True, "timeout": 60}
    told = json.loads(subprocess.run([skopeo, "inspect", "--tls-verify=false", address], **run).stdout)
    assert told["Digest"] == str(image.descriptor.digest)
    assert told["Layers"] == [str(layer.digest) for layer in image.layers]
    words = [skopeo, "--insecure-policy", "copy", "--src-tls-verify=false", address, f"oci:{tmp_path / 'back'}:it"]
    subprocess.run(words, **run)
    back = Layout.open(tmp_path / "back")
    assert back.find("it").digest == image.descriptor.digest
    assert len(list(back.verify())) == 4


def test_an_image_without_a_tag_is_published_under_its_digest(real_registry, layout, image, tmp_path):
    name = f"push/untagged@{image.descriptor.digest}"
    send(real_registry, layout, image.descriptor, name)
    assert fetched(real_registry, tmp_path, name).raw == image.raw
    other = plain_image(layout, b"other")
    with pytest.raises(UsageError, match="another digest"):
        send(real_registry, layout, other.descriptor, name)


def test_what_the_registry_has_is_not_sent_again(real_registry, layout, image):
    send(real_registry, layout, image.descriptor, "push/twice:1.0")
    listener = Listener()
    send(real_registry, layout, image.descriptor, "push/twice:1.0", progress=listener)
    assert listener.moved == []
    for layer in image.layers:
        layout.blobs.path(layer.digest).unlink()
    send(real_registry, layout, image.descriptor, "push/twice:another-tag")


def test_a_blob_of_another_repository_is_mounted_and_not_sent(real_registry, layout):
    image = plain_image(layout, content(300_000), content(200_000, 1), name=f"{real_registry}/push/from:1")
    send(real_registry, layout, image.descriptor, "push/from:1")
    for layer in image.layers:
        layout.blobs.path(layer.digest).write_bytes(b"nothing that could be sent")
    send(real_registry, layout, image.descriptor, "push/to:1")


def test_a_base_that_is_in_the_same_registry_is_mounted_from_there(real_registry, layout):
    base = plain_image(layout, content(300_000, 2))
    send(real_registry, layout, base.descriptor, "push/base:1")
    named = {"org.opencontainers.image.base.name": f"{real_registry}/push/base:1"}
    manifest = write_manifest(base.config, [*base.layers, layout.blobs.write(b"on top", LAYER_TAR)], named)
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.blobs.path(base.layers[0].digest).write_bytes(b"nothing that could be sent")
    send(real_registry, layout, manifest.descriptor, "push/above:1")


def test_a_source_that_does_not_have_the_blob_costs_nothing(real_registry, layout, tmp_path):
    image = plain_image(layout, content(300_000, 3), name=f"{real_registry}/push/never-pushed:1")
    send(real_registry, layout, image.descriptor, "push/alone:1")
    assert fetched(real_registry, tmp_path, "push/alone:1").raw == image.raw


def test_a_large_blob_goes_in_chunks(real_registry, layout, tmp_path):
    image = plain_image(layout, content(5_000_001, 4), b"")
    listener = Listener()
    send(real_registry, layout, image.descriptor, "push/chunks:1", chunk_bytes=1_000_000, progress=listener)
    assert fetched(real_registry, tmp_path, "push/chunks:1").raw == image.raw


def index_of(layout, *images):
    entries = [each.descriptor.to_dict() | {"platform": {"os": "linux", "architecture": name}} for name, each in images]
    data = json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}).encode()
    return layout.blobs.write(data, IMAGE_INDEX)


def test_an_index_goes_with_all_its_images(real_registry, layout, kit, tmp_path):
    images = [
        (name, kit.make_image(layout, kit.tar_of({"a": name.encode()}), architecture=name))
        for name in ("arm64", "amd64")
    ]
    index = index_of(layout, *images)
    send(real_registry, layout, index, "push/index:1")
    assert fetched(real_registry, tmp_path, "push/index:1").raw == images[1][1].raw
    with Registry(real_registry) as registry:
        whole = registry.manifest(Reference.parse(f"{real_registry}/push/index:1"))
        for _, each in images:
            assert (
                registry.manifest(Reference.parse(f"{real_registry}/push/index@{each.descriptor.digest}")).raw
                == each.raw
            )
    assert whole.descriptor.digest == index.digest


def test_an_index_whose_other_images_are_in_the_registry_only_is_pushed_too(real_registry, layout, kit, tmp_path):
    images = [
        (name, kit.make_image(layout, kit.tar_of({"b": name.encode()}), architecture=name))
        for name in ("arm64", "amd64")
    ]
    index = index_of(layout, *images)
    send(real_registry, layout, images[0][1].descriptor, "push/part:arm")
    layout.blobs.path(images[0][1].descriptor.digest).unlink()
    send(real_registry, layout, index, "push/part:all")
    with pytest.raises(ArtifactInvalid) as caught:
        send(real_registry, layout, index, "push/nowhere:all")
    assert caught.value.error_code == "artifact.missing"


# --- damage


@pytest.mark.parametrize("position", [0, 1000, -1])
@pytest.mark.parametrize("chunk_bytes", [1 << 20, 50_000])
@pytest.mark.parametrize("which", ["layer", "config", "manifest"])
def test_a_flipped_bit_in_the_layout_is_never_pushed(registries, tmp_path, kit, position, chunk_bytes, which):
    registry = registries()
    layout = Layout.create(tmp_path / "damaged")
    seed = zlib.crc32(repr((position, chunk_bytes, which)).encode())
    image = plain_image(layout, content(300_000, seed), content(10_000, seed + 1))
    victim = {"layer": image.layers[0], "config": image.config, "manifest": image.descriptor}[which]
    path = layout.blobs.path(victim.digest)
    path.write_bytes(kit.flipped(path.read_bytes(), position, 2))
    with pytest.raises(ArtifactInvalid) as caught:
        send(registry.host, layout, image.descriptor, f"damaged/s{seed}:1", chunk_bytes=chunk_bytes)
    assert caught.value.error_code == "artifact.damaged"
    with Registry(registry.host) as client:
        assert client.manifest_digest(Reference.parse(f"{registry.host}/damaged/s{seed}:1")) is None
    kept = {path.name for path in (registry.data / "docker/registry/v2/blobs").rglob("*") if path.is_dir()}
    assert victim.digest.hex not in kept
    assert hashlib.sha256(path.read_bytes()).hexdigest() not in kept


def test_a_blob_that_is_missing_or_cut_short_is_said_so(real_registry, layout):
    image = plain_image(layout, content(300_000, 77))
    path = layout.blobs.path(image.layers[0].digest)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactInvalid, match="damaged"):
        send(real_registry, layout, image.descriptor, "push/short:1")
    path.unlink()
    with pytest.raises(ArtifactInvalid) as caught:
        send(real_registry, layout, image.descriptor, "push/short:1")
    assert caught.value.error_code == "artifact.missing"


# --- a line that breaks


class Cutting:
    """A TCP proxy that cuts some connections after so many bytes from the client; the rest it lets through."""

    def __init__(self, host: str, cuts: list[int]):
        self.target, self.cuts = host, cuts
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.05)
        self.host = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self):
        self._over.set()
        for thread in self._threads:
            thread.join(20)
        self._server.close()

    def _accept(self):
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._server.accept()
                left = self.cuts.pop(0) if self.cuts else None
                self._threads.append(threading.Thread(target=self._carry, args=(client, left)))
                self._threads[-1].start()

    def _carry(self, client, left):
        name, _, port = self.target.partition(":")
        with client, socket.create_connection((name, int(port))) as server, contextlib.suppress(OSError):
            while not self._over.is_set():
                for each in select.select([client, server], [], [], 0.05)[0]:
                    data = each.recv(16384)
                    if each is client and left is not None:
                        data = data[:left]
                        left -= len(data)
                    (server if each is client else client).sendall(data)
                    if not data or left == 0:
                        return


@pytest.fixture
def cutting():
    made = []

    def start(host, cuts):
        made.append(Cutting(host, cuts))
        return made[-1]

    yield start
    for each in made:
        each.close()


def test_connections_that_are_cut_do_not_stop_a_push(real_registry, cutting, layout, tmp_path):
    image = plain_image(layout, content(2_000_000, 20), content(1_000_000, 21))
    proxy = cutting(real_registry, [100, 300_000, 700_000, 50_000])
    send(proxy.host, layout, image.descriptor, "push/cut:1")
    assert fetched(real_registry, tmp_path, "push/cut:1").raw == image.raw


def test_a_line_that_is_always_cut_is_one_clear_error(real_registry, cutting, layout):
    image = plain_image(layout, content(2_000_000, 22))
    proxy = cutting(real_registry, [100_000] * 50)
    with pytest.raises(RegistryError) as caught:
        send(proxy.host, layout, image.descriptor, "push/always-cut:1")
    assert caught.value.error_code == "registry.unavailable"
    assert "Push again" in caught.value.mend


def test_nobody_there_is_one_clear_error(layout, image):
    with pytest.raises(RegistryError, match="does not answer"):
        send("127.0.0.1:1", layout, image.descriptor)


def test_a_push_that_is_stopped_publishes_nothing(real_registry, layout):
    image = plain_image(layout, content(9_000_000, 23), content(8_000_000, 24))
    stop = threading.Event()
    listener = Listener(on_bytes=lambda done: done > 1_000_000 and stop.set())
    with pytest.raises(RunCancelled):
        send(real_registry, layout, image.descriptor, "push/stopped:1", stop=stop, progress=listener)
    with Registry(real_registry) as registry:
        assert registry.manifest_digest(Reference.parse(f"{real_registry}/push/stopped:1")) is None


# --- a registry that does not let us


def test_a_registry_that_is_read_only_says_so(registries, layout, image):
    registry = registries(read_only=True)
    with pytest.raises(RegistryError) as caught:
        send(registry.host, layout, image.descriptor)
    assert (caught.value.error_code, caught.value.details["status"]) == ("registry.read_only", 405)


def test_a_password_lets_us_in(registries, layout, image, tmp_path):
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    registry = registries(auth=f"{{htpasswd: {{realm: here, path: {tmp_path / 'htpasswd'}}}}}")
    for credentials in (None, Credentials("me", "wrong-password")):
        with pytest.raises(RegistryError) as caught:
            send(registry.host, layout, image.descriptor, credentials=credentials)
        assert caught.value.error_code == "registry.denied"
        assert f"docker login {registry.host}" in caught.value.mend
        assert "wrong-password" not in json.dumps(caught.value.to_dict())
    send(registry.host, layout, image.descriptor, credentials=ME)
    assert fetched(registry.host, tmp_path, credentials=ME).raw == image.raw


def test_the_users_own_docker_config_lets_us_in(registries, layout, image, tmp_path, monkeypatch):
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    registry = registries(auth=f"{{htpasswd: {{realm: here, path: {tmp_path / 'htpasswd'}}}}}")
    auth = base64.b64encode(b"me:secret-password").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("REGISTRY_AUTH_FILE", raising=False)
    reference = Reference.parse(f"{registry.host}/team/model:1")
    with Registry.of(reference) as client:
        push(client, reference, layout, image.descriptor)
        target = Layout.create(tmp_path / "target")
        assert pull(client, reference, target, platform=AMD64).digest == image.descriptor.digest


# --- a token service


@dataclass
class TokenService:
    """Gives tokens that docker-registry believes in, over TLS; to anybody for reading, to `ME` for writing."""

    ca: trustme.CA
    folder: Path
    life: int = 300
    asked: list[tuple[str, dict, dict]] = field(default_factory=list)
    refuse: bool = False

    def __post_init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tokens")])
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        self.certificate = made.sign(self.key, hashes.SHA256())
        self.bundle = self.folder / "tokens.pem"
        self.bundle.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def token(self, scopes: list[str], writer: bool) -> str:
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            allowed = [each for each in actions.split(",") if each == "pull" or writer]
            access.append({"type": kind, "name": name, "actions": allowed})
        now = int(time.time())
        claims = {"iss": "tokens", "sub": "me", "aud": "a registry", "iat": now, "nbf": now - 10, "access": access}
        claims |= {"exp": now + self.life, "jti": str(time.monotonic_ns())}
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        signed = b".".join(_base64url(json.dumps(each).encode()) for each in (header, claims))
        return (signed + b"." + _base64url(self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256()))).decode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class _Tokens(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        asked = parse_qs(urlsplit(self.path).query)
        known = self.headers.get("authorization") == ME.header
        self._answer("GET", asked, known, known or "authorization" not in self.headers)

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        known = form.get("refresh_token") == ["the-identity-token"] and form["grant_type"] == ["refresh_token"]
        form["scope"] = form.get("scope", [""])[0].split()
        self._answer("POST", form, known, known)

    def _answer(self, method, asked, writer, let_in):
        service = self.server.service
        service.asked.append((method, asked, dict(self.headers)))
        status, told = (
            200,
            {"access_token": service.token(asked.get("scope", []), writer), "expires_in": service.life},
        )
        if not let_in or service.refuse:
            status, told = 401, {"details": "no"}
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def guarded(registries, tmp_path):
    """A docker-registry over TLS that believes a token service of ours alone: its host, the service, the CA's file."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = ca.issue_cert("localhost")
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    (tmp_path / "cert.pem").write_bytes(b"".join(each.bytes() for each in own.cert_chain_pems))
    service = TokenService(ca, tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Tokens)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.service = service
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    realm = f"https://localhost:{server.server_port}/token"
    token = f"{{realm: '{realm}', service: a registry, issuer: tokens, rootcertbundle: {service.bundle}}}"
    tls = f"{{certificate: {tmp_path / 'cert.pem'}, key: {tmp_path / 'key.pem'}}}"
    registry = registries(auth=f"{{token: {token}}}", tls=tls)
    try:
        yield registry.host, service, {"ca_file": tmp_path / "ca.pem", "tls": True}
    finally:
        server.shutdown()
        server.server_close()


def test_a_token_service_lets_us_push_with_a_password(guarded, layout, image, tmp_path):
    host, service, made = guarded
    send(host, layout, image.descriptor, credentials=ME, **made)
    writing = [asked for _, asked, _ in service.asked if asked.get("scope") == ["repository:team/model:pull,push"]]
    assert len(writing) == 1, "one token for all blobs, whichever thread was first"
    assert fetched(host, tmp_path, **made).raw == image.raw


def test_an_identity_token_is_exchanged_and_no_password_is_sent(guarded, layout, image):
    host, service, made = guarded
    send(host, layout, image.descriptor, credentials=Credentials("", identity_token="the-identity-token"), **made)
    assert {method for method, _, _ in service.asked} == {"POST"}
    assert all("authorization" not in headers and "Authorization" not in headers for _, _, headers in service.asked)
    assert all(asked["client_id"] == ["nova-spi"] for _, asked, _ in service.asked)


def test_a_mount_asks_for_a_token_of_both_repositories(guarded, layout):
    host, service, made = guarded
    image = plain_image(layout, content(100_000, 30), name=f"{host}/team/first:1")
    send(host, layout, image.descriptor, "team/first:1", credentials=ME, **made)
    layout.blobs.path(image.layers[0].digest).write_bytes(b"nothing that could be sent")
    send(host, layout, image.descriptor, "team/second:1", credentials=ME, **made)
    both = ["repository:team/second:pull,push", "repository:team/first:pull"]
    assert any(sorted(asked.get("scope", [])) == sorted(both) for _, asked, _ in service.asked)


def test_who_may_only_read_is_told_so(guarded, layout, image):
    host, _, made = guarded
    with pytest.raises(RegistryError) as caught:
        send(host, layout, image.descriptor, **made)
    assert caught.value.error_code == "registry.denied"
    assert f"docker login {host}" in caught.value.mend


def test_a_token_service_that_refuses_is_said_so_without_the_secret(guarded, layout, image):
    host, service, made = guarded
    service.refuse = True
    for credentials in (ME, Credentials("", identity_token="the-identity-token")):
        with pytest.raises(RegistryError) as caught:
            send(host, layout, image.descriptor, credentials=credentials, **made)
        told = json.dumps(caught.value.to_dict())
        assert caught.value.error_code == "registry.denied"
        assert "secret-password" not in told
        assert "the-identity-token" not in told


def test_a_token_that_is_refused_meanwhile_is_fetched_again(guarded, layout, tmp_path):
    host, service, made = guarded
    image = plain_image(layout, content(400_000, 31))
    service.life = -400  # what it gives is over already, whatever it says
    with pytest.raises(NovaSpiError):
        send(host, layout, image.descriptor, credentials=ME, **made)
    service.life = 300
    with Registry(host, credentials=ME, **made) as registry:
        scopes = ("repository:team/late:pull,push",)
        registry.transport._access._service = "a registry"
        registry.transport._access._tokens["a registry", scopes] = ("outdated", float("inf"))
        push(registry, Reference.parse(f"{host}/team/late:1"), layout, image.descriptor)
    assert fetched(host, tmp_path, "team/late:1", **made).raw == image.raw
    assert read_manifest(image.raw).config == image.config
