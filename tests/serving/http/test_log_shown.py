"""`nova-spi serve -v`: what the model writes, on the server's own output."""

import json
import signal
import threading

CALL = "/v1/commands/wait"


def lines_of(server):
    """What it says from now on, taken in by a thread."""
    found = []

    def read():
        found.extend(json.loads(line) for line in server.process.stdout)

    threading.Thread(target=read, daemon=True).start()
    return found


def test_it_comes_while_the_call_goes_on(begin, until):
    with begin(verbose=True) as server, server.client() as client:
        said = lines_of(server)
        assert client.post(CALL, json={"seconds": 0.0}).status_code == 200
        assert client.post("/v1/commands/fail", json={"how": "exit"}).status_code == 500
        wanted = [
            {"schema_version": "1", "event": "log", "from": "worker 0", "text": text}
            for text in ("waiting 0.0", "last words")
        ]
        until(lambda: [each for each in said if each in wanted] == wanted)


def test_without_it_nothing_of_the_model_is_said(begin, until):
    with begin() as server, server.client() as client:
        said = lines_of(server)
        assert client.post(CALL, json={"seconds": 0.0}).status_code == 200
        server.tell(signal.SIGTERM)
        until(lambda: said)
        assert [each["event"] for each in said] == ["draining"]


def test_where_nobody_reads_it_calls_go_on_and_the_server_ends(begin):
    with begin(verbose=True) as server, server.client() as client:
        for _ in range(2):
            answer = client.post("/v1/commands/count", json={"to": 20_000})
            assert answer.status_code == 200
        assert client.get("/readyz").status_code == 200
        server.tell(signal.SIGTERM)
        assert server.process.wait(30) == 0
