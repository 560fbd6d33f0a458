"""What is known of a media file, what may be wrong with one, and how much work is spent to find out."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["image", "video", "audio"]
Trouble = Literal["lying", "truncated", "bomb", "unreadable"]


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """The facts of one media file. None stands for what the file does not say, or what its kind does not have.

    Attributes:
        kind: image, video or audio.
        format: The container or file format, lower case, e.g. ``png``, ``mp4``, ``matroska``.
        width: Pixels, as stored; an image's EXIF orientation is not applied.
        height: Pixels, as stored.
        mode: An image's Pillow mode (RGB, RGBA, L, P, ...).
        decoded_mode: What a palette image (mode P) becomes when it is decoded: RGB or RGBA; else the mode.
        frames: Frames of an image; more than 1 is an animation or several pages.
        orientation: EXIF orientation 1 to 8 of an image.
        fps: Average frames per second of a video.
        duration_seconds: Length in seconds.
        codec: Of the video, or of the audio where there is no video, e.g. ``h264``.
        pixel_format: Of a video, in FFmpeg's words, e.g. ``yuv420p``.
        color_space: The video stream's tag: BT.601, BT.709 or BT.2020.
        chroma: True for a colour video, False for one that has luma only.
        audio_codec: Of the (first) sound track.
        sample_rate: Hz, of the (first) sound track.
        channels: Of the (first) sound track.
        bitrate: Bits per second of the stream that ``codec`` names, as measured over its packets.
    """

    kind: Kind
    format: str | None = None
    width: int | None = None
    height: int | None = None
    mode: str | None = None
    decoded_mode: str | None = None
    frames: int | None = None
    orientation: int | None = None
    fps: float | None = None
    duration_seconds: float | None = None
    codec: str | None = None
    pixel_format: str | None = None
    color_space: str | None = None
    chroma: bool | None = None
    audio_codec: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    bitrate: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The facts that are known, as a JSON object."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class MediaProblem(Exception):
    """A file that must not reach a model.

    Args:
        trouble: ``lying`` (the content is not what the name or the caller says), ``truncated`` (the end is missing),
            ``bomb`` (small on disk, too large once decoded), ``unreadable`` (damaged, or not readable at all).
        message: One sentence that can follow the file's name, e.g. "is cut off after 120 of 4,000 bytes".
    """

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.code: Trouble = trouble
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        return MediaProblem, (self.code, self.message)


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """How far a probe goes. What lies beyond is not checked, except sizes: beyond them is a bomb.

    Attributes:
        max_pixels: Width times height of one picture or frame. The default, 134,217,728, is a 16384x8192 picture and
            half a GiB once decoded.
        max_decoded_pixels: Over all frames of one file that are decoded for the check; decoding stops there.
        max_frames: Frames of an animation or pages of a document; more is a bomb.
        max_packets: Packets of a video or a sound that are read.
        max_seconds: Wall-clock time for one file.
        max_streams: Streams of a container; more is refused.
    """

    max_pixels: int = 1 << 27
    max_decoded_pixels: int = 1 << 28
    max_frames: int = 100_000
    max_packets: int = 2_000_000
    max_seconds: float = 10.0
    max_streams: int = 64
