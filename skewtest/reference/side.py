"""A reference as a side: what the owner declares answers every request of a pack."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from skewtest.declare.view import FeatureView
from skewtest.drive.values import OddValueError, plain
from skewtest.errors import DeclarationError, SkewtestError
from skewtest.generate.history import Pack
from skewtest.reference.exact import rounded
from skewtest.reference.rows import Inputs, inputs_of
from skewtest.sides.answers import MISSING, Answers, Failure
from skewtest.sides.foreign import ForeignSide
from skewtest.sides.parts import parts_of
from skewtest.sides.side import Conditions

NAME = "reference"


class IncompleteReferenceError(TypeError):
    """A reference that is a function returned something else than features by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """An owner's references as one side. A feature without one is missing from its answers.

    Attributes:
        opinions: by feature a measure, or a function `f(events, request)` of the events that count
            (dicts, in sequence order) and the request; or one such function of all features.
    """

    opinions: Any
    name: str = NAME
    capabilities: frozenset[str] = frozenset({"lanes"})

    def parts(self) -> Iterator[Any]:
        """See Side."""
        if not isinstance(self.opinions, Mapping):
            yield from parts_of(self.opinions)
            return
        for opinion in self.opinions.values():
            yield from parts_of(opinion)

    def answer(self, pack: Pack, conditions: Conditions) -> Answers:
        """See Side; a row on which a reference raises has failed."""
        ask: Callable[[Inputs], Mapping[str, Any]] = self._ask_whole
        if isinstance(self.opinions, Mapping):
            ask = self._ask_each
        return answer_rows(conditions.view, pack, ask)

    def _ask_each(self, inputs: Inputs) -> Mapping[str, Any]:
        values = {}
        for feature, opinion in self.opinions.items():
            if hasattr(opinion, "of"):
                values[feature] = opinion.of(inputs)
            else:
                values[feature] = call_owner(opinion, inputs)
        return values

    def _ask_whole(self, inputs: Inputs) -> Mapping[str, Any]:
        values = call_owner(self.opinions, inputs)
        if not isinstance(values, Mapping):
            raise IncompleteReferenceError(
                f"the reference must return features by name; got {values!r}"
            )
        return values


def call_owner(function: Callable[..., Any], inputs: Inputs) -> Any:
    """Call an owner's own function, with dicts that it may keep or change."""
    events = [dict(event.values) for event in inputs.events]
    return function(events, dict(inputs.request))


def answer_rows(
    view: FeatureView, pack: Pack, ask: Callable[[Inputs], Mapping[str, Any]]
) -> Answers:
    """Return what is answered row by row; where it raises, the row has failed."""
    cells: dict[str, list[Any]] = {name: [] for name in view.features}
    failures: dict[int, Failure] = {}
    for row, inputs in enumerate(inputs_of(view, pack)):
        values: Mapping[str, Any] = {}
        try:
            values = _plain_values(ask(inputs))
        except SkewtestError:
            raise
        except Exception as error:  # noqa: BLE001 - an owner's function may raise anything
            failures[row] = Failure(NAME, "raised", exception=error)
        for name, column in cells.items():
            column.append(values.get(name, MISSING))
    return Answers.of(cells, failures)


def _plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return answers as plain values: rationals as the nearest floats.

    Raises:
        IncompleteReferenceError: one of them is no value.
    """
    plain_values = {}
    for name, value in values.items():
        try:
            plain_values[name] = plain(rounded(value))
        except OddValueError as error:
            raise IncompleteReferenceError(f"{name!r} is a {error}") from error
    return plain_values


def by_feature(opinions: Mapping[str, Any]) -> Reference:
    """Return references by feature as one side.

    Args:
        opinions: by feature a reference of this package, or a function `f(events, request)` that
            returns the feature: a number, an exact `Fraction`, a text, None.

    Raises:
        DeclarationError: it is no mapping, it is empty, or a value can be neither.
    """
    if not isinstance(opinions, Mapping) or not opinions:
        raise DeclarationError(f"by_feature(...) takes references by feature; got {opinions!r}")
    for feature, opinion in opinions.items():
        if not callable(opinion) and not hasattr(opinion, "of"):
            raise DeclarationError(
                f"by_feature({feature!r}) must be a reference such as reference.count(), or a "
                f"function of events and request; got {opinion!r}"
            )
    return Reference(dict(opinions))


def reference_of(view: FeatureView) -> ForeignSide | None:
    """Return the reference of a view as a side, None where it has none."""
    if view.reference is None:
        return None
    if hasattr(view.reference, "answer"):
        return ForeignSide(view.reference, NAME)
    return ForeignSide(Reference(view.reference), NAME)
