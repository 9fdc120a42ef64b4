"""Times that Python's own types cannot hold: finer than a microsecond, or beyond the year 9999."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

from .zones import MICROSECOND, instant_of, moment_of, zone_of

DAY_US = 86_400_000_000
# Microseconds of a unit of time, by the names that numpy, pandas, polars and Arrow share.
MICROS_OF_UNIT = {
    "W": Fraction(7 * DAY_US),
    "D": Fraction(DAY_US),
    "h": Fraction(3_600_000_000),
    "m": Fraction(60_000_000),
    "s": Fraction(1_000_000),
    "ms": Fraction(1_000),
    "us": Fraction(1),
    "ns": Fraction(1, 10**3),
    "ps": Fraction(1, 10**6),
    "fs": Fraction(1, 10**9),
    "as": Fraction(1, 10**12),
}
# Of a second: numpy counts down to attoseconds.
DIGITS = 18


class ExactTime:
    """An instant, a day, a length of time or a time of day, to its last digit.

    Attributes:
        kind: "datetime", "date", "duration" or "time".
        micros: microseconds since 1970 (UTC where there is a zone), of length, or since midnight.
        zone: name of an instant's zone; None where it has none.
    """

    __slots__ = ("kind", "micros", "zone")

    def __init__(self, kind: str, micros: Fraction, zone: str | None = None) -> None:
        self.kind = kind
        self.micros = micros
        self.zone = zone

    def __eq__(self, other: object) -> bool:
        # One instant is the same in every zone, and another thing without one.
        return isinstance(other, ExactTime) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __bool__(self) -> bool:
        return bool(self.micros)

    def __reduce__(self) -> Any:
        return ExactTime, (self.kind, self.micros, self.zone)

    def __repr__(self) -> str:
        whole = self.micros // 1_000_000
        fraction = self.micros - whole * 1_000_000
        digits = "%0*d" % (DIGITS, fraction * 10 ** (DIGITS - 6))
        return "%s.%s" % (self._text_of_seconds(whole), digits.rstrip("0") or "0")

    def _identity(self) -> tuple[str, bool, Fraction]:
        return self.kind, self.zone is None, self.micros

    def _text_of_seconds(self, seconds: int) -> str:
        length = "%d s" % seconds
        try:
            if self.kind in ("datetime", "date"):
                return str(moment_of(seconds * 1_000_000, None))
            length = str(timedelta(seconds=seconds))
        except OverflowError:
            return length
        return length


def time_of(kind: str, micros: Fraction, zone: str | None = None) -> Any:
    """Return a time of Python's own type where it holds it to the last digit, else exactly.

    Args:
        kind: see ExactTime.
        micros: see ExactTime.
        zone: see ExactTime.
    """
    if micros.denominator == 1:
        try:
            return _python_time(kind, int(micros), zone)
        except (OverflowError, ValueError):  # beyond the years or days that Python counts
            pass
    return ExactTime(kind, micros, zone)


def _python_time(kind: str, micros: int, zone: str | None) -> Any:
    if kind == "datetime":
        return moment_of(micros, zone_of(zone))
    if kind == "duration":
        return timedelta(microseconds=micros)
    if kind == "date":
        return moment_of(micros, None).date()
    hours, rest = divmod(micros, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    return time(hours, minutes, *divmod(rest, 1_000_000))


def micros_of(value: Any) -> Fraction:
    """Return the microseconds of a time of Python's, or of an ExactTime, as that has them."""
    if isinstance(value, ExactTime):
        return value.micros
    if isinstance(value, timedelta):
        return Fraction(value // MICROSECOND)
    if isinstance(value, datetime):
        return Fraction(instant_of(value))
    if isinstance(value, date):
        return Fraction(instant_of(datetime(value.year, value.month, value.day)))
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    offset = value.utcoffset() or timedelta(0)
    return Fraction(seconds * 1_000_000 + value.microsecond - offset // MICROSECOND)


class Unit:
    """How the whole numbers of a column are times."""

    __slots__ = ("kind", "micros", "zone")

    def __init__(self, kind: str, unit: str, zone: str | None = None) -> None:
        self.kind = kind
        self.micros = MICROS_OF_UNIT[unit]
        self.zone = zone

    def time_of(self, count: int | None) -> Any:
        """Return the time of a number, None for None."""
        if count is None:
            return None
        return time_of(self.kind, count * self.micros, self.zone)
