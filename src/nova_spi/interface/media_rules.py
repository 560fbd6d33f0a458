"""A file parameter's ``domain_specific`` rules, held against the facts of a file.

A rule whose fact is not known is a warning: nothing was shown to be wrong, and nothing to be right.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from nova_spi.interface.facts import MediaFacts

RATIO_TOLERANCE = Fraction(1, 100)
"""An aspect ratio is met within 1 %."""

_CODECS = {
    "avc": "h264",
    "avc1": "h264",
    "h.264": "h264",
    "x264": "h264",
    "libx264": "h264",
    "h265": "hevc",
    "h.265": "hevc",
    "x265": "hevc",
    "libx265": "hevc",
    "hvc1": "hevc",
    "hev1": "hevc",
    "libvpx": "vp8",
    "vp08": "vp8",
    "libvpx-vp9": "vp9",
    "vp09": "vp9",
    "av01": "av1",
    "mp4v": "mpeg4",
    "mpeg-4": "mpeg4",
    "xvid": "mpeg4",
    "divx": "mpeg4",
    "mpeg2": "mpeg2video",
    "mpeg-2": "mpeg2video",
    "mjpg": "mjpeg",
    "apple prores": "prores",
    "dnxhr": "dnxhd",
}
_SPACES = {
    "rec.709": "BT.709",
    "rec. 709": "BT.709",
    "bt709": "BT.709",
    "rec.2020": "BT.2020",
    "rec. 2020": "BT.2020",
    "bt2020": "BT.2020",
    "rec.601": "BT.601",
    "bt601": "BT.601",
}


@dataclass(slots=True)
class Verdict:
    """What a file's facts say of a parameter's rules; the sentences can follow the file's name."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


Check = Callable[[MediaFacts, Any], str | None]
"""The objection to a fact, or None. Raises `_Unknown` where the file does not say."""


class _Unknown(Exception):
    pass


def check_media(rules: Mapping[str, Any], facts: MediaFacts) -> Verdict:
    """Holds the block of the file's own kind (``image``, ``video``, ``audio``) against its facts.

    The ``audio`` block holds for the sound of a video too; the bit rate that is known is that of the picture.
    """
    verdict = Verdict()
    _hold(rules.get(facts.kind), facts, verdict)
    if facts.kind == "video":
        _hold(rules.get("audio"), replace(facts, bitrate=None), verdict)
    return verdict


def _hold(rules: Mapping[str, Any] | None, facts: MediaFacts, verdict: Verdict) -> None:
    for name, wanted in (rules or {}).items():
        check = _CHECKS.get(name)
        if check is None or wanted in (None, (), []):
            continue
        try:
            objection = check(facts, wanted)
        except _Unknown as unknown:
            verdict.warnings.append(f"could not be checked for {name}: {unknown}")
            continue
        if objection:
            verdict.problems.append(objection)


def parse_resolution(text: str) -> tuple[int | None, int]:
    """Width and height of ``WxH``; the width is None for ``1080p``, which is a height alone.

    Raises:
        ValueError: It is neither.
    """
    if text[-1:] in ("p", "P"):
        return None, int(text[:-1])
    width, _, height = text.lower().partition("x")
    return int(width), int(height)


def _size(facts: MediaFacts) -> tuple[int, int]:
    if not facts.width or not facts.height:
        raise _Unknown("the file does not say its size")
    return facts.width, facts.height


def _min_resolution(facts: MediaFacts, wanted: str) -> str | None:
    (width, height), (least_width, least_height) = _size(facts), parse_resolution(wanted)
    small = height < least_height or (least_width is not None and width < least_width)
    return f"is {width}x{height}, smaller than {wanted}" if small else None


def _max_resolution(facts: MediaFacts, wanted: str) -> str | None:
    (width, height), (most_width, most_height) = _size(facts), parse_resolution(wanted)
    large = height > most_height or (most_width is not None and width > most_width)
    return f"is {width}x{height}, larger than {wanted}" if large else None


def _color_modes(facts: MediaFacts, wanted: Any) -> str | None:
    """A palette image is taken as what it decodes to as well: few people write P where they mean RGB.

    The same holds for the byte order of 16 bits a sample, which Pillow adds to the mode: I;16 is an I.
    """
    if facts.mode is None:
        raise _Unknown("the file does not say its mode")
    accepted = {str(item).upper() for item in _listed(wanted)}
    known = {facts.mode, facts.mode.partition(";")[0], facts.decoded_mode or facts.mode}
    if {mode.upper() for mode in known} & accepted:
        return None
    return f"has the colour mode {facts.mode}, not {_either(_listed(wanted))}"


