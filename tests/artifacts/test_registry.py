import json
import threading

import pytest
import trustme

from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.media_types import DOCKER_INDEX, IMAGE_INDEX
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.references import Reference
from nova_spi.artifacts.registry.challenges import read_challenges
from nova_spi.artifacts.registry.client import Registry
from nova_spi.artifacts.registry.credentials import Credentials
from nova_spi.artifacts.registry.pulling import pull
from nova_spi.errors import ArtifactInvalid, NovaSpiError, RegistryError

AMD64 = Platform("linux", "amd64")
ME = Credentials("me", "secret-password")


@pytest.fixture
def target(tmp_path):
    return Layout.create(tmp_path / "pulled")


@pytest.fixture
def fetch(target):
    """Pulls from a host into `target`."""

    def pulled(host, name="team/model:latest", **options):
        options.setdefault("backoff_seconds", 0.01)
        with Registry(host, credentials=options.pop("credentials", None), backoff_seconds=0.01) as registry:
            return pull(registry, Reference.parse(f"{host}/{name}"), target, platform=AMD64, **options)

    return pulled


def verified(layout, descriptor):
    layout.name(descriptor, "pulled")
    return len(list(layout.verify()))


# --- a real registry


def test_an_image_comes_out_of_a_real_registry_byte_by_byte(real_registry, layout, image, kit, target, fetch):
    kit.push(real_registry, "team/model", layout, image, "1.0")
    with Registry(real_registry) as registry:
        registry.ping()
    found = fetch(real_registry, "team/model:1.0")
    assert target.manifest(found).raw == image.raw
    assert verified(target, found) == 4
    assert fetch(real_registry, f"team/model@{image.descriptor.digest}").digest == image.descriptor.digest


@pytest.mark.parametrize("kind", [IMAGE_INDEX, DOCKER_INDEX])
def test_an_index_of_a_real_registry_leads_to_the_platform(real_registry, layout, kit, target, fetch, kind):
    images = {
        name: kit.make_image(layout, kit.tar_of({"a": name.encode()}), architecture=name) for name in ("arm64", "amd64")
    }
    entries = []
    for name, each in images.items():
        kit.push(real_registry, "team/many", layout, each, name)
        entries.append(each.descriptor.to_dict() | {"platform": {"os": "linux", "architecture": name}})
    index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode()
    kit.push_document(real_registry, "team/many", index, kind, "all")
    assert target.manifest(fetch(real_registry, "team/many:all")).raw == images["amd64"].raw


@pytest.mark.parametrize("name", ["team/nothing:1", "team/model:nothing", f"team/model@sha256:{'0' * 64}"])
def test_what_a_real_registry_does_not_have_is_said_so(real_registry, layout, image, kit, fetch, name):
    kit.push(real_registry, "team/model", layout, image, "1.0")
    with pytest.raises(RegistryError, match="404") as caught:
        fetch(real_registry, name)
    assert caught.value.error_code == "registry.not_found"


def test_two_pulls_at_once_fetch_each_blob_once(sites, layout, image, fetch, target):
    site = sites()
    site.serve("team/model", layout, image)
    errors = []

    def one():
        try:
            fetch(site.host)
        except NovaSpiError as error:
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert errors == []
    assert all(len(site.asked(f"/v2/team/model/blobs/{blob.digest}")) == 1 for blob in image.blobs)
    assert not list(target.blobs.ingest.iterdir())


# --- verification and bounds


def test_what_is_there_is_not_fetched_again(sites, layout, image, fetch):
    site = sites()
    site.serve("team/model", layout, image)
    fetch(site.host)
    before = len(site.seen)
    fetch(site.host)
    assert [path for path, _ in site.seen[before:]] == ["/v2/team/model/manifests/latest"]


def test_a_manifest_is_asked_for_under_every_name(sites, layout, image, fetch):
    site = sites()
    site.serve("team/model", layout, image)
    fetch(site.host)
    accepted = site.seen[0][1]["accept"]
    assert all(f"application/vnd.{each}+json" in accepted for each in ("oci.image.index.v1", "oci.image.manifest.v1"))
    assert "docker.distribution.manifest.list.v2+json" in accepted
    assert "docker.distribution.manifest.v2+json" in accepted


