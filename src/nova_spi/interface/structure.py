"""Whether a media file is whole, by walking the frame of its format: chunks, boxes, pages. Nothing is decoded.

Decoders forgive a missing end, and some never notice it. The formats say how long their parts are, so this says it
exactly, in time that grows with the number of parts and is bounded.

Sources: PNG 3, GIF89a, RIFF, ISO/IEC 14496-12, RFC 8794 (EBML), RFC 3533 (Ogg).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from nova_spi.interface.facts import MediaProblem, ProbeLimits
from nova_spi.interface.signatures import boxes

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


Walk = Callable[[BinaryIO, int, ProbeLimits], Frame]


def walk(stream: BinaryIO, mime: str, limits: ProbeLimits) -> Frame:
    """Walks a file of a known type.

    Raises:
        MediaProblem: ``truncated`` where a part reaches beyond the end of the file, or the last one is missing;
            ``bomb`` for more frames or pixels than the limits allow.
    """
    size = stream.seek(0, os.SEEK_END)
    walker = _WALKS.get(mime)
    frame = walker(stream, size, limits) if walker else Frame()
    if frame.width and frame.height:
        check_pixels(frame.width, frame.height, limits)
    if (frame.frames or 0) > limits.max_frames:
        raise MediaProblem("bomb", f"has {frame.frames} frames, more than {limits.max_frames}")
    return frame


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


def _png(stream: BinaryIO, size: int, _limits: ProbeLimits) -> Frame:
    stream.seek(8)
    width = height = 0
    frames, at = 1, 8
    for _ in range(MAX_PARTS):
        header = stream.read(16)
        if len(header) < 8:
            raise cut(size, "before the chunk IEND")
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        at += 12 + length
        if at > size:
            raise cut(size, f"within the chunk {kind.decode('ascii', 'replace')}")
        if kind == b"IHDR" and length >= 13:
            width = int.from_bytes(header[8:12], "big")
            height = int.from_bytes(header[12:16], "big")
            check_pixels(width, height, _limits)
        elif kind == b"acTL" and length == 8:
            frames = max(1, int.from_bytes(header[8:12], "big"))
        elif kind == b"IEND":
            break
        stream.seek(at)
    return Frame(width, height, frames)


def _gif(stream: BinaryIO, size: int, limits: ProbeLimits) -> Frame:
    head = _read(stream, 0, 13, size)
    width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    at = 13 + _color_table(head[10])
    frames = 0
    for _ in range(MAX_PARTS):
        kind = _read(stream, at, 1, size)[0]
        at += 1
        if kind == 0x3B:
            break
        if kind == 0x2C:
            block = _read(stream, at, 9, size)
            left, top, across, down = (int.from_bytes(block[n : n + 2], "little") for n in (0, 2, 4, 6))
            width, height = max(width, left + across), max(height, top + down)
            check_pixels(width, height, limits)
            frames += 1
            at = _sub_blocks(stream, at + 9 + _color_table(block[8]) + 1, size)
        elif kind == 0x21:
            at = _sub_blocks(stream, at + 1, size)
        elif kind != 0:
            raise MediaProblem("unreadable", f"is damaged: byte {at - 1} begins no block of a GIF")
        if frames > limits.max_frames:
            break
    return Frame(width, height, frames)


def _color_table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _sub_blocks(stream: BinaryIO, at: int, size: int) -> int:
    """The place after a chain of sub-blocks."""
    for _ in range(MAX_PARTS):
        length = _read(stream, at, 1, size)[0]
        at += 1 + length
        if length == 0:
            return at
    raise MediaProblem("bomb", f"has a block of more than {MAX_PARTS} parts")


def _read(stream: BinaryIO, at: int, count: int, size: int) -> bytes:
    if at + count > size:
        raise cut(size, "within a block")
    stream.seek(at)
    return stream.read(count)


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


def _webp(stream: BinaryIO, size: int, limits: ProbeLimits) -> Frame:
    _riff(stream, size, limits)
    width = height = 0
    frames, at = 0, 12
    for _ in range(MAX_PARTS):
        stream.seek(at)
        header = stream.read(24)
        if len(header) < 8:
            break
        kind, length, data = header[:4], int.from_bytes(header[4:8], "little"), header[8:]
        found = _webp_size(kind, data)
        if found:
            width, height = max(width, found[0]), max(height, found[1])
            check_pixels(width, height, limits)
        frames += kind == b"ANMF"
        at += 8 + length + length % 2
    return Frame(width, height, max(1, frames))


def _webp_size(kind: bytes, data: bytes) -> tuple[int, int] | None:
    if kind == b"VP8X" and len(data) >= 10:
        return 1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little")
    if kind == b"VP8L" and len(data) >= 5 and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a" and len(data) >= 10:
        return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF
    return None


def _jpeg(stream: BinaryIO, size: int, limits: ProbeLimits) -> Frame:
    """The size in the frame header; whether the end is there is left to the decoder, which knows."""
    at = 2
    for _ in range(10_000):
        stream.seek(at)
        header = stream.read(9)
        if len(header) < 4:
            raise cut(size, "before the picture begins")
        if header[0] != 0xFF:
            break
        marker = header[1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD7:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in (0xD9, 0xDA):
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(header) == 9:
            height, width = int.from_bytes(header[5:7], "big"), int.from_bytes(header[7:9], "big")
            check_pixels(width, height, limits)
            return Frame(width, height)
        at += 2 + int.from_bytes(header[2:4], "big")
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


_WALKS: dict[str, Walk] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/jpeg": _jpeg,
    "image/avif": _iso,
    "image/heic": _iso,
    "image/heif": _iso,
    "audio/wav": _riff,
    "audio/aiff": _form,
    "video/x-msvideo": _riff,
    "video/mp4": _iso,
    "audio/mp4": _iso,
    "video/quicktime": _iso,
    "video/3gpp": _iso,
    "video/webm": _matroska,
    "audio/webm": _matroska,
    "video/x-matroska": _matroska,
    "audio/x-matroska": _matroska,
    "audio/ogg": _ogg,
    "video/ogg": _ogg,
}
