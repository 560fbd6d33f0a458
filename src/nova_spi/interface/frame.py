"""What the frame of a media file says, and the findings that every walk over one shares."""

from dataclasses import dataclass
from typing import BinaryIO

from nova_spi.interface.facts import MediaProblem, ProbeLimits

MAX_PARTS = 2_000_000
"""Chunks, blocks or pages of one file; a walk ends there."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the walk found.

    Attributes:
        width: Pixels, where the format's head says it.
        height: Pixels.
        frames: Pictures in the file, where they were counted.
    """

    width: int | None = None
    height: int | None = None
    frames: int | None = None


def check_pixels(width: int, height: int, limits: ProbeLimits) -> None:
    """Refuses a picture that would fill the memory, from its size alone.

    Raises:
        MediaProblem: ``bomb``.
    """
    if width * height > limits.max_pixels:
        pixels = f"{width * height / 1e6:.0f} million pixels, more than {limits.max_pixels / 1e6:.0f} million"
        raise MediaProblem("bomb", f"is a decompression bomb: {width}x{height} is {pixels}")


def cut(size: int, what: str) -> MediaProblem:
    """The finding for a file that ends too early."""
    return MediaProblem("truncated", f"is cut off: it ends after {size} bytes, {what}")


def read(stream: BinaryIO, at: int, count: int, size: int) -> bytes:
    """Bytes from the middle of a file.

    Raises:
        MediaProblem: ``truncated``; the file ends before.
    """
    if at + count > size:
        raise cut(size, "within a block")
    stream.seek(at)
    return stream.read(count)
