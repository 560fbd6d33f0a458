import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.manifest.reading import Document, read
from nova_spi.manifest.spelling.fixing import fix
from nova_spi.manifest.text.comments import comments_in
from nova_spi.manifest.text.source import parse

MODEL = "model: {name: a, version: 1.0.0, domain: text}\n"
REST = "inputs: []\noutputs: []\n"
STAMPED = 'model: {name: a, version: 1.0.0, domain: text, modified_at: "2023-11-14T22:13:20Z"}\n'
VERSION = 'spi_version: "1"\n'
LOOSE = (Path(__file__).parent / "loose.yml").read_text(encoding="utf-8")

pytestmark = pytest.mark.usefixtures("epoch")


def fixed(text: str, filename: str = "manifest.yml") -> str | None:
    done = fix(read(text.encode(), filename=filename))
    return None if done is None else done.decode()


def fixable(document: Document) -> list[str]:
    return [item.code for item in document.diagnostics if item.code.startswith("SPI-M1")]


def test_a_loose_document_becomes_canonical_and_keeps_all_else():
    expected = (Path(__file__).parent / "loose.fixed.yml").read_text(encoding="utf-8")
    assert fixed(LOOSE) == expected


def test_fixing_keeps_the_meaning_and_leaves_nothing_to_fix():
    before, after = read(LOOSE.encode()), read(fixed(LOOSE).encode())
    assert after.edits == ()
    assert fixable(after) == []
    assert before.manifest is not None, before.errors
    stamped = before.manifest.model.model_copy(update={"modified_at": "2023-11-14T22:13:20Z"})
    assert after.manifest.to_dict() == before.manifest.model_copy(update={"model": stamped}).to_dict()


def test_fixing_what_is_fixed_changes_nothing():
    assert fixed(fixed(LOOSE)) == fixed(LOOSE)


def test_a_canonical_document_comes_back_as_it_is():
    text = VERSION + "\n\n# odd   spacing\n" + MODEL + "inputs:   []\noutputs: [ ]"
    assert fixed(text) == text


