"""Values: vocabularies, buckets, and rare ones that take another path."""

from bisect import bisect_right
from collections import defaultdict
from typing import Any
from zlib import crc32

import pandas as pd
import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

payments = sk.Source(
    "payments",
    time="ts",
    columns={
        "user_id": sk.key(),
        "amount": sk.floats(0, 10_000, step=0.01),
        "method": sk.categories("card", "cash", "transfer", unseen=True),
        "status": sk.categories("paid", "refunded", "chargeback"),
    },
)


class CardPayments:
    def __init__(self) -> None:
        self._card: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._card[event["user_id"]] += event["method"].strip().lower() == "card"

    def query(self, request: Row) -> Row:
        return {"card_payments": self._card[request["user_id"]]}


def card_payments(payments: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(payments, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(card_payments=(pl.col("method") == "card").sum())
    return onto(spine, found, card_payments=0)


planted(
    sk.FeatureView(
        "method_folded_to_lower_case",
        sources=[payments],
        entity=["user_id"],
        batch=card_payments,
        online=CardPayments,
        features={"card_payments": sk.exact()},
    ),
    cause="category",
    feature="card_payments",
    known_minimum=1,
)

BUCKETS = (0, 20, 50, 250, 1_000)


class AmountBucket:
    def __init__(self) -> None:
        self._bucket: dict[str, int] = {}

    def update(self, event: Row) -> None:
        self._bucket[event["user_id"]] = bisect_right(BUCKETS, event["amount"]) - 1

    def query(self, request: Row) -> Row:
        return {"last_bucket": self._bucket.get(request["user_id"])}


def amount_bucket(payments: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    edges = [-1.0, *BUCKETS[1:], float("inf")]
    buckets = payments.assign(last_bucket=pd.cut(payments["amount"], edges, labels=False))
    pairs = spine.merge(buckets, on="user_id")
    past = pairs[pairs["ts"] < pairs["as_of"]]
    last = past.groupby(["user_id", "as_of"])["last_bucket"].last().reset_index()
    return spine.merge(last, how="left")


planted(
    sk.FeatureView(
        "bucket_edges_left_or_right",
        sources=[payments],
        entity=["user_id"],
        batch=amount_bucket,
        online=AmountBucket,
        features={"last_bucket": sk.exact()},
    ),
    cause="category",
    feature="last_bucket",
    known_minimum=1,
)


def hash_python(state: dict[str, Any], event: Row) -> dict[str, Any]:
    state[event["user_id"]] = sum(event["method"].encode()) % 64
    return state


def method_slot(payments: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    slots = payments.with_columns(
        method_slot=pl.col("method").map_elements(
            lambda method: crc32(method.encode()) % 64, return_dtype=pl.Int64
        )
    )
    past = spine.join(slots, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(pl.col("method_slot").last()))


planted(
    sk.FeatureView(
        "hashed_by_two_functions",
        sources=[payments],
        entity=["user_id"],
        batch=method_slot,
        online=sk.fold(
            dict,
            hash_python,
            lambda state, request: {"method_slot": state.get(request["user_id"])},
        ),
        features={"method_slot": sk.exact()},
    ),
    cause="category",
    feature="method_slot",
    known_minimum=1,
)


class PaidWithoutOutliers:
    def __init__(self) -> None:
        self._total: dict[str, float] = defaultdict(float)

    def update(self, event: Row) -> None:
        if event["status"] != "paid" or event["amount"] > 9_000:
            return
        self._total[event["user_id"]] += event["amount"]

    def query(self, request: Row) -> Row:
        return {"paid_total": self._total[request["user_id"]]}


def paid_total(payments: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    paid = payments.filter(pl.col("status") == "paid")
    past = spine.join(paid, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(paid_total=pl.col("amount").sum()), paid_total=0.0)


planted(
    sk.FeatureView(
        "outliers_left_out_online",
        sources=[payments],
        entity=["user_id"],
        batch=paid_total,
        online=PaidWithoutOutliers,
        features={"paid_total": sk.close()},
    ),
    cause="value.branch",
    feature="paid_total",
    known_minimum=1,
)


class Disputes:
    """Takes a chargeback right after a refund for the same dispute."""

    def __init__(self) -> None:
        self._count: dict[str, int] = defaultdict(int)
        self._last: dict[str, str] = {}

    def update(self, event: Row) -> None:
        user, status = event["user_id"], event["status"]
        again = status == "chargeback" and self._last.get(user) == "refunded"
        self._count[user] += status != "paid" and not again
        self._last[user] = status

    def query(self, request: Row) -> Row:
        return {"disputes": self._count[request["user_id"]]}


def disputes(payments: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    lost = payments.filter(pl.col("status").is_in(["refunded", "chargeback"]))
    past = spine.join(lost, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(disputes=pl.len()), disputes=0)


planted(
    sk.FeatureView(
        "chargeback_after_a_refund",
        sources=[payments],
        entity=["user_id"],
        batch=disputes,
        online=Disputes,
        features={"disputes": sk.exact()},
    ),
    cause="value.branch",
    feature="disputes",
    known_minimum=2,
)


class RepeatAmount:
    """Flags a payment of exactly the amount before it, unless it is small change."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._repeats: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        user, amount = event["user_id"], event["amount"]
        self._repeats[user] += amount >= 1 and self._last.get(user) == amount
        self._last[user] = amount

    def query(self, request: Row) -> Row:
        return {"repeats": self._repeats[request["user_id"]]}


def repeats(payments: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    again = payments.with_columns(
        again=pl.col("amount") == pl.col("amount").shift().over("user_id")
    )
    past = spine.join(again, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(repeats=pl.col("again").sum()), repeats=0)


planted(
    sk.FeatureView(
        "repeats_of_small_change",
        sources=[payments],
        entity=["user_id"],
        batch=repeats,
        online=RepeatAmount,
        features={"repeats": sk.exact()},
    ),
    cause="value.branch",
    feature="repeats",
    known_minimum=2,
)
