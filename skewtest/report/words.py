"""Values, times and tolerances as reports show them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from skewtest.compare.values import magnitude, nothing_of
from skewtest.declare.tolerance import Exact, Tolerance, Vector
from skewtest.sides.answers import Failure, Nothing
from skewtest.times import DAY_US, HOUR_US, SECOND_US, micros

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
    if isinstance(value, Nothing):
        return value.name
    if isinstance(value, Failure):
        return "failed"
    if isinstance(value, float):
        return "NaN" if value != value else repr(value)
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, str):
        return _string_text(value)
    if isinstance(value, timedelta):
        return f"{micros(value) / 1e6:g} s" if micros(value) % 1_000_000 else str(value)
    if isinstance(value, date | Decimal):
        return shorten(str(value))
    return shorten(repr(value))


def moment_text(moment: datetime) -> str:
    """Return a datetime; the zone is shown unless it is UTC or none."""
    text = moment.replace(tzinfo=None).isoformat(sep=" ")
    if moment.tzinfo is None or moment.tzinfo is UTC or moment.utcoffset() == timedelta(0):
        return text
    return f"{text}{moment.strftime('%z')}"


def tolerance_text(tolerance: Tolerance) -> str:
    """Return a tolerance as it is declared."""
    match tolerance:
        case Exact(dtype=dtype):
            return "exact(dtype=True)" if dtype else "exact()"
        case Vector(cosine=cosine):
            return f"vector(cosine={cosine:g})"
    if not tolerance.explicit:
        return "close()"
    apart = value_text(tolerance.abs) if isinstance(tolerance.abs, timedelta) else tolerance.abs
    bounds = {"rel": tolerance.rel, "abs": apart, "ulps": tolerance.ulps}
    declared = [f"{name}={bound}" for name, bound in bounds.items() if bound]
    return f"close({', '.join(declared)})"


def length_text(length: int) -> str:
    """Return a length of time, in microseconds, by its two largest units: "1 h 30 min"."""
    parts = []
    for size, unit in UNITS:
        count, length = divmod(length, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 us"


def shorten(text: str, most: int = LONGEST_TEXT) -> str:
    """Return a text cut to `most` characters, with its true length."""
    return text if len(text) <= most else f"{text[: most - 20]}... ({len(text):,} chars)"


def difference_text(left: Any, right: Any) -> str:
    """Return how far two answers are apart, or "" where they are the same or no distance is."""
    no_left, no_right = nothing_of(left), nothing_of(right)
    if no_left or no_right:
        return "" if no_left == no_right else "not both have a value"
    gap = magnitude(left, right)
    if gap is None and type(left) is not type(right):
        return f"{type(left).__name__} against {type(right).__name__}"
    if gap is None:
        return "" if left == right else "differs"
    if not gap:
        return ""
    return f"{gap:.6g}" if isinstance(gap, float) else value_text(gap)


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it takes one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _string_text(value: str) -> str:
    # What could be taken for a number, for nothing, or not be seen at all is quoted.
    is_odd = value in ("", "null", "NaN") or value.isnumeric()
    is_plain = not is_odd and value.isprintable() and value == value.strip()
    return shorten(value) if is_plain else shorten(repr(value))