def test_no_comment_is_lost():
    node, done = parse(LOOSE.encode()).node, fixed(LOOSE)
    assert sorted(comments_in(LOOSE, node)) == sorted(comments_in(done, parse(done.encode()).node))


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        pytest.param(
            "{model: {name: a, version: 1.0.0, domain: Text}, inputs: [], outputs: []}\n",
            '{spi_version: "1", model: {name: a, version: 1.0.0, domain: text, modified_at: "2023-11-14T22:13:20Z"}, '
            "inputs: [], outputs: []}\n",
            id="a root in brackets",
        ),
        pytest.param(
            "# heading\n" + MODEL + REST,
            "# heading\n" + VERSION + STAMPED + REST,
            id="a heading stays first",
        ),
        pytest.param(
            "# heading\n\n# of the model\n" + MODEL + REST,
            "# heading\n\n" + VERSION + "# of the model\n" + STAMPED + REST,
            id="a comment stays with its key",
        ),
        pytest.param(
            "%YAML 1.2\n---\n" + MODEL + REST + "...\n",
            "%YAML 1.2\n---\n" + VERSION + STAMPED + REST + "...\n",
            id="markers of the document",
        ),
        pytest.param(
            "spi_version: 0\n" + MODEL + REST,
            VERSION + STAMPED + REST,
            id="version 0 stated",
        ),
        pytest.param(
            (MODEL + REST).replace("\n", "\r\n"),
            (VERSION + STAMPED + REST).replace("\n", "\r\n"),
            id="line endings of Windows",
        ),
        pytest.param(
            "\ufeff" + MODEL + REST,
            VERSION + STAMPED + REST,
            id="a byte order mark",
        ),
        pytest.param(
            VERSION + MODEL + "inputs:\n- &p\n  name: x\n  type: int\noutputs:\n- *p\n",
            VERSION + STAMPED + "inputs:\n- &p\n  name: x\n  type: integer\noutputs:\n- *p\n",
            id="an anchor and its alias",
        ),
        pytest.param(
            VERSION + MODEL + "inputs: [{name: x, type: &t !!str int}]\noutputs: [{name: y, type: *t}]\n",
            VERSION + STAMPED + "inputs: [{name: x, type: &t !!str integer}]\noutputs: [{name: y, type: *t}]\n",
            id="an anchored word",
        ),
        pytest.param(
            VERSION
            + MODEL
            + "inputs:\n  - name: x\n    type: # one\n      # two\n      - int # three\n      # four\noutputs: []\n",
            VERSION
            + STAMPED
            + "inputs:\n  - name: x\n    # one\n    # two\n    type: integer # three\n      # four\noutputs: []\n",
            id="a list of one with comments",
        ),
        pytest.param(
            VERSION + MODEL + 'execution:\n  entry_point: [python, run.py, "--x=1", # why\n    "1"]\n' + REST,
            VERSION + STAMPED + 'execution:\n  # why\n  entry_point: {command: [python, run.py, --x=1, "1"]}\n' + REST,
            id="a list in brackets with a comment",
        ),
        pytest.param(
            VERSION + MODEL + "execution:\n  environment: {A: yes, on: 1.10}\n  config: {2: x}\n" + REST,
            VERSION + STAMPED + 'execution:\n  environment: {A: "yes", "on": "1.10"}\n  config: {"2": x}\n' + REST,
            id="text that YAML 1.1 reads otherwise",
        ),
        pytest.param(
            VERSION + MODEL + REST + "catalog: {summary: x, scorecard: {summary: 'yes'}}",
            VERSION + STAMPED + REST + 'catalog: {summary: x}\nscorecard:\n  summary: "yes"\n',
            id="a scorecard in brackets, no last line ending",
        ),
        pytest.param(
            VERSION + MODEL + REST + "catalog:\n  scorecard:\n    summary: yes  # c\n# end\n",
            VERSION + STAMPED + REST + '# c\nscorecard:\n  summary: "yes"\n# end\n',
            id="a catalog of a scorecard only",
        ),
        pytest.param(
            VERSION + "model:\n  name: a\n  version: 1.0.0\n  domain: 'Text'\n  is_trainable: \"Yes\"\n" + REST,
            VERSION + "model:\n  name: a\n  version: 1.0.0\n  domain: 'text'\n  is_trainable: true\n"
            '  modified_at: "2023-11-14T22:13:20Z"\n' + REST,
            id="quotation marks of the author",
        ),
        pytest.param(
            VERSION
            + "model:\n  name: a\n  version: 1.0.0\n  domain: >-\n    Text\n  description: |\n    # text\n"
            + REST,
            VERSION + "model:\n  name: a\n  version: 1.0.0\n  domain: text\n  description: |\n    # text\n"
            '  modified_at: "2023-11-14T22:13:20Z"\n' + REST,
            id="block scalars",
        ),
        pytest.param(
            '"model": {"name":"a","version":"1.0.0","domain":"Text","is_trainable":"Yes"}\n' + REST,
            VERSION + '"model": {"name":"a","version":"1.0.0","domain":"text","is_trainable":true, '
            'modified_at: "2023-11-14T22:13:20Z"}\n' + REST,
            id="JSON's style in YAML",
        ),
        pytest.param(
            VERSION + MODEL + "inputs:\n  - {name: b, type: boolean, default: yes}\noutputs: []\n",
            VERSION + STAMPED + "inputs:\n  - {name: b, type: boolean, default: true}\noutputs: []\n",
            id="a value whose parameter says what it is",
        ),
        pytest.param(
            VERSION + MODEL + REST + "operations:\n  scaling:\n    minReplicas: 1 # few\n    'maxReplicas': 2\n",
            VERSION + STAMPED + REST + 'operations:\n  scaling:\n    min_replicas: 1 # few\n    "max_replicas": 2\n',
            id="keys",
        ),
    ],
)
def test_a_shape_of_text_is_fixed_in_place(text, becomes):
    done = fixed(text)
    assert done == becomes or done == becomes.replace('"max_replicas"', "'max_replicas'")
    assert fixed(done) == done
    assert read(done.encode()).edits == ()


def test_modified_at_is_replaced_and_never_before_created_at():
    text = VERSION + "model:\n  name: a\n  version: 1.0.0\n  domain: Text\n  created_at: 2030-01-01T02:00:00+02:00\n"
    text += "  modified_at: 2020-01-01T00:00:00Z  # by hand\n" + REST
    done = fixed(text)
    assert '  modified_at: "2030-01-01T00:00:00Z"  # by hand\n' in done
    assert done.count("modified_at") == 1


