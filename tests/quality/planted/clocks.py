"""Units of time, and the clock on the wall."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pandas as pd
import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)

pings = sk.Source("pings", time="ts", columns={"user_id": sk.key(), "battery": sk.ints(0, 100)})
calls = sk.Source(
    "calls", time="ts", unit="ms", zone=None, columns={"user_id": sk.key(), "cost": sk.ints(0, 50)}
)


class DaysAgo:
    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def update(self, event: Row) -> None:
        self._last[event["user_id"]] = event["ts"]

    def query(self, request: Row) -> Row:
        last = self._last.get(request["user_id"])
        return {"days_since_ping": last and -(last - request["as_of"]).days}


def days_since_ping(pings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(pings, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    age = (pl.col("as_of") - pl.col("ts")).dt.total_days()
    return onto(spine, past.group_by(KEYS).agg(days_since_ping=age.min()))


planted(
    sk.FeatureView(
        "days_of_a_negative_difference",
        sources=[pings],
        entity=["user_id"],
        batch=days_since_ping,
        online=DaysAgo,
        features={"days_since_ping": sk.exact()},
    ),
    cause="time.unit",
    feature="days_since_ping",
    known_minimum=1,
)


class MinutesAgo(DaysAgo):
    """Reads `.seconds`, which leaves out the days."""

    def query(self, request: Row) -> Row:
        last = self._last.get(request["user_id"])
        return {"minutes_since_ping": last and (request["as_of"] - last).seconds // 60}


def minutes_since_ping(pings: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    past = spine.join(pings, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    age = (pl.col("as_of") - pl.col("ts")).dt.total_minutes()
    return onto(spine, past.group_by(KEYS).agg(minutes_since_ping=age.min()))


planted(
    sk.FeatureView(
        "seconds_without_the_days",
        sources=[pings],
        entity=["user_id"],
        batch=minutes_since_ping,
        online=MinutesAgo,
        features={"minutes_since_ping": sk.exact()},
    ),
    cause="time.unit",
    feature="minutes_since_ping",
    known_minimum=1,
)


class PingsThisHour:
    """Keeps epoch seconds."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[int]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._seconds[event["user_id"]].append(int(event["ts"].timestamp()))

    def query(self, request: Row) -> Row:
        start = int((request["as_of"] - HOUR).timestamp())
        return {"pings_1h": sum(at >= start for at in self._seconds[request["user_id"]])}


def pings_this_hour(pings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    age = pl.col("as_of") - pl.col("ts")
    recent = spine.join(pings, on="user_id").filter(age > timedelta(0), age <= HOUR)
    return onto(spine, recent.group_by(KEYS).agg(pings_1h=pl.len()), pings_1h=0)


planted(
    sk.FeatureView(
        "times_cut_to_seconds",
        sources=[pings],
        entity=["user_id"],
        batch=pings_this_hour,
        online=PingsThisHour,
        features={"pings_1h": sk.exact()},
        windows=[HOUR],
    ),
    cause="time.unit",
    feature="pings_1h",
    known_minimum=1,
)


class LastCall:
    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def update(self, event: Row) -> None:
        self._last[event["user_id"]] = event["ts"]

    def query(self, request: Row) -> Row | None:
        last = self._last.get(request["user_id"])
        return last and {"minutes_since_call": (request["as_of"] - last) / MINUTE}


def minutes_since_call(events: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Take integers for nanoseconds, as they were in older pandas."""
    past = events[events["ts"] < as_of]
    last = past.groupby("user_id")["ts"].max().astype("int64")
    now = pd.Timestamp(as_of).as_unit("ns").value
    return ((now - last) / 60e9).rename("minutes_since_call").reset_index()


planted(
    sk.FeatureView(
        "milliseconds_taken_for_nanoseconds",
        sources=[calls],
        entity=["user_id"],
        batch=sk.per_as_of(minutes_since_call),
        online=LastCall,
        features={"minutes_since_call": sk.close()},
    ),
    cause="time.unit",
    feature="minutes_since_call",
    known_minimum=1,
)


class Recency:
    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def update(self, event: Row) -> None:
        self._last[event["user_id"]] = event["ts"]

    def query(self, request: Row) -> Row:
        last = self._last.get(request["user_id"])
        return {"recency_days": last and (request["as_of"] - last).days}


def recency_now(pings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(pings, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    age = pl.lit(datetime.now(UTC)) - pl.col("ts").max()
    return onto(spine, past.group_by(KEYS).agg(recency_days=age.dt.total_days()))


planted(
    sk.FeatureView(
        "recency_from_the_wall_clock",
        sources=[pings],
        entity=["user_id"],
        batch=recency_now,
        online=Recency,
        features={"recency_days": sk.exact()},
    ),
    cause="time.clock",
    feature="recency_days",
    known_minimum=1,
)


class DrainRate:
    """Percent of battery an hour since the first ping, up to this very moment."""

    def __init__(self) -> None:
        self._first: dict[str, Row] = {}
        self._last: dict[str, Row] = {}

    def update(self, event: Row) -> None:
        self._first.setdefault(event["user_id"], event)
        self._last[event["user_id"]] = event

    def query(self, request: Row) -> Row:
        first, last = (side.get(request["user_id"]) for side in (self._first, self._last))
        if first is None or last is None:
            return {"drain_per_hour": None}
        hours = (datetime.now(UTC) - first["ts"]) / HOUR
        return {"drain_per_hour": (first["battery"] - last["battery"]) / hours}


def drain_rate(pings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(pings, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    hours = (pl.col("as_of") - pl.col("ts")).first().dt.total_microseconds() / 3.6e9
    drop = pl.col("battery").first() - pl.col("battery").last()
    return onto(spine, past.group_by(KEYS).agg(drain_per_hour=drop / hours))


planted(
    sk.FeatureView(
        "rate_up_to_the_wall_clock",
        sources=[pings],
        entity=["user_id"],
        batch=drain_rate,
        online=DrainRate,
        features={"drain_per_hour": sk.close()},
        delivery=sk.Delivery(clock="real"),
    ),
    cause="time.clock",
    feature="drain_per_hour",
    kinds=("value", "nondeterministic"),
    known_minimum=2,
)


class ArrivalSpread:
    """Keeps the sum and the sum of squares of epoch seconds."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, float, float]] = {}

    def update(self, event: Row) -> None:
        at = event["ts"].timestamp()
        count, total, squares = self._sums.get(event["user_id"], (0, 0.0, 0.0))
        self._sums[event["user_id"]] = count + 1, total + at, squares + at * at

    def query(self, request: Row) -> Row:
        count, total, squares = self._sums.get(request["user_id"], (0, 0.0, 0.0))
        if count < 2:
            return {"arrival_var": None}
        return {"arrival_var": (squares - total * total / count) / (count - 1)}


def arrival_spread(pings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(pings, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    age = (pl.col("as_of") - pl.col("ts")).dt.total_microseconds() / 1e6
    return onto(spine, past.group_by(KEYS).agg(arrival_var=age.var()))


planted(
    sk.FeatureView(
        "spread_of_epoch_seconds",
        sources=[pings],
        entity=["user_id"],
        batch=arrival_spread,
        online=ArrivalSpread,
        features={"arrival_var": sk.close()},
    ),
    cause="numeric.stability",
    feature="arrival_var",
    known_minimum=2,
)
