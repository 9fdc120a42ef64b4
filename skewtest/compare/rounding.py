"""Is a difference rounding? The rule of `close()` without arguments, as arithmetic.

Two right float algorithms differ by rounding, and under cancellation that difference is unbounded
in relative terms: no fixed tolerance is both quiet and sharp. So both sides get the same slightly
moved inputs. What the inputs do to the true answer cancels in `right - left`; rounding is drawn
anew each time, and a real difference stays where it was. `skewtest.run.noise` runs those copies.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skewtest.compare.tables import Divergence
from skewtest.declare.tolerance import Close
from skewtest.declare.view import FeatureView
from skewtest.sides.columns import FloatArray

EPS = 2.0**-52
# Beyond it an int, or what is computed with it, may be no float.
LARGEST = 2**1000
# So many floats apart are two right algorithms anyway, whatever their copies show.
LEAST_ULPS = 8
# Rounding of more than this of the value leaves a feature with fewer than six digits.
UNSTABLE = 1e-6
# A feature may take several passes over its inputs, and sums of sums.
SLACK = 64
# A value moves by no more than this of itself: it would be another value otherwise.
CAP = 2.0**-12
# Half a step of a float32, relative: what moves by less stays the same float32.
SINGLE = 2.0**-24
# The rounding that cubes of the inputs may come to where a larger difference is logic.
EXACT_REGIME = 1e-6
# Inputs of so many bits have sums, squares and cubes that a float64 holds nearly exactly.
GRID_BITS = 10


def is_doubtful(view: FeatureView, divergence: Divergence) -> bool:
    """Return whether the rule is for a divergence: the default tolerance, and a float in it."""
    tolerance = view.features.get(divergence.feature)
    if divergence.kind != "value" or not isinstance(tolerance, Close) or tolerance.explicit:
        return False
    left, right = numbers_of(divergence.left), numbers_of(divergence.right)
    if left is None or right is None or len(left) != len(right):
        return False
    # Ints do not round: two of them that differ are wrong.
    return holds_float(divergence.left) or holds_float(divergence.right)


def holds_float(value: object) -> bool:
    """Return whether a value is a float, or holds one."""
    return any(isinstance(scalar, float) for scalar in flatten(value))


def numbers_of(value: object) -> FloatArray | None:
    """Return the numbers of a value, inside lists and records too; None where one is no number."""
    numbers = []
    for scalar in flatten(value):
        if not isinstance(scalar, float | int):
            return None
        is_too_large = isinstance(scalar, int) and abs(scalar) > LARGEST
        if is_too_large or not math.isfinite(scalar):
            return None
        numbers.append(float(scalar))
    return np.array(numbers, dtype=np.float64)


def flatten(value: object) -> Iterator[object]:
    """Yield the scalars of a value, those inside lists and records in order."""
    if isinstance(value, list | tuple):
        for inner in value:
            yield from flatten(inner)
    elif isinstance(value, Mapping):
        for name in sorted(value, key=str):
            yield from flatten(value[name])
    else:
        yield value


@dataclass(frozen=True, slots=True)
class Moves:
    """What the sides answered on one row of a history and of moved copies of it.

    Attributes:
        left: float64, one row for each copy, one column for each number of the answer.
        right: the same of the right side.
    """

    left: FloatArray
    right: FloatArray

    @classmethod
    def of(cls, ends: Iterable[tuple[object, object]], width: int) -> "Moves":
        """Make moves of the answers of copies; those that are no such numbers are left out."""
        lefts, rights = [], []
        for left, right in ends:
            numbers = numbers_of(left), numbers_of(right)
            if numbers[0] is None or numbers[1] is None:
                continue
            if len(numbers[0]) == len(numbers[1]) == width:
                lefts.append(numbers[0])
                rights.append(numbers[1])
        if not lefts:
            empty = np.empty((0, width))
            return cls(empty, empty)
        return cls(np.array(lefts), np.array(rights))


def is_rounding(divergence: Divergence, moves: Moves, factor: float) -> bool:
    """Return whether a difference is no more than rounding makes of it on moved copies.

    It is where `|d| <= factor * (max d_i - min d_i) + 8 ulp` for each number of the answer; `d`
    itself is not among the `d_i`.
    """
    ends = numbers_of(divergence.left), numbers_of(divergence.right)
    assert ends[0] is not None
    assert ends[1] is not None
    sizes = np.maximum(np.abs(ends[0]), np.abs(ends[1]))
    allowed = LEAST_ULPS * np.spacing(sizes)
    if len(moves.left) > 1:
        differences = moves.right - moves.left
        allowed = allowed + factor * (differences.max(axis=0) - differences.min(axis=0))
    return bool((np.abs(ends[1] - ends[0]) <= allowed).all())


def relative_size(divergence: Divergence) -> float:
    """Return the largest `|r - l| / max(|l|, |r|)` among the numbers of two answers."""
    left, right = numbers_of(divergence.left), numbers_of(divergence.right)
    if left is None or right is None or len(left) != len(right):
        return math.inf
    sizes = np.maximum(np.abs(left), np.abs(right))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.where(sizes > 0, np.abs(right - left) / sizes, 0.0)
    return float(ratios.max(initial=0.0))


def is_unstable(divergence: Divergence, residue: float) -> bool:
    """Return whether what is rounding costs a feature more than six digits.

    Args:
        divergence: what is rounding.
        residue: how much a right sum may leave where its inputs cancel (`residue_of`).
    """
    left, right = numbers_of(divergence.left), numbers_of(divergence.right)
    assert left is not None
    assert right is not None
    gap = float(np.abs(right - left).max(initial=0.0))
    return gap > residue and relative_size(divergence) > UNSTABLE


def residue_of(values: Sequence[float], inputs: int) -> float:
    """Return how much may be left of a sum whose inputs cancel, before it counts as unstable.

    It is what one pass over the inputs can lose, `64 * n * eps * largest`, and no more than a
    millionth of the smallest input: 1e-12 dollars beside nothing are no other number to a model.
    """
    sizes = [abs(value) for value in values if value and math.isfinite(value)]
    if not sizes:
        return 0.0
    return min(SLACK * max(inputs, 1) * EPS * max(sizes), UNSTABLE * min(sizes))


def are_singles(values: Iterable[object]) -> bool:
    """Return whether every number of some answers is one that a float32 holds."""
    for value in values:
        numbers = numbers_of(value)
        if numbers is None:
            return False
        with np.errstate(over="ignore"):
            if not np.array_equal(numbers.astype(np.float32).astype(np.float64), numbers):
                return False
    return True


# A side moves more than the other where its answers range over so many times as much.
STEADIER = 4.0


def unstable_side(moves: Moves) -> str:
    """Return "left", "right" or "both": whose answers the same moved inputs scatter more."""
    ranges = np.ptp(moves.left, axis=0).max(), np.ptp(moves.right, axis=0).max()
    if ranges[0] > STEADIER * ranges[1]:
        return "left"
    if ranges[1] > STEADIER * ranges[0]:
        return "right"
    return "both"


# -- inputs ---------------------------------------------------------------------------------------


def jitter_sizes(values: FloatArray, largest: FloatArray, inputs: int, scale: str) -> FloatArray:
    """Return how far values are moved at most: enough to draw anew what their sums round.

    Args:
        values: distinct finite inputs.
        largest: for each, the largest magnitude in the column that it stands in.
        inputs: how many rows the history has.
        scale: "sums"; "squares": enough for those of the largest value; "single": for float32.
    """
    unit = SINGLE if scale == "single" else EPS
    sizes = np.abs(values)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        moved = inputs * unit * largest
        if scale == "squares":
            moved = np.where(sizes > 0, moved * (largest / sizes), 0.0)
    # Exact zeros are left alone: code asks whether something is zero.
    within: FloatArray = np.minimum(np.nan_to_num(moved, nan=0.0, posinf=np.inf), CAP * sizes)
    return within


def jitter(values: FloatArray, sizes: FloatArray, rng: "np.random.Generator") -> FloatArray:
    """Return values moved by up to `sizes`, by one float at least; zeros stay."""
    draws = rng.uniform(-1.0, 1.0, len(values))
    moved = values + draws * sizes
    stuck = (moved == values) & (values != 0.0)
    step = np.nextafter(values, np.where(draws > 0, np.inf, -np.inf))
    jittered: FloatArray = np.where(stuck, step, moved)
    return jittered


def is_exact_regime(values: Sequence[float], inputs: int) -> bool:
    """Return whether inputs are so plain that what differs by more than `UNSTABLE` is no rounding.

    Whole multiples of a power of two are added, squared and cubed without loss while they are
    small; `(largest / spacing)**3 * inputs * eps` bounds what is lost in the worst case.
    """
    finite = np.array([value for value in values if math.isfinite(value)], dtype=np.float64)
    finite = finite[finite != 0.0]
    if not len(finite):
        return True
    mantissas, exponents = np.frexp(finite)
    integers = np.ldexp(np.abs(mantissas), 53).astype(np.int64)
    lowest_bits = np.log2((integers & -integers).astype(np.float64)) - 53 + exponents
    bits = math.log2(np.abs(finite).max()) - lowest_bits.min()
    return bool(3 * bits + math.log2(max(inputs, 1)) - 52 < math.log2(EXACT_REGIME))


def to_grid(values: FloatArray) -> FloatArray:
    """Return values as whole multiples, of `GRID_BITS` bits, of a power of two.

    Those below the spacing become the spacing itself: a zero would be another value.
    """
    finite = np.isfinite(values)
    largest = np.abs(values[finite]).max(initial=0.0)
    if largest == 0.0:
        return values
    spacing = float(2.0 ** (math.floor(math.log2(largest)) + 1 - GRID_BITS))
    with np.errstate(invalid="ignore"):
        steps = np.round(values / spacing)
    small = (steps == 0) & (values != 0)
    steps = np.where(small, np.sign(values), steps)
    gridded: FloatArray = np.where(finite, steps * spacing, values)
    return gridded
