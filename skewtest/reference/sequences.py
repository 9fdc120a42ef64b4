"""The catalogue, second half: references that look at the order and the times of events."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal, Unpack, get_args

from skewtest.declare.arguments import check_choice
from skewtest.errors import DeclarationError
from skewtest.reference import exact
from skewtest.reference.measure import EMPTY, Statistic
from skewtest.reference.rows import Event
from skewtest.reference.settings import (
    Settings,
    is_finite,
    make_statistic,
    over_numbers,
    read_values,
)
from skewtest.times import SECOND_US, micros

SessionPart = Literal["count", "events", "seconds"]
GapPart = Literal["last", "mean", "min", "max"]


def ewma(
    column: str, *, alpha: float, adjust: bool = True, **settings: Unpack[Settings]
) -> Statistic:
    """Return the exponentially weighted moving average of a column, by the order of events.

    With `adjust`, the sum of (1 - alpha)**i x over the sum of (1 - alpha)**i, i = 0 for the latest
    value; without, m = m + alpha (x - m) from m = the first value. These are the definitions of
    pandas' `DataFrame.ewm` with `ignore_na=True`; River's `EWMean` is the second one.

    Args:
        column: its name.
        alpha: above 0, at most 1.
        adjust: which of the two.
        settings: see Settings.
    """
    if (
        isinstance(alpha, bool)
        or not isinstance(alpha, int | float | Fraction)
        or not 0 < alpha <= 1
    ):
        raise DeclarationError(f"ewma(alpha=...) must be above 0 and at most 1; got {alpha!r}")
    rule = over_numbers(
        column, settings, lambda numbers: exact.ewma(numbers, Fraction(alpha), adjust=adjust)
    )
    return make_statistic("ewma", [column], rule, settings)


def decay(
    column: str | None,
    *,
    half_life: timedelta,
    normalised: bool = False,
    **settings: Unpack[Settings],
) -> Statistic:
    """Return the sum of a column in which a value loses half its weight in each half-life.

    The sum of x * 2**(-age / half_life), with age = as_of - event time. With `normalised`, that
    over the sum of the weights alone. Weights have 60 digits.

    Args:
        column: its name; None counts events, as if each had the value 1.
        half_life: above 0. For weights exp(-age / tau) it is tau * ln 2.
        normalised: whether it is a mean instead of a sum.
        settings: see Settings.
    """
    half = _check_length("decay(half_life=...)", half_life)

    def weigh(events: Sequence[Event], moment: int) -> Any:
        weighted, weights = Fraction(0), Fraction(0)
        for event in events:
            values = [1] if column is None else read_values([event], column, settings)
            if values is None:
                return None
            if values is EMPTY:
                continue
            if not is_finite(values[0]):
                return float("nan")
            weight = exact.weight(moment - event.at, half)
            weighted += weight * Fraction(values[0])
            weights += weight
        if not weights:
            return EMPTY
        return weighted / weights if normalised else weighted

    columns = () if column is None else (column,)
    empty = None if normalised else 0
    return make_statistic("decay", columns, weigh, settings, empty=empty)


def sessions(
    gap: timedelta,
    *,
    of: SessionPart = "count",
    edge: Literal["same", "new"] = "same",
    **settings: Unpack[Settings],
) -> Statistic:
    """Return how many sessions there are: runs of events without a silence longer than `gap`.

    Args:
        gap: the longest silence within a session.
        of: "count" of sessions, or of the last one the number of "events" or its "seconds" from
            first to last event.
        edge: whether a silence of exactly `gap` leaves events in the "same" session or begins a
            "new" one.
        settings: see Settings.
    """
    length = _check_length("sessions(gap)", gap)
    check_choice("sessions(...)", "of", of, get_args(SessionPart))
    check_choice("sessions(...)", "edge", edge, ("same", "new"))

    def part(events: Sequence[Event], _moment: int) -> Any:
        moments = [event.at for event in events]
        starts = exact.session_starts(moments, length, is_open=edge == "same")
        if of == "count":
            return len(starts)
        if of == "events":
            return len(moments) - starts[-1]
        return Fraction(moments[-1] - moments[starts[-1]], SECOND_US)

    return make_statistic("sessions", (), part, settings, empty=0)


def streak(
    test: Callable[[dict[str, Any]], Any],
    *,
    longest: bool = False,
    **settings: Unpack[Settings],
) -> Statistic:
    """Return how many events in a row pass a test, counted back from the latest.

    Args:
        test: takes an event (a dict of its columns).
        longest: whether it is the longest run there was instead.
        settings: see Settings.
    """
    if not callable(test):
        raise DeclarationError(f"streak(test) must be a function of an event; got {test!r}")

    def run(events: Sequence[Event], _moment: int) -> int:
        flags = [bool(test(event.values)) for event in events]
        if longest:
            return exact.longest_run(flags)
        length = 0
        while length < len(flags) and flags[-1 - length]:
            length += 1
        return length

    return make_statistic("streak", (), run, settings, empty=0)


def gaps(*, of: GapPart = "last", **settings: Unpack[Settings]) -> Statistic:
    """Return the seconds between neighbouring events: the last, the mean, the least or the most.

    With one event there is none, and the answer is `empty`.
    """
    check_choice("gaps(...)", "of", of, get_args(GapPart))

    def measure(events: Sequence[Event], _moment: int) -> Any:
        lengths = []
        for before, after in pairwise(events):
            lengths.append(Fraction(after.at - before.at, SECOND_US))
        if not lengths:
            return EMPTY
        parts = {"last": lengths[-1], "min": min(lengths), "max": max(lengths)}
        return parts[of] if of in parts else exact.mean(lengths)

    return make_statistic("gaps", (), measure, settings)


def since(*, of: Literal["first", "last"] = "last", **settings: Unpack[Settings]) -> Statistic:
    """Return the seconds from the latest event, or the earliest, to `as_of`."""
    check_choice("since(...)", "of", of, ("first", "last"))

    def measure(events: Sequence[Event], moment: int) -> Fraction:
        event = events[0 if of == "first" else -1]
        return Fraction(moment - event.at, SECOND_US)

    return make_statistic("since", (), measure, settings)


def _check_length(place: str, length: object) -> int:
    if not isinstance(length, timedelta) or length <= timedelta(0):
        raise DeclarationError(f"{place} must be a timedelta above 0; got {length!r}")
    return micros(length)
