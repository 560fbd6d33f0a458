import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nova_spi.errors import InputInvalid, UsageError
from nova_spi.interface.assembling import Text
from nova_spi.interface.binding import bind_inputs
from nova_spi.interface.compiled import CompiledCommand
from nova_spi.serving.accepting.inputs import Acceptor
from nova_spi.serving.accepting.json_bodies import LARGE
from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi_runtime.parameters import Parameter
from nova_spi_runtime.values import to_json

TYPED = (
    {"name": "prompt", "type": "string", "required": True, "constraints": {"max_length": 8, "pattern": "^[a-z ]*$"}},
    {"name": "steps", "type": "integer", "default": 20, "constraints": {"min_value": 1, "max_value": 50}},
    {"name": "scale", "type": "float", "precision": 32},
    {"name": "price", "type": "decimal", "constraints": {"min_value": "0.5"}},
    {"name": "fast", "type": "boolean", "default": False},
    {"name": "style", "type": "enum", "enum": ["oil", "ink"]},
    {"name": "tags", "type": "array", "items": {"type": "string"}, "constraints": {"max_items": 3}},
    {"name": "any", "type": "array"},
    {"name": "weights", "type": "map", "values": {"type": "float"}},
    {"name": "free", "type": "object"},
    {
        "name": "options",
        "type": "object",
        "properties": {"size": {"type": "integer", "required": True}, "name": {"type": "string", "default": "x"}},
    },
)
IMAGE = {
    "name": "image",
    "type": "file",
    "required": True,
    "mime_types": ["image/png"],
    "constraints": {"max_files": 1},
}


def command(*inputs, name="run") -> ServedCommand:
    found = tuple(Parameter.from_dict(each) for each in inputs)
    return ServedCommand(
        name=name, description="", default=True, inputs=found, outputs=(), timeout_seconds=10.0, warm=True
    )


def plan(*commands: ServedCommand, folder: Path = Path("/nowhere")) -> Plan:
    return Plan(
        name="model",
        version="1.0.0",
        description="",
        domain="",
        project=folder,
        folder=folder,
        store=folder / "store",
        commands={each.name: each for each in commands},
        engine="process",
        level="process",
        protections=(),
        cache_dir=folder,
        image=None,
        slots=(),
    )


ALL = command(*TYPED)
DOOR = Acceptor(plan(ALL))
COMPILED = CompiledCommand("run", "", ALL.inputs, (), None, 10.0, None, default=True)


def test_a_body_that_is_right_goes_on_as_the_bytes_that_it_came_as():
    body = b'{ "prompt" : "a b",\n "scale": 1e-1, "tags":["x"] }'
    assert DOOR.json(ALL, body) is body


def test_a_byte_order_mark_does_not_go_on():
    assert DOOR.json(ALL, b'\xef\xbb\xbf{"prompt":"a"}') == b'{"prompt":"a"}'


def test_no_body_is_a_call_without_inputs():
    free = command({"name": "n", "type": "integer"})
    assert Acceptor(plan(free)).json(free, b"") == b"{}"
    with pytest.raises(InputInvalid, match="The input 'prompt' is required"):
        DOOR.json(ALL, b"")


def test_a_null_is_nothing_given_and_a_dotted_name_reaches_inside():
    found = json.loads(DOOR.json(ALL, b'{"prompt":"a","style":null,"options.size":3,"tags.0":"x"}'))
    assert found == {"prompt": "a", "steps": 20, "fast": False, "tags": ["x"], "options": {"size": 3, "name": "x"}}


def test_everything_that_is_wrong_comes_at_once_with_what_to_send():
    with pytest.raises(InputInvalid) as caught:
        DOOR.json(ALL, b'{"promt":"a","steps":0,"options":{"size":"x"}}')
    problems = caught.value.details["problems"]
    assert [each["path"] for each in problems] == ["promt", "prompt", "steps", "options.size"]
    assert "did you mean 'prompt'" in problems[0]["message"]
    assert json.loads(caught.value.mend.removeprefix("send ")) == {
        "prompt": "some tex",
        "steps": 20,
        "options": {"size": 1},
    }


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"3",
        b"{",
        b'{"prompt":"a","prompt":"b"}',
        b'{"scale":NaN,"prompt":"a"}',
        b'{"prompt":"\xff"}',
        b'{"prompt":' + b"[" * 100_000,
        b'{"steps":' + b"1" * 5000 + b"}",
        "{}".encode("utf-16"),
    ],
    ids=["array", "number", "cut", "twice", "nan", "bytes", "deep", "digits", "utf-16"],
)
def test_what_is_no_json_object_is_a_wrong_use(body):
    with pytest.raises(UsageError) as caught:
        DOOR.json(ALL, body)
    assert caught.value.mend


