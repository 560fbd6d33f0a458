"""Reads a picture aloud: the text in it, as text and as speech.

Two models one after the other. PP-OCRv6 small (Baidu, Apache-2.0; three ONNX networks in the wheel of `rapidocr`, which
checks their digests) finds and reads the lines. flite (Carnegie Mellon University, BSD-like), a system program, speaks
them in English.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from rapidocr import RapidOCR
from speech import duration, speak

NOTHING = "There is no text in this picture."


class PictureReader:
    """A picture in, its words out, written and spoken."""

    def setup(self) -> None:
        """Loads the three networks (32 MB), once."""
        self.reader = RapidOCR(params={"Global.log_level": "error"})

    def predict(
        self, picture: Path, voice: str = "slt", speed: float = 1.0, min_confidence: float = 0.6
    ) -> dict[str, Any]:
        """Reads one picture aloud.

        Args:
            picture: a PNG or JPEG file; its EXIF rotation is applied.
            voice: one of flite's voices.
            speed: 2 speaks twice as fast.
            min_confidence: lines that the network is less sure of are left out.

        Returns:
            `text`, the lines from top to bottom; `lines`, how many; `speech`, a WAV file, which says so where there is
            no text; `speech_seconds`, its length.
        """
        lines = self.read(picture, min_confidence)
        wave = Path(tempfile.mkdtemp()) / "speech.wav"
        speak(". ".join(lines) or NOTHING, wave, voice, speed)
        return {"text": "\n".join(lines), "lines": len(lines), "speech": wave, "speech_seconds": duration(wave)}

    def read(self, picture: Path, min_confidence: float) -> list[str]:
        """The lines of text in a picture, from top to bottom."""
        with Image.open(picture) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
        found = self.reader(np.asarray(image)[:, :, ::-1])  # OpenCV's order of colours: blue first
        if not found.txts:
            return []
        return [line for line, score in zip(found.txts, found.scores, strict=True) if score >= min_confidence]
