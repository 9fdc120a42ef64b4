"""Answers that outlive what they were computed from."""

from collections import defaultdict, deque
from datetime import date, datetime, timedelta

import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

DAY, WEEK = timedelta(days=1), timedelta(days=7)

trades = sk.Source(
    "trades",
    time="ts",
    columns={"user_id": sk.key(), "amount": sk.floats(0, 5_000, step=0.5)},
)


class SumAtUpdate:
    """Keeps the sum as it was after the last event."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[tuple[datetime, float]]] = defaultdict(deque)
        self._sum: dict[str, float] = defaultdict(float)

    def update(self, event: Row) -> None:
        recent = self._recent[event["user_id"]]
        recent.append((event["ts"], event["amount"]))
        while recent[0][0] < event["ts"] - WEEK:
            recent.popleft()
        self._sum[event["user_id"]] = sum(amount for _, amount in recent)

    def query(self, request: Row) -> Row:
        return {"traded_7d": self._sum[request["user_id"]]}


def traded(trades: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    age = pl.col("as_of") - pl.col("ts")
    past = spine.join(trades, on="user_id").filter(age > timedelta(0), age <= WEEK)
    return onto(spine, past.group_by(KEYS).agg(traded_7d=pl.col("amount").sum()), traded_7d=0.0)


planted(
    sk.FeatureView(
        "sum_refreshed_by_the_next_event",
        sources=[trades],
        entity=["user_id"],
        batch=traded,
        online=SumAtUpdate,
        features={"traded_7d": sk.close()},
        windows=[WEEK],
    ),
    cause="state.stale",
    feature="traded_7d",
    known_minimum=1,
)


def trades_rolling(events: pl.DataFrame) -> pl.DataFrame:
    counted = events.rolling("ts", period="24h", closed="right", group_by="user_id")
    return counted.agg(trades_24h=pl.len())


class TradesToday:
    def __init__(self) -> None:
        self._times: dict[str, list[datetime]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._times[event["user_id"]].append(event["ts"])

    def query(self, request: Row) -> Row | None:
        times = self._times.get(request["user_id"])
        return times and {"trades_24h": sum(ts >= request["as_of"] - DAY for ts in times)}


planted(
    sk.FeatureView(
        "rolling_count_as_of_the_last_event",
        sources=[trades],
        entity=["user_id"],
        batch=sk.per_event(trades_rolling),
        online=TradesToday,
        features={"trades_24h": sk.exact()},
        windows=[DAY],
    ),
    cause="state.stale",
    feature="trades_24h",
    known_minimum=1,
)


class CachedByDay:
    """Computes a user's total once a day."""

    def __init__(self) -> None:
        self._total: dict[str, float] = defaultdict(float)
        self._cache: dict[tuple[str, date], float] = {}

    def update(self, event: Row) -> None:
        self._total[event["user_id"]] += event["amount"]

    def query(self, request: Row) -> Row:
        key = request["user_id"], request["as_of"].date()
        total = self._cache.setdefault(key, self._total[request["user_id"]])
        return {"lifetime_traded": total}


def lifetime_traded(trades: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(trades, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(lifetime_traded=pl.col("amount").sum())
    return onto(spine, found, lifetime_traded=0.0)


planted(
    sk.FeatureView(
        "total_cached_for_the_day",
        sources=[trades],
        entity=["user_id"],
        batch=lifetime_traded,
        online=CachedByDay,
        features={"lifetime_traded": sk.close()},
    ),
    cause="state.stale",
    feature="lifetime_traded",
    known_minimum=1,
)
