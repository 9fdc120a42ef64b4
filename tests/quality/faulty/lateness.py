"""Events that arrive after requests that should count them."""

from datetime import timedelta

import polars as pl

import skewtest as sk
from quality.faulty.disorder import LastToArrive
from quality.streams import LAST, ORDERS, PerUser, batch_of, faulty, onto, past
from quality.tables import KEYS, Row

HOUR = sk.Delivery(late=timedelta(hours=1))
COUNTED = sk.Delivery(late=timedelta(hours=1), freshness="counts")


class Total(PerUser):
    def start(self):
        return 0

    def take(self, state, event):
        return state + event["amount"]

    def answer(self, state, request):
        return state


TOTAL = pl.col("amount").sum()


class ShortWatermark(PerUser):
    """What is ten minutes older than the newest is dropped, though an hour is declared."""

    def start(self):
        return None, 0

    def take(self, state, event):
        newest, total = state
        if newest is not None and event["ts"] < newest - timedelta(minutes=10):
            return state
        newest = event["ts"] if newest is None else max(newest, event["ts"])
        return newest, total + event["amount"]

    def answer(self, state, request):
        return state[1]


class ClosedDays(PerUser):
    """A day's total is closed by the first event of a later day."""

    def start(self):
        return None, 0, 0

    def take(self, state, event):
        day, closed, open_ = state
        if day is None or event["ts"].date() > day:
            return event["ts"].date(), closed + open_, event["amount"]
        if event["ts"].date() < day:
            return state
        return day, closed, open_ + event["amount"]

    def answer(self, state, request):
        return state[1] + state[2]


class BucketsOfLastHours(PerUser):
    """A ring of 24 hours, moved by the newest event: what is late lands in a later hour."""

    def start(self):
        return []

    def take(self, state, event):
        newest = max((at for at, _ in state), default=event["ts"])
        return [*state, (max(event["ts"], newest), event["amount"])]

    def answer(self, state, request):
        since = request["as_of"] - timedelta(hours=24)
        return sum(amount for at, amount in state if at >= since)


def last_24_hours(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    near = pl.col("ts") >= pl.col("as_of") - timedelta(hours=24)
    found = past(orders, spine).group_by(KEYS)
    return onto(spine, found.agg(value=pl.col("amount").filter(near).sum()))


ARRIVING = sk.Source(
    "orders",
    time="ts",
    columns={
        "user_id": sk.key(variants=False),
        "amount": sk.ints(0, 100),
        "arrived": sk.timestamps(),
    },
    arrival="arrived",
)

CLICKS = sk.Source("clicks", time="at", columns={"user_id": sk.key(variants=False)})


def purchases_of_clicks(
    orders: pl.DataFrame, clicks: pl.DataFrame, spine: pl.DataFrame
) -> list[Row]:
    """Purchases within 30 minutes after a click of the user."""
    at: dict[str, list[object]] = {}
    for row in clicks.iter_rows(named=True):
        at.setdefault(row["user_id"], []).append(row["at"])
    bought: dict[str, list[object]] = {}
    for row in orders.iter_rows(named=True):
        near = row["ts"] - timedelta(minutes=30)
        if any(near <= click < row["ts"] for click in at.get(row["user_id"], ())):
            bought.setdefault(row["user_id"], []).append(row["ts"])
    return [
        {**row, "value": sum(ts < row["as_of"] for ts in bought.get(row["user_id"], ()))}
        for row in spine.iter_rows(named=True)
    ]


class PurchasesOfKnownClicks:
    """A purchase is matched with the clicks that have arrived before it."""

    def __init__(self):
        self.clicks, self.bought = {}, {}

    def update(self, event):
        user = event["user_id"]
        if "amount" not in event:
            self.clicks.setdefault(user, []).append(event["at"])
            return
        near = event["ts"] - timedelta(minutes=30)
        if any(near <= click < event["ts"] for click in self.clicks.get(user, ())):
            self.bought[user] = self.bought.get(user, 0) + 1

    def query(self, request):
        return {"value": self.bought.get(request["user_id"], 0)}


class Largest(PerUser):
    def start(self):
        return 0

    def take(self, state, event):
        return max(state, event["amount"])

    def answer(self, state, request):
        return state


faulty("last_to_arrive_late", batch_of(LAST), LastToArrive, "late", "late", 2, delivery=HOUR)
faulty(
    "watermark_of_ten_minutes", batch_of(TOTAL), ShortWatermark, "late", "late", 2, delivery=HOUR
)
faulty("days_that_are_closed", batch_of(TOTAL), ClosedDays, "late", "late", 2, delivery=HOUR)
faulty(
    "late_in_a_later_hour",
    last_24_hours,
    BucketsOfLastHours,
    "late",
    "late",
    2,
    delivery=HOUR,
    windows=[timedelta(hours=24)],
)
faulty("total_that_counts_late", batch_of(TOTAL), Total, "late", "late", 1, delivery=COUNTED)
faulty(
    "largest_before_it_arrived",
    batch_of(pl.col("amount").max()),
    Largest,
    "late",
    "leakage.future",
    1,
    delivery=COUNTED,
    sources=(ARRIVING,),
)
faulty(
    "click_after_its_purchase",
    purchases_of_clicks,
    PurchasesOfKnownClicks,
    "late",
    "join",
    2,
    delivery=HOUR,
    sources=(ORDERS, CLICKS),
)
