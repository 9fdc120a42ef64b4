"""Several sources, and what is known only at request time."""

from collections import defaultdict
from datetime import datetime  # noqa: TC003 - teams import what they annotate with

import polars as pl

import skewtest as sk
from quality.registry import equivalent
from quality.tables import KEYS, Row, onto

orders = sk.Source(
    "orders", time="ts", columns={"user_id": sk.key(), "amount": sk.floats(0, 2_000)}
)
refunds = sk.Source(
    "refunds", time="ts", columns={"user_id": sk.key(), "amount": sk.floats(0, 2_000)}
)
tiers = sk.Source(
    "tiers", time="ts", columns={"user_id": sk.key(), "tier": sk.categories("basic", "gold")}
)


class NetSpend:
    def __init__(self) -> None:
        self._net: dict[str, float] = defaultdict(float)
        self._refunds: dict[str, int] = defaultdict(int)

    def update(self, event: Row, source: str) -> None:
        is_refund = source == "refunds"
        self._net[event["user_id"]] += -event["amount"] if is_refund else event["amount"]
        self._refunds[event["user_id"]] += is_refund

    def query(self, request: Row) -> Row:
        user = request["user_id"]
        return {"net_spend": self._net[user], "refunds": self._refunds[user]}


def net_spend(orders: pl.LazyFrame, refunds: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    signed = pl.concat(
        [
            orders.with_columns(is_refund=pl.lit(value=False)),
            refunds.with_columns(-pl.col("amount"), is_refund=pl.lit(value=True)),
        ]
    )
    past = spine.join(signed, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(
        net_spend=pl.col("amount").sum(), refunds=pl.col("is_refund").sum()
    )
    return onto(spine, found, net_spend=0.0, refunds=0)


equivalent(
    sk.FeatureView(
        "orders_less_refunds",
        sources=[orders, refunds],
        entity=["user_id"],
        batch=net_spend,
        online=NetSpend,
        features={"net_spend": sk.close(), "refunds": sk.exact()},
    )
)


class GoldOrders:
    """Joins the tier of strictly before the order, in whatever order they arrive."""

    def __init__(self) -> None:
        self._tiers: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self._gold: dict[str, int] = defaultdict(int)

    def update(self, event: Row, source: str) -> None:
        user = event["user_id"]
        if source == "tiers":
            self._tiers[user].append((event["ts"], event["tier"]))
            return
        before = [tier for ts, tier in self._tiers[user] if ts < event["ts"]]
        self._gold[user] += before[-1:] == ["gold"]

    def query(self, request: Row) -> Row:
        return {"gold_orders": self._gold[request["user_id"]]}


def gold_orders(orders: pl.LazyFrame, tiers: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    matched = orders.join_asof(
        tiers,
        on="ts",
        by="user_id",
        strategy="backward",
        allow_exact_matches=False,
        check_sortedness=False,
    )
    past = spine.join(matched, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(gold_orders=(pl.col("tier") == "gold").sum())
    return onto(spine, found, gold_orders=0)


equivalent(
    sk.FeatureView(
        "tier_of_strictly_before_the_order",
        sources=[orders, tiers],
        entity=["user_id"],
        batch=gold_orders,
        online=GoldOrders,
        features={"gold_orders": sk.exact()},
    )
)


class AmountToUsual:
    def __init__(self) -> None:
        self._total: dict[str, float] = defaultdict(float)
        self._count: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._total[event["user_id"]] += event["amount"]
        self._count[event["user_id"]] += 1

    def query(self, request: Row) -> Row:
        total, count = self._total[request["user_id"]], self._count[request["user_id"]]
        if request["amount"] is None or not total:
            return {"amount_to_usual": None, "is_largest": None}
        return {
            "amount_to_usual": request["amount"] * count / total,
            "is_largest": request["amount"] > total,
        }


def amount_to_usual(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(orders.rename({"amount": "paid"}), on="user_id").filter(
        pl.col("ts") < pl.col("as_of")
    )
    found = past.group_by(KEYS).agg(usual=pl.col("paid").mean(), total=pl.col("paid").sum())
    known = pl.when(pl.col("usual") > 0)
    return onto(spine, found).select(
        *KEYS,
        amount_to_usual=known.then(pl.col("amount") / pl.col("usual")),
        is_largest=known.then(pl.col("amount") > pl.col("total")),
    )


equivalent(
    sk.FeatureView(
        "request_amount_to_the_usual_one",
        sources=[orders],
        entity=["user_id"],
        batch=amount_to_usual,
        online=AmountToUsual,
        features={"amount_to_usual": sk.close(), "is_largest": sk.exact()},
        request={"amount": sk.ints(0, 2_000, nullable=True)},
    )
)
