"""``nova-spi build``: a project as an image, without a daemon."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nova_spi.cli import style
from nova_spi.cli.showing import Showing
from nova_spi.cli.state import State
from nova_spi.cli.state import command as spi_command

if TYPE_CHECKING:
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.references import Reference
    from nova_spi.images.build import BuiltImage
    from nova_spi.project.folder import Folder
    from nova_spi.settings import Settings

EXAMPLES = (
    "nova-spi build --base-image python:3.12-slim",
    "nova-spi build my-model --platform linux/arm64 --archive my-model.tar",
    "nova-spi build --base-image ./base.tar --tag registry.example.org/team/my-model:1.0.0",
    "nova-spi build --serving",
    "nova-spi build --push --registry registry.example.org/models",
)


@spi_command("build", short_help="Build an image of a model, without a daemon.")
@click.argument("path", type=click.Path(path_type=Path), default=Path(), required=False)
@click.option("--tag", help="The image's name. [default: the model's name and version]")
@click.option("--serving", is_flag=True, help="An image that serves the model over HTTP where it is started.")
@click.option(
    "--base-image",
    help="A reference, an OCI layout or an archive on disk, debian, or Dockerfile. [default: the manifest's, else "
    "nova-spi.lock's]",
)
@click.option("--platform", help="For another machine: linux/amd64, linux/arm64. [default: this machine's]")
@click.option("--push", is_flag=True, help="Push the image to a registry.")
@click.option("--registry", help="Where to push: HOST/PATH. [default: the settings']")
@click.option("--no-cache", is_flag=True, help="Make every layer again.")
@click.option(
    "--archive",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the image as one tar too, for `docker load`, `podman load` and skopeo.",
)
def command(
    state: State,
    path: Path,
    tag: str | None,
    serving: bool,
    base_image: str | None,
    platform: str | None,
    push: bool,
    registry: str | None,
    no_cache: bool,
    archive: Path | None,
) -> None:
    """Build an image of the project PATH (default: the current folder) into the local store.

    The same project gives the same digest on any machine. Nothing of the model runs while it is built, and packages
    come as wheels. Only system packages on a base from a registry, and the project's own Dockerfile as a base, need a
    container engine. The first build writes which base it took into nova-spi.lock; later ones take that one.
    """
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.platforms import Platform
    from nova_spi.execution.building import build
    from nova_spi.project.folder import open_folder
    from nova_spi.settings import Settings

    folder = open_folder(path)
    settings = Settings.load(folder.root)
    wanted = Platform.parse(platform) if platform else None
    name = _name(folder, settings, tag, push, registry, serving)
    layout = Layout.create(settings.store)
    with Showing(state) as showing:
        image = build(
            folder,
            layout,
            settings,
            base=base_image,
            platform=wanted,
            name=name,
            cached=not no_cache,
            progress=showing,
            serving=serving,
        )
        pushed = _pushed(layout, image, showing) if push else None
    if archive is not None:
        from nova_spi.artifacts.archive_writing import save_archive

        save_archive(layout, image.manifest, archive, name=image.name)
    _show(image, layout, archive, pushed, state)


def _name(
    folder: "Folder", settings: "Settings", tag: str | None, push: bool, registry: str | None, serving: bool
) -> "Reference | None":
    """What the image is called; all that can be wrong about it is said before anything is built."""
    from nova_spi.artifacts.references import Reference
    from nova_spi.artifacts.registry.naming import pushed_reference
    from nova_spi.errors import UsageError

    if push:
        model = folder.manifest.model
        version = f"{model.version}-serving" if serving else model.version
        return pushed_reference(registry, settings.registry, tag, model.name, version)
    if registry:
        raise UsageError("--registry says where to push, and nothing is to be pushed.", mend="Add --push.")
    return Reference.parse(tag) if tag is not None else None


def _pushed(layout: "Layout", image: "BuiltImage", showing: Showing) -> "Reference":
    from nova_spi.artifacts.registry.client import Registry
    from nova_spi.artifacts.registry.pushing import push

    with Registry.of(image.name) as registry:
        return push(registry, image.name, layout, image.manifest.descriptor, progress=showing)


def _show(
    image: "BuiltImage", layout: "Layout", archive: Path | None, pushed: "Reference | None", state: State
) -> None:
    size = sum(layer.size for layer in image.manifest.layers)
    if state.machine:
        style.print_json(
            {
                "schema_version": style.SCHEMA_VERSION,
                "ok": True,
                "name": str(image.name),
                "digest": str(image.digest),
                "image_id": str(image.manifest.config.digest),
                "platform": str(image.base.config.platform),
                "base": {
                    "name": image.base.name,
                    "digest": str(image.base.manifest.descriptor.digest),
                    "reason": image.reason,
                },
                "python": image.base.python.version,
                "size_bytes": size,
                "layers": [
                    {"made_by": layer.made_by, "digest": str(layer.descriptor.digest), "size": layer.descriptor.size}
                    for layer in image.layers
                ],
                "reused": image.reused,
                "store": str(layout.root),
                "archive": str(archive) if archive else None,
                "pushed": {"reference": str(image.name), "digest": str(pushed.digest)} if pushed else None,
            }
        )
    elif not state.silent:
        paint = style.Paint(sys.stdout)
        style.say(f"{paint.green('✓')} Built {image.name}")
        style.say(f"  {image.digest}")
        style.say(f"  on {image.base.name} with Python {image.base.python.version}, {style.size(size)}")
        style.say(f"  this base: {image.reason}")
        style.say(f"  {image.reused} of {len(image.layers)} layers were there already")
        if archive is not None:
            style.say(f"  {archive}")
        if pushed is not None:
            style.say(f"{paint.green('✓')} Pushed {pushed}")
