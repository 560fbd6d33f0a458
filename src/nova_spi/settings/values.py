"""One value of a setting: of the type that the table says, or an error that names where it comes from."""

import difflib
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nova_spi.errors import SettingsInvalid
from nova_spi.settings.table import ENGINES, SETTINGS

MAX_VALUE_LENGTH = 4096


def checked(name: str, value: Any, source: str, base: Path | None = None) -> str | Path:
    """The value as its type says.

    Args:
        name: The setting.
        value: What was given.
        source: Who gave it, as the error names it.
        base: Where a relative path starts; None is the current folder.

    Raises:
        SettingsInvalid: It cannot be used.
    """
    if not isinstance(value, str):
        raise SettingsInvalid(
            f"{source}: {name} is {_kind_of(value)} where a string is wanted.",
            mend=f'Write {name} = "...". {SETTINGS[name].help}',
        )
    if not value.strip() or len(value) > MAX_VALUE_LENGTH or not value.isprintable():
        raise SettingsInvalid(
            f"{source}: {name} is empty, too long or holds control characters.",
            mend=f"Set it to one printable line of at most {MAX_VALUE_LENGTH} characters, or leave it out.",
        )
    match SETTINGS[name].type:
        case "url":
            return _url(name, value, source)
        case "engine":
            return _engine(value, source)
        case "path":
            return _path(name, value, source, base)
        case _:
            return value.strip()


def _url(name: str, value: str, source: str) -> str:
    try:
        parts = urlsplit(value.strip())
        usable = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and " " not in value.strip()
        )
    except ValueError:
        usable = False
    if not usable:
        raise SettingsInvalid(
            f"{source}: {name} is not an http or https address.", mend=f"Write it like {SETTINGS[name].default}."
        )
    if parts.username or parts.password:
        raise SettingsInvalid(
            f"{source}: {name} holds a user name or a password.",
            why="Settings are shown and written to files.",
            mend="Leave them out of the address and use: nova-spi login",
        )
    return value.strip().rstrip("/")


def _engine(value: str, source: str) -> str:
    if value not in ENGINES:
        raise SettingsInvalid(
            f"{source}: there is no engine {value!r}.{_did_you_mean(value, ENGINES)}",
            mend=f"Use one of: {', '.join(ENGINES)}.",
        )
    return value


def _path(name: str, value: str, source: str, base: Path | None) -> Path:
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise SettingsInvalid(
            f"{source}: the home folder in {name} is not known.", why=str(error), mend="Write the whole path."
        ) from error
    return Path(os.path.normpath((base or Path.cwd()) / path))


def unknown(name: str, source: str) -> SettingsInvalid:
    """The error for a name that is no setting."""
    return SettingsInvalid(
        f"{source} has the unknown setting {name[:80]!r}.{_did_you_mean(name, tuple(SETTINGS))}",
        mend=f"Settings are: {', '.join(SETTINGS)}.",
    )


def _did_you_mean(word: str, choices: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word[:80].lower().replace("-", "_"), choices, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _kind_of(value: Any) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date" if type(value).__module__ == "datetime" else type(value).__name__)
