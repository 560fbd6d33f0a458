import shutil
from pathlib import PurePosixPath

import pytest

from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import BuildFailed
from nova_spi.images import debian
from nova_spi.images.build import build_image
from nova_spi.images.debian_system import resolve_system, system_layer
from nova_spi.images.lock_reading import read_lock
from nova_spi.images.steps import packages_for_engine
from nova_spi.manifest.models import Execution
from nova_spi.progress import Silent
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

HERE = Platform.here()
pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt-get is not installed")
BLAS = """\
#!/bin/sh
update-alternatives --install /lib/x/libblas.so.3 libblas.so.3-x /usr/lib/x/blas/libblas.so.3 10 \\
    --slave /usr/share/man/man1/blas.1.gz blas.1.gz /usr/share/man/man1/real-blas.1.gz
"""


class Told(Silent):
    def __init__(self):
        self.warnings = []

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture
def layer(layout, debs, kit, tmp_path):
    def made(members, postinst="", progress=None):
        package = debs.keep(tmp_path, debs.deb(members, postinst=postinst))
        found = system_layer([package], layout, kit.AMD64, tmp_path, progress or Silent())
        return kit.read_layer(layout, found.descriptor)

    return made


def test_only_debian_takes_system_packages_without_a_step():
    execution = Execution(system_packages=("ffmpeg",))
    assert packages_for_engine(execution, "debian") == ()
    assert packages_for_engine(Execution(), "python:3.12-slim") == ()
    assert packages_for_engine(execution, "python:3.12-slim") == ("ffmpeg",)


def test_a_layer_has_the_files_and_the_links_of_its_script(layer, debs):
    told = Told()
    found = layer([debs.member("./usr/lib/x/blas/libblas.so.3", b"\x7fELF")], BLAS, told)
    assert found["etc/alternatives/libblas.so.3-x"].linkname == "/usr/lib/x/blas/libblas.so.3"
    assert found["usr/lib/x/libblas.so.3"].linkname == "/etc/alternatives/libblas.so.3-x"
    assert not [name for name in found if "man" in name]
    assert "var/lib/dpkg/status.d/made" in found
    assert told.warnings == ["Maintainer scripts do not run when an image is made without an engine: made."]


def test_the_bases_top_folders_stay_what_they_are(layer, debs):
    found = layer([debs.member("./tmp"), debs.member("./usr"), debs.member("./usr/bin/x", b"1")])
    assert set(found) == {"usr/bin/x", "var/lib/dpkg/status.d/made"}


@pytest.mark.parametrize(
    ("path", "postinst"),
    [
        ("./usr/bin/x", "update-alternatives --install /usr/bin/$x x /usr/bin/y 1\n"),
        ("./etc/ld.so.conf.d/own.conf", ""),
    ],
)
def test_a_package_that_cannot_work_without_its_script_is_refused(layer, debs, path, postinst):
    with pytest.raises(BuildFailed) as caught:
        layer([debs.member(path, b"x")], postinst)
    assert caught.value.error_code == "build.needs_step"


def test_a_link_of_a_package_that_leads_nowhere_is_only_a_link(layer, debs):
    found = layer([debs.member("./usr/bin/x", PurePosixPath("/usr/lib/nowhere"))])
    assert found["usr/bin/x"].linkname == "/usr/lib/nowhere"


@needs_apt
def test_only_what_the_base_lacks_is_added(shared_cache):
    base = debian.resolve(HERE, shared_cache, Silent())
    assert [each.name for each in resolve_system(["libgomp1"], base, HERE, shared_cache, Silent())] == ["libgomp1"]
    # tar counts as there for scripts alone; who names it gets it, with what it needs
    names = {each.name for each in resolve_system(["tar", "netbase"], base, HERE, shared_cache, Silent())}
    assert {"tar", "libacl1"} <= names
    assert "netbase" not in names


@needs_apt
@pytest.mark.parametrize("name", ["nova-spi-has-none", "libgomp1-", "libgomp.", "libgomp1=0.1"])
def test_a_package_that_nobody_has_is_said_so(shared_cache, name):
    with pytest.raises(BuildFailed, match=r"knows no package|not to be had") as caught:
        resolve_system([name], (), HERE, shared_cache, Silent())
    assert caught.value.error_code == "build.no_package"
    assert "apt-get update" in caught.value.mend


@needs_apt
def test_system_packages_are_a_layer_and_in_the_lock(project, kit, layout, shared_cache):
    text = kit.MANIFEST.replace('  python_version: "3.11"\n', "  system_packages: [libgomp1]\n  base_image: debian\n")
    root = project(manifest=text)
    settings = Settings.load(root, cache_dir=shared_cache)
    image = build_image(open_folder(root), layout, settings=settings)
    found = kit.read_layer(layout, image.layers[0].descriptor)
    assert [name for name in found if name.endswith("/libgomp.so.1")]
    pin = read_lock(root).base(HERE)
    assert (pin.system, [each.name for each in pin.system_packages]) == (("libgomp1",), ["libgomp1"])
    again = build_image(open_folder(root), layout, settings=settings)
    assert (again.digest, again.reason) == (image.digest, "nova-spi.lock pins it.")
    assert read_lock(root).base(HERE) == pin
