import gzip
import hashlib
import io
import json
import tarfile
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_GZIP


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def make_image(layout: Layout, *layers: bytes, architecture: str = "amd64", labels: dict | None = None):
    """An image in a layout; returns its manifest."""
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin"], "Labels": labels or {}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers]},
    }
    blobs = [layout.blobs.write(gzip.compress(each, mtime=0), LAYER_GZIP) for each in layers]
    manifest = write_manifest(layout.blobs.write(json.dumps(config).encode(), IMAGE_CONFIG), blobs)
    layout.blobs.write(manifest.raw, manifest.media_type)
    return manifest


@pytest.fixture
def layout(tmp_path) -> Layout:
    return Layout.create(tmp_path / "layout")


@pytest.fixture
def image(layout):
    manifest = make_image(layout, tar_of({"etc/one": b"1" * 3000}), tar_of({"etc/two": b"2" * 70_000}))
    layout.name(manifest.descriptor, "example:1")
    return manifest


def push(address: str, repository: str, layout: Layout, manifest, tag: str) -> None:
    """Puts an image into a real registry, as any client does."""

    def send(method, url, data=None, kind=None):
        headers = {"content-type": kind} if kind else {}
        request = urllib.request.Request(url, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer

    base = f"http://{address}/v2/{repository}"
    for blob in manifest.blobs:
        place = send("POST", f"{base}/blobs/uploads/", b"").headers["location"]
        joined = f"{place}{'&' if '?' in place else '?'}digest={blob.digest}"
        send("PUT", joined, b"".join(layout.blobs.chunks(blob)), "application/octet-stream")
    send("PUT", f"{base}/manifests/{tag}", manifest.raw, manifest.media_type)


def push_document(address: str, repository: str, data: bytes, media_type: str, tag: str) -> None:
    request = urllib.request.Request(
        f"http://{address}/v2/{repository}/manifests/{tag}",
        data=data,
        method="PUT",
        headers={"content-type": media_type},
    )
    urllib.request.urlopen(request, timeout=30).close()


@dataclass
class Answer:
    """What a path of the misbehaving registry answers."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    break_after: list[int] = field(default_factory=list)  # bytes of the body, one entry a request
    ranges: bool = True
    claimed_length: int | None = None
    first: list[int] = field(default_factory=list)  # statuses answered before, one a request


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        site = self.server.site
        site.seen.append((self.path, dict(self.headers)))
        path = self.path.partition("?")[0]
        needed = site.protected.get(path)
        if needed is not None and self.headers.get("authorization") != needed[0]:
            return self._send(Answer(401, b"{}", {"www-authenticate": needed[1]}))
        return self._send(site.answers.get(path, Answer(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}')))

    def _send(self, answer):
        if answer.first:
            answer = Answer(answer.first.pop(0))
        status, body, headers = answer.status, answer.body, dict(answer.headers)
        asked = self.headers.get("range")
        if asked and answer.ranges and status == 200:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            headers["content-range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body) if answer.claimed_length is None else answer.claimed_length))
        self.end_headers()
        if answer.break_after:
            self.wfile.write(body[: answer.break_after.pop(0)])
            self.close_connection = True
            return
        self.wfile.write(body)


@dataclass
class Site:
    """A registry that misbehaves as it is told, on loopback."""

    host: str
    answers: dict[str, Answer] = field(default_factory=dict)
    protected: dict[str, tuple[str, str]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def serve(self, repository: str, layout: Layout, manifest, tag: str = "latest") -> None:
        base = f"/v2/{repository}"
        for name in (tag, str(manifest.descriptor.digest)):
            self.answers[f"{base}/manifests/{name}"] = Answer(200, manifest.raw, {"content-type": manifest.media_type})
        for blob in manifest.blobs:
            self.answers[f"{base}/blobs/{blob.digest}"] = Answer(200, b"".join(layout.blobs.chunks(blob)))

    def asked(self, path: str) -> list[dict[str, str]]:
        return [headers for seen, headers in self.seen if seen.partition("?")[0] == path]


@pytest.fixture
def sites():
    servers = []

    def start() -> Site:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a client that hangs up is what some tests are about
        server.site = Site(f"127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return server.site

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def flipped(data: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[position % len(data)] ^= 1 << bit
    return bytes(changed)


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """What the tests make images and trouble with."""
    return SimpleNamespace(
        Answer=Answer,
        flipped=flipped,
        make_image=make_image,
        push=push,
        push_document=push_document,
        tar_of=tar_of,
    )
