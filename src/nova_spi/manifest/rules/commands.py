"""Commands beside the default one."""

from collections.abc import Iterator

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.rules.scope import Scope


def check(scope: Scope) -> Iterator[Diagnostic]:
    """Default names, the name ``run``, and methods that two commands would share."""
    commands = scope.section("commands")
    defaults = [name for name, command in commands.items() if command.get("default") is True]
    for name in defaults[1:]:
        message = f"{defaults[0]} has default: true already"
        yield scope.at_key("SPI-M351", message, ("commands", name, "default"), "keep one of them")
    for name in defaults:
        for side in ("inputs", "outputs"):
            if side in commands[name]:
                message = f"{name} names the default command, whose {side} stand at the top level"
                yield scope.at_key("SPI-M350", message, ("commands", name, side), f"move {side} to the top level")
    if "run" in commands and not defaults:
        message = "the default command is called run already"
        yield scope.at_key("SPI-M352", message, ("commands", "run"), "take another name")
    yield from _methods(scope, list(commands))


def _methods(scope: Scope, names: list[str]) -> Iterator[Diagnostic]:
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.replace("-", "_"), name)
        if first != name:
            message = f"{name} and {first} would call the same method, {name.replace('-', '_')}"
            yield scope.at_key("SPI-M353", message, ("commands", name), "rename one of them")
