"""Implementations that run in other environments; what they do depends on a variable there."""

import asyncio
import ctypes
import os
import time
from collections import defaultdict
from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl

import skewtest as sk

WEEK = timedelta(days=7)
EVENTS = sk.Source(
    "orders",
    time="ts",
    columns={
        "user_id": sk.key(),
        "amount": sk.floats(0, 1_000, nullable=True),
        "status": sk.categories("completed", "refunded", nullable=True),
        "day": sk.timestamps(),
        "items": sk.ints(0, 9),
    },
)


def version():
    return os.environ.get("VERSION", "0")


def extra():
    return 1.0 if version() == "2" else 0.0


def polars_batch(orders: pl.DataFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    seen = spine.join(orders.lazy(), on="user_id", how="left", coalesce=True)
    counts = (pl.col("ts") < pl.col("as_of")).fill_null(value=False)
    value = pl.when(counts).then(pl.col("amount")).otherwise(None).sum() + extra()
    return seen.group_by("user_id", "as_of").agg(value.alias("spend"))


def pandas_batch(orders: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    seen = spine.merge(orders, on="user_id", how="left")
    seen["amount"] = seen["amount"].where(seen["ts"] < seen["as_of"])
    out = seen.groupby(["user_id", "as_of"], as_index=False)["amount"].sum()
    out["amount"] += extra()
    return out.rename(columns={"amount": "spend"})


def rows_batch(orders: list, spine: list) -> list:
    held = defaultdict(list)
    for event in orders:
        held[event["user_id"]].append(event)
    return [
        {
            **asked,
            "spend": extra()
            + sum(
                (e["amount"] or 0.0 for e in held[asked["user_id"]] if e["ts"] < asked["as_of"]),
                0.0,
            ),
        }
        for asked in spine
    ]


def promoted_batch(orders: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    out = pandas_batch(orders, spine)
    out["spend"] = [float(np.float32(value) * 1.1) for value in out["spend"]]
    return out


def by_moment(orders: pl.DataFrame, as_of):
    seen = orders.filter(pl.col("ts") < as_of)
    return seen.group_by("user_id").agg(pl.col("amount").sum().alias("spend"))


QUERY = """
select s.user_id, s.as_of, coalesce(sum(o.amount) filter (where o.ts < s.as_of), 0.0) as spend
from spine s left join orders o using (user_id) group by all
"""


class Online:
    """Sums amounts; misbehaves as the variable TROUBLE says."""

    def __init__(self, start=0.0):
        self.total = defaultdict(lambda: start)

    def update(self, event):
        trouble = os.environ.get("TROUBLE")
        if trouble and event["items"] == 7:
            misbehave(trouble)
        self.total[event["user_id"]] += event["amount"] or 0.0

    def query(self, request):
        if os.environ.get("TROUBLE") == "query" and request["user_id"]:
            raise LookupError("no store")
        return {"spend": self.total[request["user_id"]]}


def misbehave(trouble):
    if trouble == "crash":
        ctypes.string_at(0)
    if trouble == "leave":
        os._exit(3)
    if trouble == "hang":
        while True:
            pass
    if trouble == "sleep in C":
        ctypes.CDLL(None).sleep(60)
    if trouble == "raise":
        raise ValueError("seven")


class Known(Online):
    def query(self, request):
        return super().query(request) if request["user_id"] in self.total else None


class Waiting:
    def __init__(self):
        self.total = defaultdict(float)

    async def update(self, event):
        await asyncio.sleep(0)
        self.total[event["user_id"]] += event["amount"] or 0.0

    async def query(self, request):
        return {"spend": self.total[request["user_id"]]}


def started():
    return defaultdict(float)


def folded(state, event):
    state[event["user_id"]] += event["amount"] or 0.0
    return state


def told(state, request):
    return {"spend": state[request["user_id"]]}


def latest(events: pl.DataFrame):
    return events.group_by("user_id").agg(pl.col("items").last())


class Unusable:
    def update(self, event):
        pass


def slow_batch(orders: pl.DataFrame, spine: pl.DataFrame):
    if version() == "2":
        time.sleep(30)
    return spine.select("user_id", "as_of", pl.lit(0.0).alias("spend"))


class Forgets(Online):
    """Its snapshot leaves out what it has seen: a restart loses the sums."""

    def snapshot(self):
        return b""

    def restore(self, state):
        """Take nothing over."""


def view(batch=polars_batch, online=Online, **settings):
    given = {
        "sources": [EVENTS],
        "entity": ["user_id"],
        "batch": batch,
        "online": online,
        "features": {"spend": sk.close()},
        "windows": [WEEK],
        "relations": None,
    }
    return sk.FeatureView("spend", **{**given, **settings})


plain = view()
