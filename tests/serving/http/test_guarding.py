import stat
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import UsageError
from nova_spi.serving.http import tokens
from nova_spi.serving.http.authorising import Gate, is_loopback, split_host

TOKEN = "a-token-that-is-long-enough"
RUN = {"text": "a"}


def admitted(method="POST", token=None, *, public=False, **headers):
    """True where trusted, False where only the public is answered, else the error's code."""
    said = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    try:
        return Gate(token).check(method, said, public=public)
    except UsageError as error:
        return error.error_code


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:80", "127.9.9.9"]
)
def test_this_machine_is_known_by_its_own_names(host):
    assert admitted(host=host) is True


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "localhost:x",
     "localhost@evil.example", "10.0.0.1", "[::2]", "::1:", "127.0.0.1:8000:1", "0.0.0.0"],
)  # fmt: skip
def test_any_other_name_may_be_a_page_that_points_here(host):
    assert admitted(host=host) == "usage.misdirected"
    assert admitted("GET", host=host) == "usage.misdirected"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, True),
        ({"origin": "http://localhost:8000"}, True),
        ({"origin": "http://localhost:8000", "sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "none"}, True),
        ({"origin": "null"}, "usage.forbidden"),
        ({"origin": "http://evil.example"}, "usage.forbidden"),
        ({"origin": "https://localhost:8000"}, "usage.forbidden"),
        ({"origin": "http://localhost:9000"}, "usage.forbidden"),
        ({"sec_fetch_site": "cross-site"}, "usage.forbidden"),
        ({"sec_fetch_site": "same-site", "origin": "http://localhost:8000"}, "usage.forbidden"),
    ],
)
def test_a_page_of_another_site_runs_nothing(headers, found):
    assert admitted("POST", host="localhost:8000", **headers) == found
    assert admitted("DELETE", host="localhost:8000", **headers) == found
    assert admitted("GET", host="localhost:8000", **headers) is True


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer {TOKEN}", True),
        (f"Bearer  {TOKEN}", True),
        (f"Bearer {TOKEN}x", "usage.unauthorised"),
        (f"Bearer {TOKEN[:-1]}", "usage.unauthorised"),
        (f"Basic {TOKEN}", "usage.unauthorised"),
        (TOKEN, "usage.unauthorised"),
        ("Bearer", "usage.unauthorised"),
        ("Bearer ", "usage.unauthorised"),
        ("", "usage.unauthorised"),
    ],
)
def test_a_token_is_known_or_not(said, found):
    assert admitted(token=TOKEN, host="anything.example", authorization=said) == found
    assert admitted(token=TOKEN, public=True, authorization=said) is (found is True)


@settings(max_examples=100)
@given(st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=255)))
def test_no_host_makes_the_gate_fail_or_lets_a_stranger_in(said):
    try:
        found = Gate(None).check("POST", {b"host": said.encode("latin-1")})
    except UsageError as error:
        found = error.error_code
    name, port = split_host(said)
    assert found in (True, "usage.misdirected")
    assert (found is True) == (is_loopback(name) and (port == "" or port.isdigit()))


@pytest.mark.parametrize("content", [b"", b"short", b"with space" * 3, b"\xff" * 40, b"x" * 5000, b"two\nlines" * 4])
def test_a_file_without_a_token_is_refused_and_never_shown(tmp_path, content):
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        tokens.read(path)
    assert not content or content.decode("latin-1") not in str(caught.value.to_dict())
    with pytest.raises(UsageError):
        tokens.read(tmp_path / "none")


def test_a_token_is_made_for_its_owner_alone_and_read_again(tmp_path):
    made = tokens.make(tmp_path / "token")
    assert len(made.text) >= 40
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert tokens.read(made.path) == made
    made.path.chmod(0o644)
    assert tokens.read(made.path).readable
    with pytest.raises(FileExistsError):
        tokens.make(tmp_path / "token")


def test_beyond_loopback_a_token_is_made_and_its_file_named(begin):
    with begin(host="0.0.0.0") as server:
        path = server.said["token_file"]
        assert path.startswith(str(server.folder))
        token = tokens.read(server.folder / "token").text
        assert token.encode() not in Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        url = f"http://127.0.0.1:{server.port}"
        with httpx.Client(base_url=url, timeout=60) as client:
            answer = client.post("/v1/commands/run", json=RUN)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="nova-spi"')
            assert answer.json()["error"]["code"] == "usage.unauthorised"
            for path in ("/v1/commands", "/metrics", "/openapi.json", "/nothing", "/v1/executions/x/logs", "/v2"):
                assert client.get(path).status_code == 401, path
            for path in ("/livez", "/healthz", "/readyz"):
                assert client.get(path).status_code == 200, path
            assert "pid" not in client.get("/readyz").json()["workers"][0]
            known = {"authorization": f"Bearer {token}", "host": "model.example"}
            assert client.post("/v1/commands/run", json=RUN, headers=known).status_code == 200
            assert "pid" in client.get("/readyz", headers=known).json()["workers"][0]
    assert token not in server.errors.read_text()


def test_a_token_of_one_s_own_counts_on_loopback_too(begin, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    with begin(token_file=path) as server:
        with server.client() as client:
            assert client.post("/v1/commands/run", json=RUN).status_code == 401
            known = {"authorization": f"Bearer {TOKEN}"}
            assert client.post("/v1/commands/run", json=RUN, headers=known).status_code == 200
        server.end()
        assert "chmod 600" in server.errors.read_text()


def test_a_browser_of_another_site_gets_nothing_from_a_real_server(client):
    form = {"content-type": "text/plain", "origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    assert client.post("/v1/commands/run", content=b'{"text":"a"}', headers=form).status_code == 403
    empty = {"origin": "http://evil.example"}
    assert client.post("/v1/commands/wait", headers=empty).status_code == 403
    assert client.get("/v1/commands", headers={"host": "evil.example"}).status_code == 421
    answer = client.get("/v1/commands", headers={"origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asked = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    answer = client.options("/v1/commands/run", headers=asked)
    assert not [name for name in answer.headers if name.startswith("access-control")]
