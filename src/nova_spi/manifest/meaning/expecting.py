"""What each key of the manifest expects, read off the models' annotations once.

`nova_spi.manifest.meaning.construct` walks the document by these, so that a scalar is read as what its key wants.
"""

import types
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from nova_spi.manifest.models.fields import Short, SplitText, Told
from nova_spi.manifest.models.record import Lenient, Record


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value."""

    said = "any value"


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    said = "a text"


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    said = "a whole number"


@dataclass(frozen=True, slots=True)
class Real:
    """A number."""

    said = "a number"


@dataclass(frozen=True, slots=True)
class Truth:
    """A boolean."""

    said = "true or false"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    values: tuple[str | int, ...]

    @property
    def said(self) -> str:
        """The values in words."""
        *most, last = (str(value) for value in self.values)
        return f"{', '.join(most)} or {last}" if most else last


@dataclass(frozen=True, slots=True)
class Several:
    """A list. ``or_text``: a text stands for it and is split later."""

    item: "Expectation"
    or_text: bool = False
    said = "a list"


@dataclass(frozen=True, slots=True)
class Table:
    """A map with free keys."""

    value: "Expectation"
    said = "a map"


@dataclass(frozen=True, slots=True)
class Object:
    """A map with known keys. ``short``: the key that a lone scalar stands for."""

    model: type[Record]
    short: Short | None = None

    @property
    def said(self) -> str:
        """In words."""
        return "a whole number or a map" if self.short else "a map"


@dataclass(frozen=True, slots=True)
class Either:
    """One of several kinds."""

    options: tuple["Expectation", ...]

    @property
    def said(self) -> str:
        """In words."""
        words = list(dict.fromkeys(word for option in self.options for word in option.said.split(" or ")))
        return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


Expectation = Anything | Text | Whole | Real | Truth | Choice | Several | Table | Object | Either


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an object.

    Attributes:
        name: As it is written.
        attribute: As the model calls it.
        expects: What stands under it.
        required: It must be there.
        told: How a value that breaks the key's own rule is reported, where the field has words of its own.
    """

    name: str
    attribute: str
    expects: Expectation
    required: bool
    told: Told | None = field(default=None)


@cache
def keys_of(model: type[Record]) -> dict[str, Key]:
    """The keys of a model as they are written, in the order of the reference."""
    found = {}
    for attribute, info in model.model_fields.items():
        name = info.alias or attribute
        found[name] = Key(name, attribute, _expects(info.annotation, info), info.is_required(), told_of(info))
    return found


def is_lenient(model: type[Record]) -> bool:
    """Whether unknown keys are only warned of."""
    return issubclass(model, Lenient)


def told_of(info: FieldInfo) -> Told | None:
    """The words of a field's rule, wherever in its annotation they stand."""
    for item in info.metadata:
        if isinstance(item, Told):
            return item
    return _told_in(info.annotation)


def _told_in(annotation: Any) -> Told | None:
    """The words nearest to the value: those of a list's items, a map's values or the option of a union."""
    if get_origin(annotation) is Annotated:
        for item in annotation.__metadata__:
            if isinstance(item, Told):
                return item
    inner = get_args(annotation)
    if get_origin(annotation) is dict:
        inner = inner[1:]
    for part in inner:
        if isinstance(part, type) and issubclass(part, Record):
            continue
        told = _told_in(part)
        if told:
            return told
    return None


def key_told(info: FieldInfo) -> Told | None:
    """The words of the rule for the keys of a map."""
    for part in (info.annotation, *get_args(info.annotation)):
        if get_origin(part) is dict:
            return _told_in(get_args(part)[0])
    return None


_SIMPLE: dict[Any, Expectation] = {Any: Anything(), str: Text(), int: Whole(), float: Real(), bool: Truth()}


def _expects(annotation: Any, info: FieldInfo | None = None) -> Expectation:
    metadata = list(info.metadata) if info else []
    while get_origin(annotation) is Annotated:
        metadata += annotation.__metadata__
        annotation = get_args(annotation)[0]
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return _either(tuple(part for part in inner if part is not type(None)), metadata)
    if origin is Literal:
        return Choice(inner)
    if origin is tuple:
        return Several(_expects(inner[0]), any(isinstance(item, SplitText) for item in metadata))
    if origin is dict:
        return Table(_expects(inner[1]))
    if isinstance(annotation, type) and issubclass(annotation, Record):
        short = next((item for item in metadata if isinstance(item, Short)), None)
        return Object(annotation, short)
    raise TypeError(f"the manifest's models use {annotation!r}, which the reader does not know")


def _either(options: tuple[Any, ...], metadata: list[Any]) -> Expectation:
    if len(options) == 1:
        option = options[0]
        for item in metadata:
            option = Annotated[option, item]
        return _expects(option)
    return Either(tuple(_expects(option) for option in options))
