"""Values: what user code answers, as plain Python values, and the absences that have a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

PLAIN = (bool, int, float, str, bytes, date, datetime, timedelta, time, Decimal)

_NOTHINGS: dict[str, Nothing] = {}


def nothing_of_name(name: str) -> Nothing:
    """Return the absence of a name."""
    return _NOTHINGS[name]


class Nothing:
    """A named absence; each is a singleton, copies of another process included."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name
        _NOTHINGS[name] = self

    def __reduce__(self) -> Any:
        return nothing_of_name, (self.name,)

    def __repr__(self) -> str:
        return self.name


NULL_OR_NAN = Nothing("null or NaN")
"""What a numpy-backed pandas float column has where it has no number: it cannot tell which."""


class OddValueError(TypeError):
    """The value is of no type that features have."""


class Odd:
    """Stands for a value of another process that is of no type that features have."""

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind


_EXACT = frozenset([type(None), bool, int, float, str, Nothing])


def plain(value: Any) -> Any:
    """Return `value` as a plain Python value.

    numpy and pyarrow scalars, pandas timestamps, arrays and Series become what they hold; NaT and
    NA become None; enums their value; tuples and arrays lists.

    Raises:
        OddValueError: it is none of these (a coroutine, a Future, an object of the owner's).
    """
    if type(value) in _EXACT:
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    # By name, since pandas need not be there; before datetime, of which a Timestamp is one.
    convert = _OF_PANDAS.get(type(value).__name__)
    if convert is not None:
        return convert(value)
    if isinstance(value, Decimal) and value.is_snan():
        return Decimal("NaN")  # a signalling one cannot even be compared
    if isinstance(value, PLAIN):
        return base_value(value)
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(plain, value))
    return _convert_foreign(value)


_OF_PANDAS: dict[str, Callable[[Any], Any]] = {
    "NAType": lambda _value: None,
    "NaTType": lambda _value: None,
    # Nanoseconds are dropped without a warning: no instant of skewtest's has any.
    "Timestamp": lambda value: value.to_pydatetime(warn=False),
    "Timedelta": lambda value: value.to_pytimedelta(),
}


def all_plain(column: list[Any]) -> bool:
    """Return whether every value of a column is plain already."""
    return _EXACT.issuperset(map(type, column))


def base_value(value: Any) -> Any:
    """Return a subclass instance (numpy.float64 is a float) as the plain type."""
    # bool first: it is an int as well.
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return base(value)
    return value


def _convert_foreign(value: Any) -> Any:
    if isinstance(value, Odd):
        raise OddValueError(value.kind)
    if callable(getattr(value, "as_py", None)):
        return plain(value.as_py())
    if type(value).__module__.startswith("numpy") and hasattr(value, "dtype"):
        if value.dtype.kind in "mM":
            # Of nanoseconds, numpy's tolist makes whole numbers instead of times.
            unit = value.astype(f"{value.dtype.kind}8[us]")
            return plain(unit.tolist())
        return plain(value.tolist())
    if hasattr(value, "to_list") and hasattr(value, "dtype"):
        return plain(value.to_list())
    raise OddValueError(type(value).__name__)
