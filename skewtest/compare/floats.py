"""How far apart floats are: in steps of their format, and as directions."""

import math
import struct

import numpy as np
import numpy.typing as npt

from skewtest.sides.columns import EXACT_INTS, FloatArray


def ulps_between(left: float, right: float, *, single: bool = False) -> int | None:
    """Return how many steps from one float to the next lie between two; None if one is not finite.

    Floats of one sign are ordered as their bit patterns are (IEEE 754), so the distance is the
    difference of the patterns, mirrored for negative numbers.

    Args:
        left: a float; 0.0 and -0.0 are the same.
        right: another one.
        single: steps are those of float32, which both are exactly; else of float64.
    """
    if not (math.isfinite(left) and math.isfinite(right)):
        return None
    return abs(_ordinal(left, single=single) - _ordinal(right, single=single))


def _ordinal(value: float, *, single: bool) -> int:
    """Return the number of a float among all of its format: the next float has the next number."""
    if single:
        pattern: int = struct.unpack("<i", struct.pack("<f", value))[0]
        lowest = -(2**31)
    else:
        pattern = struct.unpack("<q", struct.pack("<d", value))[0]
        lowest = -(2**63)
    # The sign is a bit of its own: patterns of negative numbers grow away from zero.
    if pattern < 0:
        return lowest - pattern
    return pattern


def cosine_distance(left: list[float], right: list[float]) -> float:
    """Return 1 - cos of the angle, in 0..2; 0 for two zero vectors, 1 if only one is zero.

    Computed as half the squared distance of the unit vectors, which keeps small angles exact:
    1 - cos(a) = |u - v|**2 / 2.
    """
    vectors = _scale_to_one(left), _scale_to_one(right)
    lengths = float(np.linalg.norm(vectors[0])), float(np.linalg.norm(vectors[1]))
    if lengths == (0.0, 0.0):
        return 0.0
    # Nothing points nowhere: as far from any direction as one across it.
    if 0.0 in lengths:
        return 1.0
    gap = vectors[0] / lengths[0] - vectors[1] / lengths[1]
    return float(gap @ gap) / 2


def _scale_to_one(vector: list[float]) -> npt.NDArray[np.float64]:
    """Return a vector with its largest element at 1: squares neither overflow nor vanish."""
    values = np.asarray(vector, dtype=np.float64)
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0.0:
        return values
    return values / largest


def are_exact(left: FloatArray, right: FloatArray) -> npt.NDArray[np.bool_]:
    """Return where two float64 arrays of one shape both hold whole numbers below `2**53`.

    Up to there floats hold every integer, and sums of them, exactly. With a relative tolerance
    alone, a timestamp of 1.7e12 milliseconds could be off by one.
    """
    larger = np.maximum(np.abs(left), np.abs(right))
    exact: npt.NDArray[np.bool_] = (
        (larger < EXACT_INTS) & (left == np.floor(left)) & (right == np.floor(right))
    )
    return exact
