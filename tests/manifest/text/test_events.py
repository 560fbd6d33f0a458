"""The quicker scanner gives the stream of events that ruamel.yaml's own gives."""

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from nova_spi.manifest.text.events import Events

PIECES = [
    "a: ", "- ", "\n", "  ", "    ", "#c\n",
    " # d", "|\n", "|+\n", ">-\n", "'x'", '"y\\n"', "[", "]", "{", "}", ", ", ": ",
    "b", "c d", "&a ", "*a", "!t ", "!!str ", "? ", "\n\n", "---\n", "...\n", "\t", "k: v\n", "- i\n", "1", "'", "\r\n",
]  # fmt: skip


def described(event):
    tag = getattr(event, "tag", None)
    place = (event.start_mark.line, event.start_mark.column)
    return type(event).__name__, getattr(event, "value", None), getattr(event, "anchor", None), str(tag), place


def ours(text):
    events = Events(text)
    found = []
    while (event := events.get_event()) is not None:
        found.append(described(event))
    return found


def theirs(text):
    return [described(event) for event in YAML(typ="safe", pure=True).parse(text)]


def outcome(read, text):
    try:
        return [event[:-1] if event[0].endswith("EndEvent") else event for event in read(text)]
    except YAMLError as error:
        return type(error).__name__


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_the_streams_are_the_same(text):
    assert outcome(ours, text) == outcome(theirs, text)


def test_block_scalars_keep_blank_lines_and_comments_do_not_disturb():
    text = "a: |+\n  x\n\n\n# c\nb: >\n  y\n\n  z # no comment\n\n\nc:\n- 1\n# d\n- 2\nd: 3\n"
    assert [event[1] for event in ours(text) if event[1] is not None] == [
        "a", "x\n\n\n", "b", "y\nz # no comment\n", "c", "1", "2", "d", "3",
    ]  # fmt: skip
