"""Makes the test recordings: `python tests/make_media.py` in this example's environment, with flite installed.

Speech by flite between noise and silence, so that the times at which somebody speaks are known; and a recording with
everything but speech. The clips are trimmed to their first and last loud moment, and `speech_and_noise.json` says
where they were put.
"""

import json
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
RATE = 8000  # as on the telephone; six seconds fit in 100 KiB
SENTENCES = ("The manifest is the contract.", "Please stand clear of the doors.")


def spoken(text: str) -> NDArray[np.float32]:
    """The text in flite's voice `slt`, without the silence around it."""
    sys.path.insert(0, str(HERE.parent))
    from sound import read, resample  # stands beside the model

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(file)], check=True)
        samples, rate = read(file)
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    return resample(samples[loud[0] : loud[-1]], rate, RATE)


def write(name: str, samples: NDArray) -> None:
    """A mono WAV file with 16 bits."""
    with wave.open(str(HERE / name), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def main() -> None:
    """Writes both recordings, each under 100 KiB, and what is true of the first."""
    random = np.random.default_rng(1)
    sound = random.normal(size=int(6.2 * RATE)) * 0.01
    truth, start = [], 0.9
    for sentence in SENTENCES:
        clip = spoken(sentence)
        first = int(start * RATE)
        sound[first : first + clip.size] += clip
        truth.append({"start": round(start, 3), "end": round(start + clip.size / RATE, 3)})
        start += clip.size / RATE + 1.0
    write("speech_and_noise.wav", sound)
    (HERE / "speech_and_noise.json").write_text(json.dumps(truth) + "\n")

    time = np.arange(4 * RATE) / RATE
    hum = 0.2 * np.sin(2 * np.pi * 50 * time) + 0.1 * np.sin(2 * np.pi * 1000 * time) * (time % 1 < 0.2)
    write("hum_and_beeps.wav", hum + random.normal(size=time.size) * 0.02)
    draw(sound, truth)


def draw(sound: NDArray, truth: list[dict[str, float]]) -> None:
    """The catalog's picture: the loudness of the first recording, speech in green; needs Pillow."""
    from PIL import Image, ImageDraw

    width, height = 320, 180
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    for column, part in enumerate(np.array_split(sound, width)):
        time = column / width * sound.size / RATE
        colour = "#1a7f37" if any(each["start"] <= time <= each["end"] for each in truth) else "#8c959f"
        half = max(1, float(np.abs(part).max()) * height * 0.9)
        pen.line((column, (height - half) / 2, column, (height + half) / 2), colour)
    target = HERE.parent / "assets" / "thumbnail.png"
    target.parent.mkdir(exist_ok=True)
    picture.quantize(16).save(target, optimize=True)


if __name__ == "__main__":
    main()
