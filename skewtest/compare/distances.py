"""How far apart the numbers of two sides are: gathered pack by pack, summed up once."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from skewtest.sides.columns import OBJECT, Column, FloatArray, is_countable

POINTS = 48
"""How many pairs are kept to be drawn, of those that differ and of those that do not."""
QUANTILES = (0.5, 0.9, 0.99, 1.0)
LARGEST = float(np.finfo(np.float64).max)


def _make_empty() -> FloatArray:
    return np.empty(0, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """The pairs of finite numbers that two sides answered for one feature.

    Attributes:
        equal: how many pairs are equal.
        left: what left answered where they are not, float64.
        right: what right answered there.
        agreed: some of the values on which they are equal.
    """

    equal: int = 0
    left: FloatArray = field(default_factory=_make_empty)
    right: FloatArray = field(default_factory=_make_empty)
    agreed: tuple[float, ...] = ()

    def __add__(self, other: "Distances") -> "Distances":
        return Distances(
            self.equal + other.equal,
            np.concatenate([self.left, other.left]),
            np.concatenate([self.right, other.right]),
            (*self.agreed, *other.agreed)[:POINTS],
        )

    @property
    def compared(self) -> int:
        """How many pairs there are."""
        return self.equal + len(self.left)


@dataclass(frozen=True, slots=True)
class Summary:
    """A distribution of errors; quantiles are at 0.5, 0.9, 0.99 and 1.

    A quantile is the smallest error that so large a share of the pairs does not exceed (the
    inverted distribution function; Hyndman and Fan 1996, type 1).

    Attributes:
        abs: quantiles of `|l - r|`.
        rel: of `|l - r| / max(|l|, |r|)`.
        ulps: of the number of float64 steps between the two.
        smape: the mean of `2 |l - r| / (|l| + |r|)`, in 0..2 (Makridakis 1993, not in percent).
        histogram: pairs 0 ulps apart, then `2**(k-1)` up to `2**k - 1` ulps for k = 1, 2, ...
        points: some pairs (left, right), those that differ first.
    """

    abs: tuple[float, ...]
    rel: tuple[float, ...]
    ulps: tuple[float, ...]
    smape: float
    histogram: tuple[int, ...]
    points: tuple[tuple[float, float], ...]


def measure_distances(left: Column, right: Column) -> Distances:
    """Return how far apart two columns are, where both hold finite numbers.

    Numbers that differ by less than a float64 can tell (big ints, decimals) are one float apart.
    """
    are_finite = np.isfinite(left.numbers) & np.isfinite(right.numbers)
    rows = np.flatnonzero(left.are_numbers & right.are_numbers & are_finite)
    pairs = left.numbers[rows], right.numbers[rows]
    if left.objects is not None or right.objects is not None:
        pairs = _with_objects(left, right, pairs)
    # Equal pairs are most, and their errors are all zero: a count of them is enough.
    differ = pairs[0] != pairs[1]
    agreed = tuple(pairs[0][~differ][:POINTS].tolist())
    equal = len(differ) - int(np.count_nonzero(differ))
    return Distances(equal, pairs[0][differ], pairs[1][differ], agreed)


def _with_objects(
    left: Column, right: Column, pairs: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return pairs with those that hold a number too large or too exact for the arrays."""
    are_objects = (left.states == OBJECT) | (right.states == OBJECT)
    rounded = []
    for row in np.flatnonzero(are_objects).tolist():
        values = left[row], right[row]
        if is_countable(values[0]) and is_countable(values[1]):
            rounded.append(_round_to_floats(*values))
    if not rounded:
        return pairs
    table = np.array(rounded, dtype=np.float64)
    # A Decimal may be beyond the floats: it has no distance that a float could tell.
    table = table[np.isfinite(table).all(axis=1)]
    return np.concatenate([pairs[0], table[:, 0]]), np.concatenate([pairs[1], table[:, 1]])


def summarise(distances: Distances) -> Summary | None:
    """Return the distribution of errors, None where no pair was compared."""
    if not distances.compared:
        return None
    left, right, equal = distances.left, distances.right, distances.equal
    with np.errstate(over="ignore"):
        gap = np.minimum(np.abs(left - right), LARGEST)
    # Ratios of numbers that were brought near 1 by a power of two neither overflow nor vanish.
    scale = np.ldexp(1.0, -np.frexp(np.maximum(np.abs(left), np.abs(right)))[1].clip(-1000, 1000))
    near = left * scale, right * scale
    near_gap, sizes = np.abs(near[0] - near[1]), (np.abs(near[0]), np.abs(near[1]))
    steps = _ulps(left, right)
    return Summary(
        abs=_quantiles(gap, equal),
        rel=_quantiles(near_gap / np.maximum(*sizes), equal),
        ulps=_quantiles(steps, equal),
        smape=float((2 * near_gap / np.add(*sizes)).sum() / distances.compared),
        histogram=_histogram(steps, equal),
        points=_points(distances),
    )


def _round_to_floats(left: Any, right: Any) -> tuple[float, float]:
    """Return two numbers as floats, which differ wherever the numbers do."""
    left_float, right_float = float(left), float(right)
    if left_float == right_float and left != right:
        direction = math.inf if right > left else -math.inf
        right_float = math.nextafter(right_float, direction)
    return left_float, right_float


def _ulps(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return how many float64 steps lie between pairs; above 2**53 to the nearest float."""
    ordinals = _ordinals(left), _ordinals(right)
    # Signs apart, the distance may not fit an int64: as unsigned ints it always does.
    larger, smaller = np.maximum(*ordinals), np.minimum(*ordinals)
    return (larger.view(np.uint64) - smaller.view(np.uint64)).astype(np.float64)


def _ordinals(values: FloatArray) -> npt.NDArray[np.int64]:
    # As in `skewtest.compare.floats`: the patterns of negative numbers grow away from zero.
    patterns = values.view(np.int64)
    return np.where(patterns >= 0, patterns, np.int64(-(2**63)) - patterns)


def _quantiles(errors: FloatArray, zeros: int) -> tuple[float, ...]:
    """Return quantiles of errors and so many zeros."""
    ascending = np.sort(errors)
    total = len(ascending) + zeros
    quantiles = []
    for share in QUANTILES:
        # The zeros stand before all errors, and need not be there to be counted.
        index = int(np.ceil(share * total)) - 1 - zeros
        if index < 0:
            quantiles.append(0.0)
        else:
            quantiles.append(float(ascending[index]))
    return tuple(quantiles)


def _histogram(steps: FloatArray, zeros: int) -> tuple[int, ...]:
    if not len(steps):
        return (zeros,)
    buckets = np.frexp(steps)[1]  # 1 -> 1, 2 and 3 -> 2, 4 to 7 -> 3
    counts = np.bincount(buckets)
    counts[0] += zeros
    return tuple(counts.tolist())


def _points(distances: Distances) -> tuple[tuple[float, float], ...]:
    """Return pairs to draw: some that differ, evenly taken, and some that do not."""
    count = len(distances.left)
    rows = np.linspace(0, max(0, count - 1), min(POINTS, count)).round().astype(int)
    left, right = distances.left[rows].tolist(), distances.right[rows].tolist()
    equal = distances.agreed
    return (*zip(left, right, strict=True), *zip(equal, equal, strict=True))
