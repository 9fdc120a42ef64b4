"""The edge at as_of: which events a request may know of."""

from bisect import bisect_left
from collections import defaultdict
from datetime import datetime, timedelta

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

WEEK = timedelta(days=7)

payments = sk.Source(
    "payments",
    time="ts",
    columns={"user_id": sk.key(), "amount": sk.floats(1, 1_000), "failed": sk.bools()},
)


class FailedPayments:
    def __init__(self) -> None:
        self._failed: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._failed[event["user_id"]] += event["failed"]

    def query(self, request: Row) -> Row:
        return {"failed_payments": self._failed[request["user_id"]]}


def failed_up_to(payments: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(payments, on="user_id").filter(pl.col("ts") <= pl.col("as_of"))
    found = past.group_by(KEYS).agg(failed_payments=pl.col("failed").sum())
    return onto(spine, found, failed_payments=0)


planted(
    sk.FeatureView(
        "failed_payments_up_to_as_of",
        sources=[payments],
        entity=["user_id"],
        batch=failed_up_to,
        online=FailedPayments,
        features={"failed_payments": sk.exact()},
    ),
    cause="as_of.edge",
    feature="failed_payments",
    known_minimum=1,
)


class PaidSoFar:
    def __init__(self) -> None:
        self._times: dict[str, list[datetime]] = defaultdict(list)
        self._totals: dict[str, list[float]] = defaultdict(lambda: [0.0])

    def update(self, event: Row) -> None:
        user = event["user_id"]
        self._times[user].append(event["ts"])
        self._totals[user].append(self._totals[user][-1] + event["amount"])

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        return {"paid_total": self._totals[user][bisect_left(self._times[user], request["as_of"])]}


def paid_total(events: pa.Table, as_of: datetime) -> pa.Table:
    past = events.filter(pc.less_equal(events["ts"], pa.scalar(as_of, events["ts"].type)))
    totals = past.group_by("user_id").aggregate([("amount", "sum")])
    return totals.rename_columns({"amount_sum": "paid_total"})


class PaidSoFarOrNothing(PaidSoFar):
    def query(self, request: Row) -> Row | None:
        return super().query(request) if request["user_id"] in self._times else None


planted(
    sk.FeatureView(
        "inclusive_view_served_exclusively",
        sources=[payments],
        entity=["user_id"],
        batch=sk.per_as_of(paid_total),
        online=PaidSoFarOrNothing,
        features={"paid_total": sk.close()},
        as_of="inclusive",
    ),
    cause="as_of.edge",
    feature="paid_total",
    known_minimum=1,
)


class PaymentsThisWeek:
    def __init__(self) -> None:
        self._times: dict[str, list[datetime]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._times[event["user_id"]].append(event["ts"])

    def query(self, request: Row) -> Row:
        start = request["as_of"] - WEEK
        return {"payments_7d": sum(ts >= start for ts in self._times[request["user_id"]])}


def payments_of_finished_days(payments: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    pairs = spine.merge(payments, on="user_id")
    pairs = pairs[
        (pairs["ts"] < pairs["as_of"].dt.floor("D")) & (pairs["ts"] >= pairs["as_of"] - WEEK)
    ]
    counts = pairs.groupby(["user_id", "as_of"]).size().rename("payments_7d").reset_index()
    return spine.merge(counts, how="left").fillna({"payments_7d": 0})


planted(
    sk.FeatureView(
        "nightly_job_against_live_counter",
        sources=[payments],
        entity=["user_id"],
        batch=payments_of_finished_days,
        online=PaymentsThisWeek,
        features={"payments_7d": sk.exact()},
        windows=[WEEK],
    ),
    cause="as_of.edge",
    feature="payments_7d",
    known_minimum=1,
)
