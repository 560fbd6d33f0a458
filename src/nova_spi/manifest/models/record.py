"""What all models of the manifest have in common: frozen, strict, and with room for ``x-*`` keys only."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError


class Record(BaseModel):
    """One object of the manifest.

    Values are taken as they are: a string is never read as a number. Keys that the model does not know are refused,
    except those that start with ``x-``, which are kept and written back.
    """

    # Core schemas are built at first use: importing the models stays cheap, and only `Manifest` is validated whole.
    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="allow",
        allow_inf_nan=False,
        protected_namespaces=(),
        validate_by_alias=True,
        validate_by_name=True,
        defer_build=True,
    )

    @model_validator(mode="after")
    def _only_extensions(self) -> Self:
        for key in self.model_extra or ():
            if not key.startswith("x-"):
                raise PydanticCustomError("unknown_key", "the key {key} is not known", {"key": key})
        return self

    def to_dict(self) -> dict[str, Any]:
        """The object as plain JSON-able data in the order of the reference, without what was not set."""
        data = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        _drop_absent(self, data)
        return data


def _drop_absent(value: Any, data: Any) -> None:
    """Takes out fields that were set to None, which means absent; null inside free data stays."""
    if isinstance(value, Record):
        for attribute, info in type(value).model_fields.items():
            key, inner = info.alias or attribute, getattr(value, attribute)
            if inner is None:
                data.pop(key, None)
            elif key in data:
                _drop_absent(inner, data[key])
    elif isinstance(value, tuple):
        for inner, written in zip(value, data, strict=True):
            _drop_absent(inner, written)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _drop_absent(inner, data[key])


class Lenient(Record):
    """An object whose unknown keys are kept and only warned of: facts of a field that moves."""

    @model_validator(mode="after")
    def _only_extensions(self) -> Self:
        return self