@pytest.mark.parametrize("position", [0, 10, 100, -1])
def test_a_flipped_bit_of_a_blob_on_its_way_is_detected(sites, layout, image, kit, fetch, target, position):
    site = sites()
    site.serve("team/model", layout, image)
    answer = site.answers[f"/v2/team/model/blobs/{image.layers[1].digest}"]
    answer.body = kit.flipped(answer.body, position, 3)
    with pytest.raises(ArtifactInvalid, match="something else") as caught:
        fetch(site.host)
    assert caught.value.error_code == "artifact.damaged"
    assert not target.blobs.has(image.layers[1])
    assert not list(target.blobs.ingest.iterdir())


def test_a_flipped_bit_of_a_manifest_is_detected(sites, layout, image, kit, fetch):
    site = sites()
    site.serve("team/model", layout, image)
    answer = site.answers[f"/v2/team/model/manifests/{image.descriptor.digest}"]
    answer.body = kit.flipped(answer.body, 30, 0)
    with pytest.raises(ArtifactInvalid, match="not what its digest says"):
        fetch(site.host, f"team/model@{image.descriptor.digest}")


def test_a_tag_that_promises_another_digest_is_refused(sites, layout, image, fetch):
    site = sites()
    site.serve("team/model", layout, image)
    site.answers["/v2/team/model/manifests/latest"].headers["docker-content-digest"] = str(Digest.of(b"other"))
    with pytest.raises(ArtifactInvalid, match="not what its digest says"):
        fetch(site.host)


def test_a_blob_that_is_longer_than_it_says_is_not_read_on(sites, layout, image, fetch, target):
    site = sites()
    site.serve("team/model", layout, image)
    site.answers[f"/v2/team/model/blobs/{image.layers[0].digest}"].body += b"x" * (8 << 20)
    with pytest.raises(ArtifactInvalid, match="something else"):
        fetch(site.host)


def test_a_manifest_that_is_too_large_is_not_read_on(sites, kit, fetch):
    site = sites()
    site.answers["/v2/team/model/manifests/latest"] = kit.Answer(200, b"{" + b" " * (6 << 20))
    with pytest.raises(ArtifactInvalid, match="larger"):
        fetch(site.host)


