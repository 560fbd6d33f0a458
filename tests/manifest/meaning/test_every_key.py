"""Each key of the reference missing, of the wrong type, misspelled and twice: generated from the models."""

import copy
import json
import re
from pathlib import Path

import pytest

from nova_spi.manifest.diagnostics import Severity
from nova_spi.manifest.meaning.expecting import (
    Anything,
    Choice,
    Either,
    Key,
    Object,
    Several,
    Table,
    is_lenient,
    keys_of,
)
from nova_spi.manifest.models.manifest import Manifest
from nova_spi.manifest.reading import read
from nova_spi.manifest.spelling.spelled import TYPES

FULL = read((Path(__file__).parent / "full.yml").read_bytes()).manifest.to_dict()


def walk(value, expected, path=()):
    """Every key of a document with its expectation and the model that it belongs to."""
    options = expected.options if isinstance(expected, Either) else (expected,)
    for option in options:
        if isinstance(option, Object) and isinstance(value, dict):
            for key in keys_of(option.model).values():
                if key.name in value:
                    yield (*path, key.name), key, option.model
                    yield from walk(value[key.name], key.expects, (*path, key.name))
        elif isinstance(option, Several) and isinstance(value, list):
            for index, item in enumerate(value):
                yield from walk(item, option.item, (*path, index))
        elif isinstance(option, Table) and isinstance(value, dict):
            for name, item in value.items():
                yield from walk(item, option.value, (*path, name))


NOT_TOGETHER = {("EntryPoint", "command"), ("HealthCheck", "callable")}
"""Keys that exclude others of their object; other tests have them."""


def all_models(model, seen):
    if model in seen:
        return seen
    seen.add(model)
    for key in keys_of(model).values():
        _inside(key.expects, seen)
    return seen


def _inside(expected, seen):
    if isinstance(expected, Object):
        all_models(expected.model, seen)
    elif isinstance(expected, Several):
        _inside(expected.item, seen)
    elif isinstance(expected, Table):
        _inside(expected.value, seen)
    elif isinstance(expected, Either):
        for option in expected.options:
            _inside(option, seen)


PLACES = list(walk(FULL, Object(Manifest)))
IDS = [".".join(map(str, path)) for path, _, _ in PLACES]
places = pytest.mark.parametrize(("path", "key", "model"), PLACES, ids=IDS)


REQUIRED = {
    "spi_version": "1",
    "model": {"name": "picture-teller", "version": "1.0.0", "domain": "multimodal"},
    "inputs": [],
    "outputs": [],
}


def around(path):
    """A small manifest with the object at ``path`` whole and little around it; and the path to the key in it."""
    data = dict(REQUIRED)
    source, target, found = FULL, data, []
    for step in path[:-1]:
        source = source[step]
        if isinstance(source, list):
            inner = []
        else:
            inner = {key: source[key] for key in ("name", "type", "id", "role", "version", "domain") if key in source}
        if isinstance(target, list):
            target.append(inner)
            found.append(0)
        else:
            target[step] = inner
            found.append(step)
        target = inner
    target.update(copy.deepcopy(source) if len(path) > 1 else {path[0]: FULL[path[0]]})
    return data, target, (*found, path[-1])


def changed(path, change):
    data, parent, place = around(path)
    change(parent, path[-1])
    return read(json.dumps(data).encode()), place


def below(item, path):
    return item.path[: len(path)] == path


def test_the_full_manifest_has_every_key_of_every_model():
    shown = {(model, key.attribute) for _, key, model in PLACES}
    models = all_models(Manifest, set())
    for model in models:
        for key in keys_of(model).values():
            related = {other for other in models if issubclass(other, model) or issubclass(model, other)}
            assert (model.__name__, key.name) in NOT_TOGETHER or any(
                (owner, key.attribute) in shown for owner in related
            ), f"{model.__name__}.{key.name}"


def words_of(expected):
    options = expected.options if isinstance(expected, Either) else (expected,)
    return [str(word) for option in options if isinstance(option, Choice) for word in option.values]


def test_the_reference_names_every_key_and_every_word_of_a_fixed_list():
    page = (Path(__file__).parents[3] / "docs/manifest.md").read_text(encoding="utf-8")
    for model in all_models(Manifest, set()):
        for key in keys_of(model).values():
            assert f"`{key.name}`" in page, f"{model.__name__}.{key.name}"
            for word in words_of(key.expects):
                assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", page), f"{model.__name__}.{key.name}: {word}"


def test_the_reference_lists_every_spelling():
    page = (Path(__file__).parents[3] / "docs/manifest.md").read_text(encoding="utf-8")
    table = page.partition("## Spellings")[2]
    for other, name in TYPES.items():
        assert f"`{other}`" in table
        assert name in table


@places
def test_a_missing_key_is_told_where_it_is_required(path, key: Key, model):
    document, path = changed(path, lambda parent, name: parent.pop(name))
    told = [item for item in document.diagnostics if item.code == "SPI-M200"]
    assert [item.path for item in told] == ([path] if key.required else [])
    if key.required:
        assert key.name in told[0].message
        assert told[0].span is not None


@pytest.mark.parametrize(
    ("path", "key", "model"),
    [place for place in PLACES if not isinstance(place[1].expects, Anything)],
    ids=[name for name, place in zip(IDS, PLACES, strict=True) if not isinstance(place[1].expects, Anything)],
)
def test_a_value_of_the_wrong_type_is_told_at_its_place(path, key: Key, model):
    options = key.expects.options if isinstance(key.expects, Either) else (key.expects,)
    wrong = {"x-wrong": 1} if any(isinstance(option, Several) for option in options) else [[1, 2], [3]]
    document, path = changed(path, lambda parent, name: parent.update({name: wrong}))
    errors = [item for item in document.errors if below(item, path)]
    assert errors, f"nothing is said of {path}"
    assert not document.ok
    assert document.manifest is None
    for item in errors:
        assert "Input should" not in item.message
        assert item.span.line == 1


@places
def test_no_value_makes_reading_raise(path, key: Key, model):
    for value in (None, 7, "a text", True, 1.5, [], {}, [None], {"a": None}):
        changed(path, lambda parent, name, value=value: parent.update({name: value}))


@places
def test_a_misspelled_key_is_told_with_the_right_one(path, key: Key, model):
    wrong = f"{key.name}z"
    document, path = changed(path, lambda parent, name: parent.update({wrong: parent.pop(name)}))
    code = "SPI-M202" if is_lenient(model) else "SPI-M201"
    told = [item for item in document.diagnostics if item.path == (*path[:-1], wrong) and item.code == code]
    assert len(told) == 1
    assert key.name in told[0].mend


@places
def test_a_key_that_stands_twice_is_told(path, key: Key, model):
    mark = "twice-this-key"
    data, parent, path = around(path)
    parent[mark] = parent[path[-1]]
    for filename in ("manifest.yml", "manifest.json"):
        document = read(json.dumps(data).replace(mark, path[-1]).encode(), filename=filename)
        told = [item for item in document.errors if item.code == "SPI-M012"]
        assert len(told) == 1
        assert told[0].path == path
    assert told[0].severity is Severity.ERROR
