"""Which online sides are taken to read the wall clock."""

import time
from datetime import UTC, datetime, timedelta

import pytest

import skewtest as sk
from skewtest.drive.clock import reads_clock


class SumOfToday:
    def __init__(self):
        self.today = 0.0

    def update(self, event):
        self.today += event["time"]

    def query(self, request):
        return {"total": self.today}


class AgesByTheClock:
    def update(self, event):
        self.last = event["ts"]

    def query(self, request):
        return {"total": datetime.now(tz=self.last.tzinfo) - self.last}


class KeepsTheClockByName:
    def __init__(self):
        self.now = time.time

    def update(self, event):
        pass

    def query(self, request):
        return {"total": self.now()}


class CallsAClockItWasGiven:
    def __init__(self, now=time.time):
        self.now = now

    def update(self, event):
        pass

    def query(self, request):
        return {"total": self.now()}


class AsksInAnInnerFunction:
    def update(self, event):
        pass

    def query(self, request):
        return {"total": max(datetime.now(tz=UTC) - timedelta(days=days) for days in (1, 7))}


def view_of(online):
    source = sk.Source("orders", time="ts", columns={"user": sk.key(), "time": sk.floats(0, 1)})
    return sk.FeatureView(
        "spend",
        sources=[source],
        entity=["user"],
        batch=lambda spine: spine,
        online=online,
        features={"total": sk.close()},
    )


@pytest.mark.parametrize(
    "online",
    [AgesByTheClock, KeepsTheClockByName, CallsAClockItWasGiven, AsksInAnInnerFunction],
)
def test_code_that_looks_at_the_clock_reads_it(online):
    assert reads_clock(view_of(online))


def test_an_attribute_that_is_called_as_a_clock_is_none():
    assert not reads_clock(view_of(SumOfToday))
