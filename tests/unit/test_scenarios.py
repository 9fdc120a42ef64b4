"""What each scenario does to histories on their way: what arrives, when, and how often."""

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import skewtest as sk
from skewtest.declare.delivery import CAUSES, SCENARIO_KINDS, SCENARIOS, Delivery
from skewtest.deliver.operations import EVENT, RESTORE, SNAPSHOT, deliver
from skewtest.deliver.scenarios import spread
from skewtest.drive.state import lacking
from skewtest.generate.hints import Hints
from skewtest.generate.history import AFTER, BEFORE, BETWEEN, LANE, Restart
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan
from skewtest.run.draft import Ask, Draft, Event, pack_drafts
from skewtest.run.names import Slot
from skewtest.times import DAY_US, HOUR_US, instant

AT = instant(datetime(2024, 3, 8, 12, tzinfo=UTC))
USER = (Slot(0, 0),)


def view(as_of="exclusive", arrival=None, **delivery):
    columns = {"user_id": sk.key(), "amount": sk.ints(0, 9)}
    if arrival:
        columns[arrival] = sk.timestamps()
    return sk.FeatureView(
        "spend",
        sources=[sk.Source("orders", time="ts", columns=columns, arrival=arrival)],
        entity=["user_id"],
        batch=None,
        online=None,
        features={"n": sk.exact()},
        as_of=as_of,
        delivery=sk.Delivery(**delivery),
    )


def faulty(spend, name, seed=1, lanes=128):
    """Return a generated pack, its requests in time, and it under a scenario."""
    plan = Plan(seed=seed, odd=0.3, crowd=0.4, pools={})
    pack = replace(build(spend, Clock.of(spend), plan, lanes), lags={})
    rng = np.random.default_rng(seed)
    return pack, spread(spend, pack, spend.delivery.under(name), Hints(), rng)


def heard(spend, pack):
    """Return, for each lane, its operations as (row, instant, event)."""
    return {
        d.lane: list(zip(d.rows, d.instants, d.events, strict=True)) for d in deliver(spend, pack)
    }


def order(draft, as_of="exclusive"):
    """Return what is delivered of a draft, in order: numbers of amounts, "?", "S" and "R"."""
    (delivered,) = deliver(view(as_of), pack_drafts(view(as_of), [draft]))
    marks = {SNAPSHOT: "S", RESTORE: "R"}
    return "".join(
        str(load["amount"]) if row == EVENT else marks.get(row, "?")
        for row, load in zip(delivered.rows, delivered.payloads, strict=True)
    )


def draft(events, *restarts, asked=(0,)):
    asks = tuple(Ask(AT + at, USER, ()) for at in asked)
    return Draft(tuple(events), asks, restarts=restarts)


def event(at, amount, **faults):
    return Event("orders", AT + at, (Slot(0, 0), amount), **faults)


# -- single deliveries -----------------------------------------------------------------------------


def test_a_delayed_event_arrives_after_its_time():
    assert order(draft([event(-20, 1, delay=15), event(-10, 2)])) == "21?"


def test_an_event_that_is_late_misses_the_request():
    assert order(draft([event(-20, 1, delay=30), event(-10, 2)])) == "2?"
    assert order(draft([event(-20, 1, delay=30)], asked=(0, 60))) == "?1?"


@pytest.mark.parametrize(("as_of", "expected"), [("exclusive", "?1"), ("inclusive", "1?")])
def test_an_event_that_arrives_at_as_of_counts_where_as_of_is_inclusive(as_of, expected):
    assert order(draft([event(-20, 1, delay=20)]), as_of) == expected


def test_turns_decide_among_ties():
    assert order(draft([event(-9, 1, turn=2), event(-9, 2, turn=1)])) == "21?"


def test_copies_arrive_again_and_are_other_objects():
    one = draft([event(-20, 1, copies=(0, 15)), event(-10, 2)])
    assert order(one) == "1121?"
    (delivered,) = deliver(view(), pack_drafts(view(), [one]))
    first, second = delivered.payloads[:2]
    assert first == second
    assert first is not second


def test_a_copy_can_be_heard_although_the_event_is_too_late():
    assert order(draft([event(-20, 1, delay=30, copies=(5,))])) == "1?"


