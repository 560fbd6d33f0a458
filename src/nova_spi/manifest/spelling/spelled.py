"""Other spellings of single words: types, yes and no, enum values, colour spaces, media types, keys in camelCase."""

import re
from collections.abc import Callable, Mapping

from nova_spi_runtime.media_types import canonical as canonical_media_type

TYPES: Mapping[str, str] = {
    "int": "integer",
    "number": "float",
    "bool": "boolean",
    "str": "string",
    "list": "array",
    "dict": "map",
}
"""Other names of parameter types, in lower case."""

TRUTHS: Mapping[str, str] = {
    "yes": "true",
    "on": "true",
    "true": "true",
    "no": "false",
    "off": "false",
    "false": "false",
}
"""Words for true and false, in lower case."""

_COLOUR_SPACE = re.compile(r"(?:rec|bt)[. _-]*(709|2020)", re.IGNORECASE)
_COLOUR_NAMES = {"rgb": "RGB", "gray": "GRAY", "grey": "GRAY"}
_COLOUR_MODES = {
    mode.lower(): mode for mode in ("RGB", "RGBA", "L", "LA", "P", "CMYK", "YCbCr", "LAB", "HSV", "I", "F")
}

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=[0-9])")


def colour_space(text: str) -> str:
    """``Rec. 709`` as ``BT.709``; other texts as they are."""
    found = _COLOUR_SPACE.fullmatch(text.strip())
    return f"BT.{found.group(1)}" if found else _COLOUR_NAMES.get(text.strip().lower(), text)


def colour_mode(text: str) -> str:
    """``rgba`` as ``RGBA``; modes that are not known as they are."""
    return _COLOUR_MODES.get(text.lower(), text)


def media_type(text: str) -> str:
    """``image/jpg`` as ``image/jpeg``; types that are not known as they are."""
    return canonical_media_type(text) if "/" in text else text


def snake_case(key: str) -> str:
    """``targetLatencyMsP95`` as ``target_latency_ms_p95``."""
    return _HUMP.sub("_", key).lower()


def word(text: str, words: tuple[str, ...]) -> str | None:
    """The word of a fixed list that ``text`` means: case, spaces, hyphens and underscores make no difference."""
    by_shape = {_shape(known): known for known in words}
    return by_shape.get(_shape(text))


def _shape(text: str) -> str:
    return text.strip().lower().replace(" ", "-").replace("_", "-")


def relative_mount_path(text: str, base_work_dir: str) -> str:
    """A mount path relative to ``base_work_dir`` where it is absolute and below it; others as they are."""
    base = base_work_dir.rstrip("/")
    if not text.startswith(f"{base}/") or ".." in text.split("/"):
        return text
    return text[len(base) :].strip("/") or text


LEAVES: Mapping[str, tuple[str, str, Callable[[str], str]]] = {
    "color_space": ("SPI-M107", "colour space", colour_space),
    "color_modes": ("SPI-M102", "colour mode", colour_mode),
    "mime_types": ("SPI-M108", "media type", media_type),
}
"""Keys whose values have other names: code, what it is, and the canonical name."""
