"""What a file's extension claims about its content, for the types whose content we recognise exactly."""

from nova_spi_runtime.media_types import canonical

_ISO = ("video/mp4", "audio/mp4", "video/quicktime", "video/3gpp")
_MATROSKA = ("video/x-matroska", "audio/x-matroska", "video/webm", "audio/webm")
_OGG = ("audio/ogg", "video/ogg")
_CLAIMS: dict[str, tuple[str, ...]] = {
    "png": ("image/png",),
    "apng": ("image/png",),
    "jpg": ("image/jpeg",),
    "jpeg": ("image/jpeg",),
    "jfif": ("image/jpeg",),
    "gif": ("image/gif",),
    "webp": ("image/webp",),
    "bmp": ("image/bmp",),
    "tif": ("image/tiff",),
    "tiff": ("image/tiff",),
    "jp2": ("image/jp2", "image/j2c"),
    "j2k": ("image/j2c", "image/jp2"),
    "avif": ("image/avif", "image/heif"),
    "heic": ("image/heic", "image/heif"),
    "wav": ("audio/wav",),
    "flac": ("audio/flac",),
    "mp3": ("audio/mpeg",),
    "aac": ("audio/aac",),
    "aif": ("audio/aiff",),
    "aiff": ("audio/aiff",),
    "m4a": _ISO,
    "mp4": _ISO,
    "m4v": _ISO,
    "mov": _ISO,
    "mkv": _MATROSKA,
    "mka": _MATROSKA,
    "webm": _MATROSKA,
    "ogg": (*_OGG, "audio/flac"),
    "oga": (*_OGG, "audio/flac"),
    "ogv": _OGG,
    "opus": _OGG,
    "avi": ("video/x-msvideo",),
    "flv": ("video/x-flv",),
    "pdf": ("application/pdf",),
    "zip": ("application/zip",),
    "gz": ("application/gzip",),
    "glb": ("model/gltf-binary",),
    "npy": ("application/x-npy",),
}
_EXACT = frozenset(canonical(mime) for family in _CLAIMS.values() for mime in family)
_TEXT = frozenset({"txt", "csv", "tsv", "json", "jsonl", "md", "yaml", "yml", "xml", "html", "srt", "vtt"})
_PROGRAMS = frozenset({"application/x-elf", "application/vnd.microsoft.portable-executable"})


def lies(name: str, mime: str) -> str | None:
    """Says how the extension of ``name`` contradicts content of the type ``mime``.

    Containers of one family (MP4 and MOV, Matroska and WebM) are told apart by their content and not by their names,
    so `clip.mp4` may hold QuickTime. An extension that is not known claims nothing.

    Returns:
        Words that can follow the file's name, or None where name and content agree.
    """
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    found = canonical(mime)
    claimed = {canonical(item) for item in _CLAIMS.get(extension, ())}
    if claimed and found not in claimed:
        return f"is named .{extension}, but its content is {found}"
    if extension in _TEXT and (found in _EXACT or found in _PROGRAMS):
        return f"is named .{extension}, but its content is {found}"
    return None


def same_family(one: str, other: str) -> bool:
    """Whether two types are one, or are told apart by no more than their tracks (MP4 with sound alone)."""
    families = ({canonical(item) for item in family} for family in (_ISO, _MATROSKA, _OGG))
    return one == other or any(one in family and other in family for family in families)
