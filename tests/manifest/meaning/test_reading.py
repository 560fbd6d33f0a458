import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nova_spi.manifest.codes import CODES
from nova_spi.manifest.models import Manifest
from nova_spi.manifest.reading import read
from nova_spi.manifest.text.writing import dump, dump_json

HERE = Path(__file__).parent
FULL = (HERE / "full.yml").read_bytes()
REFERENCE = (HERE.parents[2] / "docs/manifest.md").read_text(encoding="utf-8")
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def sound(document):
    """What holds of every document, whatever was read."""
    assert document.ok == (document.manifest is not None) == (not document.errors)
    for item in document.diagnostics:
        assert item.severity is CODES[item.code].severity
        assert len(item.message) < 1000
        assert item.span is None or (item.span.line >= 1 and item.span.column >= 1)
    return document


def test_the_full_manifest_has_no_findings(full):
    assert full.diagnostics == ()
    assert full.ok
    assert full.edits == ()


def test_the_example_of_the_reference_has_neither_errors_nor_warnings():
    (example,) = re.findall(r'^```yaml title="manifest.yml"\n(.*?)^```$', REFERENCE, re.MULTILINE | re.DOTALL)
    document = read(example.encode())
    assert document.diagnostics == ()
    assert document.manifest.execution.entry_point.callable == "model:Reader"
    assert document.manifest.inputs[1].default == 0.5


def test_the_same_manifest_as_json_says_the_same(full):
    document = read(dump_json(full.manifest).encode(), filename="manifest.json")
    assert document.manifest == full.manifest
    assert document.diagnostics == ()


def test_a_document_knows_the_place_of_each_value(full):
    assert full.text.splitlines()[full.span_of(("model", "name")).line - 1].strip() == "name: picture-teller"
    assert full.key_span_of(("model", "name")).column == 3
    assert full.span_of(("model", "nothing")) == full.key_span_of(("model",))
    nothing = read(b"")
    assert nothing.span_of(("model",)) is None


@pytest.mark.parametrize("version", ["2", "1.1e5", "9.0", "10"])
def test_a_newer_version_is_refused_and_nothing_else_is_said(version):
    document = sound(read(f'spi_version: "{version}"\nwhatever: [1]\n'.encode()))
    codes = [item.code for item in document.diagnostics]
    assert codes == ["SPI-M209"] if version[0] != "1" or version == "10" else codes
    assert not document.ok


@pytest.mark.parametrize("version", ["one", "[1, 2]", "{}", "''", "true", "1.0"])
def test_a_version_that_is_none_is_told(version):
    document = sound(read(f"spi_version: {version}\nmodel: {{name: a, version: 1.0.0, domain: text}}\n".encode()))
    assert any(item.path == ("spi_version",) for item in document.errors)


def test_a_manifest_without_a_version_is_read_as_the_older_form():
    document = sound(
        read(b"model: {name: a, version: 1.0.0, domain: Text}\ninputs: [{name: a, type: str}]\noutputs: []\n")
    )
    assert document.ok
    assert document.manifest.inputs[0].type == "string"
    assert {item.code for item in document.diagnostics} >= {"SPI-M100", "SPI-M101", "SPI-M102"}


@given(st.binary(max_size=300))
@quick
def test_no_bytes_make_reading_raise(data):
    sound(read(data))
    sound(read(data, filename="manifest.json"))


@given(st.data())
@quick
def test_no_damage_to_a_manifest_makes_reading_raise(data):
    start = data.draw(st.integers(0, len(FULL) - 1))
    length = data.draw(st.integers(0, 200))
    put = data.draw(
        st.binary(max_size=12)
        | st.sampled_from([b"\n", b": ", b"- ", b"[", b"{", b"'", b"&a ", b"*a", b"!!int ", b"~"])
    )
    sound(read(FULL[:start] + put + FULL[start + length :]))


PRINTABLE = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"])
KEYS = ["name", "type", "model", "inputs", "constraints", "items", "properties", "default", "enum", "x-a", "expect"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(PRINTABLE, max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(Manifest.model_fields)), JSON, max_size=4))
@quick
def test_no_json_makes_reading_raise(data):
    sound(read(json.dumps(data).encode()))
    sound(read(json.dumps(data).encode(), filename="manifest.json"))


