"""Which base work on a project begins with, and why: the call, the manifest, the settings, else one by device."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nova_spi.artifacts.references import Reference
from nova_spi.errors import BuildFailed
from nova_spi.images.approval import approve
from nova_spi.settings import Settings

if TYPE_CHECKING:
    from nova_spi.manifest.models import Execution
    from nova_spi.project.folder import Folder

DEFAULT_PYTHON = "3.12"
DEFAULT_CUDA = "11.8"
"""Where a model wants a GPU and nobody names a version."""

CUDA_BASES = {
    "11.8": "pytorch/pytorch:2.5.1-cuda11.8-cudnn9-runtime",
    "12.1": "pytorch/pytorch:2.5.1-cuda12.1-cudnn9-runtime",
    "12.4": "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime",
    "12.6": "pytorch/pytorch:2.7.1-cuda12.6-cudnn9-runtime",
    "12.8": "pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime",
}
"""By the version of CUDA; each meets the approved list. Their Python is 3.11."""


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
        said: What a build is told: a reference or a path; None leaves the choice to the build.
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


def base_for(folder: "Folder", asked: Asked, settings: Settings) -> Base:
    """Chooses a base; nothing is fetched.

    Raises:
        BuildFailed: It is not approved, or there is none with the CUDA that is asked for.
        UsageError: It is neither a path nor a reference.
    """
    from nova_spi.manifest.models import Execution

    execution = folder.manifest.execution or Execution()
    python, by = asked.python or execution.python_version, "--python-version" if asked.python else "the manifest"
    cuda, cuda_by = _cuda(execution, asked)
    said, reason = _named(execution, asked, settings)
    if said is None and cuda is not None:
        said = CUDA_BASES.get(cuda)
        reason = f"{cuda_by} {cuda}"
        if said is None:
            raise BuildFailed(
                f"There is no base image with CUDA {cuda}.",
                why=f"{cuda_by} {cuda}; the bases for GPUs have {', '.join(CUDA_BASES)}.",
                mend="Name one of these, or a base of your own: --base-image HOST/NAME@sha256:...",
                code="build.no_cuda_base",
            )
    elif said is not None and asked.cuda is not None and f"cuda{asked.cuda}" not in said and not Path(said).exists():
        raise BuildFailed(
            f"The base image {said} is not known to have CUDA {asked.cuda}.",
            why=f"{reason}; --cuda-version chooses among the bases for GPUs.",
            mend=f"Leave --cuda-version out, or use {CUDA_BASES.get(asked.cuda, 'a base with cuda in its tag')}.",
            code="build.no_cuda_base",
        )
    slim = f"python:{python or DEFAULT_PYTHON}-slim"
    if said is None:
        why = f"{by} says Python {python}" if python else f"Python {DEFAULT_PYTHON} is the default"
        return Base(None, slim, why, python, by)
    if Path(said).exists():
        return Base(said, slim, f"{reason}; .devcontainer has the nearest one that others can pull", python, by)
    approve(Reference.parse(said))
    return Base(said, said, reason, python, by)


def _named(execution: "Execution", asked: Asked, settings: Settings) -> tuple[str | None, str]:
    if asked.base:
        return asked.base, "--base-image names it"
    if execution.base_image and not asked.cuda:
        return execution.base_image, "the manifest names it"
    if settings.base_image and not asked.cuda:
        return settings.base_image, f"{settings.origin('base_image')} names it"
    return None, ""


def _cuda(execution: "Execution", asked: Asked) -> tuple[str | None, str]:
    if asked.cuda:
        return asked.cuda, "--cuda-version says"
    if execution.cuda_version:
        return execution.cuda_version, "the manifest says CUDA"
    gpu = execution.resources.gpu if execution.resources else None
    wants = gpu is not None and gpu.count > 0 and (gpu.vendor or "nvidia").lower() == "nvidia"
    return (DEFAULT_CUDA, "the manifest asks for a GPU, and the default is CUDA") if wants else (None, "")
