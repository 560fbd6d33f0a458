"""Executions in an image: which image, and what of it stands in the model's folder."""

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath

from nova_spi.engines.port import Image
from nova_spi.errors import ArtifactInvalid
from nova_spi.execution.images import image_of
from nova_spi.execution.request import Request
from nova_spi.execution.staging import Stage

RUN_FOLDERS = ("inputs", "outputs")
"""Folders of an image that a run has of its own."""


def with_image(request: Request) -> Request:
    """The same request with the image that it runs in, built where the engine runs nothing else.

    Raises:
        NovaSpiError: The image cannot be built.
    """
    if request.image is not None or request.engine.images != "must":
        return request
    return replace(request, image=built(request))


def built(request: Request) -> Image:
    """The project's image, out of the store or built now; layers that have not changed are there already."""
    from nova_spi.artifacts.layout import Layout
    from nova_spi.execution.building import build

    layout = Layout.create(request.settings.store)
    image = build(request.folder, layout, request.settings, progress=request.progress)
    return image_of(image, layout)


def stage_app(request: Request, stage: Stage, image: Image) -> None:
    """Puts what the image has below base_work_dir into the model's folder: files, links, empty folders.

    Raises:
        ArtifactInvalid: There is nothing.
    """
    top = _app_tree(request, image)
    for folder, folders, files in os.walk(top):
        inside = PurePosixPath(Path(folder).relative_to(top))
        if inside == PurePosixPath():
            folders[:] = [name for name in folders if name not in RUN_FOLDERS]
        for name in [*folders, *files]:
            path, relative = Path(folder, name), str(inside / name)
            if path.is_symlink():
                stage.place(relative).symlink_to(path.readlink())
            elif path.is_dir():
                stage.folder(relative)
            else:
                status = path.stat()
                stage.file(path, relative, status.st_size, status.st_mode)


def _app_tree(request: Request, image: Image) -> Path:
    """Where the image's base_work_dir stands on this machine, unpacked for itself."""
    from nova_spi.artifacts.layout import Layout
    from nova_spi.artifacts.splitting import split
    from nova_spi.artifacts.trees import kept_tree

    below, cache_dir = request.execution.base_work_dir.strip("/"), request.settings.cache_dir
    layout = Layout.open(image.layout)
    _, app = split(layout, layout.manifest(layout.find(image.manifest)), below, cache_dir)
    place = kept_tree(layout, app, cache_dir, below=below, progress=request.progress)
    if not any(place.iterdir()):
        raise ArtifactInvalid(
            f"The image {image.name} has nothing in {request.execution.base_work_dir}.",
            why="It is execution.base_work_dir of its manifest.",
            mend="nova-spi build",
        )
    return place
