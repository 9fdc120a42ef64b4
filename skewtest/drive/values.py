"""Make a value plain: what user code returns, as one of the Python types that can be compared."""

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from skewtest.drive.outcome import Nothing

PLAIN = (bool, int, float, str, bytes, date, datetime, timedelta, time, Decimal)
_EXACT = frozenset([type(None), bool, int, float, str, Nothing])


class OddValueError(TypeError):
    """The value is of no type that features have."""


def plain(value: Any) -> Any:
    """Return `value` as a plain Python value.

    numpy and pyarrow scalars, pandas timestamps, arrays and Series become what they hold; NaT and
    NA become None; enums their value; tuples and arrays lists.

    Raises:
        OddValueError: it is none of these (a coroutine, a Future, an object of the owner's).
    """
    if type(value) in _EXACT:
        return value
    kind = type(value).__name__
    if kind in ("NAType", "NaTType"):
        return None
    if isinstance(value, Enum):
        return plain(value.value)
    if kind == "Timestamp":
        return value.to_pydatetime(warn=False)
    if kind == "Timedelta":
        return value.to_pytimedelta()
    if isinstance(value, PLAIN):
        return _base(value)
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return _converted(value)


def all_plain(column: list[Any]) -> bool:
    """Return whether every value of a column is plain already."""
    return _EXACT.issuperset(map(type, column))


def _base(value: Any) -> Any:
    """Return a subclass instance (numpy.float64 is a float) as the plain type."""
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return base(value)
    return value


def _converted(value: Any) -> Any:
    if callable(getattr(value, "as_py", None)):
        return plain(value.as_py())
    if type(value).__module__.startswith("numpy") and hasattr(value, "dtype"):
        if value.dtype.kind in "mM":
            unit = value.astype(f"{value.dtype.kind}8[us]")
            return plain(unit.tolist())
        return plain(value.tolist())
    if hasattr(value, "to_list") and hasattr(value, "dtype"):
        return plain(value.to_list())
    raise OddValueError(type(value).__name__)


def is_nan(value: object) -> bool:
    """Return whether a plain value is NaN."""
    return isinstance(value, float) and math.isnan(value)
