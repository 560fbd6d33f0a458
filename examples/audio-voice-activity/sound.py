"""WAV files as numbers, and numbers at another sample rate."""

import math
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]  # mono, -1 to 1


def read(path: Path) -> tuple[Samples, int]:
    """The sound of a PCM WAV file (8, 16, 24 or 32 bits), its channels mixed to one, and its sample rate in Hz."""
    try:
        with wave.open(str(path)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path.name} is not a PCM WAV file: {error}") from error
    data = data[: len(data) - len(data) % (width * channels)]  # a file that was cut off ends within a sample
    return decode(data, width).reshape(-1, channels).mean(axis=1, dtype=np.float32), rate


def decode(data: bytes, width: int) -> Samples:
    """Little-endian PCM of `width` bytes a sample; 8 bits are unsigned, as WAV has it."""
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    if width == 3:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data, width = padded.tobytes(), 4
    return np.frombuffer(data, f"<i{width}").astype(np.float32) / 2.0 ** (8 * width - 1)


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """The same sound at another rate, by its spectrum: what the lower rate cannot hold is cut off without aliasing."""
    if rate == wanted or not samples.size:
        return samples
    step = rate // math.gcd(rate, wanted)
    length = -(-samples.size // step) * step
    spectrum = np.fft.rfft(samples, length)
    target = length * wanted // rate
    return (np.fft.irfft(spectrum[: target // 2 + 1], target) * (target / length)).astype(np.float32)
