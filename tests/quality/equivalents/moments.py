"""Statistics in one pass and in two, and weights that decay."""

from collections import defaultdict
from datetime import datetime, timedelta
from math import sqrt

import polars as pl

import skewtest as sk
from quality.registry import equivalent
from quality.tables import KEYS, Row, onto

DAY = timedelta(days=1)

readings = sk.Source(
    "readings", time="ts", columns={"user_id": sk.key(), "level": sk.floats(0, 1_000)}
)
sensors = sk.Source(
    "sensors",
    time="ts",
    columns={
        "user_id": sk.key(),
        "celsius": sk.floats(-40, 60, nan=True, nullable=True),
        "watts": sk.floats(0, 100, nullable=True),
    },
)


class Welford:
    def __init__(self) -> None:
        self._state: dict[str, tuple[int, float, float]] = {}

    def update(self, event: Row) -> None:
        count, mean, squares = self._state.get(event["user_id"], (0, 0.0, 0.0))
        delta = event["level"] - mean
        mean += delta / (count + 1)
        squares += delta * (event["level"] - mean)
        self._state[event["user_id"]] = count + 1, mean, squares

    def query(self, request: Row) -> Row:
        count, mean, squares = self._state.get(request["user_id"], (0, None, 0.0))
        return {"mean": mean, "std": sqrt(squares / (count - 1)) if count > 1 else None}


def mean_and_deviation(readings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(readings, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    level = pl.col("level")
    return onto(spine, past.group_by(KEYS).agg(mean=level.mean(), std=level.std(ddof=1)))


equivalent(
    sk.FeatureView(
        "welford_against_two_passes",
        sources=[readings],
        entity=["user_id"],
        batch=mean_and_deviation,
        online=Welford,
        features={"mean": sk.close(), "std": sk.close()},
    )
)


class Smoothed:
    def __init__(self) -> None:
        self._level: dict[str, float] = {}

    def update(self, event: Row) -> None:
        level = self._level.setdefault(event["user_id"], event["level"])
        self._level[event["user_id"]] = level + 0.3 * (event["level"] - level)

    def query(self, request: Row) -> Row | None:
        level = self._level.get(request["user_id"])
        return None if level is None else {"smoothed": level}


def smoothed(events: pl.DataFrame) -> pl.DataFrame:
    ewma = pl.col("level").ewm_mean(alpha=0.3, adjust=False).over("user_id")
    return events.with_columns(smoothed=ewma)


equivalent(
    sk.FeatureView(
        "ewma_by_recursion",
        sources=[readings],
        entity=["user_id"],
        batch=sk.per_event(smoothed),
        online=Smoothed,
        features={"smoothed": sk.close()},
    )
)


class AdjustedSmoothing:
    """Keeps the weighted sum and the sum of the weights."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))

    def update(self, event: Row) -> None:
        total, weight = self._sums[event["user_id"]]
        self._sums[event["user_id"]] = 0.7 * total + event["level"], 0.7 * weight + 1.0

    def query(self, request: Row) -> Row:
        total, weight = self._sums[request["user_id"]]
        return {"smoothed": total / weight if weight else None}


def adjusted(readings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    ewma = pl.col("level").ewm_mean(alpha=0.3, adjust=True).over("user_id")
    past = spine.join(
        readings.with_columns(smoothed=ewma), on="user_id", maintain_order="left_right"
    ).filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(pl.col("smoothed").last()))


equivalent(
    sk.FeatureView(
        "adjusted_ewma_by_two_sums",
        sources=[readings],
        entity=["user_id"],
        batch=adjusted,
        online=AdjustedSmoothing,
        features={"smoothed": sk.close()},
    )
)


class Decayed:
    """Halves its sum every day, event by event."""

    def __init__(self) -> None:
        self._state: dict[str, tuple[datetime, float]] = {}

    def _at(self, user: str, now: datetime) -> float:
        at, total = self._state.get(user, (now, 0.0))
        return total * 0.5 ** ((now - at) / DAY)

    def update(self, event: Row) -> None:
        total = self._at(event["user_id"], event["ts"]) + event["level"]
        self._state[event["user_id"]] = event["ts"], total

    def query(self, request: Row) -> Row:
        return {"recent_level": self._at(request["user_id"], request["as_of"])}


def decayed(readings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(readings, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    days = (pl.col("as_of") - pl.col("ts")).dt.total_microseconds() / 86_400e6
    weighted = (pl.col("level") * (-days * 0.6931471805599453).exp()).sum()
    return onto(spine, past.group_by(KEYS).agg(recent_level=weighted), recent_level=0.0)


equivalent(
    sk.FeatureView(
        "decay_at_once_or_step_by_step",
        sources=[readings],
        entity=["user_id"],
        batch=decayed,
        online=Decayed,
        features={"recent_level": sk.close()},
        windows=[DAY],
    )
)


class KnownValues:
    """Skips null, and takes NaN for null."""

    def __init__(self) -> None:
        self._celsius: dict[str, list[float]] = defaultdict(list)
        self._watts: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))

    def update(self, event: Row) -> None:
        user, celsius, watts = event["user_id"], event["celsius"], event["watts"]
        if celsius is not None and celsius == celsius:
            self._celsius[user].append(celsius)
        if watts is not None:
            total, count = self._watts[user]
            self._watts[user] = total + watts, count + 1

    def query(self, request: Row) -> Row:
        total, count = self._watts[request["user_id"]]
        return {
            "hottest": max(self._celsius[request["user_id"]], default=None),
            "avg_watts": total / count if count else None,
        }


def known_values(sensors: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(sensors, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(
        hottest=pl.col("celsius").fill_nan(None).max(), avg_watts=pl.col("watts").mean()
    )
    return onto(spine, found)


equivalent(
    sk.FeatureView(
        "null_and_nan_skipped_alike",
        sources=[sensors],
        entity=["user_id"],
        batch=known_values,
        online=KnownValues,
        features={"hottest": sk.close(), "avg_watts": sk.close()},
    )
)