def _aspect_ratios(facts: MediaFacts, wanted: Any) -> str | None:
    width, height = _size(facts)
    ratio = Fraction(width, height)
    for text in _listed(wanted):
        across, _, down = str(text).partition(":")
        target = Fraction(across) / Fraction(down)
        if abs(ratio - target) <= target * RATIO_TOLERANCE:
            return None
    return f"is {width}x{height} ({float(ratio):.3f}:1), which is not {_either(_listed(wanted))} within 1 %"


def _color_space(facts: MediaFacts, wanted: Any) -> str | None:
    spaces = [_SPACES.get(str(item).lower(), str(item).upper()) for item in _listed(wanted)]
    if "RGB" in spaces and facts.chroma is not False:
        return None
    if "GRAY" in spaces and facts.chroma is False:
        return None
    tags = [space for space in spaces if space not in ("RGB", "GRAY")]
    if facts.color_space in tags:
        return None
    if tags and facts.color_space is None:
        raise _Unknown(f"the video carries no colour space tag, and {_either(tags)} is wanted")
    shown = facts.color_space or ("colour" if facts.chroma else "gray")
    return f"has the colour space {shown}, not {_either(spaces)}"


def _codec_requirements(facts: MediaFacts, wanted: Any) -> str | None:
    if not facts.codec:
        raise _Unknown("the file does not say its codec")
    if canonical_codec(facts.codec) in {canonical_codec(str(item)) for item in _listed(wanted)}:
        return None
    return f"is coded in {facts.codec}, not in {_either(_listed(wanted))}"


def canonical_codec(name: str) -> str:
    """FFmpeg's name of a codec, from the names that people write (avc, H.264, x265)."""
    lower = name.strip().lower()
    return _CODECS.get(lower, lower)


def _channels(facts: MediaFacts, wanted: Any) -> str | None:
    if not facts.channels:
        raise _Unknown("the file does not say its channels")
    if facts.channels in _listed(wanted):
        return None
    return f"has {facts.channels} channel{'s' * (facts.channels > 1)}, not {_either(_listed(wanted))}"


def _bound(fact: str, unit: str, sign: int, scale: float = 1, slack: float = 0) -> Check:
    """A check of one number: ``sign`` 1 for a least value, -1 for a greatest; ``slack`` is relative."""

    def check(facts: MediaFacts, wanted: Any) -> str | None:
        value = getattr(facts, fact)
        if value is None:
            raise _Unknown("the file does not say")
        found = value / scale
        if sign * (found - wanted) >= -slack * wanted:
            return None
        return f"has {found:.6g} {unit}, {'less' if sign > 0 else 'more'} than {wanted:g}"

    return check


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _either(values: list[Any]) -> str:
    return " or ".join(str(value) for value in values)


# A frame rate and a length are measured: 30000/1001 meets "30", and a last frame that is rounded up is no second more.
_RATE_SLACK = 0.0011
_LENGTH_SLACK = 0.005

_CHECKS: dict[str, Check] = {
    "min_resolution": _min_resolution,
    "max_resolution": _max_resolution,
    "color_modes": _color_modes,
    "aspect_ratios": _aspect_ratios,
    "color_space": _color_space,
    "codec_requirements": _codec_requirements,
    "channels": _channels,
    "min_fps": _bound("fps", "frames per second", 1, slack=_RATE_SLACK),
    "max_fps": _bound("fps", "frames per second", -1, slack=_RATE_SLACK),
    "min_duration_seconds": _bound("duration_seconds", "seconds", 1, slack=_LENGTH_SLACK),
    "max_duration_seconds": _bound("duration_seconds", "seconds", -1, slack=_LENGTH_SLACK),
    "min_sample_rate": _bound("sample_rate", "Hz", 1),
    "max_sample_rate": _bound("sample_rate", "Hz", -1),
    "min_bitrate": _bound("bitrate", "kbit/s", 1, scale=1000, slack=0.02),
    "max_bitrate": _bound("bitrate", "kbit/s", -1, scale=1000, slack=0.02),
}