@pytest.mark.parametrize(
    ("restart", "expected"),
    [
        (Restart(AT - 30), "SR12?"),
        (Restart(AT - 20, BEFORE), "SR12?"),
        (Restart(AT - 20, AFTER), "1SR2?"),
        (Restart(AT, BEFORE), "12SR?"),
        (Restart(AT, BETWEEN), "12?SR"),
        (Restart(AT - 20, AFTER, crash=10), "1SR2?"),
        (Restart(AT - 20, AFTER, crash=15), "1S2R2?"),
        (Restart(AT - 20, BEFORE, crash=15), "S12R12?"),
        (Restart(AT - 10, AFTER, again=1), "12SR2?"),
        (Restart(AT - 10, AFTER, again=9), "12SR12?"),
        (Restart(AT - 20, AFTER, crash=15, again=1), "1S2R12?"),
    ],
)
def test_a_restart_is_a_snapshot_and_a_restore(restart, expected):
    assert order(draft([event(-20, 1), event(-10, 2)], restart)) == expected


def test_two_restarts_follow_each_other_and_do_not_nest():
    events = [event(-20, 1), event(-10, 2)]
    twice = Restart(AT - 20, AFTER)
    assert order(draft(events, twice, twice)) == "1SRSR2?"
    assert order(draft(events, Restart(AT - 20, BEFORE, crash=15), twice)) == "S12R12?"


# -- generated deliveries --------------------------------------------------------------------------

DECLARED = {
    "ties": {"order": "any"},
    "reordered": {"order": "any"},
    "late": {"late": timedelta(hours=2)},
    "duplicated": {"duplicates": 3},
    "restarted": {"restarts": True, "redeliver_after_restart": True},
    "split": {"split": "handed_over"},
}


@pytest.mark.parametrize("name", DECLARED)
@pytest.mark.parametrize("as_of", ["exclusive", "inclusive"])
def test_every_lane_of_a_scenario_has_its_fault(name, as_of):
    spend = view(as_of, **DECLARED[name])
    pack, faults = faulty(spend, name)
    plain, changed = heard(spend, pack), heard(spend, faults)
    assert len(changed) > 5
    assert set(changed) < set(plain) | {-1}
    same = [lane for lane in changed if changed[lane] == plain[lane]]
    assert len(same) <= (0.6 if name == "late" else 0.35) * len(changed)


@pytest.mark.parametrize("name", DECLARED)
def test_what_happens_is_the_same_from_the_same_seed(name):
    spend = view(**DECLARED[name])
    assert heard(spend, faulty(spend, name)[1]) == heard(spend, faulty(spend, name)[1])


@pytest.mark.parametrize("as_of", ["exclusive", "inclusive"])
@pytest.mark.parametrize("name", ["ties", "reordered"])
def test_another_order_brings_no_event_across_a_request(name, as_of):
    spend = view(as_of, order="any")
    pack, faults = faulty(spend, name)
    plain, changed = heard(spend, pack), heard(spend, faults)
    for lane, operations in changed.items():
        assert before_requests(operations) == before_requests(plain[lane])


def before_requests(operations):
    """Return, for each request, the events that came before it."""
    seen, found = [], []
    for row, _, number in operations:
        if row >= 0:
            found.append(len(seen))
        seen += [number] if row == EVENT else []
    return found


def test_ties_change_the_order_of_events_of_one_time_alone():
    spend = view(order="any")
    _, faults = faulty(spend, "ties")
    for operations in heard(spend, faults).values():
        instants = [at for row, at, _ in operations if row == EVENT]
        assert instants == sorted(instants)


def test_no_event_is_later_than_declared():
    spend = view(late=timedelta(hours=2))
    _, faults = faulty(spend, "late")
    delays = faults.events["orders"]["#delay"]
    assert 0 <= delays.min() < delays.max() == 2 * HOUR_US


def test_late_events_miss_requests():
    spend = view(late=timedelta(days=2))
    pack, faults = faulty(spend, "late")
    plain, changed = heard(spend, pack), heard(spend, faults)
    missed = [n for n in changed if before_requests(changed[n]) != before_requests(plain[n])]
    assert len(missed) > 0.3 * len(changed)


def test_an_arrival_column_tells_when_events_arrive():
    spend = view(arrival="arrived", late=timedelta(hours=2))
    pack, faults = faulty(spend, "late")
    assert (pack.events["orders"]["arrived"] == pack.events["orders"]["ts"]).all()
    late = faults.events["orders"]
    gap = (late["arrived"] - late["ts"]).dt.total_microseconds()
    assert gap.equals(late["#delay"].alias(gap.name))


