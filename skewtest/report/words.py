"""Values, times and tolerances as reports show them."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

from skewtest.compare.values import magnitude, nothing_of
from skewtest.declare.inexact import Inexactness, Resolution, SketchError, Staleness
from skewtest.declare.tolerance import Close, Exact, Tolerance, Vector
from skewtest.sides.answers import Failure, Nothing
from skewtest.times import DAY_US, HOUR_US, SECOND_US, micros
from skewtest.worker.values import spell

# A table of 80 columns has room for one such value beside short ones.
LONGEST_TEXT = 60
UNITS = (
    (DAY_US, "d"),
    (HOUR_US, "h"),
    (60 * SECOND_US, "min"),
    (SECOND_US, "s"),
    (1_000, "ms"),
    (1, "us"),
)


def value_text(value: Any) -> str:
    """Return a value as reports show it: null, NaN and no row apart, odd strings quoted."""
    if value is None:
        return "null"
    for kinds, text_of in _TEXTS:
        if isinstance(value, kinds):
            return text_of(value)
    return shorten(spell(value))


def _float_text(value: float) -> str:
    return "NaN" if math.isnan(value) else repr(value)


def _fraction_text(value: Fraction) -> str:
    is_binary = value.denominator & (value.denominator - 1) == 0
    if not is_binary:
        return shorten(str(value))
    # A long double: 21 digits tell each of 80 bits from the next.
    with localcontext(Context(prec=21)):
        return str(Decimal(value.numerator) / Decimal(value.denominator))


def _timedelta_text(value: timedelta) -> str:
    # Python's own text hides a part of a second in six digits: 0:00:00.250000.
    if micros(value) % SECOND_US:
        return f"{micros(value) / SECOND_US:g} s"
    return str(value)


def moment_text(moment: datetime) -> str:
    """Return a datetime; the zone is shown unless it is UTC or none."""
    text = moment.replace(tzinfo=None).isoformat(sep=" ")
    # utcoffset() of a naive moment is None; of London in winter it is zero, and reads as UTC.
    if not moment.utcoffset():
        return text
    return f"{text}{moment.strftime('%z')}"


def tolerance_text(tolerance: Tolerance) -> str:
    """Return a tolerance as it is declared."""
    if not isinstance(tolerance, Vector) and tolerance.law is not None:
        return _law_text(tolerance, tolerance.law)
    match tolerance:
        case Exact(dtype=dtype):
            return "exact(dtype=True)" if dtype else "exact()"
        case Vector(cosine=cosine):
            return f"vector(cosine={cosine:g})"
    return f"close({', '.join(_bounds_of(tolerance))})"


def _law_text(tolerance: Close | Exact, law: Inexactness) -> str:
    """Return a tolerance with a law as it is declared."""
    bounds = _bounds_of(tolerance) if isinstance(tolerance, Close) else []
    match law:
        case Resolution(length=length):
            return f"close({', '.join([*bounds, f'resolution={value_text(length)}'])})"
        case Staleness(budget=budget):
            within = tolerance_text(replace(tolerance, law=None))
            return f"stale({value_text(budget)}, within={within})"
        case SketchError(probability=probability):
            return f"sketch({', '.join([*bounds, f'probability={probability:g}'])})"


def _bounds_of(tolerance: Close) -> list[str]:
    """Return the bounds that an owner gave; those of the default are ours, and may become wiser."""
    bounds: list[str] = []
    if not tolerance.explicit:
        return bounds
    if tolerance.rel:
        bounds.append(f"rel={tolerance.rel}")
    if isinstance(tolerance.abs, timedelta):
        bounds.append(f"abs={value_text(tolerance.abs)}")
    elif tolerance.abs:
        bounds.append(f"abs={tolerance.abs}")
    if tolerance.ulps:
        bounds.append(f"ulps={tolerance.ulps}")
    return bounds


def length_text(length: int) -> str:
    """Return a length of time, in microseconds, by its two largest units: "1 h 30 min"."""
    parts = []
    for size, unit in UNITS:
        number, length = divmod(length, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 us"


def shorten(text: str, most: int = LONGEST_TEXT) -> str:
    """Return a text cut to `most` characters, with its true length."""
    if len(text) <= most:
        return text
    # 20 characters are for the length that is told at its end.
    return f"{text[: most - 20]}... ({len(text):,} chars)"


def difference_text(left: Any, right: Any) -> str:
    """Return how far two answers are apart, or "" where they are the same or no distance is."""
    no_left, no_right = nothing_of(left), nothing_of(right)
    if no_left or no_right:
        return "" if no_left == no_right else "not both have a value"
    gap = magnitude(left, right)
    if gap is None:
        return _unlike_text(left, right)
    if not gap:
        return ""
    # It tells the size of the gap: both answers stand beside it in full.
    return f"{gap:.6g}" if isinstance(gap, float) else value_text(gap)


def _unlike_text(left: Any, right: Any) -> str:
    """Return how two answers differ that have no distance, such as texts; "" where they do not."""
    if type(left) is not type(right):
        return f"{type(left).__name__} against {type(right).__name__}"
    return "" if left == right else "differs"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it takes one."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun}s"


def _string_text(value: str) -> str:
    # What could be taken for a number, for nothing, or not be seen at all is quoted.
    is_odd = value in ("", "null", "NaN") or value.isnumeric()
    if is_odd or not value.isprintable() or value != value.strip():
        return shorten(repr(value))
    return shorten(value)


_TEXTS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (Nothing, lambda value: value.name),
    (Failure, lambda _value: "failed"),
    (float, _float_text),
    # Before date, which it is as well.
    (datetime, moment_text),
    (str, _string_text),
    (timedelta, _timedelta_text),
    (Fraction, _fraction_text),
    (date | Decimal, lambda value: shorten(str(value))),
)
