import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.execution.output_schema import schema_problems


def test_what_is_wrong_is_told_with_its_place():
    schema = {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    assert schema_problems(schema, [{"n": 1}]) == []
    [(path, message)] = schema_problems(schema, [{"n": 1}, {"n": "x"}])
    assert path == "[1].n"
    assert "integer" in message


def test_problems_are_bounded():
    assert len(schema_problems({"items": {"type": "string"}}, list(range(1000)))) == 20


@pytest.mark.parametrize(
    "schema", [{"$ref": "https://example.org/schema.json"}, {"$ref": "#/nowhere"}, {"$ref": "#"}, {"type": "strnig"}]
)
def test_a_schema_that_cannot_be_used_is_said_and_nothing_is_fetched(schema):
    [(_, message)] = schema_problems(schema, "x")
    assert "its schema" in message


@pytest.mark.parametrize("schema", [{"pattern": "a*a*a*a*b"}, {"items": {"pattern": "a*a*a*b"}}])
def test_a_pattern_never_takes_long(schema):
    begun = time.perf_counter()
    text = "a" * 30_000
    assert schema_problems(schema, text if "pattern" in schema else [text])
    assert time.perf_counter() - begun < 10


def test_a_pattern_that_could_explode_is_refused():
    [(_, message)] = schema_problems({"patternProperties": {"(a+)+$": {}}}, {"a" * 60 + "b": 1})
    assert "cannot be used" in message


def test_keys_that_are_too_long_for_patterns_are_refused():
    assert "too long" in schema_problems({"patternProperties": {"^a": {}}}, {"a" * 2000: 1})[0][1]
    assert schema_problems({"patternProperties": {"^a": {"type": "integer"}}}, {"ab": "x", "b": "x"})[0][0] == ".ab"


def test_many_items_are_compared_quickly():
    begun = time.perf_counter()
    assert schema_problems({"uniqueItems": True}, [{"n": n} for n in range(10_000)]) == []
    assert schema_problems({"uniqueItems": True}, [{"n": n} for n in range(10_000)] + [{"n": 1.0}])
    assert time.perf_counter() - begun < 10


values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([1.0, 0.0, 0.5]) | st.sampled_from(["", "1", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)


def same(one, other):
    """Equal as JSON Schema Core 4.2.2 says; jsonschema sorts before it compares, and misses [0], [False], [0]."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


@given(st.lists(values, max_size=5))
def test_unique_means_what_json_schema_says(items):
    unique = not any(same(one, other) for n, one in enumerate(items) for other in items[:n])
    assert (schema_problems({"uniqueItems": True}, items) == []) == unique
