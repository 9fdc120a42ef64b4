"""What one experiment came to: frozen values, without wording."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skewtest.compare.distances import Distances
from skewtest.compare.tables import Tally
from skewtest.declare.view import FeatureView
from skewtest.results.finding import Counterexample, Finding
from skewtest.results.pair import PARITY, Pair
from skewtest.results.values import (
    Check,
    Culprits,
    Early,
    ExcusedRows,
    Migrated,
    Mutation,
    Parting,
    Reach,
    Rejected,
    Seconds,
    Stale,
    Tied,
    Versions,
)


@dataclass(frozen=True, slots=True)
class PlainFunction:
    """A function without a view, by the name that reports give it."""

    name: str


@dataclass(frozen=True, slots=True)
class Spread:
    """What each side of a view answers in every environment, on the same histories.

    Attributes:
        environments: those that ran.
        failed: by name, why an environment did not run.
        partings: the features that some environments answer otherwise.
        examples: by side and feature, the smallest history on which the first two groups differ.
    """

    environments: tuple[Versions, ...]
    failed: Mapping[str, str]
    partings: tuple[Parting[Any], ...]
    examples: Mapping[tuple[str, str], Counterexample] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Everything that one experiment on one view, or one plain function, found.

    Attributes:
        subject: the view that was checked, or the plain function that was compared.
        scenario: the delivery scenario, "relations", or the environments that were compared.
        seed: reproduces the run.
        histories: how many were run, kept ones included; of a function, how many rows it got.
        planned: how many would be run without findings.
        cut_short: whether findings ended the run early, so that the other features were looked at
            on fewer histories than planned.
        reach: what a budget of seconds left out, None where it left out nothing.
        findings: distinct failures (feature and kind), each minimised.
        pair: what its two sides are called.
        untested: features that were never non-null on either side; none where there are findings
            that are not known, because those end a run early.
        tallies: how rows compared, by feature.
        distances: how far apart numbers are, by feature.
        incidents: in how many histories each incident was met; 0 for one that never was.
        checks: what became of each law that a side was to be held to.
        mutated: what user code changed although it was not its own.
        rejected: files of the corpus that could not be used, with the reason.
        migrated: files of the corpus that were made to fit the view of today.
        unkept: why findings could not be kept in the corpus.
        excused: rows that differ and are no finding, by feature and the rules that excuse them.
        seconds: where the time went.
        gates: whether the view declares the scenario; otherwise the outcome is advice.
        skipped: why the scenario could not be run, None where it was.
        early: the events of a given log that arrived before they happened.
        tied: its requests at the instant of an event, where nobody said which came first.
        cell: the environments of the left and the right side, None where both ran here.
        culprits: which packages part those environments, where a function was compared.
        spread: what changes from version to version, where that was the question.
        stale: known divergences that no longer occur.
        data: the SHA-256 of each table of a given log.
    """

    subject: FeatureView | PlainFunction
    scenario: str
    seed: int
    histories: int
    planned: int
    cut_short: bool = False
    reach: Reach | None = None
    findings: tuple[Finding, ...] = ()
    pair: Pair = PARITY
    untested: tuple[str, ...] = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    distances: Mapping[str, Distances] = field(default_factory=dict)
    incidents: Mapping[str, int] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    mutated: tuple[Mutation, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    migrated: tuple[Migrated, ...] = ()
    unkept: tuple[str, ...] = ()
    excused: tuple[ExcusedRows, ...] = ()
    seconds: Seconds = field(default_factory=Seconds)
    gates: bool = True
    skipped: str | None = None
    early: tuple[Early, ...] = ()
    tied: Tied | None = None
    cell: tuple[Versions, Versions] | None = None
    culprits: Culprits | None = None
    spread: Spread | None = None
    stale: tuple[Stale, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def view(self) -> FeatureView:
        """The view that was checked; there is none where a plain function was compared."""
        assert isinstance(self.subject, FeatureView)
        return self.subject

    @property
    def ok(self) -> bool:
        """Whether the sides agree, on every feature, on something, and nothing is a gap."""
        if self.spread is not None:
            return not self.spread.partings
        news = any(finding.is_news for finding in self.findings)
        # A guard that is gone has not been seen to hold.
        gaps = bool(self.rejected) or any(check.is_gap for check in self.checks)
        # Two sides of a feature that never has a value show nothing. A plain function may return
        # nothing for a living: under both versions it does the same, which is what was asked.
        is_untested = bool(self.untested) and not isinstance(self.subject, PlainFunction)
        return not news and not is_untested and not self.stale and not gaps and not self.skipped

    @property
    def inconclusive(self) -> bool:
        """Whether both sides failed alike, so that nothing was compared."""
        if self.culprits is None:
            return False
        return any(len(finding.failures) > 1 for finding in self.findings)
