"""Finding and reading the manifest beside a model.

What stands there is the compiled copy ``spi/manifest.json``: the manifest as JSON, with the interface of each command
under ``x-compiled``. A manifest that nobody compiled is read too, for programs that run without an engine.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

from .errors import SPIError
from .json_text import JsonInvalid, parse_json
from .parameters import Parameter
from .problems import suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

NAMES = ("manifest.yml", "manifest.yaml", "manifest.json")
MAX_BYTES = 16 * 1024 * 1024
CODE = "manifest.unreadable"


class Command:
    """One command of a model: ``name``, ``entry_point``, ``inputs``, ``outputs`` and whether it is the default."""

    def __init__(self, name: str, compiled: Mapping[str, Any], *, default: bool) -> None:
        self.name = name
        self.default = default
        self.entry_point: Mapping[str, Any] = compiled.get("entry_point") or {}
        self.inputs = tuple(Parameter.from_dict(each) for each in compiled.get("inputs") or ())
        self.outputs = tuple(Parameter.from_dict(each) for each in compiled.get("outputs") or ())


def find_manifest(path: str | None = None) -> str:
    """The manifest's path: the one that is given, ``$SPI_MANIFEST``, or the first at the known places.

    Those are the work folder, ``spi`` below it, and ``/app/spi``. The work folder is ``$SPI_WORK_DIR``; without it the
    current folder, the folder of the program, and ``/app``. A path that is given but not there, as ``/app/...`` where
    no container is, gives way to what an engine says.

    Raises:
        SPIError: ``manifest.unreadable``; there is none.
    """
    named = [each for each in (path, os.environ.get("SPI_MANIFEST")) if each]
    for each in named:
        if os.path.isfile(each):
            return os.path.abspath(each)
    if named and not os.environ.get("SPI_WORK_DIR"):
        raise SPIError(CODE, f"There is no manifest at {named[-1]}.")
    folders = [os.path.join(root, below) for root in _roots() for below in ("", "spi")] + ["/app/spi"]
    for folder in folders:
        for name in NAMES:
            if os.path.isfile(os.path.join(folder, name)):
                return os.path.abspath(os.path.join(folder, name))
    raise SPIError(CODE, f"There is no manifest.yml in {', '.join(dict.fromkeys(map(os.path.abspath, folders)))}.")


def _roots() -> list[str]:
    work_dir = os.environ.get("SPI_WORK_DIR")
    if work_dir:
        return [work_dir]
    program = getattr(sys.modules.get("__main__"), "__file__", None)
    return [os.getcwd(), *([os.path.dirname(os.path.abspath(program))] if program else []), "/app"]


def work_dir_of(path: str) -> str:
    """The work folder that a manifest stands in, also when it stands in ``spi`` below it."""
    folder = os.path.dirname(path)
    return os.path.dirname(folder) if os.path.basename(folder) == "spi" else folder


def load_manifest(path: str) -> dict[str, Any]:
    """Read a manifest into a dict.

    For YAML the compiled copy beside it is taken, unless the YAML is newer and no engine prepared the folder; else
    the model's own PyYAML or ruamel.yaml reads it.

    Raises:
        SPIError: ``manifest.unreadable``.
    """
    if path.endswith(".json"):
        return _object(path, _parse_json(path))
    folder = os.path.dirname(path)
    copies = (os.path.join(folder, "spi", "manifest.json"), os.path.join(folder, "manifest.json"))
    copy = next((each for each in copies if os.path.isfile(each)), None)
    prepared = bool(os.environ.get("SPI_WORK_DIR"))
    if copy and (prepared or os.path.getmtime(copy) >= os.path.getmtime(path)):
        return load_manifest(copy)
    parse = _yaml_parser()
    if parse is not None:
        return _object(path, parse(path))
    if copy:
        return load_manifest(copy)
    raise SPIError(
        CODE,
        f"{path} is YAML, and there is neither spi/manifest.json beside it nor a YAML package: "
        "run it by `nova-spi run`, or install PyYAML.",
    )


def _object(path: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SPIError(CODE, f"{path} is no manifest: it must be an object.")
    return value


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            found = file.read(MAX_BYTES + 1)
    except OSError as problem:
        raise SPIError(CODE, f"{path} cannot be read: {problem.strerror}.") from None
    if len(found) > MAX_BYTES:
        raise SPIError(CODE, f"{path} is larger than {MAX_BYTES // 1024 // 1024} MiB.")
    return found


def _parse_json(path: str) -> Any:
    try:
        return parse_json(_read(path))
    except JsonInvalid as problem:
        raise SPIError(CODE, f"{path} is not JSON: {problem}.") from None


def _yaml_parser() -> Callable[[str], Any] | None:
    """What reads YAML in the model's own environment, if anything does."""
    try:
        import yaml  # type: ignore[import-untyped,unused-ignore]  # the model's own package, known only at run time

        read = yaml.safe_load
    except ImportError:
        try:
            from ruamel.yaml import YAML

            read = YAML(typ="safe", pure=True).load
        except ImportError:
            return None

    def parse(path: str) -> Any:
        try:
            return read(_read(path))
        except SPIError:
            raise
        except Exception as problem:  # noqa: BLE001  # each package has a tree of errors of its own
            raise SPIError(CODE, f"{path} is not YAML: {problem}") from None

    return parse


