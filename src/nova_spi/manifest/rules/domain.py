"""The model and its medium: facts of the domain, times, and categories that agree with the parameters."""

from collections.abc import Iterator

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import shown
from nova_spi.manifest.meaning.categories import fitting, media_of
from nova_spi.manifest.meaning.expecting import keys_of
from nova_spi.manifest.models.facts import FACTS
from nova_spi.manifest.models.times import parse_time
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.scope import Scope

_MEDIA = ("text", "image", "video", "audio", "json", "embedding", "3d")


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Every rule of the ``model`` section that is about more than one field."""
    yield from _facts(scope)
    yield from _times(scope)
    for side in ("inputs", "outputs"):
        yield from _categories(scope, side)
    yield from _specifications(scope)


def _facts(scope: Scope) -> Iterator[Diagnostic]:
    domain = scope.section("model").get("domain")
    facts = scope.section("model", "domain_specific")
    known = {medium: keys_of(model) for medium, model in FACTS.items()}
    anywhere = {key for keys in known.values() for key in keys} | set(FACTS)
    for key in facts:
        if key not in anywhere or domain not in (*FACTS, "multimodal"):
            continue
        place: Path = ("model", "domain_specific", key)
        if domain == "multimodal" and key not in FACTS:
            mend = "put it into the block of its medium: domain_specific: {image: {...}}"
            yield scope.at_key("SPI-M330", f"{key} stands outside the block of a medium", place, mend)
        elif domain != "multimodal" and key not in known[domain]:
            yield scope.at_key("SPI-M330", f"{key} is no fact of the domain {domain}", place, "remove it")


def _times(scope: Scope) -> Iterator[Diagnostic]:
    model = scope.section("model")
    created, modified = (parse_time(model.get(key, "")) for key in ("created_at", "modified_at"))
    if created and modified and modified < created:
        message = "modified_at is before created_at"
        yield scope.at_value("SPI-M331", message, ("model", "modified_at"), "correct one of the two")


def _categories(scope: Scope, side: str) -> Iterator[Diagnostic]:
    declared = scope.section("model").get(side)
    parameters = [parameter for interface in scope.interfaces for _, parameter in interface.parameters(side)]
    if not declared or not parameters or any("type" not in parameter for parameter in parameters):
        return
    possible = fitting(parameters)
    for index, category in enumerate(declared):
        if category and category not in possible:
            message = f"{category} is among model.{side}, and no parameter of {side} can be that"
            yield scope.at_value("SPI-M332", message, ("model", side, index), "remove it, or leave out the whole list")
    for medium in sorted(media_of(parameters) - set(declared)):
        message = f"a parameter of {side} is {medium}, which model.{side} does not name"
        yield scope.at_key("SPI-M332", message, ("model", side), f"add {medium}, or leave out the whole list")


def _specifications(scope: Scope) -> Iterator[Diagnostic]:
    for medium in scope.section("output_specifications"):
        if medium not in _MEDIA and not medium.startswith("x-"):
            mend = scope.suggestion(medium, _MEDIA) or f"take one of {', '.join(_MEDIA)}"
            message = f"output_specifications knows no medium {shown(medium)}"
            yield scope.at_key("SPI-M202", message, ("output_specifications", medium), mend)
