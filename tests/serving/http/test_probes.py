import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.serving.http.metrics import BUCKETS, Metrics

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="[^"\\\n]*",?)*)\})? (\S+)')
HEALTH = {"status": "ready", "ready": True, "workers": [{"state": "ready"}, {"state": "busy"}], "queue_depth": 3}


def parsed(text):
    """Prometheus' text format 0.0.4, read strictly: by family its type, and every sample once."""
    assert text.endswith("\n")
    kinds, samples, family = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in kinds
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family
            assert kind in ("counter", "gauge", "histogram")
            kinds[name] = kind
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            base = re.sub("_(bucket|sum|count)$", "", name) if kinds[family] == "histogram" else name
            assert base == family
            assert (name, labels or "") not in samples
            samples[name, labels or ""] = float(value)
    return kinds, samples


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1000), max_size=50))
def test_a_histogram_is_one_whatever_came(durations):
    metrics = Metrics()
    for seconds in durations:
        metrics.answered(200, seconds)
    kinds, samples = parsed(metrics.text(HEALTH, {"restarts_total": 2}).decode())
    name = "nova_spi_request_duration_seconds"
    assert kinds[name] == "histogram"
    buckets = [samples[f"{name}_bucket", f'le="{bound}"'] for bound in (*BUCKETS, "+Inf")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == samples[f"{name}_count", ""] == len(durations)
    assert buckets[:-1] == [sum(seconds <= bound for seconds in durations) for bound in BUCKETS]
    assert math.isclose(samples[f"{name}_sum", ""], sum(durations), abs_tol=1e-9)


def test_the_names_are_those_that_are_promised():
    metrics = Metrics()
    metrics.answered(200, 0.1)
    metrics.answered(429, 0.1)
    kinds, samples = parsed(metrics.text(HEALTH, {"restarts_total": 2}).decode())
    assert kinds == {
        "nova_spi_request_duration_seconds": "histogram",
        "nova_spi_requests_total": "counter",
        "nova_spi_requests_in_flight": "gauge",
        "nova_spi_queue_depth": "gauge",
        "nova_spi_worker_restarts_total": "counter",
        "nova_spi_ready": "gauge",
        "nova_spi_workers": "gauge",
    }
    assert samples["nova_spi_requests_total", 'status="429"'] == 1
    assert samples["nova_spi_queue_depth", ""] == 3
    assert samples["nova_spi_worker_restarts_total", ""] == 2
    assert samples["nova_spi_workers", 'state="busy"'] == 1


def test_a_real_server_counts_what_it_answers(serve):
    server = serve(workers=1)
    with server.client() as client:

        def counted():
            answer = client.get("/metrics")
            assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            return parsed(answer.text)[1]

        before = counted()
        client.post("/v1/commands/run", json={"text": "a"})
        client.post("/v1/commands/run", json={"text": 1})
        client.post("/v1/commands/fail", json={"how": "exit"})
        client.post("/v1/commands/run", json={"text": "a"})
        after = counted()

    def grown(status):
        key = "nova_spi_requests_total", f'status="{status}"'
        return after[key] - before.get(key, 0)

    assert (grown(200), grown(422), grown(500)) == (2, 1, 1)
    assert after["nova_spi_requests_in_flight", ""] == 0
    assert after["nova_spi_worker_restarts_total", ""] == before["nova_spi_worker_restarts_total", ""] + 1
    assert after["nova_spi_ready", ""] == 1


def test_health_is_told_as_it_is(client):
    assert client.get("/livez").json() == client.get("/healthz").json() == {"status": "alive"}
    found = client.get("/readyz").json()
    assert (found["status"], found["ready"]) == ("ready", True)
    assert [worker["slot"] for worker in found["workers"]] == [0, 1]
    assert client.head("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/commands/run/more", "/v1/executions", "/metrics/"])
def test_what_is_not_there_is_404(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "usage.not_found")
