import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.artifacts.trees import unpack
from nova_spi.errors import ArtifactInvalid, BuildFailed
from nova_spi.images import debian, debian_apt
from nova_spi.images.base import check_python, open_base
from nova_spi.images.build import build_image
from nova_spi.images.debian import assemble
from nova_spi.images.debian_records import Package
from nova_spi.images.debian_store import fetched, is_whole
from nova_spi.images.lock import LOCK, Lock, Locked, write_lock
from nova_spi.images.lock_reading import read_lock
from nova_spi.images.python_facts import python_facts
from nova_spi.progress import Silent
from nova_spi.project.folder import open_folder
from nova_spi.settings import Settings

HERE = Platform.here()
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt-get is not installed")
pytestmark = needs_dpkg


@pytest.fixture
def made(debs, kit, tmp_path):
    """Packages made by hand, in a cache: what is asked for as debian then needs no apt."""
    m = debs.member
    trees = {
        "libc6": [m("./lib/x86_64-linux-gnu/libc.so.6", kit.LIBC), m("./usr/share/doc/libc6/changelog.gz", b"x")],
        "python3": [
            m("./usr/bin/python3.11", b"\x7fELF", 0o755),
            m("./usr/bin/python3", PurePosixPath("python3.11")),
            m("./usr/share/doc/python3/copyright", b"free"),
        ],
        "ca-certificates": [
            m(f"./usr/share/ca-certificates/mozilla/{name}.crt", f"--{name}--".encode()) for name in ("B", "A")
        ],
    }
    cache = tmp_path / "cache"
    found = tuple(debs.keep(cache, debs.deb(members, name), name) for name, members in trees.items())
    return found, cache


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """apt that fails whatever it is asked, and dpkg-deb as it is."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("apt-get", "apt-cache"):
        (folder / name).write_text("#!/bin/sh\necho 'E: nobody may be asked' >&2\nexit 100\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.fixture(scope="session")
def today(shared_cache) -> tuple[Package, ...]:
    """What a base has today, by this machine's own sources."""
    return debian.resolve(HERE, shared_cache, Silent())


@pytest.fixture(scope="session")
def real(today, shared_cache, tmp_path_factory) -> Layout:
    """A layout with the base of today, named base."""
    layout = Layout.create(tmp_path_factory.mktemp("real") / "store")
    layout.name(assemble(today, layout, HERE, shared_cache, Silent()), "base")
    return layout


def files(layout: Layout, descriptor, kit):
    manifest = layout.manifest(descriptor)
    return kit.read_layer(layout, manifest.layers[0])


def test_an_assembled_base_has_what_scripts_would_have_made(made, layout, kit, offline):
    packages, cache = made
    found = files(layout, assemble(packages, layout, kit.AMD64, cache, Silent()), kit)
    assert found["etc/ssl/certs/ca-certificates.crt"].content == b"--A--\n--B--\n"
    assert found["usr/lib/ssl/cert.pem"].linkname == "/etc/ssl/certs/ca-certificates.crt"
    assert b"model:x:1000:1000:" in found["etc/passwd"].content
    assert b"model:x:1000:" in found["etc/group"].content
    assert (found["tmp"].mode, found["bin"].linkname, found["lib"].linkname) == (0o1777, "usr/bin", "usr/lib")
    assert b"Package: libc6\n" in found["var/lib/dpkg/status.d/libc6"].content
    assert "usr/share/doc/python3/copyright" in found
    assert "usr/share/doc/libc6/changelog.gz" not in found
    assert {(each.mtime, each.uid, each.gid, each.uname) for each in found.values()} == {(0, 0, 0, "")}


def test_its_python_and_libc_are_found(made, layout, kit, offline):
    packages, cache = made
    manifest = layout.manifest(assemble(packages, layout, kit.AMD64, cache, Silent()))
    facts = python_facts(layout, manifest, layout.config(manifest))
    assert (facts.path, facts.version, facts.libc_version) == ("/usr/bin/python3.11", "3.11", "2.36")


def test_the_order_of_packages_does_not_show(made, kit, tmp_path, offline):
    packages, cache = made
    one = assemble(packages, Layout.create(tmp_path / "one"), kit.AMD64, cache, Silent())
    assert assemble(packages[::-1], Layout.create(tmp_path / "two"), kit.AMD64, cache, Silent()) == one


@pytest.mark.parametrize(
    "other",
    [
        {"name": "./usr/bin/tool", "source": b"other", "mode": 0o755},
        {"name": "./usr/bin/tool", "source": b"same", "mode": 0o644},
        {"name": "./usr/bin/tool2", "source": b"same", "mode": 0o755},
        {"name": "./usr/bin/tool", "source": PurePosixPath("same")},
    ],
)
def test_whatever_changes_in_a_package_changes_the_digest(made, debs, kit, tmp_path, other):
    packages, cache = made
    digests = set()
    for number, fields in enumerate(({"name": "./usr/bin/tool", "source": b"same", "mode": 0o755}, other)):
        more = debs.keep(cache, debs.deb([debs.member(**fields)], "tool"), "tool")
        store = Layout.create(tmp_path / str(number))
        digests.add(assemble((*packages, more), store, kit.AMD64, cache, Silent()).digest)
    assert len(digests) == 2