def select_command(manifest: Mapping[str, Any], path: str, name: str | None) -> Command:
    """The command of a name, or the default one, with its typed parameters.

    Raises:
        SPIError: ``manifest.unreadable``; there is no such command, or its parameters cannot be used.
    """
    with _readable(path):
        default, commands = _commands(manifest)
        chosen = name or default
        if chosen not in commands:
            known = ", ".join(commands)
            raise SPIError(CODE, f"There is no command '{chosen}'{suggestion(chosen, commands)}, only {known}.")
        return Command(chosen, commands[chosen], default=chosen == default)


def all_commands(manifest: Mapping[str, Any], path: str) -> dict[str, Command]:
    """Every command by its name.

    Raises:
        SPIError: ``manifest.unreadable``; the parameters of one cannot be used.
    """
    with _readable(path):
        default, commands = _commands(manifest)
        return {name: Command(name, compiled, default=name == default) for name, compiled in commands.items()}


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise SPIError(CODE, f"{path} cannot be used: {problem}.") from None


def _commands(manifest: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    compiled = manifest.get("x-compiled") or compile_plain(manifest)
    return str(compiled["default_command"]), compiled["commands"]


def compile_plain(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The ``x-compiled`` part of a manifest that has none: commands with their entry point and interface."""
    execution = manifest.get("execution") or {}
    root = str(execution.get("base_work_dir") or "/app").rstrip("/") + "/"
    default = "run"
    commands = {}
    for name, command in (manifest.get("commands") or {}).items():
        if command.get("default"):
            default = name
        else:
            commands[name] = _interface(command, execution, root)
    whole = {"inputs": manifest.get("inputs"), "outputs": manifest.get("outputs")}
    commands[default] = _interface(whole, execution, root)
    return {"default_command": default, "commands": commands}


def _interface(command: Mapping[str, Any], execution: Mapping[str, Any], root: str) -> dict[str, Any]:
    found: dict[str, Any] = {"entry_point": command.get("entry_point") or execution.get("entry_point")}
    if not isinstance(found["entry_point"], dict):
        found["entry_point"] = {"command": found["entry_point"]}
    for key in ("inputs", "outputs"):
        found[key] = [{**each, **_mount(each, root)} for each in command.get(key) or ()]
    return found


def _mount(parameter: Mapping[str, Any], root: str) -> dict[str, str]:
    mount = parameter.get("mount_path")
    return {"mount_path": mount[len(root) :] or "."} if isinstance(mount, str) and mount.startswith(root) else {}
