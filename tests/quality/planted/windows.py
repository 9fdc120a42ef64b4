"""Windows that end elsewhere: far edges, tail tiles, other lengths."""

from collections import defaultdict, deque
from datetime import datetime, timedelta

import pandas as pd
import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
MONTH, YEAR = timedelta(days=30), timedelta(days=365)

orders = sk.Source(
    "orders",
    time="ts",
    columns={"user_id": sk.key(), "amount": sk.floats(0, 10_000, step=0.01)},
)
logins = sk.Source(
    "logins", time="ts", columns={"user_id": sk.key(), "device": sk.categories("ios", "web")}
)


class WeeklySpend:
    def __init__(self) -> None:
        self._orders: dict[str, deque[tuple[datetime, float]]] = defaultdict(deque)

    def update(self, event: Row) -> None:
        self._orders[event["user_id"]].append((event["ts"], event["amount"]))

    def query(self, request: Row) -> Row:
        orders = self._orders[request["user_id"]]
        while orders and orders[0][0] < request["as_of"] - WEEK:
            orders.popleft()
        return {"spend_7d": sum(amount for _, amount in orders), "orders_7d": len(orders)}


def weekly_spend(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    recent = spine.join(orders, on="user_id").filter(
        pl.col("ts") < pl.col("as_of"), pl.col("ts") > pl.col("as_of") - WEEK
    )
    found = recent.group_by(KEYS).agg(spend_7d=pl.col("amount").sum(), orders_7d=pl.len())
    return onto(spine, found, spend_7d=0.0, orders_7d=0)


planted(
    sk.FeatureView(
        "weekly_spend",
        sources=[orders],
        entity=["user_id"],
        batch=weekly_spend,
        online=WeeklySpend,
        features={"spend_7d": sk.close(), "orders_7d": sk.exact()},
        windows=[WEEK],
    ),
    cause="window.edge",
    feature="orders_7d",
    known_minimum=1,
)


class LoginsToday:
    def __init__(self) -> None:
        self._logins: dict[str, list[datetime]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._logins[event["user_id"]].append(event["ts"])

    def query(self, request: Row) -> Row:
        start = request["as_of"] - DAY
        return {"logins_24h": sum(ts >= start for ts in self._logins[request["user_id"]])}


def logins_between(logins: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    recent = spine.join(logins, on="user_id").filter(
        pl.col("ts").is_between(pl.col("as_of") - DAY, pl.col("as_of"), closed="right")
    )
    return onto(spine, recent.group_by(KEYS).agg(logins_24h=pl.len()), logins_24h=0)


planted(
    sk.FeatureView(
        "logins_closed_right",
        sources=[logins],
        entity=["user_id"],
        batch=logins_between,
        online=LoginsToday,
        features={"logins_24h": sk.exact()},
        windows=[DAY],
    ),
    cause="window.edge",
    feature="logins_24h",
    known_minimum=1,
)


class HourlyTiles:
    def __init__(self) -> None:
        self._tiles: dict[str, dict[datetime, float]] = defaultdict(lambda: defaultdict(float))

    def update(self, event: Row) -> None:
        hour = event["ts"].replace(minute=0, second=0, microsecond=0)
        self._tiles[event["user_id"]][hour] += event["amount"]

    def query(self, request: Row) -> Row:
        first = (request["as_of"] - DAY).replace(minute=0, second=0, microsecond=0)
        tiles = self._tiles[request["user_id"]]
        return {"spend_24h": sum(amount for hour, amount in tiles.items() if hour >= first)}


def daily_spend(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    age = pl.col("as_of") - pl.col("ts")
    recent = spine.join(orders, on="user_id").filter(age > timedelta(0), age <= DAY)
    return onto(spine, recent.group_by(KEYS).agg(spend_24h=pl.col("amount").sum()), spend_24h=0.0)


planted(
    sk.FeatureView(
        "spend_in_hourly_tiles",
        sources=[orders],
        entity=["user_id"],
        batch=daily_spend,
        online=HourlyTiles,
        features={"spend_24h": sk.close()},
        windows=[DAY],
    ),
    cause="window.edge",
    feature="spend_24h",
    known_minimum=1,
)


class LastThirtyDays:
    def __init__(self) -> None:
        self._amounts: dict[str, list[tuple[datetime, float]]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._amounts[event["user_id"]].append((event["ts"], event["amount"]))

    def query(self, request: Row) -> Row:
        start = request["as_of"] - MONTH
        recent = [a for ts, a in self._amounts[request["user_id"]] if ts >= start]
        return {"largest_order_month": max(recent, default=None)}


def largest_in_calendar_month(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    start = pl.col("as_of").dt.offset_by("-1mo")
    recent = spine.join(orders, on="user_id").filter(
        pl.col("ts") >= start, pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, recent.group_by(KEYS).agg(largest_order_month=pl.col("amount").max()))


planted(
    sk.FeatureView(
        "calendar_month_against_30_days",
        sources=[orders],
        entity=["user_id"],
        batch=largest_in_calendar_month,
        online=LastThirtyDays,
        features={"largest_order_month": sk.close()},
        windows=[MONTH],
    ),
    cause="window.length",
    feature="largest_order_month",
    kinds=("value", "null"),
    known_minimum=1,
)


class RetainedOrders:
    """Keeps what the state store retains: a quarter."""

    def __init__(self) -> None:
        self._orders: dict[str, list[datetime]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._orders[event["user_id"]].append(event["ts"])

    def query(self, request: Row) -> Row | None:
        oldest = request["as_of"] - timedelta(days=90)
        orders = self._orders.get(request["user_id"])
        return orders and {"lifetime_orders": sum(ts >= oldest for ts in orders)}


def lifetime_orders(events: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    past = events[events["ts"] < as_of]
    return past.groupby("user_id").size().rename("lifetime_orders").reset_index()


planted(
    sk.FeatureView(
        "lifetime_against_retention",
        sources=[orders],
        entity=["user_id"],
        batch=sk.per_as_of(lifetime_orders),
        online=RetainedOrders,
        features={"lifetime_orders": sk.exact()},
    ),
    cause="window.length",
    feature="lifetime_orders",
    known_minimum=1,
)


class TrailingYear:
    def __init__(self) -> None:
        self._days: dict[str, list[datetime]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._days[event["user_id"]].append(event["ts"])

    def query(self, request: Row) -> Row:
        start = request["as_of"] - YEAR
        active = {ts.date() for ts in self._days[request["user_id"]] if ts >= start}
        return {"active_days_12m": len(active)}


def active_days(logins: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    pairs = spine.merge(logins, on="user_id")
    start = pairs["as_of"] - pd.DateOffset(years=1)
    pairs = pairs[(pairs["ts"] >= start) & (pairs["ts"] < pairs["as_of"])]
    days = pairs.assign(day=pairs["ts"].dt.date).groupby(["user_id", "as_of"])["day"].nunique()
    found = spine.merge(days.rename("active_days_12m").reset_index(), how="left")
    return found.fillna({"active_days_12m": 0})


planted(
    sk.FeatureView(
        "leap_year_against_365_days",
        sources=[logins],
        entity=["user_id"],
        batch=active_days,
        online=TrailingYear,
        features={"active_days_12m": sk.exact()},
        windows=[YEAR],
    ),
    cause="window.length",
    feature="active_days_12m",
    known_minimum=1,
)


def average_order(events: pl.DataFrame) -> pl.DataFrame:
    return events.group_by("user_id").agg(avg_order=pl.col("amount").mean())


def average_order_batch(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return past.group_by(KEYS).agg(avg_order=pl.col("amount").mean())


planted(
    sk.FeatureView(
        "average_over_the_last_micro_batch",
        sources=[orders],
        entity=["user_id"],
        batch=average_order_batch,
        online=sk.micro_batch(average_order, size=4),
        features={"avg_order": sk.close()},
    ),
    cause="window.length",
    feature="avg_order",
    known_minimum=5,  # 2 where a request comes between them; minimising adds no request
)
