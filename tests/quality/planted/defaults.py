"""No events, unknown values: zero, null, an error, another default, no row at all."""

from collections import defaultdict
from datetime import datetime, timedelta

import polars as pl

import skewtest as sk
from quality.registry import planted
from quality.tables import KEYS, Row, onto

DAY = timedelta(days=1)

orders = sk.Source(
    "orders",
    time="ts",
    columns={
        "user_id": sk.key(),
        "amount": sk.floats(0, 1_000),
        "postcode": sk.strings(max_size=8),
    },
)
plans = sk.Source(
    "plans",
    time="ts",
    columns={"user_id": sk.key(), "plan": sk.categories("free", "team", "pro", unseen=True)},
)


class SpendOrNothing:
    def __init__(self) -> None:
        self._total: dict[str, float] = {}

    def update(self, event: Row) -> None:
        self._total[event["user_id"]] = self._total.get(event["user_id"], 0.0) + event["amount"]

    def query(self, request: Row) -> Row:
        return {"total_spend": self._total.get(request["user_id"], 0.0)}


def total_spend(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(total_spend=pl.col("amount").sum()))


planted(
    sk.FeatureView(
        "sum_of_no_orders",
        sources=[orders],
        entity=["user_id"],
        batch=total_spend,
        online=SpendOrNothing,
        features={"total_spend": sk.close()},
    ),
    cause="empty",
    feature="total_spend",
    kinds=("null",),
    known_minimum=0,
)


class AverageOrder:
    def __init__(self) -> None:
        self._amounts: dict[str, list[float]] = defaultdict(list)

    def update(self, event: Row) -> None:
        self._amounts[event["user_id"]].append(event["amount"])

    def query(self, request: Row) -> Row:
        amounts = self._amounts[request["user_id"]]
        return {"avg_order": sum(amounts) / len(amounts)}


def average_order(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(avg_order=pl.col("amount").mean()))


planted(
    sk.FeatureView(
        "mean_of_no_orders",
        sources=[orders],
        entity=["user_id"],
        batch=average_order,
        online=AverageOrder,
        features={"avg_order": sk.close()},
    ),
    cause="error",
    feature="avg_order",
    kinds=("error",),
    known_minimum=0,
)


class DaysSinceLast:
    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def update(self, event: Row) -> None:
        self._last[event["user_id"]] = event["ts"]

    def query(self, request: Row) -> Row:
        last = self._last.get(request["user_id"])
        return {"days_since_last": (request["as_of"] - last) // DAY if last else 999}


def days_since_last(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    past = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    last = past.group_by(KEYS).agg(
        days_since_last=(pl.col("as_of").first() - pl.col("ts").max()).dt.total_days()
    )
    return onto(spine, last, days_since_last=365)


planted(
    sk.FeatureView(
        "two_defaults_for_never",
        sources=[orders],
        entity=["user_id"],
        batch=days_since_last,
        online=DaysSinceLast,
        features={"days_since_last": sk.exact()},
    ),
    cause="default",
    feature="days_since_last",
    known_minimum=0,
)


PLAN_CODES = {"free": 1, "team": 2, "pro": 3}


class CurrentPlan:
    """Ignores a plan it does not know."""

    def __init__(self) -> None:
        self._code: dict[str, int] = {}

    def update(self, event: Row) -> None:
        code = PLAN_CODES.get(event["plan"])
        if code is not None:
            self._code[event["user_id"]] = code

    def query(self, request: Row) -> Row:
        return {"plan_code": self._code.get(request["user_id"], 0)}


def current_plan(plans: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    coded = plans.with_columns(
        plan_code=pl.col("plan").replace_strict(PLAN_CODES, default=0, return_dtype=pl.Int64)
    )
    past = spine.join(coded, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )
    return onto(spine, past.group_by(KEYS).agg(pl.col("plan_code").last()), plan_code=0)


planted(
    sk.FeatureView(
        "unknown_plan_ignored_or_coded",
        sources=[plans],
        entity=["user_id"],
        batch=current_plan,
        online=CurrentPlan,
        features={"plan_code": sk.exact()},
    ),
    cause="default",
    feature="plan_code",
    known_minimum=2,
)

SEATS = {"free": 1, "team": 10, "pro": 50}


class SeatsBought:
    def __init__(self) -> None:
        self._seats: dict[str, int] = defaultdict(int)

    def update(self, event: Row) -> None:
        self._seats[event["user_id"]] += SEATS[event["plan"]]

    def query(self, request: Row) -> Row:
        return {"seats": self._seats[request["user_id"]]}


def seats_bought(plans: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    seats = pl.DataFrame({"plan": list(SEATS), "seats": list(SEATS.values())}).lazy()
    known = plans.join(seats, on="plan", how="inner")
    past = spine.join(known, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(pl.col("seats").sum()), seats=0)


planted(
    sk.FeatureView(
        "unknown_plan_raises",
        sources=[plans],
        entity=["user_id"],
        batch=seats_bought,
        online=SeatsBought,
        features={"seats": sk.exact()},
    ),
    cause="error",
    feature="seats",
    kinds=("error",),
    known_minimum=1,
)


class HighestPostcode:
    """Reads a postcode as a number where it is one."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}

    def update(self, event: Row) -> None:
        text = event["postcode"]
        code = int(text) if text.isascii() and text.isdigit() else 0
        self._highest[event["user_id"]] = max(code, self._highest.get(event["user_id"], 0))

    def query(self, request: Row) -> Row:
        return {"highest_postcode": self._highest.get(request["user_id"])}


def highest_postcode(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    coded = orders.with_columns(pl.col("postcode").cast(pl.Int64))
    past = spine.join(coded, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, past.group_by(KEYS).agg(highest_postcode=pl.col("postcode").max()))


planted(
    sk.FeatureView(
        "postcode_cast_strictly",
        sources=[orders],
        entity=["user_id"],
        batch=highest_postcode,
        online=HighestPostcode,
        features={"highest_postcode": sk.exact()},
    ),
    cause="error",
    feature="highest_postcode",
    kinds=("error",),
    known_minimum=1,
)
