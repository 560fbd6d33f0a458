"""The generated JSON Schema says what the models say."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from nova_spi.manifest import json_schema
from nova_spi.manifest.json_schema import manifest_schema
from nova_spi.manifest.reading import read

ROOT = Path(__file__).parents[3]
FULL = read((Path(__file__).parent / "full.yml").read_bytes()).manifest.to_dict()
VALIDATORS = {
    "2020-12": Draft202012Validator(manifest_schema("2020-12")),
    "draft-07": Draft7Validator(manifest_schema("draft-07")),
}
EXAMPLES = sorted((ROOT / "examples").glob("*/manifest.yml"))
drafts = pytest.mark.parametrize("draft", VALIDATORS)

FIELD_CODES = {f"SPI-M2{number:02}" for number in range(100)} - {"SPI-M202", "SPI-M209"}
NOT_IN_THE_SCHEMA = {"SPI-M240"}
"""Licences are checked against a list of hundreds, which a schema would have to carry."""


@drafts
def test_the_files_are_fresh(draft):
    path = ROOT / "schema" / json_schema._FILES[draft]
    assert path.read_text(encoding="utf-8") == json_schema.rendered(draft), (
        "run python -m nova_spi.manifest.json_schema"
    )


@drafts
def test_the_schema_is_one(draft):
    validator = VALIDATORS[draft]
    type(validator).check_schema(validator.schema)
    assert validator.schema["$schema"] == json_schema.DIALECTS[draft]
    assert validator.schema["$id"]
    assert ("$defs" in validator.schema) == (draft == "2020-12")


@drafts
def test_every_key_has_a_description(draft):
    schema = manifest_schema(draft)
    definitions = schema.get("$defs") or schema["definitions"]
    for name, definition in [("Manifest", schema), *definitions.items()]:
        assert definition["description"], name
        for key, value in definition.get("properties", {}).items():
            assert value.get("description") or "$ref" in value, f"{name}.{key}"  # the object describes itself


@drafts
def test_the_full_manifest_meets_the_schema(draft):
    assert [error.message for error in VALIDATORS[draft].iter_errors(FULL)] == []


@drafts
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_the_examples_meet_the_schema(draft, path):
    document = read(path.read_bytes())
    assert document.ok, document.errors
    assert [error.message for error in VALIDATORS[draft].iter_errors(document.manifest.to_dict())] == []


def places(value, path=()):
    """Every place of a document."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in inside:
        yield from places(inner, (*path, step))


TYPED = {"default", "enum", "equals", "constraints", "schema", "json_schema", "config"}
PLACES = [
    path for path in places(FULL) if path and not TYPED & set(path) and path[0] != "x-note" and path[2:3] != ("inputs",)
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**6),
    st.sampled_from([0.5, -1.5]),
    st.text(max_size=12),
    st.sampled_from(
        ["a", "file", "string", "1.0.0", "24Gi", "../a", "/a/b", "a/b", "https://a.b/c", "image/png", "1x1"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "name", "x-a"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(path=st.sampled_from(PLACES), value=VALUES)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_schema_and_the_reader_agree_on_every_field(path, value):
    data = copy.deepcopy(FULL)
    parent = data
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    document = read(json.dumps(data).encode(), filename="manifest.json")
    if document.edits or any(item.code < "SPI-M200" for item in document.diagnostics):
        return  # other spellings are read too, and the schema knows only the canonical one
    refused = {draft: not validator.is_valid(data) for draft, validator in VALIDATORS.items()}
    assert refused["2020-12"] == refused["draft-07"]
    told = {item.code for item in document.errors}
    if told & FIELD_CODES - NOT_IN_THE_SCHEMA:
        assert refused["2020-12"], told
    if refused["2020-12"]:
        assert told, [error.message for error in VALIDATORS["2020-12"].iter_errors(data)]


@drafts
@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({"x-own": {"a": [None]}}, True),
        ({"own": 1}, False),
        ({"inputs": [{"name": "a", "type": "enum"}]}, False),
        ({"inputs": [{"name": "a", "type": "enum", "enum": ["b"]}]}, True),
        ({"inputs": [{"name": "a", "type": "string", "mime_types": ["image/png"]}]}, False),
        ({"execution": {"entry_point": {"module": "a", "callable": "a:b"}}}, False),
        ({"execution": {"entry_point": {}}}, False),
        ({"execution": {"entry_point": {"command": "python run.py"}, "resources": {"gpu": 1}}}, True),
        ({"execution": {"health_check": {"retries": 1}}}, False),
        ({"execution": None}, False),
        ({"spi_version": "2"}, False),
    ],
)
def test_rules_that_a_schema_can_say_stand_in_it(draft, change, valid):
    base = {"model": {"name": "a", "version": "1.0.0", "domain": "text"}, "inputs": [], "outputs": []}
    assert VALIDATORS[draft].is_valid(base)
    assert VALIDATORS[draft].is_valid(base | change) == valid
