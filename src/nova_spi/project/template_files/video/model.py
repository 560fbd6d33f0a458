"""Finds the cuts of a video and makes a preview of its scenes.

The algorithm, honestly: each frame becomes 32x18 grey pixels, and where these differ from the frame before by more than
a threshold on average, a new scene begins. A fade is not found, a flash is taken for a cut, and nothing is learned.
Replace `CutFinder` by your model.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

SMALL = (32, 18)
PREVIEW_RATE = 2


class CutFinder:
    """Scene cuts by the mean difference of neighbouring frames."""

    def predict(self, video: Path, threshold: float) -> dict[str, Any]:
        """Returns the times of the cuts and the preview."""
        cuts: list[float] = []
        firsts: list[av.VideoFrame] = []
        before: bytes | None = None
        for frame, time in frames(video):
            now = pixels(frame)
            is_cut = before is not None and difference(before, now) > threshold
            if is_cut:
                cuts.append(round(time, 3))
            if is_cut or not firsts:
                firsts.append(frame)
            before = now
        if not firsts:
            raise ValueError(f"{video.name} holds no frame")
        return {"preview": preview(firsts, Path("preview.mp4")), "cuts": cuts}


def frames(video: Path) -> Iterator[tuple[av.VideoFrame, float]]:
    """The frames with their times in seconds from the first one."""
    with av.open(str(video)) as container:
        start = None
        for frame in container.decode(video=0):
            time = frame.time or 0.0
            start = time if start is None else start
            yield frame, time - start


def pixels(frame: av.VideoFrame) -> bytes:
    """The frame as 32x18 grey pixels, without the padding of its lines."""
    width, height = SMALL
    plane = frame.reformat(width=width, height=height, format="gray").planes[0]
    data = bytes(plane)
    return b"".join(data[row * plane.line_size : row * plane.line_size + width] for row in range(height))


def difference(before: bytes, now: bytes) -> float:
    """The mean difference of two small frames, 0 to 1."""
    return sum(abs(one - other) for one, other in zip(before, now, strict=True)) / (255 * len(now))


def preview(firsts: list[av.VideoFrame], path: Path) -> Path:
    """Writes the frames as a video, two a second; odd sizes lose a line, because yuv420p has none."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=PREVIEW_RATE)
        stream.width, stream.height = (max(2, size // 2 * 2) for size in (firsts[0].width, firsts[0].height))
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(firsts):
            shaped = frame.reformat(width=stream.width, height=stream.height, format="yuv420p")
            shaped.pts = number
            shaped.time_base = 1 / stream.average_rate
            container.mux(stream.encode(shaped))
        container.mux(stream.encode(None))
    return path
