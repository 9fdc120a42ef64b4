"""Sums and counts over windows, recomputed on one side and kept up to date on the other."""

from collections import Counter, defaultdict, deque
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st

import skewtest as sk
from quality.registry import equivalent
from quality.tables import KEYS, Row, onto

DAY, WEEK, MONTH = timedelta(days=1), timedelta(days=7), timedelta(days=30)

orders = sk.Source(
    "orders",
    time="ts",
    columns={
        "user_id": sk.key(),
        "amount": sk.floats(0, 10_000, step=0.01),
        "status": sk.categories("completed", "refunded", nullable=True),
        "product_id": sk.ints(0, 500),
    },
)
ledger = sk.Source(
    "ledger",
    time="ts",
    columns={"user_id": sk.key("int"), "units": sk.ints(-(2**50), 2**50), "ref": sk.ints(0, 2**62)},
)
invoices = sk.Source(
    "invoices",
    time="ts",
    columns={"user_id": sk.key(), "total": st.decimals(-10_000, 10_000, places=2)},
)


class SlidingSpend:
    """Adds what comes and subtracts what leaves."""

    def __init__(self) -> None:
        self._orders: dict[str, deque[tuple[datetime, float]]] = defaultdict(deque)
        self._sum: dict[str, float] = defaultdict(float)

    def update(self, event: Row) -> None:
        self._orders[event["user_id"]].append((event["ts"], event["amount"]))
        self._sum[event["user_id"]] += event["amount"]

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        orders = self._orders[user]
        while orders and orders[0][0] < request["as_of"] - WEEK:
            self._sum[user] -= orders.popleft()[1]
        return {"spend_7d": self._sum[user] if orders else 0.0, "orders_7d": len(orders)}


def spend(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    age = pl.col("as_of") - pl.col("ts")
    recent = spine.join(orders, on="user_id").filter(age > timedelta(0), age <= WEEK)
    found = recent.group_by(KEYS).agg(spend_7d=pl.col("amount").sum(), orders_7d=pl.len())
    return onto(spine, found, spend_7d=0.0, orders_7d=0)


equivalent(
    sk.FeatureView(
        "sliding_sum_against_recompute",
        sources=[orders],
        entity=["user_id"],
        batch=spend,
        online=SlidingSpend,
        features={"spend_7d": sk.close(), "orders_7d": sk.exact()},
        windows=[WEEK],
    )
)


class DistinctProducts:
    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[datetime, int]]] = defaultdict(deque)
        self._counts: dict[str, Counter[int]] = defaultdict(Counter)

    def update(self, event: Row) -> None:
        self._seen[event["user_id"]].append((event["ts"], event["product_id"]))
        self._counts[event["user_id"]][event["product_id"]] += 1

    def query(self, request: Row) -> Row:
        seen, counts = self._seen[request["user_id"]], self._counts[request["user_id"]]
        while seen and seen[0][0] < request["as_of"] - MONTH:
            _, product = seen.popleft()
            counts[product] -= 1
            if not counts[product]:
                del counts[product]
        return {"distinct_products_30d": len(counts)}


