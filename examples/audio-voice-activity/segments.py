"""From the probability of speech in each window to spans of speech."""

from collections.abc import Sequence

HYSTERESIS = 0.15  # speech goes on until the probability falls this far below the threshold


def spans(
    probabilities: Sequence[float], threshold: float, min_speech: int, min_silence: int, padding: int
) -> list[tuple[int, int]]:
    """Spans of windows with speech, as (first, one past the last).

    Silence shorter than `min_silence` windows does not end a span; spans shorter than `min_speech` are dropped; the
    others get `padding` windows on both sides, and those that then touch become one.
    """
    raw: list[tuple[int, int]] = []
    start: int | None = None
    quiet = 0
    for index, probability in enumerate(probabilities):
        if probability >= threshold:
            start, quiet = (index if start is None else start), 0
        elif start is not None and (quiet or probability < threshold - HYSTERESIS):
            quiet += 1
            if quiet >= min_silence:
                raw.append((start, index + 1 - quiet))
                start, quiet = None, 0
    if start is not None:
        raw.append((start, len(probabilities) - quiet))
    return joined([span for span in raw if span[1] - span[0] >= min_speech], padding, len(probabilities))


def joined(raw: list[tuple[int, int]], padding: int, length: int) -> list[tuple[int, int]]:
    """The spans, padded within the recording; overlapping ones become one."""
    result: list[tuple[int, int]] = []
    for first, last in raw:
        first, last = max(0, first - padding), min(length, last + padding)
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], last)
        else:
            result.append((first, last))
    return result
