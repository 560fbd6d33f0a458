"""Where settings come from: two files, the environment, the caller."""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from nova_spi.errors import SettingsInvalid
from nova_spi.settings.table import SETTINGS
from nova_spi.settings.values import checked, unknown

PROJECT_FILE = ".nova-spi.toml"
USER_FILE = "config.toml"
MAX_FILE_BYTES = 64 * 1024

Found = dict[str, tuple[str | Path, str]]
"""Values by name, each with where it comes from."""


def user_folder(kind: Literal["cache", "data", "config"]) -> Path:
    """The user's own folder of a kind, as the system has it.

    Raises:
        SettingsInvalid: The user has no home, as in a container that runs under any number.
    """
    import platformdirs

    paths = {
        "cache": platformdirs.user_cache_path,
        "data": platformdirs.user_data_path,
        "config": platformdirs.user_config_path,
    }
    try:
        return paths[kind]("nova-spi", appauthor=False)
    except RuntimeError as error:
        raise SettingsInvalid(
            f"There is no place for the {kind} folder: this user has no home.",
            mend="Set HOME, or NOVA_SPI_CACHE_DIR and NOVA_SPI_DATA_DIR.",
        ) from error


def user_file() -> Path | None:
    """The user's settings file, or None where there is none."""
    try:
        path = user_folder("config") / USER_FILE
    except SettingsInvalid:
        return None
    return path if os.path.lexists(path) else None


def project_file(project: Path | None) -> Path | None:
    """The settings file of the project at a folder or a manifest, or None where there is none."""
    if project is None:
        return None
    path = (project if project.is_dir() else project.parent) / PROJECT_FILE
    return path if os.path.lexists(path) else None


def from_file(path: Path) -> Found:
    """What a file says.

    Raises:
        SettingsInvalid: It cannot be read, has an unknown key, or a value that cannot be used.
    """
    found = {}
    for name, value in _read_toml(path).items():
        if name not in SETTINGS:
            raise unknown(name, str(path))
        found[name] = (checked(name, value, str(path), base=path.absolute().parent), str(path))
    return found


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            raise SettingsInvalid(
                f"{path} is not a regular file of at most {MAX_FILE_BYTES // 1024} KiB.",
                mend=f"Replace it by a short TOML file with some of: {', '.join(SETTINGS)}.",
            )
        with path.open("rb") as file:
            return tomllib.loads(file.read(MAX_FILE_BYTES).decode("utf-8"))
    except OSError as error:
        raise SettingsInvalid(f"{path} cannot be read.", why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise SettingsInvalid(f"{path} is not UTF-8.", mend="Save it as UTF-8.") from error
    except RecursionError as error:
        raise SettingsInvalid(f"{path} is nested too deep.", mend="Settings are flat: name = value.") from error
    except ValueError as error:  # TOMLDecodeError is one, and so is a number of too many digits
        raise SettingsInvalid(f"{path} is not TOML.", why=str(error), mend='Write name = "value" lines.') from error


def from_environment() -> Found:
    """What the ``NOVA_SPI_*`` variables say; an empty one says nothing.

    Raises:
        SettingsInvalid: One holds what cannot be used.
    """
    found = {}
    for name in SETTINGS:
        variable = f"NOVA_SPI_{name.upper()}"
        if text := os.environ.get(variable):
            found[name] = (checked(name, text, variable), variable)
    return found


def from_options(options: Mapping[str, Any]) -> Found:
    """What the caller says; None says nothing.

    Raises:
        SettingsInvalid: An unknown option, or a value that cannot be used.
    """
    found = {}
    for name, value in options.items():
        if name not in SETTINGS:
            raise unknown(name, "The call")
        if value is not None:
            text = os.fspath(value) if isinstance(value, os.PathLike) else value
            found[name] = (checked(name, text, f"The option {name}"), "option")
    return found