def test_without_a_fixed_time_the_clock_counts(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert 'modified_at: "20' in fixed(MODEL + REST)


def test_without_a_model_no_time_is_written():
    assert fixed("model:\n" + REST) == VERSION + "model:\n" + REST


def test_a_document_with_errors_is_still_fixed():
    done = fixed(VERSION + "model: {name: a, version: 1, domain: Text, wrong: 1}\ninputs: x\n")
    assert "domain: text, wrong: 1" in done


def test_json_keeps_its_indentation_and_its_numbers():
    text = '{\n    "model": {"name": "a", "version": "1.0.0", "domain": "Text"},\n'
    text += '    "inputs": [{"name": "n", "type": "int", "default": 100000000000000000000001}],\n    "outputs": []\n}\n'
    done = fixed(text, "manifest.json")
    assert done.startswith('{\n    "spi_version": "1",\n    "model": {\n        "name": "a"')
    assert json.loads(done)["inputs"][0] == {"name": "n", "type": "integer", "default": 100000000000000000000001}
    assert json.loads(done)["model"]["modified_at"] == "2023-11-14T22:13:20Z"
    assert fixed(done, "manifest.json") == done


@pytest.mark.parametrize("text", ["", "a: [", "- 1\n", "a: b: c\n", "\x00"])
def test_what_cannot_be_read_cannot_be_fixed(text):
    assert fixed(text) is None


def test_a_shape_without_a_safe_place_is_left_to_its_author():
    assert fixed("? model\n: name: a\n  version: 1.0.0\n  domain: Text\n? inputs\n: []\n? outputs\n: []\n") is None


LINES = [
    "model:\n  name: a # n\n  version: 1.0.0\n  domain: Text\n",
    "model: {name: a, version: 1.0.0,\n  domain: [Text], tags: x # t\n  }\n",
    "inputs:\n- name: x\n  type: int\n  # c\n  required: Yes\n",
    "inputs:\n    -   name: x\n        type:   [str]   # s\n        mime_types:\n        - image/jpg\n",
    "inputs: [{name: x, type: dict, values: {type: list, items: {type: str}}}]\n",
    "outputs: []\n",
    "outputs:\n  - {name: y, type: File, mime_types: image/jpg, mount_path: /app/out}\n",
    "execution:\n  entry_point:\n    # e\n    - python\n\n    - run.py\n  network: None\n",
    "execution: {entry_point: python run.py, environment: {A: no, B: 0x1F}}\n",
    "catalog:\n  summary: 16:9\n  scorecard:\n    summary: >\n      yes\n      # no comment\n",
    "catalog: {scorecard: good}\n",
    "benchmark:\n  metrics:\n  - {name: a, weight: 60}\n  - name: b\n    weight: 40.0 # b\n",
    "operations:\n  scaling:\n    minReplicas: 1\n    warmPool: {size: 1}\n",
    "# a comment\n",
    "\n",
    "x-own: yes\n",
]


@settings(max_examples=120)
@given(st.lists(st.sampled_from(LINES), max_size=9), st.sampled_from(["", "---\n", "# h\n"]), st.booleans())
def test_any_fix_is_final_and_loses_nothing(lines, head, windows):
    text = head + "".join(lines)
    text = text.replace("\n", "\r\n") if windows else text
    document = read(text.encode())
    done = fix(document)
    if done is None:
        assert any(item.code.startswith("SPI-M0") for item in document.errors)
        return
    again = read(done)
    assert fix(again) == done
    assert again.edits == ()
    assert fixable(again) == []
    assert sorted(item.code for item in again.errors) == sorted(item.code for item in document.errors)
    assert sorted(comments_in(text, parse(text.encode()).node)) == sorted(comments_in(done.decode(), parse(done).node))


def test_a_comment_after_a_catalog_in_brackets_stays_with_it():
    text = VERSION + MODEL + REST + "catalog: {summary: x, scorecard: Good, thumbnail: a.png} # looks\n"
    rest = "catalog: {summary: x, thumbnail: a.png} # looks\nscorecard:\n  summary: Good\n"
    assert fixed(text) == VERSION + STAMPED + REST + rest


def test_lines_that_end_in_a_carriage_return_alone_go_on_so():
    text = (VERSION + "model:\n  name: a\n  version: 1.0.0\n  domain: Text\n" + REST).replace("\n", "\r")
    assert "\n" not in fixed(text)


@pytest.mark.parametrize("indent", [0, 1, 3, 8, "\t"])
def test_json_keeps_its_indentation_whatever_it_is(indent):
    model = {"name": "a", "version": "1.0.0", "domain": "Text", "tags": ["a", "b"]}
    data = {"spi_version": "1", "model": model, "inputs": [], "outputs": []}
    after = data | {"model": model | {"domain": "text", "modified_at": "2023-11-14T22:13:20Z"}}
    assert fixed(json.dumps(data, indent=indent), "manifest.json") == json.dumps(after, indent=indent)