@pytest.mark.parametrize(
    "body", [b'{"prompt":"\\ud800"}', b'{"prompt":"a","scale":1e400}', b'{"prompt":"a","free":{"\\udfff":1}}']
)
def test_what_no_model_should_see_is_refused(body):
    with pytest.raises(InputInvalid):
        DOOR.json(ALL, body)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 60)
    | st.floats()
    | st.sampled_from(["a", "ink", "0.5", "ab\nc", "\ud800", "toolonganyway", "1e3", ""]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["size", "name", "k", "\udfff"]), inner)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [each["name"] for each in TYPED] + ["options.size", "tags.0", "tags.1", "weights.a.b", "other", "steps."]
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=5).map(lambda found: {"prompt": "a"} | found)


def outcome(bind):
    try:
        return bind(), None
    except InputInvalid as refused:
        return None, (refused.message, refused.details)


@settings(max_examples=100, deadline=None)
@given(BODIES)
def test_the_door_takes_exactly_what_every_run_takes(body):
    sent = json.dumps(body).encode()
    assume(b"NaN" not in sent and b"Infinity" not in sent)  # these are no JSON
    expected, refused = outcome(lambda: bind_inputs(COMPILED, body, Path("/nowhere")).values)
    spliced, why = outcome(lambda: DOOR.json(ALL, sent))
    assert why == refused
    if spliced is not None:
        assert bind_inputs(COMPILED, json.loads(spliced), Path("/nowhere")).values == expected


def test_values_of_python_become_json():
    found = DOOR.values(ALL, {"prompt": "a", "price": Decimal("1.50"), "tags": ("x", "y"), "steps": Text("3")})
    assert json.loads(found) == {"prompt": "a", "price": "1.50", "tags": ["x", "y"], "steps": 3, "fast": False}
    with pytest.raises(InputInvalid, match="must be a string, not a Python object"):
        DOOR.values(ALL, {"prompt": object()})


def test_a_file_is_wanted_and_is_no_value():
    files = command(IMAGE)
    door = Acceptor(plan(files))
    with pytest.raises(InputInvalid, match="'image': is required: a file") as caught:
        door.json(files, b"{}")
    assert caught.value.mend == 'send {"image":"data:image/png;base64,..."}'
    assert door.json(files, b"{}", {"image"}) == b"{}"
    with pytest.raises(InputInvalid, match="cannot be given as a value"):
        door.json(files, b'{"image":"/etc/passwd"}', {"image"})


def accepting(served, work):
    async def run():
        acceptor = Acceptor(plan(served))
        try:
            return await work(acceptor)
        finally:
            await acceptor.close()

    return asyncio.run(run())


def test_files_of_this_machine_are_found_by_path_and_stay_there(tmp_path):
    served = command({"name": "docs", "type": "file", "required": True, "mime_types": ["text/*"]}, TYPED[0])
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("words")
    (tmp_path / "c.bin").write_bytes(b"\x93\0")
    found = accepting(served, lambda door: door.paths(served, {"docs": [Path("a.txt"), "*.bin", "b.txt"]}, tmp_path))
    assert [(file.name, file.path, file.ours) for file in found["docs"]] == [
        ("a.txt", tmp_path / "a.txt", False),
        ("b.txt", tmp_path / "b.txt", False),
    ]
    assert found.warnings[0].startswith("docs: c.bin is skipped")


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({}, {"docs": "is required: a path, a glob or a folder"}),
        ({"docs": "no.txt"}, {"docs": "there is no file 'no.txt'"}),
        ({"docs": 3}, {"docs": "must be a path, a glob, a folder or a list of them, not a number"}),
        ({"docs": object()}, {"docs": "there is no file '<object>'"}),
        ({"docs": None, "prompt": "x"}, {"prompt": "takes no file", "docs": "is required: a path, a glob or a folder"}),
        (
            {"dcs": "x"},
            {"dcs": "is no input (did you mean 'docs'?)", "docs": "is required: a path, a glob or a folder"},
        ),
    ],
)
def test_paths_that_are_none_are_told_all_at_once(tmp_path, given, problems):
    served = command({"name": "docs", "type": "file", "required": True}, TYPED[0])
    with pytest.raises(InputInvalid) as caught:
        accepting(served, lambda door: door.paths(served, given, tmp_path))
    assert {each["path"]: each["message"] for each in caught.value.details["problems"]} == problems


def test_a_large_body_leaves_the_event_loop_free():
    large = command({"name": "numbers", "type": "array", "items": {"type": "integer"}})
    body = b'{"numbers":[' + b"1," * LARGE + b"1]}"

    async def ask():
        asked = asyncio.ensure_future(Acceptor(plan(large)).body(large, body))
        turns = 0
        while not asked.done():
            turns += 1
            await asyncio.sleep(0)
        return turns, await asked

    turns, found = asyncio.run(ask())
    assert found is body
    assert turns > 2


def test_what_the_door_answers_reads_back_as_the_same_values():
    found = json.loads(DOOR.values(ALL, {"prompt": "a", "scale": 0.1, "price": "2", "weights": {"a.b": 1}}))
    typed = {each.name: each for each in ALL.inputs}
    again = bind_inputs(COMPILED, found, Path("/")).values
    assert {name: to_json(typed[name], value) for name, value in again.items()} == found
