"""The manifest's JSON Schema, generated from the models: for editors, for other tools, for other languages.

``python -m nova_spi.manifest.json_schema [FOLDER]`` writes schema/spi-manifest-1.schema.json (2020-12) and
schema/spi-manifest-1.draft-07.schema.json, which editors know better.
"""

import json
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from nova_spi.manifest.meaning.expecting import is_lenient
from nova_spi.manifest.models.execution import EntryPoint, HealthCheck
from nova_spi.manifest.models.manifest import Manifest
from nova_spi.manifest.models.parameter import Element
from nova_spi.manifest.models.record import Record
from nova_spi.manifest.rules.types import KEYS

Draft = Literal["2020-12", "draft-07"]

DIALECTS: dict[Draft, str] = {
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
    "draft-07": "http://json-schema.org/draft-07/schema#",
}
_FILES: dict[Draft, str] = {
    "2020-12": "spi-manifest-1.schema.json",
    "draft-07": "spi-manifest-1.draft-07.schema.json",
}
_ID = "urn:nova-spi:schema:manifest:1"
_EXTENSION = {"^x-": {"description": "Your own; it is kept as it is."}}


def manifest_schema(draft: Draft = "2020-12") -> dict[str, Any]:
    """The schema of the manifest.

    It holds every single field against its rule, and those rules across fields that a schema can say shortly; `read`
    knows them all.

    Args:
        draft: The dialect; both say the same.
    """
    schema = Manifest.model_json_schema(by_alias=True, schema_generator=_Generator, mode="validation")
    schema["title"] = "SPI manifest, version 1"
    if draft == "draft-07":
        schema = _with_definitions(schema)
    identifier = _ID if draft == "2020-12" else f"{_ID}:{draft}"
    return {"$schema": DIALECTS[draft], "$id": identifier, **schema}


class _Generator(GenerateJsonSchema):
    """Pydantic's generator with what our models mean: absent is not null, and ``x-*`` keys are free."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """An optional field may be left out; null is no value of it."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Only defaults that say something: an absent section or list needs no words."""
        found = super().default_schema(schema)
        if found.get("default") in (None, []):
            found.pop("default", None)
        return found

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """An object with its known keys and our ``x-*``."""
        found = super().model_schema(schema)
        model = schema["cls"]
        if not (isinstance(model, type) and issubclass(model, Record)):
            return found
        if not is_lenient(model):
            found.pop("additionalProperties", None)
            found |= {"patternProperties": _EXTENSION, "additionalProperties": False}
        return found | _across(model)

    def field_title_should_be_set(self, schema: Any) -> bool:
        """The name of a field is title enough."""
        return False


def _across(model: type[Record]) -> dict[str, Any]:
    """Rules across the fields of one object that a schema says in a few words."""
    if issubclass(model, Element):
        return {"allOf": [_enum_needs_values(), *(_only_for(key, kinds) for key, kinds in KEYS.items())]}
    if model is EntryPoint:
        return {"oneOf": [{"required": [key]} for key in ("command", "module", "callable")]}
    if model is HealthCheck:
        return {"oneOf": [{"required": [key]} for key in ("command", "callable")]}
    return {}


def _enum_needs_values() -> dict[str, Any]:
    condition = {"properties": {"type": {"const": "enum"}}, "required": ["type"]}
    return {"if": condition, "then": {"required": ["enum"]}}


def _only_for(key: str, kinds: tuple[str, ...]) -> dict[str, Any]:
    return {"if": {"required": [key]}, "then": {"properties": {"type": {"enum": list(kinds)}}}}


def _with_definitions(value: Any) -> Any:
    """The schema with ``definitions`` where the later dialect has ``$defs``."""
    if isinstance(value, dict):
        return {
            "definitions" if key == "$defs" else key: inner.replace("#/$defs/", "#/definitions/")
            if key == "$ref"
            else _with_definitions(inner)
            for key, inner in value.items()
        }
    return [_with_definitions(item) for item in value] if isinstance(value, list) else value


def rendered(draft: Draft) -> str:
    """The file's text."""
    return json.dumps(manifest_schema(draft), indent=2, ensure_ascii=False) + "\n"


def main(folder: str = "schema") -> None:
    """Writes both files into ``folder``."""
    for draft, name in _FILES.items():
        target = Path(folder) / name
        temporary = target.with_suffix(".new")
        temporary.write_text(rendered(draft), encoding="utf-8")
        temporary.replace(target)


if __name__ == "__main__":
    main(*sys.argv[1:2])
