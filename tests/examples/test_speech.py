"""The multimodal example's speech, without its networks."""

import wave
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def speech(load: Any) -> ModuleType:
    return load("multimodal-picture-reader", "speech")


def test_missing_flite_is_a_clear_error(speech: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"flite is not installed.*apt-get install flite"):
        speech.speak("Hello", tmp_path / "a.wav", "slt", 1.0)


@pytest.mark.usefixtures("needs_flite")
def test_twice_as_fast_takes_half_as_long(speech: ModuleType, tmp_path: Path) -> None:
    text = "The manifest is the contract between people and machines."
    for name, speed in (("slow", 1.0), ("fast", 2.0)):
        speech.speak(text, tmp_path / f"{name}.wav", "slt", speed)
    slow, fast = (speech.duration(tmp_path / f"{name}.wav") for name in ("slow", "fast"))
    assert 2 < slow < 6
    assert 0.4 < fast / slow < 0.6


@pytest.mark.usefixtures("needs_flite")
@pytest.mark.parametrize("text", ["-voice kal", "$(touch x); `id`", "--help", "café 出口 naïve", ""])
def test_no_text_is_an_option_or_a_command(speech: ModuleType, tmp_path: Path, text: str) -> None:
    speech.speak(text, tmp_path / "a.wav", "slt", 1.0)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getframerate() == 16000
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.usefixtures("needs_flite")
def test_speech_that_cannot_be_written_says_why(speech: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="flite ended with status"):
        speech.speak("Hello", tmp_path / "nowhere" / "a.wav", "slt", 1.0)


def test_accents_are_dropped_and_other_scripts_left_out(speech: ModuleType) -> None:
    assert speech.plain("café 出口 naïve") == "cafe  naive"
