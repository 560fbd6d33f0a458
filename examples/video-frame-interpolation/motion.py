"""Motion between two frames, and the frame half-way between them.

Bilateral block matching: for each block of the *new* frame the vector v is sought for which the first frame at p - v
and the second one at p + v agree best (mean absolute difference of the luma). So every pixel of the new frame has
exactly one pair of sources: no holes, no collisions. The search runs from a quarter of the resolution to the full one
and ends on half pixels; a small price on vectors that differ from their surroundings keeps flat areas calm. The new
frame is the mean of both sources, joined over overlapping blocks (OBMC) so that no block edges show.

See Choi, Han and Ko, "Motion-compensated frame interpolation using bilateral motion estimation and adaptive
overlapped block motion compensation", IEEE TCSVT 17(4), 2007; this is a plain version of its idea.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Plane = NDArray[np.float32]  # height x width, 0 to 255
Picture = NDArray[np.uint8]  # height x width x 3, RGB
Field = NDArray[np.int64]  # rows x columns x 2 (down, right): a vector for each block

STEP = 8  # pixels from one block to the next
BLOCK = 2 * STEP  # blocks overlap by half in both directions
SMOOTHNESS = 0.2  # price of a vector that is one pixel off its surroundings, in grey levels
CUT = 20.0  # mean difference after compensation, in grey levels, from which on two frames are two scenes


def between(first: Picture, second: Picture, search: int = 32) -> tuple[Picture, bool]:
    """The frame half-way between two frames.

    Args:
        first: the frame before.
        second: the frame after, of the same size.
        search: the farthest motion that is looked for, in pixels from frame to frame.

    Returns:
        The new frame, and whether there is a cut between the two: then it is a copy of the first.
    """
    field, difference = estimate(luma(first), luma(second), search)
    if difference > CUT:
        return first.copy(), True
    return compensate(first, second, field), False


def luma(picture: Picture) -> Plane:
    """Brightness by BT.601, as most small videos have it; motion needs no more exactness."""
    return picture.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def estimate(first: Plane, second: Plane, search: int) -> tuple[Field, float]:
    """Motion from coarse to fine.

    Returns:
        The field in half pixels of half the motion (the motion from frame to frame is 1 pixel for each unit), and the
        mean difference that is left, in grey levels.
    """
    pairs = [(first, second)]
    while len(pairs) < 3 and min(pairs[-1][0].shape) >= 2 * BLOCK:
        pairs.append((halve(pairs[-1][0]), halve(pairs[-1][1])))
    reach = max(1, -(-search // 2 ** len(pairs)))
    field = full_search(Matcher(*pairs.pop()), reach)
    while pairs:
        matcher = Matcher(*pairs.pop())
        field = refine(matcher, 2 * enlarge(field, matcher.shape))
    matcher = Matcher(double(first), double(second), scale=2)
    field = refine(matcher, 2 * field)
    return field, float(matcher.cost(field).mean())


class Matcher:
    """Compares blocks of two planes, displaced against each other; `scale` 2 means planes of double resolution."""

    def __init__(self, first: Plane, second: Plane, scale: int = 1) -> None:
        height, width = (-(-length // (STEP * scale)) + 1 for length in first.shape)
        self.shape = (height, width)
        self.windows = tuple(windows(plane, scale) for plane in (first, second))
        self.rows = (np.arange(height) * STEP * scale)[:, None]
        self.columns = (np.arange(width) * STEP * scale)[None, :]

    def cost(self, field: Field) -> Plane:
        """Mean absolute difference of each block under its vector."""
        before, after = (self.blocks(side, field * sign) for side, sign in ((0, -1), (1, 1)))
        return np.abs(before - after).mean(axis=(2, 3))

    def blocks(self, side: int, field: Field) -> Plane:
        """Blocks of one plane, displaced by the field; what lies too far outside is taken from the border."""
        view = self.windows[side]
        rows = np.clip(self.rows + field[..., 0] + MARGIN, 0, view.shape[0] - 1)
        columns = np.clip(self.columns + field[..., 1] + MARGIN, 0, view.shape[1] - 1)
        return view[rows, columns]


MARGIN = 2 * BLOCK  # how far outside of the picture a block may lie


def windows(plane: NDArray, scale: int) -> NDArray:
    """All blocks of a plane (or of a picture), as a view; index (MARGIN, MARGIN) is centred on the first pixel."""
    before = MARGIN + STEP * scale
    after = before + STEP * scale
    padded = np.pad(plane, [(before, after)] * 2 + [(0, 0)] * (plane.ndim - 2), mode="edge")
    return sliding_window_view(padded, (BLOCK * scale, BLOCK * scale), axis=(0, 1))[..., ::scale, ::scale]


def full_search(matcher: Matcher, reach: int) -> Field:
    """The best vector of every block among all up to `reach`."""
    best = np.zeros((*matcher.shape, 2), np.int64)
    lowest = matcher.cost(best)
    for vector in np.ndindex(2 * reach + 1, 2 * reach + 1):
        candidate = np.broadcast_to(np.array(vector) - reach, best.shape)
        best, lowest = better(best, lowest, candidate, matcher.cost(candidate) + price(candidate))
    return best


def refine(matcher: Matcher, field: Field) -> Field:
    """Tries the neighbours' vectors, then those one step around the best."""
    smooth = median(field)
    best = smooth
    lowest = matcher.cost(best)
    for candidate in (field, *neighbours(field)):
        best, lowest = better(best, lowest, candidate, matcher.cost(candidate) + price(candidate - smooth))
    centre = best
    for vector in np.ndindex(3, 3):
        candidate = centre + np.array(vector) - 1
        best, lowest = better(best, lowest, candidate, matcher.cost(candidate) + price(candidate - smooth))
    return best


