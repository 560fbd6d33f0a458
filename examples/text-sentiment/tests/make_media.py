"""Draws the catalog's picture: `python tests/make_media.py`, with Pillow installed."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SHOWN = (("smart, handsome, and funny!", "#1a7f37"), ("the train leaves at nine", "#57606a"), ("Today SUX!", "#cf222e"))


def main() -> None:
    """Writes assets/thumbnail.png."""
    picture = Image.new("RGB", (320, 180), "white")
    draw = ImageDraw.Draw(picture)
    for row, (text, colour) in enumerate(SHOWN):
        draw.rounded_rectangle((16, 18 + row * 50, 304, 58 + row * 50), 10, fill=colour)
        draw.text((28, 38 + row * 50), text, "white", ImageFont.load_default(18), anchor="lm")
    target = Path(__file__).resolve().parent.parent / "assets" / "thumbnail.png"
    target.parent.mkdir(exist_ok=True)
    picture.quantize(32).save(target, optimize=True)


if __name__ == "__main__":
    main()
