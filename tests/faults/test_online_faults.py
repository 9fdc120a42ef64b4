"""Online implementations that misbehave are findings with exact words, and harm nothing else."""

import sys
import time
from collections import defaultdict
from concurrent.futures import Future

import numpy as np
import polars as pl
import pytest
from spend_view import (
    SOURCE,
    RightOnline,
    checked,
    claim,
    is_within,
    judged,
    only,
    right_batch,
    size,
    told,
    view,
)

import skewtest as sk

MOST_WAITS = 24
"""Each wait takes its limit: so many of them are seconds on any machine, however busy."""


def a_broken_online(result, *, kind="error", events=0):
    finding = only(result)
    assert not result.ok
    assert result.broken
    assert (finding.feature, finding.kind, finding.side) == ("*", kind, "online")
    assert size(finding) == (events, 1)
    return finding


@pytest.mark.fault(
    "an online object without query", "an error names the nearest method", ends="finding"
)
def test_online_without_query_is_told_with_the_nearest_spelling():
    class Online:
        def update(self, event):
            pass

        def qeury(self, request):
            pass

    finding = a_broken_online(checked(online=Online))
    assert claim(finding) == "spend: online object lacks a method"
    assert told(finding) == (
        "Online has no query(); it has 'qeury', 'update'. An online object needs update(event) "
        "and query(request). Did you mean 'qeury'?"
    )


@pytest.mark.fault("a factory returns None", "an error says so", ends="finding")
def test_a_factory_that_returns_nothing_is_told():
    finding = a_broken_online(checked(online=lambda: None))
    assert told(finding) == (
        "NoneType has no update(); it has nothing. An online object needs update(event) and "
        "query(request)."
    )


@pytest.mark.fault("online answers a list in place of a dict", "one error", ends="finding")
def test_a_list_in_place_of_a_dict_is_one_finding_whatever_it_holds():
    class Online(RightOnline):
        def query(self, request):
            return list(super().query(request).values())

    finding = a_broken_online(checked(online=Online))
    assert claim(finding) == "spend: online answers with no dict"
    assert told(finding) == (
        "query() returned list: [0, 0]; expected a dict of features, or None for no row."
    )


@pytest.mark.fault("online leaves out a feature", "an error names it", ends="finding")
def test_a_lacking_feature_is_told():
    class Online(RightOnline):
        def query(self, request):
            return {"total": super().query(request)["total"], "nn": 1}

    finding = a_broken_online(checked(online=Online))
    assert claim(finding) == "spend: online lacks a feature"
    assert told(finding) == "query() returned no 'n'; it returned 'total', 'nn'. Did you mean 'nn'?"


@pytest.mark.parametrize("number", [np.int64, np.int32, np.float64, np.float32, np.array])
def test_numpy_numbers_are_numbers(number):
    class Online(RightOnline):
        def query(self, request):
            return {name: number(value) for name, value in super().query(request).items()}

    assert checked(online=Online).ok


def test_a_mapping_that_is_no_dict_is_accepted():
    class Online(RightOnline):
        def query(self, request):
            return defaultdict(int, super().query(request))

    assert checked(online=Online).ok


@pytest.mark.fault(
    "online answers a future as a value", "an error says that it was never awaited", ends="finding"
)
def test_a_future_as_a_value_is_told():
    class Online(RightOnline):
        def query(self, request):
            return {**super().query(request), "total": Future()}

    finding = a_broken_online(checked(online=Online))
    assert claim(finding) == "spend: online returns a value of an unknown type"
    assert told(finding) == (
        "online returned a Future as 'total'; expected numbers, strings, booleans, times, lists, "
        "dicts or None."
    )


@pytest.mark.fault(
    "online answers a future", "an error says that it was never awaited", ends="finding"
)
def test_a_future_as_the_answer_is_told():
    class Online(RightOnline):
        def query(self, request):
            return Future()

    finding = a_broken_online(checked(online=Online))
    assert claim(finding) == "spend: online answers with no dict"
    assert told(finding).startswith("query() returned Future: ")


