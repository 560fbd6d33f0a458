"""Cut, damaged and hostile files: each is one finding, in bounded time and memory."""

import contextlib
import random
import re
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from nova_spi.interface.frame import Frame
from nova_spi.interface.media import MediaProblem, ProbeLimits, probe, sniff
from nova_spi.interface.structure import walk

MOST_GROWTH = 120 * 1024
"""KiB that a probe of a bomb may add to the peak; the bombs here would take from 400 MiB to 17 GiB."""


def trouble_of(path: Path, mime: str | None = None, limits: ProbeLimits | None = None) -> MediaProblem:
    with pytest.raises(MediaProblem) as caught:
        probe(path, mime or sniff(path), limits)
    return caught.value


# A TIFF ends in a table that no reader needs, and a RIFF or AIFF may lack its last byte of padding.
HARMLESS = {"image/tiff": 8, "audio/wav": 1, "audio/aiff": 1, "video/x-msvideo": 1}


def test_a_cut_file_is_a_finding_wherever_it_is_cut(any_medium: tuple[Path, str], tmp_path: Path) -> None:
    path, mime = any_medium
    data = path.read_bytes()
    dice = random.Random(path.name)
    least = HARMLESS.get(mime, 0) + 1
    cuts = [len(data) - least, len(data) - 50, *(dice.randrange(500, len(data) - least) for _ in range(12))]
    for length in cuts:
        target = tmp_path / path.name
        target.write_bytes(data[:length])
        problem = trouble_of(target, mime)
        assert problem.code in ("truncated", "unreadable"), (length, problem)


