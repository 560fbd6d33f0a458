import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.errors import BuildFailed
from nova_spi.images.debian_apt import installed
from nova_spi.images.debian_failures import failed
from nova_spi.images.debian_records import MAX_TEXT, Package, package, records, to_fetch

HEX = "a" * 64
names = st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,30}", fullmatch=True)
versions = st.from_regex(r"[0-9][A-Za-z0-9.+:~-]{0,30}", fullmatch=True)
architectures = st.sampled_from(["amd64", "arm64", "all"])
packages = st.builds(Package, names, versions, architectures, st.from_regex(r"[0-9a-f]{64}", fullmatch=True))


@settings(max_examples=100, deadline=None)
@given(packages)
def test_a_package_is_read_as_it_was_written(found):
    assert Package.parse(str(found)) == found


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_whatever_is_no_package_is_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert str(Package.parse(text)) == text


@settings(max_examples=100, deadline=None)
@given(packages, st.text(st.characters(blacklist_characters="\n\r"), max_size=50))
def test_a_package_is_found_in_its_record_whatever_else_that_says(found, more):
    text = (
        f"Package: {found.name}\nVersion: {found.version}\nDescription: {more}\n .{more}\n"
        f"Architecture: {found.architecture}\nSHA256: {found.sha256}\n\n"
    )
    assert [package(each) for each in records(text * 2)] == [found, found]


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_the_reading_of_records(text):
    for record in records(text):
        assert all(name == name.lower() for name in record)
        package(record)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_the_reading_of_what_is_to_be_fetched(text):
    with contextlib.suppress(BuildFailed):
        assert all(":" in each and "=" in each for each in to_fetch(text))


def test_continued_lines_belong_to_their_field():
    assert list(records("A: one\n two\n\n\nB:three\n no field\n")) == [{"a": "one\ntwo"}, {"b": "three\nno field"}]


def test_a_record_without_a_digest_is_no_package():
    assert package({"package": "libc6", "version": "2", "architecture": "amd64"}) is None
    assert package({"package": "../x", "version": "2", "architecture": "amd64", "sha256": HEX}) is None


def test_more_than_a_distribution_says_is_refused():
    with pytest.raises(BuildFailed):
        list(records("x" * (MAX_TEXT + 1)))


def test_what_apt_would_fetch_is_read_out_of_its_file_names():
    text = (
        "'http://host/pool/z_1%3a2-1_amd64.deb' zlib1g_1%3a2-1_amd64.deb 86684 MD5Sum:ec42\n"
        "'http://host/pool/l.deb' libssl3_3.0~deb12u2_amd64.deb 2039888 \n"
        "'file:/a b/x.deb' ca-certificates_2023_all.deb 12\nReading lists...\n"
    )
    assert to_fetch(text) == ("ca-certificates:all=2023", "libssl3:amd64=3.0~deb12u2", "zlib1g:amd64=1:2-1")


@pytest.mark.parametrize(
    "line",
    ["'u' ../../x_1_amd64.deb 1 ", "'u' name_1.deb 1 ", "'u' -o_1_amd64.deb 1 ", "'u' a_1_amd64.deb many", "'u'"],
)
def test_what_is_no_package_is_never_asked_for(line):
    with pytest.raises(BuildFailed, match="not known"):
        to_fetch(line)


def test_what_counts_as_installed_says_nothing_of_what_it_needs():
    text = installed({"package": "p", "version": "1", "architecture": "all", "depends": "q", "provides": "r"})
    assert "Depends" not in text
    assert "Status: install ok installed\n" in text
    assert text.endswith("\n\n")


@pytest.mark.parametrize(
    ("told", "code", "message"),
    [
        ("E: Unable to locate package nosuch\n", "build.no_package", "no package nosuch"),
        ("E: Package 'gone' has no installation candidate\n", "build.no_package", "no package gone"),
        ("E: Version '1.0' for 'libc6' was not found\n", "build.no_package", "libc6 1.0 is not to be had"),
        ("E: Failed to fetch x  Could not resolve 'host'\n", "build.packages", "apt-get download failed"),
        ("E: Write error - write (28: No space left on device)\n", "artifact.disk_full", "disk is full"),
        ("", "build.packages", "apt-get download failed"),
    ],
)
def test_what_apt_says_becomes_one_clear_error(told, code, message):
    error = failed("apt-get", "download", told)
    assert error.error_code == code
    assert message in error.message
    assert error.mend


def test_no_password_of_a_source_is_told(monkeypatch, tmp_path):
    from nova_spi.images.debian_apt import Apt

    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'E: Failed to fetch https://ada:secret@host/x' >&2\nexit 100\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    apt = Apt(tmp_path, tmp_path / "lists", "amd64")
    apt.write_config()
    with pytest.raises(BuildFailed) as caught:
        apt.update()
    assert "secret" not in f"{caught.value.to_dict()}"
    assert "https://****@host" in caught.value.why
