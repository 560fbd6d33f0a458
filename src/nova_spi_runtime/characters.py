"""Sets of characters as sorted, disjoint ranges of code points, for patterns of strings and of file names."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Ranges = tuple[tuple[int, int], ...]

LAST = 0x10FFFF
"""The last code point of Unicode."""


def one(code: int) -> Ranges:
    """The set of one character."""
    return ((code, code),)


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Bring ranges into order and join those that touch."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def complement(ranges: Ranges) -> Ranges:
    """Every character that is not in the set."""
    found = []
    begin = 0
    for low, high in ranges:
        if begin < low:
            found.append((begin, low - 1))
        begin = high + 1
    return (*found, (begin, LAST)) if begin <= LAST else tuple(found)


def contains(ranges: Ranges, code: int) -> bool:
    """Whether the set has the character."""
    low, high = 0, len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle][1] < code:
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and ranges[low][0] <= code


def meet(first: Ranges, second: Ranges) -> bool:
    """Whether the two sets have a character in common."""
    return any(low <= end and begin <= high for low, high in first for begin, end in second)


ALL: Ranges = ((0, LAST),)
DIGITS: Ranges = ((48, 57),)
WORD: Ranges = merged([(48, 57), (65, 90), (95, 95), (97, 122)])
SPACES: Ranges = merged(
    (
        *((9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
        *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
    )
)
"""White space and line terminators of ECMA-262, section 12.2 and 12.3."""
DOT: Ranges = complement(merged([(10, 10), (13, 13), (0x2028, 0x2029)]))
