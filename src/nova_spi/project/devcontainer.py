"""``.devcontainer/``: how any editor opens a project in a container (https://containers.dev/implementors/json_reference/).

Three files. ``devcontainer.json`` says where the project stands and what the editor needs; the ``Dockerfile`` beside
it names the base and makes a user; ``spi_runtime.zip`` holds `nova_spi_runtime`, which Python imports as it is. Each of
the first two carries a digest of what we wrote: a file whose digest does not fit any more is the user's own.
"""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from nova_spi.errors import ProjectError
from nova_spi.project.beside import NAME, runtime_files

if TYPE_CHECKING:
    from nova_spi.manifest.models import Execution
    from nova_spi.project.folder import Folder

FOLDER = ".devcontainer"
DESCRIPTION = "devcontainer.json"
DOCKERFILE = "Dockerfile"
RUNTIME = "spi_runtime.zip"
USER = "model"
JUPYTER_PORT = 8888
EXTENSIONS = ("ms-python.python", "ms-toolsai.jupyter")
"""Visual Studio Code's own for Python and for notebooks."""

JUPYTER = "jupyterlab>=4.2,<5"
MAX_BYTES = 1024 * 1024
_OURS = "nova-spi"
"""The name under which ``customizations`` holds our digest; the format leaves that place to tools."""

_MARK = "# nova-spi: "
_OLDEST = (1980, 1, 1, 0, 0, 0)
_GB = 1024**3


@dataclass(frozen=True, slots=True)
class Development:
    """What a development container is made from.

    Attributes:
        image: The base, a reference that an editor's own engine can pull.
        requirements: The project's requirements file, relative to it; empty where there is none.
        jupyter: JupyterLab is wanted.
    """

    image: str
    requirements: str = ""
    jupyter: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What came of writing the files.

    Attributes:
        folder: ``.devcontainer``.
        written: Names of files that are new or changed.
        kept: Names of files that the user has changed, and that were left as they are.
    """

    folder: Path
    written: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def description(folder: "Folder", wanted: Development) -> dict[str, Any]:
    """The content of ``devcontainer.json``, without our digest.

    Args:
        folder: The project.
        wanted: See `Development`.
    """
    from nova_spi.manifest.models import Execution

    manifest = folder.manifest
    execution = manifest.execution or Execution()
    work = execution.base_work_dir
    found: dict[str, Any] = {
        "name": manifest.model.name,
        "build": {"dockerfile": DOCKERFILE, "context": ".."},
        "workspaceMount": f"source=${{localWorkspaceFolder}},target={work},type=bind",
        "workspaceFolder": work,
        "containerUser": USER,
        "remoteUser": USER,
        "containerEnv": _variables(execution),
    }
    if command := _after_creation(wanted):
        found["postCreateCommand"] = command
    if wanted.jupyter:
        found["forwardPorts"] = [JUPYTER_PORT]
        found["portsAttributes"] = {str(JUPYTER_PORT): {"label": "JupyterLab", "onAutoForward": "notify"}}
    if needs := _requirements_of_the_host(execution):
        found["hostRequirements"] = needs
    settings = {"python.defaultInterpreterPath": "python", "python.analysis.extraPaths": [work]}
    return found | {"customizations": {"vscode": {"extensions": list(EXTENSIONS), "settings": settings}}}


def dockerfile(image: str, packages: Iterable[str]) -> str:
    """The text of the ``Dockerfile``, without our digest.

    Args:
        image: The base.
        packages: ``execution.system_packages``.
    """
    names = " ".join(["git", *packages])
    return (
        "# The container that an editor opens this project in. The project itself is mounted, not copied.\n"
        f"FROM {image}\n"
        "RUN if command -v apt-get > /dev/null; then \\\n"
        f"        apt-get update && apt-get install --yes --no-install-recommends {names} \\\n"
        "        && rm -rf /var/lib/apt/lists/*; \\\n"
        "    fi\n"
        f"RUN id {USER} > /dev/null 2>&1 || useradd --create-home --shell /bin/sh {USER}\n"
        f"ENV PATH=/home/{USER}/.local/bin:$PATH\n"
    )


def write(folder: "Folder", wanted: Development, *, force: bool = False) -> Written:
    """Writes ``.devcontainer/`` into a project.

    A file that is as we wrote it, by its digest, is brought up to date; one that somebody has changed or made stays.

    Args:
        folder: The project.
        wanted: See `Development`.
        force: Replace what somebody has changed, too.

    Raises:
        ManifestInvalid: The manifest has errors.
        ProjectError: The folder leads out of the project, or cannot be written.
    """
    packages = folder.manifest.execution.system_packages if folder.manifest.execution else ()
    contents = {
        DESCRIPTION: _signed_json(description(folder, wanted)),
        DOCKERFILE: _signed_text(dockerfile(wanted.image, packages)),
        RUNTIME: runtime_archive(),
    }
    target = folder.root / FOLDER
    try:
        _check_inside(target, folder.root)
        target.mkdir(exist_ok=True)
        written, kept = [], []
        for name, content in contents.items():
            there = _read(target / name)
            if there == content:
                continue
            if there is not None and name != RUNTIME and not force and not is_ours(there):
                kept.append(name)
                continue
            replace_file(target / name, content)
            written.append(name)
    except OSError as error:
        raise ProjectError(
            f"{target} cannot be written: {error.strerror or error}.", mend="Make the project's folder writable."
        ) from error
    return Written(target, tuple(written), tuple(kept))


def is_ours(content: bytes) -> bool:
    """Whether a ``devcontainer.json`` or a ``Dockerfile`` is just as `write` left it."""
    text = content.decode("utf-8", "replace")
    if text.startswith(_MARK):
        mark, _, rest = text.partition("\n")
        return mark == _MARK + _digest(rest)
    try:
        found = json.loads(text)
        said = found["customizations"].pop(_OURS)["written"]
        return bool(said == _digest(_json(found)))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def runtime_archive() -> bytes:
    """`nova_spi_runtime` as one file that Python imports from; the same bytes for the same version of it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for relative, content in runtime_files():
            entry = zipfile.ZipInfo(f"{NAME}/{relative}", _OLDEST)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return stream.getvalue()


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file as a whole; a link that stood there is replaced, never followed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _variables(execution: "Execution") -> dict[str, str]:
    work = PurePosixPath(execution.base_work_dir)
    own = execution.environment or {}
    paths = [str(work), str(work / FOLDER / RUNTIME), own.get("PYTHONPATH", "")]
    ours = {"PYTHONPATH": ":".join(path for path in paths if path), "SPI_WORK_DIR": str(work)}
    return {name: value for name, value in own.items() if name != "PATH"} | ours