def test_an_index_that_leads_to_itself_ends(sites, kit, fetch):
    site = sites()
    bodies = [b'{"schemaVersion":2,"manifests":[]}']
    for _ in range(8):
        entry = {"mediaType": IMAGE_INDEX, "digest": str(Digest.of(bodies[-1])), "size": len(bodies[-1])}
        bodies.append(json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
    for body in bodies:
        for name in (Digest.of(body), "latest"):
            site.answers[f"/v2/team/model/manifests/{name}"] = kit.Answer(200, body, {"content-type": IMAGE_INDEX})
    with pytest.raises(ArtifactInvalid, match="too deep"):
        fetch(site.host)


# --- resuming


def test_a_blob_that_breaks_off_goes_on_where_it_broke(sites, layout, image, fetch, target):
    site = sites()
    site.serve("team/model", layout, image)
    path = f"/v2/team/model/blobs/{image.layers[1].digest}"
    site.answers[path].break_after = [40, 30, 5]
    assert verified(target, fetch(site.host)) == 4
    assert [headers.get("range") for headers in site.asked(path)] == [None, "bytes=40-", "bytes=70-", "bytes=75-"]


def test_what_came_in_an_earlier_process_counts(sites, layout, image, fetch, target):
    site = sites()
    site.serve("team/model", layout, image)
    path = f"/v2/team/model/blobs/{image.layers[1].digest}"
    site.answers[path].break_after = [40, 0, 0, 0, 0, 0]
    with pytest.raises(RegistryError) as caught:
        fetch(site.host)
    assert "kept" in caught.value.mend
    site.answers[path].break_after = []
    assert verified(target, fetch(site.host)) == 4
    assert site.asked(path)[-1]["range"] == "bytes=40-"


def test_a_registry_without_ranges_starts_over(sites, layout, image, fetch, target):
    site = sites()
    site.serve("team/model", layout, image)
    answer = site.answers[f"/v2/team/model/blobs/{image.layers[1].digest}"]
    answer.break_after, answer.ranges = [40], False
    assert verified(target, fetch(site.host)) == 4


def test_a_damaged_beginning_is_thrown_away(sites, layout, image, fetch, target):
    site = sites()
    site.serve("team/model", layout, image)
    digest = image.layers[1].digest
    target.blobs.ingest.mkdir()
    (target.blobs.ingest / f"sha256-{digest.hex}.part").write_bytes(b"?" * 10)
    with pytest.raises(ArtifactInvalid):
        fetch(site.host)
    assert verified(target, fetch(site.host)) == 4


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_registry_is_asked_again(sites, layout, image, fetch, target, status):
    site = sites()
    site.serve("team/model", layout, image)
    for answer in site.answers.values():
        answer.first = [status, status]
    assert verified(target, fetch(site.host)) == 4


def test_nobody_there_is_one_clear_error(fetch):
    with Registry("127.0.0.1:1", backoff_seconds=0.01) as registry, pytest.raises(RegistryError, match="not answer"):
        registry.ping()
    with pytest.raises(RegistryError, match="does not answer"):
        fetch("127.0.0.1:1")


# --- who is let in


def bearer(auth, **more):
    fields = {
        "realm": f"http://{auth.host}/token",
        "service": "a registry",
        "scope": "repository:team/model:pull",
        **more,
    }
    return "Bearer " + ",".join(f'{name}="{value}"' for name, value in fields.items())


def protect(site, challenge, header):
    for path in site.answers:
        site.protected[path] = (header, challenge)


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_a_token_is_fetched_once_and_used(sites, layout, image, kit, fetch, target, key):
    site, auth = sites(), sites()
    site.serve("team/model", layout, image)
    protect(site, bearer(auth), "Bearer the-token")
    auth.answers["/token"] = kit.Answer(200, json.dumps({key: "the-token", "expires_in": 300}).encode())
    assert verified(target, fetch(site.host, credentials=ME)) == 4
    assert len(auth.seen) == 1
    path, headers = auth.seen[0]
    assert headers["authorization"] == ME.header
    assert "service=a%20registry" in path or "service=a+registry" in path
    assert "scope=repository%3Ateam%2Fmodel%3Apull" in path or "scope=repository:team/model:pull" in path


def test_anybody_may_ask_for_a_token(sites, layout, image, kit, fetch, target):
    site, auth = sites(), sites()
    site.serve("team/model", layout, image)
    protect(site, bearer(auth), "Bearer open")
    auth.answers["/token"] = kit.Answer(200, b'{"token": "open"}')
    assert verified(target, fetch(site.host)) == 4
    assert "authorization" not in auth.seen[0][1]


def test_a_token_that_no_longer_counts_is_fetched_again(sites, layout, image, kit, fetch, target):
    site, auth = sites(), sites()
    site.serve("team/model", layout, image)
    protect(site, bearer(auth), "Bearer new")
    auth.answers["/token"] = kit.Answer(200, b'{"token": "new"}')
    with Registry(site.host) as registry:
        registry.transport._access._tokens["", ("repository:team/model:pull",)] = ("old", float("inf"))
        registry.manifest(Reference.parse(f"{site.host}/team/model:latest"))
    assert len(auth.seen) == 1


def test_basic_is_answered_with_what_we_have(sites, layout, image, fetch, target):
    site = sites()
    site.serve("team/model", layout, image)
    protect(site, 'Basic realm="x"', ME.header)
    assert verified(target, fetch(site.host, credentials=ME)) == 4


@pytest.mark.parametrize("credentials", [None, Credentials("me", "wrong")])
def test_who_is_not_let_in_is_told_without_the_password(sites, layout, image, fetch, credentials):
    site = sites()
    site.serve("team/model", layout, image)
    protect(site, 'Basic realm="x"', ME.header)
    with pytest.raises(RegistryError) as caught:
        fetch(site.host, credentials=credentials)
    assert caught.value.error_code == "registry.denied"
    assert "wrong" not in str(caught.value.to_dict())
    assert "wrong" not in repr(credentials)


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"", b'{"token": 5}', b'{"token": "a\\r\\nb: c"}', b'{"token":"' + b"x" * (2 << 20) + b'"}']
)
def test_a_token_service_that_answers_nonsense_is_one_clear_error(sites, layout, image, kit, fetch, body):
    site, auth = sites(), sites()
    site.serve("team/model", layout, image)
    protect(site, bearer(auth), "Bearer never")
    auth.answers["/token"] = kit.Answer(200, body)
    with pytest.raises(NovaSpiError):
        fetch(site.host)


