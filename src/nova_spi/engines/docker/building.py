"""Bases for projects that need a step inside the image: built by the container engine, kept in our layout.

Only the base comes from here. The model's packages, weights and code are laid above it without a daemon, so an edit of
the code asks no engine for anything.
"""

import hashlib
import re
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, cast
from urllib.parse import urlencode

from nova_spi.artifacts.descriptors import Descriptor
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.references import Reference
from nova_spi.engines.docker import credentials
from nova_spi.engines.docker.connecting import Connection
from nova_spi.engines.docker.context import write_context
from nova_spi.engines.docker.dockerfiles import NAME, bases, dockerfile
from nova_spi.engines.docker.loading import descriptor_of, ensure_loaded
from nova_spi.engines.docker.saving import save_image
from nova_spi.engines.docker.wire import Refused, messages, posting
from nova_spi.engines.port import Image
from nova_spi.errors import BuildFailed
from nova_spi.progress import Progress

Network = Literal["default", "none"]

FORMAT = "1"
SILENCE_SECONDS = 1800.0
"""A step that says nothing for half an hour hangs; a compiler may be silent for long."""

LAST_LINES = 20
MAX_LINE = 500
_STEP = re.compile(r"step ([0-9]{1,4})/([0-9]{1,4}) ?: (.*)", re.IGNORECASE | re.DOTALL)
_OWN = re.compile(r" ?-+> |Removing intermediate container ")  # the engine's own words, not a step's
_COLOURS = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
_ID = re.compile(r"sha256:[0-9a-f]{64}")


def packages_dockerfile(base: Image, system_packages: Sequence[str]) -> str:
    """The Dockerfile of `build_with_packages`, to show to people: its base stands there by name and digest.

    Raises:
        BuildFailed: A package's name is none.
    """
    name = Reference.parse(base.name)
    return dockerfile(f"{name.host}/{name.repository}@{base.manifest}", system_packages)


def kept_base(layout: Layout, base: Image, system_packages: Sequence[str]) -> str | None:
    """What an earlier `build_with_packages` with the same base and packages left in the layout; no engine is asked.

    Returns:
        As that one; None where there is nothing, or not all of it.
    """
    return _kept(layout, _key(base, system_packages))


def build_with_packages(
    connection: Connection,
    layout: Layout,
    base: Image,
    system_packages: Sequence[str],
    *,
    progress: Progress,
    cached: bool = True,
    network: Network = "default",
) -> str:
    """Installs packages above a base, which must have Debian's ``apt-get`` and a shell.

    The packages are those that the sources of the base offer today; the result is kept, and counts until the base or
    the list of packages is another one.

    Args:
        connection: To the engine.
        layout: Where ``base`` is and the result goes.
        base: Is loaded into the engine.
        system_packages: ``execution.system_packages``.
        progress: Hears of the stages ``load``, ``build`` and ``save``, and of the output of the steps as a log.
        cached: Whether an earlier build counts, ours and the engine's.
        network: ``none`` where a step needs none.

    Returns:
        ``LAYOUT:NAME``, which `nova_spi.images.base.open_base` takes.

    Raises:
        BuildFailed: A step failed; the details have it and its last lines.
        ArtifactInvalid: The base is damaged, or the disk is full.
        EngineUnavailable: The engine went away.
        EnvironmentFailed: It does not take the base.
    """
    name = _key(base, system_packages)
    if cached and (found := _kept(layout, name)):
        return found
    loaded = ensure_loaded(connection, base, progress)
    text = dockerfile(loaded, system_packages)
    built = _Build(connection, progress, network, cached).run(text, None)
    above = layout.manifest(descriptor_of(layout, base))
    return _named(layout, save_image(connection, built, layout, progress, above), name)


