"""How the model runs: entry points, the environment, secrets and assets, health, images."""

from collections.abc import Iterator

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.scope import Scope, entries

_ENTRIES = ("command", "module", "callable")
_HEALTH = ("command", "callable")
_RESERVED = ("INPUT_", "SPI_")
_OWN_BASES = ("debian", "Dockerfile")
"""Base images that are made here: from the distribution's packages, from the project's own file."""


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Every rule of ``execution`` and of the assets that it fetches."""
    execution = scope.section("execution")
    if isinstance(execution.get("entry_point"), dict):
        yield from _exactly_one(scope, "SPI-M340", _ENTRIES, ("execution", "entry_point"))
    for name, command in scope.section("commands").items():
        if isinstance(command.get("entry_point"), dict):
            place = ("commands", name, "entry_point")
            yield from _exactly_one(scope, "SPI-M340", _ENTRIES, place)
    if isinstance(execution.get("health_check"), dict):
        yield from _exactly_one(scope, "SPI-M344", _HEALTH, ("execution", "health_check"))
    yield from _reserved(scope)
    yield from _credentials(scope)
    image = execution.get("base_image")
    if image and image not in _OWN_BASES and "@sha256:" not in image:
        message = f"the base image {image} has no digest; its tag can point to another image tomorrow"
        yield scope.at_value("SPI-M345", message, ("execution", "base_image"), "add @sha256:DIGEST")


def _exactly_one(scope: Scope, code: str, names: tuple[str, ...], path: Path) -> Iterator[Diagnostic]:
    node = scope.keys_at(path)
    present = [name for name in names if name in node]
    if len(present) != 1:
        *most, last = names
        found = f"here stand {' and '.join(present)}" if present else "none stands here"
        message = f"{path[-1]} takes exactly one of {', '.join(most)} and {last}; {found}"
        yield scope.at_key(code, message, path, "keep one of them" if present else "add one of them")


def _reserved(scope: Scope) -> Iterator[Diagnostic]:
    for name in scope.section("execution", "environment"):
        if name.upper().startswith(_RESERVED):
            message = f"the variable {name} is reserved: the engine sets INPUT_* and SPI_* itself"
            yield scope.at_key("SPI-M341", message, ("execution", "environment", name), "rename it")


def _credentials(scope: Scope) -> Iterator[Diagnostic]:
    secrets = [name for name in scope.section("execution").get("secrets") or () if name]
    for index, asset in entries(scope.data.get("assets")):
        name = asset.get("credentials")
        if name is not None and name not in secrets:
            mend = scope.suggestion(name, secrets) or f"add {name} to execution.secrets"
            message = f"execution.secrets has no {name}"
            yield scope.at_value("SPI-M343", message, ("assets", index, "credentials"), mend)
