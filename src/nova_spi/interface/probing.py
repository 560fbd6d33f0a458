"""The way to a media file's facts: its type, its frame, then the reader of its kind."""

from pathlib import Path

from nova_spi.interface.claims import same_family
from nova_spi.interface.facts import MediaFacts, MediaProblem, ProbeLimits
from nova_spi.interface.sniffing import sniff
from nova_spi.interface.structure import walk
from nova_spi_runtime.media_types import canonical


def probe_file(path: Path, mime: str, limits: ProbeLimits) -> MediaFacts | None:
    """See `nova_spi.interface.media.probe`."""
    believed = canonical(mime)
    kind = believed.partition("/")[0]
    if kind not in ("image", "video", "audio"):
        return None
    found = sniff(path)
    if not same_family(believed, found):
        raise MediaProblem("lying", f"is no {believed}: its content is {found}")
    try:
        with path.open("rb") as stream:
            frame = walk(stream, found, limits)
            stream.seek(0)
            if kind == "image":
                from nova_spi.interface.images import read_image

                return read_image(stream, found, frame, limits)
            from nova_spi.interface.streams import read_stream

            return read_stream(stream, found, limits)
    except OSError as error:
        raise MediaProblem("unreadable", f"cannot be read ({error.strerror or error})") from error
