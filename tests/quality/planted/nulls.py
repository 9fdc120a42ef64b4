"""Nothing in its kinds: null, NaN, no events, no row, and what is put in its place."""

from collections import defaultdict
from datetime import datetime
from math import inf, isnan

import pandas as pd
import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

ratings = sk.Source(
    "ratings",
    time="ts",
    columns={"user_id": sk.key(), "stars": sk.ints(1, 5, nullable=True)},
)
tickets = sk.Source(
    "tickets",
    time="ts",
    columns={
        "user_id": sk.key(),
        "status": sk.categories("open", "closed", "spam", nullable=True),
        "minutes": sk.floats(0, 600, nullable=True),
    },
)
sensors = sk.Source(
    "sensors",
    time="ts",
    columns={"user_id": sk.key(), "celsius": sk.floats(-40, 60, nan=True)},
)


class Stars:
    """Counts a rating without stars as none given."""

    def __init__(self) -> None:
        self._sum: dict[str, int] = defaultdict(int)
        self._count: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._sum[event["user_id"]] += event["stars"] or 0
        self._count[event["user_id"]] += 1

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        count = self._count[user]
        return {"ratings": count, "avg_stars": self._sum[user] / count if count else None}


def stars(ratings: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(ratings, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(ratings=pl.len(), avg_stars=pl.col("stars").mean())
    return onto(spine, found, ratings=0)


planted(
    sk.FeatureView(
        "mean_over_nulls",
        sources=[ratings],
        entity=["user_id"],
        batch=stars,
        online=Stars,
        features={"ratings": sk.exact(), "avg_stars": sk.close()},
    ),
    cause="null",
    feature="avg_stars",
    kinds=("value", "null"),
    known_minimum=1,
)


class TicketsNotSpam:
    def __init__(self) -> None:
        self._tickets: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._tickets[event["user_id"]] += event["status"] != "spam"

    def query(self, request: Row) -> Row:
        return {"tickets": self._tickets[request["user_id"]]}


NOT_SPAM = """
    select spine.user_id, spine.as_of, count(tickets.ts) as tickets
    from spine
    left join tickets
      on tickets.user_id = spine.user_id and tickets.ts < spine.as_of and tickets.status <> 'spam'
    group by spine.user_id, spine.as_of
"""

planted(
    sk.FeatureView(
        "sql_comparison_with_null",
        sources=[tickets],
        entity=["user_id"],
        batch=sk.sql(NOT_SPAM),
        online=TicketsNotSpam,
        features={"tickets": sk.exact()},
    ),
    cause="null",
    feature="tickets",
    known_minimum=1,
)


class FastestReply:
    def __init__(self) -> None:
        self._fastest: dict[str, float] = {}

    def update(self, event: Row) -> None:
        if event["minutes"] is not None:
            fastest = self._fastest.get(event["user_id"], inf)
            self._fastest[event["user_id"]] = min(fastest, event["minutes"])

    def query(self, request: Row) -> Row:
        return {"fastest_reply": self._fastest.get(request["user_id"])}


def fastest_reply(tickets: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    filled = tickets.fillna({"minutes": 0})
    pairs = spine.merge(filled, on="user_id")
    past = pairs[pairs["ts"] < pairs["as_of"]]
    fastest = past.groupby(["user_id", "as_of"])["minutes"].min().rename("fastest_reply")
    return spine.merge(fastest.reset_index(), how="left")


planted(
    sk.FeatureView(
        "minimum_after_filling_with_zero",
        sources=[tickets],
        entity=["user_id"],
        batch=fastest_reply,
        online=FastestReply,
        features={"fastest_reply": sk.close()},
    ),
    cause="null",
    feature="fastest_reply",
    kinds=("value", "null"),
    known_minimum=1,
)


class Hottest:
    def __init__(self) -> None:
        self._hottest: dict[str, float] = {}

    def update(self, event: Row) -> None:
        hottest = self._hottest.get(event["user_id"], event["celsius"])
        self._hottest[event["user_id"]] = max(hottest, event["celsius"])

    def query(self, request: Row) -> Row:
        return {"hottest": self._hottest.get(request["user_id"])}


def hottest(sensors: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(sensors, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(hottest=pl.col("celsius").max()))


planted(
    sk.FeatureView(
        "max_beside_nan",
        sources=[sensors],
        entity=["user_id"],
        batch=hottest,
        online=Hottest,
        features={"hottest": sk.close()},
    ),
    cause="nan",
    feature="hottest",
    kinds=("null", "value"),
    known_minimum=2,
)


class MeanCelsius:
    def __init__(self) -> None:
        self._celsius: dict[str, list[float]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._celsius[event["user_id"]].append(event["celsius"])

    def query(self, request: Row) -> Row | None:
        celsius = self._celsius.get(request["user_id"])
        return celsius and {"mean_celsius": sum(celsius) / len(celsius)}


def mean_celsius(events: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    past = events[events["ts"] < as_of]
    return past.groupby("user_id")["celsius"].mean().rename("mean_celsius").reset_index()


planted(
    sk.FeatureView(
        "pandas_skips_nan",
        sources=[sensors],
        entity=["user_id"],
        batch=sk.per_as_of(mean_celsius),
        online=MeanCelsius,
        features={"mean_celsius": sk.close()},
    ),
    cause="nan",
    feature="mean_celsius",
    kinds=("null",),
    known_minimum=2,
)


class FrostReadings:
    def __init__(self) -> None:
        self._frost: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        if isnan(event["celsius"]) or event["celsius"] > 0:
            return
        self._frost[event["user_id"]] += 1

    def query(self, request: Row) -> Row:
        return {"frost_readings": self._frost[request["user_id"]]}


def frost_readings(sensors: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    pairs = spine.merge(sensors, on="user_id")
    cold = pairs[(pairs["ts"] < pairs["as_of"]) & ~(pairs["celsius"] > 0)]
    counts = cold.groupby(["user_id", "as_of"]).size().rename("frost_readings").reset_index()
    return spine.merge(counts, how="left").fillna({"frost_readings": 0})


planted(
    sk.FeatureView(
        "nan_counts_as_frost",
        sources=[sensors],
        entity=["user_id"],
        batch=frost_readings,
        online=FrostReadings,
        features={"frost_readings": sk.exact()},
    ),
    cause="nan",
    feature="frost_readings",
    known_minimum=1,
)


class CloseRate:
    def __init__(self) -> None:
        self._open: dict[str, int] = defaultdict(int)
        self._closed: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._open[event["user_id"]] += event["status"] == "open"
        self._closed[event["user_id"]] += event["status"] == "closed"

    def query(self, request: Row) -> Row:
        opened, closed = self._open[request["user_id"]], self._closed[request["user_id"]]
        return {"close_rate": closed / opened if opened else 0.0}


def close_rate(tickets: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(tickets, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    opened, closed = (pl.col("status") == "open").sum(), (pl.col("status") == "closed").sum()
    return onto(spine, past.group_by(KEYS).agg(close_rate=closed / opened), close_rate=0.0)


planted(
    sk.FeatureView(
        "rate_of_nothing_opened",
        sources=[tickets],
        entity=["user_id"],
        batch=close_rate,
        online=CloseRate,
        features={"close_rate": sk.close()},
    ),
    cause="empty",
    feature="close_rate",
    kinds=("null", "value"),
    known_minimum=1,
)
