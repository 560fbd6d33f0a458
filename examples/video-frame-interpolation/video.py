"""Films in and out, by PyAV: frames as RGB arrays one at a time, so that a long film needs no more memory."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger("spi")
COPIED = ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac")  # sound that an MP4 file holds as it is


class Reader:
    """A film's frames, its rate and its size."""

    def __init__(self, path: Path) -> None:
        self.container = av.open(str(path))
        if not self.container.streams.video:
            raise ValueError(f"{path.name} has no picture track")
        self.stream = self.container.streams.video[0]
        self.stream.thread_type = "AUTO"
        self.rate = Fraction(self.stream.average_rate or self.stream.guessed_rate or 25)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Frames in order, height x width x 3."""
        for frame in self.container.decode(self.stream):
            yield frame.to_ndarray(format="rgb24")

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()


class Writer:
    """Writes an MP4 file in H.264; with the sound of another film, copied as it is."""

    def __init__(
        self, path: Path, rate: Fraction | int, size: tuple[int, int], quality: int, sound_of: Path | None = None
    ) -> None:
        self.container = av.open(str(path), "w", options={"movflags": "faststart"})
        self.stream = self.container.add_stream("libx264", rate=Fraction(rate))
        self.stream.height, self.stream.width = size
        # Players want 4:2:0, which has no odd sizes; there the colour is kept in full.
        self.stream.pix_fmt = "yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p"
        self.stream.options = {"crf": str(quality), "preset": "fast"}
        self.source = av.open(str(sound_of)) if sound_of else None
        self.sound = self._sound_track()

    def _sound_track(self) -> "av.audio.stream.AudioStream | None":
        tracks = self.source.streams.audio if self.source else ()
        if not tracks:
            return None
        if tracks[0].codec_context.name not in COPIED:
            logger.warning("the sound is %s, which MP4 cannot hold: it is left out", tracks[0].codec_context.name)
            return None
        return self.container.add_stream_from_template(tracks[0])

    def write(self, picture: NDArray[np.uint8]) -> None:
        """The next frame."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        self.container.mux(self.stream.encode(frame))

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self.container.mux(self.stream.encode(None))
            self._copy_sound()
        self.container.close()
        if self.source:
            self.source.close()

    def _copy_sound(self) -> None:
        if self.source is None or self.sound is None:
            return
        for packet in self.source.demux(self.source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = self.sound
                self.container.mux(packet)


def save_picture(path: Path, picture: NDArray[np.uint8]) -> Path:
    """One frame as a PNG file, without loss."""
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", rate=1)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path
