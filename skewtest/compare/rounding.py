"""Is a difference rounding? The interim rule of `close()` without arguments.

Two right float algorithms differ by rounding, and under cancellation that difference is unbounded
in relative terms. Until equality is aware of noise, a difference of a default `close()` stands if
it is plain: above `PLAIN` of the larger value and of the largest input. Any other must exceed
`SLACK * n * eps * max(S, S**2)` (n inputs of magnitude at most S: what sums, and sums of squares,
can lose) and must be there still when the inputs are moved to exactly representable values.
"""

import math
from collections.abc import Iterable

from skewtest.compare.tables import Divergence
from skewtest.declare.tolerance import Close
from skewtest.declare.view import FeatureView

PLAIN = 1e-6
SLACK = 64
EPS = 2.0**-52


def is_plain(view: FeatureView, divergence: Divergence, largest: float) -> bool:
    """Return whether a divergence cannot be rounding; `largest` is the largest float input."""
    if divergence.kind != "value" or not _is_judged(view, divergence):
        return True
    batch, online = divergence.batch, divergence.online
    if not (math.isfinite(batch) and math.isfinite(online)):
        return False
    return bool(abs(batch - online) > PLAIN * max(abs(batch), abs(online), largest))


def exceeds_bound(divergence: Divergence, inputs: int, largest: float) -> bool:
    """Return whether a divergence is more than sums and squares of the inputs can lose."""
    batch, online = divergence.batch, divergence.online
    if not (math.isfinite(batch) and math.isfinite(online)):
        return True
    bound = SLACK * max(inputs, 1) * EPS * max(largest, largest**2)
    return bool(abs(batch - online) > bound)


def largest_of(values: Iterable[object]) -> float:
    """Return the largest finite magnitude among floats, 0.0 if there is none."""
    floats = (abs(v) for v in values if isinstance(v, float) and math.isfinite(v))
    return max(floats, default=0.0)


def on_grid(value: float) -> float:
    """Return a float as the nearest multiple of 2**-8 below 2**20, where sums are exact."""
    if not math.isfinite(value):
        return value
    return max(-(2.0**20), min(2.0**20, round(value * 256) / 256))


def _is_judged(view: FeatureView, divergence: Divergence) -> bool:
    tolerance = view.features.get(divergence.feature)
    return (
        isinstance(tolerance, Close)
        and not tolerance.explicit
        and isinstance(divergence.batch, float | int)
        and isinstance(divergence.online, float | int)
        and not (isinstance(divergence.batch, int) and isinstance(divergence.online, int))
    )
