"""When two plain values agree, and the kind of divergence when they do not."""

import contextlib
import math
import struct
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from skewtest.declare.divergence import Kind
from skewtest.declare.tolerance import Close, Exact, Tolerance, Vector
from skewtest.sides.answers import MISSING, NULL_OR_NAN
from skewtest.times import MICROSECOND


class ToleranceError(TypeError):
    """A feature is declared `close()` or `vector()`, but its values are no numbers."""


def nothing_of(value: object) -> str | None:
    """Return which kind of nothing a value is: "null", "nan", "missing", or None for a value."""
    if value is None:
        return "null"
    if value is MISSING:
        return "missing"
    if value is NULL_OR_NAN:
        return "null or nan"
    return "nan" if isinstance(value, float) and value != value else None


def difference(
    left: Any,
    right: Any,
    tolerance: Tolerance,
    equal: frozenset[str],
) -> Kind | None:
    """Return the kind of divergence of two plain values, or None if they agree.

    Args:
        left: what the left side answered; MISSING where it has no row.
        right: what the right side answered, likewise.
        tolerance: the feature's.
        equal: which of "null", "nan" and "missing" count as one.

    Raises:
        ToleranceError: the tolerance does not suit the values.
    """
    if left is right:
        return None
    if type(left) is type(right) and left == right and is_simple(type(left), tolerance):
        return None
    no_left, no_right = nothing_of(left), nothing_of(right)
    if no_left is not None or no_right is not None:
        return _nothings(no_left, no_right, equal)
    if isinstance(tolerance, Vector):
        return _vectors(left, right, tolerance)
    return _present(left, right, tolerance, equal)


def is_simple(kind: type, tolerance: Tolerance) -> bool:
    """Return whether two equal values of this type agree without a closer look."""
    if isinstance(tolerance, Exact):
        return kind in (int, float, str, bool)
    return isinstance(tolerance, Close) and kind in (int, float, bool)


def _nothings(left: str | None, right: str | None, equal: frozenset[str]) -> Kind | None:
    if left == right:
        return None
    if "null or nan" in (left, right) and {left, right} & {"null", "nan"}:
        return None
    if left in equal and right in equal:
        return None
    if "null or nan" in (left, right) and {left, right} - {"null or nan"} <= equal & {"missing"}:
        return None
    return "missing row" if "missing" in (left, right) else "null"


def _present(
    left: Any,
    right: Any,
    tolerance: Tolerance,
    equal: frozenset[str],
) -> Kind | None:
    families = family(left), family(right)
    if families[0] != families[1]:
        both_numbers = set(families) <= {"int", "float", "decimal"}
        strict = isinstance(tolerance, Exact) and tolerance.dtype
        if not both_numbers or strict:
            return "dtype"
        families = ("float", "float")
    match families[0]:
        case "int" | "float" | "decimal":
            return _numbers(left, right, tolerance)
        case "datetime":
            if (left.tzinfo is None) != (right.tzinfo is None):
                return "dtype"
            return _times(left, right, tolerance)
        case "date" | "duration":
            return _times(left, right, tolerance)
        case "list":
            return _lists(left, right, tolerance, equal)
        case "struct":
            return _structs(left, right, tolerance, equal)
    if isinstance(tolerance, Close) and families[0] in ("string", "bytes"):
        raise ToleranceError(families[0])
    return None if left == right else "value"


def family(value: object) -> str:
    """Return the family of types that a plain value belongs to."""
    for kinds, name in _FAMILIES:
        if isinstance(value, kinds):
            return name
    return type(value).__name__


