"""Calendars done right on both sides, and both readings of as_of."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

import skewtest as sk
from quality.registry import equivalent
from quality.tables import KEYS, Row, onto

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
DAY, WEEK = timedelta(days=1), timedelta(days=7)

rides = sk.Source(
    "rides", time="ts", columns={"user_id": sk.key(), "km": sk.floats(0, 80, nullable=True)}
)


def local(column: str, zone: str) -> pl.Expr:
    """Return a time column as wall-clock time of a zone."""
    return pl.col(column).dt.convert_time_zone(zone)


class RidesToday:
    def __init__(self) -> None:
        self._times: dict[str, list[datetime]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._times[event["user_id"]].append(event["ts"].astimezone(NEW_YORK))

    def query(self, request: Row) -> Row:
        today = request["as_of"].astimezone(NEW_YORK).date()
        times = self._times[request["user_id"]]
        return {
            "rides_today": sum(ts.date() == today for ts in times),
            "night_rides": sum(ts.hour < 6 for ts in times),
            "active_days": len({ts.date() for ts in times}),
        }


def rides_today(rides: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    zone = "America/New_York"
    past = spine.join(rides, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(
        rides_today=(local("ts", zone).dt.date() == local("as_of", zone).dt.date()).sum(),
        night_rides=(local("ts", zone).dt.hour() < 6).sum(),
        active_days=local("ts", zone).dt.date().n_unique(),
    )
    return onto(spine, found, rides_today=0, night_rides=0, active_days=0)


equivalent(
    sk.FeatureView(
        "local_days_in_new_york",
        sources=[rides],
        entity=["user_id"],
        batch=rides_today,
        online=RidesToday,
        features={"rides_today": sk.exact(), "night_rides": sk.exact(), "active_days": sk.exact()},
        zone="America/New_York",
    )
)


class Yesterday:
    """Finds yesterday between two local midnights, however far apart they are."""

    def __init__(self) -> None:
        self._rides: dict[str, list[tuple[datetime, float]]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._rides[event["user_id"]].append((event["ts"], event["km"] or 0.0))

    def query(self, request: Row) -> Row:
        now = request["as_of"].astimezone(BERLIN)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        start, end = (today - DAY).astimezone(UTC), today.astimezone(UTC)
        rides = self._rides[request["user_id"]]
        return {"km_yesterday": sum(km for ts, km in rides if start <= ts < end)}


def km_yesterday(rides: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    day, today = (local(name, "Europe/Berlin").dt.date() for name in ("ts", "as_of"))
    pairs = spine.join(rides, on="user_id").filter(day == today.dt.offset_by("-1d"))
    return onto(spine, pairs.group_by(KEYS).agg(km_yesterday=pl.col("km").sum()), km_yesterday=0.0)


equivalent(
    sk.FeatureView(
        "yesterday_between_two_midnights",
        sources=[rides],
        entity=["user_id"],
        batch=km_yesterday,
        online=Yesterday,
        features={"km_yesterday": sk.close()},
        zone="Europe/Berlin",
    )
)


class MonthToDate:
    def __init__(self) -> None:
        self._count: dict[tuple[str, int, int], int] = defaultdict(int)
        self._weekdays: dict[str, list[int]] = defaultdict(lambda: [0] * 7)

    def update(self, event: Row) -> None:
        self._count[event["user_id"], event["ts"].year, event["ts"].month] += 1
        self._weekdays[event["user_id"]][event["ts"].weekday()] += 1

    def query(self, request: Row) -> Row:
        user, as_of = request["user_id"], request["as_of"]
        return {
            "rides_month_to_date": self._count[user, as_of.year, as_of.month],
            "weekend_rides": sum(self._weekdays[user][5:]),
        }


def month_to_date(rides: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(rides, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(
        rides_month_to_date=(pl.col("ts") >= pl.col("as_of").dt.truncate("1mo")).sum(),
        weekend_rides=(pl.col("ts").dt.weekday() >= 6).sum(),
    )
    return onto(spine, found, rides_month_to_date=0, weekend_rides=0)


equivalent(
    sk.FeatureView(
        "month_to_date_in_utc",
        sources=[rides],
        entity=["user_id"],
        batch=month_to_date,
        online=MonthToDate,
        features={"rides_month_to_date": sk.exact(), "weekend_rides": sk.exact()},
    )
)


class RidesUpTo:
    """Counts an event at as_of, and one exactly a week before it."""

    def __init__(self) -> None:
        self._times: dict[str, list[datetime]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._times[event["user_id"]].append(event["ts"])

    def query(self, request: Row) -> Row:
        as_of, times = request["as_of"], self._times[request["user_id"]]
        last = (as_of - times[-1]).total_seconds() if times else None
        return {"rides_7d": sum(as_of - WEEK <= ts <= as_of for ts in times), "idle_seconds": last}


def rides_up_to(rides: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    age = (pl.col("as_of") - pl.col("ts")).dt.total_microseconds()
    past = spine.join(rides, on="user_id").filter(age >= 0)
    found = past.group_by(KEYS).agg(
        rides_7d=(age <= 604_800_000_000).sum(), idle_seconds=age.min() / 1_000_000
    )
    return onto(spine, found, rides_7d=0)


equivalent(
    sk.FeatureView(
        "inclusive_as_of_on_both_sides",
        sources=[rides],
        entity=["user_id"],
        batch=rides_up_to,
        online=RidesUpTo,
        features={"rides_7d": sk.exact(), "idle_seconds": sk.close()},
        windows=[WEEK],
        as_of="inclusive",
    )
)
