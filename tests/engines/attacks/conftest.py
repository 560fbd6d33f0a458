"""Real attacks at every place that this machine has; where nothing is protected they do no harm."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the hostile programs, which the runs get as they are

from grounds import GROUNDS, ContainerGround, Control, ImageGround, Place, ProcessGround, Unavailable

from bench.small_image import python_image
from nova_spi.artifacts.layout import Layout
from nova_spi.engines.port import Image


@pytest.fixture(scope="session")
def small_image() -> Iterator[Image]:
    """An image with this machine's Python, where everybody may read it."""
    if shutil.which("ldd") is None:
        pytest.skip("the small image is made of a Linux machine's own Python")
    with tempfile.TemporaryDirectory(prefix="layout-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield python_image(Layout.create(Path(folder, "layout")))


@pytest.fixture(scope="module", params=GROUNDS)
def ground(request) -> Iterator[Place]:
    """A place of attacks; skips where there is none such. Each module makes its own: victims are our children."""
    try:
        made = _place(request, *GROUNDS[request.param])
    except Unavailable as reason:
        pytest.skip(str(reason))
    try:
        yield made
    finally:
        made.close()


def _place(request, who: str, what: str) -> Place:
    if what in ("docker", "podman"):
        pytest.importorskip("docker", reason="the extra 'docker' is not installed")
        return ContainerGround(what, request.getfixturevalue(f"{what}_host"), request.getfixturevalue("small_image"))
    if what == "image":
        return ImageGround(who, request.getfixturevalue("small_image"))
    return ProcessGround(who, what)


@pytest.fixture(autouse=True)
def _tidy(request) -> Iterator[None]:
    """One run finds nothing of the one before."""
    yield
    if "ground" in request.fixturenames:
        request.getfixturevalue("ground").tidy()


@pytest.fixture(scope="module")
def controls() -> Iterator[dict[str, Control]]:
    """By user: the same attacks without any engine."""
    made: dict[str, Control] = {}

    class Made(dict):
        def __missing__(self, who: str) -> Control:
            made[who] = self[who] = Control(who)
            return self[who]

    try:
        yield Made()
    finally:
        for control in made.values():
            control.close()
