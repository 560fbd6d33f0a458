"""``nova-spi inspect-image``: an image and its model as a catalog shows them, without running it."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nova_spi.cli import style
from nova_spi.cli.showing import Showing
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command

if TYPE_CHECKING:
    from nova_spi.images.catalog import CatalogMetadata, Medium
    from nova_spi.images.inspecting import ImageFacts

EXAMPLES = (
    "nova-spi inspect-image my-model:1.0.0",
    "nova-spi inspect-image ./my-model.tar --output catalog",
    "nova-spi inspect-image registry.example.org/models/my-model:1.0.0 --output-format json",
)
LONGEST_LABEL = 200


@spi_command("inspect-image", short_help="Show an image's model as a catalog does, and take its pictures out.")
@click.argument("ref")
@click.option("--platform", help="Of several: linux/amd64, linux/arm64. [default: this machine's]")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the thumbnail and the carousel into this folder.",
)
def command(state: State, ref: str, platform: str | None, output: Path | None) -> None:
    """Show what the image REF is, and what a catalog shows of its model; nothing of it runs.

    REF is a path of an OCI layout or an archive, a name or digest of the local store, an image or a container of Docker
    or Podman, or a reference in a registry. The image need not be made by nova-spi, but must hold a manifest.
    """
    from nova_spi.sdk.catalog import inspect_image

    with Showing(state) as showing:
        found = inspect_image(ref, platform=platform, progress=showing)
    files = _written(found.catalog, output) if output is not None else {}
    if state.machine:
        told = {"schema_version": style.SCHEMA_VERSION, "ok": True, **found.to_dict(), "files": list(files.values())}
        style.print_json(told)
    elif not state.silent:
        _show(found.image, found.catalog, files)


def _written(catalog: "CatalogMetadata", folder: Path) -> dict[str, dict[str, Any]]:
    """The media as files, by their paths in the image; names are ours, since an image's own may be anything."""
    from nova_spi.errors import ArtifactInvalid

    found: dict[str, dict[str, Any]] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, medium in _named(catalog):
            target = folder / f"{name}{_suffix(medium)}"
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".nova-spi-", delete=False) as stream:
                try:
                    stream.write(medium.data)
                    os.fchmod(stream.fileno(), 0o644)
                    stream.flush()
                    Path(stream.name).replace(target)
                finally:
                    Path(stream.name).unlink(missing_ok=True)
            found[name] = {"kind": name.partition("_")[0], "path": str(target), "from": medium.path} | {
                key: value for key, value in medium.to_dict().items() if key != "path"
            }
    except OSError as error:
        raise ArtifactInvalid(f"{folder} cannot be written: {error.strerror}.", code="artifact.unwritable") from error
    return found


def _named(catalog: "CatalogMetadata") -> "Iterator[tuple[str, Medium]]":
    if catalog.thumbnail is not None:
        yield "thumbnail", catalog.thumbnail
    for position, medium in enumerate(catalog.carousel):
        yield f"carousel_{position:03}", medium


def _suffix(medium: "Medium") -> str:
    """The usual one of its media type, whatever its own name says."""
    import mimetypes

    return {"image/jpeg": ".jpg"}.get(medium.media_type) or mimetypes.guess_extension(medium.media_type) or ".bin"


def _show(image: "ImageFacts", catalog: "CatalogMetadata", files: dict[str, dict[str, Any]]) -> None:
    paint = style.Paint(sys.stdout)
    style.say(paint.bold(image.name))
    _rows(
        {
            "digest": image.digest,
            "platform": image.platform,
            "base": image.base["name"] or "(not said)",
            "user": image.user or "root",
            "starts": " ".join((*image.entry_point, *image.command)),
            "in": image.working_dir,
        }
    )
    style.say(f"\n{style.counted(len(image.layers), 'layer')}, {style.size(image.size)}")
    for layer in image.layers:
        style.say(f"  {layer.digest[:19]}  {style.size(layer.size):>9}  {' '.join(layer.made_by.split())[:80]}")
    labels = {name: text for name, text in sorted(image.labels.items()) if len(text) <= LONGEST_LABEL}
    if labels:
        style.say("\nLabels")
        _rows(labels)
    style.say(f"\nModel (manifest: {catalog.source})")
    _rows({name: _text(value) for name, value in catalog.fields.items()})
    texts = {name: text for name in ("summary", "long_description") if (text := catalog.catalog.get(name))}
    if texts:
        style.say("\nCatalog")
        _rows(texts)
    for name, medium in _named(catalog):
        where = files.get(name, {}).get("path", medium.path)
        style.say(f"{paint.green('✓')} {name}: {where} ({medium.media_type}, {len(medium.data)} bytes)")
    for each in catalog.missing:
        style.say(f"{paint.yellow('!')} {each['path']}: {each['why']}")


def _rows(rows: dict[str, str]) -> None:
    width = max(map(len, rows))
    for name, text in rows.items():
        style.say(f"  {name:<{width}}  {style.folded(' '.join(text.split()), width + 4, sys.stdout)}")


def _text(value: Any) -> str:
    if value is None or value in ([], {}):
        return "(not said)"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_text(each)}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