@pytest.mark.parametrize("depth", [90, 1000, 100_000])
def test_no_depth_makes_reading_raise(depth):
    inner = b"{type: array, items: " * depth + b"1" + b"}" * depth
    sound(read(b"inputs: [{name: a, type: array, items: " + inner + b"}]"))
    schema = b'{"a": ' * depth + b"1" + b"}" * depth
    sound(read(b'{"outputs": [{"name": "a", "type": "object", "schema": ' + schema + b"}]}", filename="manifest.json"))


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"unknown_{i}: 1\n" for i in range(20_000)),
        "inputs:\n" + "".join(f"  - {{name: p{i}, type: file}}\n" for i in range(5000)),
        "inputs:\n" + "".join(f"  - {{name: p, type: enum, enum: [{i}]}}\n" for i in range(5000)),
        "commands:\n" + "".join(f"  c{i}: {{}}\n" for i in range(10_000)) + "test_cases:\n"
        + "".join(f"  - {{name: t{i}, command: d{i}}}\n" for i in range(5000)),
        "inputs: [{name: a, type: enum, enum: [" + ", ".join(f"v{i}" for i in range(50_000)) + "]}]",
        "model: {license: " + "(" * 50_000 + "}",
        "inputs: [{name: a, type: file, file_pattern: '" + "{a," * 10_000 + "'}]",
        "inputs: [{name: a, type: string, constraints: {pattern: '" + "(" * 100_000 + "'}}]",
        "model: {name: " + "a" * 500_000 + "}",
    ],
    ids=["keys", "files", "enums", "commands", "values", "licence", "braces", "pattern", "name"],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_no_amount_makes_reading_take_for_ever(text):
    sound(read(text.encode()))


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(PRINTABLE, min_size=1, max_size=20)


@st.composite
def parameters(draw):
    kind = draw(st.sampled_from(["string", "integer", "float", "boolean", "decimal", "array", "map"]))
    parameter = {"name": draw(NAMES), "type": kind, "description": draw(TEXTS)}
    defaults = {
        "string": TEXTS,
        "integer": st.integers(),
        "float": st.floats(-1e30, 1e30),
        "boolean": st.booleans(),
        "decimal": st.decimals(-1000, 1000, places=3).map(str),
        "array": st.lists(TEXTS, max_size=3),
        "map": st.dictionaries(TEXTS, st.integers(-9, 9), max_size=3),
    }
    if draw(st.booleans()):
        parameter["default"] = draw(defaults[kind])
    if kind == "array":
        parameter["items"] = {"type": "string"}
    return parameter


MANIFESTS = st.fixed_dictionaries(
    {
        "spi_version": st.just("1"),
        "model": st.fixed_dictionaries(
            {"name": st.just("a"), "version": st.just("1.10.0"), "domain": st.just("text")},
            optional={
                "description": TEXTS,
                "company": TEXTS,
                "tags": st.lists(TEXTS, max_size=3),
                "tasks": st.dictionaries(TEXTS, st.lists(TEXTS, max_size=2), max_size=2),
                "is_trainable": st.sampled_from([True, False, "unsure"]),
            },
        ),
        "inputs": st.lists(parameters(), max_size=4, unique_by=lambda item: item["name"].casefold()),
        "outputs": st.just([]),
    },
    optional={
        "execution": st.fixed_dictionaries(
            {}, optional={"timeout_seconds": st.floats(0.001, 1e6), "config": st.dictionaries(TEXTS, JSON, max_size=3)}
        ),
        "x-own": JSON,
    },
)


@given(MANIFESTS)
@quick
def test_whatever_is_written_reads_back_the_same(data):
    manifest = Manifest.model_validate(data)
    for document in (read(dump(manifest).encode()), read(dump_json(manifest).encode(), filename="manifest.json")):
        assert document.ok, document.errors
        assert document.manifest == manifest
        assert document.manifest.to_dict() == manifest.to_dict()


def test_the_package_itself_loads_nothing():
    program = "import sys, nova_spi.manifest; print({'pydantic', 'ruamel.yaml', 'jsonschema'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
