"""Draws the test pictures: `python tests/make_media.py` in this example's virtual environment.

Two signs at an angle before a hazy landscape, in Pillow's own font (Aileron, public domain by CC0), with blur and
noise as of a small camera; so the true text is known.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).resolve().parent
SIGNS = (
    (("NO SWIMMING", "Strong currents"), "#b02a1a", 4.0, (40, 40)),
    (("Boat rental", "open from 9 to 5"), "#1f5f3a", -6.0, (300, 210)),
)


def sign(lines: tuple[str, str], colour: str, angle: float) -> Image.Image:
    """A board with two lines, turned by some degrees, on a transparent ground."""
    board = Image.new("RGBA", (270, 110), colour)
    draw = ImageDraw.Draw(board)
    draw.rectangle((5, 5, 264, 104), outline="white", width=2)
    for line, size, height in zip(lines, (36, 28), (36, 78), strict=True):
        draw.text((135, height), line, "white", ImageFont.load_default(size), anchor="mm")
    return board.rotate(angle, Image.Resampling.BICUBIC, expand=True)


def landscape(width: int, height: int) -> Image.Image:
    """Sky, hills and water, with the grain of a small camera's sensor."""
    random = np.random.default_rng(7)
    rows, columns = np.mgrid[0:height, 0:width]
    hills = height * (0.45 + 0.08 * np.sin(columns / 60) + 0.05 * np.sin(columns / 23 + 1))
    picture = np.where((rows < hills)[..., None], (168, 196, 222), (92, 118, 110)).astype(float)
    picture[rows > height * 0.75] = (70, 104, 140)
    return Image.fromarray(np.clip(picture + random.normal(0, 8, picture.shape), 0, 255).astype(np.uint8))


def main() -> None:
    """Writes the pictures, each under 100 KiB."""
    picture = landscape(640, 400)
    for lines, colour, angle, place in SIGNS:
        board = sign(lines, colour, angle)
        picture.paste(board, place, board)
    picture = picture.filter(ImageFilter.GaussianBlur(0.8))
    picture.save(HERE / "lakeside.jpg", quality=75)
    landscape(320, 200).save(HERE / "no_text.jpg", quality=60)
    thumbnail = HERE.parent / "assets" / "thumbnail.png"
    thumbnail.parent.mkdir(exist_ok=True)
    picture.resize((320, 200)).quantize(64).save(thumbnail, optimize=True)


if __name__ == "__main__":
    main()
