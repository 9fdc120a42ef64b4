"""State: how it starts, and who may change it."""

from collections import defaultdict, deque
from datetime import datetime, timedelta

import pandas as pd
import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

readings = sk.Source(
    "readings", time="ts", columns={"user_id": sk.key(), "level": sk.floats(0, 100)}
)
trades = sk.Source(
    "trades",
    time="ts",
    columns={"user_id": sk.key(), "amount": sk.floats(0, 5_000, step=0.5)},
)


class SmoothedFromZero:
    def __init__(self) -> None:
        self._level: dict[str, float] = defaultdict(float)

    def update(self, event: Row) -> None:
        level = self._level[event["user_id"]]
        self._level[event["user_id"]] = level + 0.25 * (event["level"] - level)

    def query(self, request: Row) -> Row:
        return {"smoothed": self._level.get(request["user_id"])}


def smoothed(readings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    ewma = readings.with_columns(
        smoothed=pl.col("level").ewm_mean(alpha=0.25, adjust=False).over("user_id")
    )
    past = spine.join(ewma, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(pl.col("smoothed").last()))


planted(
    sk.FeatureView(
        "ewma_seeded_with_zero",
        sources=[readings],
        entity=["user_id"],
        batch=smoothed,
        online=SmoothedFromZero,
        features={"smoothed": sk.close()},
    ),
    cause="state.init",
    feature="smoothed",
    known_minimum=1,
)


class SmoothedFromFirst:
    def __init__(self) -> None:
        self._level: dict[str, float] = {}

    def update(self, event: Row) -> None:
        level = self._level.get(event["user_id"], event["level"])
        self._level[event["user_id"]] = 0.75 * level + 0.25 * event["level"]

    def query(self, request: Row) -> Row | None:
        level = self._level.get(request["user_id"])
        return None if level is None else {"smoothed": level}


def smoothed_pandas(events: pd.DataFrame) -> pd.DataFrame:
    """Smooth with pandas' own default, which corrects the weights of the first values."""
    levels = events.groupby("user_id")["level"]
    return events.assign(smoothed=levels.transform(lambda level: level.ewm(alpha=0.25).mean()))


planted(
    sk.FeatureView(
        "ewma_adjusted_or_not",
        sources=[readings],
        entity=["user_id"],
        batch=sk.per_event(smoothed_pandas),
        online=SmoothedFromFirst,
        features={"smoothed": sk.close()},
    ),
    cause="state.init",
    feature="smoothed",
    known_minimum=2,
)


class AmountDelta:
    def __init__(self) -> None:
        self._last: dict[str, float] = defaultdict(float)
        self._delta: dict[str, float] = {}

    def update(self, event: Row) -> None:
        self._delta[event["user_id"]] = event["amount"] - self._last[event["user_id"]]
        self._last[event["user_id"]] = event["amount"]

    def query(self, request: Row) -> Row:
        return {"amount_delta": self._delta.get(request["user_id"])}


def amount_delta(trades: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    deltas = trades.with_columns(amount_delta=pl.col("amount").diff().over("user_id"))
    past = spine.join(deltas, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(pl.col("amount_delta").last()))


planted(
    sk.FeatureView(
        "first_delta_against_zero",
        sources=[trades],
        entity=["user_id"],
        batch=amount_delta,
        online=AmountDelta,
        features={"amount_delta": sk.close()},
    ),
    cause="state.init",
    feature="amount_delta",
    kinds=("null",),
    known_minimum=1,
)


class MovingAverage:
    def __init__(self) -> None:
        self._levels: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=3))

    def update(self, event: Row) -> None:
        self._levels[event["user_id"]].append(event["level"])

    def query(self, request: Row) -> Row:
        levels = self._levels[request["user_id"]]
        return {"level_sma3": sum(levels) / len(levels) if levels else None}


def moving_average(readings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    averaged = readings.with_columns(level_sma3=pl.col("level").rolling_mean(3).over("user_id"))
    past = spine.join(averaged, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(pl.col("level_sma3").last()))


planted(
    sk.FeatureView(
        "moving_average_warms_up",
        sources=[readings],
        entity=["user_id"],
        batch=moving_average,
        online=MovingAverage,
        features={"level_sma3": sk.close()},
    ),
    cause="state.init",
    feature="level_sma3",
    kinds=("null",),
    known_minimum=1,
)


def trade_counts(trades: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    age = pl.col("as_of") - pl.col("ts")
    past = spine.join(trades, on="user_id").filter(age > timedelta(0), age <= DAY)
    found = past.group_by(KEYS).agg(trades_24h=pl.len(), trades_1h=(age <= HOUR).sum())
    return onto(spine, found, trades_24h=0, trades_1h=0)


class EvictingCounter:
    """Drops what is too old whenever it is asked: for the hour, too."""

    def __init__(self) -> None:
        self._times: dict[str, deque[datetime]] = defaultdict(deque)

    def update(self, event: Row) -> None:
        self._times[event["user_id"]].append(event["ts"])

    def _count(self, user: str, since: datetime) -> int:
        times = self._times[user]
        while times and times[0] < since:
            times.popleft()
        return len(times)

    def query(self, request: Row) -> Row:
        user, as_of = request["user_id"], request["as_of"]
        return {
            "trades_24h": self._count(user, as_of - DAY),
            "trades_1h": self._count(user, as_of - HOUR),
        }


planted(
    sk.FeatureView(
        "reading_evicts_for_the_shorter_window",
        sources=[trades],
        entity=["user_id"],
        batch=trade_counts,
        online=EvictingCounter,
        features={"trades_24h": sk.exact(), "trades_1h": sk.exact()},
        windows=[HOUR, DAY],
    ),
    cause="state.mutation",
    feature="trades_24h",
    known_minimum=1,
)


class SharedProfile:
    """Gives every new user the same dict to start from."""

    def __init__(self) -> None:
        blank = {"total": 0.0, "largest": 0.0}
        self._profiles: dict[str, dict[str, float]] = defaultdict(lambda: blank)

    def update(self, event: Row) -> None:
        profile = self._profiles[event["user_id"]]
        profile["total"] += event["amount"]
        profile["largest"] = max(profile["largest"], event["amount"])

    def query(self, request: Row) -> Row:
        return dict(self._profiles[request["user_id"]])


def profiles(trades: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(trades, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(
        total=pl.col("amount").sum(), largest=pl.col("amount").max().fill_null(0.0)
    )
    return onto(spine, found, total=0.0, largest=0.0)


planted(
    sk.FeatureView(
        "profiles_share_their_default",
        sources=[trades],
        entity=["user_id"],
        batch=profiles,
        online=SharedProfile,
        features={"total": sk.close(), "largest": sk.close()},
    ),
    cause="state.mutation",
    feature="total",
    known_minimum=1,
)
