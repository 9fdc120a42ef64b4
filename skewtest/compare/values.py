"""When two plain values agree, and the kind of divergence when they do not."""

import contextlib
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

from skewtest.compare.floats import cosine_distance, ulps_between
from skewtest.declare.divergence import Kind
from skewtest.declare.tolerance import Close, Exact, Tolerance, Vector
from skewtest.sides.answers import MISSING, NULL_OR_NAN
from skewtest.sides.columns import EXACT_INTS
from skewtest.times import instant, micros
from skewtest.worker.exact import ExactTime, micros_of, time_of


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
    if isinstance(value, float | Decimal) and value != value:
        return "nan"
    return None


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
    # Nearly all values are equal and simple: these two lines are what a comparison costs.
    if left is right:
        return None
    if type(left) is type(right) and left == right and is_simple(type(left), tolerance):
        return None
    no_left, no_right = nothing_of(left), nothing_of(right)
    if no_left is not None or no_right is not None:
        return _difference_of_nothings(no_left, no_right, equal)
    if isinstance(tolerance, Vector):
        return _difference_of_vectors(left, right, tolerance)
    return _difference_of_values(left, right, tolerance, equal)


def is_simple(kind: type, tolerance: Tolerance) -> bool:
    """Return whether two equal values of this type agree without a closer look."""
    if isinstance(tolerance, Exact):
        return kind in (int, float, str, bool)
    return isinstance(tolerance, Close) and kind in (int, float, bool)


def _difference_of_nothings(
    left: str | None, right: str | None, equal: frozenset[str]
) -> Kind | None:
    """Return how two answers differ of which at least one is nothing; None stands for a value."""
    if left == right or (left in equal and right in equal):
        return None
    if "null or nan" in (left, right) and _may_be_same_nothing({left, right}, equal):
        return None
    return "missing row" if "missing" in (left, right) else "null"


def _may_be_same_nothing(pair: set[str | None], equal: frozenset[str]) -> bool:
    """Return whether a pair is alike of which one end is null or NaN, and nobody knows which."""
    if pair & {"null", "nan"}:
        return True
    # Beside a missing row it is the same only where missing counts as one of the two.
    return pair - {"null or nan"} <= equal & {"missing"}


def _difference_of_values(
    left: Any,
    right: Any,
    tolerance: Tolerance,
    equal: frozenset[str],
) -> Kind | None:
    families = family(left), family(right)
    if set(families) <= NUMBERS:
        is_typed = isinstance(tolerance, Exact) and tolerance.dtype
        if is_typed and families[0] != families[1]:
            return "dtype"
        return _difference_of_numbers(left, right, tolerance)
    if families[0] != families[1]:
        return "dtype"
    match families[0]:
        case "datetime" | "date" | "duration" | "time":
            return _difference_of_times(left, right, tolerance)
        case "list":
            return _difference_of_lists(left, right, tolerance, equal)
        case "struct":
            return _difference_of_structs(left, right, tolerance, equal)
        case "string" | "bytes" if isinstance(tolerance, Close) and left != right:
            raise ToleranceError(families[0])
    return None if left == right else "value"


def family(value: object) -> str:
    """Return the family of types that a plain value belongs to."""
    if isinstance(value, ExactTime):
        return value.kind
    for kinds, name in _FAMILIES:
        if isinstance(value, kinds):
            return name
    return type(value).__name__


# In this order: a bool is an int to Python, and a datetime a date.
_FAMILIES: tuple[tuple[Any, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (Decimal, "decimal"),
    (Fraction, "fraction"),
    (str, "string"),
    (bytes, "bytes"),
    (datetime, "datetime"),
    (date, "date"),
    (timedelta, "duration"),
    (time, "time"),
    (list, "list"),
    (Mapping, "struct"),
)
NUMBERS = frozenset(["bool", "int", "float", "decimal", "fraction"])
"""Families that compare with each other."""


def _difference_of_numbers(left: Any, right: Any, tolerance: Tolerance) -> Kind | None:
    # Python compares int with float exactly, also beyond 2**53.
    if left == right:
        return None
    if not isinstance(tolerance, Close) or not (_is_finite(left) and _is_finite(right)):
        return "value"
    if isinstance(tolerance.abs, timedelta):
        raise ToleranceError("number with a timedelta")
    # Whole numbers have no rounding to be excused: one off by 1 is wrong, however large it is.
    if not tolerance.explicit and _are_exact_numbers(left, right):
        return "value"
    are_close = _are_floats_close if type(left) is type(right) is float else _are_numbers_close
    if are_close(left, right, tolerance.abs, tolerance.rel):
        return None
    if tolerance.ulps is not None and _is_within_ulps(left, right, tolerance.ulps):
        return None
    return "value"


def _are_exact_numbers(left: Any, right: Any) -> bool:
    if not (isinstance(left, float | int) and isinstance(right, float | int)):
        return False
    if max(abs(left), abs(right)) >= EXACT_INTS:
        return False
    return float(left).is_integer() and float(right).is_integer()


def _are_floats_close(left: float, right: float, absolute: float, relative: float) -> bool:
    gap, larger = abs(left - right), max(abs(left), abs(right))
    return gap <= absolute + relative * larger


def _are_numbers_close(left: Any, right: Any, absolute: float, relative: float) -> bool:
    if _is_vast(left) or _is_vast(right):
        return _are_vast_close(left, right, absolute, relative)
    # Decimals and big ints are compared exactly: float() would round them, or overflow.
    exact_left, exact_right = Fraction(left), Fraction(right)
    larger = max(abs(exact_left), abs(exact_right))
    allowed = Fraction(absolute) + Fraction(relative) * larger
    return abs(exact_left - exact_right) <= allowed


def _is_vast(value: Any) -> bool:
    return isinstance(value, Decimal) and abs(value.adjusted()) > VAST


def _are_vast_close(left: Any, right: Any, absolute: float, relative: float) -> bool:
    """Return whether two numbers are close of which one is a Decimal of a vast exponent."""
    with localcontext(Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])):
        ends = _decimal_of(left), _decimal_of(right)
        gap = abs(ends[0] - ends[1])
        allowed = Decimal(absolute) + Decimal(relative) * max(abs(ends[0]), abs(ends[1]))
        return bool(gap <= allowed)


