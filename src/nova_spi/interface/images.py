"""Facts of pictures, by Pillow, within bounds.

Pillow is told the one format that the content showed, so that no other of its readers (PostScript among them, which
starts a program) ever sees the file. Pixels are counted from the file's own head before anything is decoded, and
decoding of further frames ends at a budget of pixels and seconds. A JPEG is decoded at an eighth of its size: that
reads all of its data and takes a sixty-fourth of the memory.

A limit that remains: libtiff, inside Pillow, may write a line of its own about a broken TIFF to standard error.
"""

import time
import warnings
from typing import TYPE_CHECKING, Any, BinaryIO

from nova_spi.errors import ExtraMissing
from nova_spi.interface.facts import MediaFacts, MediaProblem, ProbeLimits
from nova_spi.interface.frame import Frame, check_pixels

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_FORMATS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/bmp": "BMP",
    "image/tiff": "TIFF",
    "image/avif": "AVIF",
}
_ORIENTATION = 0x0112
_MOST_PICTURES = 1000


def read_image(stream: BinaryIO, mime: str, frame: Frame, limits: ProbeLimits) -> MediaFacts | None:
    """The facts of a picture, after decoding it.

    Returns:
        The facts, or None for a format that Pillow is not asked to read.

    Raises:
        MediaProblem: It is truncated, damaged or a bomb.
        ExtraMissing: Pillow is not installed.
    """
    name = _FORMATS.get(mime)
    if name is None:
        return None
    try:
        from PIL import Image
    except ImportError as error:
        raise ExtraMissing.named("media", "pillow", "Looking into a picture") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow only warns of is judged here
        try:
            with Image.open(stream, formats=[name]) as picture:
                return _facts(picture, name, frame, limits)
        except MediaProblem:
            raise
        except (Image.DecompressionBombError, MemoryError) as error:
            raise MediaProblem("bomb", f"is a decompression bomb: {error or 'it fills the memory'}") from error
        except Exception as error:  # a decoder raises what it likes at hostile bytes
            raise _told(error) from error


def _told(error: Exception) -> MediaProblem:
    text = " ".join(str(error).split())[:120] or type(error).__name__
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return MediaProblem("truncated", f"is cut off: the picture is not complete ({text})")
    if "cannot identify" in text:
        text = "its head is broken"
    return MediaProblem("unreadable", f"is damaged: {text}")


def _facts(picture: "Picture", name: str, frame: Frame, limits: ProbeLimits) -> MediaFacts:
    check_pixels(*picture.size, limits)
    (width, height), mode = picture.size, picture.mode
    if name == "JPEG":
        picture.draft(mode, (max(1, width // 8), max(1, height // 8)))
    picture.load()
    decoded = _decoded_mode(picture, mode)
    orientation = _orientation(picture)
    counted = _pictures_of_jpeg(picture) if name == "JPEG" else _further_frames(picture, limits)
    return MediaFacts(
        kind="image",
        format=name.lower(),
        width=width,
        height=height,
        mode=mode,
        decoded_mode=decoded,
        frames=frame.frames or counted,
        orientation=orientation,
    )


def _decoded_mode(picture: "Picture", mode: str) -> str:
    if mode not in ("P", "PA"):
        return mode
    return "RGBA" if mode == "PA" or "transparency" in picture.info else "RGB"


def _orientation(picture: "Picture") -> int | None:
    """The EXIF orientation; metadata that cannot be read is not worth a refusal."""
    try:
        value: Any = picture.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 -- broken EXIF raises errors of any kind
        return None
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else None


def _pictures_of_jpeg(picture: "Picture") -> int:
    """A camera may put several pictures into one file (MPO); the first is the photo, and the one that is decoded."""
    count = getattr(picture, "n_frames", 1)
    return int(count) if isinstance(count, int) and 1 <= count <= _MOST_PICTURES else 1


def _further_frames(picture: "Picture", limits: ProbeLimits) -> int | None:
    """Decodes the frames after the first, as far as the budget goes.

    Returns:
        How many frames there are, or None where the budget ended first.
    """
    until = time.monotonic() + limits.max_seconds
    budget = limits.max_decoded_pixels
    count = 1
    while count <= limits.max_frames:
        if budget <= 0 or time.monotonic() > until:
            return None
        try:
            picture.seek(count)
        except EOFError:
            return count
        check_pixels(*picture.size, limits)
        picture.load()
        budget -= picture.width * picture.height + 10_000
        count += 1
    raise MediaProblem("bomb", f"has more than {limits.max_frames} frames")
