"""Views whose sides agree and break a law all the same: parity alone would never tell."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd
import polars as pl

import skewtest as sk

Row = dict[str, Any]
KEYS = ["user_id", "as_of"]
ORDERS = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)})


@dataclass(frozen=True)
class Lawless:
    """A view, the relation that it breaks, and the sides that break it."""

    view: sk.FeatureView
    relation: str
    sides: tuple[str, ...]
    known_minimum: int


def past(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    return spine.join(orders, on="user_id", maintain_order="left_right").filter(
        pl.col("ts") < pl.col("as_of")
    )


def onto(spine: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    return spine.join(found, on=KEYS, how="left", maintain_order="left")


class Seen:
    """The amounts of each user, in order of arrival."""

    def __init__(self) -> None:
        self.amounts: dict[str, list[int]] = {}

    def update(self, event: Row) -> None:
        self.amounts.setdefault(event["user_id"], []).append(event["amount"])

    def of(self, request: Row) -> list[int]:
        return self.amounts.get(request["user_id"], [])


# A statistic of the whole table, fitted on all there is and served from where it was written.
LARGEST: dict[str, int] = {}


def share_of_largest(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    LARGEST.clear()
    largest = orders.group_by("user_id").agg(pl.col("amount").max())
    LARGEST.update(zip(largest["user_id"], largest["amount"], strict=True))
    found = past(orders, spine).group_by(KEYS).agg(total=pl.col("amount").sum())
    return onto(spine, found).select(
        *KEYS,
        share=pl.col("total") / pl.col("user_id").replace_strict(LARGEST, default=None).add(1),
    )


class ShareOfLargest(Seen):
    def query(self, request: Row) -> Row:
        amounts = self.of(request)
        if not amounts:
            return {"share": None}
        return {"share": sum(amounts) / (LARGEST[request["user_id"]] + 1)}


LAST_SEEN: dict[str, int] = {}


def orders_to_come(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    LAST_SEEN.clear()
    counts = orders.group_by("user_id").len()
    LAST_SEEN.update(zip(counts["user_id"], counts["len"], strict=True))
    return spine.select(
        *KEYS, is_frequent=pl.col("user_id").replace_strict(LAST_SEEN, default=0) > 3
    )


class OrdersToCome(Seen):
    def query(self, request: Row) -> Row:
        return {"is_frequent": LAST_SEEN.get(request["user_id"], 0) > 3}


# Identities that are folded on both sides are one user on both sides.
def folded_total(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    folded = orders.with_columns(pl.col("user_id").str.to_lowercase().alias("folded"))
    asked = spine.with_columns(pl.col("user_id").str.to_lowercase().alias("folded"))
    found = asked.join(folded, on="folded").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, found.group_by(KEYS).agg(total=pl.col("amount").sum()))


class FoldedTotal:
    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()
        self.known: set[str] = set()

    def update(self, event: Row) -> None:
        self.totals[event["user_id"].lower()] += event["amount"]
        self.known.add(event["user_id"].lower())

    def query(self, request: Row) -> Row:
        key = request["user_id"].lower()
        return {"total": self.totals[key] if key in self.known else None}


def trimmed_count(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    counts = orders.with_columns(pl.col("user_id").str.strip_chars().alias("bare"))
    asked = spine.with_columns(pl.col("user_id").str.strip_chars().alias("bare"))
    found = asked.join(counts, on="bare").filter(pl.col("ts") < pl.col("as_of"))
    return onto(spine, found.group_by(KEYS).agg(n=pl.len())).with_columns(pl.col("n").fill_null(0))


class TrimmedCount:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def update(self, event: Row) -> None:
        self.counts[event["user_id"].strip()] += 1

    def query(self, request: Row) -> Row:
        return {"n": self.counts[request["user_id"].strip()]}


# A log that is taken to be in order.
def last_as_it_stands(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    found = past(orders, spine).group_by(KEYS, maintain_order=True)
    return onto(spine, found.agg(last=pl.col("amount").last()))


class Last(Seen):
    def query(self, request: Row) -> Row:
        return {"last": self.of(request)[-1] if self.of(request) else None}


def first_by_drop_duplicates(orders: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    found = spine.merge(orders, on="user_id")
    found = found[found["ts"] < found["as_of"]].drop_duplicates(KEYS)
    return spine.merge(found[[*KEYS, "amount"]].rename(columns={"amount": "first"}), on=KEYS)


class First(Seen):
    def query(self, request: Row) -> Row | None:
        return {"first": self.of(request)[0]} if self.of(request) else None


# What is asked for is counted too.
def request_number(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    return spine.sort("as_of").select(*KEYS, asked=pl.col("as_of").cum_count().over("user_id"))


class RequestNumber:
    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def update(self, event: Row) -> None:
        pass

    def query(self, request: Row) -> Row:
        self.asked[request["user_id"]] += 1
        return {"asked": self.asked[request["user_id"]]}


# The first answer is kept, whatever comes after.
def total_when_first_asked(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    first = spine.with_columns(first=pl.col("as_of").min().over("user_id"))
    seen = first.join(orders, on="user_id").filter(pl.col("ts") < pl.col("first"))
    found = seen.group_by(KEYS).agg(total=pl.col("amount").sum())
    return onto(spine, found).with_columns(pl.col("total").fill_null(0))


class TotalWhenFirstAsked(Seen):
    def __init__(self) -> None:
        super().__init__()
        self.answered: dict[str, int] = {}

    def query(self, request: Row) -> Row:
        return {"total": self.answered.setdefault(request["user_id"], sum(self.of(request)))}


# Hashes that a process salts for itself.
def bucket_by_hash(orders: pl.DataFrame, spine: pl.DataFrame) -> list[Row]:
    return [{**row, "bucket": hash(row["user_id"]) % 97} for row in spine.iter_rows(named=True)]


class BucketByHash:
    def update(self, event: Row) -> None:
        pass

    def query(self, request: Row) -> Row:
        return {"bucket": hash(request["user_id"]) % 97}


# A snapshot that forgets, and one that is not of its own state.
def count_and_last(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    found = past(orders, spine).group_by(KEYS, maintain_order=True)
    both = onto(spine, found.agg(n=pl.len(), last=pl.col("amount").last()))
    return both.with_columns(pl.col("n").fill_null(0))


class ForgetsTheLast(Seen):
    def query(self, request: Row) -> Row:
        amounts = self.of(request)
        return {"n": len(amounts), "last": amounts[-1] if amounts else None}

    def snapshot(self) -> bytes:
        return json.dumps({user: len(a) for user, a in self.amounts.items()}).encode()

    def restore(self, state: bytes) -> None:
        self.amounts = {user: [0] * n for user, n in json.loads(state).items()}


class AddsWhatItRestores(Seen):
    kept: dict[str, list[int]] = {}

    def query(self, request: Row) -> Row:
        amounts = self.of(request)
        return {"n": len(amounts), "last": amounts[-1] if amounts else None}

    def snapshot(self) -> bytes:
        return json.dumps(self.amounts).encode()

    def restore(self, state: bytes) -> None:
        self.amounts = {user: [*a, *a[-1:]] for user, a in json.loads(state).items()}


# Inputs that are changed in place.
def total_in_place(orders: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    orders["amount"] = orders["amount"] * 2
    found = spine.merge(orders, on="user_id")
    found = found[found["ts"] < found["as_of"]].groupby(KEYS, as_index=False)["amount"].sum()
    return spine.merge(found.rename(columns={"amount": "doubled"}), on=KEYS)


class TotalInPlace(Seen):
    def update(self, event: Row) -> None:
        event["amount"] *= 2
        super().update(event)

    def query(self, request: Row) -> Row | None:
        return {"doubled": sum(self.of(request))} if self.of(request) else None


# A calendar that four weeks move.
def day_of_month(spine: pl.DataFrame) -> pl.DataFrame:
    return spine.select(*KEYS, day=pl.col("as_of").dt.day())


class DayOfMonth:
    def update(self, event: Row) -> None:
        pass

    def query(self, request: Row) -> Row:
        return {"day": request["as_of"].day}


def lawless(
    relation: str,
    sides: tuple[str, ...],
    known_minimum: int,
    batch: Any,
    online: Any,
    *features: str,
    relations: Any = "default",
) -> Lawless:
    name = getattr(batch, "__name__", "batch")
    view = sk.FeatureView(
        f"{name}_{online.__name__}",
        sources=[ORDERS],
        entity=["user_id"],
        batch=batch,
        online=online,
        features=dict.fromkeys(features, sk.exact()),
        relations=relations,
    )
    return Lawless(view, relation, sides, known_minimum)


BOTH = ("batch", "online")
SALTED = lawless("determinism", BOTH, 0, bucket_by_hash, BucketByHash, "bucket")
salted = SALTED.view  # under a name of its own, so that a fresh process finds it

LAWLESS = [
    lawless("no_future_leakage", ("batch",), 2, share_of_largest, ShareOfLargest, "share"),
    lawless("no_future_leakage", ("batch",), 4, orders_to_come, OrdersToCome, "is_frequent"),
    lawless("entity_isolation", BOTH, 1, folded_total, FoldedTotal, "total"),
    lawless("entity_isolation", BOTH, 1, trimmed_count, TrimmedCount, "n"),
    *(
        lawless("input_order", ("batch",), 2, batch, online, name, relations=["input_order"])
        for batch, online, name in (
            (last_as_it_stands, Last, "last"),
            (first_by_drop_duplicates, First, "first"),
        )
    ),
    lawless("spine_independence", ("batch",), 0, request_number, RequestNumber, "asked"),
    lawless("pure_reads", ("online",), 0, request_number, RequestNumber, "asked"),
    *(
        lawless(relation, (side,), 1, total_when_first_asked, TotalWhenFirstAsked, "total")
        for relation, side in (("spine_independence", "batch"), ("pure_reads", "online"))
    ),
    SALTED,
    lawless("restart_invariance", ("online",), 1, count_and_last, ForgetsTheLast, "n", "last"),
    lawless("restart_invariance", ("online",), 1, count_and_last, AddsWhatItRestores, "n", "last"),
    lawless(
        "no_mutation", BOTH, 1, total_in_place, TotalInPlace, "doubled", relations=["no_mutation"]
    ),
    lawless("week_shift", BOTH, 0, day_of_month, DayOfMonth, "day", relations=["week_shift"]),
]
