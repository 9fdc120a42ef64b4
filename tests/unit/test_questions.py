"""What an item asks, and the id that is made of it."""

from types import SimpleNamespace

import pytest

from skewtest.declare.environment import Environment
from skewtest.environments.cells import Cell
from skewtest.harness.questions import (
    AcrossVersions,
    Everything,
    Exploring,
    InCell,
    UnderScenario,
    question_of,
)

CELL = Cell(*(Environment(name, requirements=["numpy"]) for name in ("train", "serve")))


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        (UnderScenario("re-encoded"), "re-encoded"),
        (Exploring(), "explore"),
        (InCell("in_order", CELL), "in_order-train~serve"),
        (InCell("late", CELL), "late-train~serve"),
        (AcrossVersions(), "versions"),
        (Everything(), "all"),
    ],
)
def test_the_id_of_a_question(question, wanted):
    assert question.id == wanted


def test_a_scenario_with_the_name_of_another_question_is_still_a_scenario():
    assert UnderScenario("explore") != Exploring()


def test_the_question_of_an_item_is_a_value():
    item = SimpleNamespace(callspec=SimpleNamespace(params={"skew": Exploring()}))
    assert question_of(item) == Exploring()
    assert (
        question_of(SimpleNamespace(callspec=SimpleNamespace(params={"skew": "explore"}))) is None
    )
    assert question_of(SimpleNamespace()) is None
