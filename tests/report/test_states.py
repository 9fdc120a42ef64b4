"""Every state of the grid, and of a law, is worded and coloured wherever one is shown."""

import re
from importlib.resources import files
from typing import get_args

import pytest

from skewtest.report import laws
from skewtest.report.closing import STYLES
from skewtest.report.formats.notebook import COLOURS
from skewtest.report.grid import MARKS, STATES, WORDS
from skewtest.results.values import CheckState

CSS = files("skewtest.report.formats").joinpath("templates", "page.css").read_text("utf-8")


@pytest.mark.parametrize(
    "table", [WORDS, MARKS, STYLES, COLOURS], ids=["word", "mark", "style", "colour"]
)
def test_every_state_has_its(table):
    assert sorted(table) == sorted(STATES)


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_colour_on_the_page_and_in_its_trend(state):
    rules = re.findall(r"([^{}]+)\{[^}]*(?:color|fill):", CSS)
    selectors = [selector.strip() for rule in rules for selector in rule.split(",")]
    assert f".{state}" in selectors
    assert f".t-{state}" in selectors


@pytest.mark.parametrize("table", [laws.WORDS, laws.STYLES, laws.CLASSES])
def test_every_state_of_a_law_has_words(table):
    assert sorted(table) == sorted(get_args(CheckState))


def test_laws_are_coloured_as_states_that_pages_know():
    assert set(laws.CLASSES.values()) <= set(STATES)
