import json

from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.values import ValueInvalid, from_json, from_text, to_json, to_text


def parameter(type, **fields):
    return Parameter.from_dict({"name": "x", "type": type, **fields})


scalars = {
    "string": st.text(),
    "integer": st.integers(),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**20), max_value=10**20),
    "boolean": st.booleans(),
}
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def typed(draw, depth=2):
    """A parameter and a value that it allows."""
    kind = draw(st.sampled_from([*scalars, *(["array", "map", "object"] if depth else [])]))
    if kind in scalars:
        return Parameter.from_dict({"type": kind}, "x"), draw(scalars[kind])
    if kind == "object":
        fields = draw(st.dictionaries(st.text(min_size=1, max_size=8), typed(depth - 1), min_size=1, max_size=4))
        wanted = {name: inner.to_dict() for name, (inner, _) in fields.items()}
        return Parameter.from_dict({"type": kind, "properties": wanted}, "x"), {k: v for k, (_, v) in fields.items()}
    inner, value = draw(typed(depth - 1))
    if kind == "array":
        return Parameter.from_dict({"type": kind, "items": inner.to_dict()}, "x"), [value] * draw(st.integers(0, 3))
    keys = draw(st.lists(st.text(max_size=8), max_size=3, unique=True))
    return Parameter.from_dict({"type": kind, "values": inner.to_dict()}, "x"), dict.fromkeys(keys, value)


@settings(max_examples=100, deadline=None)
@given(typed())
def test_json_and_text_read_back_the_same(pair):
    wanted, value = pair
    found = from_json(wanted, value)
    assert found == value
    assert from_json(wanted, json.loads(json.dumps(to_json(wanted, found)))) == found
    assert from_text(wanted, to_text(wanted, found)) == found
    assert Parameter.from_dict(wanted.to_dict()) == wanted


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["array", "map", "object"]), anything)
def test_untyped_values_read_back_the_same(kind, value):
    wanted = parameter(kind)
    try:
        found = from_json(wanted, value)
    except ValueInvalid:
        assert not isinstance(value, list if kind == "array" else dict)
        return
    assert found == value
    assert from_text(wanted, to_text(wanted, found)) == found


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["string", "integer", "float", "decimal", "boolean", "array", "map", "object"]), st.text(), anything
)
def test_any_text_and_any_json_is_a_value_or_a_problem(kind, text, value):
    for read, raw in ((from_text, text), (from_json, value)):
        try:
            read(parameter(kind, constraints={"unique_items": True}), raw)
        except ValueInvalid as invalid:
            told = invalid.problems
        else:
            continue
        assert told