def better(best: Field, lowest: Plane, candidate: Field, cost: Plane) -> tuple[Field, Plane]:
    """For each block the cheaper one of two vectors, and its cost."""
    wins = cost < lowest
    return np.where(wins[..., None], candidate, best), np.minimum(cost, lowest)


def price(deviation: Field) -> Plane:
    """What a vector costs for being unlike its surroundings."""
    return (SMOOTHNESS * np.abs(deviation).sum(axis=2)).astype(np.float32)


def neighbours(field: Field) -> list[Field]:
    """The field moved by one block to each of the four sides, and one with the vector that most blocks share."""
    padded = np.pad(field, ((1, 1), (1, 1), (0, 0)), mode="edge")
    height, width = field.shape[:2]
    moved = [padded[row : row + height, column : column + width] for row, column in ((0, 1), (2, 1), (1, 0), (1, 2))]
    shared = np.median(field.reshape(-1, 2), axis=0).astype(np.int64)
    return [*moved, np.broadcast_to(shared, field.shape)]


def median(field: Field) -> Field:
    """Each vector replaced by the median of its 3 x 3 neighbourhood, which removes outliers and keeps edges."""
    padded = np.pad(field, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return np.median(sliding_window_view(padded, (3, 3), axis=(0, 1)), axis=(3, 4)).astype(np.int64)


def enlarge(field: Field, shape: tuple[int, int]) -> Field:
    """The field on a grid of twice as many blocks."""
    rows, columns = (np.minimum((np.arange(n) + 1) // 2, old - 1) for n, old in zip(shape, field.shape, strict=False))
    return field[rows[:, None], columns[None, :]]


def halve(plane: Plane) -> Plane:
    """Half the resolution, by the mean of 2 x 2 pixels."""
    height, width = (length - length % 2 for length in plane.shape)
    return plane[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


def double(plane: NDArray) -> NDArray[np.float32]:
    """Double the resolution, linearly, with the old pixels at the even places."""
    plane = plane.astype(np.float32)
    for axis in (0, 1):
        following = np.concatenate([plane, plane.take([-1], axis)], axis).take(range(1, plane.shape[axis] + 1), axis)
        pairs = np.stack([plane, (plane + following) / 2], axis + 1)
        plane = pairs.reshape([2 * n if a == axis else n for a, n in enumerate(plane.shape)])
    return plane


def compensate(first: Picture, second: Picture, field: Field) -> Picture:
    """The new frame: each block from both frames along its vector, overlapping blocks joined with a soft window."""
    height, width = first.shape[:2]
    rows = np.arange(field.shape[0])[:, None] * BLOCK + MARGIN
    columns = np.arange(field.shape[1])[None, :] * BLOCK + MARGIN
    total = np.zeros(((field.shape[0] + 1) * STEP, (field.shape[1] + 1) * STEP, 3), np.float32)
    for picture, sign in ((first, -1), (second, 1)):
        view = windows(double(picture), 2)
        down = np.clip(rows + sign * field[..., 0], 0, view.shape[0] - 1)
        right = np.clip(columns + sign * field[..., 1], 0, view.shape[1] - 1)
        total += join(np.moveaxis(view[down, right], 2, 4))
    frame = total[STEP : STEP + height, STEP : STEP + width] / 2
    return np.clip(np.rint(frame), 0, 255).astype(np.uint8)


def join(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Overlapping blocks (rows x columns x BLOCK x BLOCK x 3) added up under windows that add up to 1."""
    ramp = (np.arange(STEP, dtype=np.float32) + 0.5) / STEP
    edge = np.concatenate([ramp, ramp[::-1]])
    blocks = blocks * (edge[:, None] * edge[None, :])[..., None]
    height, width = blocks.shape[:2]
    total = np.zeros((height + 1, STEP, width + 1, STEP, 3), np.float32)
    for row in (0, 1):
        for column in (0, 1):
            part = blocks[:, :, row * STEP : (row + 1) * STEP, column * STEP : (column + 1) * STEP]
            total[row : row + height, :, column : column + width] += part.transpose(0, 2, 1, 3, 4)
    return total.reshape((height + 1) * STEP, (width + 1) * STEP, 3)
