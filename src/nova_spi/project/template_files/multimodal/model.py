"""Answers simple questions about a picture's pixels, and turns the picture into a sound.

The algorithms, honestly: averages of pixels answer the questions, by the words that stand in them; the sound is a
sonification, as in Meijer's vOICe (1992): columns are played from left to right, rows are tones, brightness is
loudness. It recognises nothing and has learned nothing. Replace `Sonifier` by your model.
"""

import array
import math
import sys
import wave
from pathlib import Path
from typing import Any

from PIL import Image

NAMES = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (200, 40, 40),
    "green": (40, 160, 40),
    "blue": (40, 60, 200),
    "yellow": (230, 220, 40),
    "orange": (240, 150, 30),
    "purple": (130, 40, 150),
    "brown": (110, 70, 30),
}
RATE = 16000
COLUMNS, ROWS = 16, 12
LOWEST_HZ, OCTAVES = 220.0, 3.0


class Sonifier:
    """A picture in, words and a sound out."""

    def predict(self, picture: Path, question: str, seconds: float) -> dict[str, Any]:
        """Returns the answer and the sound."""
        with Image.open(picture) as opened:
            image = opened.convert("RGB")
        return {"answer": answer(image, question.lower()), "sound": sonify(image, seconds, Path("sound.wav"))}


def answer(image: Image.Image, question: str) -> str:
    """What the pixels say to the words of the question."""
    said = []
    if "colo" in question:
        said.append(f"it is mostly {colour(image)}")
    if "bright" in question or "dark" in question or "light" in question:
        said.append(brightness(image))
    if "shape" in question or "size" in question or "format" in question:
        said.append(f"it is {shape(image)}, {image.width} by {image.height} pixels")
    return "; ".join(said) or "I cannot tell: I only know of colour, brightness and shape"


def shape(image: Image.Image) -> str:
    """How its sides compare."""
    if image.width == image.height:
        return "square"
    return "wider than high" if image.width > image.height else "higher than wide"


def colour(image: Image.Image) -> str:
    """The name that is nearest to most of the pixels."""
    votes: dict[str, int] = {}
    for red, green, blue in pixels(image.resize((COLUMNS, ROWS), Image.Resampling.BOX)):
        name = min(NAMES, key=lambda name: math.dist(NAMES[name], (red, green, blue)))
        votes[name] = votes.get(name, 0) + 1
    return max(votes, key=lambda name: votes[name])


def brightness(image: Image.Image) -> str:
    """How bright it is, and where."""
    upper, lower = (value for (value,) in pixels(image.convert("L").resize((1, 2), Image.Resampling.BOX)))
    where = "evenly lit" if abs(upper - lower) < 16 else f"brighter at the {'top' if upper > lower else 'bottom'}"
    return f"its brightness is {round((upper + lower) / 5.1)} of 100, {where}"


def pixels(image: Image.Image) -> list[tuple[int, ...]]:
    """The pixels, row by row, each a tuple of its levels."""
    data, bands = image.tobytes(), len(image.getbands())
    return [tuple(data[at : at + bands]) for at in range(0, len(data), bands)]


def sonify(image: Image.Image, seconds: float, path: Path) -> Path:
    """Writes the picture as a sound: one tone a row, loud where it is bright."""
    grey = pixels(image.convert("L").resize((COLUMNS, ROWS), Image.Resampling.BOX))
    samples = array.array("h", bytes(2 * int(RATE * seconds)))
    tones = [LOWEST_HZ * 2 ** (OCTAVES * (ROWS - 1 - row) / (ROWS - 1)) * 2 * math.pi / RATE for row in range(ROWS)]
    for at in range(len(samples)):
        column = at * COLUMNS // len(samples)
        level = sum(grey[row * COLUMNS + column][0] * math.sin(tones[row] * at) for row in range(ROWS))
        samples[at] = int(level / (255 * ROWS) * 32000)
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(RATE)
        target.writeframes(samples.tobytes())
    return path