def _decimal_of(value: Any) -> Decimal:
    if isinstance(value, Fraction):
        return Decimal(value.numerator) / Decimal(value.denominator)
    return Decimal(value)


VAST = 10_000
"""As a whole number a Decimal of so large an exponent fills memory: 1E+999999999 is one of them."""


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Decimal):
        return value.is_finite()
    return True


def _is_within_ulps(left: Any, right: Any, most: int) -> bool:
    try:
        ulps = ulps_between(float(left), float(right))
    except OverflowError:
        return False
    # None: a Decimal that no float can hold is no float away from another one.
    return ulps is not None and ulps <= most


def _difference_of_times(left: Any, right: Any, tolerance: Tolerance) -> Kind | None:
    if _is_aware(left) != _is_aware(right):
        return "dtype"
    gap = abs(_micros_of(left) - _micros_of(right))
    if not gap:
        return None
    if not isinstance(tolerance, Close):
        return "value"
    if isinstance(tolerance.abs, timedelta):
        return None if gap <= _micros_of(tolerance.abs) else "value"
    # The default is for numbers, and times under it are simply exact; who gives a number means one.
    if tolerance.explicit:
        raise ToleranceError(family(left))
    return "value"


def _is_aware(value: Any) -> bool:
    if isinstance(value, ExactTime):
        return value.zone is not None
    return isinstance(value, datetime | time) and value.tzinfo is not None


def _micros_of(value: Any) -> Any:
    """Return a time in microseconds: an aware datetime in UTC, since clocks repeat an hour."""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, timedelta):
        return micros(value)
    return micros_of(value)


def _difference_of_lists(
    left: list[Any], right: list[Any], tolerance: Tolerance, equal: frozenset[str]
) -> Kind | None:
    if len(left) != len(right):
        return "value"
    for pair in zip(left, right, strict=True):
        if kind := difference(*pair, tolerance, equal):
            return kind
    return None


def _difference_of_structs(
    left: Mapping[Any, Any], right: Mapping[Any, Any], tolerance: Tolerance, equal: frozenset[str]
) -> Kind | None:
    records = _by_key(left, tolerance), _by_key(right, tolerance)
    if records[0].keys() != records[1].keys():
        return "dtype"
    for key, inner in records[0].items():
        if kind := difference(inner, records[1][key], tolerance, equal):
            return kind
    return None


def _by_key(record: Mapping[Any, Any], tolerance: Tolerance) -> dict[Any, Any]:
    """Return a record by what makes two keys the same: numbers by value, as cells are."""
    is_typed = isinstance(tolerance, Exact) and tolerance.dtype
    values = {}
    for name, value in record.items():
        # NaN is not even itself.
        key = name if name == name else "NaN"
        values[(family(name) if is_typed or key != name else "", key)] = value
    return values


def _difference_of_vectors(left: Any, right: Any, tolerance: Vector) -> Kind | None:
    for vector in (left, right):
        if not isinstance(vector, list):
            raise ToleranceError(family(vector))
    if len(left) != len(right):
        return "value"
    if left == right:
        return None
    elements = [*left, *right]
    if not _are_all_numbers(elements):
        # Null has no direction: such vectors agree only where they are the same.
        return _difference_of_lists(left, right, Exact(), frozenset())
    if not all(_is_finite(element) for element in elements):
        return "value"
    try:
        distance = cosine_distance(left, right)
    except OverflowError:
        raise ToleranceError("int beyond float64") from None
    return None if distance <= tolerance.cosine else "value"


def _are_all_numbers(elements: list[Any]) -> bool:
    """Return whether none is null or NaN.

    Raises:
        ToleranceError: one is neither a number nor nothing.
    """
    has_nothing = False
    for element in elements:
        if nothing_of(element) is not None:
            has_nothing = True
        elif family(element) not in NUMBERS:
            raise ToleranceError(family(element))
    return not has_nothing


def _gap(left: Any, right: Any) -> float | int | None:
    """Return how far two numbers are apart: as a float if it fits, else as an int."""
    if not isinstance(left, Decimal) and not isinstance(right, Decimal):
        with contextlib.suppress(OverflowError):  # an int beyond the floats
            gap = abs(left - right)
            # 0.0 between unequal ones: an int was rounded to the float beside it.
            if gap or left == right or math.isnan(gap):
                return None if math.isnan(gap) else gap
    if _is_vast(left) or _is_vast(right):
        return None
    try:
        exact = abs(Fraction(left) - Fraction(right))
    except (OverflowError, ValueError):
        return None  # an infinity, or NaN
    try:
        return float(exact)
    except OverflowError:
        return int(exact)


def magnitude(left: Any, right: Any) -> Any:
    """Return `|left - right|`: a number, a length of time, or None where there is none."""
    families = {family(left), family(right)}
    # That one of two flags is set is no distance.
    if families == {"bool"}:
        return None
    if families <= NUMBERS:
        return _gap(left, right)
    if families in ({"datetime"}, {"date"}, {"duration"}) and _is_aware(left) == _is_aware(right):
        return time_of("duration", Fraction(abs(_micros_of(left) - _micros_of(right))))
    return None
