"""Whether a media file is whole, by walking the frame of its format: chunks, boxes, pages. Nothing is decoded.

Decoders forgive a missing end, and some never notice it. The formats say how long their parts are, so this says it
exactly, in time that grows with the number of parts and is bounded.
"""

import os
from collections.abc import Callable
from typing import BinaryIO

from nova_spi.interface.facts import MediaProblem, ProbeLimits
from nova_spi.interface.frame import Frame, check_pixels
from nova_spi.interface.picture_walks import PICTURES
from nova_spi.interface.stream_walks import STREAMS

_WALKS: dict[str, Callable[[BinaryIO, int, ProbeLimits], Frame]] = {**PICTURES, **STREAMS}


def walk(stream: BinaryIO, mime: str, limits: ProbeLimits) -> Frame:
    """Walks a file of a known type.

    Raises:
        MediaProblem: ``truncated`` where a part reaches beyond the end of the file, or the last one is missing;
            ``bomb`` for more frames or pixels than the limits allow.
    """
    size = stream.seek(0, os.SEEK_END)
    walker = _WALKS.get(mime)
    frame = walker(stream, size, limits) if walker else Frame()
    if frame.width and frame.height:
        check_pixels(frame.width, frame.height, limits)
    if (frame.frames or 0) > limits.max_frames:
        raise MediaProblem("bomb", f"has {frame.frames} frames, more than {limits.max_frames}")
    return frame
