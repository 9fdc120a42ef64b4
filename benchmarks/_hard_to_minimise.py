"""Skews whose smallest histories are long: to make them small is most of the work of a check."""

from collections.abc import Mapping
from typing import Any

import polars as pl

import skewtest as sk

orders = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)})


def totals(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    """Count and sum the orders before `as_of`."""
    seen = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = seen.group_by("user_id", "as_of").agg(n=pl.len(), total=pl.col("amount").sum())
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("n", "total").fill_null(0)
    )


class Counters:
    """Right but for what its counters and caps cannot hold."""

    cap, bits, most = 10**9, 63, 10**9

    def __init__(self) -> None:
        self.amounts: dict[str, list[int]] = {}

    def update(self, event: Mapping[str, Any]) -> None:
        """Take one order."""
        self.amounts.setdefault(event["user_id"], []).append(event["amount"])

    def query(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Return the features of a user."""
        amounts = self.amounts.get(request["user_id"], [])
        n, half = len(amounts), 1 << (self.bits - 1)
        return {
            "n": (n + half) % (2 * half) - half,
            "total": min(sum(amounts[-self.cap :]), self.most),
        }


class CapOf100(Counters):
    """Keeps the last 100 orders."""

    cap = 100


class EightBits(Counters):
    """Counts in a signed byte: wrong from 128 orders on."""

    bits = 8


class MostOf5000(Counters):
    """Totals stop at 5,000: wrong after 51 orders at least."""

    most = 5_000


def view(online: type) -> sk.FeatureView:
    """Return the view with one of the online sides."""
    return sk.FeatureView(
        online.__name__.lower(),
        sources=[orders],
        entity=["user_id"],
        batch=totals,
        online=online,
        features={"n": sk.exact(), "total": sk.exact()},
        relations=None,
    )


cap_of_100, eight_bits, most_of_5000 = view(CapOf100), view(EightBits), view(MostOf5000)
