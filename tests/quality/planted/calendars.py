"""Days in another zone, and days that do not last 24 hours."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)

rides = sk.Source(
    "rides", time="ts", columns={"user_id": sk.key(), "km": sk.floats(0, 80, step=0.1)}
)


class RidesToday:
    def __init__(self) -> None:
        self._rides: dict[tuple[str, object], int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._rides[event["user_id"], event["ts"].date()] += 1

    def query(self, request: Row) -> Row:
        return {"rides_today": self._rides[request["user_id"], request["as_of"].date()]}


def rides_today(rides: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    day, today = (
        pl.col(name).dt.convert_time_zone("America/New_York").dt.date() for name in ("ts", "as_of")
    )
    pairs = spine.join(rides, on="user_id").filter(pl.col("ts") < pl.col("as_of"), day == today)
    return onto(spine, pairs.group_by(KEYS).agg(rides_today=pl.len()), rides_today=0)


planted(
    sk.FeatureView(
        "local_day_against_utc_day",
        sources=[rides],
        entity=["user_id"],
        batch=rides_today,
        online=RidesToday,
        features={"rides_today": sk.exact()},
        zone="America/New_York",
    ),
    cause="time.zone",
    feature="rides_today",
    known_minimum=1,
)


class WeekdayRides:
    def __init__(self) -> None:
        self._rides: dict[str, list[int]] = defaultdict(lambda: [0] * 7)

    def update(self, event: Row) -> None:
        self._rides[event["user_id"]][event["ts"].astimezone(BERLIN).weekday()] += 1

    def query(self, request: Row) -> Row:
        monday_first = self._rides[request["user_id"]]
        return {"monday_rides": monday_first[0], "weekend_rides": sum(monday_first[5:])}


def weekday_rides(rides: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    past = spine.join(rides, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    weekday = pl.col("ts").dt.weekday()
    found = past.group_by(KEYS).agg(
        monday_rides=(weekday == 1).sum(), weekend_rides=(weekday >= 6).sum()
    )
    return onto(spine, found, monday_rides=0, weekend_rides=0)


planted(
    sk.FeatureView(
        "weekday_in_a_zone_nobody_declared",
        sources=[rides],
        entity=["user_id"],
        batch=weekday_rides,
        online=WeekdayRides,
        features={"monday_rides": sk.exact(), "weekend_rides": sk.exact()},
    ),
    cause="time.zone",
    feature="weekend_rides",
    known_minimum=1,
)


class NightRides:
    """Knows New York as UTC-5."""

    def __init__(self) -> None:
        self._night: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        local = event["ts"].astimezone(timezone(timedelta(hours=-5)))
        self._night[event["user_id"]] += local.hour < 6

    def query(self, request: Row) -> Row:
        return {"night_rides": self._night[request["user_id"]]}


def night_rides(rides: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    night = rides[rides["ts"].dt.tz_convert("America/New_York").dt.hour < 6]
    pairs = spine.merge(night, on="user_id")
    past = pairs[pairs["ts"] < pairs["as_of"]]
    counts = past.groupby(["user_id", "as_of"]).size().rename("night_rides").reset_index()
    return spine.merge(counts, how="left").fillna({"night_rides": 0})


planted(
    sk.FeatureView(
        "standard_time_all_year",
        sources=[rides],
        entity=["user_id"],
        batch=night_rides,
        online=NightRides,
        features={"night_rides": sk.exact()},
        zone="America/New_York",
    ),
    cause="time.zone",
    feature="night_rides",
    known_minimum=1,
)


class KmYesterday:
    """Takes yesterday for the 24 hours before local midnight."""

    def __init__(self) -> None:
        self._rides: dict[str, list[tuple[datetime, float]]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._rides[event["user_id"]].append((event["ts"], event["km"]))

    def query(self, request: Row) -> Row:
        local = request["as_of"].astimezone(BERLIN)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        rides = self._rides[request["user_id"]]
        return {"km_yesterday": sum(km for ts, km in rides if midnight - DAY <= ts < midnight)}


def km_yesterday(rides: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    day, today = (
        pl.col(name).dt.convert_time_zone("Europe/Berlin").dt.date() for name in ("ts", "as_of")
    )
    pairs = spine.join(rides, on="user_id").filter(day == today.dt.offset_by("-1d"))
    return onto(spine, pairs.group_by(KEYS).agg(km_yesterday=pl.col("km").sum()), km_yesterday=0.0)


planted(
    sk.FeatureView(
        "yesterday_has_24_hours",
        sources=[rides],
        entity=["user_id"],
        batch=km_yesterday,
        online=KmYesterday,
        features={"km_yesterday": sk.close()},
    ),
    cause="time.zone",
    feature="km_yesterday",
    known_minimum=1,
)


class KmThisWeek:
    def __init__(self) -> None:
        self._rides: dict[str, list[tuple[datetime, float]]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._rides[event["user_id"]].append((event["ts"], event["km"]))

    def query(self, request: Row) -> Row:
        start = request["as_of"] - timedelta(hours=168)
        return {"km_7d": sum(km for ts, km in self._rides[request["user_id"]] if ts >= start)}


def km_seven_days(rides: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    local = pl.col("as_of").dt.convert_time_zone("America/New_York")
    start = local.dt.offset_by("-7d").dt.convert_time_zone("UTC")
    pairs = spine.join(rides, on="user_id").filter(
        pl.col("ts") >= start, pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, pairs.group_by(KEYS).agg(km_7d=pl.col("km").sum()), km_7d=0.0)


planted(
    sk.FeatureView(
        "seven_days_or_168_hours",
        sources=[rides],
        entity=["user_id"],
        batch=km_seven_days,
        online=KmThisWeek,
        features={"km_7d": sk.close()},
        windows=[timedelta(days=7)],
        zone="America/New_York",
    ),
    cause="time.zone",
    feature="km_7d",
    known_minimum=1,
)


class HourOfLastRide:
    """Subtracts wall clocks: both times are in one zone, so their difference is of the clocks."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def update(self, event: Row) -> None:
        self._last[event["user_id"]] = event["ts"].astimezone(NEW_YORK)

    def query(self, request: Row) -> Row:
        last = self._last.get(request["user_id"])
        if last is None:
            return {"hours_since_ride": None}
        gap = request["as_of"].astimezone(NEW_YORK) - last
        return {"hours_since_ride": gap.total_seconds() / 3600}


def hours_since_ride(rides: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(rides, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    age = (pl.col("as_of") - pl.col("ts")).dt.total_microseconds() / 3.6e9
    return onto(spine, past.group_by(KEYS).agg(hours_since_ride=age.min()))


planted(
    sk.FeatureView(
        "difference_of_wall_clocks",
        sources=[rides],
        entity=["user_id"],
        batch=hours_since_ride,
        online=HourOfLastRide,
        features={"hours_since_ride": sk.close()},
    ),
    cause="time.zone",
    feature="hours_since_ride",
    known_minimum=1,
)
