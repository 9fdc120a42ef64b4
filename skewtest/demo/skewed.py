"""A feature repo in one file: a 7-day spend, with a skew on the far edge of its window."""

import inspect
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from skewtest.declare.columns import categories, key
from skewtest.declare.numbers import floats
from skewtest.declare.source import Source
from skewtest.declare.tolerance import close, exact
from skewtest.declare.view import FeatureView

WEEK = timedelta(days=7)


def spend_batch(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    """Sum completed orders of the 7 days before `as_of`: what the model is trained on."""
    completed = orders.filter(pl.col("status") == "completed")
    age = pl.col("as_of") - pl.col("ts")
    found = (
        spine.join(completed, on="user_id")
        .filter((age > pl.duration()) & (age < WEEK))
        .group_by("user_id", "as_of")
        .agg(spend_7d=pl.col("amount").sum(), orders_7d=pl.len())
    )
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("spend_7d", "orders_7d").fill_null(0)
    )


class SpendOnline:
    """Keep completed orders by user: what production serves."""

    def __init__(self) -> None:
        self.orders: dict[str, list[tuple[datetime, float]]] = defaultdict(list)

    def update(self, event: Mapping[str, Any]) -> None:
        """Take one order."""
        if event["status"] == "completed":
            self.orders[event["user_id"]].append((event["ts"], event["amount"]))

    def query(self, request: Mapping[str, Any]) -> dict[str, float]:
        """Return the features of a user at a moment."""
        start = request["as_of"] - WEEK
        recent = [amount for ts, amount in self.orders[request["user_id"]] if ts >= start]
        return {"spend_7d": sum(recent), "orders_7d": len(recent)}


orders = Source(
    "orders",
    time="ts",
    columns={
        "user_id": key(),
        "amount": floats(0, 10_000),
        "status": categories("completed", "refunded"),
    },
)

spend = FeatureView(
    "spend",
    sources=[orders],
    entity=["user_id"],
    batch=spend_batch,
    online=SpendOnline,
    features={"spend_7d": close(), "orders_7d": exact()},
    windows=[WEEK],
)


def shown_source() -> str:
    """Return the source of both implementations."""
    return f"{inspect.getsource(spend_batch)}\n\n{inspect.getsource(SpendOnline)}"
