import json
import threading
import time
from pathlib import Path

EVENTS = {"accept": "text/event-stream"}


def events(lines):
    """(event, data) as they come; comments are left out."""
    kind = None
    for line in lines:
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def stream(client, command, inputs, **headers):
    return client.stream("POST", f"/v1/commands/{command}", json=inputs, headers=EVENTS | headers)


def test_pieces_progress_and_log_come_as_they_are_made(client):
    began = time.monotonic()
    with stream(client, "count", {"to": 3, "pause": 0.4}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream"
        found = [(kind, data, time.monotonic() - began) for kind, data in events(answer.iter_lines())]
    kinds = [kind for kind, _, _ in found]
    assert kinds[0] == "started"
    assert kinds[-1] == "result"
    assert [data["words"] for kind, data, _ in found if kind == "output"] == ["1 ", "2 ", "3 "]
    assert "".join(data["text"] for kind, data, _ in found if kind == "log") == "at 1\nat 2\nat 3\n"
    assert found[-1][1]["outputs"] == {"words": "1 2 3 "}
    assert {"fraction": 1.0, "message": "number 3"} in [data for kind, data, _ in found if kind == "progress"]
    first, last = (next(at for kind, _, at in found if kind == wanted) for wanted in ("output", "result"))
    assert last - first > 0.5


def test_a_failure_is_the_last_event(client):
    with stream(client, "fail", {}) as answer:
        found = list(events(answer.iter_lines()))
    assert found[-1][0] == "error"
    assert found[-1][1]["error"]["code"] == "model.error"


def test_what_is_refused_is_no_stream(client):
    with stream(client, "count", {"to": "many"}) as answer:
        answer.read()
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/json")


def test_a_client_that_leaves_a_stream_ends_the_call(serve, until):
    server = serve(workers=1)
    with server.client() as client:
        with stream(client, "count", {"to": 100000, "pause": 0.1}) as answer:
            happening = events(answer.iter_lines())
            assert next(happening)[0] == "started"
            with server.client() as other:
                assert other.get("/readyz").json()["in_flight"] == 1
        until(lambda: client.get("/readyz").json()["in_flight"] == 0, 15)


def test_others_who_follow_keep_a_call_alive(serve, until):
    server = serve(workers=1)
    found = []

    def follow(where):
        with server.client() as client, client.stream("GET", where + "/events") as answer:
            found.extend(events(answer.iter_lines()))

    with server.client() as client:
        with stream(client, "count", {"to": 10, "pause": 0.1}) as answer:
            where = answer.headers["location"]
            follower = threading.Thread(target=follow, args=(where,))
            follower.start()
            time.sleep(0.3)
        follower.join()
        assert found[0][0] == "started"
        assert found[-1][0] == "result"
        assert client.get(where).json()["status"] == "succeeded"


def test_logs_are_followed_from_their_beginning(client):
    where = client.post(
        "/v1/commands/count", json={"to": 5, "pause": 0.2}, headers={"prefer": "respond-async"}
    ).headers["location"]
    time.sleep(0.5)
    with client.stream("GET", where + "/logs", headers=EVENTS) as answer:
        found = list(events(answer.iter_lines()))
    assert "".join(data["text"] for kind, data in found if kind == "log") == "".join(f"at {n}\n" for n in range(1, 6))
    assert found[-1] == ("ended", {"status": "succeeded"})
    plain = client.get(where + "/logs")
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"
    assert plain.text == "".join(f"at {n}\n" for n in range(1, 6))
    with client.stream("GET", where + "/logs", headers=EVENTS) as answer:
        assert [kind for kind, _ in events(answer.iter_lines())] == ["log", "ended"]


def test_a_reader_that_takes_nothing_costs_a_bounded_amount_and_no_worker(serve, until):
    server = serve(workers=1)
    with server.connect() as lazy, server.client() as client:
        lazy.post("/v1/commands/count", b'{"to":100000,"width":10000}', "Accept: text/event-stream")
        until(lambda: client.get("/readyz").json()["in_flight"] == 1)
        before = resident(server.process.pid)
        until(lambda: client.get("/readyz").json()["in_flight"] == 0, 50)
        assert resident(server.process.pid) - before < 40_000_000
        assert client.post("/v1/commands/run", json={"text": "a"}).status_code == 200


def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_a_stream_of_an_execution_that_nobody_knows_is_404(client):
    assert client.get("/v1/executions/none/logs", headers=EVENTS).status_code == 404
    assert client.get("/v1/executions/none/events").status_code == 404


def test_the_head_of_a_stream_has_no_body(client):
    where = client.post("/v1/commands/wait", json={"seconds": 1}, headers={"prefer": "respond-async"}).headers[
        "location"
    ]
    answer = client.head(where + "/events")
    assert (answer.status_code, answer.content) == (200, b"")
