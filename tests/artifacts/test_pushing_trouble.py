"""Pushing into registries that do what the specification allows, and what it does not: each as a small server here."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.manifests import write_manifest
from nova_spi.artifacts.media_types import IMAGE_CONFIG, LAYER_TAR
from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.registry import retrying
from nova_spi.artifacts.registry.access import merged
from nova_spi.artifacts.registry.challenges import read_challenges
from nova_spi.artifacts.registry.client import Registry
from nova_spi.artifacts.registry.credentials import Credentials
from nova_spi.artifacts.registry.naming import pushed_reference
from nova_spi.artifacts.registry.pushing import push
from nova_spi.artifacts.registry.retrying import Broken, pause_before, retry_after
from nova_spi.artifacts.registry.uploading import kept_bytes
from nova_spi.errors import NovaSpiError, RegistryError, UsageError

ME = Credentials("me", "secret-password")
DATA = hashlib.shake_256(b"a layer").digest(1_000_003)


@dataclass
class Server:
    """One registry.

    Its `trouble` is asked first: it may answer a request by itself, with a status, a body and headers.
    """

    host: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    trouble: Callable[..., tuple | None] = lambda *_: None
    location: Callable[["Server", str], str] = lambda self, name: f"/v2/team/model/blobs/uploads/{name}?state=a%3D%26b"
    take: list[int] = field(default_factory=list)
    """How many bytes of a body are read before the connection is cut, one entry a request with a body."""

    def methods(self) -> list[str]:
        return [method for method, path, _ in self.seen if "/blobs/" in path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def _any(self):
        server, path = self.server.state, urlsplit(self.path)
        server.seen.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}))
        found = server.trouble(self.command, path.path, len(server.seen))
        if found is not None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            return self._send(*found)
        query = parse_qs(path.query)
        name = path.path.rpartition("/")[2]
        if "/manifests/" in path.path:
            return self._manifest(server, name)
        if "/blobs/uploads/" in path.path:
            return self._upload(server, name, query)
        if name in server.blobs:
            return self._send(200, server.blobs[name])
        return self._send(404)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._any
        raise AttributeError(name)

    def _manifest(self, server, name):
        if self.command != "PUT":
            data = server.manifests.get(name)
            return self._send(404) if data is None else self._send(200, data)
        data = self._body(server)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        server.manifests[name] = server.manifests[digest] = data
        return self._send(201, headers={"docker-content-digest": digest})

    def _upload(self, server, name, query):
        if self.command == "POST":
            name = f"u{len(server.uploads)}"
            server.uploads[name] = bytearray()
            return self._send(202, headers={"location": server.location(server, name)})
        upload = server.uploads.get(name)
        if upload is None:
            return self._send(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}')
        if self.command == "DELETE":
            del server.uploads[name]
            return self._send(204)
        where = {"location": server.location(server, name), "range": f"0-{max(len(upload) - 1, 0)}"}
        if self.command == "GET":
            return self._send(204, headers=where)
        begins = self.headers.get("content-range", "").partition("-")[0]
        if begins and int(begins) != len(upload):
            self.rfile.read(int(self.headers["content-length"]))
            return self._send(416, headers=where)
        body = self._body(server, upload)
        if body is None:
            return None
        upload += body
        if self.command == "PATCH":
            return self._send(202, headers=where | {"range": f"0-{len(upload) - 1}"})
        [digest] = query["digest"]
        if digest != f"sha256:{hashlib.sha256(upload).hexdigest()}":
            return self._send(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
        server.blobs[digest] = bytes(upload)
        del server.uploads[name]
        return self._send(201, headers={"docker-content-digest": digest})

    def _body(self, server, upload=None):
        length = int(self.headers.get("content-length") or 0)
        if length and upload is not None and server.take:
            upload += self.rfile.read(min(server.take.pop(0), length))
            self.close_connection = True
            self.connection.close()
            return None
        return self.rfile.read(length)

    def _send(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(body)


@pytest.fixture
def servers():
    started = []

    def start(**options) -> Server:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None
        server.state = Server(f"127.0.0.1:{server.server_port}", **options)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        started.append(server)
        return server.state

    yield start
    for each in started:
        each.shutdown()
        each.server_close()


@pytest.fixture
def one_layer(tmp_path):
    layout = Layout.create(tmp_path / "one")
    config = layout.blobs.write(b'{"os":"linux","rootfs":{"type":"layers","diff_ids":[]}}', IMAGE_CONFIG)
    manifest = write_manifest(config, [layout.blobs.write(DATA, LAYER_TAR)])
    layout.blobs.write(manifest.raw, manifest.media_type)
    layout.name(manifest.descriptor, "one")
    return layout, manifest


@pytest.fixture
def send(one_layer):
    layout, manifest = one_layer

    def sent(server: Server, name: str = "team/model:1", credentials=None, **options):
        options.setdefault("parallel", 1)
        with Registry(server.host, backoff_seconds=0.01, credentials=credentials) as registry:
            return push(registry, Reference.parse(f"{server.host}/{name}"), layout, manifest.descriptor, **options)

    return sent


def whole(server, manifest) -> bool:
    there = all(str(blob.digest) in server.blobs for blob in manifest.blobs)
    return there and server.manifests["1"] == manifest.raw and not server.uploads


# --- resuming


def test_an_upload_goes_on_from_what_the_registry_has_kept(servers, one_layer, send):
    server = servers(take=[400_000, 250_000])
    send(server)
    assert whole(server, one_layer[1])
    ranges = [headers["content-range"] for method, _, headers in server.seen if method == "PATCH"]
    assert ranges == ["400000-1000002", "650000-1000002"]
    assert sum(method == "POST" for method, _, _ in server.seen) == 2, "one upload for each of the two blobs"


def test_chunks_go_on_in_the_middle_of_one(servers, one_layer, send):
    server = servers(take=[10_000])
    server.trouble = lambda method, path, count: (503, b"", {}) if method == "PATCH" and count == 6 else None
    send(server, chunk_bytes=300_000)
    assert whole(server, one_layer[1])
    ranges = [headers["content-range"] for method, _, headers in server.seen if method == "PATCH"]
    assert ranges[0] == "0-299999"
    assert ranges[-1].endswith("-1000002")
    assert sum(method == "POST" for method, _, _ in server.seen) == 2


@pytest.mark.parametrize(
    "answer",
    [
        (404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}', {}),
        (204, b"", {"range": "0-0"}),
        (204, b"", {"range": "nonsense"}),
        (204, b"", {"range": "0-99999999"}),
        (200, b"", {}),
    ],
)
def test_an_upload_that_is_lost_begins_again(servers, one_layer, send, answer):
    server = servers(take=[400_000])
    server.trouble = lambda method, path, _: answer if method == "GET" and "/uploads/" in path else None
    send(server)
    server.uploads.clear()
    assert whole(server, one_layer[1])


def test_bytes_that_the_registry_does_not_have_after_all_are_sent_again(servers, one_layer, send):
    """It says that it has more than it has: the next chunk does not fit."""
    server, lies = servers(take=[400_000]), [(204, b"", {"range": "0-499999"})]
    server.trouble = lambda method, path, _: lies.pop() if method == "GET" and "/uploads/" in path and lies else None
    send(server)
    assert whole(server, one_layer[1])


def test_a_digest_that_went_wrong_on_the_way_is_sent_again(servers, one_layer, send):
    server = servers()
    bad = [(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}', {})]
    server.trouble = lambda method, path, _: bad.pop() if method == "PUT" and "/uploads/" in path and bad else None
    send(server)
    server.uploads.clear()
    assert whole(server, one_layer[1])


# --- what registries do differently


def test_a_location_may_be_relative_and_has_a_query_of_its_own(servers, one_layer, send):
    server = servers(location=lambda self, name: f"{name}?a=1&b=%2F%3d&c")
    send(server)
    assert whole(server, one_layer[1])
    puts = [path for method, path, _ in server.seen if method == "PUT" and "/uploads/" in path]
    assert all("?a=1&b=%2F%3d&c&digest=sha256:" in path for path in puts)


def test_a_location_on_another_host_gets_nothing_of_ours(servers, one_layer, send):
    storage = servers()
    server = servers(location=lambda self, name: f"http://{storage.host}/v2/team/model/blobs/uploads/{name}")
    storage.uploads["u0"] = bytearray()
    storage.uploads["u1"] = bytearray()
    wanted = (401, b"", {"www-authenticate": 'Basic realm="x"'})

    def guard(method, path, count):
        return None if server.seen[-1][2].get("authorization") == ME.header else wanted

    server.trouble = guard
    send(server, credentials=ME)
    assert set(storage.blobs) == {str(blob.digest) for blob in one_layer[1].blobs}
    assert all("authorization" not in headers for _, _, headers in storage.seen)
    assert any(headers.get("authorization") == ME.header for _, _, headers in server.seen)


@pytest.mark.parametrize("location", ["http://registry.example.org/u", "file:///etc/x", "http://me:pw@127.0.0.1/", ""])
def test_a_location_that_leads_astray_is_refused(servers, send, location):
    server = servers(location=lambda self, name: location)
    with pytest.raises(RegistryError):
        send(server)
    assert server.manifests == {}


def test_another_answer_to_the_first_chunk_is_taken_for_success(servers, one_layer, send):
    """ECR answers 201 to a chunk; others 204."""
    server = servers()
    patched = _Handler._upload
    for status in (201, 204):
        server.uploads.clear()
        server.blobs.clear()
        server.manifests.clear()

        def upload(self, state, name, query, status=status):
            original = self._send
            self._send = lambda code, *rest, **more: original(status if code == 202 else code, *rest, **more)
            try:
                return patched(self, state, name, query)
            finally:
                del self._send

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                _Handler, "_upload", lambda self, state, name, query, made=upload: made(self, state, name, query)
            )
            send(server, chunk_bytes=300_000)
        assert whole(server, one_layer[1])


@pytest.mark.parametrize("status", [413, 416])
def test_a_registry_that_takes_no_chunks_gets_the_whole_blob(servers, one_layer, send, status):
    server = servers()
    server.trouble = lambda method, path, _: (status, b"", {}) if method == "PATCH" else None
    send(server, chunk_bytes=300_000)
    server.uploads.clear()
    assert whole(server, one_layer[1])
    assert sum(method == "PATCH" for method in server.methods()) == 1


def test_a_registrys_least_chunk_is_kept_to(servers, one_layer, send):
    server = servers()
    server.trouble = _least(server)
    send(server, chunk_bytes=300_000)
    ranges = [headers["content-range"] for method, _, headers in server.seen if method == "PATCH"]
    assert ranges == ["0-599999", "600000-1000002"]


def _least(server):
    def trouble(method, path, count):
        if method != "POST":
            return None
        name = f"least{count}"
        server.uploads[name] = bytearray()
        return 202, b"", {"location": server.location(server, name), "oci-chunk-min-length": "600000"}

    return trouble


def test_a_finished_upload_that_is_only_accepted_is_looked_for(servers, one_layer, send):
    server = servers()

    def trouble(method, path, _):
        if method == "PUT" and "/uploads/" in path:
            for blob in one_layer[1].blobs:
                server.blobs[str(blob.digest)] = b"x" * blob.size
            return 202, b"", {}
        return None

    server.trouble = trouble
    send(server)
    assert server.manifests["1"] == one_layer[1].raw


def test_a_write_is_redirected_with_its_body_or_not_at_all(servers, one_layer, send):
    server, other = servers(), servers()
    server.trouble = lambda method, path, _: (
        (307, b"", {"location": f"http://{other.host}{path}"}) if method == "PUT" and "/manifests/" in path else None
    )
    send(server)
    assert other.manifests["1"] == one_layer[1].raw
    server.trouble = lambda method, path, _: (
        (302, b"", {"location": "/x"}) if method == "PUT" and "/manifests/" in path else None
    )
    server.blobs.clear()
    with pytest.raises(RegistryError, match="redirects a PUT"):
        send(server)


# --- busy, full, and wrong


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_registry_is_asked_again(servers, one_layer, send, status):
    server, left = servers(), {}

    def trouble(method, path, _):
        left[method, path] = left.get((method, path), 3) - 1
        return (status, b"", {"retry-after": "0"}) if left[method, path] > 0 else None

    server.trouble = trouble
    send(server)
    server.uploads.clear()
    assert whole(server, one_layer[1])


def test_a_registry_says_how_long_to_wait_and_that_is_bounded():
    assert pause_before(0, 0.5, Broken("x", after=7)) == 7
    assert pause_before(0, 0.5, Broken("x", after=1e9)) == retrying.LONGEST_WAIT
    assert pause_before(3, 0.5, Broken("x")) == 4.0
    assert pause_before(3, 0.5, Broken("x", after=1)) == 4.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        (" 120 ", 120.0),
        ("Sat, 21 Nov 2026 17:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 16:00:00 GMT", 0.0),
        ("", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("9" * 400, 1e9),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    assert retry_after(header, datetime(2026, 11, 21, 17, 0, 0, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (405, "registry.read_only", "read only"),
        (507, "registry.full", "full"),
        (413, "registry.too_large", "large"),
        (403, "registry.denied", "not allowed"),
        (404, "registry.not_found", "404"),
        (418, "registry.unavailable", "418"),
    ],
)
@pytest.mark.parametrize("place", ["POST", "PUT"])
def test_what_a_registry_refuses_is_one_clear_error(servers, send, status, code, word, place):
    server = servers()
    server.trouble = lambda method, path, _: (status, b"<html>no</html>", {}) if method == place else None
    with pytest.raises(RegistryError) as caught:
        send(server)
    assert caught.value.error_code == code
    assert word in caught.value.message + caught.value.why
    assert server.manifests == {}
    assert server.uploads == {} or place == "PUT"


def test_a_registry_that_took_something_else_is_found_out(servers, send):
    for part in ("/uploads/", "/manifests/"):
        server = servers()
        other = {"docker-content-digest": f"sha256:{'0' * 64}"}
        server.trouble = lambda method, path, _, part=part, other=other: (
            (201, b"", other) if method == "PUT" and part in path else None
        )
        with pytest.raises(RegistryError) as caught:
            send(server)
        assert caught.value.error_code == "registry.other_digest"


def test_a_blob_that_the_registry_only_believes_to_have_is_sent_after_all(servers, one_layer, send):
    server = servers()
    unknown = [(400, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}', {})]
    believed = {str(blob.digest): b"x" * blob.size for blob in one_layer[1].blobs}
    server.blobs.update(believed)
    server.trouble = lambda method, path, _: (
        unknown.pop() if method == "PUT" and "/manifests/" in path and unknown else None
    )
    send(server)
    assert whole(server, one_layer[1])
    assert server.blobs[str(one_layer[1].layers[0].digest)] == DATA


def test_a_registry_that_forgets_every_blob_is_one_clear_error(servers, send):
    server = servers()
    answer = (404, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}', {})
    server.trouble = lambda method, path, _: answer if method == "PUT" and "/manifests/" in path else None
    with pytest.raises(RegistryError) as caught:
        send(server)
    assert caught.value.error_code == "registry.blob_unknown"


def test_a_blob_of_another_size_counts_as_missing(servers, one_layer, send):
    server = servers()
    server.blobs.update({str(blob.digest): b"short" for blob in one_layer[1].blobs})
    send(server)
    assert whole(server, one_layer[1])
    assert server.blobs[str(one_layer[1].layers[0].digest)] == DATA


def test_an_upload_that_fails_is_taken_back(servers, one_layer, send):
    layout, manifest = one_layer
    server = servers()
    layout.blobs.path(manifest.layers[0].digest).write_bytes(DATA[:-1] + b"?")
    with pytest.raises(NovaSpiError):
        send(server)
    assert server.uploads == {}
    assert any(method == "DELETE" for method in server.methods())


# --- parsers


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**15))
def test_a_range_says_how_much_is_there(last):
    assert kept_bytes(f"0-{last}") == kept_bytes(f"bytes=0-{last}") == last + 1


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_any_range_and_any_wait_is_a_number(text):
    assert kept_bytes(text) >= 0
    assert retry_after(text) >= 0


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_challenge_is_read_or_passed_over(text):
    assert all(each.scheme == each.scheme.lower() for each in read_challenges(text))


WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(WORDS, st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20), min_size=1)
)
def test_a_challenge_that_was_written_reads_the_same(parameters):
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in parameters.items()}
    header = "Bearer " + ",".join(f'{name}="{value}"' for name, value in quoted.items())
    assert read_challenges(header) == [("bearer", parameters)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(WORDS, st.lists(st.sampled_from(["pull", "push", "delete"]), min_size=1))))
def test_scopes_name_each_resource_once_with_all_its_actions(wanted):
    found = merged(f"repository:{name}:{','.join(actions)}" for name, actions in wanted)
    assert len({each.rpartition(":")[0] for each in found}) == len(found)
    for name, actions in wanted:
        [scope] = [each for each in found if each.startswith(f"repository:{name}:")]
        assert set(actions) <= set(scope.rpartition(":")[2].split(","))


# --- names


@pytest.mark.parametrize(
    ("said", "registry", "tag", "found"),
    [
        ("r.example.org/models", None, None, "r.example.org/models/name:1.2.3"),
        (None, "r.example.org:5000", None, "r.example.org:5000/name:1.2.3"),
        ("https://r.example.org/models/", None, None, "r.example.org/models/name:1.2.3"),
        ("localhost/x", "other.example.org", None, "localhost/x/name:1.2.3"),
        ("r.example.org", None, "team/model:2", "r.example.org/team/model:2"),
        ("r.example.org", None, "model", "r.example.org/model:latest"),
        (None, None, "r.example.org/team/model:2", "r.example.org/team/model:2"),
        (None, "other.example.org", "r.example.org/team/model:2", "r.example.org/team/model:2"),
        ("r.example.org/team", None, "r.example.org/team/model:2", "r.example.org/team/model:2"),
        ("docker.io/team", None, None, "docker.io/team/name:1.2.3"),
    ],
)
def test_what_is_pushed_is_called_by_registry_name_and_version(said, registry, tag, found):
    assert str(pushed_reference(said, registry, tag, "name", "1.2.3")) == found


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        (None, None),
        (None, "model:1"),
        ("team/models", None),
        ("r.example.org/UPPER", None),
        ("r.example.org", "NO TAG"),
        ("r.example.org", "model:bad tag"),
        ("r.example.org", "other.example.org/model:1"),
        ("r.example.org", f"model@sha256:{'0' * 64}"),
        ("", None),
    ],
)
def test_a_name_that_cannot_be_pushed_is_wrong_use(said, tag):
    with pytest.raises(UsageError):
        pushed_reference(said, None, tag, "name", "1.2.3")


def test_a_version_that_is_no_tag_is_wrong_use():
    with pytest.raises(UsageError, match="cannot be a tag"):
        pushed_reference("r.example.org", None, None, "name", "1.0.0-" + "x" * 200)
