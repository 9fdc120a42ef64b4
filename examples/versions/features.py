"""Features of one value each, computed by the same function on both sides.

No logic differs between training and serving. What differs is the version of a library, and with
it what one line means.
"""

import warnings
from collections import defaultdict

import numpy as np
import pandas as pd
import polars as pl

warnings.simplefilter("ignore")


def batch(events: list, spine: list, feature: str) -> list:
    """Training: the feature of everybody at every moment asked for."""
    compute = globals()[feature]
    by_user = defaultdict(list)
    for event in sorted(events, key=lambda event: event["ts"]):
        by_user[event["user_id"]].append(event)
    return [
        {**asked, "value": compute(seen_by(asked, by_user[asked["user_id"]]))} for asked in spine
    ]


class Online:
    """Serving: keeps events and computes the feature when it is asked for."""

    def __init__(self, feature: str):
        self.compute = globals()[feature]
        self.by_user = defaultdict(list)

    def update(self, event):
        self.by_user[event["user_id"]].append(event)

    def query(self, request):
        events = self.by_user[request["user_id"]]
        return {"value": self.compute(seen_by(request, events))}


def seen_by(request: dict, events: list[dict]) -> list[dict]:
    return [event for event in events if event["ts"] < request["as_of"]]


def frame_of(events: list[dict]):
    columns = {"amount": "float64", "status": "object", "items": "int64"}
    held = {name: [e[name] for e in events] for name in columns}
    return pd.DataFrame(held).astype({n: t for n, t in columns.items() if n != "status"})


# --- eight features that a version changes


def price_with_tax(events):
    """numpy 2 keeps float32 where numpy 1 computed in float64 (NEP 50)."""
    return float(np.float32(events[-1]["amount"]) * 1.19) if events else None


def loyalty_points(events):
    """numpy 2 overflows uint8 where numpy 1 made the result wider (NEP 50)."""
    return int(np.uint8(min(events[-1]["items"], 200)) + 100) if events else None


def kinds_of_status(events):
    """pandas 3 leaves unobserved categories out of groupby (observed=True)."""
    frame = frame_of(events)
    known = ["completed", "refunded", "cancelled"]
    frame["status"] = pd.Categorical(frame["status"], categories=known)
    return len(frame.groupby("status").amount.sum())


def last_seen_second(events):
    """pandas 3 counts times in microseconds where pandas 1 counted nanoseconds."""
    if not events:
        return None
    texts = [events[-1]["ts"].strftime("%Y-%m-%d %H:%M:%S")]
    return int(pd.to_datetime(pd.Series(texts)).astype("int64").iloc[0] // 10**9)


def spend_without_first(events):
    """pandas 3 copies on write: to change a column taken out no longer changes the frame."""
    frame = frame_of(events)
    if frame.empty:
        return None
    amounts = frame["amount"]
    amounts.iloc[0] = 0.0
    return float(frame["amount"].sum())


def text_columns(events):
    """pandas 3 has a type for strings: they are no objects any more."""
    frame = pd.DataFrame([{"status": e["status"]} for e in events])
    return sum(dtype == "object" for dtype in frame.dtypes)


def change_of_amount(events):
    """pandas 3 no longer fills gaps before it takes a change."""
    amounts = pd.Series([e["amount"] if e["items"] else None for e in events], dtype="float64")
    changes = amounts.pct_change().dropna()
    return len(changes)


def label_of_counts(events):
    """pandas 2 names the column of counted values after what was counted."""
    frame = frame_of(events)
    return str(frame["status"].value_counts().reset_index().columns[0])


def matched_nulls(events):
    """polars 0.20 stopped joining null to null."""
    left = pl.DataFrame({"a": [e["items"] or None for e in events]}, schema={"a": pl.Int64})
    right = pl.DataFrame({"a": [None], "b": [1]}, schema={"a": pl.Int64, "b": pl.Int64})
    return int(left.join(right, on="a", how="left")["b"].sum() or 0)


def mean_of_all(events):
    """pandas 2 raises on texts where pandas 1 left them out."""
    frame = frame_of(events)
    return float(frame.mean().iloc[0]) if len(frame) else None


# --- controls: no version changes them


def spend(events):
    return float(frame_of(events)["amount"].sum())


def orders(events):
    return int(frame_of(events)["amount"].count())


def largest(events):
    return pl.Series("amount", [e["amount"] for e in events], dtype=pl.Float64).max()


def median_items(events):
    return float(np.median([e["items"] for e in events])) if events else None
