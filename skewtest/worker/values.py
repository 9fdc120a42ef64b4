"""Values: what user code answers, as plain Python values, and the absences that have a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from .exact import ExactTime
from .library_times import polars_values, time_of_arrow, time_of_numpy, time_of_pandas

NUMBERS = (bool, int, float, Decimal, Fraction)
PLAIN = (*NUMBERS, str, bytes, date, datetime, timedelta, time, ExactTime)
DEEPEST = 100
"""Levels of nesting that are followed: each takes frames of Python's stack to compare and show."""

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


def plain(value: Any, depth: int = 0) -> Any:
    """Return `value` as a plain Python value.

    numpy and pyarrow scalars, pandas timestamps, arrays and Series become what they hold, times of
    nanoseconds and long doubles to their last digit; NaT and NA become None; enums their value;
    tuples and arrays lists. A record keeps the type of its keys.

    Args:
        value: of any type.
        depth: inside how many lists and records it stands.

    Raises:
        OddValueError: it is none of these (a coroutine, a Future, an object of the owner's), or is
            nested too deep.
    """
    if type(value) in _EXACT:
        return value
    if depth > DEEPEST:
        raise OddValueError("value nested more than %d levels deep" % DEEPEST)
    try:
        return _convert(value, depth)
    except OddValueError:
        raise
    except Exception as error:
        # Classes of users and of libraries may raise when they are looked at.
        kinds = type(value).__name__, type(error).__name__
        raise OddValueError("%s, which raises %s when it is read" % kinds) from error


def _convert(value: Any, depth: int) -> Any:
    if isinstance(value, Enum):
        return plain(value.value, depth + 1)
    # By name, since pandas need not be there; before datetime, of which a Timestamp is one.
    convert = _OF_PANDAS.get(type(value).__name__)
    if convert is not None:
        return convert(value)
    if isinstance(value, Decimal) and value.is_snan():
        return Decimal("NaN")  # a signalling one cannot even be compared
    if isinstance(value, PLAIN):
        return base_value(value)
    if isinstance(value, Mapping):
        return _convert_record(value, depth)
    if isinstance(value, (list, tuple)):
        return [plain(inner, depth + 1) for inner in value]
    return _convert_foreign(value, depth)


def _convert_record(record: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
    converted: dict[Any, Any] = {}
    for name, inner in record.items():
        key = _plain_key(name, depth)
        if key in converted:
            raise OddValueError("record with two keys %s" % spell(key))
        converted[key] = plain(inner, depth + 1)
    return converted


def _plain_key(name: Any, depth: int) -> Any:
    """Return a key as a plain value that can be one."""
    key = plain(name, depth + 1)
    return tuple(key) if isinstance(key, list) else key


_OF_PANDAS: dict[str, Callable[[Any], Any]] = {
    "NAType": lambda _value: None,
    "NaTType": lambda _value: None,
    "Timestamp": time_of_pandas,
    "Timedelta": time_of_pandas,
}


def spell(value: Any) -> str:
    """Return the `repr` of any value: of ints too that Python writes no digits of, or of none."""
    try:
        return repr(value)
    except Exception:
        return _spell_parts(value)


def _spell_parts(value: Any) -> str:
    if isinstance(value, int):
        return hex(value)  # of any length, while decimal digits end at 4,300
    if type(value) in (list, tuple):
        return "[%s]" % ", ".join(map(spell, value))
    if type(value) is dict:
        pairs = ["%s: %s" % (spell(key), spell(inner)) for key, inner in value.items()]
        return "{%s}" % ", ".join(pairs)
    # A class whose own `repr` raises.
    return "<%s>" % type(value).__name__


def all_plain(column: list[Any]) -> bool:
    """Return whether every value of a column is plain already."""
    return _EXACT.issuperset(map(type, column))


def base_value(value: Any) -> Any:
    """Return a subclass instance (numpy.float64 is a float) as the plain type."""
    if isinstance(value, bool):  # it is an int as well
        return value
    # By the base's own method: a subclass may say something else of itself.
    for base, convert in _BASES:
        if isinstance(value, base):
            return convert(value)
    return value


_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__int__),
    (float, float.__float__),
    (str, str.__str__),
)


def _convert_foreign(value: Any, depth: int) -> Any:
    if isinstance(value, Odd):
        raise OddValueError(value.kind)
    if callable(getattr(value, "as_py", None)):
        return plain(time_of_arrow(value), depth + 1)
    library = type(value).__module__.partition(".")[0]
    if library == "numpy" and hasattr(value, "dtype"):
        return _convert_numpy(value, depth)
    if hasattr(value, "to_list") and hasattr(value, "dtype"):
        cells = polars_values(value) if library == "polars" else value.to_list()
        return plain(cells, depth + 1)
    raise OddValueError(type(value).__name__)


def _convert_numpy(value: Any, depth: int) -> Any:
    # Of nanoseconds numpy's own tolist makes whole numbers, and of long doubles nothing of Python.
    if value.dtype.kind not in TIMES and value.dtype.char not in LONG:
        return plain(value.tolist(), depth + 1)
    if value.ndim:
        return [plain(cell, depth + 1) for cell in value]
    if value.dtype.kind in TIMES:
        return time_of_numpy(value[()])
    return _number_of_long(value[()])


TIMES = "mM"
"""The kinds of numpy's types of times."""
LONG = "gG"
"""The codes of its long doubles."""


def _number_of_long(value: Any) -> Any:
    """Return a long double as a float where that is the same number, else as a Fraction."""
    if value.dtype.char == "G":
        raise OddValueError("complex")
    number = float(value)
    # NaN and infinities are floats too.
    if value != value or number == value:
        return number
    return Fraction(*value.as_integer_ratio())
