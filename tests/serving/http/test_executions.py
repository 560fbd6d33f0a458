import time

import pytest


def begin(client, seconds=20):
    answer = client.post("/v1/commands/wait", json={"seconds": seconds}, headers={"prefer": "respond-async"})
    return answer.headers["location"]


def test_an_execution_is_shown_as_it_stands_and_as_it_ended(client):
    found = client.post("/v1/commands/run", json={"text": "a"}).json()
    answer = client.get(f"/v1/executions/{found['id']}")
    assert answer.json() == found
    assert answer.headers["cache-control"] == "no-store"


def test_what_is_deleted_ends_and_is_gone(client):
    where = begin(client)
    began = time.monotonic()
    answer = client.delete(where)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["error"]["code"]) == ("cancelled", "run.cancelled")
    assert time.monotonic() - began < 15
    assert client.get(where).status_code == 404
    assert client.delete(where).status_code == 404


def test_whoever_waits_for_what_is_deleted_is_told(server, client):
    with server.connect() as raw:
        raw.post("/v1/commands/wait", b'{"seconds":20}', "Idempotency-Key: deleted")
        time.sleep(0.3)
        answer = client.post(
            "/v1/commands/wait",
            json={"seconds": 20},
            headers={"idempotency-key": "deleted", "prefer": "respond-async"},
        )
        client.delete("/v1/executions/" + answer.json()["id"])
        assert raw.answer()[0] == 409


def test_files_go_with_their_execution(server, client, until):
    found = client.post("/v1/commands/copy", files=[("papers", ("a.txt", b"a"))]).json()
    url = found["outputs"]["copies"][0]["url"]
    assert client.get(url).content == b"a"
    where = server.folder / "store" / found["id"]
    assert where.is_dir()
    client.delete(f"/v1/executions/{found['id']}")
    assert client.get(url).status_code == 404
    until(lambda: not where.exists())


@pytest.mark.parametrize("name", ["../../plan.json", "..%2f..%2fplan.json", "%2fetc%2fpasswd", "outputs/", "", "."])
def test_no_other_file_is_reached(server, client, name):
    found = client.post("/v1/commands/copy", files=[("papers", ("a.txt", b"a"))]).json()
    with server.connect() as raw:
        raw.send(f"GET /v1/executions/{found['id']}/files/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert raw.answer()[0] == 404


def test_a_file_that_a_model_swapped_for_a_link_is_not_followed(server, client):
    found = client.post("/v1/commands/copy", files=[("papers", ("a.txt", b"a"))]).json()
    [stored] = (server.folder / "store" / found["id"]).rglob("copy_a.txt")
    stored.unlink()
    stored.symlink_to("/etc/passwd")
    assert client.get(found["outputs"]["copies"][0]["url"]).status_code == 404


def test_the_last_thousand_are_kept(serve):
    server = serve(workers=1)
    with server.client() as client:
        ids = [client.post("/v1/commands/run", json={"text": "a"}).json()["id"] for _ in range(1005)]
        assert len(set(ids)) == 1005
        assert [client.get(f"/v1/executions/{each}").status_code for each in ids[:4]] == [404] * 4
        assert client.get(f"/v1/executions/{ids[10]}").status_code == 200
