"""One way in which two sides differ, with what shows it: frozen values, without wording."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from skewtest.compare.tables import Divergence
from skewtest.declare.view import FeatureView
from skewtest.deliver.steps import steps_of
from skewtest.generate.history import FAULTS, SEQUENCE, History
from skewtest.results.pair import PARITY, Pair
from skewtest.results.values import Attribution, Known, Opinion, Place
from skewtest.sides.answers import Failure
from skewtest.times import instants_of

ALL_FEATURES = "*"
UNKNOWN = "unknown"


def _file_part(text: str) -> str:
    """Return a text as a part of a file name, of at most 60 characters."""
    part = ""
    for letter in text[:60]:
        part += letter if letter.isalnum() or letter in "_-" else "-"
    return part


@dataclass(frozen=True, slots=True, eq=False)
class Counterexample:
    """The smallest history found that still diverges: events by source, the spine, the delivery."""

    view: FeatureView = field(repr=False)
    history: History

    @property
    def events(self) -> pl.DataFrame:
        """The events in sequence order; with several sources a first column `source`."""
        tables = []
        for name, source in self.view.sources.items():
            frame = self.history.events[name]
            at = instants_of(frame[source.time]).alias("#at")
            tables.append((name, frame.drop(FAULTS, strict=False).with_columns(at)))
        if len(tables) == 1:
            return tables[0][1].drop("#at", SEQUENCE)
        named = []
        for name, frame in tables:
            named.append(frame.select(pl.lit(name).alias("source"), pl.all()))
        # Diagonally: sources have columns of their own.
        together = pl.concat(named, how="diagonal")
        # The sequence orders what happened at the same time, across sources.
        return together.sort("#at", SEQUENCE, maintain_order=True).drop("#at", SEQUENCE)

    @property
    def spine(self) -> pl.DataFrame:
        """The spine rows: entity, `as_of`, request columns."""
        return self.history.spine

    @property
    def delivery(self) -> pl.DataFrame:
        """What reached the online side, in order of arrival.

        Columns: `arrival`, `step` ("event", "event again", "request", "snapshot", "restore"), and
        `number`: the row of `events` or `spine`, from 0; null for the other steps.
        """
        arrivals, kinds, numbers = [], [], []
        for step in steps_of(self.view, self.history):
            arrivals.append(step.at)
            kinds.append(step.what)
            numbers.append(step.number)
        return pl.DataFrame(
            [
                self.view.time.series("arrival", arrivals),
                pl.Series("step", kinds, dtype=pl.String),
                pl.Series("number", numbers, dtype=pl.Int64),
            ]
        )


@dataclass(frozen=True, slots=True)
class GivenRows:
    """The rows that a plain function was given, as few as still show what was found.

    Attributes:
        rows: the rows.
        given: how many rows there were at first.
    """

    rows: tuple[Mapping[str, Any], ...]
    given: int


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One way in which two sides differ, with the smallest input that shows it.

    Attributes:
        feature: the feature's name; "*" where whole rows are concerned and there are several.
        scenario: the delivery, the relations or the environments under which it was found.
        kind: one of the kinds of divergence.
        cause: a code of the closed list of causes; "unknown" until it is diagnosed.
        counterexample: the smallest history; None where there was nothing to run, or where a plain
            function was given rows.
        given: the rows of a plain function, as few as show it.
        divergence: the divergence on the counterexample.
        pair: what the two ends of the divergence, and of `values`, are called.
        values: what both ends answered on the diverging row, by feature.
        side: the side to blame where that is certain: it failed, returned too many rows, breaks a
            law, or is nondeterministic.
        is_minimal: False where the counterexample is not small and was not minimised to its end:
            the effort was spent, each try costs a hang, or it does not show again.
        alone: False if it shows only where histories share a batch call: entities mix.
        recurs: False where it was seen once, and nothing that was tried shows it again.
        found_at: the number of the history that showed it first, from 1; 0 for a kept one.
        corpus: the file it is kept in.
        replayed: whether it came from a kept file.
        relation: the law that the side breaks by itself, None where two sides are compared.
        attribution: whether versions or logic are to blame, in a cell of the matrix.
        places: where in a plain function's result two environments differ.
        known: what pyproject.toml says of it; None where it says nothing.
        opinion: what the view's reference says of it; None where there is none.
        warns: whether it fails no run: its feature is unstable, and may be.
    """

    feature: str
    scenario: str
    kind: str
    counterexample: Counterexample | None
    divergence: Divergence
    pair: Pair = PARITY
    values: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    cause: str = UNKNOWN
    side: str | None = None
    is_minimal: bool = True
    alone: bool = True
    recurs: bool = True
    found_at: int = 0
    corpus: str | None = None
    replayed: bool = False
    relation: str | None = None
    attribution: Attribution | None = None
    given: GivenRows | None = None
    places: tuple[Place[Any], ...] = ()
    known: Known | None = None
    opinion: Opinion | None = None
    warns: bool = False

    @property
    def is_news(self) -> bool:
        """Whether it fails a run: nobody has said that it is known, or no longer."""
        return not self.warns and (self.known is None or self.known.expired)

    @property
    def slug(self) -> str:
        """Feature and kind, as a file name can hold them."""
        # A dash, which is all that is left of a star in the name of a file, says less.
        feature = "rows" if self.feature == ALL_FEATURES else _file_part(self.feature)
        return f"{feature}.{_file_part(self.kind)}"

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The failures of user code that it consists of, left before right."""
        return self.divergence.failures
