"""Each fault over HTTP, at the strongest level of this machine, while somebody else watches readiness all the time."""

import secrets
import shutil
import time

import pytest
from fault_places import named
from fault_server import Client, Watch, serving
from fault_stage import ENDLESS, GONE, HANGS
from fault_table import EITHER, FAULTS, NEW

from nova_spi.engines.process.isolation.levels import why_not

LONG = 10
"""Seconds in which a worker that is at its end may still count: it has a moment of grace."""
STATUSES = {"run.timeout": 504, None: 200}


@pytest.fixture(scope="module")
def server(faulty, tmp_path_factory, shared_cache):
    """A client of a server that is being watched, and the watch."""
    folder = tmp_path_factory.mktemp("served")
    project = shutil.copytree(faulty, folder / "project")
    with serving(project, folder, shared_cache) as port, Watch(port) as watch:
        client = Client(port)
        _until(lambda: client.ask("GET", "/readyz").status == 200)
        yield client, watch
        client.close()


@pytest.fixture(scope="module")
def mark():
    """The name of what faults leave behind."""
    return f"spi-{secrets.token_hex(4)}"


@pytest.mark.parametrize("name", [*FAULTS, *EITHER])
def test_the_answer_says_what_happened_and_readiness_is_true_all_the_time(server, faulty, shared_cache, mark, name):
    client, watch = server
    if name == "fork bomb" and why_not("sandbox", shared_cache, faulty):
        pytest.skip("nothing bounds the processes of a worker here")
    command = "soon" if name in ENDLESS else "run"
    before = _call(client, "run", "nothing", mark)
    fault = _call(client, command, name, mark)
    if name == "exit while idle":
        _until(lambda: not watch.looks[-1].ready)
    after = _call(client, "run", "nothing", mark)
    expected = next((each for each in EITHER.get(name, ()) if each.code == _code(fault)), None) or (
        FAULTS[name] if name in FAULTS else EITHER[name][0]
    )
    _check_answer(fault, expected, name)
    assert (after.status, after.seen["life"] != before.seen["life"]) == (200, expected.next == NEW)
    _check_looks(watch, before, fault, after)
    if name != "daemon, raise":  # which lives as long as its worker
        _until(lambda: named(mark) == [])


def test_it_was_seen_not_to_be_ready_too(server):
    _, watch = server
    assert {look.status for look in watch.looks} == {200, 503}


def _call(client, command, do, mark):
    return client.ask("POST", f"/v1/commands/{command}", {"do": do, "mark": mark})


def _code(answer):
    return answer.body["error"] and answer.body["error"]["code"]


def _check_answer(fault, expected, name):
    assert _code(fault) == expected.code, fault.body
    assert fault.status == STATUSES.get(expected.code, 500)
    assert fault.body["status"] == ("failed" if expected.code else "succeeded")
    error = fault.body["error"]
    if error is not None:
        assert fault.body["outputs"] is None
        assert expected.words in error["message"]
        assert f"before {name}\n" in error["details"]["log"] or name == "flood"
        assert fault.received - fault.sent < HANGS / 3


def _check_looks(watch, before, fault, after):
    """Nothing is said to be ready that is not, and nothing not to be that is; between the two there is no telling."""
    _until(lambda: watch.looks[-1].asked > after.received)
    renewed = after.seen["life"] != before.seen["life"]
    for look in watch.looks:
        assert look.ready == (look.said["status"] in ("ready", "idle") and look.said["ready"])
        assert look.ready or look.said["error"]["code"] == "worker.unavailable"
        if look.within(before.received, fault.sent) or (look.within(before.received, after.received) and not renewed):
            assert look.ready, look
        gone = fault.received + (0 if _code(fault) in GONE else LONG)
        if fault.status >= 500 and renewed and look.within(gone, after.seen["loaded_at"]):
            assert not look.ready, look
    assert watch.looks[-1].ready


def _until(so):
    until = time.monotonic() + HANGS
    while not so():
        assert time.monotonic() < until
        time.sleep(0.01)
