import base64
import contextlib
import http.client
import json
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent / "projects" / "studio"
MIB = 1024 * 1024
WAIT = 60
BOUNDARY = "xXx"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture(scope="module")
def server(serve):
    return serve(PROJECT)


@pytest.fixture
def post(server):
    def sent(command, body, kind):
        connection = http.client.HTTPConnection(server.host, server.port, timeout=WAIT)
        with contextlib.closing(connection):
            connection.request("POST", f"/v1/commands/{command}", body, {"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    return sent


@pytest.fixture
def left(server, until):
    """What stands of uploads; nothing does when a test is over."""

    def found():
        return sorted((server.folder / "incoming").glob("*"))

    yield found
    until(lambda: not found())


def memory(server):
    """The most that the server process ever took, in KiB."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def head(name, filename):
    said = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
    return said.encode()


def form(*files):
    return b"".join(head(*names) + content + b"\r\n" for *names, content in files) + f"--{BOUNDARY}--\r\n".encode()


def test_files_of_a_form_come_to_the_model_and_go(post, left):
    body = form(("files", "a.bin", b"\x93" * 10), ("files", "../b.bin", b"\x93" * 20), ("files", "a.bin", b"\x93" * 30))
    status, found = post("weigh", body, FORM)
    assert status == 200, found
    assert found["outputs"]["sizes"] == {"a.bin": 10, "b.bin": 20, "a-2.bin": 30}


def test_files_of_a_document_come_to_the_model(post, left):
    data = base64.b64encode(b"\x93" * 1000).decode()
    body = json.dumps({"files": [f"data:;name=a.bin;base64,{data}", data]})
    status, found = post("weigh", body, "application/json")
    assert status == 200, found
    assert sorted(found["outputs"]["sizes"].values()) == [1000, 1000]


def test_a_large_file_needs_no_memory(server, post, left):
    size = 256 * MIB

    def pieces():
        yield head("files", "large.bin")
        for _ in range(size // MIB):
            yield bytes(MIB)
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    post("weigh", form(("files", "a.bin", b"\x93" * MIB)), FORM)
    before = memory(server)
    status, found = post("weigh", pieces(), FORM)
    assert status == 200, found
    assert found["outputs"]["sizes"] == {"large.bin": size}
    assert memory(server) - before < 24 * 1024


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(server, post, left, until):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=WAIT)
    connection.putrequest("POST", "/v1/commands/weigh")
    connection.putheader("Content-Type", FORM)
    connection.putheader("Content-Length", str(100 * MIB))
    connection.endheaders()
    connection.send(head("files", "half.bin") + bytes(20 * MIB))
    until(left)
    connection.close()
    until(lambda: not left())
    assert post("weigh", form(("files", "a.bin", b"\x93")), FORM)[0] == 200


@pytest.mark.parametrize(
    ("command", "body", "kind", "status", "code"),
    [
        ("weigh", form(), FORM, 422, "input.invalid"),
        ("weigh", b"--other", FORM, 400, "usage.invalid"),
        ("weigh", form(("files", "a", b"x"))[:-8], FORM, 400, "usage.invalid"),
        ("copy", form(("image", "a.png", bytes(5_000_001))), FORM, 413, "usage.too_large"),
        ("copy", form(("image", "a.png", b"no picture")), FORM, 422, "input.invalid"),
        ("copy", form(("image", "a.png", b"\x89PNG\r\n\x1a\n" + b"x" * 100)), FORM, 422, "input.invalid"),
        ("copy", b'{"image": "/etc/passwd"}', "application/json", 422, "input.invalid"),
    ],
)
def test_what_is_refused_has_its_status_and_leaves_nothing(post, left, command, body, kind, status, code):
    found = post(command, body, kind)
    assert (found[0], found[1]["error"]["code"]) == (status, code), found


def test_a_file_without_a_bound_of_its_own_has_that_of_the_server(begin):
    with begin(PROJECT, max_file_size=MIB) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=WAIT)
        with contextlib.closing(connection):
            for size, status in ((MIB, 200), (MIB + 1, 413)):
                body = form(("files", "a.bin", b"\x93" * size))
                connection.request("POST", "/v1/commands/weigh", body, {"Content-Type": FORM})
                answer = connection.getresponse()
                assert (answer.status, bool(answer.read())) == (status, True)
