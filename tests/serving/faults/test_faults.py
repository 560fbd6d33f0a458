"""Each fault at each place: one failed call with its reason, its log and its end in time; and the next call works."""

import pytest
from fault_stage import GONE, HANGS, Ended
from fault_table import EITHER, FAULTS, NEW, Expected


@pytest.mark.parametrize("name", FAULTS)
def test_one_call_has_its_reason_and_the_next_one_works(stage, name):
    _make(stage, name, (FAULTS[name],))


@pytest.mark.parametrize("name", EITHER)
def test_one_call_has_one_of_two_reasons_and_the_next_one_works(stage, name):
    _make(stage, name, EITHER[name])


@pytest.mark.parametrize("name", ["sleep", "endless C call"])
def test_a_cancelled_call_is_over_at_once_and_the_next_one_works(stage, name):
    ended = stage.make(name, cancel=True)
    assert (ended.code, ended.execution.status) == ("run.cancelled", "cancelled")
    assert (ended.next["life"] != ended.first["life"]) == (name == "endless C call")
    assert ended.lies() == []


def test_a_flood_is_kept_within_bounds(stage):
    ended = stage.make("flood")
    text = ended.execution.error.details["log"]
    assert len(text) <= 4096
    assert len(ended.execution.log.text()) < 256 * 1024
    assert "bytes are not kept" in ended.execution.log.text()
    assert ended.execution.log.size > 1024 * 1024


def _make(stage, name: str, expected: tuple[Expected, ...]) -> None:
    if name == "fork bomb" and not stage.place.bounds_processes(stage.plan):
        pytest.skip("nothing bounds the processes of a worker here")
    ended = stage.make(name)
    wanted = next((each for each in expected if each.code == ended.code), expected[0])
    _check_answer(ended, wanted, name)
    _check_health(ended, wanted)
    if name != "daemon, raise":  # which lives as long as its worker
        assert stage.left() == []


def _check_answer(ended: Ended, expected: Expected, name: str) -> None:
    error = ended.execution.error
    assert ended.code == expected.code, error and error.to_dict()
    assert ended.execution.duration < HANGS / 3
    assert ended.execution.log.text().startswith(f"before {name}\n")
    if error is not None:
        assert expected.words in error.message
        assert ended.execution.status == "failed"
        assert error.details["log"] or name == "flood"
        assert error.details["log"].startswith(f"before {name}\n") or ended.execution.log.size > 4096
        assert ("traceback" in error.details) == (expected.code == "model.error" and name != "sys.exit")


def _check_health(ended: Ended, expected: Expected) -> None:
    before, during, at_end, after = (
        (said["status"], said["workers"][0]["state"], said["in_flight"])
        for said in (ended.before, ended.during, ended.at_end, ended.after)
    )
    renewed = expected.next == NEW
    assert before == ("ready", "ready", 0)
    assert during == ("ready", "busy", 1)
    assert at_end[0] == ("starting" if expected.code in GONE else "ready")
    assert at_end[1] in (("ending",) if expected.code in GONE else ("ready", "busy"))
    assert after == ("ready", "ready", 0)
    assert (ended.next["life"] != ended.first["life"], ended.restarts) == (renewed, int(renewed))
    if renewed:
        code, words = expected.last
        last = ended.after["workers"][0]["last_error"]
        assert last["code"].startswith(code)
        assert words in last["message"]
    else:
        assert ended.after["workers"][0]["last_error"] == ended.before["workers"][0]["last_error"]
    assert ended.lies() == []
