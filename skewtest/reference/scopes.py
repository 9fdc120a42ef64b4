"""Over which of the events that count a statistic is taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Protocol, get_args
from zoneinfo import ZoneInfo

from skewtest.declare.arguments import check_choice
from skewtest.errors import DeclarationError
from skewtest.reference.rows import Event
from skewtest.times import DAY_US, EPOCH, HOUR_US, MICROSECOND, check_zone, micros, midnights

Unit = Literal["hour", "day", "week", "month", "quarter", "year"]
Edge = Literal["closed", "open"]
MONTHS = {"month": 1, "quarter": 3, "year": 12}


class Scope(Protocol):
    """Picks some of the events that count at a moment, given in sequence order."""

    def pick(self, events: Sequence[Event], moment: int) -> Sequence[Event]:
        """Return those that a statistic is taken over."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Everything that counts."""

    def pick(self, events: Sequence[Event], _moment: int) -> Sequence[Event]:
        """See Scope."""
        return events


@dataclass(frozen=True, slots=True)
class Window:
    """See `window`."""

    length: int
    start: Edge = "closed"

    def pick(self, events: Sequence[Event], moment: int) -> Sequence[Event]:
        """See Scope."""
        first = moment - self.length
        if self.start == "open":
            return [event for event in events if event.at > first]
        return [event for event in events if event.at >= first]


@dataclass(frozen=True, slots=True)
class LastEvents:
    """See `last_events`."""

    count: int

    def pick(self, events: Sequence[Event], _moment: int) -> Sequence[Event]:
        """See Scope."""
        return events[-self.count :]


@dataclass(frozen=True, slots=True)
class Calendar:
    """See `calendar`."""

    unit: Unit
    zone: str | None = None
    ago: int = 0

    def pick(self, events: Sequence[Event], moment: int) -> Sequence[Event]:
        """See Scope."""
        start = self.start_of(moment, self.ago)
        end = self.start_of(moment, self.ago - 1)
        return [event for event in events if start <= event.at < end]

    def start_of(self, moment: int, ago: int) -> int:
        """Return when a period begins, `ago` periods before the one that holds a moment."""
        local = EPOCH + moment * MICROSECOND
        if self.zone is not None:
            local = local.astimezone(ZoneInfo(self.zone))
        if self.unit == "hour":
            into_hour = timedelta(
                minutes=local.minute, seconds=local.second, microseconds=local.microsecond
            )
            return moment - micros(into_hour) - ago * HOUR_US
        days = (_first_day(local.date(), self.unit, ago) - date(1970, 1, 1)).days
        return days * DAY_US if self.zone is None else int(midnights([days], self.zone)[0])


def _first_day(day: date, unit: Unit, ago: int) -> date:
    """Return the first day of the period that holds a day, or of one so many periods before it."""
    if unit == "day":
        return day - timedelta(days=ago)
    if unit == "week":  # it begins on Monday
        return day - timedelta(days=day.weekday() + 7 * ago)
    size = MONTHS[unit]
    months = (day.year * 12 + day.month - 1) // size * size - ago * size
    return date(months // 12, months % 12 + 1, 1)


def window(length: timedelta, *, start: Edge = "closed") -> Window:
    """Return the events of the last `length`: `[as_of - length, as_of)`.

    The near end is the view's rule for `as_of`: it counts where the view is "inclusive".

    Args:
        length: above 0.
        start: whether an event exactly `length` old counts ("closed") or not ("open").

    Raises:
        DeclarationError: an argument is neither.
    """
    if not isinstance(length, timedelta) or length <= timedelta(0):
        raise DeclarationError(f"window(length) must be a timedelta above 0; got {length!r}")
    check_choice("window(...)", "start", start, get_args(Edge))
    return Window(micros(length), start)


def calendar(unit: Unit, *, zone: str | None = None, ago: int = 0) -> Calendar:
    """Return the events of the calendar period that holds `as_of`, up to `as_of`.

    Args:
        unit: "hour", "day", "week" (from Monday), "month", "quarter" or "year".
        zone: the IANA zone whose clock tells days; None: the clock of the times themselves, which
            is UTC where they have a zone.
        ago: 0 for the period that runs, 1 for the whole one before it, and so on.

    Raises:
        DeclarationError: there is no such unit or zone, or `ago` is no int of at least 0.
    """
    check_choice("calendar(...)", "unit", unit, get_args(Unit))
    check_zone("calendar(zone=...)", zone)
    if isinstance(ago, bool) or not isinstance(ago, int) or ago < 0:
        raise DeclarationError(f"calendar(ago=...) must be an int of at least 0; got {ago!r}")
    return Calendar(unit, zone, ago)


def last_events(count: int) -> LastEvents:
    """Return the last `count` events, ties of time in order of arrival.

    Events that `where=` or `source=` leaves out do not count among them; those with a null do.

    Raises:
        DeclarationError: `count` is no int above 0.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise DeclarationError(f"last_events(count) must be an int above 0; got {count!r}")
    return LastEvents(count)


def scope_of(place: str, over: object) -> Scope:
    """Return the scope that `over=` says: None is a lifetime, a timedelta a window.

    Raises:
        DeclarationError: it is none.
    """
    if over is None:
        return Lifetime()
    if isinstance(over, timedelta):
        return window(over)
    if isinstance(over, Lifetime | Window | LastEvents | Calendar):
        return over
    raise DeclarationError(
        f"{place}: over must be None, a timedelta, window(...), calendar(...) or last_events(...); "
        f"got {over!r}"
    )
