"""Exact signatures of the types that models take: the first bytes, and where those are shared, what follows them.

puremagic knows many more types, and is asked for them by `nova_spi.interface.sniffing`. For the types here it is too
generous: two bytes make an MP3 for it, any RIFF is a WAV, any ISO base media file is whatever brand comes first.

Sources: the formats' own specifications (PNG 3, RFC 7946 to RFC 9649 and others for their magic, RFC 3745 for
JPEG 2000, ISO/IEC 14496-12, RFC 8794 for EBML, RFC 3533 for Ogg, RFC 9639 for FLAC, ISO/IEC 11172-3 for MPEG audio).
"""

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

HEAD = 64 * 1024
"""Bytes of the head that signatures look at."""

MAX_MOVIE_HEADER = 4 * 1024 * 1024
"""Bytes of an ISO file's ``moov`` box that are searched for its tracks."""

_PREFIXES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/j2c"),
    (b"fLaC", "audio/flac"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"\x7fELF", "application/x-elf"),
    (b"glTF\x02\x00\x00\x00", "model/gltf-binary"),
    (b"\x93NUMPY", "application/x-npy"),
    (b"FLV\x01", "video/x-flv"),
    (b"#!AMR\n", "audio/amr"),
    (b"#!AMR-WB\n", "audio/amr"),
    (b"MThd\x00\x00\x00\x06", "audio/midi"),
    (b"caff\x00\x01", "audio/x-caf"),
)

_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_AIFF = {b"AIFF": "audio/aiff", b"AIFC": "audio/aiff"}
_STILL_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic"}
_STILL_BRANDS |= {b"mif1": "image/heif", b"msf1": "image/heif"}
_SOUND_BRANDS = {b"M4A ", b"M4B ", b"F4A "}


def match(head: bytes, stream: BinaryIO) -> str | None:
    """The media type of a file by its exact signature.

    Args:
        head: The first `HEAD` bytes.
        stream: The file, for what stands further in; its position is moved.

    Returns:
        The type, or None where no signature here fits.
    """
    for prefix, mime in _PREFIXES:
        if head.startswith(prefix):
            return mime
    for check in _CHECKS:
        if found := check(head, stream):
            return found
    return None


def _riff(head: bytes, _stream: BinaryIO) -> str | None:
    if head[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(head[8:12])
    return _AIFF.get(head[8:12]) if head[:4] == b"FORM" else None


def _jpeg(head: bytes, _stream: BinaryIO) -> str | None:
    # FF D8 and a marker: not fill bytes and not a stand-alone restart marker.
    return "image/jpeg" if head[:3] == b"\xff\xd8\xff" and len(head) > 3 and head[3] >= 0xC0 else None


def _bmp(head: bytes, _stream: BinaryIO) -> str | None:
    if head[:2] != b"BM" or len(head) < 18:
        return None
    return "image/bmp" if int.from_bytes(head[14:18], "little") in (12, 40, 52, 56, 64, 108, 124) else None


def _executable(head: bytes, _stream: BinaryIO) -> str | None:
    if head[:2] != b"MZ" or len(head) < 64:
        return None
    at = int.from_bytes(head[60:64], "little")
    return "application/vnd.microsoft.portable-executable" if head[at : at + 4] == b"PE\0\0" else None


def _iso(head: bytes, stream: BinaryIO) -> str | None:
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in _STILL_BRANDS:
            return _still(head)
        if brand == b"qt  ":
            return "video/quicktime"
        if brand in _SOUND_BRANDS or _tracks(stream) == {b"soun"}:
            return "audio/mp4"
        return "video/3gpp" if brand[:3] in (b"3gp", b"3g2") else "video/mp4"
    if head[4:8] in (b"moov", b"mdat", b"wide") and _tracks(stream):
        return "video/quicktime"
    return None


def _still(head: bytes) -> str:
    """A picture's type: its major brand, or the first compatible one that says more than ``mif1``."""
    end = min(int.from_bytes(head[:4], "big"), 256)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end, 4))]
    kinds = [_STILL_BRANDS[brand] for brand in brands if brand in _STILL_BRANDS]
    return next((kind for kind in kinds if kind != "image/heif"), "image/heif")


