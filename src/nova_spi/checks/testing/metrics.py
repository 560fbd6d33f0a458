"""Measurements of an output against a reference: pure functions by name.

==========================  =========================================================================================
``exact``                   1.0 where both are the same, else 0.0; files byte by byte
``mae``                     mean absolute error: of numbers, of arrays of numbers of the same shape, of pictures of
                            the same size (over all channels, in units of 0 to 255)
``psnr``                    peak signal-to-noise ratio of two pictures of the same size in dB, 20 log10(255 / rms of
                            the difference); infinite where they are the same
``character_error_rate``    edit distance (insertions, deletions, substitutions) over characters, divided by the
                            reference's length
``word_error_rate``         the same over words separated by white space; case and punctuation count
==========================  =========================================================================================
"""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nova_spi.errors import ExtraMissing

MAX_LENGTH = 200_000
"""Characters or words that are compared; the time grows with the product of both."""


class NotMeasured(Exception):
    """The two cannot be compared by this metric."""


def measure(name: str, value: Any, reference: Any) -> float:
    """One figure.

    Args:
        name: One of `METRICS`.
        value: A JSON value, or the path of a file.
        reference: The same kind.

    Raises:
        NotMeasured: The metric is unknown, or cannot compare these two.
    """
    metric = METRICS.get(name)
    if metric is None:
        raise NotMeasured(f"there is no metric {name!r} here; there are {', '.join(METRICS)}")
    return metric(value, reference)


def exact(value: Any, reference: Any) -> float:
    """See the table of the module."""
    if isinstance(value, Path) and isinstance(reference, Path):
        return float(_same_bytes(value, reference))
    return float(type(value) is type(reference) and value == reference)


def mean_absolute_error(value: Any, reference: Any) -> float:
    """See the table of the module."""
    if isinstance(value, Path) and isinstance(reference, Path):
        from PIL import ImageStat

        return float(sum(means := ImageStat.Stat(_difference(value, reference)).mean) / len(means))
    pairs = list(_pairs(value, reference))
    if not pairs:
        raise NotMeasured("there are no numbers to compare")
    return math.fsum(abs(one - other) for one, other in pairs) / len(pairs)


def peak_signal_to_noise_ratio(value: Any, reference: Any) -> float:
    """See the table of the module."""
    if not (isinstance(value, Path) and isinstance(reference, Path)):
        raise NotMeasured("psnr compares pictures")
    from PIL import ImageStat

    squares = [rms**2 for rms in ImageStat.Stat(_difference(value, reference)).rms]
    error = math.sqrt(sum(squares) / len(squares))
    return math.inf if error == 0 else 20 * math.log10(255 / error)


def character_error_rate(value: Any, reference: Any) -> float:
    """See the table of the module."""
    return _error_rate(_text(value), _text(reference))


def word_error_rate(value: Any, reference: Any) -> float:
    """See the table of the module."""
    return _error_rate(_text(value).split(), _text(reference).split())


METRICS: dict[str, Callable[[Any, Any], float]] = {
    "exact": exact,
    "mae": mean_absolute_error,
    "psnr": peak_signal_to_noise_ratio,
    "character_error_rate": character_error_rate,
    "word_error_rate": word_error_rate,
}


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Levenshtein's distance, a whole column of the table at a time in the bits of one number.

    Source: H. Hyyro, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances" (2003), after
    G. Myers, "A fast bit-vector algorithm for approximate string matching" (1999).
    """
    if not first:
        return len(second)
    where: dict[Hashable, int] = {}
    for place, symbol in enumerate(first):
        where[symbol] = where.get(symbol, 0) | 1 << place
    every, last = (1 << len(first)) - 1, 1 << (len(first) - 1)
    up, down, distance = every, 0, len(first)
    for symbol in second:
        equal = where.get(symbol, 0)
        vertical = equal | down
        horizontal = (((equal & up) + up) ^ up) | equal
        more, less = down | ~(horizontal | up), up & horizontal
        distance += bool(more & last) - bool(less & last)
        more, less = more << 1 | 1, less << 1
        up, down = (less | ~(vertical | more)) & every, more & vertical & every
    return distance


def _error_rate(value: Sequence[Hashable], reference: Sequence[Hashable]) -> float:
    if max(len(value), len(reference)) > MAX_LENGTH:
        raise NotMeasured(f"the text is longer than {MAX_LENGTH}")
    return edit_distance(value, reference) / max(1, len(reference))


def _text(value: Any) -> str:
    if isinstance(value, Path):
        try:
            return value.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError) as error:
            raise NotMeasured(f"{value.name} is no text") from error
    if not isinstance(value, str):
        raise NotMeasured("an error rate compares texts")
    return value


def _same_bytes(first: Path, second: Path) -> bool:
    with first.open("rb") as one, second.open("rb") as other:
        while chunk := one.read(1 << 20):
            if chunk != other.read(len(chunk)):
                return False
        return not other.read(1)


def _pairs(value: Any, reference: Any) -> Iterator[tuple[float, float]]:
    if isinstance(value, list) and isinstance(reference, list):
        if len(value) != len(reference):
            raise NotMeasured(f"the shapes differ: {len(value)} and {len(reference)} elements")
        for one, other in zip(value, reference, strict=True):
            yield from _pairs(one, other)
        return
    for one in (value, reference):
        if isinstance(one, bool) or not isinstance(one, int | float):
            raise NotMeasured("mae compares numbers and arrays of them")
    yield float(value), float(reference)


def _difference(first: Path, second: Path) -> Any:
    """The absolute difference of two pictures, in their common mode."""
    try:
        from PIL import Image, ImageChops
    except ImportError as error:
        raise NotMeasured(ExtraMissing.named("media", "Pillow", "Comparing pictures").message) from error
    try:
        with Image.open(first) as one, Image.open(second) as other:
            if one.size != other.size:
                raise NotMeasured(f"the sizes differ: {one.size[0]}x{one.size[1]} and {other.size[0]}x{other.size[1]}")
            mode = one.mode if one.mode == other.mode and one.mode in ("L", "RGB", "RGBA") else "RGB"
            return ImageChops.difference(one.convert(mode), other.convert(mode))
    except (OSError, Image.DecompressionBombError, SyntaxError) as error:
        raise NotMeasured(f"a picture cannot be read: {error}") from error
