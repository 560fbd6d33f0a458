"""Settings: where the library looks when the caller does not say.

An option wins over the environment variable ``NOVA_SPI_<NAME>``, that over the project's ``.nova-spi.toml``, that over
the user's ``config.toml``, and that over the default. The result is one frozen object that is handed down; nothing
below asks the environment again.

    settings = Settings.load(Path("my-model"), engine="process")
    settings.engine               # "process"
    settings.origin("engine")     # "option"

A settings file is flat TOML, e.g. ``server = "https://models.example.org"``. Unknown keys and values of a wrong type
are errors that name the file. A relative path in a file starts at that file's folder, anywhere else at the current one.
"""

import difflib
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from nova_spi.errors import SettingsInvalid

PROJECT_FILE = ".nova-spi.toml"
USER_FILE = "config.toml"
MAX_FILE_BYTES = 64 * 1024
MAX_VALUE_LENGTH = 4096
ENGINES = ("auto", "docker", "process", "ray")

Kind = Literal["url", "text", "path", "engine"]


class Setting(NamedTuple):
    """One row of the table of settings.

    Attributes:
        type: ``url`` (http or https), ``text``, ``path`` or ``engine`` (one of `ENGINES`).
        default: What counts where nobody says anything; None where there is nothing, or where the default follows from
            ``data_dir`` or from the user's directories.
        help: One sentence for people.
    """

    type: Kind
    default: str | None
    help: str


SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {
        "server": Setting("url", "https://aiportal.icvr.io", "The platform that login, submit and model speak to."),
        "registry": Setting("text", None, "Where images and artifacts are pushed, e.g. registry.example.org/models."),
        "engine": Setting("engine", "auto", "Where models run: auto, docker, process or ray."),
        "base_image": Setting("text", None, "What images are built from, where the manifest does not say."),
        "store": Setting("path", None, "The folder of the local artifact store; below data_dir by default."),
        "advisory_db": Setting("path", None, "The local database of advisories; below data_dir by default."),
        "osv_url": Setting("url", "https://api.osv.dev", "The service that knows advisories of packages."),
        "cache_dir": Setting("path", None, "What can be made again: environments, fetched assets."),
        "data_dir": Setting("path", None, "What cannot: stored artifacts, volumes, tokens."),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, decided. Make one with `Settings.load`.

    Attributes:
        server: The platform's address, without a final slash.
        registry: Host and prefix of an OCI registry, or None.
        engine: ``auto``, ``docker``, ``process`` or ``ray``.
        base_image: An image reference, or None.
        store: The local artifact store.
        advisory_db: The local database of advisories.
        osv_url: The OSV service's address, without a final slash.
        cache_dir: For what can be made again.
        data_dir: For what cannot.
    """

    server: str
    registry: str | None
    engine: str
    base_image: str | None
    store: Path
    advisory_db: Path
    osv_url: str
    cache_dir: Path
    data_dir: Path
    _origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, project: Path | None = None, **options: Any) -> Self:
        """Decides every setting.

        Args:
            project: The project's folder, or its manifest; its ``.nova-spi.toml`` is read where there is one.
            options: What the caller says; None means that the caller says nothing.

        Raises:
            SettingsInvalid: An option, a variable or a file holds what cannot be used.
        """
        found: dict[str, tuple[str | Path, str]] = {}
        for source in (_user_file(), _project_file(project)):
            if source is not None:
                found |= _from_file(source)
        found |= _from_environment()
        found |= _from_options(options)
        return cls._decide(found)

    @classmethod
    def _decide(cls, found: dict[str, tuple[str | Path, str]]) -> Self:
        values: dict[str, Any] = {name: row.default for name, row in SETTINGS.items()}
        values |= {name: value for name, (value, _) in found.items()}
        values["cache_dir"] = values["cache_dir"] or _user_folder("cache")
        values["data_dir"] = values["data_dir"] or _user_folder("data")
        values["store"] = values["store"] or values["data_dir"] / "store"
        values["advisory_db"] = values["advisory_db"] or values["data_dir"] / "advisories"
        origins = {name: found[name][1] if name in found else "default" for name in SETTINGS}
        return cls(**values, _origins=MappingProxyType(origins))

    def origin(self, name: str) -> str:
        """Where a value comes from: ``option``, the variable's name, the file's path, or ``default``.

        Raises:
            SettingsInvalid: There is no setting of this name.
        """
        if name not in SETTINGS:
            raise _unknown(name, "The call")
        return self._origins.get(name, "option")


def _user_folder(kind: Literal["cache", "data", "config"]) -> Path:
    import platformdirs

    paths = {
        "cache": platformdirs.user_cache_path,
        "data": platformdirs.user_data_path,
        "config": platformdirs.user_config_path,
    }
    return paths[kind]("nova-spi", appauthor=False)


def _user_file() -> Path | None:
    path = _user_folder("config") / USER_FILE
    return path if path.exists() else None


def _project_file(project: Path | None) -> Path | None:
    if project is None:
        return None
    path = (project if project.is_dir() else project.parent) / PROJECT_FILE
    return path if path.exists() else None


def _from_file(path: Path) -> dict[str, tuple[str | Path, str]]:
    found = {}
    for name, value in _read_toml(path).items():
        if name not in SETTINGS:
            raise _unknown(name, str(path))
        found[name] = (_checked(name, value, str(path), base=path.absolute().parent), str(path))
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
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{path} is not TOML.", why=str(error), mend='Write name = "value" lines.') from error


def _from_environment() -> dict[str, tuple[str | Path, str]]:
    found = {}
    for name in SETTINGS:
        variable = f"NOVA_SPI_{name.upper()}"
        if text := os.environ.get(variable):
            found[name] = (_checked(name, text, variable), variable)
    return found


def _from_options(options: Mapping[str, Any]) -> dict[str, tuple[str | Path, str]]:
    found = {}
    for name, value in options.items():
        if name not in SETTINGS:
            raise _unknown(name, "The call")
        if value is not None:
            text = os.fspath(value) if isinstance(value, os.PathLike) else value
            found[name] = (_checked(name, text, f"The option {name}"), "option")
    return found


def _checked(name: str, value: Any, source: str, base: Path | None = None) -> str | Path:
    """The value as its type says, or an error that names ``source``."""
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


def _unknown(name: str, source: str) -> SettingsInvalid:
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
