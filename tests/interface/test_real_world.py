"""Files as cameras, recorders and browsers write them: odd, and sound all the same."""

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from nova_spi.interface import candidates
from nova_spi.interface.files import resolve_files
from nova_spi.interface.media import MediaProblem, ProbeLimits, probe, sniff
from nova_spi.interface.streams import _refuse, read_stream
from nova_spi_runtime.parameters import Parameter

Draw = Callable[..., Image.Image]
Film = Callable[..., None]


def copied(source: Path, target: Path, **settings: object) -> Path:
    """The packets of a file in another container, or in the same with other settings."""
    with av.open(str(source)) as reading, av.open(str(target), "w", **settings) as writing:
        streams = {each.index: writing.add_stream_from_template(each) for each in reading.streams}
        for packet in reading.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                writing.mux(packet)
    return target


def test_a_fragmented_mp4_is_whole(media: Path, tmp_path: Path) -> None:
    path = copied(media / "clip.mp4", tmp_path / "x.mp4", options={"movflags": "frag_keyframe+empty_moov"})
    facts = probe(path, sniff(path))
    assert facts is not None
    assert (facts.kind, facts.codec) == ("video", "h264")
    assert facts.duration_seconds == pytest.approx(2.0, abs=0.1)


def test_a_recording_of_unknown_length_is_whole(media: Path, tmp_path: Path) -> None:
    path = copied(media / "clip.webm", tmp_path / "x.webm", options={"live": "1"})
    facts = probe(path, sniff(path))
    assert facts is not None
    assert facts.duration_seconds == pytest.approx(2.0, abs=0.1)


def test_a_wave_file_written_to_a_pipe_is_whole(media: Path, tmp_path: Path) -> None:
    data = bytearray((media / "speech.wav").read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "x.wav").write_bytes(data)
    facts = probe(tmp_path / "x.wav", "audio/wav")
    assert facts is not None
    assert facts.duration_seconds == pytest.approx(1.0, abs=0.01)


def test_sound_alone_in_a_container_for_video_is_sound(media: Path, tmp_path: Path) -> None:
    webm = copied(media / "voice.mka", tmp_path / "x.webm")
    assert sniff(webm) == "audio/webm"
    mp4 = copied(media / "voice.m4a", tmp_path / "x.mp4", format="mp4")
    assert sniff(mp4) == "audio/mp4"
    for path in (webm, mp4):
        facts = probe(path, sniff(path))
        assert facts is not None
        assert facts.kind == "audio"


def test_sound_that_is_called_a_video_holds_no_video(media: Path, tmp_path: Path) -> None:
    data = (media / "voice.mka").read_bytes()
    # The codec's name stands twice as text: padding that says V_ makes the type a video's, and the tracks do not.
    (tmp_path / "x.mkv").write_bytes(data.replace(b"Lavf", b"V_vf", 1))
    assert sniff(tmp_path / "x.mkv") == "video/x-matroska"
    with pytest.raises(MediaProblem, match="holds no video"):
        probe(tmp_path / "x.mkv", "video/x-matroska")


def test_an_mp3_with_a_cover_and_tags_on_both_ends_is_sound(media: Path, tmp_path: Path, draw: Draw) -> None:
    data = (media / "music.mp3").read_bytes()
    begin = 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]) if data[:3] == b"ID3" else 0
    cover = io.BytesIO()
    draw(400, 400).save(cover, "JPEG", quality=95)
    body = b"\0image/jpeg\0\x03\0" + cover.getvalue()
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    path = tmp_path / "x.mp3"
    path.write_bytes(b"ID3\x03\0\0" + size + frame + data[begin:] + b"TAG" + bytes(125))
    assert len(frame) > 64 * 1024
    assert sniff(path) == "audio/mpeg"
    facts = probe(path, "audio/mpeg")
    assert facts is not None
    assert (facts.kind, facts.codec, facts.width) == ("audio", "mp3", None)


