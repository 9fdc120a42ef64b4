"""Events that arrive in another order than they happened."""

from datetime import timedelta

import polars as pl

import skewtest as sk
from quality.streams import LAST, ORDERS, PerUser, batch_of, faulty, onto, past
from quality.tables import KEYS, Row

ANY = sk.Delivery(order="any")
FIRST = pl.col("amount").first()


class LastToArrive(PerUser):
    def start(self):
        return None

    def take(self, state, event):
        return event["amount"]

    def answer(self, state, request):
        return state


class FirstToArrive(LastToArrive):
    def take(self, state, event):
        return event["amount"] if state is None else state


class LastOfTheLatestMoment(PerUser):
    """An older event never wins; of one moment the last to arrive does."""

    def start(self):
        return None

    def take(self, state, event):
        if state is not None and event["ts"] < state[0]:
            return state
        return event["ts"], event["amount"]

    def answer(self, state, request):
        return state[1]


class Ewma(PerUser):
    def start(self):
        return None

    def take(self, state, event):
        return event["amount"] if state is None else 0.5 * event["amount"] + 0.5 * state

    def answer(self, state, request):
        return state


def ewma(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    found = past(orders, spine).group_by(KEYS, maintain_order=True)
    return onto(spine, found.agg(value=pl.col("amount").ewm_mean(alpha=0.5, adjust=False).last()))


class Sessions(PerUser):
    """A session ends with a pause of half an hour."""

    nothing = 0

    def start(self):
        return None, 0

    def take(self, state, event):
        last, sessions = state
        is_new = last is None or event["ts"] - last > timedelta(minutes=30)
        return event["ts"], sessions + is_new

    def answer(self, state, request):
        return state[1]


PAUSES = pl.col("ts").diff() > timedelta(minutes=30)


class Refunds(PerUser):
    """Refunds count if the order before them was paid."""

    nothing = 0

    def start(self):
        return None, 0

    def take(self, state, event):
        before, refunds = state
        counts = event["status"] == "refunded" and before == "paid"
        return event["status"], refunds + counts

    def answer(self, state, request):
        return state[1]


REFUNDS = ((pl.col("status") == "refunded") & (pl.col("status").shift(1) == "paid")).sum()


class LongestStreak(PerUser):
    """The most orders of one status in a row."""

    nothing = 0

    def start(self):
        return None, 0, 0

    def take(self, state, event):
        status, run, most = state
        run = run + 1 if event["status"] == status else 1
        return event["status"], run, max(run, most)

    def answer(self, state, request):
        return state[2]


STREAK = pl.col("status").rle().struct.field("len").max()


class SinceTheLast(PerUser):
    """Seconds since the order that arrived last."""

    def start(self):
        return None

    def take(self, state, event):
        return event["ts"]

    def answer(self, state, request):
        return (request["as_of"] - state).total_seconds()


SINCE = (pl.col("as_of").first() - pl.col("ts").max()).dt.total_microseconds() / 1e6


class SortedByTimeAlone(PerUser):
    """Insertion into a list that is sorted by time and amount: ties by amount."""

    def start(self):
        return []

    def take(self, state, event):
        return sorted([*state, (event["ts"], event["amount"])], key=lambda pair: pair[0])

    def answer(self, state, request):
        return state[-1][1]


class TierOfTheMoment:
    """Each order gets the tier that is known when it arrives."""

    def __init__(self):
        self.tiers, self.orders = {}, {}

    def update(self, event):
        if "tier" in event:
            self.tiers[event["user_id"]] = event["tier"]
        elif self.tiers.get(event["user_id"]) == "gold":
            self.orders[event["user_id"]] = self.orders.get(event["user_id"], 0) + 1

    def query(self, request):
        return {"value": self.orders.get(request["user_id"], 0)}


TIERS = sk.Source(
    "tiers",
    time="changed",
    columns={"user_id": sk.key(variants=False), "tier": sk.categories("basic", "gold")},
)


def golden_orders(orders: pl.DataFrame, tiers: pl.DataFrame, spine: pl.DataFrame) -> list[Row]:
    """Orders made while the user was gold; a change counts for orders after it."""
    changes: dict[str, list[tuple[object, str]]] = {}
    for row in tiers.sort("changed", maintain_order=True).iter_rows(named=True):
        changes.setdefault(row["user_id"], []).append((row["changed"], row["tier"]))
    golden: dict[str, list[object]] = {}
    for row in orders.iter_rows(named=True):
        known = [tier for at, tier in changes.get(row["user_id"], ()) if at < row["ts"]]
        if known and known[-1] == "gold":
            golden.setdefault(row["user_id"], []).append(row["ts"])
    return [
        {**row, "value": sum(ts < row["as_of"] for ts in golden.get(row["user_id"], ()))}
        for row in spine.iter_rows(named=True)
    ]


class TierInHindsight(TierOfTheMoment):
    """As above with the strictness of batch: a change at the moment of an order does not count."""

    def __init__(self):
        super().__init__()
        self.before = {}

    def update(self, event):
        user = event["user_id"]
        if "tier" in event:
            if user not in self.tiers or self.tiers[user][0] < event["changed"]:
                self.before[user] = self.tiers.get(user, (None, None))
            self.tiers[user] = event["changed"], event["tier"]
            return
        at, tier = self.tiers.get(user, (None, None))
        if at is not None and at >= event["ts"]:
            tier = self.before[user][1]
        if tier == "gold":
            self.orders[user] = self.orders.get(user, 0) + 1


faulty("last_to_arrive", batch_of(LAST), LastToArrive, "reordered", "out_of_order", 2, delivery=ANY)
faulty(
    "first_to_arrive", batch_of(FIRST), FirstToArrive, "reordered", "out_of_order", 2, delivery=ANY
)
faulty("ewma_as_it_arrives", ewma, Ewma, "reordered", "out_of_order", 2, delivery=ANY)
faulty("last_of_a_tie", batch_of(LAST), LastOfTheLatestMoment, "ties", "tie.order", 2, delivery=ANY)
faulty(
    "sorted_by_time_alone",
    batch_of(LAST),
    SortedByTimeAlone,
    "ties",
    "engine.order",
    2,
    delivery=ANY,
)
faulty(
    "sessions_as_they_arrive",
    batch_of(PAUSES.sum() + 1, fill=0),
    Sessions,
    "reordered",
    "out_of_order",
    2,
    delivery=ANY,
)
faulty(
    "refund_before_purchase",
    batch_of(REFUNDS, fill=0),
    Refunds,
    "reordered",
    "expression.order",
    2,
    delivery=ANY,
)
faulty(
    "refund_in_a_tie",
    batch_of(REFUNDS, fill=0),
    Refunds,
    "ties",
    "expression.order",
    2,
    delivery=ANY,
)
faulty(
    "streak_as_it_arrives",
    batch_of(STREAK, fill=0),
    LongestStreak,
    "reordered",
    "out_of_order",
    3,
    delivery=ANY,
)
faulty(
    "since_the_last_to_arrive",
    batch_of(SINCE),
    SinceTheLast,
    "reordered",
    "time.unit",
    2,
    delivery=ANY,
)
faulty(
    "tier_when_the_order_arrives",
    golden_orders,
    TierInHindsight,
    "reordered",
    "join",
    2,
    delivery=ANY,
    sources=(ORDERS, TIERS),
)


def last_as_it_stands(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    """The log is taken to be in order, which a lake does not promise."""
    found = orders.join(spine, on="user_id", maintain_order="left")
    found = found.filter(pl.col("ts") < pl.col("as_of")).group_by(KEYS, maintain_order=True)
    return onto(spine, found.agg(value=LAST))


faulty(
    "last_of_an_unsorted_log",
    last_as_it_stands,
    LastToArrive,
    "relations",
    "engine.order",
    2,
    delivery=sk.Delivery(),
    relations=["input_order"],
)
