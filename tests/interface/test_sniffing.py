import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_spi.interface.claims import lies, same_family
from nova_spi.interface.media import MediaProblem, sniff
from nova_spi.interface.signatures import frame_length
from nova_spi.interface.sniffing import UNKNOWN


def test_real_media_are_known_by_their_content(any_medium: tuple[Path, str], tmp_path: Path) -> None:
    path, mime = any_medium
    bare = tmp_path / "without_extension"
    bare.write_bytes(path.read_bytes())
    assert sniff(bare) == mime
    assert lies(path.name, mime) is None


@pytest.mark.parametrize(
    ("name", "content", "mime"),
    [
        ("empty", b"", "text/plain"),
        ("notes.txt", "Grüße".encode(), "text/plain"),
        ("brackets.txt", b"[1, 2]", "text/plain"),
        ("table.csv", b"a,b\n1,2\n", "text/csv"),
        ("readme.md", b"# Title\n", "text/markdown"),
        ("data.json", b'{"a": 1}', "application/json"),
        ("scalar.json", b"42", "application/json"),
        ("broken.json", b'{"a": ', "text/plain"),
        ("lines.jsonl", b'{"a": 1}\n{"a": 2}\n', "application/jsonl"),
        ("data", b'\xef\xbb\xbf[{"a": 1}]', "application/json"),
        ("number", b"42", "text/plain"),
        ("page", b"<!DOCTYPE html><html></html>", "text/html"),
        ("drawing", b'<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        ("feed", b'<?xml version="1.0"?><feed/>', "application/xml"),
        ("captions", b"WEBVTT\n\n", "text/vtt"),
        ("doc", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf"),
        ("letter", b"{\\rtf1 hello}", "application/rtf"),
        ("utf16", "hello".encode("utf-16"), "text/plain"),
        ("program", b"\x7fELF\x02\x01\x01" + bytes(60), "application/x-elf"),
        ("mz", b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0", "application/vnd.microsoft.portable-executable"),
        ("noise", bytes(range(256)) * 4, UNKNOWN),
        ("latin1", b"caf\xe9", UNKNOWN),
        ("two_bytes", b"\xff\xfb", UNKNOWN),
        ("zip", b"PK\x03\x04" + bytes(26), "application/zip"),
        ("sqlite", b"SQLite format 3\0" + bytes(84), "application/x-sqlite3"),
    ],
)
def test_text_and_documents_are_known(tmp_path: Path, name: str, content: bytes, mime: str) -> None:
    (tmp_path / name).write_bytes(content)
    found = sniff(tmp_path / name)
    assert found == mime or (name == "sqlite" and "sqlite" in found)


def test_a_character_that_the_head_cuts_in_two_is_still_text(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"a" * (64 * 1024 - 1) + "é".encode() * 1000)
    assert sniff(path) == "text/plain"


def test_a_large_json_file_is_known_by_its_head(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_text(json.dumps([{"value": "x" * 100}] * 50_000))
    assert path.stat().st_size > 4 * 1024 * 1024
    assert sniff(path) == "application/json"


def test_json_nested_a_million_deep_is_text(tmp_path: Path) -> None:
    path = tmp_path / "deep"
    path.write_bytes(b"[" * 1_000_000)
    assert sniff(path) == "text/plain"


def test_a_named_pipe_is_a_finding_and_not_a_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaProblem, match="not a regular file") as caught:
        sniff(tmp_path / "pipe")
    assert caught.value.code == "unreadable"


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(MediaProblem, match="cannot be read"):
        sniff(tmp_path / "nothing")


def test_a_file_without_permission_is_a_finding(open_folder_without_rights) -> None:
    folder, without_rights = open_folder_without_rights
    (folder / "mine").write_bytes(b"x")
    (folder / "mine").chmod(stat.S_IWUSR)
    with without_rights(), pytest.raises(MediaProblem, match="cannot be read"):
        sniff(folder / "mine")


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("picture.png", "image/jpeg"),
        ("picture.PNG", "application/x-elf"),
        ("sound.wav", "audio/mpeg"),
        ("clip.mp4", "video/webm"),
        ("notes.txt", "application/vnd.microsoft.portable-executable"),
        ("table.csv", "image/png"),
        ("paper.pdf", "text/html"),
    ],
)
def test_a_name_that_contradicts_the_content_is_a_lie(name: str, mime: str) -> None:
    told = lies(name, mime)
    assert told is not None
    assert mime in told


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("clip.mp4", "video/quicktime"),
        ("clip.mkv", "video/webm"),
        ("voice.oga", "audio/ogg"),
        ("photo.jfif", "image/jpeg"),
        ("weights.bin", "image/png"),
        ("no_extension", "application/x-elf"),
        ("notes.txt", "application/octet-stream"),
        ("config.json", "text/plain"),
    ],
)
def test_what_a_name_leaves_open_is_no_lie(name: str, mime: str) -> None:
    assert lies(name, mime) is None


def test_types_of_one_container_are_a_family() -> None:
    assert same_family("video/mp4", "audio/mp4")
    assert same_family("image/png", "image/png")
    assert not same_family("video/mp4", "video/webm")


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (bytes.fromhex("fffb9000"), 417),  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz
        (bytes.fromhex("fffb9200"), 418),  # the same, padded
        (bytes.fromhex("fff38040"), 208),  # MPEG-2 layer III, 64 kbit/s, 22.05 kHz: 72 * 64000 / 22050
        (bytes.fromhex("fffd8000"), 417),  # MPEG-1 layer II, 128 kbit/s, 44.1 kHz
        (bytes.fromhex("ffff4000"), 136),  # MPEG-1 layer I, 128 kbit/s, 44.1 kHz, in slots of 4 bytes
    ],
)
def test_frames_of_mpeg_audio_have_the_length_of_the_standard(header: bytes, length: int) -> None:
    assert frame_length(header + bytes(4)) == ("audio/mpeg", length)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["", ".png", ".json", ".txt", ".mp3", ".csv"]))
def test_no_bytes_make_sniff_raise(tmp_path_factory: pytest.TempPathFactory, data: bytes, extension: str) -> None:
    path = tmp_path_factory.mktemp("any") / f"file{extension}"
    path.write_bytes(data)
    assert "/" in sniff(path)


@pytest.mark.parametrize("piece", ["<!---->", "<!-- -->\n", "<?xml?>", "<!DOCTYPE>", "<?xml " * 9, " \n"])
def test_markup_without_an_end_is_read_once(tmp_path: Path, piece: str) -> None:
    path = tmp_path / "drawing"
    path.write_text("<" + piece * 300 + "x")
    sniff(path)  # one that tries every way to take comments apart never comes back
    path.write_text(piece * 300 + "x")
    sniff(path)
