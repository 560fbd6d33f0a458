import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_spi.engines.process.request import Request

WORD = st.binary(max_size=20).map(lambda word: word.replace(b"\0", b""))
WORDS = st.lists(WORD, max_size=5)
VARIABLES = st.lists(WORD.map(lambda word: b"NAME=" + word), max_size=5)


@given(st.integers(0, 2**31), WORD, WORD, WORDS, WORDS, VARIABLES)
def test_a_request_arrives_as_it_was_sent(parent, program, work_dir, argv, limits, variables):
    sent = Request(parent, program, work_dir, argv, limits, variables).encode()
    assert int(sent[:8]) == len(sent) - 8
    found = Request.decode(sent[8:])
    said = (found.parent, found.program, found.work_dir, found.argv, found.limits, found.variables)
    assert said == (parent, program, work_dir, argv, limits, variables)


def test_a_nul_in_any_word_is_refused():
    for words in ((b"a\0b", [], []), (b"a", [b"\0"], []), (b"a", [], [b"N=\0"])):
        with pytest.raises(ValueError, match="NUL"):
            Request(1, words[0], b"/", words[1], [], words[2]).encode()