_FAMILIES: tuple[tuple[Any, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (Decimal, "decimal"),
    (str, "string"),
    (bytes, "bytes"),
    (datetime, "datetime"),
    (date, "date"),
    (timedelta, "duration"),
    (time, "time"),
    (list, "list"),
    (Mapping, "struct"),
)


def _numbers(left: Any, right: Any, tolerance: Tolerance) -> Kind | None:
    # Python compares int with float exactly, also beyond 2**53.
    if left == right:
        return None
    if not isinstance(tolerance, Close) or not (_is_finite(left) and _is_finite(right)):
        return "value"
    if isinstance(tolerance.abs, timedelta):
        raise ToleranceError("number with a timedelta")
    if all(type(value) is float for value in (left, right)):
        gap, larger = abs(left - right), max(abs(left), abs(right))
        agree = gap <= tolerance.abs + tolerance.rel * larger
    else:
        # Decimals and big ints are compared exactly: float() would round them, or overflow.
        exact = Fraction(left), Fraction(right)
        larger = max(abs(exact[0]), abs(exact[1]))
        allowed = Fraction(tolerance.abs) + Fraction(tolerance.rel) * larger
        agree = abs(exact[0] - exact[1]) <= allowed
    if agree or (tolerance.ulps is not None and _within_ulps(left, right, tolerance.ulps)):
        return None
    return "value"


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value.is_finite() if isinstance(value, Decimal) else True


def _within_ulps(left: Any, right: Any, ulps: int) -> bool:
    try:
        return ulps_between(float(left), float(right)) <= ulps
    except OverflowError:
        return False


def _times(left: Any, right: Any, tolerance: Tolerance) -> Kind | None:
    left, right = _in_utc(left), _in_utc(right)
    if left == right:
        return None
    if isinstance(tolerance, Close):
        if not isinstance(tolerance.abs, timedelta):
            if tolerance.explicit:
                raise ToleranceError(family(left))
            return "value"
        if abs(left - right) <= tolerance.abs:
            return None
    return "value"


def _in_utc(value: Any) -> Any:
    """Return an aware datetime in UTC: two of one zone would be compared by their wall clocks."""
    aware = isinstance(value, datetime) and value.tzinfo is not None
    return value.astimezone(UTC) if aware else value


def _lists(
    left: list[Any], right: list[Any], tolerance: Tolerance, equal: frozenset[str]
) -> Kind | None:
    if len(left) != len(right):
        return "value"
    for one, other in zip(left, right, strict=True):
        if kind := difference(one, other, tolerance, equal):
            return kind
    return None


def _structs(
    left: Mapping[str, Any], right: Mapping[str, Any], tolerance: Tolerance, equal: frozenset[str]
) -> Kind | None:
    if set(left) != set(right):
        return "dtype"
    for name, inner in left.items():
        if kind := difference(inner, right[name], tolerance, equal):
            return kind
    return None


def _vectors(left: Any, right: Any, tolerance: Tolerance) -> Kind | None:
    assert isinstance(tolerance, Vector)
    if not isinstance(left, list) or not isinstance(right, list):
        raise ToleranceError(family(left if not isinstance(left, list) else right))
    if len(left) != len(right):
        return "value"
    if left == right:
        return None
    for value in (*left, *right):
        if nothing_of(value) is None and family(value) not in ("int", "float", "decimal"):
            raise ToleranceError(family(value))
    if any(nothing_of(x) for x in (*left, *right)):
        return _lists(left, right, Exact(), frozenset())
    if not all(_is_finite(x) for x in (*left, *right)):
        return "value"
    try:
        return None if cosine_distance(left, right) <= tolerance.cosine else "value"
    except OverflowError:
        raise ToleranceError("int beyond float64") from None


def cosine_distance(left: list[float], right: list[float]) -> float:
    """Return 1 - cos of the angle, in 0..2; 0 for two zero vectors, 1 if only one is zero.

    Computed as half the squared distance of the unit vectors, which keeps small angles exact:
    1 - cos(a) = |u - v|**2 / 2.
    """
    a, b = _scaled(left), _scaled(right)
    sizes = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if 0.0 in sizes:
        return 0.0 if sizes[0] == sizes[1] else 1.0
    gap = a / sizes[0] - b / sizes[1]
    return float(gap @ gap) / 2


def _scaled(vector: list[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a vector with its largest element at 1: squares neither overflow nor vanish."""
    values = np.asarray(vector, dtype=np.float64)
    largest = float(np.max(np.abs(values), initial=0.0))
    return values / largest if largest else values


def ulps_between(left: float, right: float) -> int:
    """Return how many float64 numbers lie between two finite ones; 0 if they are the same.

    Floats of one sign are ordered as their bit patterns are (IEEE 754), so the distance is the
    difference of the patterns, mirrored for negative numbers.
    """
    return abs(_ordinal(left) - _ordinal(right))


def _ordinal(value: float) -> int:
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits if bits >= 0 else -(2**63) - bits


def _gap(left: Any, right: Any) -> Any:
    """Return how far two numbers are apart: as a float if it fits, else as an int."""
    if not isinstance(left, Decimal) and not isinstance(right, Decimal):
        with contextlib.suppress(OverflowError):  # an int beyond the floats
            gap = abs(left - right)
            return None if gap != gap else gap
    try:
        exact = abs(Fraction(left) - Fraction(right))
    except (OverflowError, ValueError):
        return None  # an infinity, or NaN
    try:
        return float(exact)
    except OverflowError:
        return int(exact)


def magnitude(left: Any, right: Any) -> Any:
    """Return `|left - right|`: a number, a timedelta, or None where there is none."""
    families = {family(left), family(right)}
    if families <= {"int", "float", "decimal"}:
        return _gap(left, right)
    if families in ({"datetime"}, {"date"}, {"duration"}):
        try:
            return abs(left - right) // MICROSECOND * MICROSECOND
        except TypeError:
            return None
    return None
