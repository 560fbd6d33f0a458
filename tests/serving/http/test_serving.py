"""A server as a process: how it begins, what it says, and how it ends, whoever ends it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from nova_spi.serving.http import listening

PLAIN = Path(__file__).parent / "projects" / "plain"
SERVE = [sys.executable, "-m", "nova_spi", "serve"]


def model_processes(server):
    """Processes that have the server's folder among their words or their files."""
    found, folder = [], str(server.project)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            if folder.encode() in words or str((process / "cwd").readlink()).startswith(folder):
                found.append(int(process.name))
        except OSError:
            continue
    return [pid for pid in found if pid != server.process.pid]


def test_it_says_what_it_serves_and_where(server):
    said = dict(server.said)
    assert said.pop("url").startswith("http://127.0.0.1:")
    assert said.pop("level") in ("sandbox", "landlock", "process")
    assert said == {
        "schema_version": "1",
        "event": "serving",
        "name": "plain",
        "version": "2.0.0",
        "workers": 2,
        "engine": "process",
        "token_file": None,
    }


def test_it_is_small(server, client):
    for _ in range(200):
        client.post("/v1/commands/run", json={"text": "a"})
    rollup = Path(f"/proc/{server.process.pid}/smaps_rollup").read_text()
    resident = int(next(line for line in rollup.splitlines() if line.startswith("Rss:")).split()[1])
    assert resident < 45_000


def test_it_loads_nothing_that_reads_manifests():
    program = (
        "import sys, nova_spi.serving.server, nova_spi.engines.process.engine;"
        "from nova_spi.serving.http.app import all_routes; all_routes();"
        "print([n for n in ('pydantic', 'ruamel', 'jsonschema', 'rich', 'httpx', 'h11') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_it_says_the_same_to_people(tmp_path, shared_cache):
    environment = os.environ | {"NOVA_SPI_CACHE_DIR": str(shared_cache)}
    project = tmp_path / "plain"
    subprocess.run(["cp", "-r", PLAIN, project], check=True)
    words = [*SERVE, str(project), "--port", "0", "--engine", "process"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        first = process.stdout.readline()
        second = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert first.startswith("Serving plain 2.0.0 on http://127.0.0.1:")
    assert "(1 worker, " in first
    assert second.startswith("The model is ready (")
    assert rest.startswith("Ending")
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_a_port_in_use_is_told_before_anything_is_prepared(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*SERVE, str(tmp_path), "--port", port, "--output-format", "json"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "usage.port_in_use"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--host", "no.such.host.invalid"], 2),
        (["--host", "192.0.2.1"], 2),
        (["--token-file", "none"], 2),
        (["--port", "70000"], 2),
        (["--engine", "ray"], 3),
        (["no-such-project"], 2),
    ],
)
def test_what_cannot_be_served_is_one_clear_error(tmp_path, words, status):
    environment = os.environ | {"NOVA_SPI_CACHE_DIR": str(tmp_path / "cache")}
    words = words if words[0] == "no-such-project" else [str(PLAIN), *words]
    port = [] if "--port" in words else ["--port", "0"]
    done = subprocess.run(
        [*SERVE, *words, *port], capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment
    )
    assert done.returncode == status, done.stderr
    assert done.stderr.startswith("✗ ")
    assert "Traceback" not in done.stderr


def test_a_model_that_cannot_be_loaded_is_told_and_readiness_says_why(tmp_path, begin, until):
    project = tmp_path / "broken"
    project.mkdir()
    (project / "manifest.yml").write_text(
        'spi_version: "1"\nmodel: {name: broken, version: 1.0.0, domain: text, description: It cannot be loaded.}\n'
        'execution: {entry_point: {callable: "model:run"}, restart: {max_retries: 1, backoff_seconds: 0.1}}\n'
        "inputs: []\noutputs: [{name: text, type: string}]\n"
    )
    (project / "model.py").write_text('raise ImportError("no weights today")\n')
    with begin(project, ready=False) as server, server.client() as client:
        line = json.loads(server.process.stdout.readline())
        assert (line["event"], line["ok"], line["error"]["code"]) == ("failed", False, "worker.unavailable")
        assert "no weights today" in json.dumps(line)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "broken")
        assert answer.json()["error"]["code"] == "worker.unavailable"
        assert "no weights today" in json.dumps(answer.json()["workers"])
        assert client.get("/livez").status_code == 200
        assert client.post("/v1/commands/run").status_code == 503