def _tracks(stream: BinaryIO) -> set[bytes]:
    """The kinds of the tracks of an ISO base media file: ``vide``, ``soun`` and others."""
    for kind, start, size in boxes(stream):
        if kind == b"moov":
            stream.seek(start)
            header = stream.read(min(size, MAX_MOVIE_HEADER))
            return {header[at + 12 : at + 16] for at in _each(header, b"hdlr")} & {b"vide", b"soun"}
    return set()


def _each(data: bytes, word: bytes) -> Iterator[int]:
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 4)


def boxes(stream: BinaryIO, limit: int = 10_000) -> Iterator[tuple[bytes, int, int]]:
    """The top-level boxes of an ISO base media file: kind, start of the content, size of the content.

    A box that reaches to the end of the file by definition (size 0) ends the walk; at most ``limit`` boxes are walked.
    """
    at = 0
    for _ in range(limit):
        stream.seek(at)
        header = stream.read(16)
        if len(header) < 8:
            return
        size, kind, skip = int.from_bytes(header[:4], "big"), header[4:8], 8
        if size == 1 and len(header) == 16:
            size, skip = struct.unpack(">Q", header[8:])[0], 16
        if size == 0:
            yield kind, at + skip, stream.seek(0, 2) - at - skip
            return
        if size < skip or at + size > 1 << 62:
            return
        yield kind, at + skip, size - skip
        at += size


def _matroska(head: bytes, _stream: BinaryIO) -> str | None:
    if head[:4] != b"\x1aE\xdf\xa3":
        return None
    sound = b"A_" in head and b"\x86\x85V_" not in head and b"V_" not in head
    if b"webm" in head[:64]:
        return "audio/webm" if sound else "video/webm"
    if b"matroska" in head[:64]:
        return "audio/x-matroska" if sound else "video/x-matroska"
    return None


def _ogg(head: bytes, _stream: BinaryIO) -> str | None:
    if head[:5] != b"OggS\x00":
        return None
    return "video/ogg" if b"\x80theora" in head[:1024] else "audio/ogg"


def _mpeg_audio(head: bytes, _stream: BinaryIO) -> str | None:
    """MP3 and ADTS AAC have no magic: two frames in a row must fit, after the ID3 tag where there is one."""
    at = after_tag(head)
    if at and at + 4 > len(head):
        return "audio/mpeg"
    first = frame_length(head[at : at + 8])
    if not first:
        return None
    following = head[at + first[1] : at + first[1] + 8]
    if len(following) == 8 and (frame_length(following) or ("", 0))[0] != first[0]:
        return None
    return first[0] if len(head) >= at + first[1] or at else None


def after_tag(head: bytes) -> int:
    """Where the sound begins: after an ID3v2 tag, or at 0."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    return 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])


_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KBITS_1 = {
    3: (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_KBITS_2 = {
    3: (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    1: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def frame_length(header: bytes) -> tuple[str, int] | None:
    """The type and length in bytes of the MPEG audio (ISO/IEC 11172-3) or ADTS (13818-7) frame that begins here."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    if layer == 0:
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        known = header[1] & 0xF6 == 0xF0 and header[2] >> 2 & 15 < 13 and length > 7
        return ("audio/aac", length) if known else None
    kbits_at, rate_at, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or kbits_at in (0, 15) or rate_at == 3:
        return None
    kbits = (_KBITS_1 if version == 3 else _KBITS_2)[layer][kbits_at]
    rate = _RATES[version][rate_at]
    if layer == 3:
        return "audio/mpeg", (12_000 * kbits // rate + padding) * 4
    samples = 72_000 if layer == 1 and version != 3 else 144_000
    return "audio/mpeg", samples * kbits // rate + padding


def _mpeg_ts(head: bytes, _stream: BinaryIO) -> str | None:
    # 188-byte packets, each with the sync byte; ITU-T H.222.0.
    marks = head[: 188 * 5 : 188]
    return "video/mp2t" if len(marks) == 5 and set(marks) == {0x47} else None


def _mpeg_ps(head: bytes, _stream: BinaryIO) -> str | None:
    return "video/mpeg" if head[:4] in (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3") else None


_CHECKS: tuple[Callable[[bytes, BinaryIO], str | None], ...] = (
    _riff,
    _jpeg,
    _bmp,
    _executable,
    _iso,
    _matroska,
    _ogg,
    _mpeg_audio,
    _mpeg_ts,
    _mpeg_ps,
)
