"""One source, done right: ids, watermarks, sorted insertion, snapshots, merging, bootstrapping."""

import json
import pickle
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

import skewtest as sk
from quality.faulty.disorder import SINCE
from quality.faulty.lateness import ARRIVING, TOTAL
from quality.streams import LAST, PerUser, batch_of, faultless, onto, past
from quality.tables import KEYS

EVERYTHING = sk.Delivery(
    order="any",
    late=timedelta(hours=1),
    duplicates=3,
    restarts=True,
    redeliver_after_restart=True,
    split="handed_over",
    wire="json",
    zone="Asia/Kolkata",
)
AT_ONCE = sk.Delivery(
    order="any", duplicates=2, restarts=True, split="handed_over", wire="avro", zone="Asia/Tokyo"
)


class Known(PerUser):
    """The orders of each user by id, in order of time; sequence breaks ties by their arrival."""

    snapshot = "pickle"

    def start(self):
        return {}

    def take(self, state, event):
        return {**state, event["order_id"]: event}

    def answer(self, state, request):
        return self.of(sorted(state.values(), key=lambda event: event["ts"]), request)

    def of(self, orders, request):
        raise NotImplementedError


class Total(Known):
    def of(self, orders, request):
        return sum(order["amount"] for order in orders)


class Count(Known):
    nothing = 0

    def of(self, orders, request):
        return len(orders)


class Mean(Known):
    def of(self, orders, request):
        return sum(order["amount"] for order in orders) / len(orders)


class SinceLast(Known):
    def of(self, orders, request):
        return (request["as_of"] - orders[-1]["ts"]).total_seconds()


class OfSevenDays(Known):
    nothing = 0

    def of(self, orders, request):
        since = request["as_of"] - timedelta(days=7)
        return sum(order["amount"] for order in orders if order["ts"] >= since)