def distinct_products(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    recent = spine.join(orders, on="user_id").filter(
        pl.col("ts").is_between(pl.col("as_of") - MONTH, pl.col("as_of"), closed="left")
    )
    found = recent.group_by(KEYS).agg(distinct_products_30d=pl.col("product_id").n_unique())
    return onto(spine, found, distinct_products_30d=0)


equivalent(
    sk.FeatureView(
        "distinct_by_reference_counts",
        sources=[orders],
        entity=["user_id"],
        batch=distinct_products,
        online=DistinctProducts,
        features={"distinct_products_30d": sk.exact()},
        windows=[MONTH],
    )
)


class PandasOrders:
    def __init__(self) -> None:
        self._state: dict[str, tuple[int, float, datetime]] = {}

    def update(self, event: Row) -> None:
        count, total, _ = self._state.get(event["user_id"], (0, 0.0, None))
        self._state[event["user_id"]] = count + 1, total + event["amount"], event["ts"]

    def query(self, request: Row) -> Row | None:
        if request["user_id"] not in self._state:
            return None
        count, total, last = self._state[request["user_id"]]
        days = (request["as_of"] - last).days
        return {"orders": count, "avg_order": total / count, "days_since_last": days}


def pandas_orders(events: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    past = events[events["ts"] < as_of]
    users = past.groupby("user_id")
    found = users.agg(orders=("amount", "size"), avg_order=("amount", "mean"), last=("ts", "max"))
    days = (as_of - found["last"]).dt.days
    return found.assign(days_since_last=days).drop(columns="last").reset_index()


equivalent(
    sk.FeatureView(
        "pandas_groupby_against_counters",
        sources=[orders],
        entity=["user_id"],
        batch=sk.per_as_of(pandas_orders),
        online=PandasOrders,
        features={"orders": sk.exact(), "avg_order": sk.close(), "days_since_last": sk.exact()},
    )
)


def arrow_orders(events: pa.Table, as_of: datetime) -> pa.Table:
    past = events.filter(pc.less(events["ts"], pa.scalar(as_of, events["ts"].type)))
    found = past.group_by("user_id").aggregate([("amount", "min"), ("amount", "max")])
    return found.rename_columns({"amount_min": "cheapest", "amount_max": "dearest"})


def widen(state: dict[str, Any], event: Row) -> dict[str, Any]:
    low, high = state.get(event["user_id"], (event["amount"], event["amount"]))
    state[event["user_id"]] = min(low, event["amount"]), max(high, event["amount"])
    return state


def cheapest_and_dearest(state: dict[str, Any], request: Row) -> Row | None:
    if request["user_id"] not in state:
        return None
    low, high = state[request["user_id"]]
    return {"cheapest": low, "dearest": high}


equivalent(
    sk.FeatureView(
        "pyarrow_against_a_fold",
        sources=[orders],
        entity=["user_id"],
        batch=sk.per_as_of(arrow_orders),
        online=sk.fold(dict, widen, cheapest_and_dearest),
        features={"cheapest": sk.exact(), "dearest": sk.exact()},
    )
)

NOT_REFUNDED = """
    select
        spine.user_id,
        spine.as_of,
        count(orders.ts) as kept_orders,
        coalesce(sum(orders.amount), 0) as kept_spend
    from spine
    left join orders
      on orders.user_id = spine.user_id
      and orders.ts < spine.as_of
      and orders.ts >= spine.as_of - interval 30 day
      and orders.status is distinct from 'refunded'
    group by spine.user_id, spine.as_of
"""


class KeptOrders:
    def __init__(self) -> None:
        self._orders: dict[str, list[tuple[datetime, float]]] = defaultdict(list)

    def update(self, event: Row) -> None:
        if event["status"] != "refunded":
            self._orders[event["user_id"]].append((event["ts"], event["amount"]))

    def query(self, request: Row) -> Row:
        start = request["as_of"] - MONTH
        kept = [amount for ts, amount in self._orders[request["user_id"]] if ts >= start]
        return {"kept_orders": len(kept), "kept_spend": sum(kept)}


equivalent(
    sk.FeatureView(
        "sql_against_a_class",
        sources=[orders],
        entity=["user_id"],
        batch=sk.sql(NOT_REFUNDED),
        online=KeptOrders,
        features={"kept_orders": sk.exact(), "kept_spend": sk.close()},
        windows=[MONTH],
    )
)


class UnitLedger:
    def __init__(self) -> None:
        self._units: dict[int, int] = defaultdict(int)
        self._last: dict[int, int] = {}

    def update(self, event: Row) -> None:
        self._units[event["user_id"]] += event["units"]
        self._last[event["user_id"]] = event["ref"]

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        return {"units": self._units[user], "last_ref": self._last.get(user)}


def unit_ledger(ledger: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(ledger, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    found = past.group_by(KEYS).agg(pl.col("units").sum(), last_ref=pl.col("ref").last())
    return onto(spine, found, units=0)


equivalent(
    sk.FeatureView(
        "integers_beyond_2_to_the_53",
        sources=[ledger],
        entity=["user_id"],
        batch=unit_ledger,
        online=UnitLedger,
        features={"units": sk.exact(dtype=True), "last_ref": sk.exact(dtype=True)},
    )
)


class InvoiceTotal:
    def __init__(self) -> None:
        self._total: dict[str, Decimal] = defaultdict(Decimal)

    def update(self, event: Row) -> None:
        self._total[event["user_id"]] += event["total"]

    def query(self, request: Row) -> Row:
        return {"invoiced": self._total.get(request["user_id"])}


def invoiced(invoices: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(invoices, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(invoiced=pl.col("total").sum()))


equivalent(
    sk.FeatureView(
        "decimals_of_two_libraries",
        sources=[invoices],
        entity=["user_id"],
        batch=invoiced,
        online=InvoiceTotal,
        features={"invoiced": sk.exact()},
    )
)
