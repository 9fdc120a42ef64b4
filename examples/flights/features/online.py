"""Online: one small state for each aircraft or carrier, kept flight by flight."""

from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from features.batch import ALPHA
from features.log import NEW_YORK

Flight = Mapping[str, Any]
DAY, WEEK, MONTH = timedelta(days=1), timedelta(days=7), timedelta(days=30)
CLOCK = ZoneInfo(NEW_YORK)


class Trailing:
    """The flights of a window whose start only moves forward, and their totals."""

    def __init__(self) -> None:
        self.flights: deque[Flight] = deque()
        self.destinations: Counter[str] = Counter()
        self.departed = self.delay = 0

    def __len__(self) -> int:
        return len(self.flights)

    def add(self, flight: Flight) -> None:
        self.flights.append(flight)
        self._count(flight, 1)

    def since(self, start: datetime) -> Self:
        while self.flights and self.flights[0]["ts"] < start:
            self._count(self.flights.popleft(), -1)
        return self

    def _count(self, flight: Flight, sign: int) -> None:
        self.destinations[flight["dest"]] += sign
        if not self.destinations[flight["dest"]]:
            del self.destinations[flight["dest"]]
        if flight["dep_delay"] is not None:
            self.departed += sign
            self.delay += sign * flight["dep_delay"]


class Delays:
    """The features of one aircraft or carrier."""

    def __init__(self) -> None:
        self.day, self.today, self.week, self.month = (Trailing() for _ in range(4))
        self.last: Flight | None = None
        self.smoothed: float | None = None

    def update(self, flight: Flight) -> None:
        for window in (self.day, self.today, self.week, self.month):
            window.add(flight)
        if flight["dep_delay"] is not None:
            self.last = flight
            self.smoothed = self.smooth(flight["dep_delay"])

    def smooth(self, delay: int) -> float:
        before = delay if self.smoothed is None else self.smoothed
        return before + ALPHA * (delay - before)

    def flights_24h(self, as_of: datetime) -> int:
        return len(self.day.since(as_of - DAY))

    def flights_today(self, as_of: datetime) -> int:
        local = as_of.astimezone(CLOCK)
        return len(self.today.since(local.replace(hour=0, minute=0, second=0, microsecond=0)))

    def delay_mean_7d(self, as_of: datetime) -> float | None:
        week = self.week.since(as_of - WEEK)
        return week.delay / week.departed if week.departed else None

    def cancelled_share_30d(self, as_of: datetime) -> float | None:
        month = self.month.since(as_of - MONTH)
        return (len(month) - month.departed) / len(month) if len(month) else None

    def destinations_30d(self, as_of: datetime) -> int:
        return len(self.month.since(as_of - MONTH).destinations)

    def last_delay(self, _as_of: datetime) -> int | None:
        return self.last["dep_delay"] if self.last else None

    def hours_since_departure(self, as_of: datetime) -> float | None:
        return (as_of - self.last["ts"]) / timedelta(hours=1) if self.last else None

    def delay_ewma(self, _as_of: datetime) -> float | None:
        return self.smoothed


FEATURES = (
    *("flights_24h", "flights_today", "delay_mean_7d", "cancelled_share_30d"),
    *("destinations_30d", "last_delay", "hours_since_departure", "delay_ewma"),
)


class AircraftOnline:
    """The service for aircraft: flights in, features out."""

    key = "tailnum"
    state: type[Delays] = Delays

    def __init__(self) -> None:
        self.states: dict[str, Delays] = {}

    def update(self, flight: Flight) -> None:
        if flight[self.key] is not None:
            self.states.setdefault(flight[self.key], self.state()).update(flight)

    def query(self, request: Mapping[str, Any]) -> dict[str, float | None]:
        delays = self.states.get(request[self.key], self.state())
        return {name: getattr(delays, name)(request["as_of"]) for name in FEATURES}


class CarrierOnline(AircraftOnline):
    """The service for carriers."""

    key = "carrier"