def test_no_more_copies_than_declared():
    spend = view(duplicates=3)
    _, faults = faulty(spend, "duplicated")
    assert set(faults.events["orders"]["#copies"].list.len()) == {0, 1, 2, 3}


def test_restarts_stand_before_the_first_event_between_and_twice_in_a_row():
    spend = view(restarts=True)
    _, faults = faulty(spend, "restarted")
    shapes = Counter()
    for operations in heard(spend, faults).values():
        rows = [row for row, _, _ in operations]
        shapes["first"] += rows[0] == SNAPSHOT
        shapes["twice"] += any(rows[n : n + 4] == [SNAPSHOT, RESTORE] * 2 for n in range(len(rows)))
        shapes["crash"] += any(
            (one, other) == (SNAPSHOT, EVENT) for one, other in itertools.pairwise(rows)
        )
        shapes["before a request"] += any(
            one == RESTORE and other >= 0 for one, other in itertools.pairwise(rows)
        )
    assert min(shapes.values()) >= 3
    assert len(shapes) == 4


def test_without_redelivery_nothing_is_delivered_that_a_snapshot_holds():
    spend = view(restarts=True)
    _, faults = faulty(spend, "restarted")
    for operations in heard(spend, faults).values():
        held, state, saved = [], [], []
        for row, _, number in operations:
            if row == SNAPSHOT:
                saved = list(state)
            elif row == RESTORE:
                state = list(saved)
            elif row == EVENT:
                state.append(number)
                held.append(number)
        assert len(state) == len(set(state))
        assert set(state) == set(held)


def test_idle_lanes_have_a_gap_longer_than_every_window():
    spend = replace_windows(timedelta(days=90))
    _, faults = faulty(spend, "idle")
    for operations in heard(spend, faults).values():
        instants = [at for _, at, _ in operations]
        assert max(np.diff(instants)) > 90 * DAY_US


def replace_windows(window):
    return sk.FeatureView(
        "spend",
        sources=[sk.Source("orders", time="ts", columns={"user_id": sk.key()})],
        entity=["user_id"],
        batch=None,
        online=None,
        features={"n": sk.exact()},
        windows=[window],
    )


def test_a_bootstrap_starts_where_all_that_was_seen_is_asked_for():
    spend = view(bootstrap=True)
    _, faults = faulty(spend, "bootstrapped")
    assert faults.boots
    asked = faults.spine.group_by(LANE).agg(pl.col("as_of").n_unique())
    assert asked["as_of"].min() > 1


def test_in_order_is_the_pack_as_it_was():
    spend = view()
    pack, same = faulty(spend, "in_order")
    assert heard(spend, pack) == heard(spend, replace(same))


# -- declarations ----------------------------------------------------------------------------------


def test_declared_scenarios_gate():
    delivery = Delivery(
        order="any",
        late=timedelta(hours=1),
        duplicates=2,
        restarts=True,
        split="merged",
        wire="json",
        store="float32",
        bootstrap=True,
        zone="Asia/Tokyo",
    )
    assert delivery.scenarios == tuple(name for name in SCENARIOS if name != "idle")
    assert Delivery().scenarios == ("in_order",)


def test_a_scenario_does_one_thing():
    delivery = Delivery(order="any", late=timedelta(hours=3), duplicates=2, clock="real")
    late = delivery.under("late").delivery
    assert late == Delivery(late=timedelta(hours=3), clock="real")
    assert delivery.under("duplicated").delivery == Delivery(duplicates=2, clock="real")


def test_exploring_has_a_value_for_every_scenario():
    for name in CAUSES:
        assert Delivery().under(name).delivery != Delivery()


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_of_the_table_is_one_that_histories_can_be_put_under(name):
    _, pack = faulty(view(), name)
    assert pack.scenario.name == name


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_that_does_something_has_a_cause_and_says_what_it_needs(name):
    kind = SCENARIO_KINDS[name]
    scenario = Delivery().under(name)
    assert (name in CAUSES) == bool(kind.fields)
    assert lacking(object(), scenario) == next(iter(scenario.methods), None)


def test_two_workers_that_are_merged_need_a_method_more():
    scenario = Delivery(split="merged").under("split")
    assert scenario.methods == ("snapshot", "restore", "merge")