def _after_creation(wanted: Development) -> list[str]:
    what = [*(("-r", wanted.requirements) if wanted.requirements else ()), *((JUPYTER,) if wanted.jupyter else ())]
    return ["python", "-m", "pip", "install", "--user", *what] if what else []


def _requirements_of_the_host(execution: "Execution") -> dict[str, Any]:
    """``hostRequirements``: whole cores, and memory in whole gigabytes, as the format has them."""
    resources = execution.resources
    if resources is None:
        return {}
    found: dict[str, Any] = {}
    if resources.cpu:
        found["cpus"] = max(1, -int(-resources.cpu // 1))
    for name, size in (("memory", resources.memory_bytes), ("storage", resources.disk_bytes)):
        if size:
            found[name] = f"{max(1, -(-size // _GB))}gb"
    if resources.gpu and resources.gpu.count:
        memory = resources.gpu.memory_bytes
        found["gpu"] = {"memory": f"{max(1, -(-memory // _GB))}gb"} if memory else True
    return found


def _signed_json(content: Mapping[str, Any]) -> bytes:
    mark = {"written": _digest(_json(content))}
    signed = dict(content) | {"customizations": {**content["customizations"], _OURS: mark}}
    return (json.dumps(signed, indent=2, ensure_ascii=False) + "\n").encode()


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True)


def _signed_text(text: str) -> bytes:
    return f"{_MARK}{_digest(text)}\n{text}".encode()


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> bytes | None:
    """A file's content; a link, a folder and what is too large are somebody's own, and so is what cannot be read."""
    if not os.path.lexists(path):
        return None
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
        return b""
    return path.read_bytes()


def _check_inside(target: Path, root: Path) -> None:
    if os.path.lexists(target) and not (target.is_dir() and target.resolve().is_relative_to(root.resolve())):
        raise ProjectError(f"{target} is no folder of this project.", mend=f"Move {target.name} away.")
