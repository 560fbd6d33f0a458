import json
import struct
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.values import Problem, ValueInvalid, from_json, from_text, to_json, to_text


def parameter(type, **fields):
    return Parameter.from_dict({"name": "x", "type": type, **fields})


def problems(read, wanted, value) -> list[str]:
    with pytest.raises(ValueInvalid) as caught:
        read(wanted, value)
    return [f"{path}: {message}" for path, message in caught.value.problems]


# Integers


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), (" -7 ", -7), ("+5", 5), ("007", 7), ("3.0", 3), ("9" * 4300, int("9" * 4300))]
)
def test_an_integer_is_read_from_text(text, value):
    assert from_text(parameter("integer"), text) == value


@pytest.mark.parametrize("text", ["", "3.5", "1e3", "1_000", "٣", "0x10", "three", "nan", "--3", "3 4"])
def test_other_text_is_no_integer(text):
    assert "must be an integer" in problems(from_text, parameter("integer"), text)[0]


@pytest.mark.parametrize("digits", [4301, 50_000])
def test_an_integer_that_python_would_not_print_is_a_problem(digits):
    assert problems(from_text, parameter("integer"), "9" * digits) == ["x: has more than 4300 digits"]
    assert problems(from_json, parameter("integer"), 10**digits) == ["x: has more than 4300 digits"]


def test_the_interpreters_own_lower_limit_is_a_problem_too():
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(1000)
    try:
        assert problems(from_text, parameter("integer"), "9" * 2000) == ["x: has more than 4300 digits"]
    finally:
        sys.set_int_max_str_digits(before)


def test_an_integral_float_is_an_integer_as_in_json_schema():
    found = from_json(parameter("integer"), 3.0)
    assert found == 3
    assert type(found) is int


@pytest.mark.parametrize("value", [True, "3", 3.5, None, [3], float("inf"), float("nan")])
def test_other_json_is_no_integer(value):
    assert "must be an integer" in problems(from_json, parameter("integer"), value)[0]


# Floats


@pytest.mark.parametrize("text", ["10.2", "1e-7", "-0.0", "3", ".5", "5.", "3.4028234663852886e38", "3.4028235e38"])
def test_a_float_is_passed_on_as_written(text):
    assert from_text(parameter("float"), text) == float(text)
    assert from_json(parameter("float"), float(text)) == float(text)


def test_a_float_keeps_its_digits_and_precision_32_rounds_it():
    assert to_text(parameter("float"), from_text(parameter("float"), "10.2")) == "10.2"
    assert from_text(parameter("float", precision=32), "10.2") == struct.unpack("<f", struct.pack("<f", 10.2))[0]


@pytest.mark.parametrize("value", ["1e39", "-1e39", "1e400"])
def test_a_float_beyond_32_bits_is_a_problem(value):
    problems(from_text, parameter("float"), value)
    problems(from_text, parameter("float", precision=32), value)


def test_a_rounded_float_is_compared_as_the_number_that_was_written():
    at = {"min_value": 0.1, "max_value": 0.1, "multiple_of": 0.1}
    rounded = parameter("float", precision=32, constraints=at, enum=[0.1])
    value = from_json(rounded, 0.1)
    assert value == struct.unpack("<f", struct.pack("<f", 0.1))[0]
    assert from_json(rounded, value) == value
    assert from_text(rounded, to_text(rounded, value)) == value
    problems(from_json, rounded, 0.2)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_binary32_stays_what_it_is(value):
    assert from_json(parameter("float", precision=32), value) == value
    exact = {"min_value": value, "max_value": value}
    assert from_json(parameter("float", precision=32, enum=[value], constraints=exact), value) == value


def test_precision_64_lifts_the_range():
    assert from_text(parameter("float", precision=64), "1e300") == 1e300
    assert "precision: 64" in problems(from_text, parameter("float"), "1e300")[0]
    problems(from_json, parameter("float", precision=64), 10**400)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "NaN", "1_0", "1,5", "", "0x1p3", "1e", "٣"])
