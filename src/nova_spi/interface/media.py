"""Media files, looked at before a model is: their type by content, their facts, and what is wrong with them."""

from pathlib import Path

from nova_spi.interface.facts import MediaFacts, MediaProblem, ProbeLimits
from nova_spi.interface.sniffing import sniff

__all__ = ["MediaFacts", "MediaProblem", "ProbeLimits", "probe", "sniff"]


def probe(path: Path, mime: str, limits: ProbeLimits | None = None) -> MediaFacts | None:
    """The facts of a picture, a video or a sound, found by decoding as much of it as `ProbeLimits` allow.

    Args:
        path: A regular file.
        mime: What the content is believed to be, as `sniff` says or as a caller claims.
        limits: How much work is done at most.

    Returns:
        The facts; None for what is no medium, or a medium that none of the readers here knows (SVG, HEIC, MIDI).

    Raises:
        MediaProblem: The file is truncated, damaged, no ``mime`` at all, or far larger decoded than on disk.
        ExtraMissing: Pillow or PyAV is needed and not installed.
    """
    from nova_spi.interface.probing import probe_file

    return probe_file(path, mime, limits or ProbeLimits())
