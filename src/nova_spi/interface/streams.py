"""Facts of videos and sounds, by PyAV (FFmpeg), within bounds.

PyAV runs in this process: a process of its own for each file would cost more than most models do, and the model, which
decodes the same file, runs apart in any case. So FFmpeg is held short instead:

- it reads through an object of ours, which ends at a deadline, and is never given a path or an address;
- the demuxer is named, not guessed: playlists and scripts that open other files are out of reach, and so is any file
  that a container names;
- the size of a picture is bounded inside FFmpeg, before it allocates (``max_pixels``), as is the number of streams;
- packets, seconds and what is kept are bounded; decoding takes one second of those at most, then only the packets
  since the last key frame are decoded, to see that the end is sound.

A crash in FFmpeg itself would still end this process.
"""

import time
from collections import deque
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from nova_spi.errors import ExtraMissing
from nova_spi.interface.facts import MediaFacts, MediaProblem, ProbeLimits
from nova_spi.interface.frame import check_pixels

if TYPE_CHECKING:
    from av.container import InputContainer

_DEMUXERS = {
    "video/mp4": "mov",
    "audio/mp4": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/webm": "matroska",
    "audio/webm": "matroska",
    "video/x-matroska": "matroska",
    "audio/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/x-flv": "flv",
    "video/mp2t": "mpegts",
    "video/mpeg": "mpeg",
    "video/ogg": "ogg",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/x-caf": "caf",
    "audio/amr": "amr",
}
_NAMES = {"video/quicktime": "mov", "video/webm": "webm", "audio/webm": "webm"}
"""Formats by type, where the demuxer reads several; else ``mp4`` for its family, or the demuxer's name."""
_MEASURED = ("mp3", "aac", "mpegts", "mpeg")
"""Formats that say no length: FFmpeg guesses one from the bit rate, so the packets are asked."""
_SAY_A_RATE = ("matroska", "webm")
"""Formats that declare one rate, also for a video whose frames come at a variable one."""
_ROUNDING = Fraction(1, 250)
"""Seconds by which a length may be wrong where a format counts in milliseconds: begin, end and last frame."""

_SPACES = {1: "BT.709", 5: "BT.601", 6: "BT.601", 9: "BT.2020", 10: "BT.2020"}
"""H.273's matrix coefficients, and its primaries, which number these three alike."""

_DECODE_SECONDS = 1.0
_TAIL_PACKETS = 600
_TAIL_BYTES = 64 * 1024 * 1024
_READ_BYTES = 256 * 1024


class _TimeUp(Exception):
    pass


