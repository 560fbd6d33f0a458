"""Measures how loud a recording is, finds its silences, and brings its peak to -1 dB.

The algorithm, honestly: root mean square over windows of 20 ms against a threshold, in pure Python. It is no loudness
in the sense of EBU R 128, and nothing is learned. Replace `Meter` by your model.
"""

import array
import math
import sys
import wave
from pathlib import Path
from typing import Any

FULL_SCALE = 32768
WINDOW_SECONDS = 0.02
PEAK = 10 ** (-1 / 20)


class Meter:
    """Loudness, silences and a normalised copy of a WAV file."""

    def predict(self, recording: Path, silence_dbfs: float, min_silence_seconds: float) -> dict[str, Any]:
        """Returns the measurements and the normalised sound."""
        with wave.open(str(recording), "rb") as source:
            if source.getsampwidth() != 2:
                raise ValueError(f"{recording.name} has {8 * source.getsampwidth()} bits a sample; only 16 are read")
            layout = source.getparams()
            samples = array.array("h", source.readframes(source.getnframes()))
        if sys.byteorder == "big":
            samples.byteswap()
        window = max(1, int(layout.framerate * WINDOW_SECONDS)) * layout.nchannels
        levels = [decibels(samples[at : at + window]) for at in range(0, len(samples), window)]
        return {
            "normalised": normalised(samples, layout, Path("normalised.wav")),
            "loudness_dbfs": round(decibels(samples), 2),
            "silences": silences(levels, silence_dbfs, min_silence_seconds),
        }


def decibels(samples: "array.array[int]") -> float:
    """The root mean square in dB below full scale; -120 for digital silence."""
    if not samples:
        return -120.0
    power = sum(sample * sample for sample in samples) / len(samples)
    return max(-120.0, 10 * math.log10(power / FULL_SCALE**2)) if power else -120.0


def silences(levels: list[float], threshold: float, shortest: float) -> list[dict[str, float]]:
    """The stretches of windows below the threshold that last long enough."""
    found, start = [], None
    for at, level in enumerate([*levels, math.inf]):
        if level < threshold:
            start = at if start is None else start
        elif start is not None:
            if (at - start) * WINDOW_SECONDS >= shortest:
                found.append({"start_seconds": seconds(start), "end_seconds": seconds(at)})
            start = None
    return found


def seconds(window: int) -> float:
    """Where a window begins."""
    return round(window * WINDOW_SECONDS, 3)


def normalised(samples: "array.array[int]", layout: Any, path: Path) -> Path:
    """Writes the samples with their peak at -1 dB; silence stays silence."""
    loudest = max((abs(sample) for sample in samples), default=0)
    factor = PEAK * (FULL_SCALE - 1) / loudest if loudest else 1.0
    scaled = array.array("h", (round(sample * factor) for sample in samples))
    if sys.byteorder == "big":
        scaled.byteswap()
    with wave.open(str(path), "wb") as target:
        target.setnchannels(layout.nchannels)
        target.setsampwidth(2)
        target.setframerate(layout.framerate)
        target.writeframes(scaled.tobytes())
    return path
