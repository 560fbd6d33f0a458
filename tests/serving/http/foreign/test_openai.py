"""A text model asked with OpenAI's own client."""

import asyncio
import json
import time
from http.client import HTTPConnection

import openai
import pytest


@pytest.fixture(scope="module")
def writer(serve):
    return serve("writer")


@pytest.fixture(scope="module")
def talker(serve):
    return serve("talker")


@pytest.fixture(scope="module")
def tensors(serve):
    return serve("tensors")


def client_of(server, kind=openai.OpenAI, **options):
    options = {"max_retries": 0, "timeout": 60} | options
    return kind(base_url=f"http://{server.host}:{server.port}/v1", api_key="none", **options)


@pytest.fixture
def client(writer):
    with client_of(writer) as client:
        yield client


def user(text):
    return [{"role": "user", "content": text}]


def ask(client, text, **options):
    return client.chat.completions.create(model="writer", messages=user(text), **options)


def test_a_chat_is_answered_with_counts(client):
    found = ask(client, "one two three")
    assert found.object == "chat.completion"
    assert found.id.startswith("chatcmpl-")
    assert abs(found.created - time.time()) < 600
    assert found.model == "writer"
    [choice] = found.choices
    assert (choice.message.role, choice.message.content) == ("assistant", "one two three ")
    assert choice.finish_reason == "stop"
    assert found.usage.to_dict() == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}


def test_options_go_to_the_inputs_of_their_names(client):
    found = ask(client, "one two three", max_completion_tokens=2, temperature=0.5, stop="four")
    assert found.choices[0].message.content == "one two "
    assert found.choices[0].finish_reason == "length"
    assert ask(client, "one two three", stop=["two"]).choices[0].message.content == "one "


def test_an_option_that_the_model_has_no_input_for_is_named(client):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "one", top_p=0.5)
    assert caught.value.param == "top_p"
    assert caught.value.code == "unsupported_parameter"
    assert caught.value.type == "invalid_request_error"


def test_a_value_that_its_input_does_not_take_is_named(client):
    with pytest.raises(openai.BadRequestError, match="2") as caught:
        ask(client, "one", temperature=3)
    assert caught.value.param == "temperature"


def test_a_chat_streams_as_the_model_speaks(client):
    began = time.monotonic()
    moments, pieces, last = [], [], None
    for chunk in ask(client, "one wait two", stream=True):
        assert chunk.object == "chat.completion.chunk"
        moments.append(time.monotonic() - began)
        pieces.append(chunk.choices[0].delta.content or "")
        last = chunk
    assert "".join(pieces) == "one wait two "
    assert len([piece for piece in pieces if piece]) >= 2
    assert moments[-1] - moments[0] > 0.2
    assert last.choices[0].finish_reason == "stop"
    assert last.usage is None


