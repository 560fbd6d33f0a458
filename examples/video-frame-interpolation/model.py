"""Doubles the frame rate of a film by motion compensation, an algorithm without learned weights.

Between each two frames one new frame is made (`motion.py` says how). Where nothing matches, at a cut, the first frame
is shown again instead of a mixture of two scenes.
"""

import logging
import tempfile
from pathlib import Path
from typing import Any

from motion import between
from video import Reader, Writer, save_picture

logger = logging.getLogger("spi")
LOG_EVERY = 50  # frames


class Interpolator:
    """Twice as many frames a second."""

    def predict(self, video: Path, search_range: int = 32, quality: int = 18) -> dict[str, Any]:
        """Interpolates one film.

        Args:
            video: a film with at least two frames.
            search_range: the farthest motion that is looked for, in pixels from frame to frame.
            quality: H.264's constant rate factor, from 0 (lossless) to 51; 18 shows no loss to most eyes.

        Returns:
            `film`, an MP4 file with 2 n - 1 frames and the sound as it was; `sample`, its first new frame as PNG;
            `frames_in`, `frames_out`, `fps_out`; `cuts`, how many scene changes were found.
        """
        folder = Path(tempfile.mkdtemp())
        film, sample = folder / "interpolated.mp4", folder / "sample.png"
        count = cuts = 0
        with Reader(video) as frames:
            pictures = iter(frames)
            previous = next(pictures, None)
            if previous is None:
                raise ValueError(f"{video.name} has no frame that can be read")
            with Writer(film, 2 * frames.rate, previous.shape[:2], quality, sound_of=video) as out:
                out.write(previous)
                for count, picture in enumerate(pictures, 1):
                    new, cut = between(previous, picture, search_range)
                    if count == 1:
                        save_picture(sample, new)
                    out.write(new)
                    out.write(picture)
                    previous, cuts = picture, cuts + cut
                    if count % LOG_EVERY == 0:
                        logger.info("%d frames", count)
        if not count:
            raise ValueError(f"{video.name} has one frame only: there is nothing to interpolate")
        return {
            "film": film,
            "sample": sample,
            "frames_in": count + 1,
            "frames_out": 2 * count + 1,
            "fps_out": float(2 * frames.rate),
            "cuts": cuts,
        }
