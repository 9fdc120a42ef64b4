"""Events that are delivered again."""

import polars as pl

import skewtest as sk
from quality.faulty.lateness import TOTAL, Total
from quality.streams import PerUser, batch_of, faulty

AGAIN = sk.Delivery(duplicates=True)


class Count(PerUser):
    nothing = 0

    def start(self):
        return 0

    def take(self, state, event):
        return state + 1

    def answer(self, state, request):
        return state


class Mean(PerUser):
    def start(self):
        return 0, 0

    def take(self, state, event):
        return state[0] + event["amount"], state[1] + 1

    def answer(self, state, request):
        return state[0] / state[1]


class NotTheSameAsBefore(PerUser):
    """Only an event that repeats the one before it is known."""

    def start(self):
        return None, 0

    def take(self, state, event):
        if event["order_id"] == state[0]:
            return state
        return event["order_id"], state[1] + event["amount"]

    def answer(self, state, request):
        return state[1]


class SmallMemory(PerUser):
    """The ids of the last two events are known."""

    def start(self):
        return [], 0

    def take(self, state, event):
        ids, total = state
        if event["order_id"] in ids:
            return state
        return [*ids, event["order_id"]][-2:], total + event["amount"]

    def answer(self, state, request):
        return state[1]


class OneOfTwo(PerUser):
    """Whether the number of orders is odd: a switch."""

    nothing = False

    def start(self):
        return False

    def take(self, state, event):
        return not state

    def answer(self, state, request):
        return state


class CountOfPaid(PerUser):
    """Paid orders; a copy is told by id, but after the status was counted."""

    nothing = 0

    def start(self):
        return [], 0

    def take(self, state, event):
        ids, paid = state
        paid += event["status"] == "paid"
        return (ids if event["order_id"] in ids else [*ids, event["order_id"]]), paid

    def answer(self, state, request):
        return state[1]


faulty(
    "count_of_deliveries",
    batch_of(pl.len(), fill=0),
    Count,
    "duplicated",
    "duplicate",
    1,
    delivery=AGAIN,
)
faulty("total_of_deliveries", batch_of(TOTAL), Total, "duplicated", "duplicate", 1, delivery=AGAIN)
faulty(
    "mean_of_deliveries",
    batch_of(pl.col("amount").mean()),
    Mean,
    "duplicated",
    "aggregation",
    2,
    delivery=AGAIN,
)
faulty(
    "copies_beside_each_other",
    batch_of(TOTAL),
    NotTheSameAsBefore,
    "duplicated",
    "duplicate",
    2,
    delivery=AGAIN,
)
faulty(
    "copies_of_the_last_two",
    batch_of(TOTAL),
    SmallMemory,
    "duplicated",
    "state.capacity",
    3,
    delivery=AGAIN,
)
faulty(
    "switch_of_deliveries",
    batch_of(pl.len() % 2 == 1, fill=False),
    OneOfTwo,
    "duplicated",
    "duplicate",
    1,
    delivery=AGAIN,
)
faulty(
    "paid_before_the_copy_is_known",
    batch_of((pl.col("status") == "paid").sum(), fill=0),
    CountOfPaid,
    "duplicated",
    "expression.order",
    1,
    delivery=AGAIN,
)
