"""Draws a picture's edges and names its dominant colours.

The algorithms, honestly: Sobel's operator for the edges (Sobel and Feldman, 1968) and median cut for the colours
(Heckbert, 1982), both as Pillow has them. Nothing is learned. Replace `Analyser` by your model.
"""

from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageFilter

# An offset keeps both signs of the difference: 128 is no change.
HORIZONTAL = ImageFilter.Kernel((3, 3), (-1, 0, 1, -2, 0, 2, -1, 0, 1), scale=8, offset=128)
VERTICAL = ImageFilter.Kernel((3, 3), (-1, -2, -1, 0, 0, 0, 1, 2, 1), scale=8, offset=128)


class Analyser:
    """Edges by Sobel, colours by median cut."""

    def predict(self, picture: Path, colours: int) -> dict[str, Any]:
        """Returns the edges as a file and the palette as a list."""
        with Image.open(picture) as opened:
            image = opened.convert("RGB")
        path = Path("edges.png")
        edges(image).save(path)
        return {"edges": path, "palette": palette(image, colours)}


def edges(image: Image.Image) -> Image.Image:
    """How much the brightness changes at each pixel: the larger of the two directions."""
    grey = image.convert("L")
    level = Image.new("L", grey.size, 128)
    changes = [ImageChops.difference(grey.filter(kernel), level) for kernel in (HORIZONTAL, VERTICAL)]
    strongest = ImageChops.lighter(*changes).point(lambda value: min(255, value * 2))
    # Pillow leaves the outermost pixels as they were: they have no neighbours to compare with.
    framed = Image.new("L", grey.size, 0)
    framed.paste(strongest.crop((1, 1, grey.width - 1, grey.height - 1)), (1, 1))
    return framed


def palette(image: Image.Image, colours: int) -> list[dict[str, Any]]:
    """The picture's dominant colours with their shares, the largest first."""
    reduced = image.quantize(colours, method=Image.Quantize.MEDIANCUT)
    levels = reduced.getpalette() or []
    counts = sorted(reduced.getcolors() or [], reverse=True)
    pixels = image.width * image.height
    return [
        {"colour": "#{:02x}{:02x}{:02x}".format(*levels[index * 3 : index * 3 + 3]), "share": round(count / pixels, 4)}
        for count, index in counts
    ]
