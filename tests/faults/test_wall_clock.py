"""Code that reads the wall clock: right under a frozen one, `time.clock` under the real one."""

import datetime as dt
import time
import warnings

import pandas as pd
import polars as pl
import pytest

import skewtest as sk

ORDERS = sk.Source("orders", time="ts", columns={"user_id": sk.key()})


def age(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    """Return the seconds since a user's last order."""
    seen = orders.join(spine, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    last = seen.group_by("user_id", "as_of").agg(pl.col("ts").max())
    since = (pl.col("as_of") - pl.col("ts")).dt.total_microseconds() / 1e6
    return spine.join(last, on=["user_id", "as_of"], how="left").with_columns(age=since).drop("ts")


def age_by_the_clock(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    now = pl.lit(dt.datetime.now(dt.UTC))
    seen = orders.join(spine, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
    last = seen.group_by("user_id", "as_of").agg(
        age=(now - pl.col("ts").max()).dt.total_microseconds() / 1e6
    )
    return spine.join(last, on=["user_id", "as_of"], how="left")


class Age:
    def __init__(self):
        self.last = {}

    def update(self, event):
        self.last[event["user_id"]] = event["ts"]

    def query(self, request):
        last = self.last.get(request["user_id"])
        return {"age": None if last is None else (self.now() - last).total_seconds()}


class DatetimeNow(Age):
    def now(self):
        return dt.datetime.now(dt.UTC)


class DatetimeUtcnow(Age):
    def now(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12
            return dt.datetime.utcnow().replace(tzinfo=dt.UTC)  # noqa: DTZ003 - what is tested


class TimeTime(Age):
    def now(self):
        return dt.datetime.fromtimestamp(time.time(), dt.UTC)


class TimestampNow(Age):
    def now(self):
        return pd.Timestamp.now(tz="UTC").to_pydatetime()


def checked(batch, online, clock):
    view = sk.FeatureView(
        "age",
        sources=[ORDERS],
        entity=["user_id"],
        batch=batch,
        online=online,
        features={"age": sk.close(abs=1e-3)},
        delivery=sk.Delivery(clock=clock),
        relations=None,
    )
    return sk.check(view, histories=300, seed=1)


@pytest.mark.parametrize("online", [DatetimeNow, DatetimeUtcnow, TimeTime, TimestampNow])
def test_the_clock_of_serving_follows_the_delivery(online):
    checked(age, online, "frozen").raise_if_skewed()


@pytest.mark.fault(
    "online reads the real clock", "a finding with the cause time.clock", ends="finding"
)
@pytest.mark.parametrize("online", [DatetimeNow, DatetimeUtcnow, TimeTime, TimestampNow])
def test_the_clock_of_the_machine_is_a_cause_of_its_own(online):
    findings = checked(age, online, "real").findings
    assert findings
    assert {finding.cause for finding in findings} == {"time.clock"}


@pytest.mark.fault("batch reads the clock", "a finding", ends="finding")
def test_training_that_reads_the_clock_is_found():
    [finding] = checked(age_by_the_clock, DatetimeNow, "frozen").findings
    assert (finding.scenario, finding.kind) == ("in_order", "value")
    assert finding.counterexample.events.height == 1