def of_seven_days(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    near = pl.col("ts") >= pl.col("as_of") - timedelta(days=7)
    found = past(orders, spine).group_by(KEYS).agg(value=pl.col("amount").filter(near).sum())
    return onto(spine, found, value=0)


class LastByIdOfTies(Known):
    """Of one moment, the largest amount: which both sides see, whatever arrives first."""

    def of(self, orders, request):
        return max((order["ts"], order["amount"]) for order in orders)[1]


LARGEST_OF_LATEST = pl.col("amount").filter(pl.col("ts") == pl.col("ts").max()).max()


class Largest(PerUser):
    """A maximum takes no harm from copies, order or merging."""

    def start(self):
        return 0

    def take(self, state, event):
        return max(state, event["amount"])

    def answer(self, state, request):
        return state

    def merge(self, state):
        for user, largest in json.loads(state).items():
            self.users[user] = max(largest, self.users.get(user, 0))

    def bootstrap(self, rows):
        for row in rows:
            if row["value"] is not None:
                self.users[row["user_id"]] = row["value"]


class DistinctStatuses(PerUser):
    nothing = 0

    def start(self):
        return []

    def take(self, state, event):
        return sorted({*state, event["status"]})

    def answer(self, state, request):
        return len(state)

    def merge(self, state):
        for user, statuses in json.loads(state).items():
            self.users[user] = sorted({*self.users.get(user, []), *statuses})


class LocalDays(Known):
    """Distinct days in New York, wherever the event comes from."""

    nothing = 0

    def of(self, orders, request):
        here = ZoneInfo("America/New_York")
        return len({order["ts"].astimezone(here).date() for order in orders})


LOCAL_DAYS = pl.col("ts").dt.convert_time_zone("America/New_York").dt.date().n_unique()


class Watermark(PerUser):
    """An hour of lateness is declared, and an hour is waited for; what is out is folded."""

    def start(self):
        return {}, 0, None

    def take(self, state, event):
        waiting, folded, newest = state
        newest = event["ts"] if newest is None else max(newest, event["ts"])
        waiting = {**waiting, event["order_id"]: (event["ts"], event["amount"])}
        done = [i for i, (ts, _) in waiting.items() if ts < newest - timedelta(hours=1)]
        folded += sum(waiting[i][1] for i in done)
        return {i: kept for i, kept in waiting.items() if i not in done}, folded, newest

    def answer(self, state, request):
        waiting, folded, _ = state
        return folded + sum(amount for _, amount in waiting.values())


class AgeByTheClock(Known):
    """The clock of serving is the time of the request."""

    def of(self, orders, request):
        return (datetime.now(UTC) - orders[-1]["ts"]).total_seconds()


class MeanWithItsCount:
    """A snapshot in pickle, of sums and counts."""

    def __init__(self):
        self.sums = {}

    def update(self, event):
        total, count = self.sums.get(event["user_id"], (0, 0))
        self.sums[event["user_id"]] = total + event["amount"], count + 1

    def query(self, request):
        total, count = self.sums.get(request["user_id"], (0, 0))
        return {"value": total / count if count else None}

    def snapshot(self):
        return pickle.dumps(self.sums)

    def restore(self, state):
        self.sums = pickle.loads(state)  # noqa: S301 - our own bytes

    def merge(self, state):
        for user, (total, count) in pickle.loads(state).items():  # noqa: S301 - our own bytes
            mine = self.sums.get(user, (0, 0))
            self.sums[user] = mine[0] + total, mine[1] + count


class AsyncTotal(Total):
    async def update(self, event):
        super().update(event)

    async def query(self, request):
        return super().query(request)


class ArrivedTotal(PerUser):
    def start(self):
        return 0

    def take(self, state, event):
        return state + event["amount"]

    def answer(self, state, request):
        return state


def total_of_what_had_arrived(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    """Bitemporal: an order counts if it is of before, and had arrived."""
    known = past(orders, spine).filter(pl.col("arrived") < pl.col("as_of"))
    return onto(spine, known.group_by(KEYS).agg(value=pl.col("amount").sum()))


faultless("totals_by_id", batch_of(TOTAL), Total, EVERYTHING)
faultless("counts_by_id", batch_of(pl.len(), fill=0), Count, EVERYTHING)
faultless("means_by_id", batch_of(pl.col("amount").mean()), Mean, EVERYTHING)
faultless("since_the_latest", batch_of(SINCE), SinceLast, EVERYTHING)
faultless("seven_days_by_id", of_seven_days, OfSevenDays, EVERYTHING, windows=[timedelta(days=7)])
faultless("largest_of_the_latest", batch_of(LARGEST_OF_LATEST), LastByIdOfTies, EVERYTHING)
faultless("local_days_by_id", batch_of(LOCAL_DAYS, fill=0), LocalDays, EVERYTHING)
faultless("age_by_a_frozen_clock", batch_of(SINCE), AgeByTheClock, AT_ONCE)
faultless("totals_awaited", batch_of(TOTAL), AsyncTotal, EVERYTHING)
faultless(
    "largest_merged_and_bootstrapped",
    batch_of(pl.col("amount").max()),
    Largest,
    sk.Delivery(
        order="any",
        late=timedelta(days=1),
        duplicates=True,
        restarts=True,
        split="merged",
        bootstrap=True,
        wire="msgpack",
    ),
)
faultless(
    "distinct_statuses_merged",
    batch_of(pl.col("status").n_unique(), fill=0),
    DistinctStatuses,
    sk.Delivery(order="any", duplicates=True, restarts=True, split="merged", wire="arrow"),
)
faultless(
    "watermark_of_what_is_declared",
    batch_of(TOTAL),
    Watermark,
    sk.Delivery(order="any", late=timedelta(hours=1)),
)
faultless(
    "mean_with_its_count",
    batch_of(pl.col("amount").mean()),
    MeanWithItsCount,
    sk.Delivery(order="any", late=timedelta(hours=6), restarts=True, split="merged"),
)
faultless(
    "total_of_what_had_arrived",
    total_of_what_had_arrived,
    ArrivedTotal,
    sk.Delivery(late=timedelta(hours=1), freshness="counts"),
    sources=(ARRIVING,),
)
faultless(
    "total_in_a_float32_store",
    batch_of(TOTAL),
    Total,
    sk.Delivery(store="float32", duplicates=True),
    tolerance=sk.close(rel=1e-6),
)
faultless(
    "last_of_an_ordered_stream",
    batch_of(LAST),
    type("Last", (Known,), {"of": lambda self, orders, request: orders[-1]["amount"]}),
    sk.Delivery(duplicates=True, restarts=True),
)
