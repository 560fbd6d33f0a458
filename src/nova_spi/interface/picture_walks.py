"""Walks over the chunks and blocks of pictures: their size, their frames, and whether their end is there.

Sources: PNG 3, GIF89a, RIFF and WebP (RFC 9649), JPEG (ITU-T T.81).
"""

from typing import BinaryIO

from nova_spi.interface.facts import MediaProblem, ProbeLimits
from nova_spi.interface.frame import MAX_PARTS, Frame, check_pixels, cut, read


def _png(stream: BinaryIO, size: int, limits: ProbeLimits) -> Frame:
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
            check_pixels(width, height, limits)
        elif kind == b"acTL" and length == 8:
            frames = max(1, int.from_bytes(header[8:12], "big"))
        elif kind == b"IEND":
            break
        stream.seek(at)
    return Frame(width, height, frames)


def _gif(stream: BinaryIO, size: int, limits: ProbeLimits) -> Frame:
    head = read(stream, 0, 13, size)
    width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    at = 13 + _color_table(head[10])
    frames = 0
    for _ in range(MAX_PARTS):
        kind = read(stream, at, 1, size)[0]
        at += 1
        if kind == 0x3B:
            break
        if kind == 0x2C:
            block = read(stream, at, 9, size)
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
        length = read(stream, at, 1, size)[0]
        at += 1 + length
        if length == 0:
            return at
    raise MediaProblem("bomb", f"has a block of more than {MAX_PARTS} parts")


def _webp(stream: BinaryIO, size: int, limits: ProbeLimits) -> Frame:
    stream.seek(4)
    declared = int.from_bytes(stream.read(4), "little")
    if declared + 8 > size:
        raise cut(size, f"and says that it has {declared + 8}")
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
    """From marker to marker up to the scan; behind it the end must be marked, for decoders make up what is missing."""
    at = 2
    frame = Frame()
    for _ in range(10_000):
        stream.seek(at)
        header = stream.read(9)
        if len(header) < 4:
            raise cut(size, "before the picture begins")
        marker = header[1]
        if header[0] != 0xFF or marker == 0xD9:
            break
        if marker == 0xFF or 0xD0 <= marker <= 0xD7:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xDA:
            _find_end(stream, at + 2, size)
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(header) == 9:
            height, width = int.from_bytes(header[5:7], "big"), int.from_bytes(header[7:9], "big")
            check_pixels(width, height, limits)
            frame = Frame(width, height)
        at += 2 + int.from_bytes(header[2:4], "big")
    return frame


def _find_end(stream: BinaryIO, at: int, size: int) -> None:
    """The marker EOI: the bytes FF D9, which coded pixels never hold. What cameras append may follow it."""
    stream.seek(at)
    before = b""
    while block := stream.read(1 << 20):
        if b"\xff\xd9" in before + block:
            return
        before = block[-1:]
    raise cut(size, "before the end of the picture is marked")


PICTURES = {"image/png": _png, "image/gif": _gif, "image/webp": _webp, "image/jpeg": _jpeg}
