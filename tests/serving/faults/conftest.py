"""One table: every fault at every place that this machine has, through the real supervisor."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fault_places import IN_IMAGES, PLACES, Place, Unavailable
from fault_stage import Stage

from nova_spi.engines.docker import flags
from nova_spi.engines.process.cgroups import controls

PROJECT = Path(__file__).parent / "project"
PROCESSES = 64
"""What a worker may start here, so that a bomb is soon at its end."""


@pytest.fixture(scope="session")
def faulty(tmp_path_factory) -> Path:
    """The project, where it may be written to."""
    return shutil.copytree(PROJECT, tmp_path_factory.mktemp("faulty") / "project")


@pytest.fixture(scope="session")
def faulty_image(faulty, tmp_path_factory, debian_base):
    """Its image, built once."""
    from nova_spi import Project

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NOVA_SPI_STORE", str(tmp_path_factory.mktemp("store")))
        return Project.load(faulty).build_container(base_image=debian_base).image


@pytest.fixture(scope="module", params=PLACES)
def place(request, faulty, shared_cache):
    """One place; skips where the machine lacks it."""
    name = request.param
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(controls, "PROCESSES", PROCESSES)
        patched.setattr(flags, "PROCESSES", PROCESSES)
        if name in ("docker", "podman"):
            pytest.importorskip("docker", reason="the extra 'docker' is not installed")
            patched.setenv("DOCKER_HOST", request.getfixturevalue(f"{name}_host"))
        image = request.getfixturevalue("faulty_image") if name in IN_IMAGES else None
        try:
            made = Place(name, faulty, shared_cache, image)
        except Unavailable as reason:
            pytest.skip(str(reason))
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def stage(place):
    """A supervisor that serves all faults of a place, one after the other; afterwards nothing of it is left."""
    with place.plan() as plan, Stage(place, plan) as made:
        yield made