def test_a_stream_ends_with_counts_where_they_are_asked_for(client):
    chunks = list(ask(client, "one two", stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 4
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"


def test_a_completion_is_answered_and_streams(client):
    found = client.completions.create(model="writer", prompt="one two", max_tokens=1)
    assert found.object == "text_completion"
    assert found.choices[0].text == "one "
    assert found.choices[0].finish_reason == "length"
    assert found.usage.completion_tokens == 1
    chunks = list(client.completions.create(model="writer:1.0.0", prompt="one two", stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == "one two "
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_model_that_does_not_stream_gives_all_in_one_chunk(talker):
    with client_of(talker) as client:
        found = client.chat.completions.create(
            model="talker",
            messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        )
        assert found.choices[0].message.content == "2: Hello"
        assert found.usage is None
        chunks = list(client.chat.completions.create(model="talker", messages=user("Hello"), stream=True))
        assert [chunk.choices[0].delta.content for chunk in chunks] == ["", "1: Hello", None]
        with pytest.raises(openai.NotFoundError) as caught:
            client.completions.create(model="talker", prompt="x")
        assert caught.value.code == "not_a_completion_model"
        picture = {"type": "image_url", "image_url": {"url": "data:,"}}
        with pytest.raises(openai.BadRequestError, match="image_url"):
            client.chat.completions.create(model="talker", messages=[{"role": "user", "content": [picture]}])


def test_the_model_is_listed(client):
    assert [model.id for model in client.models.list()] == ["writer"]
    assert client.models.retrieve("writer").owned_by == "nova-spi"
    assert client.models.retrieve("writer:1.0.0").id == "writer:1.0.0"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("other")
    assert caught.value.code == "model_not_found"


def test_a_long_conversation_goes_through(client):
    words = "word " * 100_000
    assert ask(client, words, max_tokens=1_000_000).choices[0].message.content == words


def test_another_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=user("x"))
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"


def test_a_model_that_is_none_of_text_says_so(tensors):
    with client_of(tensors) as client:
        assert list(client.models.list()) == []
        with pytest.raises(openai.NotFoundError, match="no text model") as caught:
            client.chat.completions.create(model="tensors", messages=user("x"))
        assert caught.value.code == "not_a_text_model"


def test_a_failing_model_is_an_internal_error_and_is_not_asked_again(writer):
    with client_of(writer, max_retries=3) as client:
        before = calls(writer)
        with pytest.raises(openai.InternalServerError, match="does not want to") as caught:
            ask(client, "raise")
        assert caught.value.status_code == 500
        assert caught.value.code == "model.error"
        with pytest.raises(openai.InternalServerError, match="does not want to"):
            ask(client, "raise", stream=True)
        assert calls(writer) - before == 2


def calls(server):
    connection = HTTPConnection(server.host, server.port, timeout=60)
    try:
        connection.request("GET", "/readyz")
        return sum(worker["calls"] for worker in json.loads(connection.getresponse().read())["workers"])
    finally:
        connection.close()


def test_a_model_that_breaks_off_ends_the_stream_with_its_error(client):
    pieces = []

    def read():
        for chunk in ask(client, "one wait fail", stream=True):
            pieces.append(chunk.choices[0].delta.content or "")

    with pytest.raises(openai.APIError, match="broke off"):
        read()
    assert "".join(pieces) == "one wait "


def test_a_client_that_goes_away_cancels(writer):
    with client_of(writer, timeout=0.5) as client, pytest.raises(openai.APITimeoutError):
        ask(client, "sleep 15")
    with client_of(writer) as client:
        began = time.monotonic()
        ask(client, "one")
        assert time.monotonic() - began < 10


def test_a_client_that_leaves_a_stream_cancels(writer):
    with client_of(writer) as client:
        stream = ask(client, "one " + "wait " * 60, stream=True)
        next(iter(stream))
        stream.close()
        began = time.monotonic()
        ask(client, "one")
        assert time.monotonic() - began < 10


def test_the_asynchronous_client_is_answered_side_by_side(writer):
    async def all_of_them():
        async with client_of(writer, openai.AsyncOpenAI) as client:
            found = await asyncio.gather(*(ask(client, f"word{at}") for at in range(8)))
            stream = await ask(client, "one two", stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return [each.choices[0].message.content for each in found], "".join(pieces)

    said, streamed = asyncio.run(all_of_them())
    assert said == [f"word{at} " for at in range(8)]
    assert streamed == "one two "


def test_a_full_queue_is_a_rate_limit_and_is_asked_again(serve):
    server = serve("writer", queue_size=1)

    async def crowd(retries):
        async with client_of(server, openai.AsyncOpenAI, max_retries=retries) as client:
            asked = (ask(client, "wait") for _ in range(6))
            return await asyncio.gather(*asked, return_exceptions=True)

    refused = [each for each in asyncio.run(crowd(0)) if isinstance(each, openai.RateLimitError)]
    assert refused
    assert refused[0].code == "queue.full"
    assert int(refused[0].response.headers["retry-after"]) >= 1
    assert not [each for each in asyncio.run(crowd(9)) if isinstance(each, Exception)]


def test_an_address_or_a_method_that_is_not_there_is_said_in_openai_s_shape(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.get("/chat/nothing", cast_to=object)
    assert caught.value.code == "usage.not_found"
    with pytest.raises(openai.APIStatusError) as caught:
        client.get("/chat/completions", cast_to=object)
    assert caught.value.status_code == 405
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 100_000, b'{"model": "writer", "messages": [{}]}'])
def test_a_hostile_body_is_refused_in_openai_s_shape(writer, body):
    connection = HTTPConnection(writer.host, writer.port, timeout=60)
    try:
        connection.request("POST", "/v1/chat/completions", body)
        answer = connection.getresponse()
        found = json.loads(answer.read())
    finally:
        connection.close()
    assert answer.status == 400
    assert set(found["error"]) == {"message", "type", "param", "code"}
