from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nova_spi.checks.testing.expectations import judge, same
from nova_spi.errors import ModelError, OutputMissing
from nova_spi.execution.records import ExecutionResult
from nova_spi.manifest.models import Expect
from nova_spi_runtime.parameters import Parameter

COMMAND = SimpleNamespace(outputs=(Parameter("picture", "file"), Parameter("text", "string")))


@pytest.fixture
def judged(tmp_path):
    def judge_it(came, /, failed=None, seconds=1.0, memory=1000, **expect):
        record = {"timings": {"run": seconds}, "usage": {"peak_memory_bytes": memory}}
        result = ExecutionResult("id", "run", failed is None, came, failed, tmp_path, tmp_path / "log", (), record)
        return judge(Expect(**expect), result, COMMAND, tmp_path)

    return judge_it


def test_nothing_expected_is_only_that_it_succeeds(judged):
    assert judged({}) == []
    assert "output.missing" in judged({}, OutputMissing("no text"))[0]


@pytest.mark.parametrize(
    "expect",
    [
        {"outputs": ["text"]},
        {"equals": {"text": "a sign: EXIT"}},
        {"contains": {"text": "EXIT"}},
        {"contains": {"text": ["EXIT", "sign"]}},
        {"pattern": {"text": "^a .*T$"}},
        {"json_schema": {"text": {"type": "string", "maxLength": 20}}},
        {"min_length": {"text": 12}},
        {"max_seconds": 1.0},
        {"max_memory": "1Ki"},
        {"file_count": {"picture": 0}},
    ],
)
def test_what_holds_gives_no_finding(judged, expect):
    assert judged({"text": "a sign: EXIT"}, **expect) == []


@pytest.mark.parametrize(
    ("expect", "says"),
    [
        ({"outputs": ["picture"]}, "picture: the output is missing"),
        ({"equals": {"text": "other"}}, "'other' was expected"),
        ({"contains": {"text": ["EXIT", "OUT"]}}, "'OUT' is not in"),
        ({"pattern": {"text": "^EXIT"}}, "does not match"),
        ({"pattern": {"text": "(?=x)"}}, "was not checked"),
        ({"json_schema": {"text": {"maxLength": 3}}}, "too long"),
        ({"json_schema": {"text": {"type": "strnig"}}}, "no JSON Schema"),
        ({"min_length": {"text": 13}}, "its length is 12"),
        ({"max_seconds": 0.5}, "it took 1.000 s"),
        ({"max_memory": "900"}, "it used 1000 bytes"),
        ({"file_count": {"picture": 2}}, "0 files came"),
        ({"file_count": {"text": 2}}, "not checked"),
        ({"equals": {"nothing": 1}}, "there is no such output"),
        ({"error": "model.error"}, "should fail with model.error"),
    ],
)
def test_what_does_not_hold_is_one_finding(judged, expect, says):
    [finding] = judged({"text": "a sign: EXIT"}, **expect)
    assert says in finding


def test_a_failure_that_must_happen_passes_and_another_does_not(tmp_path):
    def failed(error):
        return ExecutionResult("id", "run", False, {}, error, tmp_path, tmp_path / "log", (), {})

    wanted = Expect(error="output.missing")
    assert judge(wanted, failed(OutputMissing("x")), COMMAND, tmp_path) == []
    [finding] = judge(wanted, failed(ModelError("it raised")), COMMAND, tmp_path)
    assert "failed with model.error: it raised" in finding


def test_limits_without_a_figure_are_not_checked_and_say_so(judged):
    assert "not checked" in judged({}, memory=None, max_memory="1Gi")[0]
    assert "not checked" in judged({}, seconds=None, max_seconds=1.0)[0]


def test_strings_inside_arrays_maps_and_objects_count(judged):
    value = {"lines": [{"text": "EXIT", "confidence": 0.9}]}
    assert judged({"text": value}, contains={"text": "EXI"}) == []
    assert len(judged({"text": value}, contains={"text": "confidence"})) == 1


