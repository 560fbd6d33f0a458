"""The digest of a model, by which a batch knows that it goes on with the same one."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.engines.port import Image
from nova_spi.execution.places import PRIVATE
from nova_spi.project.files import ProjectFile, project_files

if TYPE_CHECKING:
    from nova_spi.project.folder import Folder

LARGE = 8 * 1024 * 1024
"""A file from this size on counts by its size and time: nobody wants to read all weights before each start."""

NOT_THE_MODEL = ("inputs", "outputs", "test_outputs", PRIVATE)
"""Folders of a project that hold what runs were given and gave."""


def model_digest(folder: "Folder", image: Image | None, without: tuple[Path, ...] = ()) -> str:
    """``sha256:...`` of all that makes a project what it is; of an image its manifest's.

    Args:
        folder: The project.
        image: What it runs in, if that is an image.
        without: Files and folders that are not the model's, though they may stand in its project: inputs and results.

    Raises:
        ProjectError: The project cannot be read.
    """
    if image is not None:
        return image.manifest
    running = hashlib.sha256()
    for file in project_files(folder.root):
        if not is_models(file, without):
            continue
        status = file.path.stat()
        running.update(b"%s\0%d\0" % (file.relative.encode("utf-8", "surrogateescape"), status.st_size))
        running.update(b"%d" % status.st_mtime_ns if status.st_size >= LARGE else file.path.read_bytes())
    return f"sha256:{running.hexdigest()}"


def is_models(file: ProjectFile, without: tuple[Path, ...]) -> bool:
    """Whether a file of a project belongs to the model, and not to what runs were given and gave."""
    top, below, _ = file.relative.partition("/")
    return not (below and top in NOT_THE_MODEL) and not any(file.path.is_relative_to(other) for other in without)
