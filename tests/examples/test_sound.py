"""The audio example's own code, as far as it needs no network: WAV files, sample rates, segments."""

import wave
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

NAME = "audio-voice-activity"


@pytest.fixture(scope="module")
def spans() -> Any:
    scope: dict[str, Any] = {}
    source = Path(__file__).resolve().parents[2] / "examples" / NAME / "segments.py"
    exec(compile(source.read_text(), str(source), "exec"), scope)
    return scope["spans"]


@pytest.fixture
def sound(load: Any) -> ModuleType:
    return load(NAME, "sound")


def save(path: Path, data: bytes, *, width: int, rate: int = 8000, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(data)
    return path


@pytest.mark.parametrize(
    ("width", "data"),
    [
        (1, bytes([0, 128, 192])),
        (2, np.array([-32768, 0, 16384], "<i2").tobytes()),
        (3, b"\x00\x00\x80\x00\x00\x00\x00\x00\x40"),
        (4, np.array([-(2**31), 0, 2**30], "<i4").tobytes()),
    ],
)
def test_every_width_of_pcm_is_read(sound: ModuleType, tmp_path: Path, width: int, data: bytes) -> None:
    samples, rate = sound.read(save(tmp_path / "a.wav", data, width=width))
    assert rate == 8000
    np.testing.assert_allclose(samples, [-1.0, 0.0, 0.5])


def test_channels_are_mixed(sound: ModuleType, tmp_path: Path) -> None:
    data = np.array([[16384, -16384], [16384, 0]], "<i2").tobytes()
    samples, _ = sound.read(save(tmp_path / "a.wav", data, width=2, channels=2))
    np.testing.assert_allclose(samples, [0.0, 0.25])


def test_truncated_file_is_read_as_far_as_it_goes(sound: ModuleType, tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", bytes(2000), width=2)
    path.write_bytes(path.read_bytes()[:-1001])
    samples, _ = sound.read(path)
    assert 400 < samples.size < 1000


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wave file at all", bytes(100)])
def test_file_that_is_no_wave_is_said_to_be_none(sound: ModuleType, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.wav is not a PCM WAV file"):
        sound.read(tmp_path / "a.wav")


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_tone_keeps_its_pitch_and_loudness_at_another_rate(sound: ModuleType, rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
    resampled = sound.resample(tone, rate, 16000)
    assert resampled.size == 16000
    spectrum = np.abs(np.fft.rfft(resampled)) / 8000
    assert spectrum.argmax() == 440
    assert spectrum.max() == pytest.approx(1, abs=0.01)


def test_what_the_lower_rate_cannot_hold_does_not_come_back_as_another_tone(sound: ModuleType) -> None:
    tone = np.sin(2 * np.pi * 15000 * np.arange(48000) / 48000).astype(np.float32)
    assert np.abs(sound.resample(tone, 48000, 16000)).max() < 0.01


def test_no_sound_stays_no_sound(sound: ModuleType) -> None:
    assert sound.resample(np.zeros(0, np.float32), 44100, 16000).size == 0


@settings(max_examples=100)
@given(
    probabilities=st.lists(st.floats(0, 1), max_size=60),
    threshold=st.floats(0.05, 0.95),
    min_speech=st.integers(1, 8),
    min_silence=st.integers(1, 8),
    padding=st.integers(0, 3),
)
def test_segments_are_in_order_apart_and_within_the_recording(
    spans: Any, probabilities: list[float], threshold: float, min_speech: int, min_silence: int, padding: int
) -> None:
    found = spans(probabilities, threshold, min_speech, min_silence, padding)
    edges = [edge for span in found for edge in span]
    assert edges == sorted(set(edges))
    assert all(0 <= edge <= len(probabilities) for edge in edges)
    assert all(last - first >= min_speech for first, last in found)
    assert all(any(p >= threshold for p in probabilities[first:last]) for first, last in found)


def test_short_pause_does_not_end_a_segment_and_a_long_one_does(spans: Any) -> None:
    speech, pause = [0.9] * 5, [0.0]
    assert spans(speech + pause * 2 + speech, 0.5, 3, 3, 0) == [(0, 12)]
    assert spans(speech + pause * 3 + speech, 0.5, 3, 3, 0) == [(0, 5), (8, 13)]


def test_a_little_below_the_threshold_is_still_speech(spans: Any) -> None:
    assert spans([0.9, 0.4, 0.4, 0.4, 0.9, 0.0, 0.0], 0.5, 1, 2, 0) == [(0, 5)]


def test_short_burst_is_no_speech(spans: Any) -> None:
    assert spans([0.0, 0.9, 0.0, 0.0, 0.0], 0.5, 2, 2, 0) == []


def test_padding_joins_what_then_touches(spans: Any) -> None:
    assert spans([0.9, 0.9, 0.0, 0.0, 0.9, 0.9], 0.5, 1, 2, 1) == [(0, 6)]