@pytest.mark.parametrize(
    "realm",
    ["http://registry.example.org/token", "file:///etc/passwd", "ftp://127.0.0.1/", "http://me:pw@127.0.0.1/", "::"],
)
def test_a_token_service_that_is_not_https_gets_nothing(sites, layout, image, fetch, realm):
    site, auth = sites(), sites()
    site.serve("team/model", layout, image)
    protect(site, bearer(auth, realm=realm), "Bearer never")
    with pytest.raises(RegistryError) as caught:
        fetch(site.host, credentials=ME)
    assert caught.value.error_code == "registry.denied"


def test_a_redirect_carries_nothing_of_ours_to_another_host(sites, layout, image, kit, fetch, target):
    site, storage = sites(), sites()
    site.serve("team/model", layout, image)
    storage.serve("team/model", layout, image)
    for blob in image.blobs:
        path = f"/v2/team/model/blobs/{blob.digest}"
        site.answers[path] = kit.Answer(
            307,
            b"",
            {"location": f"http://{storage.host}{path}?signed=1", "set-cookie": "session=ours; Domain=127.0.0.1"},
        )
    protect(site, 'Basic realm="x"', ME.header)
    assert verified(target, fetch(site.host, credentials=ME)) == 4
    assert len(storage.seen) == 3
    for _, headers in storage.seen:
        assert "authorization" not in headers
        assert "cookie" not in headers


def test_a_redirect_on_the_same_host_keeps_us_logged_in(sites, layout, image, kit, fetch, target):
    site = sites()
    site.serve("team/model", layout, image)
    site.answers["/v2/team/model/manifests/moved"] = kit.Answer(307, b"", {"location": "latest"})
    protect(site, 'Basic realm="x"', ME.header)
    assert verified(target, fetch(site.host, "team/model:moved", credentials=ME)) == 4


def test_another_host_behind_a_redirect_cannot_ask_for_our_password(sites, layout, image, kit, fetch):
    site, evil, auth = sites(), sites(), sites()
    site.answers["/v2/team/model/manifests/latest"] = kit.Answer(307, b"", {"location": f"http://{evil.host}/x"})
    evil.answers["/x"] = kit.Answer(401, b"", {"www-authenticate": bearer(auth)})
    auth.answers["/token"] = kit.Answer(200, b'{"token": "t"}')
    with pytest.raises(RegistryError):
        fetch(site.host, credentials=ME)
    assert auth.seen == []
    assert "authorization" not in evil.seen[0][1]


@pytest.mark.parametrize(
    "location", ["http://registry.example.org/x", "file:///etc/passwd", "http://me:pw@127.0.0.1/", "http://[", "latest"]
)
def test_a_redirect_that_leads_astray_is_refused(sites, kit, fetch, location):
    site = sites()
    site.answers["/v2/team/model/manifests/latest"] = kit.Answer(307, b"", {"location": location})
    with pytest.raises(RegistryError, match="redirects"):
        fetch(site.host)


def test_plain_http_is_for_loopback_alone():
    with pytest.raises(RegistryError, match="plain http"):
        Registry("registry.example.org", tls=False)


def test_a_certificate_that_is_not_trusted_is_said_so_at_once(sites, layout, image, target):
    import ssl
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        host = f"localhost:{server.server_port}"
        with Registry(host, tls=True) as registry, pytest.raises(RegistryError, match="not trusted"):
            registry.ping()
        pem = target.root / "ca.pem"
        ca.cert_pem.write_to_path(str(pem))
        with Registry(host, tls=True, ca_file=pem) as registry:
            registry.ping()
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (
            'Bearer realm="https://a/t",service="s",scope="a:b:pull,push"',
            [("bearer", {"realm": "https://a/t", "service": "s", "scope": "a:b:pull,push"})],
        ),
        ("Basic realm=x", [("basic", {"realm": "x"})]),
        ('Negotiate, Basic realm="a \\"b\\""', [("negotiate", {}), ("basic", {"realm": 'a "b"'})]),
        ('BEARER REALM="x", Basic realm="y"', [("bearer", {"realm": "x"}), ("basic", {"realm": "y"})]),
        ("", []),
        ("=,=", []),
    ],
)
def test_challenges_are_taken_apart(header, found):
    assert [tuple(each) for each in read_challenges(header)] == found
