import contextlib
import shutil
import tarfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import BuildFailed
from nova_spi.images import debian_files
from nova_spi.images.debian_files import control_files, is_kept, placed, tree

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")


@pytest.fixture
def read(tmp_path):
    """The tree of a .deb by paths."""

    def found(data: bytes):
        path = tmp_path / "made.deb"
        path.write_bytes(data)
        shutil.rmtree(tmp_path / "scratch", ignore_errors=True)
        return {entry.path: entry for entry in tree(path, tmp_path / "scratch")}

    return found


def test_a_tree_comes_as_it_is_with_what_stood_at_the_root_below_usr(read, debs):
    large = bytes(200_000)
    found = read(
        debs.deb(
            [
                debs.member("./"),
                debs.member("./lib"),
                debs.member("./lib/x86_64-linux-gnu"),
                debs.member("./lib/x86_64-linux-gnu/libx.so.1", large),
                debs.member("./bin/tool", b"\x7fELF", 0o4755),
                debs.member("./usr/bin/same", b"", type=tarfile.LNKTYPE, linkname="./bin/tool"),
                debs.member("./lib64/ld.so", PurePosixPath("/lib/x86_64-linux-gnu/libx.so.1")),
                debs.member("./etc/tool.conf", b"x", 0o600),
            ]
        )
    )
    assert set(found) == {
        *("usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/libx.so.1", "usr/bin/tool", "usr/bin/same"),
        *("usr/lib64/ld.so", "etc/tool.conf"),
    }
    assert found["usr/lib/x86_64-linux-gnu/libx.so.1"].source.read_bytes() == large
    assert (found["usr/bin/tool"].executable, found["usr/bin/same"].source) == (True, b"\x7fELF")


def test_links_of_a_system_that_is_merged_already_are_ours_to_make(read, debs):
    assert read(
        debs.deb([debs.member("./bin", PurePosixPath("usr/bin")), debs.member("./usr/bin/x", b"1")])
    ).keys() == {"usr/bin/x"}


@pytest.mark.parametrize(
    ("name", "source", "fields"),
    [
        ("/etc/absolute", b"x", {}),
        ("../outside", b"x", {}),
        ("./a/../../outside", b"x", {}),
        ("./a/link", PurePosixPath("../../../etc/passwd"), {}),
        ("./hard", b"", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}),
        ("./hard", b"", {"type": tarfile.LNKTYPE, "linkname": "./not/there"}),
        ("./dev/null", b"", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}),
        ("./pipe", b"", {"type": tarfile.FIFOTYPE}),
    ],
)
def test_what_leads_out_is_refused(read, debs, name, source, fields):
    with pytest.raises(BuildFailed) as caught:
        read(debs.deb([debs.member(name, source, **fields)]))
    assert caught.value.error_code == "build.package"
    assert "made.deb" in caught.value.message


def test_a_link_of_the_package_into_its_image_may_name_any_place_there(read, debs):
    found = read(debs.deb([debs.member("./usr/bin/python3", PurePosixPath("/etc/alternatives/python3"))]))
    assert str(found["usr/bin/python3"].source) == "/etc/alternatives/python3"


def test_nothing_is_written_through_a_link_of_the_package(read, tmp_path, debs):
    away = tmp_path / "away"
    away.mkdir()
    found = read(
        debs.deb([debs.member("./opt/x", PurePosixPath(str(away))), debs.member("./opt/x/file", bytes(100_000))])
    )
    assert not list(away.iterdir())
    assert "opt/x/file" in found  # the layer's writer refuses a file below a link


@pytest.mark.parametrize("cut", [0, 7, 60, 200, 1500, -700])
def test_a_package_that_breaks_off_is_said_so(read, cut, debs):
    whole = debs.deb([debs.member("./usr/bin/x", bytes(range(256)) * 8)])
    with pytest.raises(BuildFailed) as caught:
        read(whole[:cut])
    assert caught.value.error_code == "build.package"


def test_too_many_or_too_large_files_are_refused(read, monkeypatch, debs):
    whole = debs.deb([debs.member(f"./f{n}", b"12345") for n in range(20)])
    assert len(read(whole)) == 20
    monkeypatch.setattr(debian_files, "MAX_MEMBERS", 10)
    with pytest.raises(BuildFailed, match="cannot be read"):
        read(whole)
    monkeypatch.undo()
    monkeypatch.setattr(debian_files, "MAX_BYTES", 99)
    with pytest.raises(BuildFailed, match="cannot be read"):
        read(whole)


def test_a_package_without_control_is_none(tmp_path, debs):
    path = tmp_path / "x.deb"
    path.write_bytes(
        debs.ar(
            {
                "debian-binary": b"2.0\n",
                "control.tar": debs.tar([debs.member("./other", b"")]),
                "data.tar": debs.tar([]),
            }
        )
    )
    with pytest.raises(BuildFailed, match="cannot be read"):
        control_files(path)
    path.write_bytes(debs.deb([], postinst="#!/bin/sh\n"))
    assert control_files(path)["postinst"] == b"#!/bin/sh\n"


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_changed_byte_of_a_package_breaks_the_reading(tmp_path_factory, data, debs):
    folder = tmp_path_factory.mktemp("mutated")
    whole = bytearray(
        debs.deb([debs.member("./usr/bin/x", b"content"), debs.member("./usr/y", PurePosixPath("bin/x"))])
    )
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / "x.deb").write_bytes(whole)
    with contextlib.suppress(BuildFailed):
        for entry in tree(folder / "x.deb", folder / "scratch"):
            assert not entry.path.startswith("/")
            assert ".." not in entry.path.split("/")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_every_name_is_placed_inside_or_refused(name):
    try:
        found = placed(name, Path("x.deb"))
    except BuildFailed:
        return
    assert not {"..", ".", ""} & set(found.split("/")) or found == ""


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("usr/share/doc/libc6/copyright", True),
        ("usr/share/doc/libc6/changelog.Debian.gz", False),
        ("usr/share/doc/libgcc-s1", True),
        ("usr/share/doc/a/b/copyright", True),
        ("usr/share/man/man1/x.1.gz", False),
        ("usr/share/manners", True),
        ("usr/share/locale/de/LC_MESSAGES/x.mo", False),
        ("usr/share/locale", False),
        ("usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", True),
        ("usr/lib/x86_64-linux-gnu/gconv/IBM037.so", False),
        ("usr/lib/x86_64-linux-gnu/gconv/gconv-modules", True),
        ("usr/lib/python3.11/email/mime", True),
    ],
)
def test_manuals_and_translations_are_dropped_and_licences_stay(path, kept):
    assert is_kept(path) is kept
