"""Every planted skew is found, on the feature that has it, and shown on a small history."""

from collections import Counter

import pytest

import skewtest as sk
from quality.equivalents import EQUIVALENTS
from quality.planted import PLANTED
from quality.registry import CAUSES, Planted


def assert_found_and_small(planted: Planted, seed: int) -> None:
    result = sk.check(planted.view, seed=seed)
    found = [
        finding.counterexample.events.height
        for finding in result.findings
        if finding.feature in (planted.feature, "*") and finding.kind in planted.kinds
    ]
    shown = [(finding.feature, finding.kind) for finding in result.findings]
    assert found, f"found {shown} and not {planted.feature} as {planted.kinds}"
    assert min(found) <= 2 * planted.known_minimum


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.view.name)
def test_a_planted_skew_is_found_and_small(planted: Planted) -> None:
    assert_found_and_small(planted, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_at_least_97_percent_are_found_from_any_seed(seed: int) -> None:
    missed = []
    for planted in PLANTED:
        try:
            assert_found_and_small(planted, seed=seed)
        except AssertionError as error:
            missed.append(f"{planted.view.name}: {error}")
    assert len(missed) <= 0.03 * len(PLANTED), missed


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_that_in_order_delivery_can_expose_is_planted(cause: str) -> None:
    assert any(planted.cause == cause for planted in PLANTED)


def test_no_planted_skew_has_another_cause() -> None:
    assert {planted.cause for planted in PLANTED} <= set(CAUSES)


def test_views_are_named_apart() -> None:
    names = Counter(entry.view.name for entry in (*PLANTED, *EQUIVALENTS))
    assert [name for name, count in names.items() if count > 1] == []


def test_planted_skews_are_on_features_of_their_views() -> None:
    assert [p.view.name for p in PLANTED if p.feature not in p.view.features] == []
