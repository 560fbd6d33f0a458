import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.artifacts.digests import Digest
from nova_spi.artifacts.platforms import Platform
from nova_spi.errors import BuildFailed
from nova_spi.images.debian_records import Package
from nova_spi.images.lock import LOCK, Lock, Locked, dump_lock, write_lock
from nova_spi.images.lock_reading import parse_lock, read_lock

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
HEX = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
digests = st.builds(Digest, st.just("sha256"), HEX)
names = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), min_size=1, max_size=60).filter(str.isprintable)
packages = st.builds(
    Package,
    st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,20}", fullmatch=True),
    st.from_regex(r"[0-9][A-Za-z0-9.+:~-]{0,20}", fullmatch=True),
    st.sampled_from(["amd64", "all"]),
    HEX,
)
some = st.lists(packages, min_size=1, max_size=4).map(tuple)
plain = st.builds(Locked, st.sampled_from([AMD64, ARM64]), st.sampled_from(["registry", "disk"]), names, digests)
made = st.builds(
    Locked, st.just(AMD64), st.just("debian"), st.just("debian"), digests, digests, some,
    st.lists(st.sampled_from(["ffmpeg", "git"]), min_size=1, unique=True).map(tuple), st.just(()) | some,
)  # fmt: skip
BASE = Locked(AMD64, "registry", "python:3.12-slim", Digest("sha256", "a" * 64))


def debian(**changes) -> Locked:
    fields = {
        "platform": AMD64,
        "kind": "debian",
        "name": "debian",
        "digest": Digest("sha256", "a" * 64),
        "image_id": Digest("sha256", "b" * 64),
        "packages": (Package("libc6", "2.36-9", "amd64", "c" * 64), Package("tzdata", "2024a", "all", "d" * 64)),
    }
    return Locked(**(fields | changes))


@settings(max_examples=100, deadline=None)
@given(st.lists(plain | made, max_size=3))
def test_a_lock_is_read_as_it_was_written(bases):
    lock = Lock()
    for each in bases:
        lock = lock.with_base(each)
    assert parse_lock(dump_lock(lock).encode()) == lock


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_is_no_lock_is_one_clear_error(data):
    with pytest.raises(BuildFailed, match=r"^nova-spi\.lock, line ") as caught:
        parse_lock(data)
    assert caught.value.mend


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_changed_character_of_a_lock_passes_unseen_or_breaks_it(data):
    lock = Lock((debian(system=("git",), system_packages=(Package("git", "1", "amd64", "e" * 64),)),))
    text = bytearray(dump_lock(lock).encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = parse_lock(bytes(text))
    except BuildFailed:
        return
    # What still reads is a comment, space, or says something else; it never says the same with another meaning.
    assert found == lock or dump_lock(found) != dump_lock(lock)


def test_the_order_of_builds_does_not_show():
    arm = Locked(ARM64, "registry", "python:3.12-slim", Digest("sha256", "b" * 64))
    one, other = Lock().with_base(BASE).with_base(arm), Lock().with_base(arm).with_base(BASE)
    assert dump_lock(one) == dump_lock(other)
    assert one.base(AMD64) == BASE
    assert one.base(Platform("linux", "arm64", "v8")) == arm
    assert one.base(Platform("linux", "riscv64")) is None


def test_a_text_says_what_it_is_and_how_it_is_changed():
    text = dump_lock(Lock((BASE,)))
    assert text.startswith("# What this project's images are built from")
    assert "--base-image" in text


@pytest.mark.parametrize(
    ("before", "after", "line", "why"),
    [
        ("version = 1", "version = 2", 4, "another version"),
        ("version = 1", "", 1, "version must be 1"),
        ('name = "debian"', 'name = ""', 9, "no name"),
        ('kind = "debian"', 'kind = "ubuntu"', 8, "must be one of registry"),
        ('kind = "debian"', 'kind = "disk"', 11, "image_id belongs to the kind debian"),
        ('platform = "linux/amd64"', 'platform = "linux"', 7, "like linux/amd64"),
        ('platform = "linux/amd64"', "", 6, "platform must be a string"),
        ('digest = "sha256:aa', 'digest = "sha256:', 10, "64 hexadecimal"),
        ("sha256:cc", "sha256:", 12, "is not NAME=VERSION"),
        ("[[base]]", "[[base", 6, "not TOML"),
        ("[[base]]", "unknown = 1\n[[base]]", 6, "is not known"),
        ("packages = [", "packages = [1,", 12, "list of strings"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(before, after, line, why):
    text = dump_lock(Lock((debian(),)))
    assert before in text
    with pytest.raises(BuildFailed, match=why) as caught:
        parse_lock(text.replace(before, after, 1).encode())
    assert caught.value.message.startswith(f"nova-spi.lock, line {line}:")
    assert caught.value.error_code == "build.lock"


def test_the_second_base_is_wrong_on_its_own_line():
    text = dump_lock(Lock((BASE, Locked(ARM64, "registry", "x", BASE.digest))))
    with pytest.raises(BuildFailed, match="line 14: kind must be one of"):
        parse_lock(text.replace('"registry"', '"wrong"').replace('"wrong"', '"registry"', 1).encode())
    with pytest.raises(BuildFailed, match="line 13: platform linux/amd64 stands there twice"):
        parse_lock(text.replace("linux/arm64", "linux/amd64").encode())


def test_a_lock_that_is_no_text_or_far_too_large_is_said_so():
    with pytest.raises(BuildFailed, match="line 2: it is not UTF-8"):
        parse_lock(b"version = 1\n\xff")
    with pytest.raises(BuildFailed, match="larger"):
        parse_lock(b"#" * (1 << 21))


def test_it_is_written_whole_and_left_alone_where_it_says_the_same(tmp_path):
    assert read_lock(tmp_path) == Lock()
    write_lock(tmp_path, Lock((BASE,)))
    assert read_lock(tmp_path) == Lock((BASE,))
    before = (tmp_path / LOCK).stat()
    assert before.st_mode & 0o777 == 0o644
    write_lock(tmp_path, Lock((BASE,)))
    assert (tmp_path / LOCK).stat().st_ino == before.st_ino
    assert [each.name for each in tmp_path.iterdir()] == [LOCK]


def test_a_lock_that_is_no_file_is_said_so(tmp_path):
    (tmp_path / LOCK).mkdir()
    with pytest.raises(BuildFailed, match="cannot be read"):
        read_lock(tmp_path)