@pytest.mark.fault(
    "online raises on the third event", "an error with a history of three events", ends="finding"
)
def test_a_raise_on_the_third_event_needs_three_events():
    class Online(RightOnline):
        count = 0

        def update(self, event):
            self.count += 1
            if self.count == 3:
                raise RuntimeError("third")
            super().update(event)

    result = checked(online=Online)
    finding = a_broken_online(result, events=3)
    assert claim(finding) == "spend: online raises RuntimeError"
    assert told(finding).startswith("at operation 3 of 4\n")
    assert told(finding).endswith("RuntimeError: third")
    assert "skewtest/sides" not in told(finding)
    assert judged(result, "total") > 100


@pytest.mark.fault(
    "online raises for one value", "an error; the other histories are judged", ends="finding"
)
def test_a_raise_for_one_value_leaves_the_other_lanes_judged():
    class Online(RightOnline):
        def update(self, event):
            if event["amount"] == 100:
                raise ValueError("a hundred")
            super().update(event)

    result = checked(online=Online)
    finding = a_broken_online(result, events=1)
    assert finding.counterexample.events["amount"].to_list() == [100]
    assert judged(result, "total") > 100


@pytest.mark.fault("a factory raises", "an error", ends="finding")
def test_a_factory_that_raises_is_told():
    class Online:
        def __init__(self):
            raise KeyError("config")

    finding = a_broken_online(checked(online=Online))
    assert claim(finding) == "spend: online raises KeyError"
    assert told(finding).endswith("KeyError: 'config'")
    assert "operation" not in told(finding)


@pytest.mark.fault("query calls sys.exit", "an error; the run goes on", ends="finding")
def test_sys_exit_in_a_query_does_not_end_the_run():
    class Online(RightOnline):
        def query(self, request):
            sys.exit("bye")

    finding = a_broken_online(checked(online=Online))
    assert claim(finding) == "spend: online raises SystemExit"


def test_ctrl_c_in_an_update_goes_through():
    class Online(RightOnline):
        def update(self, event):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checked(online=Online)


@pytest.mark.fault("update or query hangs", "a timeout after few waits", ends="finding")
@pytest.mark.parametrize("verb", ["update", "query"])
def test_online_that_hangs_is_a_timeout_and_is_not_waited_for_long(verb):
    waits = []

    def hang(self, given):
        waits.append(given)
        time.sleep(60)

    result = checked(online=type("Online", (RightOnline,), {verb: hang}), timeout=0.1)
    assert len(waits) <= MOST_WAITS
    finding = only(result)
    assert (finding.feature, finding.kind, finding.side) == ("*", "timeout", "online")
    assert claim(finding) == "spend: online hangs"
    assert told(finding) == (
        "online did not return within 0.1 s. Give it more with FeatureView(timeout=...), or look "
        "for a loop that never ends."
    )


@pytest.mark.fault(
    "online hangs on one value", "a timeout; the other histories are judged", ends="finding"
)
def test_online_that_hangs_on_one_value_leaves_the_other_lanes_judged():
    waits = []

    class Online(RightOnline):
        def update(self, event):
            if event["amount"] == 100:
                waits.append(event)
                time.sleep(60)
            super().update(event)

    result = checked(online=Online, timeout=0.3)
    assert len(waits) <= MOST_WAITS
    assert [finding.kind for finding in result.findings] == ["timeout"]
    assert judged(result, "total") > 0


@pytest.mark.fault(
    "online changes the event it is handed",
    "a warning; batch reads what was generated",
    ends="told",
)
def test_a_changed_event_is_warned_of_and_batch_is_not_harmed():
    class Online(RightOnline):
        def update(self, event):
            super().update(event)
            event["amount"] = 0

    result = checked(online=Online)
    assert result.ok
    assert result.to_dict()["outcomes"][0]["mutated"] == [{"side": "online", "name": "event"}]
    assert result.report() == "warning: spend: online changes its input 'event' in place"


def test_a_changed_request_is_warned_of():
    class Online(RightOnline):
        def query(self, request):
            return super().query({"user_id": request.pop("user_id")})

    result = checked(online=Online)
    assert result.ok
    assert result.report() == "warning: spend: online changes its input 'request' in place"


