"""How far apart the numbers of two sides are: gathered pack by pack, summed up once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

POINTS = 48
"""How many pairs are kept to be drawn, of those that differ and of those that do not."""
QUANTILES = (0.5, 0.9, 0.99, 1.0)
LARGEST = float(np.finfo(np.float64).max)


def _none() -> FloatArray:
    return np.empty(0, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """The pairs of finite numbers that two sides answered for one feature.

    Attributes:
        equal: how many pairs are equal.
        batch: what batch answered where they are not, float64.
        online: what online answered there.
        agreed: some of the values on which they are equal.
    """

    equal: int = 0
    batch: FloatArray = field(default_factory=_none)
    online: FloatArray = field(default_factory=_none)
    agreed: tuple[float, ...] = ()

    def __add__(self, other: "Distances") -> "Distances":
        return Distances(
            self.equal + other.equal,
            np.concatenate([self.batch, other.batch]),
            np.concatenate([self.online, other.online]),
            (*self.agreed, *other.agreed)[:POINTS],
        )

    @property
    def compared(self) -> int:
        """How many pairs there are."""
        return self.equal + len(self.batch)


@dataclass(frozen=True, slots=True)
class Summary:
    """A distribution of errors; quantiles are at 0.5, 0.9, 0.99 and 1.

    A quantile is the smallest error that so large a share of the pairs does not exceed (the
    inverted distribution function; Hyndman and Fan 1996, type 1).

    Attributes:
        abs: quantiles of `|b - o|`.
        rel: of `|b - o| / max(|b|, |o|)`.
        ulps: of the number of float64 steps between the two.
        smape: the mean of `2 |b - o| / (|b| + |o|)`, in 0..2 (Makridakis 1993, not in percent).
        histogram: pairs 0 ulps apart, then `2**(k-1)` up to `2**k - 1` ulps for k = 1, 2, ...
        points: some pairs (batch, online), those that differ first.
    """

    abs: tuple[float, ...]
    rel: tuple[float, ...]
    ulps: tuple[float, ...]
    smape: float
    histogram: tuple[int, ...]
    points: tuple[tuple[float, float], ...]


def distances(batch: Sequence[Any], online: Sequence[Any]) -> Distances:
    """Return how far apart two columns of plain values are, where both hold finite numbers.

    Numbers that differ by less than a float64 can tell (big ints, decimals) are one float apart.
    """
    if len(batch) and batch == online:
        numbers = [value for value in batch if _is_number(value) and value - value == 0]
        return Distances(len(numbers), agreed=tuple(map(float, numbers[:POINTS])))
    pairs = [
        _floats(left, right)
        for left, right in zip(batch, online, strict=True)
        if _is_number(left) and _is_number(right)
    ]
    if not pairs:
        return Distances()
    table = np.array(pairs, dtype=np.float64)
    table = table[np.isfinite(table).all(axis=1)]
    differ = table[:, 0] != table[:, 1]
    agreed = tuple(table[~differ, 0][:POINTS].tolist())
    return Distances(int((~differ).sum()), table[differ, 0], table[differ, 1], agreed)


def summary(found: Distances) -> Summary | None:
    """Return the distribution of errors, None where no pair was compared."""
    if not found.compared:
        return None
    batch, online = found.batch, found.online
    with np.errstate(over="ignore"):
        gap = np.minimum(np.abs(batch - online), LARGEST)
    # Ratios of numbers that were brought near 1 by a power of two neither overflow nor vanish.
    scale = np.ldexp(1.0, -np.frexp(np.maximum(np.abs(batch), np.abs(online)))[1].clip(-1000, 1000))
    left, right = batch * scale, online * scale
    apart, sizes = np.abs(left - right), (np.abs(left), np.abs(right))
    steps = _ulps(batch, online)
    return Summary(
        abs=_quantiles(gap, found.equal),
        rel=_quantiles(apart / np.maximum(*sizes), found.equal),
        ulps=_quantiles(steps, found.equal),
        smape=float((2 * apart / np.add(*sizes)).sum() / found.compared),
        histogram=_histogram(steps, found.equal),
        points=_points(found),
    )


def _is_number(value: Any) -> bool:
    kind = type(value)
    if kind is float:
        return True
    is_exact = kind is int or (kind is Decimal and value.is_finite())
    return is_exact and bool(abs(value) <= 2**1000)


def _floats(left: Any, right: Any) -> tuple[float, float]:
    one, other = float(left), float(right)
    if one == other and left != right:
        other = math.nextafter(other, math.inf if right > left else -math.inf)
    return one, other


def _ulps(batch: FloatArray, online: FloatArray) -> FloatArray:
    """Return how many float64 steps lie between pairs; above 2**53 to the nearest float."""
    left, right = _ordinals(batch), _ordinals(online)
    # Signs apart, the distance may not fit an int64: as unsigned ints it always does.
    larger, smaller = np.maximum(left, right), np.minimum(left, right)
    return (larger.view(np.uint64) - smaller.view(np.uint64)).astype(np.float64)


def _ordinals(values: FloatArray) -> npt.NDArray[np.int64]:
    bits = values.view(np.int64)
    return np.where(bits >= 0, bits, np.int64(-(2**63)) - bits)


def _quantiles(errors: FloatArray, zeros: int) -> tuple[float, ...]:
    """Return quantiles of errors and so many zeros."""
    ordered = np.sort(errors)
    total = len(ordered) + zeros
    places = [int(np.ceil(share * total)) - 1 - zeros for share in QUANTILES]
    return tuple(float(ordered[place]) if place >= 0 else 0.0 for place in places)


def _histogram(steps: FloatArray, zeros: int) -> tuple[int, ...]:
    if not len(steps):
        return (zeros,)
    buckets = np.frexp(steps)[1]  # 1 -> 1, 2 and 3 -> 2, 4 to 7 -> 3
    counts = np.bincount(buckets)
    counts[0] += zeros
    return tuple(counts.tolist())


def _points(found: Distances) -> tuple[tuple[float, float], ...]:
    """Return pairs to draw: some that differ, evenly taken, and some that do not."""
    most = min(POINTS, len(found.batch))
    places = np.linspace(0, max(0, len(found.batch) - 1), most).round().astype(int)
    differ = zip(found.batch[places].tolist(), found.online[places].tolist(), strict=True)
    return (*differ, *((value, value) for value in found.agreed))