class _Guarded:
    """The file as FFmpeg may read it: until the deadline."""

    def __init__(self, stream: BinaryIO, seconds: float) -> None:
        self._stream = stream
        self._until = time.monotonic() + seconds

    def check(self) -> None:
        """Ends the work when its time is up."""
        if time.monotonic() > self._until:
            raise _TimeUp

    def read(self, count: int) -> bytes:
        """As of a file."""
        self.check()
        return self._stream.read(count)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of a file."""
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        """As of a file."""
        return self._stream.tell()


def _refuse(*_arguments: Any) -> NoReturn:
    raise PermissionError("a media file may not open another file")


@dataclass(slots=True)
class _Track:
    """What is seen of one stream while its packets go by."""

    stream: Any
    packets: int = 0
    bytes: int = 0
    end: Fraction = Fraction(0)
    start: Fraction | None = None
    frames: int = 0
    tried: int = 0
    errors: int = 0
    color: int | None = None
    behind: bool = False
    tail: deque[Any] = field(default_factory=deque)
    tail_bytes: int = 0


def read_stream(stream: BinaryIO, mime: str, limits: ProbeLimits) -> MediaFacts | None:
    """The facts of a video or a sound, after reading its packets to the end and decoding some.

    Returns:
        The facts, or None for a format that FFmpeg is not asked to read.

    Raises:
        MediaProblem: It is truncated, damaged or a bomb.
        ExtraMissing: PyAV is not installed.
    """
    demuxer = _DEMUXERS.get(mime)
    if demuxer is None:
        return None
    try:
        import av
    except ImportError as error:
        raise ExtraMissing.named("media", "av", "Looking into a video or a sound") from error
    guarded = _Guarded(stream, limits.max_seconds)
    options = {
        "max_pixels": _ffmpeg_pixels(limits),
        "max_streams": str(limits.max_streams),
        "protocol_whitelist": "none",
        "threads": "1",
    }
    try:
        with av.open(
            guarded, "r", format=demuxer, options=options, io_open=_refuse, buffer_size=_READ_BYTES
        ) as container:
            return _looked_into(container, demuxer, mime, guarded, limits)
    except _TimeUp as error:
        raise MediaProblem("unreadable", f"cannot be opened within {limits.max_seconds:g} seconds") from error
    except MediaProblem:
        raise
    except MemoryError as error:
        raise MediaProblem("bomb", "is a decompression bomb: it fills the memory") from error
    except (av.error.FFmpegError, ValueError, ArithmeticError, PermissionError, LookupError) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise MediaProblem("unreadable", f"is damaged: {text[:120].lower()}") from error


def _ffmpeg_pixels(limits: ProbeLimits) -> str:
    """The bound inside FFmpeg, with room for the blocks that codecs round sizes up to; ours is exact."""
    return str(limits.max_pixels + (1 << 22))


def _looked_into(
    container: "InputContainer", demuxer: str, mime: str, guarded: _Guarded, limits: ProbeLimits
) -> MediaFacts:
    for each in container.streams.video:
        if each.codec_context is not None:  # PyAV has none for a codec that it does not know
            check_pixels(each.codec_context.width or 0, each.codec_context.height or 0, limits)
    tracks = _tracks(container, mime)
    complete = True
    try:
        complete = _run(container, demuxer, tracks, guarded, limits)
    except _TimeUp:
        complete = False
    return _facts(container, demuxer, mime, tracks, complete)


def _tracks(container: "InputContainer", mime: str) -> list[_Track]:
    """The first video that is no cover picture, and the first sound; the one that counts comes first."""
    from av.stream import Disposition

    covers = Disposition.attached_pic | Disposition.still_image
    video = [each for each in container.streams.video if not each.disposition & covers]
    sound = list(container.streams.audio)
    wanted = video[:1] + sound[:1] if mime.startswith("video/") else sound[:1]
    if not wanted or (mime.startswith("video/") and not video):
        raise MediaProblem("unreadable", f"holds no {'video' if mime.startswith('video/') else 'sound'}")
    return [_Track(each) for each in wanted]


def _run(
    container: "InputContainer", demuxer: str, tracks: list[_Track], guarded: _Guarded, limits: ProbeLimits
) -> bool:
    """Lets all packets go by.

    Returns:
        True where the end was reached within the limits.
    """
    by_index = {track.stream.index: track for track in tracks}
    for track in tracks:
        if track.stream.codec_context is not None:
            track.stream.codec_context.thread_count = 1
            track.stream.codec_context.options = {"max_pixels": _ffmpeg_pixels(limits)} | _strict(track)
    until = time.monotonic() + min(_DECODE_SECONDS, limits.max_seconds / 2)
    for count, packet in enumerate(container.demux([track.stream for track in tracks])):
        guarded.check()
        if count >= limits.max_packets:
            return False
        track = by_index[packet.stream_index]
        if packet.size:
            _note(track, packet)
        if track.stream.codec_context is None:
            continue
        if time.monotonic() < until and not track.behind:
            _decode(track, packet)
        else:
            track.behind = True
            _keep(track, packet)
    if demuxer == "flac":
        _check_length(tracks[0])
    for track in tracks:
        _finish(track)
    return True


def _strict(track: _Track) -> dict[str, str]:
    """FLAC's frames carry checksums, which FFmpeg only looks at when told to."""
    return {"err_detect": "crccheck+explode"} if _codec(track) == "flac" else {}


def _note(track: _Track, packet: Any) -> None:
    track.packets += 1
    track.bytes += packet.size
    at = packet.pts if packet.pts is not None else packet.dts
    if at is not None and packet.time_base:
        begin = at * packet.time_base
        track.start = begin if track.start is None else min(track.start, begin)
        track.end = max(track.end, begin + (packet.duration or 0) * packet.time_base)


def _decode(track: _Track, packet: Any) -> None:
    import av

    track.tried += 1
    try:
        frames = packet.decode()
    except (av.error.FFmpegError, ValueError):
        track.errors += 1
        return
    track.frames += len(frames)
    if frames and track.color is None and track.stream.type == "video":
        track.color = int(frames[0].colorspace)


def _keep(track: _Track, packet: Any) -> None:
    """Keeps the packets since the last key frame, of a sound the last few; too many are given up."""
    if track.stream.type == "video" and packet.is_keyframe:
        track.tail.clear()
        track.tail_bytes = 0
    track.tail.append(packet)
    track.tail_bytes += packet.size
    most = _TAIL_PACKETS if track.stream.type == "video" else 20
    while track.tail and (len(track.tail) > most or track.tail_bytes > _TAIL_BYTES):
        track.tail_bytes -= track.tail.popleft().size


