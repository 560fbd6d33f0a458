"""Draws the test scene and writes it: `python tests/make_media.py` in this example's virtual environment.

A made-up scene, so that the true frame between two frames is known: a textured ground pans, two textured things move
over it, one in a curve. `scene(time)` draws it at any moment; the test film has every frame at 25 a second, and
the reference is the true frame between its first two, which the model has never seen.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
SIZE = (144, 256)  # height, width
RATE = 25
FRAMES = 16


def texture(height: int, width: int, seed: int) -> NDArray[np.float64]:
    """A colour texture with detail at several scales, 0 to 1, that repeats at its borders."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    for octave, weight in ((0.012, 1.0), (0.04, 0.6), (0.1, 0.3)):
        kept = np.exp(-((frequency / octave) ** 2))[..., None]
        layer = np.fft.ifft2(np.fft.fft2(random.normal(size=total.shape), axes=(0, 1)) * kept, axes=(0, 1)).real
        total += weight * layer / layer.std()
    return np.clip(0.5 + total / 6, 0, 1)


GROUND = texture(256, 512, seed=1)
BALL = texture(128, 128, seed=2) * [1.0, 0.55, 0.35]
CARD = texture(128, 128, seed=3) * [0.4, 0.7, 1.0]


def sample(picture: NDArray, down: NDArray, right: NDArray) -> NDArray[np.float64]:
    """The picture between its pixels, linearly; it repeats at its borders."""
    top, left = np.floor(down).astype(int), np.floor(right).astype(int)
    below, beside = (down - top)[..., None], (right - left)[..., None]
    height, width = picture.shape[:2]

    def at(rows: NDArray, columns: NDArray) -> NDArray:
        return picture[rows % height, columns % width]

    upper = at(top, left) * (1 - beside) + at(top, left + 1) * beside
    lower = at(top + 1, left) * (1 - beside) + at(top + 1, left + 1) * beside
    return upper * (1 - below) + lower * below


def scene(time: float) -> NDArray[np.uint8]:
    """The scene at a time in frames of the test film: 0 is its first frame, 0.5 lies between its first two."""
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(float)
    frame = sample(GROUND, rows + 0.8 * time, columns + 3.2 * time)
    ball = np.array([70 + 30 * np.sin(time / 9), 40 + 8 * time])
    card = np.array([95 - 2.4 * time, 200 - 5 * time])
    for thing, centre, distance in (
        (BALL, ball, np.hypot(rows - ball[0], columns - ball[1]) - 24),
        (CARD, card, np.maximum(np.abs(rows - card[0]) - 20, np.abs(columns - card[1]) - 26)),
    ):
        cover = np.clip(0.5 - distance, 0, 1)[..., None]
        frame = frame * (1 - cover) + sample(thing, rows - centre[0], columns - centre[1]) * cover
    return np.rint(frame * 255).astype(np.uint8)


def main() -> None:
    """Writes the film, the true frame and the catalog's picture, each under 100 KiB."""
    sys.path.insert(0, str(HERE.parent))
    from video import Writer, save_picture  # stands beside the model

    with Writer(HERE / "scene_25fps.mp4", RATE, SIZE, quality=14) as film:
        for time in range(FRAMES):
            film.write(scene(time))
    save_picture(HERE / "true_first_new_frame.png", scene(0.5))
    (HERE.parent / "assets").mkdir(exist_ok=True)
    save_picture(HERE.parent / "assets" / "thumbnail.png", scene(8))


if __name__ == "__main__":
    main()
