"""Replaying a given log: its arrivals are given to batch as they are, and odd ones are counted."""

import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import skewtest as sk

AT = datetime(2024, 3, 8, 12, tzinfo=UTC)
ORDERS = sk.Source(
    "orders",
    time="ts",
    columns={"user_id": sk.key(), "arrived": sk.timestamps(nullable=True)},
    arrival="arrived",
)


def lags_of(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    """Sum the seconds that a user's orders took to arrive."""
    seen = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    lag = (pl.col("arrived") - pl.col("ts")).dt.total_seconds()
    found = seen.group_by("user_id", "as_of").agg(lag=lag.sum())
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("lag").fill_null(0)
    )


class Lags:
    def __init__(self):
        self.lags = {}

    def update(self, event):
        if event["arrived"] is not None:
            lag = (event["arrived"] - event["ts"]).total_seconds()
            self.lags[event["user_id"]] = self.lags.get(event["user_id"], 0) + lag

    def query(self, request):
        return {"lag": int(self.lags.get(request["user_id"], 0))}


class LagsButNotOfLateOnes(Lags):
    def update(self, event):
        if event["arrived"] is None or event["arrived"] < event["ts"] + timedelta(hours=1):
            super().update(event)


def view(online):
    return sk.FeatureView(
        "lags",
        sources=[ORDERS],
        entity=["user_id"],
        batch=lags_of,
        online=online,
        features={"lag": sk.exact()},
    )


def log(*lags):
    times = [AT + timedelta(minutes=n) for n in range(len(lags))]
    arrived = [
        None if lag is None else at + timedelta(seconds=lag)
        for at, lag in zip(times, lags, strict=True)
    ]
    return pl.DataFrame(
        {"user_id": ["u-17"] * len(lags), "ts": times, "arrived": arrived},
        schema={"user_id": pl.String, **dict.fromkeys(("ts", "arrived"), pl.Datetime("us", "UTC"))},
    )


def test_batch_and_online_get_the_arrivals_of_the_log():
    result = sk.replay(view(Lags), log(5, 90, None, 3600))
    result.raise_if_skewed()
    assert result.report() == ""


def test_a_counterexample_keeps_how_late_its_events_were():
    [finding] = sk.replay(view(LagsButNotOfLateOnes), log(5, 90, 7200)).findings
    events = finding.counterexample.events
    assert (events["arrived"] - events["ts"]).to_list() == [timedelta(hours=2)]


@pytest.mark.parametrize(("lags", "early"), [((5, -1, None, -90), 2), ((0, 1), 0)])
def test_arrivals_before_the_event_are_counted_and_taken_as_they_are(lags, early):
    result = sk.replay(view(Lags), log(*lags))
    result.raise_if_skewed()
    told = (
        f"warning: lags: {early} events of 'orders' have 'arrived' before 'ts'; "
        "they were taken as they are. Check which clocks wrote them."
    )
    assert " ".join(result.report().split()) == (told if early else "")
    [run] = result.to_dict()["outcomes"]
    columns = {"source": "orders", "arrival": "arrived", "time": "ts"}
    assert run["early"] == ([columns | {"events": early}] if early else [])


def test_batch_has_as_much_time_for_a_long_log_as_for_the_histories_it_is_worth():
    """It takes longer than `timeout`, which is meant for one history, and far less a row."""

    def slow(orders, spine):
        end = time.process_time() + 0.6
        while time.process_time() < end:
            pass
        return lags_of(orders, spine)

    slow_view = sk.FeatureView(
        "lags",
        sources=[ORDERS],
        entity=["user_id"],
        batch=slow,
        online=Lags,
        features={"lag": sk.exact()},
        timeout=0.3,
    )
    spine = pl.DataFrame({"user_id": ["u-17"], "as_of": [AT + timedelta(days=30)]})
    assert sk.replay(slow_view, log(*[0.0] * 20_000), spine).ok
    (finding,) = sk.replay(slow_view, log(0.0), spine).findings
    assert finding.kind == "timeout"
