"""Online objects that start from rows of batch, that idle, or that read the wall clock."""

from datetime import UTC, datetime, timedelta

import polars as pl

import skewtest as sk
from quality.faulty.lateness import last_24_hours
from quality.streams import PerUser, batch_of, faulty

FROM_ROWS = sk.Delivery(bootstrap=True)


class MeanOfARow(PerUser):
    """A mean without how many it is of."""

    def start(self):
        return [0.0, 0]

    def take(self, state, event):
        mean, count = state
        return [mean + (event["amount"] - mean) / (count + 1), count + 1]

    def answer(self, state, request):
        return state[0]

    def bootstrap(self, rows):
        for row in rows:
            if row["value"] is not None:
                self.users[row["user_id"]] = [row["value"], 1]


class WindowOfARow(PerUser):
    """A sum whose orders cannot leave the window."""

    def start(self):
        return []

    def take(self, state, event):
        return [*state, (event["ts"], event["amount"])]

    def answer(self, state, request):
        since = request["as_of"] - timedelta(hours=24)
        return sum(amount for ts, amount in state if ts >= since)

    def bootstrap(self, rows):
        for row in rows:
            if row["value"] is not None:
                self.users[row["user_id"]] = [(row["as_of"], row["value"])]


class StreakOfARow(PerUser):
    """A row says how long a streak is, and not of what."""

    nothing = 0

    def start(self):
        return None, 0

    def take(self, state, event):
        status, run = state
        return event["status"], run + 1 if event["status"] == status else 1

    def answer(self, state, request):
        return state[1]

    def bootstrap(self, rows):
        for row in rows:
            if row["value"]:
                self.users[row["user_id"]] = None, row["value"]


class SinceByTheClock(PerUser):
    """Seconds since the last order, by the clock of the machine."""

    def start(self):
        return None

    def take(self, state, event):
        return event["ts"]

    def answer(self, state, request):
        return (datetime.now(UTC) - state).total_seconds()


class Evicted(PerUser):
    """The profile of a user is dropped after 45 idle days; batch keeps it."""

    def start(self):
        return None, 0

    def take(self, state, event):
        last, count = state
        if last is not None and event["ts"] - last > timedelta(days=45):
            count = 0
        return event["ts"], count + 1

    def answer(self, state, request):
        return state[1]


class EvictedWhenAsked(Evicted):
    """The same, told when it is asked for."""

    def take(self, state, event):
        return event["ts"], state[1] + 1

    def answer(self, state, request):
        idle = request["as_of"] - state[0] > timedelta(days=45)
        return None if idle else state[1]


def streak(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    last = pl.col("status").rle().struct.field("len").last()
    return batch_of(last, fill=0)(orders, spine)


faulty(
    "mean_from_a_row",
    batch_of(pl.col("amount").mean()),
    MeanOfARow,
    "bootstrapped",
    "state.init",
    3,
    delivery=FROM_ROWS,
)
faulty(
    "window_from_a_row",
    last_24_hours,
    WindowOfARow,
    "bootstrapped",
    "window.length",
    1,
    delivery=FROM_ROWS,
    windows=[timedelta(hours=24)],
)
faulty(
    "streak_from_a_row", streak, StreakOfARow, "bootstrapped", "state.init", 2, delivery=FROM_ROWS
)
faulty(
    "since_by_the_clock",
    batch_of((pl.col("as_of").first() - pl.col("ts").max()).dt.total_microseconds() / 1e6),
    SinceByTheClock,
    "in_order",
    "time.clock",
    1,
    delivery=sk.Delivery(clock="real"),
)
faulty(
    "evicted_after_idle_days",
    batch_of(pl.len()),
    Evicted,
    "in_order",
    "ttl",
    2,
    delivery=sk.Delivery(),
)
faulty(
    "evicted_when_asked",
    batch_of(pl.len()),
    EvictedWhenAsked,
    "in_order",
    "ttl",
    1,
    delivery=sk.Delivery(),
)