@pytest.mark.parametrize(
    ("value", "wanted", "holds"),
    [
        (1.0000001, 1, True),
        (1.00001, 1, False),
        (10**400, 10**400, True),
        (10**400, 1.5, False),
        (True, 1, False),
        (1, True, False),
        ("1.50", 1.5, True),
        ("1.50", "1.5", False),
        ("abc", 1.5, False),
        ("NaN", 1.5, False),
        ([1, {"a": 2.0}], [1, {"a": 2}], True),
        ([1], [1, 2], False),
        ({"a": 1}, {"b": 1}, False),
        (None, None, True),
        (0.0, 0, True),
        (1e-9, 0, False),
    ],
)
def test_values_are_equal_by_json_with_a_relative_tolerance(value, wanted, holds):
    assert same(value, wanted, 1e-6) is holds


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_every_value_equals_itself_without_tolerance(value):
    assert same(value, value, 0.0)


@given(json_values, json_values)
def test_comparing_never_raises(value, wanted):
    same(value, wanted, 1e-6)


def test_a_decimal_is_compared_as_it_is_written(judged):
    assert judged({"text": Decimal("1.10")}, equals={"text": "1.10"}) == []
    assert judged({"text": Decimal("1.10")}, equals={"text": 1.1}) == []


def test_a_reference_without_a_metric_must_be_met_exactly(judged, tmp_path):
    (tmp_path / "said.txt").write_text("hello\n")
    assert judged({"text": "hello"}, reference={"text": "said.txt"}) == []
    [finding] = judged({"text": "hallo"}, reference={"text": "said.txt"})
    assert "exact is 0" in finding


def test_a_metric_has_bounds(judged, tmp_path):
    (tmp_path / "said.txt").write_text("hello")
    bounds = {"character_error_rate": {"max": 0.1}}
    [finding] = judged({"text": "hallo"}, reference={"text": "said.txt"}, metric=bounds)
    assert "character_error_rate is 0.2, at most 0.1" in finding
    assert (
        judged({"text": "hallo"}, reference={"text": "said.txt"}, metric={"character_error_rate": {"max": 0.2}}) == []
    )


def test_an_unknown_metric_fails_and_is_never_a_pass(judged, tmp_path):
    (tmp_path / "said.txt").write_text("hello")
    [finding] = judged({"text": "hello"}, reference={"text": "said.txt"}, metric={"bleurt": {"min": 0}})
    assert "not checked" in finding


def test_a_metric_without_a_reference_is_not_checked(judged):
    assert "not checked" in judged({"text": "x"}, metric={"exact": {"min": 1}})[0]


def test_json_references_are_values(judged, tmp_path):
    (tmp_path / "values.json").write_text("[1, 2]")
    assert judged({"text": [1, 2]}, reference={"text": "values.json"}) == []
    (tmp_path / "values.json").write_text("[1,")
    assert "cannot be read" in judged({"text": [1, 2]}, reference={"text": "values.json"})[0]


def picture(path: Path, color):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), color).save(path)
    return path


def test_file_outputs_are_compared_with_a_file_or_a_folder(judged, tmp_path):
    files = [picture(tmp_path / f"out/f{n}.png", (n, n, n)) for n in (10, 2)]
    for n in (2, 10):
        picture(tmp_path / f"wanted/f{n}.png", (n, n, n))
    psnr = {"psnr": {"min": 50}}
    assert judged({"picture": files}, reference={"picture": "wanted"}, metric=psnr) == []
    [finding] = judged({"picture": files}, reference={"picture": "wanted/f2.png"}, metric=psnr)
    assert "2 files came, the reference has 1" in finding
    assert judged({"picture": files[1:]}, reference={"picture": "wanted/f2.png"}) == []


@pytest.mark.parametrize("path", ["nothing.txt", "link.txt"])
def test_a_reference_that_is_not_there_or_leads_out_is_not_compared(judged, tmp_path, path):
    (tmp_path / "link.txt").symlink_to("/etc/passwd")
    assert "not compared" in judged({"text": "x"}, reference={"text": path})[0]
