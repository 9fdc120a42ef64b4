"""A view that is right under every scenario and every relation, in three declarations.

They stand in a module, as views of a repository do: a fresh process finds them by their names.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl

import skewtest as sk
from skewtest.declare.relation import RELATION_CAUSES

LAWS = [name for name in RELATION_CAUSES if name not in ("week_shift", "restart_invariance")]
"""Sums do not depend on the calendar; restarts are a scenario that the view declares."""
EVERYTHING = sk.Delivery(
    order="any",
    late=timedelta(hours=1),
    duplicates=True,
    restarts=True,
    redeliver_after_restart=True,
    split="handed_over",
    wire="json",
    store="float32",
    bootstrap=True,
    zone="Asia/Kolkata",
)

orders = sk.Source(
    "orders",
    time="ts",
    columns={"order_id": sk.ids(), "user_id": sk.key(), "amount": sk.ints(0, 100)},
)


def totals(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    """Sum and count the orders before `as_of`."""
    seen = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = seen.group_by("user_id", "as_of").agg(total=pl.col("amount").sum(), n=pl.len())
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("total", "n").fill_null(0)
    )


class Totals:
    """Orders by id, on top of what batch knew."""

    snapshot = "pickle"

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, int]] = {}
        self.known: dict[str, tuple[int, int]] = {}

    def update(self, event: Mapping[str, Any]) -> None:
        """Take one order; one that is known by its id changes nothing."""
        self.orders.setdefault(event["user_id"], {})[event["order_id"]] = event["amount"]

    def query(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Return the features of a user."""
        total, n = self.known.get(request["user_id"], (0, 0))
        mine = self.orders.get(request["user_id"], {})
        return {"total": total + sum(mine.values()), "n": n + len(mine)}

    def bootstrap(self, rows: list[dict[str, Any]]) -> None:
        """Start from rows of batch."""
        self.known = {row["user_id"]: (row["total"], row["n"]) for row in rows}


def view(delivery: sk.Delivery, relations: Any, scope: str = "entity") -> sk.FeatureView:
    """Return the view under a delivery."""
    return sk.FeatureView(
        "totals",
        sources=[orders],
        entity=["user_id"],
        batch=totals,
        online=Totals,
        features={"total": sk.close(), "n": sk.exact()},
        delivery=delivery,
        relations=relations,
        scope=scope,
    )


in_order = view(sk.Delivery(), None)
everything = view(EVERYTHING, LAWS)
alone = view(sk.Delivery(), None, scope="global")
