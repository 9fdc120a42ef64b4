"""What a pytest item asks of a view: a value, from which its id is made."""

from dataclasses import dataclass
from typing import TypeAlias

import pytest

from skewtest.declare.delivery import IN_ORDER, RELATIONS, SCENARIOS
from skewtest.declare.view import FeatureView
from skewtest.environments.cells import Cell
from skewtest.session import scenarios_of


@dataclass(frozen=True, slots=True)
class UnderScenario:
    """Do both sides agree under one scenario that the view declares?"""

    scenario: str

    @property
    def id(self) -> str:
        """What stands in brackets in the id of the item."""
        return self.scenario

    def scenarios(self, view: FeatureView) -> list[str]:
        """Return the scenarios to run; none of a view that does not declare this one."""
        if self.scenario not in view.delivery.scenarios:
            return []
        # The relations of a view concern the history in order: they are told with it.
        if self.scenario == IN_ORDER and view.relations:
            return [IN_ORDER, RELATIONS]
        return [self.scenario]


@dataclass(frozen=True, slots=True)
class Exploring:
    """What would break the view of what it does not declare?"""

    id: str = "explore"

    def scenarios(self, view: FeatureView) -> list[str]:
        """Return the scenarios that the view does not declare."""
        return [name for name in SCENARIOS if name not in view.delivery.scenarios]


@dataclass(frozen=True, slots=True)
class Everything:
    """Does a view agree under all that it declares? It stands where no view could be named."""

    id: str = "all"

    def scenarios(self, view: FeatureView) -> list[str]:
        """Return all scenarios of the view, and its relations."""
        return scenarios_of(view)


@dataclass(frozen=True, slots=True)
class InCell:
    """Do both sides agree under a scenario, each in its environment of a cell?"""

    scenario: str
    cell: Cell

    @property
    def id(self) -> str:
        """What stands in brackets in the id of the item."""
        return f"{self.scenario}-{self.cell.name}"

    def scenarios(self, view: FeatureView) -> list[str]:
        """Return the scenarios to run: the laws of each side there are told with in order."""
        return UnderScenario(self.scenario).scenarios(view)


@dataclass(frozen=True, slots=True)
class AcrossVersions:
    """Which environments of the matrix answer alike, with the same code?"""

    id: str = "versions"


Here: TypeAlias = UnderScenario | Exploring | Everything
"""What is asked in this process; all of a view is answered from the same histories."""
Question: TypeAlias = Here | InCell | AcrossVersions


def question_of(item: pytest.Item) -> Question | None:
    """Return what an item asks; None where it checks no view, or was given no question."""
    callspec = getattr(item, "callspec", None)
    question = getattr(item, "question", None) or getattr(callspec, "params", {}).get("skew")
    # A user's own `parametrize("skew", ...)` may stand there as well.
    return question if isinstance(question, Question) else None
