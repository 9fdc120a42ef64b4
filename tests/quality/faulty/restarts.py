"""Online objects that are replaced by one that restores their snapshot."""

import json
import struct
from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import polars as pl

import skewtest as sk
from quality.faulty.copies import Count
from quality.faulty.lateness import TOTAL, Total
from quality.streams import PerUser, batch_of, faulty, onto, past
from quality.tables import KEYS

RESTARTS = sk.Delivery(restarts=True)
TAIL = sk.Delivery(restarts=True, redeliver_after_restart=True)


class ForgetsHowMany(PerUser):
    """The mean is in the snapshot, and how many it is of is not."""

    def start(self):
        return [0.0, 0]

    def take(self, state, event):
        mean, count = state
        return [mean + (event["amount"] - mean) / (count + 1), count + 1]

    def answer(self, state, request):
        return state[0]

    def snapshot(self):
        return json.dumps({user: mean for user, (mean, _) in self.users.items()}).encode()

    def restore(self, state):
        self.users = {user: [mean, 1] for user, mean in json.loads(state).items()}


class KeysBecomeText(Total):
    """Users are numbers, and keys of JSON are text."""


class WholeSeconds(PerUser):
    """Times are kept in whole seconds."""

    def start(self):
        return None

    def take(self, state, event):
        return event["ts"]

    def answer(self, state, request):
        return (request["as_of"] - state).total_seconds()

    def snapshot(self):
        return json.dumps({user: int(ts.timestamp()) for user, ts in self.users.items()}).encode()

    def restore(self, state):
        found = json.loads(state)
        self.users = {user: datetime.fromtimestamp(ts, UTC) for user, ts in found.items()}


class SharedDefault(PerUser):
    """All objects of a process share the lists, and restoring adds to them."""

    amounts: ClassVar[list] = []

    def __init__(self):
        super().__init__()
        self.amounts.clear()

    def start(self):
        return 0

    def take(self, state, event):
        self.amounts.append([event["user_id"], event["amount"]])
        return state + 1

    def answer(self, state, request):
        return sum(amount for user, amount in self.amounts if user == request["user_id"])

    def snapshot(self):
        return json.dumps([self.users, self.amounts]).encode()

    def restore(self, state):
        self.users, amounts = json.loads(state)
        self.amounts.extend([*amounts, *amounts[-1:]])


class SinglePrecision(Total):
    """Totals are packed as 32-bit floats."""

    def snapshot(self):
        users = list(self.users)
        packed = struct.pack(f"{len(users)}f", *(self.users[user] for user in users))
        return json.dumps([users, packed.hex()]).encode()

    def restore(self, state):
        users, packed = json.loads(state)
        totals = struct.unpack(f"{len(users)}f", bytes.fromhex(packed))
        self.users = dict(zip(users, totals, strict=True))


class CapIsLost(PerUser):
    """The last three amounts; what is restored has no end."""

    def start(self):
        return deque(maxlen=3)

    def take(self, state, event):
        state.append(event["amount"])
        return state

    def answer(self, state, request):
        return sum(state)

    def snapshot(self):
        return json.dumps({user: list(state) for user, state in self.users.items()}).encode()

    def restore(self, state):
        self.users = {user: deque(found) for user, found in json.loads(state).items()}


class DefaultIsLost:
    """A Counter answers 0 for whom it does not know; a dict that was restored does not."""

    def __init__(self):
        self.counts = Counter()

    def update(self, event):
        self.counts[event["user_id"]] = (self.counts.get(event["user_id"]) or 0) + 1

    def query(self, request):
        if isinstance(self.counts, Counter):
            return {"value": self.counts[request["user_id"]]}
        return {"value": self.counts.get(request["user_id"])}

    def snapshot(self):
        return json.dumps(self.counts).encode()

    def restore(self, state):
        self.counts = json.loads(state)


class VocabularyIsSorted:
    """Statuses are numbered as they come; restoring sorts them."""

    def __init__(self):
        self.known, self.last = [], {}

    def update(self, event):
        if event["status"] not in self.known:
            self.known.append(event["status"])
        self.last[event["user_id"]] = self.known.index(event["status"])

    def query(self, request):
        last = self.last.get(request["user_id"])
        return {"value": None if last is None else self.known[last]}

    def snapshot(self):
        return json.dumps([self.known, self.last]).encode()

    def restore(self, state):
        self.known, self.last = json.loads(state)
        self.known.sort()


