"""The video example's own code: motion that is found, frames that beat simpler ways, films with and without sound."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

NAME = "video-frame-interpolation"


@pytest.fixture
def motion(load: Any) -> ModuleType:
    return load(NAME, "motion")


@pytest.fixture
def scene(load: Any) -> Any:
    return load(NAME, "make_media").scene


@pytest.fixture
def interpolate(load: Any) -> Any:
    return load(NAME, "model").Interpolator().predict


def psnr(one: NDArray, other: NDArray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def blend(first: NDArray, second: NDArray) -> NDArray:
    return (first.astype(int) + second + 1) // 2


def film(path: Path, frames: list[NDArray], *, sound: str | None = None, rate: int = 25) -> Path:
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=rate)
        picture.height, picture.width = frames[0].shape[:2]
        picture.pix_fmt = "yuv444p"
        audio = container.add_stream(sound, rate=48000) if sound else None
        for frame in frames:
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(picture.encode(None))
        if audio:
            wave = np.sin(np.arange(48000 * len(frames) // rate) / 17) * 8000
            samples = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
            samples.sample_rate = 48000
            container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return path


def textured(height: int, width: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 255, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    return noise.repeat(8, 0).repeat(8, 1)


def panning(count: int, height: int = 64, width: int = 96) -> list[NDArray[np.uint8]]:
    ground = textured(height + 2 * count, width + 4 * count)
    return [ground[2 * i : 2 * i + height, 4 * i : 4 * i + width] for i in range(count)]


def test_new_frames_beat_blending_and_duplication_as_the_readme_says(
    motion: ModuleType, scene: Any, examples: Path
) -> None:
    times = range(15)
    made, mixed, doubled = [], [], []
    for time in times:
        first, second, truth = scene(time), scene(time + 1), scene(time + 0.5)
        frame, cut = motion.between(first, second)
        assert not cut
        made.append(psnr(frame, truth))
        mixed.append(psnr(blend(first, second), truth))
        doubled.append(psnr(first, truth))
    assert all(ours > other + 5 for ours, other in zip(made, mixed, strict=True))
    page = (examples / NAME / "README.md").read_text()
    told = re.findall(r"([0-9.]+) dB\**\s*\|\s*\**[0-9.]+ dB", page)
    assert [float(figure) for figure in told] == pytest.approx(
        [np.mean(doubled), np.mean(mixed), np.mean(made)], abs=0.1
    )


def test_film_to_film_beats_blending_too(interpolate: Any, load: Any, scene: Any, examples: Path) -> None:
    reader = load(NAME, "video").Reader
    given_film = examples / NAME / "tests/scene_25fps.mp4"
    result = interpolate(given_film)
    with reader(result["film"]) as frames:
        out = list(frames)
    with reader(given_film) as frames:
        kept = list(frames)
    truth = [scene(index + 0.5) for index in range(15)]
    ours = np.mean([psnr(out[2 * index + 1], truth[index]) for index in range(15)])
    mixed = np.mean([psnr(blend(kept[index], kept[index + 1]), truth[index]) for index in range(15)])
    assert ours > mixed + 1.5
    assert (result["frames_in"], result["frames_out"], result["fps_out"], result["cuts"]) == (16, 31, 50.0, 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(down=st.integers(-9, 9), right=st.integers(-9, 9))
def test_any_pan_within_reach_is_found(motion: ModuleType, down: int, right: int) -> None:
    ground = motion.luma(textured(160, 160))
    first = ground[30:126, 30:126]
    second = ground[30 - down : 126 - down, 30 - right : 126 - right]
    field, difference = motion.estimate(first, second, search=32)
    inner = field[3:-3, 3:-3]
    assert np.mean((inner[..., 0] == down) & (inner[..., 1] == right)) > 0.9
    assert difference < 12


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 4), columns=st.integers(1, 4))
def test_overlapping_blocks_add_up_to_the_picture(motion: ModuleType, rows: int, columns: int) -> None:
    joined = motion.join(np.full((rows, columns, motion.BLOCK, motion.BLOCK, 3), 7.0, np.float32))
    inside = joined[motion.STEP : -motion.STEP, motion.STEP : -motion.STEP]
    np.testing.assert_allclose(inside, 7.0, rtol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (97, 131), (17, 300), (64, 64)])
def test_still_picture_stays_as_it_is_at_any_size(motion: ModuleType, size: tuple[int, int]) -> None:
    picture = textured(*size)[: size[0], : size[1]]
    frame, cut = motion.between(picture, picture)
    assert not cut
    np.testing.assert_array_equal(frame, picture)


def test_nothing_is_made_up_across_a_cut(motion: ModuleType) -> None:
    picture = textured(64, 96)[:64, :96]
    frame, cut = motion.between(picture, 255 - picture)
    assert cut
    np.testing.assert_array_equal(frame, picture)


def test_cut_is_counted_and_odd_sizes_are_kept(interpolate: Any, tmp_path: Path) -> None:
    frames = panning(8, 65, 97)
    result = interpolate(film(tmp_path / "film.mp4", frames[:4] + [255 - frame for frame in frames[4:]]))
    assert result["cuts"] == 1
    with av.open(str(result["film"])) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (97, 65, 15)
        assert stream.average_rate == 50


def test_sound_is_copied_bit_by_bit(interpolate: Any, tmp_path: Path) -> None:
    given_film = film(tmp_path / "film.mp4", panning(8), sound="aac")
    assert packets(interpolate(given_film)["film"]) == packets(given_film) != []


def packets(path: Path) -> list[tuple[bytes, float]]:
    with av.open(str(path)) as container:
        return [
            (bytes(packet), round(float(packet.pts * packet.time_base), 4))
            for packet in container.demux(container.streams.audio[0])
            if packet.pts is not None
        ]


def test_sound_that_mp4_cannot_hold_is_left_out_with_a_word(
    interpolate: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = interpolate(film(tmp_path / "film.mkv", panning(4), sound="pcm_s16le"))
    assert "pcm_s16le" in caplog.text
    with av.open(str(result["film"])) as container:
        assert not container.streams.audio


def test_one_frame_is_not_a_film(interpolate: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one frame only"):
        interpolate(film(tmp_path / "film.mp4", panning(1)))


def test_sound_alone_is_not_a_film(interpolate: Any, tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), format="s16", layout="mono")
        samples.sample_rate = 48000
        container.mux(stream.encode(samples))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match="no picture track"):
        interpolate(path)
