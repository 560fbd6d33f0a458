"""Media of the catalog: below base_work_dir, where the project stands."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from nova_spi.manifest.diagnostics import Diagnostic
from nova_spi.manifest.finding import shown
from nova_spi.manifest.nodes import Path
from nova_spi.manifest.rules.scope import Scope


def check(scope: Scope) -> Iterator[Diagnostic]:
    """The thumbnail and the carousel."""
    catalog = scope.section("catalog")
    base = scope.section("execution").get("base_work_dir", "/app")
    places: list[tuple[Path, str | None]] = [(("catalog", "thumbnail"), catalog.get("thumbnail"))]
    places += [(("catalog", "media_carousel", at), path) for at, path in enumerate(catalog.get("media_carousel") or ())]
    for place, path in places:
        if path and path.startswith("/") and not PurePosixPath(path).is_relative_to(base):
            message = f"{shown(path)} is not below {base}"
            yield scope.at_value("SPI-M385", message, place, "write the path relative to the project")
