import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi_runtime import reading
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.problems import MAX_PROBLEMS
from nova_spi_runtime.reading import SLOW, fast_reader, reader
from nova_spi_runtime.values import ValueInvalid, from_json

edges = st.sampled_from(
    [0, -1, 1, 2**53, 2**53 + 1, -(2**53) - 1, 10**400, 3.4028234663852886e38, 3.5e38, 1e300, 0.1, -0.0, 3.0, 1.5]
)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | edges | st.sampled_from(["a", "b"])
)
json_values = st.recursive(
    scalars | st.just("\ud800") | st.just("ä\udc00"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "\ud800"]), inner, max_size=3)
    ),
    max_leaves=6,
)
bounds = st.integers(-5, 5) | st.floats(-5, 5, allow_nan=False) | st.sampled_from([0.1, 2**60, -(2**60), 2**53])


@st.composite
def structures(draw, kind):
    inner = st.sampled_from(["integer", "float", "string", "decimal", "boolean", "array", "object"])
    if kind == "object":
        rule = st.fixed_dictionaries({"type": inner}, optional={"required": st.just(True), "default": st.just(None)})
        return {"properties": draw(st.dictionaries(st.sampled_from(["a", "b"]), rule, max_size=2))}
    rules = draw(st.fixed_dictionaries({}, optional={"min_items": st.integers(0, 2), "max_items": st.just(2)}))
    if kind == "array" and draw(st.integers(0, 4)) == 0:
        rules["unique_items"] = True
    element = {"items" if kind == "array" else "values": {"type": draw(inner)}} if draw(st.booleans()) else {}
    return {"constraints": rules, **element}


@st.composite
def parameters(draw, name="x"):
    kind = draw(st.sampled_from(["string", "enum", "integer", "float", "boolean", "decimal", "array", "map", "object"]))
    found = {"name": name, "type": kind, "required": draw(st.booleans())}
    rules = {}
    if kind == "string":
        rules = draw(st.fixed_dictionaries({}, optional={"min_length": st.integers(0, 3), "max_length": st.just(4)}))
        if draw(st.booleans()):
            rules["pattern"] = "^[a-z]*$"
    if kind in ("integer", "float"):
        rules = draw(st.fixed_dictionaries({}, optional={"min_value": bounds, "max_value": bounds}))
        if draw(st.integers(0, 4)) == 0:
            rules["multiple_of"] = 0.5 if kind == "float" else 2
    if kind == "float":
        found["precision"] = draw(st.sampled_from([None, 32, 64]))
    if kind in ("array", "map", "object"):
        found |= draw(structures(kind))
        rules = found.pop("constraints", {})
    if kind == "enum":
        found["enum"] = ["a", "b", "\ud800"]
    elif kind in ("string", "integer") and draw(st.integers(0, 3)) == 0:
        found["enum"] = ["a", "abc"] if kind == "string" else [0, 1]
    if draw(st.booleans()):
        found["default"] = draw(json_values)
    return {**found, "constraints": rules}


def made(document) -> Parameter | None:
    try:
        return Parameter.from_dict(document)
    except ValueError:
        return None  # Rules that contradict each other are no parameter.


def outcome(read, *arguments):
    try:
        found = read(*arguments)
    except ValueInvalid as invalid:
        return "problems", invalid.problems
    return "value", repr(found)


@settings(max_examples=100, deadline=None)
@given(parameters(), json_values)
def test_a_fast_reader_gives_what_from_json_gives_or_nothing(document, value):
    parameter = made(document)
    if parameter is None:
        return
    found = fast_reader(parameter)(value)
    if found is not SLOW:
        assert ("value", repr(found)) == outcome(from_json, parameter, value)


@settings(max_examples=100, deadline=None)
@given(st.lists(parameters(), max_size=4), st.dictionaries(st.sampled_from(["x0", "x1", "x2", "y"]), json_values))
def test_a_reader_gives_what_every_parameter_gives_or_all_their_problems(documents, values):
    wanted = [made({**each, "name": f"x{index}"}) for index, each in enumerate(documents)]
    if None in wanted:
        return
    expected, problems = {}, []
    problems += [name for name in values if name not in {each.name for each in wanted}]
    for parameter in wanted:
        value = values.get(parameter.name)
        if value is None:
            value = parameter.default
            if value is None:
                expected[parameter.name] = None
                continue
            if not value and repr(value) == "MISSING":
                problems += [parameter.name] if parameter.required else []
                continue
        kind, found = outcome(from_json, parameter, value)
        if kind == "problems":
            problems += [path for path, _ in found]
        else:
            expected[parameter.name] = from_json(parameter, value)
    kind, found = outcome(reader(wanted), values)
    if kind == "problems":
        assert [path for path, _ in found] == problems
    else:
        assert not problems
        assert found == repr(expected)


def compiled(*documents):
    return reader([Parameter.from_dict(each) for each in documents])


TEXT = {"name": "text", "type": "string", "required": True}
STEPS = {"name": "steps", "type": "integer", "default": 4, "constraints": {"min_value": 1, "max_value": 10}}
TAGS = {"name": "tags", "type": "array", "default": ["a"]}
PICTURE = {"name": "picture", "type": "file", "required": True}


@pytest.mark.parametrize("depth", [99, 100, 101, 102, 5000])
def test_bottomless_values_are_no_plain_case(depth):
    parameter = made({"name": "x", "type": "array"})
    value = 1
    for _ in range(depth):
        value = [value]
    found = fast_reader(parameter)(value)
    if depth < 1000:
        assert (found is SLOW) == (outcome(from_json, parameter, value)[0] == "problems")
    else:
        assert found is SLOW


def test_values_are_typed_in_the_order_of_the_parameters_and_defaults_are_filled_in():
    assert list(compiled(TEXT, STEPS)({"steps": 3.0, "text": "a"}).items()) == [("text", "a"), ("steps", 3)]
    assert compiled(TEXT, STEPS)({"text": "a", "steps": None}) == {"text": "a", "steps": 4}


def test_all_problems_come_at_once():
    with pytest.raises(ValueInvalid) as caught:
        compiled(TEXT, STEPS)({"step": 3, "steps": 11})
    assert [f"{path}: {message}" for path, message in caught.value.problems] == [
        "step: is not an input (did you mean 'steps'?)",
        "text: is required",
        "steps: must be at most 10, not 11",
    ]


def test_files_are_no_values():
    read = compiled(TEXT, PICTURE)
    assert read({"text": "a"}) == {"text": "a"}
    with pytest.raises(ValueInvalid, match="picture: is not an input"):
        read({"text": "a", "picture": "a.png"})


def test_a_default_list_is_every_calls_own():
    read = compiled(TAGS)
    read({})["tags"].append("b")
    assert read({}) == {"tags": ["a"]}


def test_a_default_that_breaks_its_own_rules_is_a_problem_of_every_call_that_needs_it():
    read = compiled({"name": "n", "type": "integer", "default": "many"})
    assert read({"n": 1}) == {"n": 1}
    with pytest.raises(ValueInvalid, match="must be an integer"):
        read({})


def test_unknown_names_are_searched_for_until_there_are_too_many_of_them(monkeypatch):
    searched = []
    monkeypatch.setattr(reading, "suggestion", lambda name, known: searched.append(name) or "")
    with pytest.raises(ValueInvalid) as caught:
        reader([Parameter("a", "string", required=True)])({f"k{at}": 1 for at in range(5000)})
    assert len(caught.value.problems) == len(searched) == MAX_PROBLEMS
