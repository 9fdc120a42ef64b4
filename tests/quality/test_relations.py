"""Every broken law is found although batch and online agree, on a small history."""

import pytest

import skewtest as sk
from quality.lawless import LAWLESS, Lawless
from skewtest.declare.relation import RELATION_CAUSES


def assert_found_although_the_sides_agree(entry: Lawless, histories: int) -> None:
    result = sk.check(entry.view, seed=1, histories=histories)
    in_order, relations = result.outcomes
    assert in_order.findings == ()
    found = {f.side: f for f in relations.findings if f.relation == entry.relation}
    assert set(found) == set(entry.sides)
    for finding in found.values():
        assert finding.cause == RELATION_CAUSES[entry.relation]
        assert finding.counterexample is not None
        assert finding.counterexample.events.height <= max(1, 2 * entry.known_minimum)
    assert not result.ok
    assert f"breaks {entry.relation}" in " ".join(result.report().split())


@pytest.mark.parametrize("entry", LAWLESS, ids=lambda e: f"{e.relation}-{e.view.name}")
def test_a_broken_law_is_found_although_the_sides_agree(entry: Lawless) -> None:
    assert_found_although_the_sides_agree(entry, histories=256)


@pytest.mark.slow
@pytest.mark.parametrize("entry", LAWLESS, ids=lambda e: f"{e.relation}-{e.view.name}")
def test_a_broken_law_is_found_among_more_histories(entry: Lawless) -> None:
    assert_found_although_the_sides_agree(entry, histories=1_000)


def test_every_relation_has_a_planted_breach() -> None:
    assert {entry.relation for entry in LAWLESS} == set(RELATION_CAUSES)
