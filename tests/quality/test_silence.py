"""No alarm where batch and online agree, however differently they are written."""

import pytest

import skewtest as sk
from quality.equivalents import EQUIVALENTS
from quality.registry import Equivalent

ALONE_SHARE = 20
"""A view of global scope runs one history a batch call: so many times fewer of them."""
HISTORIES = 512
"""`slow` runs 20,000 from another seed."""


@pytest.mark.parametrize("equivalent", EQUIVALENTS, ids=lambda equivalent: equivalent.view.name)
def test_no_alarm_where_the_sides_agree(equivalent: Equivalent) -> None:
    histories = HISTORIES if equivalent.view.scope == "entity" else HISTORIES // ALONE_SHARE
    sk.check(equivalent.view, histories=histories, seed=1).raise_if_skewed()


@pytest.mark.slow
@pytest.mark.parametrize("equivalent", EQUIVALENTS, ids=lambda equivalent: equivalent.view.name)
def test_no_alarm_in_20_000_histories(equivalent: Equivalent) -> None:
    sk.check(equivalent.view, histories=20_000, seed=2).raise_if_skewed()
