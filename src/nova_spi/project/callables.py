"""Checks of a callable entry point: its attribute, its method, and whether it takes the inputs."""

from collections.abc import Iterator
from pathlib import Path

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.meaning.suggest import did_you_mean
from nova_spi.project.modules import Modules, Use
from nova_spi.project.source import Callable, Source, has_plain_signature, unaccepted


def check_callable(text: str, use: Use, modules: Modules) -> Iterator[Diagnostic]:
    """Whatever is wrong with ``module:function`` or ``module:Class``, as far as parsing can tell."""
    module, _, attribute = text.partition(":")
    path = modules.find(module)
    if path is None:
        yield from modules.missing(module, use)
        return
    yield from modules.parse(path, use)
    source = modules.parsed(path)
    if source is not None:
        yield from _attribute(source, path, attribute, use, modules)


def _attribute(source: Source, path: Path, attribute: str, use: Use, modules: Modules) -> Iterator[Diagnostic]:
    name, _, inner = attribute.partition(".")
    relative = modules.places.relative(path)
    if not source.binds(name):
        mend = did_you_mean(name, source.names) or "define it there, or correct the entry point"
        yield modules.places.finding("SPI-M402", f"{relative} has no {name}", use.at("callable"), mend)
        return
    definition = source.definition(name)
    if isinstance(definition, Callable):
        yield from _signature(definition, relative, use, modules, method=False)
    elif definition is not None:
        wanted = inner.partition(".")[0] or use.method
        yield from _method(source.methods(definition), wanted, f"{relative}: class {name}", use, modules)


def _method(
    methods: dict[str, Callable | None] | None, name: str, owner: str, use: Use, modules: Modules
) -> Iterator[Diagnostic]:
    if methods is None:
        return
    if name not in methods:
        mend = did_you_mean(name, methods) or "define it, or give the command an entry point of its own"
        yield modules.places.finding("SPI-M415", f"{owner} has no method {name}", use.at("callable"), mend)
        return
    function = methods[name]
    if function is not None:
        yield from _signature(function, owner, use, modules, method=True)


def _signature(function: Callable, owner: str, use: Use, modules: Modules, *, method: bool) -> Iterator[Diagnostic]:
    if not has_plain_signature(function):
        return
    inputs = tuple(parameter.name or "" for parameter in use.inputs)
    unknown, missing = unaccepted(function, inputs, method=method)
    where = f"{owner}: {function.name} (line {function.lineno})"
    if unknown:
        message = f"{where} does not take the input {', '.join(unknown)}"
        yield modules.places.finding("SPI-M416", message, use.at("callable"), "add it to the parameters, or **inputs")
    if missing:
        message = f"{where} wants {', '.join(missing)}, which is no input"
        mend = "declare it as an input, or give it a default"
        yield modules.places.finding("SPI-M416", message, use.at("callable"), mend)