def test_methods_may_be_async():
    class Online(RightOnline):
        async def update(self, event):
            super().update(event)

        async def query(self, request):
            return super().query(request)

    assert checked(online=Online).ok


@pytest.mark.fault("an async method raises", "an error", ends="finding")
def test_an_async_method_that_raises_is_a_finding():
    class Online(RightOnline):
        async def query(self, request):
            raise ConnectionError("no store")

    finding = a_broken_online(checked(online=Online))
    assert claim(finding) == "spend: online raises ConnectionError"
    assert told(finding).endswith("ConnectionError: no store")


@pytest.mark.fault("online objects share state of their class", "a finding", ends="finding")
def test_state_shared_between_instances_is_no_parity():
    shared = defaultdict(list)

    class Online(RightOnline):
        def __init__(self):
            self.seen = shared

    result = checked(online=Online)
    assert not result.ok
    assert {finding.kind for finding in result.findings} <= {"value", "nondeterministic"}
    assert all(is_within(finding, 1, 1) for finding in result.findings)


@pytest.mark.fault("online answers differently from run to run", "nondeterministic", ends="finding")
def test_online_that_differs_from_run_to_run_is_nondeterministic():
    calls = iter(range(1_000_000))

    class Online(RightOnline):
        def query(self, request):
            return {**super().query(request), "n": next(calls)}

    result = checked(online=Online)
    finding = only(result)
    assert (finding.feature, finding.kind, finding.side) == ("n", "nondeterministic", "online")
    assert judged(result, "total") > 200


@pytest.mark.fault("both sides raise alike", "an error of each side", ends="finding")
def test_both_sides_raising_alike_is_no_parity():
    def batch(orders, spine):
        raise ValueError("alike")

    class Online(RightOnline):
        def query(self, request):
            raise ValueError("alike")

    result = checked(batch, Online)
    finding = only(result)
    assert not result.ok
    assert (finding.kind, finding.side) == ("error", None)
    assert claim(finding) == "spend: batch and online both fail"
    assert size(finding) == (0, 1)


@pytest.mark.fault(
    "neither side answers any row",
    "every feature is untested, and the result is not ok",
    ends="gap",
)
def test_no_row_on_both_sides_is_untested_not_parity():
    class Online(RightOnline):
        def query(self, request):
            return None

    result = checked(lambda orders, spine: right_batch(orders, spine).head(0), Online)
    assert (result.ok, result.findings, result.untested) == (False, (), ("total", "n"))


@pytest.mark.fault(
    "a feature is null on both sides in all rows",
    "it is untested by name, and the result is not ok",
    ends="gap",
)
def test_a_feature_that_is_null_on_both_sides_is_untested_and_named():
    class Online(RightOnline):
        def query(self, request):
            return {**super().query(request), "n": None}

    result = checked(lambda orders, spine: right_batch(orders, spine).with_columns(n=None), Online)
    assert (result.ok, result.untested) == (False, ("n",))


@pytest.mark.fault("a view without an online side", "an error names the argument", ends="refused")
def test_no_online_at_all_is_an_error():
    result = checked(online=None)
    finding = only(result)
    assert (finding.kind, finding.side, finding.counterexample) == ("error", "online", None)
    assert told(finding) == (
        "The view is registered without an online implementation. Give one with "
        "FeatureView(online=...)."
    )


@pytest.mark.fault(
    "replay of an empty log", "the result is not ok: nothing was compared", ends="gap"
)
def test_an_empty_log_asks_for_nothing_and_proves_nothing():
    log = pl.DataFrame(schema=SOURCE.schema)
    result = sk.replay(view(), log)
    assert (result.ok, result.findings, result.untested) == (False, (), ("total", "n"))


def test_an_empty_log_with_a_spine_is_replayed():
    log = pl.DataFrame(schema=SOURCE.schema)
    spine = pl.DataFrame({"user_id": ["a"], "as_of": ["2024-03-08T00:00:00Z"]}).with_columns(
        pl.col("as_of").str.to_datetime(time_unit="us", time_zone="UTC")
    )
    result = sk.replay(view(), log, spine)
    assert result.ok
    assert judged(result, "total") == 1
