"""Room that runs out: capped histories and sets, counters that wrap, state that expires."""

from collections import defaultdict, deque
from datetime import datetime, timedelta

import numpy as np
import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

MONTH = timedelta(days=30)

visits = sk.Source(
    "visits",
    time="ts",
    columns={
        "user_id": sk.key(),
        "product_id": sk.ints(0, 10_000),
        "seconds": sk.floats(0, 600),
        "bytes": sk.ints(0, 2_000_000_000),
    },
)


class LastHundred:
    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=100))

    def update(self, event: Row) -> None:
        self._seconds[event["user_id"]].append(event["seconds"])

    def query(self, request: Row) -> Row:
        seconds = self._seconds[request["user_id"]]
        return {"avg_seconds": sum(seconds) / len(seconds) if seconds else None}


def average_seconds(visits: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(visits, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(avg_seconds=pl.col("seconds").mean()))


planted(
    sk.FeatureView(
        "average_of_the_last_100",
        sources=[visits],
        entity=["user_id"],
        batch=average_seconds,
        online=LastHundred,
        features={"avg_seconds": sk.close()},
    ),
    cause="state.capacity",
    feature="avg_seconds",
    known_minimum=101,
)


class FiftyProducts:
    """Remembers fifty products of each user, which was plenty in the pilot."""

    def __init__(self) -> None:
        self._products: dict[str, set[int]] = defaultdict(set)

    def update(self, event: Row) -> None:
        products = self._products[event["user_id"]]
        if len(products) < 50:
            products.add(event["product_id"])

    def query(self, request: Row) -> Row:
        return {"distinct_products": len(self._products[request["user_id"]])}


def distinct_products(visits: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(visits, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(distinct_products=pl.col("product_id").n_unique())
    return onto(spine, found, distinct_products=0)


planted(
    sk.FeatureView(
        "distinct_products_up_to_50",
        sources=[visits],
        entity=["user_id"],
        batch=distinct_products,
        online=FiftyProducts,
        features={"distinct_products": sk.exact()},
    ),
    cause="state.capacity",
    feature="distinct_products",
    known_minimum=51,
)


class VisitRing:
    def __init__(self) -> None:
        self._times: dict[str, deque[datetime]] = defaultdict(lambda: deque(maxlen=256))

    def update(self, event: Row) -> None:
        self._times[event["user_id"]].append(event["ts"])

    def query(self, request: Row) -> Row:
        start = request["as_of"] - MONTH
        return {"visits_30d": sum(ts >= start for ts in self._times[request["user_id"]])}


def monthly_visits(visits: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    pairs = spine.join(visits, on="user_id").filter(
        pl.col("ts") < pl.col("as_of"), pl.col("ts") >= pl.col("as_of") - MONTH
    )
    return onto(spine, pairs.group_by(KEYS).agg(visits_30d=pl.len()), visits_30d=0)


planted(
    sk.FeatureView(
        "monthly_visits_in_a_ring_of_256",
        sources=[visits],
        entity=["user_id"],
        batch=monthly_visits,
        online=VisitRing,
        features={"visits_30d": sk.exact()},
        windows=[MONTH],
    ),
    cause="state.capacity",
    feature="visits_30d",
    known_minimum=257,
)


class PackedCounter:
    """Packs its counters into bytes."""

    def __init__(self) -> None:
        self._counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(1, dtype=np.uint8))

    def update(self, event: Row) -> None:
        self._counts[event["user_id"]] += 1

    def query(self, request: Row) -> Row:
        return {"lifetime_visits": int(self._counts[request["user_id"]][0])}


def lifetime_visits(visits: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(visits, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(lifetime_visits=pl.len()), lifetime_visits=0)


planted(
    sk.FeatureView(
        "visits_counted_in_a_byte",
        sources=[visits],
        entity=["user_id"],
        batch=lifetime_visits,
        online=PackedCounter,
        features={"lifetime_visits": sk.exact()},
    ),
    cause="overflow",
    feature="lifetime_visits",
    known_minimum=256,
)


class BytesServed:
    def __init__(self) -> None:
        self._bytes: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._bytes[event["user_id"]] += event["bytes"]

    def query(self, request: Row) -> Row:
        return {"bytes_total": self._bytes[request["user_id"]]}


def bytes_total(visits: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    slim = visits.select("user_id", "ts", pl.col("bytes").cast(pl.Int32))
    past = spine.join(slim, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(bytes_total=pl.col("bytes").sum())
    return onto(spine, found, bytes_total=0)


planted(
    sk.FeatureView(
        "bytes_summed_in_32_bits",
        sources=[visits],
        entity=["user_id"],
        batch=bytes_total,
        online=BytesServed,
        features={"bytes_total": sk.exact()},
    ),
    cause="overflow",
    feature="bytes_total",
    known_minimum=2,
)


class ExpiringCounter:
    """Starts again after a month without a visit, as the store's keys do."""

    def __init__(self) -> None:
        self._state: dict[str, tuple[datetime, int]] = {}

    def update(self, event: Row) -> None:
        last, count = self._state.get(event["user_id"], (event["ts"], 0))
        if event["ts"] - last > MONTH:
            count = 0
        self._state[event["user_id"]] = event["ts"], count + 1

    def query(self, request: Row) -> Row:
        _, count = self._state.get(request["user_id"], (None, 0))
        return {"lifetime_visits": count}


planted(
    sk.FeatureView(
        "visits_forgotten_after_an_idle_month",
        sources=[visits],
        entity=["user_id"],
        batch=lifetime_visits,
        online=ExpiringCounter,
        features={"lifetime_visits": sk.exact()},
        windows=[MONTH],
    ),
    cause="ttl",
    feature="lifetime_visits",
    known_minimum=2,
)


def last_product(events: pl.DataFrame) -> pl.DataFrame:
    return events.select("user_id", "ts", last_product="product_id")


class ExpiringRow:
    def __init__(self) -> None:
        self._rows: dict[str, tuple[datetime, int]] = {}

    def update(self, event: Row) -> None:
        self._rows[event["user_id"]] = event["ts"], event["product_id"]

    def query(self, request: Row) -> Row | None:
        at, product = self._rows.get(request["user_id"], (None, None))
        if at is None or request["as_of"] - at > timedelta(days=90):
            return None
        return {"last_product": product}


planted(
    sk.FeatureView(
        "row_expires_in_the_online_store",
        sources=[visits],
        entity=["user_id"],
        batch=sk.per_event(last_product),
        online=ExpiringRow,
        features={"last_product": sk.exact()},
    ),
    cause="ttl",
    feature="last_product",
    kinds=("missing row",),
    known_minimum=1,
)
