"""What the bounds of a column must be: numbers in range and order, moments as its zone has them."""

import math
from datetime import datetime, timedelta
from typing import Any

from skewtest.errors import DeclarationError
from skewtest.times import TimeType, micros


def check_moment(place: str, moment: object, zone: str | None) -> datetime:
    """Return a datetime that is aware exactly where a zone is given.

    Args:
        place: how errors call it.
        moment: what was declared.
        zone: IANA zone; None for naive times.

    Raises:
        DeclarationError: it is no datetime, or aware where it must not be, or the reverse.
    """
    if not isinstance(moment, datetime):
        raise DeclarationError(f"{place} must be a datetime; got {moment!r}")
    if zone is not None and moment.tzinfo is None:
        raise DeclarationError(
            f"{place} must be an aware datetime; got the naive {moment!r}. "
            "Add tzinfo=timezone.utc, or declare the times as naive with zone=None."
        )
    if zone is None and moment.tzinfo is not None:
        raise DeclarationError(f"{place} must be naive because zone=None; got {moment!r}")
    return moment


def check_span(place: str, start: datetime | None, end: datetime | None, zone: str | None) -> None:
    """Raise DeclarationError unless a source begins before it ends, in its own zone."""
    for argument, moment in (("start", start), ("end", end)):
        if moment is not None:
            check_moment(f"{place}: {argument}", moment, zone)
    if start is not None and end is not None and start >= end:
        raise DeclarationError(
            f"{place}: start must be before end; got {start.isoformat()} and {end.isoformat()}"
        )


def check_time_step(place: str, step: object, kind: TimeType) -> None:
    """Raise DeclarationError unless a step is None or a whole number of a time's own ticks."""
    if step is None:
        return
    if not isinstance(step, timedelta) or step <= timedelta(0):
        raise DeclarationError(
            f"{place} must be a timedelta above 0, such as timedelta(seconds=1); got {step!r}"
        )
    if micros(step) % kind.tick:
        raise DeclarationError(
            f"{place} must be a whole number of {kind.unit}, the unit of its times; got {step}"
        )


def check_size(argument: str, size: object) -> None:
    """Raise DeclarationError unless a size is an int above 0."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise DeclarationError(f"{argument} must be an int above 0; got {size!r}")


def check_step(step: float, low: float, high: float) -> float:
    """Return a step as a float.

    Args:
        step: values are whole multiples of it.
        low: smallest value.
        high: largest value.

    Raises:
        DeclarationError: it is not above 0, or has no multiple in the range.
    """
    if not is_finite(step) or step <= 0:
        raise DeclarationError(f"floats(step=...) must be a number above 0; got {step!r}")
    if math.floor(high / step) < math.ceil(low / step):
        raise DeclarationError(
            f"floats(step=...): no multiple of {step!r} lies between {low!r} and {high!r}; "
            "widen the range or take a smaller step"
        )
    return float(step)


def is_finite(bound: object) -> bool:
    """Return whether a value is a number that float64 holds: no infinity, no NaN, no bool."""
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        return False
    try:
        return math.isfinite(bound)
    except OverflowError:  # an int that no float64 holds
        return False


def check_order(kind: str, low: Any, high: Any) -> None:
    """Check that a range is none the wrong way round.

    Args:
        kind: the function that declares the column, for the message.
        low: the smallest value.
        high: the largest value.

    Raises:
        DeclarationError: the smallest exceeds the largest.
    """
    if low > high:
        raise DeclarationError(f"{kind}(min, max): min must not exceed max; got {low!r} > {high!r}")
