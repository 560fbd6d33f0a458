import asyncio
import json
import os
import threading
import time

import httpx
import pytest

JSON = {"content-type": "application/json"}
EVENTS = {"accept": "text/event-stream"}


def run(client, command="run", inputs=None, **headers):
    given = {"text": "a"} if inputs is None and command == "run" else inputs or {}
    return client.post(
        f"/v1/commands/{command}", json=given, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def test_a_call_is_answered_with_its_execution(client):
    answer = run(client, inputs={"text": "hällo ☃ \u2028"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    moments = [found.pop(name) for name in ("created_at", "started_at", "finished_at")]
    assert moments == sorted(moments)
    assert all(moment.endswith("Z") and len(moment) == 24 for moment in moments)
    identifier = found.pop("id")
    assert len(identifier) == 24
    assert found == {"command": "run", "status": "succeeded", "outputs": {"text": "hällo ☃ \u2028"}, "error": None}


def test_the_commands_are_listed_with_the_default_first(client):
    found = client.get("/v1/commands").json()
    assert (found["name"], found["version"]) == ("plain", "2.0.0")
    assert found["commands"][0] | {"timeout_seconds": 0} == {
        "name": "run",
        "description": found["commands"][0]["description"],
        "default": True,
        "timeout_seconds": 0,
    }
    assert {each["name"] for each in found["commands"]} == {
        "run", "wait", "soon", "count", "fail", "kinds", "copy"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("command", "inputs", "status", "code"),
    [
        ("run", {"text": 1}, 422, "input.invalid"),
        ("run", {"text": "a", "more": 1}, 422, "input.invalid"),
        ("kinds", {"number": 9, "word": "A"}, 422, "input.invalid"),
        ("nothing", {}, 404, "usage.not_found"),
        ("soon", {}, 504, "run.timeout"),
        ("fail", {}, 500, "model.error"),
        ("fail", {"how": "exit"}, 500, "worker.crashed"),
        ("fail", {"how": "kill"}, 500, "worker.crashed"),
    ],
)
def test_what_fails_says_how_in_one_shape(client, command, inputs, status, code):
    answer = run(client, command, inputs)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]


def test_a_failed_call_brings_its_log_and_the_model_s_own_frames(client):
    found = run(client, "fail").json()
    assert found["status"] == "failed"
    assert found["outputs"] is None
    assert "last words" in found["error"]["details"]["log"]
    assert "as you wish" in found["error"]["details"]["traceback"]


def test_all_problems_come_at_once(client):
    found = run(client, "kinds", {"number": 9, "word": "A", "choice": "three"}).json()
    assert {problem["path"] for problem in found["error"]["details"]["problems"]} == {"number", "word", "choice"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "usage.invalid"),
        (b"[]", JSON, 400, "usage.invalid"),
        (b'{"text":"a","text":"b"}', JSON, 400, "usage.invalid"),
        (b'{"text":NaN}', JSON, 400, "usage.invalid"),
        (b"[" * 100_000, JSON, 400, "usage.invalid"),
        (b'{"text":"\xff"}', JSON, 400, "usage.invalid"),
        (b'{"text":"a"}', {}, 415, "usage.media_type"),
        (b'{"text":"a"}', {"content-type": "text/plain"}, 415, "usage.media_type"),
        (b"text=a", {"content-type": "application/x-www-form-urlencoded"}, 415, "usage.media_type"),
        (b"", {}, 422, "input.invalid"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_before_any_worker_hears_of_it(client, body, headers, status, code):
    answer = client.post("/v1/commands/run", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_type_of_content_may_say_its_charset_and_a_command_without_needs_needs_no_body(client):
    said = {"content-type": "Application/JSON; charset=utf-8"}
    assert client.post("/v1/commands/run", content=b'{"text":"a"}', headers=said).status_code == 200
    assert client.post("/v1/commands/wait").status_code == 200


def test_files_come_by_form_and_go_by_address(client):
    content = os.urandom(3_000_000)
    papers = [("papers", ("a b.bin", content)), ("papers", ("ü.txt", "grüße".encode()))]
    found = client.post("/v1/commands/copy", files=papers, data={"note": "seen"}).json()
    assert found["outputs"]["note"] == "seen"
    files = {each["name"]: each for each in found["outputs"]["copies"]}
    assert len(files) == 2
    binary = next(each for each in files.values() if each["size_bytes"] == len(content))
    answer = client.get(binary["url"])
    assert answer.content == content
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    text = next(each for each in files.values() if each is not binary)
    assert client.get(text["url"]).text == "grüße"
    assert text["media_type"] == "text/plain"
    assert client.head(text["url"]).headers["content-length"] == str(text["size_bytes"])
    assert client.get(binary["url"] + "x").status_code == 404


def test_files_come_as_data_in_json_too(client):
    answer = run(client, "copy", {"papers": ["data:text/plain;name=x.txt;base64,aGVsbG8="]})
    [file] = answer.json()["outputs"]["copies"]
    assert client.get(file["url"]).text == "hello"


def test_what_a_browser_could_run_is_only_saved(client):
    found = client.post(
        "/v1/commands/copy", files=[("papers", ("x.html", b"<!doctype html><script>1</script>"))]
    ).json()
    answer = client.get(found["outputs"]["copies"][0]["url"])
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_no_file_of_a_call_stays_where_it_came_in(server, client, until):
    client.post("/v1/commands/copy", files=[("papers", ("a.txt", b"a"))])
    client.post("/v1/commands/copy", files=[("papers", ("a.txt", b"a")), ("other", ("b.txt", b"b"))])
    client.post("/v1/commands/copy", files=[("papers", ("a.txt", b"a"))], headers={"idempotency-key": "files"})
    again = client.post("/v1/commands/copy", files=[("papers", ("a.txt", b"a"))], headers={"idempotency-key": "files"})
    assert again.headers["idempotency-replayed"] == "true"
    until(lambda: not list((server.folder / "incoming").iterdir()))


def test_an_answer_may_come_later(client, until):
    answer = run(client, "wait", {"seconds": 0.5}, prefer="respond-async")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.json()["status"] in ("queued", "running")
    where = answer.headers["location"]
    done = until(lambda: (found := client.get(where).json())["status"] == "succeeded" and found)
    assert done["outputs"] == {"waited": 0.5}


def test_an_answer_that_may_come_later_is_waited_for_as_long_as_the_client_says(client):
    assert run(client, "wait", {"seconds": 0.1}, prefer="respond-async, wait=20").status_code == 200
    answer = run(client, "wait", {"seconds": 10}, prefer="respond-async, wait=1")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async, wait=1"
    client.delete(answer.headers["location"])


def test_one_key_is_one_execution(client):
    first = run(client, "wait", {"seconds": 0.2}, idempotency_key="one")
    again = run(client, "wait", {"seconds": 0.2}, idempotency_key="one")
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert run(client, "wait", {"seconds": 0.1}, idempotency_key="one").status_code == 422
    other = run(client, "count", {}, idempotency_key="one")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "usage.key_reused")


def test_a_failure_is_answered_again_too(client):
    first = run(client, "fail", idempotency_key="failing")
    again = run(client, "fail", idempotency_key="failing")
    assert (first.status_code, again.status_code) == (500, 500)
    assert first.json() == again.json()


def test_whoever_asks_again_meanwhile_waits_for_the_same_execution(server):
    async def together():
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            asked = (
                client.post("/v1/commands/wait", json={"seconds": 0.5}, headers={"idempotency-key": "shared"})
                for _ in range(5)
            )
            return await asyncio.gather(*asked)

    found = asyncio.run(together())
    assert {answer.status_code for answer in found} == {200}
    assert len({answer.json()["id"] for answer in found}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in found) == 4


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ü"])
def test_a_key_that_is_none_is_refused(server, key):
    with server.connect() as raw:
        raw.send(
            b"POST /v1/commands/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 12\r\nIdempotency-Key: " + key.encode() + b'\r\n\r\n{"text":"a"}'
        )
        assert raw.answer()[0] == 400


def test_a_key_outlives_a_client_that_went_away(server, client, until):
    with server.connect() as raw:
        raw.post("/v1/commands/wait", b'{"seconds":1}', "Idempotency-Key: patient")
        time.sleep(0.3)
    answer = run(client, "wait", {"seconds": 1}, idempotency_key="patient")
    assert answer.status_code == 200
    assert answer.headers["idempotency-replayed"] == "true"


def test_a_client_that_goes_away_frees_its_worker(serve, until):
    server = serve(workers=1)
    with server.client() as client:
        for _ in range(3):
            with server.connect() as raw:
                raw.post("/v1/commands/wait", b'{"seconds":20}')
                until(lambda: client.get("/readyz").json()["in_flight"] == 1)
            until(lambda: client.get("/readyz").json()["in_flight"] == 0, 15)
        assert run(client).status_code == 200


def test_a_client_that_waits_in_line_and_goes_away_is_forgotten(serve, until):
    server = serve(workers=1)
    with server.client() as client, server.connect() as first:
        first.post("/v1/commands/wait", b'{"seconds":20}')
        until(lambda: client.get("/readyz").json()["in_flight"] == 1)
        with server.connect() as second:
            second.post("/v1/commands/wait", b'{"seconds":20}')
            until(lambda: client.get("/readyz").json()["queue_depth"] == 1)
        until(lambda: client.get("/readyz").json()["queue_depth"] == 0)
        first.socket.close()
        until(lambda: client.get("/readyz").json()["in_flight"] == 0, 15)


def test_a_full_queue_is_429_and_says_when_to_come_back(serve, until):
    server = serve(workers=1, queue_size=2)
    answers = []

    def ask():
        with server.client() as client:
            answers.append(run(client, "wait", {"seconds": 1}))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 5
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert {answer.json()["error"]["code"] for answer in refused} == {"queue.full"}
    assert sum(answer.status_code == 200 for answer in answers) == 3


def test_a_client_that_calls_one_after_the_other_is_never_refused(serve):
    server = serve(workers=1, queue_size=2)
    with server.client() as client:
        assert {run(client).status_code for _ in range(500)} == {200}


def test_a_large_body_is_read_whole_and_one_that_is_too_large_is_not(serve):
    server = serve(max_body_size=1_000_000)
    with server.client() as client:
        assert run(client, inputs={"text": "x" * 900_000}).status_code == 200
        answer = run(client, inputs={"text": "x" * 1_000_000})
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "usage.too_large")

        def chunks():
            for _ in range(20):
                yield b"x" * 100_000

        answer = client.post("/v1/commands/run", content=chunks(), headers=JSON)
        assert answer.status_code == 413


def test_a_file_that_is_too_large_is_413(client):
    answer = client.post("/v1/commands/copy", files=[("papers", ("a", b"x" * 21_000_000))])
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "usage.too_large")


def test_a_body_may_come_in_chunks(client):
    body = json.dumps({"text": "x" * 100_000}).encode()
    pieces = (body[at : at + 999] for at in range(0, len(body), 999))
    answer = client.post("/v1/commands/run", content=pieces, headers=JSON)
    assert len(answer.json()["outputs"]["text"]) == 100_000
