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
UNSTABLE = 1e-4
SLACK = 64
EPS = 2.0**-52
GRID_BITS = 40


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
    loss = SLACK * max(inputs, 1) * EPS * largest
    if gap > UNSTABLE * max(abs(left), abs(right)):
        return bool(gap > loss)
    return bool(gap > loss * max(1.0, largest))


def largest_of(values: Iterable[object]) -> float:
    """Return the largest finite magnitude among floats, 0.0 if there is none."""
    floats = (abs(v) for v in values if isinstance(v, float) and math.isfinite(v))
    return max(floats, default=0.0)


def grid_of(largest: float) -> float:
    """Return a spacing, a power of 2, on which sums of thousands of the inputs are exact."""
    if largest == 0.0:
        return 1.0
    return float(2.0 ** (math.floor(math.log2(largest)) + 1 - GRID_BITS))


def on_grid(value: float, spacing: float) -> float:
    """Return a float as the nearest multiple of a spacing."""
    return round(value / spacing) * spacing if math.isfinite(value) else value


def _is_judged(view: FeatureView, divergence: Divergence) -> bool:
    tolerance = view.features.get(divergence.feature)
    return (
        isinstance(tolerance, Close)
        and not tolerance.explicit
        and isinstance(divergence.left, float | int)
        and isinstance(divergence.right, float | int)
        and not (isinstance(divergence.left, int) and isinstance(divergence.right, int))
    )
