"""Order statistics, maxima and logarithms."""

from bisect import insort
from collections import defaultdict, deque
from datetime import datetime, timedelta
from math import exp, log1p
from statistics import median

import polars as pl

import skewtest as sk
from quality.registry import equivalent
from quality.tables import KEYS, Row, onto

HOUR = timedelta(hours=1)

readings = sk.Source(
    "readings", time="ts", columns={"user_id": sk.key(), "level": sk.floats(0, 1_000)}
)


class SortedLevels:
    def __init__(self) -> None:
        self._levels: dict[str, list[float]] = defaultdict(list)

    def update(self, event: Row) -> None:
        insort(self._levels[event["user_id"]], event["level"])

    def query(self, request: Row) -> Row:
        levels = self._levels[request["user_id"]]
        if not levels:
            return {"median": None, "p90": None, "top_3": None}
        place = 0.9 * (len(levels) - 1)
        low = int(place)
        high = min(low + 1, len(levels) - 1)
        p90 = levels[low] + (place - low) * (levels[high] - levels[low])
        return {"median": median(levels), "p90": p90, "top_3": levels[:-4:-1]}


def order_statistics(readings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(readings, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    level = pl.col("level")
    found = past.group_by(KEYS).agg(
        median=level.median(),
        p90=level.quantile(0.9, interpolation="linear"),
        top_3=level.sort(descending=True).head(3),
    )
    return onto(spine, found)


equivalent(
    sk.FeatureView(
        "quantiles_of_a_sorted_list",
        sources=[readings],
        entity=["user_id"],
        batch=order_statistics,
        online=SortedLevels,
        features={"median": sk.close(), "p90": sk.close(), "top_3": sk.exact()},
    )
)


class MonotonicMax:
    """Keeps only what can still become the maximum."""

    def __init__(self) -> None:
        self._falling: dict[str, deque[tuple[datetime, float]]] = defaultdict(deque)

    def update(self, event: Row) -> None:
        falling = self._falling[event["user_id"]]
        while falling and falling[-1][1] <= event["level"]:
            falling.pop()
        falling.append((event["ts"], event["level"]))

    def query(self, request: Row) -> Row:
        falling = self._falling[request["user_id"]]
        while falling and falling[0][0] < request["as_of"] - HOUR:
            falling.popleft()
        return {"max_1h": falling[0][1] if falling else None}


def max_of_the_hour(readings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    age = pl.col("as_of") - pl.col("ts")
    recent = spine.join(readings, on="user_id").filter(age > timedelta(0), age <= HOUR)
    return onto(spine, recent.group_by(KEYS).agg(max_1h=pl.col("level").max()))


equivalent(
    sk.FeatureView(
        "maximum_by_a_monotonic_queue",
        sources=[readings],
        entity=["user_id"],
        batch=max_of_the_hour,
        online=MonotonicMax,
        features={"max_1h": sk.exact()},
        windows=[HOUR],
    )
)


class GeometricMean:
    def __init__(self) -> None:
        self._product: dict[str, float] = defaultdict(float)
        self._count: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._product[event["user_id"]] += log1p(event["level"])
        self._count[event["user_id"]] += 1

    def query(self, request: Row) -> Row:
        count = self._count[request["user_id"]]
        return {"typical": exp(self._product[request["user_id"]] / count) if count else None}


def geometric_mean(readings: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    past = spine.join(readings, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(typical=pl.col("level").log1p().mean().exp()))


equivalent(
    sk.FeatureView(
        "geometric_mean_by_logarithms",
        sources=[readings],
        entity=["user_id"],
        batch=geometric_mean,
        online=GeometricMean,
        features={"typical": sk.close()},
    )
)
