"""Two workers that share a stream."""

import json

import polars as pl

import skewtest as sk
from quality.faulty.disorder import LastToArrive
from quality.faulty.restarts import ForgetsHowMany
from quality.streams import LAST, PerUser, batch_of, faulty

MERGED = sk.Delivery(split="merged")
HANDED = sk.Delivery(split="handed_over")


class LastOfTheOther(LastToArrive):
    """Merging takes the other's last order."""

    def merge(self, state):
        self.users |= json.loads(state)


class MeanOfMeans(PerUser):
    def start(self):
        return [0, 0]

    def take(self, state, event):
        return [state[0] + event["amount"], state[1] + 1]

    def answer(self, state, request):
        return state[0] / state[1]

    def merge(self, state):
        for user, (total, count) in json.loads(state).items():
            if user in self.users:
                mine = self.users[user][0] / self.users[user][1]
                self.users[user] = [(mine + total / count) / 2, 1]
            else:
                self.users[user] = [total, count]


class SumOfDistinct(PerUser):
    """Distinct statuses, kept as their number."""

    nothing = 0

    def __init__(self):
        super().__init__()
        self.counted = {}

    def start(self):
        return []

    def take(self, state, event):
        state = state if event["status"] in state else [*state, event["status"]]
        self.counted[event["user_id"]] = self.counted.get(event["user_id"], 0) + (
            len(state) - len(self.users.get(event["user_id"], []))
        )
        return state

    def answer(self, state, request):
        return self.counted[request["user_id"]]

    def snapshot(self):
        return json.dumps([self.users, self.counted]).encode()

    def restore(self, state):
        self.users, self.counted = json.loads(state)

    def merge(self, state):
        users, counted = json.loads(state)
        for user, count in counted.items():
            self.counted[user] = self.counted.get(user, 0) + count
            self.users[user] = [*self.users.get(user, []), *users[user]]


class Buffered(PerUser):
    """Orders gather in a buffer of two, which is not handed over."""

    nothing = 0

    def __init__(self):
        super().__init__()
        self.waiting = []

    def start(self):
        return 0

    def update(self, event):
        self.waiting.append(event)
        if len(self.waiting) == 2:
            self.flush()

    def flush(self):
        for event in self.waiting:
            super().update(event)
        self.waiting = []

    def query(self, request):
        self.flush()
        return super().query(request)

    def take(self, state, event):
        return state + event["amount"]

    def answer(self, state, request):
        return state


faulty(
    "last_of_the_other_worker",
    batch_of(LAST),
    LastOfTheOther,
    "split",
    "out_of_order",
    2,
    delivery=MERGED,
)
faulty(
    "mean_of_the_workers_means",
    batch_of(pl.col("amount").mean()),
    MeanOfMeans,
    "split",
    "aggregation",
    3,
    delivery=MERGED,
)
faulty(
    "distinct_of_each_worker",
    batch_of(pl.col("status").n_unique(), fill=0),
    SumOfDistinct,
    "split",
    "state.restore",
    2,
    delivery=MERGED,
)
faulty(
    "buffer_stays_behind",
    batch_of(pl.col("amount").sum(), fill=0),
    Buffered,
    "split",
    "state.restore",
    1,
    delivery=HANDED,
)
faulty(
    "mean_is_handed_over_alone",
    batch_of(pl.col("amount").mean()),
    ForgetsHowMany,
    "split",
    "state.init",
    3,
    delivery=HANDED,
)
