"""Order: ties of event time, and filters, dedupes and differences in another sequence."""

from collections import defaultdict
from datetime import datetime  # noqa: TC003 - teams import what they annotate with
from typing import Any

import pandas as pd
import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

quotes = sk.Source("quotes", time="ts", columns={"user_id": sk.key(), "price": sk.ints(1, 500)})
matches = sk.Source(
    "matches", time="ts", columns={"user_id": sk.key(), "result": sk.categories("lost", "won")}
)
orders = sk.Source(
    "orders",
    time="ts",
    columns={
        "user_id": sk.key(),
        "order_no": sk.ints(1, 20),
        "amount": sk.floats(0, 2_000),
        "status": sk.categories("placed", "completed", "refunded"),
    },
)
clicks = sk.Source(
    "clicks",
    time="ts",
    columns={"user_id": sk.key(), "action": sk.categories("view", "cart", "purchase")},
)


class LastPrice:
    def __init__(self) -> None:
        self._price: dict[str, int] = {}

    def update(self, event: Row) -> None:
        self._price[event["user_id"]] = event["price"]

    def query(self, request: Row) -> Row:
        return {"last_price": self._price.get(request["user_id"])}


def latest_price(quotes: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(quotes, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    newest = past.sort("ts", descending=True, maintain_order=True)
    found = newest.group_by(KEYS, maintain_order=True).agg(last_price=pl.col("price").first())
    return onto(spine, found)


planted(
    sk.FeatureView(
        "last_price_of_a_descending_sort",
        sources=[quotes],
        entity=["user_id"],
        batch=latest_price,
        online=LastPrice,
        features={"last_price": sk.exact()},
    ),
    cause="tie.order",
    feature="last_price",
    known_minimum=2,
)


class WinningStreak:
    def __init__(self) -> None:
        self._streak: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        won = event["result"] == "won"
        self._streak[event["user_id"]] = self._streak[event["user_id"]] + 1 if won else 0

    def query(self, request: Row) -> Row:
        return {"streak": self._streak[request["user_id"]]}


def streaks(matches: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    """Sort by every column, so that the result is reproducible."""
    pairs = spine.merge(matches, on="user_id")
    pairs = pairs[pairs["ts"] < pairs["as_of"]].sort_values(["user_id", "as_of", "ts", "result"])
    rows = []
    for (user, as_of), group in pairs.groupby(["user_id", "as_of"]):
        lost = [at for at, result in enumerate(group["result"]) if result == "lost"]
        streak = len(group) - 1 - lost[-1] if lost else len(group)
        rows.append({"user_id": user, "as_of": as_of, "streak": streak})
    found = pd.DataFrame(rows, columns=["user_id", "as_of", "streak"])
    known = {(row.user_id, row.as_of): row.streak for row in found.itertuples()}
    asked = zip(spine["user_id"], spine["as_of"], strict=True)
    return spine.assign(streak=[known.get(key, 0) for key in asked])


planted(
    sk.FeatureView(
        "streak_sorted_by_result",
        sources=[matches],
        entity=["user_id"],
        batch=streaks,
        online=WinningStreak,
        features={"streak": sk.exact()},
    ),
    cause="tie.order",
    feature="streak",
    known_minimum=2,
)


class PriceRange:
    def __init__(self) -> None:
        self._prices: dict[str, list[int]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._prices[event["user_id"]].append(event["price"])

    def query(self, request: Row) -> Row:
        prices = self._prices[request["user_id"]]
        return {"quotes": len(prices), "price_range": max(prices) - min(prices) if prices else 0}


def price_range(quotes: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    ticks = quotes.unique(["user_id", "ts"], keep="last", maintain_order=True)
    past = spine.join(ticks, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(
        quotes=pl.len(), price_range=pl.col("price").max() - pl.col("price").min()
    )
    return onto(spine, found, quotes=0, price_range=0)


planted(
    sk.FeatureView(
        "quotes_of_one_instant_deduplicated",
        sources=[quotes],
        entity=["user_id"],
        batch=price_range,
        online=PriceRange,
        features={"quotes": sk.exact(), "price_range": sk.exact()},
    ),
    cause="tie.order",
    feature="quotes",
    known_minimum=2,
)


class CompletedOrders:
    def __init__(self) -> None:
        self._amounts: dict[tuple[str, int], float] = {}

    def update(self, event: Row) -> None:
        if event["status"] == "completed":
            self._amounts[event["user_id"], event["order_no"]] = event["amount"]

    def query(self, request: Row) -> Row:
        mine = [a for (user, _), a in self._amounts.items() if user == request["user_id"]]
        return {"completed_orders": len(mine), "completed_spend": sum(mine)}


def completed_orders(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(orders, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    latest = past.unique([*KEYS, "order_no"], keep="last", maintain_order=True)
    completed = latest.filter(pl.col("status") == "completed")
    found = completed.group_by(KEYS).agg(
        completed_orders=pl.len(), completed_spend=pl.col("amount").sum()
    )
    return onto(spine, found, completed_orders=0, completed_spend=0.0)


planted(
    sk.FeatureView(
        "completed_before_or_after_dedupe",
        sources=[orders],
        entity=["user_id"],
        batch=completed_orders,
        online=CompletedOrders,
        features={"completed_orders": sk.exact(), "completed_spend": sk.close()},
    ),
    cause="expression.order",
    feature="completed_orders",
    known_minimum=2,
)


class PurchaseGap:
    def __init__(self) -> None:
        self._purchases: dict[str, list[datetime]] = defaultdict(list)

    def update(self, event: Row) -> None:
        if event["action"] == "purchase":
            self._purchases[event["user_id"]].append(event["ts"])

    def query(self, request: Row) -> Row:
        *_, before, last = [None, None, *self._purchases[request["user_id"]]]
        gap = (last - before).total_seconds() / 3600 if before else None
        return {"purchase_gap_hours": gap}


def purchase_gap(clicks: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    hours = pl.col("ts").diff().over("user_id").dt.total_microseconds() / 3.6e9
    gaps = clicks.with_columns(purchase_gap_hours=hours).filter(pl.col("action") == "purchase")
    past = spine.join(gaps, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(pl.col("purchase_gap_hours").last()))


planted(
    sk.FeatureView(
        "gap_before_the_filter",
        sources=[clicks],
        entity=["user_id"],
        batch=purchase_gap,
        online=PurchaseGap,
        features={"purchase_gap_hours": sk.close()},
    ),
    cause="expression.order",
    feature="purchase_gap_hours",
    kinds=("null", "value"),
    known_minimum=2,
)


def first_order(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    firsts = orders.group_by("user_id", maintain_order=True).first()
    good = firsts.filter(pl.col("status") != "refunded", pl.col("amount") > 0)
    past = spine.join(good, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.select(*KEYS, first_amount="amount"))


def keep_first(state: dict[str, Any], event: Row) -> dict[str, Any]:
    if event["status"] != "refunded" and event["amount"] > 0:
        state.setdefault(event["user_id"], event["amount"])
    return state


planted(
    sk.FeatureView(
        "first_order_before_or_after_the_filter",
        sources=[orders],
        entity=["user_id"],
        batch=first_order,
        online=sk.fold(
            dict, keep_first, lambda state, request: {"first_amount": state.get(request["user_id"])}
        ),
        features={"first_amount": sk.close()},
    ),
    cause="expression.order",
    feature="first_amount",
    kinds=("null",),
    known_minimum=2,
)
