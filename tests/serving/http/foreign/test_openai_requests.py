"""Requests in OpenAI's words: what goes to which input, and what is refused by name."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import NovaSpiError, UsageError
from nova_spi.serving.http.openai.errors import NotAnswerable
from nova_spi.serving.http.openai.requests import IGNORED, NEUTRAL, parse
from nova_spi.serving.http.openai.text_models import TextModel
from nova_spi.serving.plan import Plan, ServedCommand
from nova_spi_runtime.parameters import Parameter

TEXT = {"name": "text", "type": "string"}
PROMPT = {"name": "prompt", "type": "string"}
MESSAGES = {"name": "messages", "type": "array"}
PARTS = {
    "name": "messages",
    "type": "array",
    "items": {"type": "object", "properties": {"role": {"type": "string"}, "content": {"type": "array"}}},
}
USER = {"role": "user", "content": "Hello"}


def plan_of(*inputs, outputs=(TEXT,)):
    command = ServedCommand(
        "run",
        "",
        True,
        tuple(Parameter.from_dict(each) for each in inputs),
        tuple(Parameter.from_dict(each) for each in outputs),
        60.0,
        True,
    )
    here = Path("/nowhere")
    return Plan(
        "writer", "1.0.0", "", "text", here, here, here, {"run": command}, "process", "none", (), here, None, ()
    )


def asked(*inputs, kind="chat", **fields):
    body = {"model": "writer"} | ({"messages": [USER]} if kind == "chat" else {"prompt": "Hello"}) | fields
    return parse(json.dumps(body).encode(), kind, TextModel.of(plan_of(*(inputs or (PROMPT,)))))


def refusal(*inputs, kind="chat", **fields):
    with pytest.raises(NotAnswerable) as caught:
        asked(*inputs, kind=kind, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("inputs", "outputs", "is_one"),
    [
        ((PROMPT,), (TEXT,), True),
        ((MESSAGES,), (TEXT,), True),
        ((MESSAGES, PROMPT), (TEXT,), True),
        ((PROMPT,), (TEXT, {"name": "finish_reason", "type": "string"}), True),
        ((PROMPT,), (TEXT, {"name": "prompt_tokens", "type": "integer"}), True),
        ((PROMPT,), (TEXT, {"name": "scores", "type": "array"}), True),
        ((PROMPT,), (TEXT, {"name": "second", "type": "string"}), False),
        ((PROMPT,), ({"name": "finish_reason", "type": "string"},), False),
        ((PROMPT,), (), False),
        (({"name": "text", "type": "string"},), (TEXT,), False),
        (({"name": "prompt", "type": "integer"},), (TEXT,), False),
        (({"name": "messages", "type": "string"},), (TEXT,), False),
    ],
)
def test_a_text_model_is_told_by_its_interface(inputs, outputs, is_one):
    assert (TextModel.of(plan_of(*inputs, outputs=outputs)) is not None) == is_one


def test_the_model_is_the_plan_s_with_or_without_its_version():
    assert asked(model="writer").model == "writer"
    assert asked(model="writer:1.0.0").model == "writer:1.0.0"
    for other in ("Writer", "writer:2", "", "gpt-4o"):
        problem = refusal(model=other)
        assert (problem.status, problem.code, problem.param) == (404, "model_not_found", "model")
    assert refusal(model=None).param == "model"
    assert refusal(model=1).status == 400


def test_messages_go_in_as_they_are_without_nulls():
    messages = [{"role": "system", "content": "Be kind."}, {**USER, "name": None, "extra": 1}]
    assert asked(MESSAGES, messages=messages).inputs == {"messages": [messages[0], {**USER, "extra": 1}]}


def test_a_prompt_gets_the_last_message_of_the_user():
    messages = [USER, {"role": "user", "content": "Again"}, {"role": "assistant", "content": "Yes"}]
    assert asked(messages=messages).inputs == {"prompt": "Again"}
    assert refusal(messages=[{"role": "system", "content": "x"}]).param == "messages"


def test_parts_of_text_are_put_together_and_pictures_are_refused():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
    with_parts = [{"role": "user", "content": parts}]
    assert asked(messages=with_parts).inputs == {"prompt": "a\nb"}
    assert asked(MESSAGES, messages=with_parts).inputs == {"messages": [{"role": "user", "content": "a\nb"}]}
    for inputs in (PROMPT, MESSAGES):
        problem = refusal(inputs, messages=[{"role": "user", "content": [*parts, picture]}])
        assert problem.status == 400
        assert problem.param == "messages[0].content[2]"
        assert "image_url" in problem.message


def test_a_model_whose_messages_take_parts_gets_them():
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
    found = asked(PARTS, messages=[USER, {"role": "user", "content": [picture]}]).inputs["messages"]
    assert found == [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "user", "content": [picture]},
    ]


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        {},
        "Hello",
        [1],
        [{}],
        [{"role": "robot", "content": "x"}],
        [{"role": ["user"], "content": "x"}],
        [{"role": "user", "content": 1}],
        [{"role": "user", "content": [1]}],
        [{"role": "user", "content": [{}]}],
        [{"role": "user", "content": [{"type": "text"}]}],
    ],
)
def test_messages_that_are_none_are_refused(messages):
    assert refusal(MESSAGES, messages=messages).status == 400


def test_a_completion_takes_one_prompt():
    assert asked(kind="completion").inputs == {"prompt": "Hello"}
    assert asked(kind="completion", prompt=["Hello"]).inputs == {"prompt": "Hello"}
    for prompt in (None, [], ["a", "b"], [1, 2], [[1]], 3):
        assert refusal(kind="completion", prompt=prompt).param == "prompt"
    assert refusal(kind="completion", messages=[USER]).param == "messages"
    assert refusal(prompt="x").param == "prompt"


@pytest.mark.parametrize("name", ["temperature", "top_p", "seed", "max_tokens", "presence_penalty", "top_k"])
def test_a_field_goes_to_the_input_of_its_name_and_is_refused_without_one(name):
    kind = {"name": name, "type": "float"}
    assert asked(PROMPT, kind, **{name: 0.5}).inputs == {"prompt": "Hello", name: 0.5}
    problem = refusal(**{name: 0.5})
    assert (problem.status, problem.param, problem.code) == (400, name, "unsupported_parameter")
    assert name in problem.message
    assert asked(**{name: None}).inputs == {"prompt": "Hello"}


@pytest.mark.parametrize(
    ("has", "given"), [("max_tokens", "max_completion_tokens"), ("max_completion_tokens", "max_tokens")]
)
def test_the_two_names_of_the_most_tokens_are_one(has, given):
    limit = {"name": has, "type": "integer"}
    assert asked(PROMPT, limit, **{given: 5}).inputs == {"prompt": "Hello", has: 5}
    assert asked(PROMPT, limit, **{given: 5, has: 5}).inputs == {"prompt": "Hello", has: 5}
    assert refusal(PROMPT, limit, **{given: 5, has: 6}).param == given


def test_stop_goes_in_as_its_input_takes_it():
    one, several = {"name": "stop", "type": "string"}, {"name": "stop", "type": "array"}
    assert asked(PROMPT, one, stop="a").inputs["stop"] == "a"
    assert asked(PROMPT, one, stop=["a"]).inputs["stop"] == "a"
    assert asked(PROMPT, several, stop="a").inputs["stop"] == ["a"]
    assert asked(PROMPT, several, stop=["a", "b"]).inputs["stop"] == ["a", "b"]
    assert refusal(PROMPT, one, stop=["a", "b"]).param == "stop"
    assert refusal(stop="a").param == "stop"


@pytest.mark.parametrize("name", IGNORED)
def test_what_is_about_the_caller_means_nothing(name):
    assert asked(**{name: {"a": "b"}}).inputs == {"prompt": "Hello"}
    assert asked(PROMPT, {"name": name, "type": "string"}, **{name: "me"}).inputs == {"prompt": "Hello", name: "me"}


@pytest.mark.parametrize(("name", "values"), NEUTRAL.items())
def test_what_is_so_anyway_may_be_asked_for(name, values):
    for value in values:
        assert asked(**{name: value}).inputs == {"prompt": "Hello"}
    assert refusal(**{name: "something else"}).param == name


def test_there_is_one_choice():
    assert asked(n=1).inputs == {"prompt": "Hello"}
    for count in (2, 0, True, "1"):
        assert refusal(n=count).param == "n"


def test_streaming_is_asked_for_by_true():
    assert not asked().stream
    found = asked(stream=True, stream_options={"include_usage": True})
    assert found.stream
    assert found.include_usage
    assert refusal(stream=1).param == "stream"
    assert refusal(stream_options=[]).param == "stream_options"
    assert refusal(stream_options={"include_usage": "yes"}).param == "stream_options.include_usage"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'{"a":1,"a":1}', b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(UsageError):
        parse(body, "chat", TextModel.of(plan_of(PROMPT)))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "user", "include_usage"]), inner)
    ),
    max_leaves=8,
)
FIELDS = ["messages", "prompt", "stop", "stream", "stream_options", "n", "temperature", *NEUTRAL, *IGNORED]


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(FIELDS), VALUES),
    st.sampled_from([(PROMPT,), (MESSAGES,), (PARTS,), (PROMPT, {"name": "stop", "type": "string"})]),
    st.sampled_from(["chat", "completion"]),
)
def test_no_request_makes_anything_but_our_errors_and_what_passes_is_json(fields, inputs, kind):
    body = json.dumps({"model": "writer"} | fields).encode()
    with suppress(NovaSpiError, NotAnswerable):
        json.dumps(parse(body, kind, TextModel.of(plan_of(*inputs))).inputs)