def test_two_packages_with_one_place_are_refused_where_they_differ(made, debs, layout, kit):
    packages, cache = made
    for content, fits in ((b"\x7fELF", True), (b"other", False)):
        member = debs.member("./bin/python3.11", content, 0o755)
        more = debs.keep(cache, debs.deb([member], "more"), "more")
        if fits:
            assemble((*packages, more), layout, kit.AMD64, cache, Silent())
            continue
        with pytest.raises(BuildFailed, match=r"Two packages have a file at /usr/bin/python3\.11"):
            assemble((*packages, more), layout, kit.AMD64, cache, Silent())


def test_a_file_below_a_link_of_another_package_is_refused(made, debs, layout, kit):
    packages, cache = made
    bad = [debs.member("./opt/x", PurePosixPath("/etc")), debs.member("./opt/x/passwd", b"root")]
    more = debs.keep(cache, debs.deb(bad, "bad"), "bad")
    with pytest.raises(BuildFailed, match="is a file, and /opt/x/passwd stands below it"):
        assemble((*packages, more), layout, kit.AMD64, cache, Silent())


def test_a_second_time_it_comes_out_of_the_layout(made, layout, kit, offline):
    packages, cache = made
    first = assemble(packages, layout, kit.AMD64, cache, Silent())
    shutil.rmtree(cache)
    assert assemble(packages, layout, kit.AMD64, cache, Silent()) == first
    layout.blobs.path(layout.manifest(first).layers[0].digest).unlink()
    with pytest.raises(BuildFailed):
        assemble(packages, layout, kit.AMD64, cache, Silent())


