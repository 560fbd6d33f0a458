import json
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from nova_spi.interface.compiled import compile_interface
from nova_spi.interface.examples import example_option, example_value
from nova_spi.interface.openapi import openapi
from nova_spi.interface.tools import tool
from nova_spi.manifest.models import Manifest
from nova_spi_runtime.parameters import TYPES, Parameter
from nova_spi_runtime.values import from_json

INPUTS = [
    {"name": "picture", "type": "file", "required": True, "mime_types": ["image/png"], "constraints": {"max_files": 1}},
    {"name": "options", "type": "object", "properties": {"x-nova-spi": {"type": "integer"}}},
    {"name": "price", "type": "decimal", "description": "The price.", "constraints": {"min_value": "0.5"}},
    {"name": "token", "type": "string", "secret": True, "required": True},
]
OUTPUTS = [{"name": "lines", "type": "array", "required": True, "items": {"type": "string"}}]
MANIFEST = Manifest.model_validate(
    {
        "model": {
            "name": "caption.reader",
            "version": "1.0.0",
            "domain": "image",
            "description": "Reads the text in a picture. Says where it stands.",
            "license": "Apache-2.0",
        },
        "inputs": INPUTS,
        "outputs": OUTPUTS,
        "commands": {
            "translate": {
                "description": "Translates.\nWell.",
                "inputs": [{"name": "text", "type": "string", "required": True}, {"name": "steps", "type": "integer"}],
                "outputs": [{"name": "text", "type": "string"}],
            }
        },
    }
)
INTERFACE = compile_interface(MANIFEST)
DOCUMENT = openapi(MANIFEST, INTERFACE)


def test_the_document_is_openapi_3_1_with_one_post_a_command() -> None:
    json.dumps(DOCUMENT)
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"] == {
        "title": "caption.reader",
        "version": "1.0.0",
        "description": "Reads the text in a picture. Says where it stands.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    assert list(DOCUMENT["paths"]) == ["/v1/commands/run", "/v1/commands/translate"]
    assert all(list(item) == ["post"] for item in DOCUMENT["paths"].values())
    operations = [item["post"] for item in DOCUMENT["paths"].values()]
    assert [each["operationId"] for each in operations] == ["run", "translate"]
    assert [each["summary"] for each in operations] == ["Reads the text in a picture", "Translates"]


def test_every_reference_leads_somewhere_and_every_name_is_allowed() -> None:
    text = json.dumps(DOCUMENT)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert named <= set(DOCUMENT["components"]["schemas"])
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in DOCUMENT["components"]["schemas"])


def test_every_schema_of_the_document_is_valid() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for item in DOCUMENT["paths"].values():
        for body in item["post"]["requestBody"]["content"].values():
            Draft202012Validator.check_schema(body["schema"])


def test_files_are_parts_of_a_form_or_base64_in_json() -> None:
    content = DOCUMENT["paths"]["/v1/commands/run"]["post"]["requestBody"]["content"]
    part = content["multipart/form-data"]["schema"]["properties"]["picture"]
    assert (part["type"], part["contentMediaType"]) == ("string", "image/png")
    assert content["multipart/form-data"]["encoding"] == {
        "options": {"contentType": "application/json"},
        "picture": {"contentType": "image/png"},
    }
    assert DOCUMENT["components"]["schemas"]["run.Inputs"]["properties"]["picture"]["contentEncoding"] == "base64"


def test_a_command_without_files_takes_json_alone_with_an_example_that_fits() -> None:
    body = DOCUMENT["paths"]["/v1/commands/translate"]["post"]["requestBody"]
    assert list(body["content"]) == ["application/json"]
    assert body["required"]
    inputs = DOCUMENT["components"]["schemas"]["translate.Inputs"]
    Draft202012Validator(inputs).validate(body["content"]["application/json"]["example"])


def test_a_custom_license_has_no_identifier() -> None:
    model = MANIFEST.model.model_copy(update={"license": "LicenseRef-ours"})
    own = MANIFEST.model_copy(update={"model": model})
    assert openapi(own, INTERFACE)["info"]["license"] == {"name": "LicenseRef-ours"}


def test_a_tool_is_named_and_described_as_agents_want_it() -> None:
    function = tool(MANIFEST, INTERFACE.command())["function"]
    assert function["name"] == "caption_reader"
    assert function["description"] == "Reads the text in a picture. Says where it stands."
    assert tool(MANIFEST, INTERFACE.command("translate"))["function"]["name"] == "caption_reader_translate"


def test_a_tool_s_parameters_are_a_plain_object_without_secrets() -> None:
    found = tool(MANIFEST, INTERFACE.command())["function"]["parameters"]
    Draft202012Validator.check_schema(found)
    assert found["type"] == "object"
    assert found["required"] == ["picture"]
    assert set(found["properties"]) == {"picture", "options", "price"}
    assert "x-nova-spi" not in json.dumps([found["properties"]["picture"], found["properties"]["price"]])
    assert found["properties"]["picture"]["description"] == "Path of a file of type image/png."
    assert found["properties"]["price"]["description"] == "The price. At least 0.5."


def test_a_property_that_is_called_like_our_key_stays() -> None:
    found = tool(MANIFEST, INTERFACE.command())["function"]["parameters"]
    assert found["properties"]["options"]["properties"] == {"x-nova-spi": {"type": "integer"}}


@pytest.mark.parametrize("kind", TYPES)
def test_an_example_has_its_parameter_s_type(kind: str) -> None:
    fields: dict[str, Any] = {"name": "value", "type": kind}
    if kind == "enum":
        fields["enum"] = ["a", "b"]
    parameter = Parameter.from_dict(fields)
    assert example_option(parameter).startswith("--input value=")
    if kind != "file":
        from_json(parameter, example_value(parameter))


@pytest.mark.parametrize(
    ("fields", "option"),
    [
        ({"type": "integer", "default": 20}, "--input value=20"),
        ({"type": "integer", "constraints": {"min_value": 7}}, "--input value=7"),
        ({"type": "integer", "constraints": {"max_value": -7}}, "--input value=-7"),
        ({"type": "boolean"}, "--input value=true"),
        ({"type": "string", "default": "it's"}, "--input value='it'\\''s'"),
        ({"type": "string", "secret": True}, "--input value=@FILE"),
        ({"type": "array", "items": {"type": "integer"}}, "--input value='[1]'"),
        ({"type": "map", "values": {"type": "decimal"}}, '--input value=\'{"key":"10.25"}\''),
        ({"type": "object", "properties": {"a": {"type": "integer", "required": True}}}, "--input value='{\"a\":1}'"),
        ({"type": "file", "mime_types": ["video/*"]}, "--input value=value.mp4"),
        ({"type": "file"}, "--input value=value-file"),
        ({"type": "string", "constraints": {"max_length": 4}}, "--input value=some"),
    ],
)
def test_an_example_is_what_one_would_type(fields: dict[str, Any], option: str) -> None:
    assert example_option(Parameter.from_dict({"name": "value"} | fields)) == option


@settings(max_examples=60, deadline=None)
@given(least=st.integers(0, 20), more=st.integers(0, 20))
def test_examples_keep_lengths(least: int, more: int) -> None:
    rules = {"min_length": least, "max_length": least + more}
    parameter = Parameter.from_dict({"name": "v", "type": "string", "constraints": rules})
    from_json(parameter, example_value(parameter))


def test_binding_loads_nothing_heavy() -> None:
    program = (
        "import sys, nova_spi.interface.binding, nova_spi.interface.compiled\n"
        "print([name for name in ('PIL', 'av', 'jsonschema', 'pydantic', 'puremagic', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