def test_a_photo_with_a_trailer_behind_its_end_is_whole(media: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes((media / "photo.jpg").read_bytes() + b"camera" * 1000)
    assert probe(path, "image/jpeg") is not None


def test_two_photos_in_one_file_are_two_frames(tmp_path: Path, draw: Draw) -> None:
    path = tmp_path / "x.jpg"
    draw().save(path, "MPO", save_all=True, append_images=[draw(step=3)])
    facts = probe(path, sniff(path))
    assert facts is not None
    assert facts.frames == 2


def test_broken_exif_does_not_cost_the_picture(media: Path, tmp_path: Path) -> None:
    data = (media / "rotated.jpg").read_bytes()
    at = data.index(b"Exif\0\0") + 6
    path = tmp_path / "x.jpg"
    path.write_bytes(data[:at] + b"\xff" * 12 + data[at + 12 :])
    facts = probe(path, "image/jpeg")
    assert facts is not None
    assert facts.orientation is None


def test_pictures_of_many_depths_are_read(tmp_path: Path) -> None:
    for mode in ("1", "I;16", "LA"):
        Image.new(mode, (8, 8)).save(tmp_path / "x.png")
        facts = probe(tmp_path / "x.png", "image/png")
        assert facts is not None
        assert facts.mode == mode


def test_an_rgb_video_has_colour(tmp_path: Path, film: Film) -> None:
    film(tmp_path / "x.mkv", "ffv1", pixel_format="bgr0", frames=5)
    facts = probe(tmp_path / "x.mkv", "video/x-matroska")
    assert facts is not None
    assert facts.chroma is True


def test_a_long_video_is_judged_at_both_ends(tmp_path: Path, film: Film) -> None:
    path = tmp_path / "x.mkv"
    film(path, "libx264", size=(640, 360), frames=250, rate=Fraction(25), options={"preset": "ultrafast", "g": "50"})
    facts = probe(path, "video/x-matroska", ProbeLimits(max_seconds=0.4))
    assert facts is not None
    assert facts.duration_seconds == pytest.approx(10, abs=0.1)


def test_packets_beyond_the_limit_are_not_read(media: Path) -> None:
    facts = probe(media / "clip.mkv", "video/x-matroska", ProbeLimits(max_packets=3))
    assert facts is not None
    assert facts.width == 96


def test_a_file_that_takes_too_long_to_open_is_told(media: Path) -> None:
    with pytest.raises(MediaProblem, match="cannot be opened within 0 seconds"):
        probe(media / "clip.mkv", "video/x-matroska", ProbeLimits(max_seconds=0))


def test_media_without_a_reader_have_no_facts(tmp_path: Path) -> None:
    (tmp_path / "x.mid").write_bytes(b"MThd\0\0\0\x06" + bytes(20))
    assert sniff(tmp_path / "x.mid") == "audio/midi"
    assert probe(tmp_path / "x.mid", "audio/midi") is None
    assert read_stream(io.BytesIO(), "audio/unknown", ProbeLimits()) is None


def test_a_media_file_may_open_no_other() -> None:
    with pytest.raises(PermissionError):
        _refuse("file:/etc/passwd", 1, {})


FILES = Parameter.from_dict({"name": "files", "type": "file"})


def test_a_folder_of_too_many_entries_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MAX_ENTRIES", 5)
    for at in range(7):
        (tmp_path / f"{at}.txt").write_text("x")
    found = resolve_files(FILES, ".", tmp_path)
    assert any("holds more than 5 files and folders" in problem.message for problem in found.problems)


def test_paths_above_the_base_keep_no_dots(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "b.txt").write_text("x")
    found = resolve_files(FILES.replace(file_pattern="**/*.txt"), ["../a.txt", "../b*"], tmp_path / "base")
    assert [file.relative for file in found.files] == ["inputs/a.txt", "inputs/b.txt"]


def test_braces_may_name_plain_files_and_folders(tmp_path: Path) -> None:
    for name in ("one/a.txt", "two/b.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("x")
    found = resolve_files(FILES, "{one/a,two/b,three/c}.txt", tmp_path)
    assert [file.relative for file in found.files] == ["inputs/a.txt", "inputs/b.txt"]
    found = resolve_files(FILES, "{one,two}/*", tmp_path)
    assert len(found.files) == 2


def test_a_glob_tells_how_many_of_its_files_do_not_match(tmp_path: Path) -> None:
    for name in ("a.txt", "b.csv", "c.csv"):
        (tmp_path / name).write_text("x")
    found = resolve_files(FILES.replace(file_pattern="*.txt"), "*", tmp_path)
    assert found.warnings == ("files: 2 of the files of * are skipped: they do not match '*.txt'",)


def test_a_video_whose_chroma_is_not_subsampled_is_in_colour(tmp_path: Path, film: Film) -> None:
    film(tmp_path / "x.mp4", "libx264", pixel_format="yuv444p")
    facts = probe(tmp_path / "x.mp4", "video/mp4")
    assert facts is not None
    assert (facts.pixel_format, facts.chroma) == ("yuv444p", True)
    wanted = Parameter.from_dict(
        {"name": "clip", "type": "file", "domain_specific": {"video": {"color_space": ["RGB"]}}}
    )
    assert not resolve_files(wanted, "x.mp4", tmp_path).problems


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_frames_that_come_at_a_variable_rate_are_counted_over_the_whole_length(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    with av.open(str(path), "w") as writing:
        stream = writing.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for step in range(30):
            frame = av.VideoFrame(96, 64, "yuv420p")
            frame.pts, frame.time_base = step // 2 * 4 + step % 2, Fraction(1, 30)
            writing.mux(stream.encode(frame))
        writing.mux(stream.encode(None))
    facts = probe(path, sniff(path))
    assert facts is not None
    assert facts.fps == pytest.approx(15, rel=0.05)


def test_a_short_video_keeps_the_rate_that_it_declares(tmp_path: Path, film: Film) -> None:
    film(tmp_path / "x.mkv", "ffv1", frames=1, rate=Fraction(30))
    facts = probe(tmp_path / "x.mkv", "video/x-matroska")
    assert facts is not None
    assert facts.fps == 30


def test_jpeg_2000_is_no_damaged_jpeg(tmp_path: Path, draw: Draw) -> None:
    draw().save(tmp_path / "x.jp2", "JPEG2000")
    draw().save(tmp_path / "x.j2k", "JPEG2000", no_jp2=True)
    assert sniff(tmp_path / "x.jp2") == "image/jp2"
    assert sniff(tmp_path / "x.j2k") == "image/j2c"
    for name in ("x.jp2", "x.j2k"):
        found = resolve_files(Parameter.from_dict({"name": "a", "type": "file"}), name, tmp_path)
        assert not found.problems


def test_sixteen_bits_of_gray_are_an_i(tmp_path: Path) -> None:
    Image.new("I;16", (40, 30), 40_000).save(tmp_path / "x.png")
    facts = probe(tmp_path / "x.png", "image/png")
    assert facts is not None
    assert (facts.mode, facts.width) == ("I;16", 40)
    for modes, fits in ((["I"], True), (["I;16"], True), (["L", "RGB"], False)):
        wanted = Parameter.from_dict(
            {"name": "a", "type": "file", "domain_specific": {"image": {"color_modes": modes}}}
        )
        assert (not resolve_files(wanted, "x.png", tmp_path).problems) == fits


def test_a_sound_of_no_length_is_told_as_that(tmp_path: Path) -> None:
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16) + b"data" + bytes(4)
    (tmp_path / "x.wav").write_bytes(b"RIFF" + struct.pack("<I", len(head)) + head)
    with pytest.raises(MediaProblem, match="has a sound track and no sound in it"):
        probe(tmp_path / "x.wav", "audio/wav")


@pytest.mark.parametrize(("width", "kind"), [(3, 1), (4, 3), (8, 3), (1, 6), (1, 1)])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_wave_files_of_every_sample_have_their_facts(tmp_path: Path, width: int, kind: int, channels: int) -> None:
    rate, block = 44100, channels * width
    head = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, kind, channels, rate, rate * block, block, 8 * width)
    head += b"data" + struct.pack("<I", 441 * block) + bytes(441 * block)
    (tmp_path / "x.wav").write_bytes(b"RIFF" + struct.pack("<I", len(head)) + head)
    facts = probe(tmp_path / "x.wav", "audio/wav")
    assert facts is not None
    assert (facts.sample_rate, facts.channels, facts.duration_seconds) == (rate, channels, pytest.approx(0.01))
    assert facts.bitrate == rate * block * 8