def test_every_changed_byte_of_a_cached_package_is_noticed(made):
    (package, *_), cache = made
    path = cache / "debian" / "packages" / f"{package.sha256}.deb"
    whole = path.read_bytes()
    assert is_whole(path, package.sha256)
    for position in range(0, len(whole), len(whole) // 40):
        changed = bytearray(whole)
        changed[position] ^= 0x20
        path.write_bytes(changed)
        assert not is_whole(path, package.sha256)
    path.write_bytes(whole[:-1])
    assert not is_whole(path, package.sha256)
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert not is_whole(path, package.sha256)


def test_a_package_that_cannot_be_fetched_is_one_clear_error(made, kit, layout, offline):
    packages, cache = made
    shutil.rmtree(cache)
    with pytest.raises(BuildFailed) as caught:
        assemble(packages, layout, kit.AMD64, cache, Silent())
    assert caught.value.why == "nobody may be asked"
    assert caught.value.mend


def test_a_machine_without_apt_is_told_so(layout, kit, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed, match="apt-get is not here") as caught:
        open_base("debian", layout, kit.AMD64, Silent(), cache_dir=tmp_path)
    assert caught.value.error_code == "build.no_apt"
    assert "--base-image" in caught.value.mend


def test_a_platform_that_it_is_not_made_for_is_said_so(layout, tmp_path):
    with pytest.raises(BuildFailed, match=r"not made for linux/riscv64|is not here"):
        open_base("debian", layout, Platform("linux", "riscv64"), Silent(), cache_dir=tmp_path)


@pytest.fixture
def full(tmp_path):
    """A folder on a small disk; called with it, that is filled up."""
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing may be mounted here")

    def fill() -> None:
        handle = os.open(small / "filler", os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while os.write(handle, bytes(4096)):
                pass
        os.close(handle)

    yield small, fill
    subprocess.run(["umount", str(small)], check=True)


def test_a_full_disk_while_assembling_is_said_so(made, kit, full):
    packages, cache = made
    small, fill = full
    layout = Layout.create(small / "store")
    fill()
    with pytest.raises(ArtifactInvalid) as caught:
        assemble(packages, layout, kit.AMD64, cache, Silent())
    assert caught.value.error_code == "artifact.disk_full"


def test_a_project_that_cannot_be_written_is_built_and_told_so(project, layout, base, kit, full, tmp_path):
    small, fill = full
    root = small / "project"
    shutil.copytree(project(), root)
    fill()

    warnings = []

    class Told(Silent):
        def warn(self, message):
            warnings.append(message)

    settings = Settings.load(root, cache_dir=tmp_path / "cache")
    image = build_image(
        open_folder(root), layout, base=str(base), platform=kit.AMD64, settings=settings, progress=Told()
    )
    assert layout.manifest(image.manifest.descriptor)
    assert any("nova-spi.lock cannot be written" in each for each in warnings)
    assert read_lock(root) == Lock()
    assert not list(root.glob(".nova-spi.lock-*"))


@needs_apt
def test_a_full_disk_while_fetching_is_said_so(today, full):
    small, fill = full
    fill()
    with pytest.raises(BuildFailed) as caught:
        fetched([each for each in today if each.name == "netbase"], HERE, small, Silent())
    assert caught.value.error_code == "artifact.disk_full"
    assert "NOVA_SPI_CACHE_DIR" in caught.value.mend


BUILD = """
import os, sys
from pathlib import Path
from nova_spi.artifacts.layout import Layout
from nova_spi.artifacts.platforms import Platform
from nova_spi.images.debian import assemble
from nova_spi.images.debian_records import Package
from nova_spi.progress import Silent
os.umask(int(sys.argv[3], 8))
packages = [Package.parse(line) for line in sys.stdin.read().splitlines()]
layout = Layout.create(Path(sys.argv[1]))
print(assemble(packages, layout, Platform.here(), Path(sys.argv[2]), Silent()).digest)
"""


@needs_apt
def test_two_machines_worth_of_differences_give_one_digest(today, shared_cache, tmp_path):
    fetched(today, HERE, shared_cache, Silent())
    digests = set()
    ways = (
        ("022", {"TZ": "UTC", "LC_ALL": "C"}, today),
        ("077", {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": "5"}, today[::-1]),
    )
    for number, (umask, variables, packages) in enumerate(ways):
        cache = tmp_path / f"cache {number}"
        shutil.copytree(shared_cache / "debian" / "packages", cache / "debian" / "packages", copy_function=shutil.copy)
        done = subprocess.run(
            [sys.executable, "-c", BUILD, str(tmp_path / f"store {number}"), str(cache), umask],
            input="\n".join(map(str, packages)), text=True, capture_output=True, timeout=300, check=True,
            env=os.environ | variables,
        )  # fmt: skip
        digests.add(done.stdout)
    assert len(digests) == 1


@needs_apt
def test_a_damaged_package_in_the_cache_is_fetched_again(today, shared_cache, tmp_path):
    small = next(each for each in today if each.name == "netbase")
    (path,) = fetched([small], HERE, tmp_path, Silent()).values()
    assert is_whole(path, small.sha256)
    path.write_bytes(b"something else")
    fetched([small], HERE, tmp_path, Silent())
    assert is_whole(path, small.sha256)


@needs_apt
def test_a_package_that_comes_with_another_content_than_is_pinned_is_refused(today, tmp_path):
    small = next(each for each in today if each.name == "netbase")
    other = Package(small.name, small.version, small.architecture, "0" * 64)
    with pytest.raises(BuildFailed, match="another content") as caught:
        fetched([other], HERE, tmp_path, Silent())
    assert "--base-image debian" in caught.value.mend
    assert not list((tmp_path / "debian" / "packages").iterdir())


@needs_apt
def test_a_version_that_is_gone_is_said_so(today, tmp_path):
    gone = Package("netbase", "0.0.1", "all", "0" * 64)
    with pytest.raises(BuildFailed, match=r"netbase 0\.0\.1 is not to be had") as caught:
        fetched([gone], HERE, tmp_path, Silent())
    assert caught.value.error_code == "build.no_package"


@needs_apt
def test_nothing_of_the_machine_is_written(today, tmp_path):
    def machine():
        places = ("/etc/apt", "/var/lib/dpkg", "/var/lib/apt/lists", "/var/cache/apt")
        found = [path for place in places for path in (Path(place), *Path(place).rglob("*"))]
        return {str(path): path.lstat().st_mtime_ns for path in found if path.name not in ("lock", "partial")}

    before = machine()
    small = [each for each in debian.resolve(HERE, tmp_path, Silent()) if each.name == "netbase"]
    fetched(small, HERE, tmp_path, Silent())
    assert machine() == before


@needs_apt
def test_a_real_base_builds_a_project_and_its_python_starts(today, real, project, kit, shared_cache, tmp_path):
    version = next(each.version for each in today if each.name == "python3").split(".")
    text = kit.MANIFEST.replace('python_version: "3.11"', f'python_version: "{version[0]}.{version[1]}"')
    root = project(manifest=text)
    settings = Settings.load(root, cache_dir=shared_cache)
    image = build_image(open_folder(root), real, base="debian", settings=settings)
    assert image.base.packages == today
    assert read_lock(root).base(HERE).packages == today
    tree = tmp_path / "tree"
    unpack(real, image.manifest, tree)
    (loader,) = {*tree.glob("usr/lib/*/ld-linux*.so.*")} | {*tree.glob("usr/lib/ld-linux-aarch64.so.1")}
    code = (
        "import bz2, ctypes, curses, hashlib, json, lzma, pwd, readline, socket, sqlite3, ssl, sys, uuid, zoneinfo\n"
        "print(json.dumps([sys.version_info[:2], sqlite3.sqlite_version, str(zoneinfo.ZoneInfo('Europe/Berlin'))]))\n"
    )
    libraries = ":".join(str(each) for each in (loader.parent, *tree.glob("usr/lib/*-linux-gnu")))
    python = tree / image.base.python.path.lstrip("/")
    done = subprocess.run(
        [str(loader), "--library-path", libraries, str(python), "-I", "-B", "-c", code],
        env={"PYTHONHOME": str(tree / "usr"), "PYTHONTZPATH": str(tree / "usr/share/zoneinfo")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0] == [int(version[0]), int(version[1])]
    bundle = (tree / "etc/ssl/certs/ca-certificates.crt").read_bytes()
    assert bundle.count(b"-----BEGIN CERTIFICATE-----") > 100
    assert (tree / "etc/os-release").read_text()
    assert not [
        each for each in tree.rglob("*") if each.is_file() and not each.is_symlink() and each.stat().st_mode & 0o6000
    ]


@needs_apt
def test_with_the_lock_nobody_is_asked(today, real, layout, project, kit, shared_cache, offline):
    root = project(manifest=kit.MANIFEST.replace('  python_version: "3.11"\n', ""))
    manifest = real.manifest(real.find("base"))
    pin = Locked(HERE, "debian", "debian", manifest.descriptor.digest, manifest.config.digest, today)
    write_lock(root, Lock((pin,)))
    before = (root / LOCK).read_bytes()
    settings = Settings.load(root, cache_dir=shared_cache)
    image = build_image(open_folder(root), layout, settings=settings)
    assert image.base.manifest.descriptor == manifest.descriptor
    assert (root / LOCK).read_bytes() == before


def test_the_first_build_and_the_next_give_one_digest(made, layout, project, kit, offline, monkeypatch, tmp_path):
    packages, cache = made
    monkeypatch.setattr(debian, "resolve", lambda *_: packages)  # what apt answers is the real tests' matter
    root = project()
    settings = Settings.load(root, cache_dir=cache)
    first = build_image(open_folder(root), layout, base="debian", platform=kit.AMD64, settings=settings)
    other = Layout.create(tmp_path / "other")
    again = build_image(open_folder(root), other, platform=kit.AMD64, settings=settings)
    assert first.digest == again.digest
    assert (again.base.name, again.reason) == ("debian", "nova-spi.lock pins it.")
    assert LOCK not in {name for layer in again.layers for name in kit.read_layer(other, layer.descriptor)}


def test_another_content_than_the_lock_says_is_refused(made, layout, project, kit, offline, monkeypatch):
    packages, cache = made
    monkeypatch.setattr(debian, "resolve", lambda *_: packages)
    root = project()
    settings = Settings.load(root, cache_dir=cache)
    build_image(open_folder(root), layout, base="debian", platform=kit.AMD64, settings=settings)
    lock = (root / LOCK).read_text()
    image_id = str(read_lock(root).base(kit.AMD64).image_id)
    (root / LOCK).write_text(lock.replace(image_id, f"sha256:{'0' * 64}"))
    with pytest.raises(BuildFailed, match=r"not what nova-spi\.lock pins") as caught:
        build_image(open_folder(root), layout, platform=kit.AMD64, settings=settings)
    assert caught.value.error_code == "build.lock_differs"


@needs_apt
def test_another_python_than_the_distributions_is_an_error_that_names_both(real, shared_cache):
    base = open_base("debian", real, HERE, Silent(), cache_dir=shared_cache)
    with pytest.raises(BuildFailed, match=rf"debian has Python {base.python.version}; .* is 3\.99"):
        check_python(base, "3.99")


@needs_apt
@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_skopeo_reads_the_base(real, tmp_path):
    inspect = ["skopeo", "inspect", "--config", f"oci:{real.root}:base"]
    done = subprocess.run(inspect, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["architecture"] == HERE.architecture
    copied = ["skopeo", "copy", "--insecure-policy", f"oci:{real.root}:base", f"oci:{tmp_path / 'copy'}:base"]
    subprocess.run(copied, capture_output=True, timeout=120, check=True)
    assert Layout.open(tmp_path / "copy").find("base").digest == real.find("base").digest


@needs_apt
def test_a_base_for_another_machine_needs_no_foreign_architecture(kit, layout, tmp_path):
    other = kit.ARM64 if HERE.architecture == "amd64" else kit.AMD64
    with debian_apt.asked(tmp_path, other, Silent(), newest=True) as apt:
        found = apt.resolve(["libc6"], debian.pretended())
    assert {each.architecture for each in found} <= {other.architecture, "all"}
