"""Each fault is found under its scenario alone, and shown small; right views stand all of them."""

from collections import Counter

import pytest

import skewtest as sk
from quality.faultless import FAULTLESS
from quality.faulty import FAULTY
from quality.streams import Faultless, Faulty

HISTORIES, MANY = 256, 600
"""A scenario is tried on 256 histories at least: more of them are more in order."""
MUST_COVER = (
    *("late", "out_of_order", "duplicate", "ttl", "wire", "leakage.future", "join"),
    *("state.init", "state.restore", "state.capacity", "state.mutation", "state.stale"),
    *("time.zone", "time.unit", "time.clock", "entity.key", "entity.isolation"),
    *("engine.order", "expression.order", "category", "default"),
)


def faults_of(finding):
    """Return how much happens on the way: events that are late or again, and restarts."""
    example = finding.counterexample
    late = sum(
        frame["#delay"].gt(0).sum()
        for frame in example.history.events.values()
        if "#delay" in frame.columns
    )
    steps = example.delivery["step"].to_list()
    return late + steps.count("event again") + len(example.history.restarts)


def assert_found_under_its_scenario_alone(faulty: Faulty, histories: int, seed: int) -> None:
    result = sk.check(faulty.view, histories=histories, seed=seed)
    found = [f for f in result.findings if f.scenario == faulty.scenario]
    assert found, [(f.scenario, f.feature, f.kind) for f in result.findings]
    assert not result.broken, result.report()
    assert not any(
        f.scenario == "in_order" for f in result.findings if faulty.scenario != "in_order"
    )
    small = min(found, key=lambda f: f.counterexample.events.height)
    assert small.counterexample.events.height <= 2 * faulty.known_minimum
    if faulty.scenario != "split":
        assert faults_of(small) <= 2


@pytest.mark.parametrize("faulty", FAULTY, ids=lambda faulty: faulty.view.name)
def test_a_fault_is_found_under_its_scenario_alone(faulty: Faulty) -> None:
    assert_found_under_its_scenario_alone(faulty, HISTORIES, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize("faulty", FAULTY, ids=lambda faulty: faulty.view.name)
def test_a_fault_is_found_among_more_histories(faulty: Faulty) -> None:
    assert_found_under_its_scenario_alone(faulty, MANY, seed=2)


@pytest.mark.parametrize("right", FAULTLESS, ids=lambda right: right.view.name)
def test_a_right_view_stands_its_delivery(right: Faultless) -> None:
    result = sk.check(right.view, histories=64, seed=1)
    result.raise_if_skewed()
    assert [outcome.scenario for outcome in result.outcomes if outcome.skipped] == []


@pytest.mark.slow
@pytest.mark.parametrize("right", FAULTLESS, ids=lambda right: right.view.name)
def test_a_right_view_stands_5_000_histories(right: Faultless) -> None:
    sk.check(right.view, histories=5_000, seed=2).raise_if_skewed()


@pytest.mark.parametrize("cause", MUST_COVER)
def test_the_causes_of_delivery_are_planted(cause: str) -> None:
    assert any(faulty.cause == cause for faulty in FAULTY)


def test_there_are_enough_of_them() -> None:
    assert len(FAULTY) >= 35
    assert len(FAULTLESS) >= 15
    names = Counter(entry.view.name for entry in (*FAULTY, *FAULTLESS))
    assert [name for name, count in names.items() if count > 1] == []
