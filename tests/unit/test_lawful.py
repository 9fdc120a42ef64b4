"""What each scenario may do to a history: held by generation, the minimiser and kept files."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import skewtest as sk
from skewtest.declare.delivery import SCENARIOS
from skewtest.deliver.lawful import breach_of, course_of, lawful
from skewtest.deliver.scenarios import spread
from skewtest.generate.hints import Hints
from skewtest.generate.history import BEFORE, DELAY, LANE, Restart
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan
from skewtest.results.corpus import load
from skewtest.run.draft import Ask, Draft, Event
from skewtest.run.names import Slot
from skewtest.times import DAY_US, HOUR_US, instant, micros

AT = instant(datetime(2024, 3, 8, tzinfo=UTC))
USER = Slot(0, 0)

orders = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})


def last(orders: pl.DataFrame, spine: pl.DataFrame):
    past = spine.join(orders.sort("ts", maintain_order=True), on="user_id")
    past = past.filter(pl.col("ts") < pl.col("as_of"))
    seen = past.group_by("user_id", "as_of", maintain_order=True).agg(last=pl.col("n").last())
    return spine.join(seen, on=["user_id", "as_of"], how="left")


class DropsTheOld:
    """It takes no event that is more than two days older than the newest one."""

    def __init__(self):
        self.events, self.newest = {}, None

    def update(self, event):
        self.newest = max(self.newest or event["ts"], event["ts"])
        if event["ts"] >= self.newest - timedelta(days=2):
            self.events.setdefault(event["user_id"], []).append((event["ts"], event["n"]))

    def query(self, request):
        events = sorted(self.events.get(request["user_id"], ()), key=lambda event: event[0])
        return {"last": events[-1][1] if events else None}


def view_of(as_of="exclusive", **delivery):
    return sk.FeatureView(
        "v",
        sources=[orders],
        entity=["user_id"],
        batch=last,
        online=DropsTheOld,
        features={"last": sk.exact()},
        as_of=as_of,
        delivery=sk.Delivery(**delivery),
        relations=None,
    )


DELIVERIES = [
    {},
    {"order": "any"},
    {"order": "any", "late": timedelta(days=2), "duplicates": 3},
    {"restarts": True, "redeliver_after_restart": True, "split": "merged"},
]


def histories(view, name, seed):
    plan = Plan(seed=seed, odd=0.3, crowd=0.4, pools={})
    pack = replace(build(view, Clock.of(view), plan, 64), lags={})
    rng = np.random.default_rng(seed)
    faulty = spread(view, pack, view.delivery.under(name), Hints(), rng)
    return [faulty.history(lane) for lane in faulty.spine[LANE].unique().to_list()]


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("as_of", ["exclusive", "inclusive"])
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_what_generation_does_is_lawful(name, as_of, delivery):
    view = view_of(as_of, **delivery)
    for history in histories(view, name, seed=3):
        assert breach_of(view, course_of(view, history)) == ""


def test_no_event_is_reordered_by_more_than_the_declared_lateness():
    view = view_of(order="any", late=timedelta(days=2))
    delays = [h.events["orders"][DELAY].max() for h in histories(view, "reordered", seed=1)]
    assert 0 < max(delays) <= micros(timedelta(days=2))


def event(days, **faults):
    return Event("orders", AT + days * DAY_US, (USER, 1), **faults)


def draft(view, name, *events, asked=(0,), **course):
    asks = tuple(Ask(AT + days * DAY_US, (USER,), ()) for days in asked)
    return Draft(events, asks, scenario=view.delivery.under(name), **course)


@pytest.mark.parametrize(
    ("name", "events", "course", "reason"),
    [
        ("in_order", [event(-2, delay=1)], {}, "an event arrives 0:00:00.000001 after its time"),
        ("ties", [event(-2, copies=(0,))], {}, "an event arrives again"),
        ("reordered", [event(-2, delay=3 * DAY_US)], {}, "after a request that counts it"),
        ("reordered", [event(-2, delay=2 * DAY_US)], {}, "after a request that counts it"),
        ("reordered", [event(-2, delay=5), event(-2)], {}, "of two events of one time"),
        ("reordered", [event(-9, delay=2 * DAY_US)], {}, "late=1 day, 0:00:00 is declared"),
        ("late", [event(-2, delay=2 * DAY_US)], {}, "2 days, 0:00:00 late, and late=1 day"),
        ("late", [event(-2, delay=-1)], {}, "before it happens"),
        ("duplicated", [event(-2, copies=(0, 0))], {}, "2 times more, and 1 is declared"),
        ("restarted", [], {"restarts": (Restart(AT, again=1),)}, "redeliver_after_restart"),
        ("stored", [], {"restarts": (Restart(AT, BEFORE),)}, "the online side restarts"),
        ("late", [event(-2)], {"lag": 0}, "its requests come 0 us late"),
        ("bootstrapped", [event(-2)], {"boot": AT - 1}, "at which nothing is asked"),
    ],
)
def test_what_a_scenario_cannot_do_is_told(name, events, course, reason):
    view = view_of(order="any", late=timedelta(days=1), duplicates=True, restarts=True)
    assert reason in breach_of(view, draft(view, name, *events, **course).course)


def test_an_event_may_overtake_others_up_to_the_next_request():
    view = view_of(order="any")
    inside = draft(view, "reordered", event(-2, delay=2 * DAY_US - 1), event(-1))
    assert breach_of(view, inside.course) == ""


def test_the_minimiser_moves_no_arrival_past_the_request_that_counts_it():
    result = sk.check(view_of(order="any"), histories=400, seed=3, scenarios=["reordered"])
    assert result.findings
    for finding in result.findings:
        example = finding.counterexample
        assert lawful(example.view, example.history)
        assert any(example.history.events["orders"][DELAY].to_list())


def test_a_kept_file_that_its_delivery_does_not_allow_is_set_aside(tmp_path):
    row = {"#": 0, "#delay": 3 * HOUR_US, "ts": "2024-03-07T00:00:00Z", "user_id": "a", "n": 1}
    document = {
        "format": 1,
        "view": "v",
        "feature": "last",
        "kind": "value",
        "cause": "late",
        "scenario": "late",
        "request_lag_us": None,
        "events": {"orders": [row]},
        "spine": [{"user_id": "a", "as_of": "2024-03-08T00:00:00Z"}],
    }
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "late.json").write_text(json.dumps(document))
    histories, rejected = load(tmp_path, view_of(late=timedelta(hours=3)))
    assert (len(histories), rejected) == (1, [])
    histories, rejected = load(tmp_path, view_of(late=timedelta(hours=2)))
    assert not histories
    assert "an event is 3:00:00 late, and late=2:00:00 is declared" in rejected[0][1]