def test_other_text_is_no_float(text):
    assert "must be a finite number" in problems(from_text, parameter("float"), text)[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1.5", None])
def test_other_json_is_no_float(value):
    problems(from_json, parameter("float", precision=64), value)


# Decimals


@pytest.mark.parametrize("text", ["10.25", "-0", "1e6144", "9." + "9" * 33 + "e6144", "1e-6176", "1." + "0" * 33])
def test_a_decimal128_is_read_exactly(text):
    found = from_text(parameter("decimal"), text)
    assert isinstance(found, Decimal)
    assert found == Decimal(text)
    assert to_json(parameter("decimal"), found) == str(found)


@pytest.mark.parametrize(
    "text",
    [
        "1" * 35,
        "0." + "1" * 35,
        "1e6145",
        "1e-6177",
        "1.5e-6176",
        "1e99999999999999999999",
        "nan",
        "inf",
        "1_0",
        "x",
        "",
    ],
)
def test_what_is_no_decimal128_is_a_problem(text):
    problems(from_text, parameter("decimal"), text)
    problems(from_json, parameter("decimal"), text)


def test_a_binary_number_is_no_decimal_but_an_integer_is():
    assert "as a string" in problems(from_json, parameter("decimal"), 10.25)[0]
    problems(from_json, parameter("decimal"), True)
    problems(from_json, parameter("decimal"), Decimal("nan"))
    problems(from_json, parameter("decimal"), 10**40 + 1)
    problems(from_json, parameter("decimal"), 10**5000)
    assert from_json(parameter("decimal"), 5) == Decimal(5)
    assert from_json(parameter("decimal"), Decimal("1.10")) == Decimal("1.10")


# Booleans, strings, enums


@pytest.mark.parametrize("word", ["true", "YES", "On", "1", " True "])
def test_words_for_true(word):
    assert from_text(parameter("boolean"), word) is True


@pytest.mark.parametrize("word", ["false", "No", "OFF", "0"])
def test_words_for_false(word):
    assert from_text(parameter("boolean"), word) is False


@pytest.mark.parametrize("word", ["", "2", "maybe", "y", "t", "null", "none"])
def test_any_other_word_is_an_error_and_never_false(word):
    problems(from_text, parameter("boolean"), word)


@pytest.mark.parametrize("value", [0, 1, "true", None, 1.0])
def test_only_true_and_false_are_booleans_in_json(value):
    problems(from_json, parameter("boolean"), value)


def test_lengths_are_counted_in_code_points():
    wanted = parameter("string", constraints={"min_length": 2, "max_length": 2})
    assert from_text(wanted, "😀é") == "😀é"
    assert problems(from_text, wanted, "😀") == ["x: must have at least 2 characters, not 1"]


def test_half_a_surrogate_pair_is_no_text():
    problems(from_json, parameter("string"), json.loads('"\\ud83d"'))
    problems(from_json, parameter("object"), json.loads('{"a": "\\ud83d"}'))
    problems(from_json, parameter("map"), json.loads('{"\\ud83d": 1}'))


def test_a_value_longer_than_64_kib_is_not_held_against_a_pattern():
    wanted = parameter("string", constraints={"pattern": "a$"})
    assert from_text(wanted, "a" * 65536)
    assert "64 KiB" in problems(from_text, wanted, "a" * 65537)[0]
    assert "64 KiB" in problems(from_text, wanted, "é" * 32769)[0]


def test_an_enum_suggests_what_was_meant():
    wanted = parameter("enum", enum=["cinematic", "anime"])
    assert from_text(wanted, "anime") == "anime"
    assert problems(from_text, wanted, "Cinematc") == [
        "x: must be one of cinematic, anime, not 'Cinematc' (did you mean 'cinematic'?)"
    ]


def test_enums_of_numbers_are_typed():
    assert from_text(parameter("integer", enum=[1, 2]), "2") == 2
    assert from_json(parameter("float", enum=[0.5, 1]), 1.0) == 1.0
    problems(from_text, parameter("integer", enum=[1, 2]), "3")


def test_a_secret_is_never_quoted():
    for rules in ({"enum": ["a"]}, {"constraints": {"pattern": "^a$", "max_length": 1}}):
        wanted = parameter("string", secret=True, **rules)
        assert "hunter2" not in " ".join(problems(from_text, wanted, "hunter2"))


# Bounds


@pytest.mark.parametrize(("step", "value"), [(0.1, 0.3), (0.01, 1.15), (3, 9), ("0.1", 1e308), (1e-7, 3e-7)])
def test_multiples_are_exact(step, value):
    assert from_json(parameter("float", precision=64, constraints={"multiple_of": step}), value) == value


def test_what_is_no_multiple_is_a_problem():
    problems(from_json, parameter("float", constraints={"multiple_of": 0.1}), 0.35)
    problems(from_json, parameter("integer", constraints={"multiple_of": 8}), 12)
    problems(from_text, parameter("decimal", constraints={"multiple_of": "0.01"}), "0.005")
    assert from_text(parameter("decimal", constraints={"multiple_of": 0.01}), "1e6000")


def test_bounds_compare_what_is_written():
    tenth = {"min_value": 0.1, "max_value": 0.1}
    assert from_text(parameter("decimal", constraints=tenth), "0.1") == Decimal("0.1")
    assert from_text(parameter("float", constraints=tenth), "0.1") == 0.1
    large = parameter("integer", constraints={"max_value": 2**53})
    assert problems(from_json, large, 2**53 + 1)
    assert problems(from_text, parameter("integer", constraints={"min_value": 1, "multiple_of": 2}), "-1") == [
        "x: must be at least 1, not -1",
        "x: must be a multiple of 2, not -1",
    ]


def test_problems_are_picklable_and_listed():
    error = ValueInvalid([Problem("a", "is wrong"), Problem("", "is odd")])
    assert str(error) == "a: is wrong; is odd"
    assert error.__reduce__()[1] == (error.problems,)


def test_a_file_is_no_value():
    problems(from_text, parameter("file"), "a.png")
