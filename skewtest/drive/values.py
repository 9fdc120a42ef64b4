"""Plain values: what user code returns, as one of the Python types that can be compared.

How a value is made plain is the worker's to say: it does so under every version.
"""

import math

from skewtest.worker.values import PLAIN, OddValueError, all_plain, plain

__all__ = ["PLAIN", "OddValueError", "all_plain", "is_nan", "plain"]


def is_nan(value: object) -> bool:
    """Return whether a plain value is NaN."""
    return isinstance(value, float) and math.isnan(value)