def build_own(
    connection: Connection,
    layout: Layout,
    text: str,
    root: Path,
    *,
    progress: Progress,
    cached: bool = True,
    network: Network = "default",
) -> str:
    """Builds a project's own Dockerfile with the project as its context, which an engine is asked for every time.

    An image that the engine has from its own cache is not copied into the layout again. Whether its bases may be built
    from is the caller's to judge: see `nova_spi.engines.docker.dockerfiles.bases`.

    Args:
        connection: To the engine.
        layout: Where the result goes.
        text: Of the Dockerfile.
        root: The project; what ``.spiignore`` and ``.dockerignore`` name is not sent.
        progress: Hears of the stages ``build`` and ``save``, and of the output of the steps as a log.
        cached: Whether the engine's own cache counts.
        network: ``none`` where a step needs none.

    Returns:
        ``LAYOUT:NAME``, which `nova_spi.images.base.open_base` takes.

    Raises:
        BuildFailed: A step failed; the details have it and its last lines. Or a file cannot be sent.
        ArtifactInvalid: The disk is full.
        EngineUnavailable: The engine went away.
        ProjectError: The project is too large.
    """
    built = _Build(connection, progress, network, cached).run(text, root)
    name = f"built-{built.removeprefix('sha256:')[:32]}"
    return _kept(layout, name) or _named(layout, save_image(connection, built, layout, progress), name)


def _key(base: Image, system_packages: Sequence[str]) -> str:
    said = "\0".join((FORMAT, base.manifest, packages_dockerfile(base, system_packages)))
    return f"built-{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def _kept(layout: Layout, name: str) -> str | None:
    """A base of this name, where all its blobs are there."""
    found = layout.names().get(name)
    if found is None or not layout.blobs.has(found):
        return None
    manifest = layout.manifest(found)
    return f"{layout.root}:{name}" if all(map(layout.blobs.has, manifest.blobs)) else None


def _named(layout: Layout, descriptor: Descriptor, name: str) -> str:
    layout.name(descriptor, name)
    return f"{layout.root}:{name}"


class _Build:
    """One build by the engine."""

    def __init__(self, connection: Connection, progress: Progress, network: Network, cached: bool) -> None:
        self._connection = connection
        self._progress = progress
        self._query = {
            "networkmode": network,
            "nocache": "0" if cached else "1",
            "dockerfile": NAME,
            "rm": "1",
            "forcerm": "1",
            "pull": "0",
        }
        self._step = ""
        self._lines = deque[str](maxlen=LAST_LINES)
        self._image = ""

    def run(self, text: str, root: Path | None) -> str:
        """Returns the id of what was built."""
        self._progress.stage("build", f"by {self._connection.engine} {self._connection.version}")
        path = f"/v{self._connection.api}/build?{urlencode(self._query)}"
        with self._connection.speaking("building an image"):
            headers = {"Content-Type": "application/x-tar", **credentials.for_bases(bases(text))}
            try:
                with posting(self._connection.host, path, headers=headers, timeout=SILENCE_SECONDS) as upload:
                    write_context(cast("IO[bytes]", upload), text, root)
                    for message in messages(upload.answer()):
                        self._hear(message)
            except Refused as error:
                raise self._failed(str(error)) from error
        if not _ID.fullmatch(self._image):
            raise self._failed("it names no image at the end")
        return self._image

    def _hear(self, message: Mapping[str, Any]) -> None:
        aux = message.get("aux")
        if isinstance(aux, dict) and isinstance(aux.get("ID"), str):
            self._image = aux["ID"]
        said = _COLOURS.sub("", str(message.get("stream") or ""))
        if step := _STEP.match(said):
            self._step = step[3].strip()[:MAX_LINE]
            self._lines.clear()
            self._progress.stage("build", f"{step[1]}/{step[2]} {self._step}")
        elif said.strip():
            self._lines.extend(line[:MAX_LINE] for line in said.splitlines() if line.strip() and not _OWN.match(line))
            self._progress.log(said.encode())

    def _failed(self, reason: str) -> BuildFailed:
        step = f": {self._step}" if self._step else "."
        full = "no space left" in reason.lower()
        return BuildFailed(
            f"The container engine could not build the base{step}",
            why=f"{reason[:600].strip().rstrip('.')}."
            + (f" It said last: {' | '.join(self._lines)[-600:]}" if self._lines else ""),
            mend=self._mend(reason, full),
            code="engine.disk_full" if full else "build.step_failed",
            engine=self._connection.engine,
            step=self._step,
            output=list(self._lines),
        )

    def _mend(self, reason: str, full: bool) -> str:
        if full:
            return f"{self._connection.engine} image prune"
        if "apt-get install" in self._step and ("127" in reason or "no such file" in reason.lower()):
            return "Use a base of Debian or Ubuntu, e.g. python:3.12-slim: this one has no apt-get."
        return ""
