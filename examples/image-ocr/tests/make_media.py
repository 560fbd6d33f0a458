"""Draws the test pictures: `python tests/make_media.py` in this example's virtual environment.

Text in Pillow's own font (Aileron, public domain by CC0), so that the true text is known and no font of the machine
matters; then what a camera does to it: perspective, uneven light, blur and noise.
"""

import random
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).resolve().parent

SIGN = ("HARBOUR FERRY", "Departures every 20 minutes", "Last boat 23:45")
NOTE = (
    "A manifest says what a model is,",
    "what it takes and what it gives.",
    "Whoever reads it can run the model",
    "without asking the people who made it.",
)


def written(lines: tuple[str, ...], size: int, ink: str, paper: str) -> Image.Image:
    """The lines on plain paper, the first one larger where they are a sign's."""
    fonts = [ImageFont.load_default(size * (1.6 if line.isupper() else 1.0)) for line in lines]
    boxes = [font.getbbox(line) for font, line in zip(fonts, lines, strict=True)]
    width = int(max(box[2] for box in boxes)) + 2 * size
    picture = Image.new("RGB", (width, int(sum(box[3] for box in boxes) + size * (2 + 0.6 * len(lines)))), paper)
    draw = ImageDraw.Draw(picture)
    top = size
    for line, font, box in zip(lines, fonts, boxes, strict=True):
        draw.text((size, top), line, ink, font)
        top += box[3] + 0.6 * size
    return picture


def photographed(picture: Image.Image, seed: int) -> Image.Image:
    """The picture as a camera sees it from the side, in bad light."""
    width, height = picture.size
    corners = (0, 0, -width * 0.02, height * 1.06, width * 1.03, height, width, -height * 0.05)
    tilted = picture.transform(
        (width, height), Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor="#888"
    )
    shade = Image.linear_gradient("L").rotate(90).resize(tilted.size).point(lambda level: 170 + level // 3)
    dimmed = ImageChops.multiply(tilted, Image.merge("RGB", (shade, shade, shade)))
    random.seed(seed)
    grain = Image.frombytes("L", tilted.size, bytes(int(random.gauss(128, 12)) for _ in range(width * height)))
    noisy = ImageChops.add(dimmed, Image.merge("RGB", (grain, grain, grain)), offset=-128)
    return noisy.filter(ImageFilter.GaussianBlur(0.6))


def main() -> None:
    """Writes the pictures, each under 100 KiB, and the catalog's one."""
    sign = photographed(written(SIGN, 30, "white", "#14487c"), seed=1)
    sign.save(HERE / "sign.jpg", quality=80)
    written(NOTE, 30, "black", "white").convert("L").save(HERE / "note.png", optimize=True)
    (HERE / "note.txt").write_text("\n".join(NOTE), encoding="utf-8")
    Image.new("RGB", (160, 120), "#b0b0b0").save(HERE / "blank.png", optimize=True)
    thumbnail = HERE.parent / "assets" / "thumbnail.png"
    thumbnail.parent.mkdir(exist_ok=True)
    sign.resize((320, 320 * sign.height // sign.width)).quantize(64).save(thumbnail, optimize=True)


if __name__ == "__main__":
    main()
