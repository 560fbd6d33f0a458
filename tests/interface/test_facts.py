import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from nova_spi.interface.media import MediaFacts, MediaProblem, ProbeLimits, probe, sniff

IMAGES = [
    ("rgb.png", {"mode": "RGB", "frames": 1, "format": "png"}),
    ("rgba.png", {"mode": "RGBA"}),
    ("gray.png", {"mode": "L"}),
    ("palette.png", {"mode": "P", "decoded_mode": "RGB"}),
    ("animated.png", {"frames": 5}),
    ("photo.jpg", {"mode": "RGB", "format": "jpeg"}),
    ("rotated.jpg", {"orientation": 6, "width": 96, "height": 64}),
    ("cmyk.jpg", {"mode": "CMYK"}),
    ("animated.gif", {"mode": "P", "frames": 5}),
    ("animated.webp", {"frames": 5, "format": "webp"}),
    ("lossy.webp", {"mode": "RGB"}),
    ("pages.tiff", {"frames": 5}),
    ("modern.avif", {"format": "avif"}),
    ("plain.bmp", {"mode": "RGB"}),
]
VIDEOS = [
    ("clip.mp4", {"codec": "h264", "format": "mp4", "audio_codec": "aac", "sample_rate": 48000, "channels": 1}),
    ("tagged.mp4", {"color_space": "BT.709", "chroma": True, "pixel_format": "yuv420p"}),
    ("wide.mp4", {"color_space": "BT.2020", "fps": pytest.approx(29.97, abs=0.001)}),
    ("gray.mkv", {"chroma": False, "codec": "ffv1", "format": "matroska", "color_space": None}),
    ("clip.webm", {"codec": "vp8", "format": "webm", "audio_codec": "opus"}),
    ("clip.mov", {"codec": "mjpeg", "format": "mov"}),
    ("clip.avi", {"codec": "mpeg4", "format": "avi"}),
    ("clip.ts", {"codec": "h264", "format": "mpegts"}),
]
SOUNDS = [
    ("speech.wav", {"sample_rate": 16000, "channels": 1, "codec": "pcm_s16le", "bitrate": 256000}),
    ("stereo.wav", {"sample_rate": 48000, "channels": 2, "duration_seconds": 0.5}),
    ("music.flac", {"sample_rate": 44100, "channels": 2, "codec": "flac", "duration_seconds": 1.0}),
    ("music.mp3", {"codec": "mp3", "bitrate": pytest.approx(128_000, rel=0.02)}),
    ("voice.opus", {"codec": "opus", "channels": 1, "format": "ogg"}),
    ("voice.m4a", {"codec": "aac", "duration_seconds": pytest.approx(1.0, abs=0.05)}),
]


def found(path: Path) -> MediaFacts:
    facts = probe(path, sniff(path))
    assert facts is not None
    return facts


@pytest.mark.parametrize(("name", "expected"), IMAGES)
def test_a_picture_has_its_facts(media: Path, name: str, expected: dict[str, object]) -> None:
    facts = found(media / name)
    wanted = {"kind": "image", "width": 96, "height": 64} | expected
    assert {key: getattr(facts, key) for key in wanted} == wanted


@pytest.mark.parametrize(("name", "expected"), VIDEOS)
def test_a_video_has_its_facts(media: Path, name: str, expected: dict[str, object]) -> None:
    facts = found(media / name)
    wanted = {"kind": "video", "width": 96, "height": 64} | expected
    assert {key: getattr(facts, key) for key in wanted} == wanted
    if name != "wide.mp4":
        assert facts.fps == pytest.approx(15)
        assert facts.duration_seconds == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize(("name", "expected"), SOUNDS)
def test_a_sound_has_its_facts(media: Path, name: str, expected: dict[str, object]) -> None:
    facts = found(media / name)
    assert facts.kind == "audio"
    assert {key: getattr(facts, key) for key in expected} == expected


@pytest.mark.parametrize("mime", ["text/plain", "application/json", "application/pdf"])
def test_what_is_no_medium_has_no_facts(tmp_path: Path, mime: str) -> None:
    (tmp_path / "x").write_bytes(b"x")
    assert probe(tmp_path / "x", mime) is None


def test_a_drawing_has_no_facts_that_are_read_here(tmp_path: Path) -> None:
    (tmp_path / "x.svg").write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg"/>')
    assert probe(tmp_path / "x.svg", "image/svg+xml") is None


def test_a_type_that_the_content_does_not_have_is_a_lie(media: Path) -> None:
    with pytest.raises(MediaProblem, match="its content is image/jpeg") as caught:
        probe(media / "photo.jpg", "image/png")
    assert caught.value.code == "lying"


def test_aliases_of_a_type_are_no_lie(media: Path) -> None:
    facts = probe(media / "speech.wav", "audio/x-wav")
    assert facts is not None
    assert facts.kind == "audio"


def test_a_video_longer_than_the_time_to_decode_it_is_judged_by_its_end(
    tmp_path: Path, film: Callable[..., None]
) -> None:
    path = tmp_path / "long.mp4"
    film(path, "libx264", frames=400, options={"preset": "ultrafast"})
    facts = probe(path, "video/mp4", ProbeLimits(max_seconds=0.04))
    assert facts is not None
    assert facts.duration_seconds == pytest.approx(400 / 15, abs=0.1)


def test_an_animation_beyond_the_budget_is_counted_but_not_decoded(media: Path) -> None:
    facts = probe(media / "animated.gif", "image/gif", ProbeLimits(max_decoded_pixels=1))
    assert facts is not None
    assert facts.frames == 5


def test_facts_and_problems_survive_a_process_boundary() -> None:
    facts = MediaFacts(kind="image", width=3, height=2)
    assert pickle.loads(pickle.dumps(facts)) == facts
    assert facts.to_dict() == {"kind": "image", "width": 3, "height": 2}
    problem = pickle.loads(pickle.dumps(MediaProblem("bomb", "is large")))
    assert (problem.code, problem.message) == ("bomb", "is large")


def test_broken_media_leave_standard_error_alone(media: Path, tmp_path: Path) -> None:
    for name in ("clip.mp4", "clip.webm", "music.mp3", "photo.jpg", "plain.tiff"):
        data = bytearray((media / name).read_bytes())
        for at in range(200, len(data), 97):
            data[at] ^= 0x55
        (tmp_path / name).write_bytes(data)
    program = (
        "import sys; from pathlib import Path\n"
        "from nova_spi.interface.media import probe, sniff, MediaProblem\n"
        "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    try: probe(path, sniff(path))\n"
        "    except MediaProblem as problem: print(path.name, problem.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_picture_that_only_warns_is_no_error(tmp_path: Path, draw: Callable[..., Image.Image]) -> None:
    image = draw().quantize(8)
    image.info["transparency"] = b"\x00\x40\x80\xff\xff\xff\xff\xff"
    image.save(tmp_path / "glass.png", transparency=image.info["transparency"])
    facts = probe(tmp_path / "glass.png", "image/png")
    assert facts is not None
    assert (facts.mode, facts.decoded_mode) == ("P", "RGBA")