@pytest.mark.parametrize("name", ["rgb.png", "photo.jpg", "animated.gif", "lossy.webp", "speech.wav", "clip.mp4"])
def test_half_a_file_is_said_to_be_cut_off(media: Path, tmp_path: Path, name: str) -> None:
    data = (media / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    problem = trouble_of(tmp_path / name)
    assert problem.code == "truncated"
    assert problem.message.startswith("is cut off")


def test_an_mp4_without_its_index_is_cut_off(media: Path, tmp_path: Path) -> None:
    data = (media / "clip.mp4").read_bytes()
    at = data.index(b"moov") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    (tmp_path / "x.mp4").write_bytes(data[:at] + data[at + size :])
    assert trouble_of(tmp_path / "x.mp4").code == "truncated"


def test_flac_that_ends_at_a_frame_is_cut_off(media: Path, tmp_path: Path) -> None:
    data = (media / "music.flac").read_bytes()
    frames = [found.start() for found in re.finditer(rb"\xff\xf8", data)]
    (tmp_path / "x.flac").write_bytes(data[: frames[len(frames) // 2]])
    problem = trouble_of(tmp_path / "x.flac")
    assert problem.code in ("truncated", "unreadable")


def test_a_picture_with_flipped_bits_is_damaged(media: Path, tmp_path: Path) -> None:
    data = bytearray((media / "rgb.png").read_bytes())
    data[len(data) // 2] ^= 0x10
    (tmp_path / "x.png").write_bytes(data)
    problem = trouble_of(tmp_path / "x.png")
    assert problem.code == "unreadable"
    assert problem.message.startswith("is damaged")


def chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png_bomb(path: Path, width: int = 20_000, height: int = 20_000) -> None:
    """A valid picture of one bit a pixel, black: 400 million pixels in 50 KB."""
    row = zlib.compressobj()
    line = bytes(1 + (width + 7) // 8)
    data = b"".join(row.compress(line) for _ in range(height)) + row.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def gif_bomb(path: Path, small: Path) -> None:
    data = bytearray(small.read_bytes())
    data[6:10] = struct.pack("<HH", 65_535, 65_535)
    path.write_bytes(data)


def gif_frame_bomb(path: Path, small: Path) -> None:
    """The screen is small, and one frame of it is not."""
    data = bytearray(small.read_bytes())
    at = data.index(b"\x2c", 13 + (3 << (data[10] & 7) + 1))
    data[at + 5 : at + 9] = struct.pack("<HH", 65_535, 65_535)
    path.write_bytes(data)


def webp_bomb(path: Path, small: Path) -> None:
    picture = small.read_bytes()[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16_383).to_bytes(3, "little") * 2
    body = b"WEBP" + canvas + picture
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def jpeg_bomb(path: Path, small: Path) -> None:
    path.write_bytes(giant_jpeg(small.read_bytes()))


def giant_jpeg(data: bytes) -> bytes:
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", 65_500, 65_500) + data[at + 9 :]


def bmp_bomb(path: Path, small: Path) -> None:
    data = bytearray(small.read_bytes())
    data[18:26] = struct.pack("<ii", 60_000, 60_000)
    path.write_bytes(data)


def tiff_bomb(path: Path, small: Path) -> None:
    data = bytearray(small.read_bytes())
    for tag in (256, 257):
        at = next(found.start() for found in re.finditer(re.escape(struct.pack("<HHI", tag, 4, 1)), bytes(data)))
        data[at + 8 : at + 12] = struct.pack("<I", 70_000)
    path.write_bytes(data)


BOMBS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "bomb.png": ("rgb.png", lambda path, _small: png_bomb(path)),
    "bomb.gif": ("still.gif", gif_bomb),
    "frame.gif": ("still.gif", gif_frame_bomb),
    "bomb.webp": ("lossy.webp", webp_bomb),
    "bomb.jpg": ("photo.jpg", jpeg_bomb),
    "bomb.bmp": ("plain.bmp", bmp_bomb),
    "bomb.tiff": ("plain.tiff", tiff_bomb),
}
PROGRAM = """
import resource, sys
from pathlib import Path
from nova_spi.interface.media import MediaProblem, probe, sniff
probe(Path(sys.argv[1]), sniff(Path(sys.argv[1])))  # what has to be loaded is loaded
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    probe(Path(sys.argv[2]), sniff(Path(sys.argv[2])))
except MediaProblem as problem:
    print(problem.code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def growth_of(small: Path, bomb: Path) -> tuple[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(small), str(bomb)], capture_output=True, text=True, check=True, timeout=60
    )
    code, _, growth = done.stdout.strip().partition(" ")
    return code, int(growth or 0)


@pytest.mark.parametrize("name", BOMBS)
def test_a_picture_that_would_fill_the_memory_is_refused_unread(media: Path, tmp_path: Path, name: str) -> None:
    small, make = BOMBS[name]
    make(tmp_path / name, media / small)
    code, growth = growth_of(media / small, tmp_path / name)
    assert code == "bomb"
    assert growth < 16 * 1024


def test_a_video_of_giant_pictures_does_not_fill_the_memory(media: Path, tmp_path: Path) -> None:
    data = (media / "clip.mov").read_bytes()
    giant = re.sub(rb"\xff\xc0\x00\x11\x08....", b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 65_500, 65_500), data)
    assert giant != data
    (tmp_path / "bomb.mov").write_bytes(giant)
    code, growth = growth_of(media / "clip.mov", tmp_path / "bomb.mov")
    assert code in ("bomb", "unreadable")
    assert growth < MOST_GROWTH


def test_a_container_that_says_giant_pictures_is_a_bomb(media: Path, tmp_path: Path) -> None:
    data = (media / "clip.mkv").read_bytes()
    width, height = data.index(b"\xb0\x81\x60"), data.index(b"\xba\x81\x40")
    assert height == width + 3
    # PixelWidth and PixelHeight, of one byte each, become one element of two bytes and padding of one.
    patched = data[:width] + b"\xb0\x82\xff\xff" + b"\xec\x80" + data[height + 3 :]
    (tmp_path / "x.mkv").write_bytes(patched)
    with pytest.raises(MediaProblem):
        probe(tmp_path / "x.mkv", "video/x-matroska", ProbeLimits(max_pixels=1 << 20))


def test_limits_of_pixels_hold_for_every_kind(media: Path) -> None:
    for name in (
        "rgb.png",
        "photo.jpg",
        "still.gif",
        "lossy.webp",
        "plain.bmp",
        "plain.tiff",
        "modern.avif",
        "clip.mp4",
    ):
        problem = trouble_of(media / name, limits=ProbeLimits(max_pixels=96 * 64 - 1))
        assert problem.code == "bomb", name
        assert probe(media / name, sniff(media / name), ProbeLimits(max_pixels=96 * 80)) is not None


def test_an_animation_of_too_many_frames_is_a_bomb(media: Path) -> None:
    for name in ("animated.gif", "animated.png", "animated.webp", "pages.tiff"):
        assert trouble_of(media / name, limits=ProbeLimits(max_frames=4)).code == "bomb", name


def test_a_gif_of_a_million_frames_takes_no_minute(tmp_path: Path, media: Path) -> None:
    data = (media / "still.gif").read_bytes()
    table = 13 + (3 << (data[10] & 7) + 1)
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, 1, 1) + b"\x00" + b"\x02\x02\x44\x01\x00"
    (tmp_path / "many.gif").write_bytes(data[:table] + frame * 1_000_000 + b"\x3b")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    assert trouble_of(tmp_path / "many.gif").code == "bomb"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 10


def test_a_playlist_in_a_video_s_clothes_opens_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    path = tmp_path / "list.mp4"
    path.write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n")
    for mime in ("video/mp4", "video/mp2t", "audio/mpeg"):
        assert trouble_of(path, mime).code == "lying"


def test_an_id3_tag_with_a_playlist_behind_it_is_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(b"ID3\x04\x00\x00\x00\x00\x10\x00" + bytes(2048) + b"#EXTM3U\nhttp://127.0.0.1:9/x\n")
    assert trouble_of(path, "audio/mpeg").code in ("unreadable", "lying")


def test_postscript_never_reaches_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    assert trouble_of(path, "image/png").code == "lying"


def check_any(path: Path, mime: str) -> None:
    try:
        probe(path, mime, ProbeLimits(max_seconds=3))
    except MediaProblem as problem:
        found = problem
    else:
        return
    assert found.code in ("lying", "truncated", "bomb", "unreadable")
    assert found.message
    assert "\n" not in found.message


BOUNDED = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@BOUNDED
@given(flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=30))
def test_no_damage_makes_probe_raise_anything_else(
    any_medium: tuple[Path, str], tmp_path: Path, flips: list[tuple[float, int]]
) -> None:
    path, mime = any_medium
    data = bytearray(path.read_bytes())
    for place, mask in flips:
        data[int(place * len(data))] ^= mask
    target = tmp_path / path.name
    target.write_bytes(data)
    check_any(target, mime)


@BOUNDED
@given(begin=st.integers(0, 400), noise=st.binary(min_size=1, max_size=200))
def test_no_broken_head_makes_probe_raise_anything_else(
    any_medium: tuple[Path, str], tmp_path: Path, begin: int, noise: bytes
) -> None:
    path, mime = any_medium
    data = bytearray(path.read_bytes())
    data[begin : begin + len(noise)] = noise
    target = tmp_path / path.name
    target.write_bytes(data)
    check_any(target, mime)
    check_any(target, sniff(target))


@settings(max_examples=100, deadline=None)
@given(
    data=st.binary(max_size=400),
    mime=st.sampled_from(
        ["image/png", "image/gif", "video/mp4", "video/webm", "audio/ogg", "audio/mpeg", "image/webp"]
    ),
)
def test_no_bytes_make_a_walk_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, mime: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "x"
    path.write_bytes(data)
    with path.open("rb") as stream, contextlib.suppress(MediaProblem):
        assert isinstance(walk(stream, mime, ProbeLimits()), Frame)


def test_a_good_picture_stays_good_beside_a_bomb(draw: Callable[..., Image.Image], tmp_path: Path) -> None:
    png_bomb(tmp_path / "bomb.png", 12_000, 12_000)
    draw().save(tmp_path / "good.png")
    assert trouble_of(tmp_path / "bomb.png").code == "bomb"
    assert probe(tmp_path / "good.png", "image/png") is not None
