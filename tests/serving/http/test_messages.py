import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import Draining, InputInvalid, ModelError, QueueFull, RunTimeout, UsageError
from nova_spi.serving.http.messages import Budget, ClientGone, Request, Response
from nova_spi.serving.http.preferring import LONGEST_SECONDS, SYNCHRONOUS, Preference, preference
from nova_spi.serving.http.statuses import MISDIRECTED, retry_after, status_of


def request(*pieces, headers=(), query=b"", budget=None, gone=False):
    """A request whose body comes in these pieces."""
    messages = [
        {"type": "http.request", "body": piece, "more_body": at < len(pieces) - 1 or gone}
        for at, piece in enumerate(pieces or (b"",))
    ]

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    scope = {"method": "POST", "path": "/", "query_string": query, "headers": list(headers)}
    return Request(scope, receive, budget)


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6), st.integers(0, 100))
def test_a_body_is_its_pieces_and_no_longer_than_it_may_be(pieces, limit):
    whole = b"".join(pieces)
    asked = request(*pieces)
    if len(whole) <= limit:
        assert asyncio.run(asked.body(limit)) == whole
        assert asked.complete
    else:
        with pytest.raises(UsageError, match="larger"):
            asyncio.run(asked.body(limit))


def test_a_length_that_is_too_large_is_refused_before_anything_is_read():
    asked = request(b"x", headers=[(b"content-length", b"1000")])
    with pytest.raises(UsageError):
        asyncio.run(asked.body(10))
    assert not asked.complete


def test_a_client_that_leaves_inside_of_its_body_is_nobody():
    with pytest.raises(ClientGone):
        asyncio.run(request(b"a", gone=True).body(100))


def test_bodies_share_what_they_may_take_and_give_it_back():
    async def both():
        budget = Budget(25)
        first, second = request(b"a", b"x" * 20, budget=budget), request(b"a", b"x" * 20, budget=budget)
        assert len(await first.body(100)) == 21
        with pytest.raises(QueueFull):
            await second.body(100)
        first.release()
        first.release()
        second.release()
        assert budget.used == 0
        assert len(await request(b"a", b"x" * 20, budget=budget).body(100)) == 21

    asyncio.run(both())


def test_a_header_that_came_twice_is_joined_or_refused():
    twice = request(headers=[(b"accept", b"a"), (b"host", b"x"), (b"accept", b"b")])
    assert twice.header(b"accept") == b"a, b"
    assert twice.doubled is None
    assert request(headers=[(b"host", b"a"), (b"x", b"b"), (b"host", b"a")]).doubled == b"host"


def test_a_query_is_read_within_bounds():
    assert request(query=b"a=1&b=%C3%BC&a=2&c=").query == {"a": "2", "b": "ü", "c": ""}
    assert request().query == {}
    with pytest.raises(UsageError):
        _ = request(query=b"&".join(b"a%d=1" % at for at in range(200))).query


@pytest.mark.parametrize(
    ("error", "status", "after"),
    [
        (UsageError("."), 400, None),
        (UsageError(".", code=MISDIRECTED), 421, None),
        (UsageError(".", code="usage.something_new"), 400, None),
        (InputInvalid("."), 422, None),
        (QueueFull("."), 429, 1),
        (QueueFull(".", retry_after_seconds=7), 429, 7),
        (QueueFull(".", retry_after_seconds=0.2), 429, 1),
        (QueueFull(".", retry_after_seconds=6.01), 429, 7),
        (Draining("."), 503, 1),
        (RunTimeout("."), 504, None),
        (ModelError("."), 500, None),
    ],
)
def test_an_error_has_one_status_and_says_when_it_is_worth_coming_back(error, status, after):
    assert (status_of(error), retry_after(error)) == (status, after)
    answer = Response.failed(error, id="x")
    assert answer.status == status
    assert json.loads(answer.body) == {"id": "x", "error": error.to_dict()}
    assert dict(answer.headers).get(b"retry-after") == (None if after is None else b"%d" % after)


def test_half_a_character_is_no_reason_to_fail():
    assert Response.json({"a": "\ud800"}).body == b'{"a":"\\ud800"}'


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (b"", SYNCHRONOUS),
        (b"respond-async", Preference(True, 0)),
        (b"Respond-Async, Wait=10", Preference(True, 10)),
        (b'wait="5" , respond-async; foo=bar', Preference(True, 5)),
        (b"wait=10", Preference(False, 10)),
        (b"wait=-1, respond-async", Preference(True, 0)),
        (b"wait=1e9, respond-async", Preference(True, 0)),
        (b"respond-async, wait=999999999", Preference(True, LONGEST_SECONDS)),
        (b"return=minimal; respond-async", SYNCHRONOUS),
    ],
)
def test_preferences_are_read_and_unknown_ones_ignored(header, found):
    assert preference(header) == found


@settings(max_examples=100)
@given(st.binary())
def test_no_preference_makes_it_fail(header):
    assert 0 <= preference(header).seconds <= LONGEST_SECONDS
