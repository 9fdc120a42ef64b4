"""What tells one feature exactly: a statistic over a scope, or a ratio of two."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from skewtest.errors import DeclarationError
from skewtest.generate.history import Pack
from skewtest.reference.exact import rounded
from skewtest.reference.rows import Event, Inputs
from skewtest.reference.scopes import Scope
from skewtest.reference.side import answer_rows
from skewtest.sides.answers import Answers
from skewtest.sides.side import Conditions

# Makes the answer of the events that were picked, at least one, and of the moment, in us.
Rule = Callable[[Sequence[Event], int], Any]


class Measure:
    """The exact value of one feature. It is a side of views that have this feature alone.

    Attributes:
        name: what it is called: the name of the function that made it.
        columns: the columns that it reads.
        source: the source whose events it takes, None for all.
    """

    __slots__ = ()
    name: str
    columns: tuple[str, ...]
    source: str | None
    capabilities = frozenset({"lanes"})

    def exact(self, inputs: Inputs) -> Any:
        """Return its value before rounding."""
        raise NotImplementedError

    def of(self, inputs: Inputs) -> Any:
        """Return its value, rounded once."""
        return rounded(self.exact(inputs))

    def parts(self) -> Iterator[Any]:
        """See Side."""
        yield type(self)

    def answer(self, pack: Pack, conditions: Conditions) -> Answers:
        """See Side.

        Raises:
            DeclarationError: the view has several features.
        """
        features = list(conditions.view.features)
        if len(features) > 1:
            raise DeclarationError(
                f"{conditions.view!r}: {self.name}(...) answers one feature; the view has "
                f"{len(features)}. Write reference.by_feature({{{features[0]!r}: ...}})."
            )
        return answer_rows(conditions.view, pack, lambda inputs: {features[0]: self.of(inputs)})


@dataclass(frozen=True, slots=True, eq=False)
class Statistic(Measure):
    """A rule over the events that a scope picks.

    Attributes:
        rule: makes the answer of what was picked.
        over: the scope.
        where: which events are taken at all; None: each.
        empty: the answer where none is left.
    """

    name: str
    columns: tuple[str, ...]
    rule: Rule
    over: Scope
    where: Callable[[dict[str, Any]], Any] | None = None
    source: str | None = None
    empty: Any = None

    def exact(self, inputs: Inputs) -> Any:
        """See Measure."""
        events = []
        for event in inputs.events:
            is_wanted = self.source in (None, event.source)
            if is_wanted and (self.where is None or self.where(event.values)):
                events.append(event)
        picked = self.over.pick(events, inputs.moment)
        if not picked:
            return self.empty
        value = self.rule(picked, inputs.moment)
        return self.empty if value is EMPTY else value


# What a rule answers where no value is left, such as where all are null.
EMPTY = object()


@dataclass(frozen=True, slots=True, eq=False)
class Ratio(Measure):
    """One measure over another, rounded once.

    Attributes:
        numerator: what is divided.
        denominator: what it is divided by.
        zero: the answer where that is 0; where one of the two has no value it is None.
    """

    numerator: Measure
    denominator: Measure
    zero: Any = None
    name: str = "ratio"
    source: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override] # those of its two parts
        """See Measure."""
        return (*self.numerator.columns, *self.denominator.columns)

    def exact(self, inputs: Inputs) -> Any:
        """See Measure."""
        values = self.numerator.exact(inputs), self.denominator.exact(inputs)
        if None in values:
            return None
        if values[1] == 0:
            return self.zero
        if all(isinstance(value, int | Fraction) for value in values):
            return Fraction(values[0]) / Fraction(values[1])
        return rounded(values[0]) / rounded(values[1])  # an infinity, NaN, or a logarithm