def _finish(track: _Track) -> None:
    """Judges what was decoded, after decoding the end where the middle was left out."""
    if track.stream.codec_context is None:
        return
    what = "picture" if track.stream.type == "video" else "sound"
    starts_whole = track.tail and (track.stream.type == "audio" or track.tail[0].is_keyframe)
    if track.behind and starts_whole:
        before = track.frames
        track.stream.codec_context.flush_buffers()
        for packet in track.tail:
            _decode(track, packet)
        if track.frames == before:
            raise MediaProblem("truncated", f"is damaged at its end: no {what} can be decoded there")
    if not track.frames:
        if track.packets:
            raise MediaProblem("unreadable", f"is damaged: no {what} in it can be decoded")
        raise MediaProblem("truncated", f"has a {what} track and no {what} in it")
    if track.errors > (0 if _strict(track) else max(3, track.tried // 10)):
        raise MediaProblem("unreadable", f"is damaged: {track.errors} of {track.tried} packets cannot be decoded")


def _check_length(track: _Track) -> None:
    """FLAC says how long it is, and has no frame around all of it that would."""
    declared = _declared(track.stream)
    seen = track.end - (track.start or 0)
    if declared is not None and seen < declared - Fraction(1, 1000):
        raise MediaProblem("truncated", f"is cut off: {float(seen):.3g} of {float(declared):.3g} seconds are there")


def _declared(stream: Any) -> Fraction | None:
    return stream.duration * stream.time_base if stream.duration and stream.time_base else None


def _facts(container: "InputContainer", demuxer: str, mime: str, tracks: list[_Track], complete: bool) -> MediaFacts:
    first = tracks[0]
    sound = next((track for track in tracks if track.stream.type == "audio"), None)
    duration = _duration(container, demuxer, first, complete)
    facts = MediaFacts(
        kind="video" if first.stream.type == "video" else "audio",
        format=_NAMES.get(mime) or ("mp4" if demuxer == "mov" else demuxer),
        duration_seconds=duration,
        codec=_codec(first),
        bitrate=_bitrate(container, first, duration, complete),
    )
    if sound is not None and sound.stream.codec_context is not None:
        context = sound.stream.codec_context
        facts = replace(
            facts, audio_codec=_codec(sound), sample_rate=context.sample_rate or None, channels=context.channels or None
        )
    return _with_picture(facts, first, complete) if facts.kind == "video" else facts


def _codec(track: _Track) -> str | None:
    context = track.stream.codec_context
    return str(context.codec.canonical_name) if context is not None else None


def _with_picture(facts: MediaFacts, track: _Track, complete: bool) -> MediaFacts:
    context = track.stream.codec_context
    if context is None:
        return facts
    rate = track.stream.average_rate or track.stream.guessed_rate
    if complete and facts.format in _SAY_A_RATE:
        rate = _average_rate(track, rate)
    return replace(
        facts,
        width=context.width or None,
        height=context.height or None,
        fps=float(rate) if rate else None,
        pixel_format=context.pix_fmt,
        color_space=_SPACES.get(int(context.colorspace))
        or _SPACES.get(track.color or 0)
        or _SPACES.get(int(context.color_primaries)),
        chroma=_has_chroma(context.pix_fmt),
    )


def _average_rate(track: _Track, declared: Fraction | None) -> Fraction | None:
    """The rate that was measured, where the declared one is further from it than rounding explains."""
    length = track.end - (track.start or 0)
    if length <= 2 * _ROUNDING:
        return declared
    slowest, fastest = track.packets / (length + _ROUNDING), track.packets / (length - _ROUNDING)
    return declared if declared and slowest <= declared <= fastest else track.packets / length


def _has_chroma(pixel_format: str | None) -> bool | None:
    from av.video.format import VideoFormat

    if not pixel_format:
        return None
    known = VideoFormat(pixel_format)
    # Luma alone, or with alpha. PyAV's own is_chroma is False for 4:4:4, whose chroma is not subsampled.
    return known.has_palette or known.is_rgb or len(known.components) > 2


def _duration(container: "InputContainer", demuxer: str, track: _Track, complete: bool) -> float | None:
    measured = track.end - (track.start or 0) if complete and track.end else None
    if demuxer in _MEASURED and measured:
        return float(measured)
    declared = _declared(track.stream)
    if declared is None and container.duration:
        declared = Fraction(container.duration, 1_000_000)
    found = declared if declared and declared > 0 else measured
    return float(found) if found else None


def _bitrate(container: "InputContainer", track: _Track, duration: float | None, complete: bool) -> int | None:
    if complete and duration:
        return round(track.bytes * 8 / duration)
    context = track.stream.codec_context
    return (context.bit_rate if context is not None else None) or container.bit_rate or None