def test_what_was_taken_up_is_finished_and_nothing_new_is_taken(begin, until):
    answers = []

    def ask(server):
        with server.client() as client:
            answers.append(client.post("/v1/commands/wait", json={"seconds": 0.5}))

    with begin() as server:
        threads = [threading.Thread(target=ask, args=(server,)) for _ in range(5)]
        with server.client() as client, server.connect() as kept:
            kept.post("/v1/commands/run", b'{"text":"a"}').answer()
            for thread in threads:
                thread.start()
            until(lambda: client.get("/readyz").json()["queue_depth"] == 4)
            server.tell(signal.SIGTERM)
            until(lambda: client.get("/readyz").status_code == 503)
            status, headers, body = kept.post("/v1/commands/run", b'{"text":"a"}').answer()
            assert (status, json.loads(body)["error"]["code"]) == (503, "serving.draining")
            assert (headers["connection"], int(headers["retry-after"]) >= 1) == ("close", True)
        for thread in threads:
            thread.join()
        assert server.end() == 0
    assert [answer.status_code for answer in answers] == [200] * 5
    assert not list(server.project.glob(".nova-spi/serving/*/lock"))


def test_under_load_no_answer_is_lost_at_the_end(begin):
    counts = {"answered": 0, "draining": 0, "told": 0, "lost": 0}
    lock = threading.Lock()

    def ask(server):
        with server.connect() as raw:
            while True:
                try:
                    raw.post("/v1/commands/run", b'{"text":"a"}')
                    status, headers, _ = raw.answer()
                except ConnectionError:
                    with lock:
                        counts["lost"] += 1
                    return
                with lock:
                    counts["answered" if status == 200 else "draining"] += 1
                if headers.get("connection") == "close":
                    with lock:
                        counts["told"] += 1
                    return

    with begin(workers=2) as server:
        threads = [threading.Thread(target=ask, args=(server,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        server.tell(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert server.end() == 0
    assert counts["answered"] > 100
    assert (counts["told"], counts["lost"]) == (8, 0)


def test_what_is_not_finished_in_time_is_ended_and_told(begin, until):
    with begin(drain_timeout=1) as server, server.connect() as raw, server.client() as client:
        raw.post("/v1/commands/wait", b'{"seconds":20}')
        until(lambda: client.get("/readyz").json()["in_flight"] == 1)
        client.close()
        began = time.monotonic()
        server.tell(signal.SIGTERM)
        assert raw.answer()[0] in (409, 500, 503)
        assert server.end() == 0
        assert time.monotonic() - began < 20


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_at_once(begin, until, number, status):
    with begin() as server, server.connect() as raw, server.client() as client:
        raw.post("/v1/commands/wait", b'{"seconds":20}')
        until(lambda: client.get("/readyz").json()["in_flight"] == 1)
        server.tell(number)
        until(lambda: client.get("/readyz").status_code == 503)
        began = time.monotonic()
        server.tell(number)
        assert server.end() == status
        assert time.monotonic() - began < 15
        until(lambda: not model_processes(server))


def test_a_server_that_is_killed_leaves_no_process_and_the_next_one_takes_its_folders_away(begin, until, tmp_path):
    with begin(workers=2, killed=True) as server:
        with server.connect() as raw:
            raw.post("/v1/commands/wait", b'{"seconds":20}')
            until(lambda: model_processes(server))
            server.process.kill()
            server.process.wait()
        until(lambda: not model_processes(server))
    left = [path.parent for path in server.project.glob(".nova-spi/serving/*/lock")]
    assert len(left) == 1
    with begin() as server:
        assert not left[0].exists()
        with server.client() as client:
            assert client.post("/v1/commands/run", json={"text": "a"}).status_code == 200


def test_control_c_while_it_prepares_leaves_nothing(tmp_path, shared_cache):
    project = tmp_path / "plain"
    subprocess.run(["cp", "-r", PLAIN, project], check=True)
    environment = os.environ | {"NOVA_SPI_CACHE_DIR": str(shared_cache)}
    for pause in (0.3, 0.6, 0.9, 1.2):
        with subprocess.Popen(
            [*SERVE, str(project), "--port", "0", "--engine", "process"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            time.sleep(pause)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        assert process.returncode in (130, -signal.SIGINT), errors
        assert not list(project.glob(".nova-spi/serving/*/lock"))


def test_workers_that_nobody_needs_end_and_come_back(begin, until):
    with begin(idle_timeout=0.5) as server, server.client() as client:
        until(lambda: client.get("/readyz").json()["status"] == "idle")
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/commands/run", json={"text": "a"}).status_code == 200


def test_ipv6_is_listened_on(begin):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with begin(host="::1") as server:
        assert server.url.startswith("http://[::1]:")
        assert httpx.get(server.url + "/livez").status_code == 200


def test_a_bound_socket_refuses_until_it_listens():
    with listening.bind("127.0.0.1", 0) as bound:
        address = bound.getsockname()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        listening.listen(bound)
        socket.create_connection(address).close()
