"""Is a difference rounding? The interim rule of `close()` without arguments.

Two right float algorithms differ by rounding, and under cancellation that difference is unbounded
in relative terms. Until equality is aware of noise, a difference of a default `close()` stands

- if it is plain: above `PLAIN` of the larger value and of the largest input;
- else if it is more than rounding can do (`exceeds_bound`), and is there still on inputs that are
  exactly representable (`grid_of`), or on a single event, where nothing cancels.
"""

import math
from collections.abc import Iterable

from skewtest.compare.tables import Divergence
from skewtest.declare.tolerance import Close
from skewtest.declare.view import FeatureView

PLAIN = 1e-6
"""More than this of the larger value and of the largest input is a difference, not rounding."""
UNSTABLE = 1e-4
"""What loses more than this of its own value has cancelled nearly all of it."""
SLACK = 64
"""The bound is for one pass over the inputs; a feature may take several, and sums of sums."""
EPS = 2.0**-52
LARGEST = 2**1000
"""Beyond it an int, or what is computed with it, may be no float."""
GRID_BITS = 40
"""Of the 53 bits of a float: the other 13 are for the sums of thousands of inputs."""


def is_plain(view: FeatureView, divergence: Divergence, largest: float) -> bool:
    """Return whether a divergence cannot be rounding; `largest` is the largest float input."""
    if divergence.kind != "value" or not _is_judged(view, divergence):
        return True
    left, right = divergence.left, divergence.right
    if not (math.isfinite(left) and math.isfinite(right)):
        return False
    return bool(abs(left - right) > PLAIN * max(abs(left), abs(right), largest))


def exceeds_bound(divergence: Divergence, inputs: int, largest: float) -> bool:
    """Return whether a divergence is more than right algorithms can lose by rounding.

    Sums of n inputs of magnitude at most S lose up to about `n * eps * S`, sums of squares
    `n * eps * S**2`; `SLACK` times that is granted. What loses more than `UNSTABLE` of its own
    value is granted the former alone: it cancels squares, which right algorithms do not.
    """
    left, right = divergence.left, divergence.right
    if not (math.isfinite(left) and math.isfinite(right)):
        return True
    gap = abs(left - right)
    # An empty history still has a result, and constants that round.
    loss = SLACK * max(inputs, 1) * EPS * largest
    if gap > UNSTABLE * max(abs(left), abs(right)):
        return bool(gap > loss)
    return bool(gap > loss * max(1.0, largest))


def largest_of(values: Iterable[object]) -> float:
    """Return the largest finite magnitude among floats, 0.0 if there is none."""
    largest = 0.0
    for value in values:
        if isinstance(value, float) and math.isfinite(value):
            largest = max(largest, abs(value))
    return largest


def grid_of(largest: float) -> float:
    """Return a spacing, a power of 2, on which sums of thousands of the inputs are exact."""
    if largest == 0.0:
        return 1.0
    return float(2.0 ** (math.floor(math.log2(largest)) + 1 - GRID_BITS))


def on_grid(value: float, spacing: float) -> float:
    """Return a float as the nearest multiple of a spacing."""
    if not math.isfinite(value):
        return value
    return round(value / spacing) * spacing


def _is_judged(view: FeatureView, divergence: Divergence) -> bool:
    """Return whether the rule is for a divergence: the default tolerance, and a float in it."""
    tolerance = view.features.get(divergence.feature)
    if not isinstance(tolerance, Close) or tolerance.explicit:
        return False
    ends = divergence.left, divergence.right
    are_numbers = all(map(_may_round, ends))
    # Ints do not round: two of them that differ are wrong.
    return are_numbers and any(isinstance(end, float) for end in ends)


def _may_round(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= LARGEST)
