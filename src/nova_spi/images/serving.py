"""What an image for serving holds beside the model: nova-spi and its server, in an environment of their own.

It stands in ``/opt/nova-spi``. Neither environment is on the other's path, so their packages may differ in everything;
they share the base's Python alone. The packages are pinned with this version of nova-spi, by hashes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nova_spi_runtime
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import BuildFailed
from nova_spi.images.layers import Entry
from nova_spi.images.python_facts import PythonFacts
from nova_spi.images.wheels import install_packages, with_parents
from nova_spi.progress import Progress
from nova_spi.project import requirements

if TYPE_CHECKING:
    from nova_spi.interface.compiled import Interface

PLACE = "opt/nova-spi"
PORT = 8000
LEAST_PYTHON = (3, 11)
LABEL = "dev.nova-spi.serving"
"""Of an image for serving: the port."""

_MEDIA = ("image/", "video/", "audio/")
_SCRIPT = """\
#!/{place}/bin/python{minor} -I
import sys

from nova_spi.cli.main import main

sys.exit(main())
"""


def serving_requirements(interface: "Interface") -> requirements.Snapshot:
    """The pinned packages of the server; those that look into media only where the model takes some."""
    types = {
        each for command in interface.commands.values() for one in command.file_inputs for each in one.mime_types
    } | {"image/" for command in interface.commands.values() for one in command.file_inputs if one.domain_specific}
    name = "serving_media_requirements.txt" if any(each.startswith(_MEDIA) for each in types) else None
    folder = Path(__file__).parent
    return requirements.read(folder, folder / (name or "serving_requirements.txt"))


def server_packages(
    snapshot: requirements.Snapshot, python: PythonFacts, platform: Platform, folder: Path, progress: Progress
) -> Iterator[Entry]:
    """The server's environment with its packages; arguments and errors are those of `install_packages`."""
    return install_packages(snapshot, python, platform, folder, progress, place=PLACE)


def server_entries(python: PythonFacts) -> Iterator[Entry]:
    """nova-spi itself, as it runs here, and its command ``/opt/nova-spi/bin/nova-spi``."""
    site = f"lib/python{python.minor}/site-packages"
    for root in (Path(__file__).parents[1], Path(nova_spi_runtime.__file__).parent):
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield from with_parents(PLACE, f"{site}/{root.name}/{path.relative_to(root).as_posix()}", path)
    script = _SCRIPT.format(place=PLACE, minor=python.minor).encode()
    yield from with_parents(PLACE, "bin/nova-spi", script, executable=True)


def serving_words(work_dir: str) -> tuple[str, ...]:
    """The image's entry point; what its caller adds are further options of ``nova-spi serve``."""
    return (f"/{PLACE}/bin/nova-spi", "serve", "-v", "--in-place", work_dir, "--host", "0.0.0.0", "--port", str(PORT))  # noqa: S104  # inside a container; with a token


def check_python(python: PythonFacts) -> None:
    """Refuses a base whose Python is older than nova-spi's.

    Raises:
        BuildFailed: It is.
    """
    if tuple(map(int, python.minor.split("."))) < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        raise BuildFailed(
            f"An image for serving needs Python {least} or later, and the base has {python.version}.",
            why="The server runs with the base's Python, in an environment of its own.",
            mend=f"Take a base with Python {least}, or build without --serving and serve it: nova-spi serve NAME:TAG",
            code="build.serving_python",
        )
