"""What one experiment came to: frozen values, without wording."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from skewtest.compare.distances import Distances
from skewtest.compare.tables import Tally
from skewtest.declare.known import Known
from skewtest.declare.view import FeatureView
from skewtest.results.finding import Counterexample, Finding
from skewtest.results.pair import PARITY, Pair

CheckState = Literal["held", "broken", "not applicable", "incomplete"]
"""What a check came to. Only "held" speaks for a side: what was not applied is never counted."""


@dataclass(frozen=True, slots=True)
class PlainFunction:
    """A function without a view, by the name that reports give it."""

    name: str


@dataclass(frozen=True, slots=True)
class Versions:
    """An environment as a report has it.

    Attributes:
        name: what it is called.
        packages: name to version, Python's among them.
        cpu: the SIMD features that numpy may use there; none without numpy.
        threads: how many threads libraries may use; 0: as many as they like.
    """

    name: str
    packages: Mapping[str, str]
    cpu: tuple[str, ...] = ()
    threads: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Parting:
    """A feature that one side answers otherwise in some environments than in others.

    Attributes:
        side: "batch" or "online".
        feature: its name.
        groups: names of environments that answer alike.
        thresholds: the packages whose versions part the groups, as `pandas <= 1.5.3 | >= 2.0.0`.
        counterexample: the smallest history found on which the first two groups differ.
        values: what those two answer there.
    """

    side: str
    feature: str
    groups: tuple[tuple[str, ...], ...]
    thresholds: tuple[str, ...]
    counterexample: Counterexample | None
    values: tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Spread:
    """What each side of a view answers in every environment, on the same histories.

    Attributes:
        environments: those that ran.
        failed: by name, why an environment did not run.
        partings: the features that some environments answer otherwise.
    """

    environments: tuple[Versions, ...]
    failed: Mapping[str, str]
    partings: tuple[Parting, ...]


@dataclass(frozen=True, slots=True)
class Culprits:
    """Which packages make the difference between two environments.

    Attributes:
        packages: those whose change alone makes it, as `numpy 1.26 -> 2.0`.
        tried: how many were flipped to find that out; 0: one differs, or nobody asked.
    """

    packages: tuple[str, ...] = ()
    tried: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """What holding one side to one law, in one way, came to.

    Attributes:
        law: its name, as in `FeatureView(relations=...)`.
        side: whose law it is.
        change: how the histories were changed.
        state: what it came to.
        histories: on how many histories it was applied.
        reason: why it was not applied, or not to the end.
        asked: whether the owner has named the law; what a default does not reach is no gap.
    """

    law: str
    side: str
    change: str
    state: CheckState
    histories: int = 0
    reason: str = ""
    asked: bool = False

    @property
    def is_gap(self) -> bool:
        """Whether something that was asked for by name was not checked."""
        return self.asked and self.state not in ("held", "broken")


@dataclass(frozen=True, slots=True)
class Seconds:
    """Where the time of a run went, in seconds.

    `detect` is CPU time until the first finding was confirmed, None without one.
    """

    total: float = 0.0
    cpu: float = 0.0
    generate: float = 0.0
    batch: float = 0.0
    online: float = 0.0
    minimise: float = 0.0
    detect: float | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """What a budget of seconds left out of a run, and why.

    Attributes:
        seconds: what the run took, time in which others held the processor not counted.
        budget: how many seconds it had; None: as many as it took.
        histories: how many histories were tried.
        planned: how many were to be tried.
        left_out: how many were too dear to be tried: the longest ones.
        batch_us: microseconds that batch costs an event or request.
        online_us: the same of the online side.
    """

    seconds: float
    budget: float | None
    histories: int
    planned: int
    left_out: int
    batch_us: float
    online_us: float


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
        mutated: (side, name) of what user code changed although it was not its own.
        rejected: files of the corpus that could not be used, with the reason.
        unkept: why findings could not be kept in the corpus.
        unconfirmed: divergences that were rounding, or trust in the order of delivery.
        seconds: where the time went.
        gates: whether the view declares the scenario; otherwise the outcome is advice.
        skipped: why the scenario could not be run, None where it was.
        early: by source, how many events of a given log arrived before they happened.
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
    mutated: tuple[tuple[str, str], ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()
    unkept: tuple[str, ...] = ()
    unconfirmed: int = 0
    seconds: Seconds = field(default_factory=Seconds)
    gates: bool = True
    skipped: str | None = None
    early: Mapping[str, int] = field(default_factory=dict)
    cell: tuple[Versions, Versions] | None = None
    culprits: Culprits | None = None
    spread: Spread | None = None
    stale: tuple[Known, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def view(self) -> FeatureView:
        """The view that was checked; there is none where a plain function was compared."""
        assert isinstance(self.subject, FeatureView)
        return self.subject

    @property
    def ok(self) -> bool:
        """Whether the sides agree, on every feature, on something, and no law is a gap."""
        if self.spread is not None:
            return not self.spread.partings
        news = any(finding.is_news for finding in self.findings)
        gaps = any(check.is_gap for check in self.checks)
        # Two sides of a feature that never has a value show nothing. A plain function may return
        # nothing for a living: under both versions it does the same, which is what was asked.
        is_untested = bool(self.untested) and not isinstance(self.subject, PlainFunction)
        return not news and not is_untested and not self.stale and not gaps and not self.skipped

    @property
    def inconclusive(self) -> bool:
        """Whether both sides failed alike, so that nothing was compared."""
        return self.culprits is not None and any(len(f.failures) > 1 for f in self.findings)
