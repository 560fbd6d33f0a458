import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.engines.port import Limits, Outcome
from nova_spi.execution.failures import failure, read_bounded

LIMITS = Limits(timeout_seconds=5, memory_bytes=1000)


def outcome(reason="exited", code=1, signal=None):
    return Outcome(reason, code, signal, 1.0, 1.0, 100)


@pytest.fixture
def error_file(tmp_path):
    return tmp_path / "error.json"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("timeout", "run.timeout"),
        ("out_of_memory", "worker.out_of_memory"),
        ("out_of_disk", "worker.out_of_disk"),
        ("cancelled", "run.cancelled"),
        ("signalled", "worker.crashed"),
    ],
)
def test_what_the_engine_saw_counts_whatever_the_model_says(error_file, reason, code):
    error_file.write_text('{"code": "model.error", "message": "no"}')
    assert failure(outcome(reason, None, 11), error_file, LIMITS).error_code == code


def test_a_signal_is_named(error_file):
    assert "SIGSEGV" in failure(outcome("signalled", None, 11), error_file, LIMITS).message
    assert "signal 77" in failure(outcome("signalled", None, 77), error_file, LIMITS).message


@pytest.mark.parametrize("status", [1, 2, 3, 42, 124, 134, 137, 139, 255])
def test_a_status_alone_is_a_crash_with_that_status(error_file, status):
    found = failure(outcome(code=status), error_file, LIMITS)
    assert found.error_code == "worker.crashed"
    assert found.details["exit_code"] == status


def test_a_good_end_is_no_failure(error_file):
    assert failure(outcome(code=0), error_file, LIMITS) is None


@pytest.mark.parametrize("code", ["input.invalid", "output.missing", "output.invalid", "model.error"])
def test_the_error_file_gives_the_kind(error_file, code):
    told = {"code": code, "message": "What.", "problems": [{"path": "a", "message": "b"}], "traceback": "frames"}
    error_file.write_text(json.dumps(told))
    found = failure(outcome(), error_file, LIMITS)
    assert (found.error_code, found.message) == (code, "What.")
    assert found.details["problems"] == [{"path": "a", "message": "b"}]
    assert found.details["traceback"] == "frames"


@pytest.mark.parametrize("code", ["run.timeout", "worker.out_of_memory", "nova_spi.error", "", None, 7])
def test_a_model_cannot_claim_a_kind_that_is_not_its_own(error_file, code):
    error_file.write_text(json.dumps({"code": code, "message": "x"}))
    found = failure(outcome(), error_file, LIMITS)
    assert found.error_code == "model.error"
    assert found.details["reported_code"] == str(code)


def test_an_error_file_counts_even_where_the_status_is_zero(error_file):
    error_file.write_text('{"code": "model.error", "message": "x"}')
    assert failure(outcome(code=0), error_file, LIMITS).error_code == "model.error"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'"x"', b" " * (1 << 21)])
def test_an_error_file_that_cannot_be_read_is_an_error_all_the_same(error_file, content):
    error_file.write_bytes(content)
    assert failure(outcome(), error_file, LIMITS).error_code == "model.error"


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["code", "message", "problems", "traceback", "path"]), inner)
        ),
        max_leaves=20,
    )
)
def test_no_error_file_makes_it_raise(tmp_path_factory, told):
    path = tmp_path_factory.mktemp("e") / "error.json"
    path.write_text(json.dumps(told))
    found = failure(outcome(), path, LIMITS)
    json.dumps(found.to_dict())


def test_links_pipes_and_folders_are_not_read(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", ".", "nothing"):
        assert read_bounded(tmp_path / name, 10) is None
    assert read_bounded(tmp_path / "secret", 10) == b"x"