class ExpiryStartsAnew(PerUser):
    """An order counts for 30 days, and after a restart for 30 days from then."""

    nothing = 0

    def __init__(self):
        super().__init__()
        self.restored = None

    def start(self):
        return []

    def take(self, state, event):
        return [*state, event["ts"].timestamp()]

    def answer(self, state, request):
        since = (request["as_of"] - timedelta(days=30)).timestamp()
        return sum(at >= since for at in state)

    def restore(self, state):
        now = datetime.now(UTC).timestamp()
        self.users = {user: [now] * len(times) for user, times in json.loads(state).items()}


def orders_of_30_days(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    near = pl.col("ts") >= pl.col("as_of") - timedelta(days=30)
    found = past(orders, spine).group_by(KEYS).agg(value=near.sum())
    return onto(spine, found, value=0)


class FoldsUsers(Total):
    """What is written has users in lower case, which meet there."""

    def snapshot(self):
        return json.dumps({user.lower(): total for user, total in self.users.items()}).encode()


class CacheOutlivesItsState(PerUser):
    """Answers are cached for as long as no order comes, and the cache is not in the snapshot."""

    nothing = 0

    def __init__(self):
        super().__init__()
        self.cached = {}

    def start(self):
        return []

    def take(self, state, event):
        self.cached[event["user_id"]] = sum(state) + event["amount"]
        return [*state, event["amount"]]

    def answer(self, state, request):
        return self.cached.get(request["user_id"], 0)


faulty(
    "mean_without_its_count",
    batch_of(pl.col("amount").mean()),
    ForgetsHowMany,
    "restarted",
    "state.restore",
    3,
    delivery=RESTARTS,
)
NUMBERED = sk.Source(
    "orders",
    time="ts",
    columns={"user_id": sk.key("int", variants=False), "amount": sk.ints(0, 100)},
)
CASED = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)})
LARGE = sk.Source(
    "orders", time="ts", columns={"user_id": sk.key(variants=False), "amount": sk.ints(0, 2**40)}
)
faulty(
    "users_become_text",
    batch_of(TOTAL),
    KeysBecomeText,
    "restarted",
    "entity.key",
    1,
    delivery=RESTARTS,
    sources=(NUMBERED,),
)
faulty(
    "users_are_folded",
    batch_of(TOTAL),
    FoldsUsers,
    "restarted",
    "entity.isolation",
    1,
    delivery=RESTARTS,
    sources=(CASED,),
)
faulty(
    "seconds_are_whole",
    batch_of((pl.col("as_of").first() - pl.col("ts").max()).dt.total_microseconds() / 1e6),
    WholeSeconds,
    "restarted",
    "time.unit",
    1,
    delivery=RESTARTS,
)
faulty(
    "shared_between_objects",
    batch_of(TOTAL),
    SharedDefault,
    "restarted",
    "state.mutation",
    1,
    delivery=RESTARTS,
)
faulty(
    "single_precision_snapshot",
    batch_of(TOTAL),
    SinglePrecision,
    "restarted",
    "numeric.precision",
    1,
    delivery=RESTARTS,
    sources=(LARGE,),
)
faulty(
    "cap_is_lost",
    batch_of(pl.col("amount").tail(3).sum()),
    CapIsLost,
    "restarted",
    "state.capacity",
    4,
    delivery=RESTARTS,
)
faulty(
    "default_is_lost",
    batch_of(pl.len(), fill=0),
    DefaultIsLost,
    "restarted",
    "default",
    0,
    delivery=RESTARTS,
)
faulty(
    "vocabulary_is_sorted",
    batch_of(pl.col("status").last()),
    VocabularyIsSorted,
    "restarted",
    "category",
    2,
    delivery=RESTARTS,
    tolerance=sk.exact(),
)
faulty(
    "expiry_starts_anew",
    orders_of_30_days,
    ExpiryStartsAnew,
    "restarted",
    "ttl",
    1,
    delivery=RESTARTS,
    windows=[timedelta(days=30)],
)
faulty(
    "cache_is_not_saved",
    batch_of(TOTAL, fill=0),
    CacheOutlivesItsState,
    "restarted",
    "state.stale",
    1,
    delivery=RESTARTS,
)
faulty(
    "tail_is_counted_twice",
    batch_of(pl.len(), fill=0),
    Count,
    "restarted",
    "state.restore",
    1,
    delivery=TAIL,
)
