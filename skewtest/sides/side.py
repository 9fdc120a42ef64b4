"""What a side is: whatever answers requests, and the conditions under which it does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, runtime_checkable

from skewtest.declare.delivery import Scenario
from skewtest.declare.sides import CAPABILITIES
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import Delivered, deliver
from skewtest.generate.history import Pack
from skewtest.sides.answers import Answers, Failure

__all__ = ["CAPABILITIES", "Conditions", "Role", "Side"]

Role = Literal["batch", "online"]
"""Which of the two sides of a view."""


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """Under which a side answers.

    Attributes:
        view: what is asked for: features, entity, sources.
        scenario: the wire, store, zone and clock.
        seconds: CPU seconds that one operation, or one call for a whole pack, may take; what only
            waits is judged by the clock.
        delivered: what reaches a side that is fed event by event, where that is not what the pack
            says.
        tell: is told which lane runs, from 0, as there is progress; None where nobody listens.
    """

    view: FeatureView
    scenario: Scenario
    seconds: float
    delivered: Sequence[Delivered] | None = None
    tell: Callable[[int], None] | None = None

    @classmethod
    def of(
        cls,
        view: FeatureView,
        scenario: Scenario | None = None,
        delivered: Sequence[Delivered] | None = None,
    ) -> Self:
        """Return the conditions that a view declares, in order unless another scenario is given."""
        return cls(view, scenario or Scenario("in_order"), view.timeout, delivered)

    def operations(self, pack: Pack) -> Sequence[Delivered]:
        """Return the operations of each lane of a pack, in the order of their arrival."""
        return deliver(self.view, pack) if self.delivered is None else self.delivered


@runtime_checkable
class Side(Protocol):
    """Whatever answers requests.

    A side is not bound to a view; what it is asked for comes with each call.
    """

    @property
    def name(self) -> str:
        """What findings and failures call it."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What it can do beyond answering; of CAPABILITIES."""

    def answer(self, pack: Pack, conditions: Conditions) -> Answers | Failure:
        """Answer every spine row of a pack; a Failure where the call as a whole did not work."""

    def parts(self) -> Iterator[Any]:
        """Yield the functions and classes, or the texts of queries, that it consists of."""

    def at(self, place: Any) -> "Side":
        """Return the side as it answers at another place.

        Raises:
            NoAddressError: it cannot be found there.
        """
