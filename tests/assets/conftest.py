import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from nova_spi.assets.fetching import fetch
from nova_spi.assets.source import Transport
from nova_spi.manifest.models import Asset


@dataclass
class Resource:
    """One path of the test server, and how it misbehaves."""

    content: bytes = b""
    etag: str | None = '"one"'
    last_modified: str | None = None
    status: int = 200
    location: str | None = None
    break_after: list[int] = field(default_factory=list)  # bytes of the body, one entry a request
    statuses: list[int] = field(default_factory=list)  # answered first, one a request
    ranges: bool = True
    claimed_length: int | None = None
    chunked: bool = False
    pause: float = 0.0
    piece: int = 1 << 16
    wrong_range: bool = False
    ignores_if_range: bool = False
    headers: dict[str, str] = field(default_factory=dict)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        site = self.server.site
        site.requests.append((self.path, dict(self.headers)))
        resource = site.resources.get(self.path)
        if resource is None:
            return self._answer(404, b"not here")
        if resource.statuses:
            return self._answer(resource.statuses.pop(0), b"busy", {"retry-after": "0"})
        if resource.location is not None:
            return self._answer(302, b"", {"location": resource.location})
        if resource.status != 200:
            return self._answer(resource.status, b"no")
        if self._unchanged(resource):
            return self._answer(304, b"")
        return self._content(resource)

    def _unchanged(self, resource):
        wanted = self.headers.get("if-none-match")
        if wanted is not None:
            return wanted == resource.etag
        since = self.headers.get("if-modified-since")
        return since is not None and since == resource.last_modified

    def _answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _content(self, resource):
        body, start, status = resource.content, 0, 200
        asked = self.headers.get("range")
        condition = self.headers.get("if-range")
        holds = condition is None or resource.ignores_if_range or condition in (resource.etag, resource.last_modified)
        if asked and resource.ranges and holds:
            start, status = int(asked.removeprefix("bytes=").split("-")[0]), 206
            if start >= len(body):
                return self._answer(416, b"", {"content-range": f"bytes */{len(body)}"})
        self.send_response(status)
        if resource.etag:
            self.send_header("etag", resource.etag)
        if resource.last_modified:
            self.send_header("last-modified", resource.last_modified)
        for name, value in resource.headers.items():
            self.send_header(name, value)
        rest = body[start:]
        if status == 206:
            said = 0 if resource.wrong_range else start
            self.send_header("content-range", f"bytes {said}-{len(body) - 1}/{len(body)}")
        if resource.chunked:
            self.send_header("transfer-encoding", "chunked")
        else:
            length = len(rest) if resource.claimed_length is None else resource.claimed_length
            self.send_header("content-length", str(length))
        self.end_headers()
        return self._body(resource, rest)

    def _body(self, resource, rest):
        until = resource.break_after.pop(0) if resource.break_after else len(rest)
        for at in range(0, min(until, len(rest)), resource.piece):
            piece = rest[at : min(at + resource.piece, until)]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if resource.chunked else piece)
            self.wfile.flush()
            time.sleep(resource.pause)
        if until < len(rest):
            self.close_connection = True
            self.connection.close()
        elif resource.chunked:
            self.wfile.write(b"0\r\n\r\n")
        if resource.claimed_length is not None:
            self.close_connection = True


class Site(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class Server:
    def __init__(self, context=None):
        self.resources: dict[str, Resource] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._httpd = Site(("127.0.0.1", 0), Handler)
        self._httpd.site = self
        if context:
            self._httpd.socket = context.wrap_socket(self._httpd.socket, server_side=True)
        self.scheme = "https" if context else "http"
        self.port = self._httpd.server_address[1]
        self._thread = threading.Thread(target=self._httpd.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def url(self, path, host="localhost"):
        return f"{self.scheme}://{host}:{self.port}{path}"

    def asked(self, name):
        """The values of one request header, of the requests in their order."""
        return [{key.lower(): value for key, value in headers.items()}.get(name) for _, headers in self.requests]

    def close(self):
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return ca, path


def _context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def server(authority):
    found = Server(_context(authority))
    yield found
    found.close()


@pytest.fixture
def other_server(authority):
    found = Server(_context(authority))
    yield found
    found.close()


@pytest.fixture
def plain_server():
    found = Server()
    yield found
    found.close()


class Heard:
    """Progress that remembers."""

    def __init__(self):
        self.stages, self.advances, self.warnings = [], [], []

    def stage(self, name, detail=""):
        self.stages.append((name, detail))

    def advance(self, done, total, unit):
        self.advances.append((done, total, unit))

    def warn(self, message):
        self.warnings.append(message)

    def log(self, chunk):
        raise AssertionError("fetching has no log")


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def transport(authority):
    return Transport(ca_file=authority[1], backoff_seconds=0.001, read_seconds=2.0)


@dataclass
class Fetcher:
    root: Path
    cache_dir: Path
    heard: Heard
    transport: Transport

    def __call__(self, uri, *, transport=None, secrets=None, cancel=None, **fields):
        asset = Asset(name="weights", mount_path="model/weights.bin", uri=uri, **fields)
        return fetch(
            asset,
            root=self.root,
            cache_dir=self.cache_dir,
            secrets=secrets or {},
            progress=self.heard,
            transport=transport or self.transport,
            cancel=cancel,
        )


@pytest.fixture
def fetching(tmp_path, heard, transport):
    root = tmp_path / "project"
    root.mkdir()
    return Fetcher(root, tmp_path / "cache", heard, transport)


@pytest.fixture
def resource():
    return Resource


@pytest.fixture
def content():
    return bytes(range(256)) * 4096
