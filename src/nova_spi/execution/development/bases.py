"""Which base work on a project begins with, and why: the call, the manifest, the settings, else one by device."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.artifacts.references import Reference
from nova_spi.errors import BuildFailed, UsageError
from nova_spi.images.approval import approve, domain_base
from nova_spi.images.debian import NAME as DEBIAN
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.manifest.models import Execution
    from nova_spi.project.folder import Folder

DEFAULT_PYTHON = "3.12"
"""Of ``.devcontainer``, where nobody names one."""

CUDA_BASES = {
    "11.8": "pytorch/pytorch:2.5.1-cuda11.8-cudnn9-runtime",
    "12.1": "pytorch/pytorch:2.5.1-cuda12.1-cudnn9-runtime",
    "12.4": "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime",
    "12.6": "pytorch/pytorch:2.7.1-cuda12.6-cudnn9-runtime",
    "12.8": "pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime",
}
"""By the version of CUDA, for whoever names one; each meets the approved list. Their Python is 3.11."""

_PYTHON = re.compile(r"3\.\d{1,2}(\.\d{1,3})?")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller asks for; None leaves it to the manifest, and then to the defaults.

    Attributes:
        base: A reference, or a path of an OCI layout or an archive.
        python: ``3.12``.
        cuda: ``11.8``.
    """

    base: str | None = None
    python: str | None = None
    cuda: str | None = None


@dataclass(frozen=True, slots=True)
class Base:
    """A base and where the choice comes from.

    Attributes:
        said: What a build is told: a reference or a path; None leaves it to `nova_spi.images.choice.choose_base`.
        public: A reference that any engine can pull: the same, or the nearest where ``said`` is a path.
        reason: Why this one.
        python: The Python that it must have; None takes what it has.
        python_said_by: Who asks for that Python.
    """

    said: str | None
    public: str
    reason: str
    python: str | None = None
    python_said_by: str = ""


def with_python(folder: "Folder", python: str | None) -> "Folder":
    """The same project as if its manifest asked for this Python."""
    if python is None:
        return folder
    from nova_spi.manifest.models import Execution

    manifest = folder.manifest
    execution = (manifest.execution or Execution()).model_copy(update={"python_version": python})
    document = replace(folder.document, manifest=manifest.model_copy(update={"execution": execution}))
    return replace(folder, document=document)


def base_for(folder: "Folder", asked: Asked, settings: Settings) -> Base:
    """Chooses a base; nothing is fetched.

    Raises:
        BuildFailed: It is not approved, or there is none with the CUDA that is asked for.
        UsageError: It is neither a path nor a reference, or the Python is none.
    """
    from nova_spi.manifest.models import Execution

    execution = folder.manifest.execution or Execution()
    python, by = asked.python or execution.python_version, "--python-version" if asked.python else "the manifest"
    if asked.python and not _PYTHON.fullmatch(asked.python):
        raise UsageError(f"{asked.python[:40]!r} is no Python version.", mend="Write it as 3.12 or 3.12.4.")
    said, reason = asked.base, "--base-image names it"
    if asked.cuda:
        said, reason = _with_cuda(asked.cuda, said), f"--cuda-version says {asked.cuda}"
    public, why = said, reason
    if public is None:
        public, why = _of_project(folder, execution, settings, python or DEFAULT_PYTHON)
    if _on_disk(public) or public == DEBIAN:
        named = public
        public, _ = domain_base(folder.manifest.model.domain, "cpu", python or DEFAULT_PYTHON)
        why = f"others can pull it, and not {named if named == DEBIAN else 'a base on this machine'}"
    approve(Reference.parse(public))
    return Base(said, public, why, python, by)


def _with_cuda(cuda: str, said: str | None) -> str:
    if said is None and cuda in CUDA_BASES:
        return CUDA_BASES[cuda]
    if said is None:
        raise BuildFailed(
            f"There is no base image with CUDA {cuda[:40]}.",
            why=f"The bases for GPUs have CUDA {', '.join(CUDA_BASES)}.",
            mend="Name one of these, or a base of your own: --base-image HOST/NAME@sha256:...",
            code="build.no_cuda_base",
        )
    if f"cuda{cuda}" in said or f"cuda:{cuda}" in said or _on_disk(said) or "@" in said:
        return said
    raise BuildFailed(
        f"The base image {said} is not known to have CUDA {cuda[:40]}.",
        why="--cuda-version chooses among the bases for GPUs, and --base-image names another one.",
        mend=f"Leave one of the two out, or use {CUDA_BASES.get(cuda, 'a base with cuda in its tag')}.",
        code="build.no_cuda_base",
    )


def _of_project(folder: "Folder", execution: "Execution", settings: Settings, python: str) -> tuple[str, str]:
    """What the manifest names, then the settings, then the model's domain."""
    if execution.base_image:
        return execution.base_image, "the manifest names it"
    if settings.base_image:
        return settings.base_image, f"{settings.origin('base_image')} names it"
    gpu = execution.resources.gpu if execution.resources else None
    device = "cuda" if execution.cuda_version or (gpu and gpu.count) else "cpu"
    found, reason = domain_base(folder.manifest.model.domain, device, ".".join(python.split(".")[:2]))
    return found, reason.rstrip(".")


def _on_disk(said: str) -> bool:
    """Whether it is a layout or an archive, as `nova_spi.images.base.open_base` sees it: a path, or ``DIR:TAG``."""
    folder, colon, _ = said.partition(":")
    return said.startswith(("/", "./", "../")) or Path(said).exists() or (bool(colon) and Path(folder).is_dir())
