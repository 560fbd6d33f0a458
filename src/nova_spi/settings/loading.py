"""`Settings`: every setting, decided once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from nova_spi.settings.sources import (
    Found,
    from_environment,
    from_file,
    from_options,
    project_file,
    user_file,
    user_folder,
)
from nova_spi.settings.table import SETTINGS
from nova_spi.settings.values import unknown


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
        found: Found = {}
        for source in (user_file(), project_file(project)):
            if source is not None:
                found |= from_file(source)
        found |= from_environment()
        found |= from_options(options)
        return cls._decide(found)

    @classmethod
    def _decide(cls, found: Found) -> Self:
        values: dict[str, Any] = {name: row.default for name, row in SETTINGS.items()}
        values |= {name: value for name, (value, _) in found.items()}
        values["cache_dir"] = values["cache_dir"] or user_folder("cache")
        values["data_dir"] = values["data_dir"] or user_folder("data")
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
            raise unknown(name, "The call")
        return self._origins.get(name, "option")
