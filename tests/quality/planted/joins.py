"""Two sources, and what is known only at request time."""

from collections import defaultdict

import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

orders = sk.Source(
    "orders", time="ts", columns={"user_id": sk.key(), "amount": sk.floats(0, 2_000, step=0.5)}
)
tiers = sk.Source(
    "tiers", time="ts", columns={"user_id": sk.key(), "tier": sk.categories("basic", "gold")}
)
rates = sk.Source("rates", time="ts", columns={"user_id": sk.key(), "rate": sk.floats(0.5, 2)})
logins = sk.Source(
    "logins", time="ts", columns={"user_id": sk.key(), "device": sk.categories("tv", "web", "ios")}
)


class GoldSpend:
    """Spend while in the tier that an order finds when it arrives."""

    def __init__(self) -> None:
        self._tier: dict[str, str] = {}
        self._gold: dict[str, float] = defaultdict(float)

    def update(self, event: Row, source: str) -> None:
        if source == "tiers":
            self._tier[event["user_id"]] = event["tier"]
        elif self._tier.get(event["user_id"]) == "gold":
            self._gold[event["user_id"]] += event["amount"]

    def query(self, request: Row) -> Row:
        return {"gold_spend": self._gold[request["user_id"]]}


def gold_spend(orders: pl.LazyFrame, tiers: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    """Give each order the user's latest tier, whenever that was."""
    latest = tiers.group_by("user_id", maintain_order=True).agg(pl.col("tier").last())
    gold = orders.join(latest, on="user_id").filter(pl.col("tier") == "gold")
    past = spine.join(gold, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(gold_spend=pl.col("amount").sum()), gold_spend=0.0)


planted(
    sk.FeatureView(
        "tier_of_today_for_old_orders",
        sources=[orders, tiers],
        entity=["user_id"],
        batch=gold_spend,
        online=GoldSpend,
        features={"gold_spend": sk.close()},
    ),
    cause="join",
    feature="gold_spend",
    known_minimum=2,
)


def basic_orders(orders: pl.LazyFrame, tiers: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    matched = orders.join_asof(
        tiers, on="ts", by="user_id", strategy="backward", check_sortedness=False
    )
    past = spine.join(matched, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    found = past.group_by(KEYS).agg(basic_orders=(pl.col("tier") == "basic").sum())
    return onto(spine, found, basic_orders=0)


class BasicOrders:
    """Joins the tier of strictly before the order."""

    def __init__(self) -> None:
        self._tiers: dict[str, list[Row]] = defaultdict(list)
        self._count: dict[str, int] = defaultdict(int)

    def update(self, event: Row, source: str) -> None:
        known = self._tiers[event["user_id"]]
        if source == "tiers":
            known.append(event)
            return
        before = [row["tier"] for row in known if row["ts"] < event["ts"]]
        self._count[event["user_id"]] += before[-1:] == ["basic"]

    def query(self, request: Row) -> Row:
        return {"basic_orders": self._count[request["user_id"]]}


planted(
    sk.FeatureView(
        "tier_that_changes_with_the_order",
        sources=[orders, tiers],
        entity=["user_id"],
        batch=basic_orders,
        online=BasicOrders,
        features={"basic_orders": sk.exact()},
    ),
    cause="join",
    feature="basic_orders",
    known_minimum=2,
)


class ConvertedSpend:
    """Converts at the rate of the order; without a rate, one to one."""

    def __init__(self) -> None:
        self._rate: dict[str, float] = {}
        self._spend: dict[str, float] = defaultdict(float)

    def update(self, event: Row, source: str) -> None:
        user = event["user_id"]
        if source == "rates":
            self._rate[user] = event["rate"]
        else:
            self._spend[user] += event["amount"] * self._rate.get(user, 1.0)

    def query(self, request: Row) -> Row:
        return {"converted_spend": self._spend[request["user_id"]]}


def converted_spend(orders: pl.DataFrame, rates: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    """Convert everything at the rate known at as_of."""
    is_past = pl.col("ts") < pl.col("as_of")
    spent = spine.join(orders, on="user_id").filter(is_past)
    known = spine.join(rates, on="user_id", maintain_order="left_right").filter(is_past)
    totals = spent.group_by(KEYS).agg(pl.col("amount").sum())
    found = totals.join(
        known.group_by(KEYS).agg(pl.col("rate").last()), on=list(KEYS), how="left"
    ).with_columns(converted_spend=pl.col("amount") * pl.col("rate").fill_null(1.0))
    return onto(spine, found, converted_spend=0.0)


planted(
    sk.FeatureView(
        "rate_of_the_order_or_of_as_of",
        sources=[orders, rates],
        entity=["user_id"],
        batch=converted_spend,
        online=ConvertedSpend,
        features={"converted_spend": sk.close()},
    ),
    cause="join",
    feature="converted_spend",
    known_minimum=2,
)


class OrdersPerLogin:
    def __init__(self) -> None:
        self._orders: dict[str, int] = defaultdict(int)
        self._logins: dict[str, int] = defaultdict(int)

    def update(self, event: Row, source: str) -> None:
        counts = self._orders if source == "orders" else self._logins
        counts[event["user_id"]] += 1

    def query(self, request: Row) -> Row:
        orders, logins = self._orders[request["user_id"]], self._logins[request["user_id"]]
        return {"orders_per_login": orders / logins if logins else None}


def orders_per_login(
    orders: pl.LazyFrame, logins: pl.LazyFrame, spine: pl.LazyFrame
) -> pl.LazyFrame:
    """Join both sources at once, which counts every order once for each login."""
    pairs = spine.join(orders, on="user_id", how="left").join(
        logins, on="user_id", how="left", suffix="_login"
    )
    ordered = (pl.col("ts") < pl.col("as_of")).sum()
    logged_in = pl.col("ts_login").filter(pl.col("ts_login") < pl.col("as_of")).n_unique()
    ratio = pl.when(logged_in > 0).then(ordered / logged_in)
    return pairs.group_by(KEYS).agg(orders_per_login=ratio)


planted(
    sk.FeatureView(
        "join_multiplies_orders_by_logins",
        sources=[orders, logins],
        entity=["user_id"],
        batch=orders_per_login,
        online=OrdersPerLogin,
        features={"orders_per_login": sk.close()},
    ),
    cause="join",
    feature="orders_per_login",
    known_minimum=3,
)


class AmountToUsual:
    def __init__(self) -> None:
        self._amounts: dict[str, list[float]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._amounts[event["user_id"]].append(event["amount"])

    def query(self, request: Row) -> Row:
        amounts = self._amounts[request["user_id"]]
        usual = sum(amounts) / len(amounts) if amounts else 0.0
        return {"amount_to_usual": request["amount"] / usual if usual else 1.0}


def amount_to_usual(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(orders.rename({"amount": "past"}), on="user_id").filter(
        pl.col("ts") < pl.col("as_of")
    )
    usual = onto(spine, past.group_by(KEYS).agg(usual=pl.col("past").mean()))
    ratio = pl.col("amount") / pl.col("usual")
    return usual.with_columns(amount_to_usual=ratio.fill_null(1.0).fill_nan(1.0))


planted(
    sk.FeatureView(
        "ratio_to_a_usual_amount_of_zero",
        sources=[orders],
        entity=["user_id"],
        batch=amount_to_usual,
        online=AmountToUsual,
        features={"amount_to_usual": sk.close()},
        request={"amount": sk.floats(0, 2_000, step=0.5)},
    ),
    cause="empty",
    feature="amount_to_usual",
    known_minimum=1,
)


class NewDevice:
    """Scoring a login also remembers its device."""

    def __init__(self) -> None:
        self._devices: dict[str, set[str]] = defaultdict(set)

    def update(self, event: Row) -> None:
        self._devices[event["user_id"]].add(event["device"])

    def query(self, request: Row) -> Row:
        known = self._devices[request["user_id"]]
        is_new = request["device"] not in known
        known.add(request["device"])
        return {"is_new_device": is_new}


def new_device(logins: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(logins, on=["user_id", "device"]).filter(pl.col("ts") < pl.col("as_of"))
    seen = past.select(KEYS).unique().with_columns(is_new_device=pl.lit(value=False))
    return onto(spine, seen, is_new_device=True)


planted(
    sk.FeatureView(
        "scoring_remembers_the_device",
        sources=[logins],
        entity=["user_id"],
        batch=new_device,
        online=NewDevice,
        features={"is_new_device": sk.exact()},
        request={"device": sk.categories("tv", "web", "ios")},
    ),
    cause="state.mutation",
    feature="is_new_device",
    known_minimum=0,
)
