"""Walks over the boxes, pages and frames of videos and sounds: whether all that they announce is there.

Sources: RIFF, AIFF, ISO/IEC 14496-12, RFC 8794 (EBML), RFC 3533 (Ogg), ISO/IEC 11172-3 and 13818-7 (MPEG audio), and
the Xing header as encoders write it.
"""

from typing import BinaryIO

from nova_spi.interface.facts import ProbeLimits
from nova_spi.interface.frame import MAX_PARTS, Frame, cut
from nova_spi.interface.signatures import after_tag, boxes, frame_length


def _riff(stream: BinaryIO, size: int, _limits: ProbeLimits) -> Frame:
    stream.seek(0)
    head = stream.read(12)
    declared = int.from_bytes(head[4:8], "little")
    # A stream that was written without seeking back has 0 or the greatest number; RF64 keeps its size elsewhere.
    if head[:4] == b"RIFF" and declared not in (0, 0xFFFFFFFF) and declared + 8 > size + 1:
        raise cut(size, f"and says that it has {declared + 8}")
    return Frame()


def _form(stream: BinaryIO, size: int, _limits: ProbeLimits) -> Frame:
    stream.seek(4)
    declared = int.from_bytes(stream.read(4), "big")
    if declared + 8 > size + 1:
        raise cut(size, f"and says that it has {declared + 8}")
    return Frame()


def _iso(stream: BinaryIO, size: int, _limits: ProbeLimits) -> Frame:
    kinds = set()
    for kind, start, length in boxes(stream):
        kinds.add(kind)
        if start + length > size:
            raise cut(size, f"within the box {kind.decode('latin-1')!r} that reaches to {start + length}")
    if b"mdat" in kinds and not kinds & {b"moov", b"meta"}:
        raise cut(size, "before the index (moov) that says what is in it")
    return Frame()


def _matroska(stream: BinaryIO, size: int, _limits: ProbeLimits) -> Frame:
    at = 0
    for _ in range(16):
        stream.seek(at)
        header = stream.read(12)
        if len(header) < 12:
            break
        length, used = _vint(header[4:])
        if length is None or used == 0:
            break
        at += 4 + used + length
        if at > size:
            raise cut(size, f"and says that it has {at}")
    return Frame()


def _vint(data: bytes) -> tuple[int | None, int]:
    """An EBML length: its value, None where it is unknown, and the bytes that it takes."""
    width = 9 - data[0].bit_length()
    if width > 8:
        return None, 0
    value = int.from_bytes(data[:width], "big") & (1 << 7 * width) - 1
    return (None if value == (1 << 7 * width) - 1 else value), width


def _ogg(stream: BinaryIO, size: int, _limits: ProbeLimits) -> Frame:
    at, ended, running = 0, set[bytes](), set[bytes]()
    for _ in range(MAX_PARTS):
        stream.seek(at)
        header = stream.read(27 + 255)
        if header[:4] != b"OggS" or len(header) < 27:
            break
        segments = header[27 : 27 + header[26]]
        at += 27 + header[26] + sum(segments)
        if at > size or len(segments) < header[26]:
            raise cut(size, "within a page")
        (ended if header[5] & 4 else running).add(header[14:18])
    if running - ended:
        raise cut(size, "before the page that is marked as the last")
    return Frame()


def _mpeg_audio(stream: BinaryIO, size: int, _limits: ProbeLimits) -> Frame:
    """From frame to frame; a Xing header says how many bytes there must be."""
    stream.seek(0)
    at = after_tag(stream.read(10))
    stream.seek(at)
    declared = _xing_bytes(stream.read(256))
    if declared and at + declared > size:
        raise cut(size, f"and says that it has {at + declared}")
    for _ in range(MAX_PARTS):
        stream.seek(at)
        header = stream.read(8)
        found = frame_length(header)
        if found is None and not (header[:1] == b"\xff" and len(header) < 8):
            break  # the end, or a tag at it
        at += found[1] if found else 8
        if at > size:
            raise cut(size, "within a frame of sound")
    return Frame()


def _xing_bytes(frame: bytes) -> int | None:
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0 or len(frame) < at + 16:
        return None
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    place = at + 8 + 4 * (flags & 1)
    return int.from_bytes(frame[place : place + 4], "big") if flags & 2 else None


def _transport(_stream: BinaryIO, size: int, _limits: ProbeLimits) -> Frame:
    if size % 188:
        raise cut(size, "within a packet of 188")
    return Frame()


STREAMS = {
    "audio/wav": _riff,
    "audio/aiff": _form,
    "audio/mpeg": _mpeg_audio,
    "audio/aac": _mpeg_audio,
    "video/x-msvideo": _riff,
    "video/mp4": _iso,
    "audio/mp4": _iso,
    "video/quicktime": _iso,
    "video/3gpp": _iso,
    "image/avif": _iso,
    "image/heic": _iso,
    "image/heif": _iso,
    "video/webm": _matroska,
    "audio/webm": _matroska,
    "video/x-matroska": _matroska,
    "audio/x-matroska": _matroska,
    "audio/ogg": _ogg,
    "video/ogg": _ogg,
    "video/mp2t": _transport,
}
