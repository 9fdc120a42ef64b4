"""What a run found: frozen values, without wording."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from skewtest.compare.distances import Distances
from skewtest.compare.tables import Divergence, Tally
from skewtest.declare.known import Known
from skewtest.declare.view import FeatureView
from skewtest.deliver.steps import steps_of
from skewtest.generate.history import FAULTS, SEQUENCE, History
from skewtest.sides.answers import Failure
from skewtest.times import instants_of

ALL_FEATURES = "*"
UNKNOWN = "unknown"


def _file_part(text: str) -> str:
    return "".join(c if c.isalnum() or c in "_-" else "-" for c in text)[:60]


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
        together = pl.concat(
            [frame.select(pl.lit(name).alias("source"), pl.all()) for name, frame in tables],
            how="diagonal",
        )
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
        steps = steps_of(self.view, self.history)
        return pl.DataFrame(
            [
                self.view.time.series("arrival", [step.at for step in steps]),
                pl.Series("step", [step.what for step in steps], dtype=pl.String),
                pl.Series("number", [step.number for step in steps], dtype=pl.Int64),
            ]
        )


@dataclass(frozen=True, slots=True)
class Attribution:
    """What the four runs of a counterexample say: both sides under both environments of a cell.

    Attributes:
        answers: what each answered on the diverging row, by (side, environment).
        batch: whether batch differs between the environments.
        online: whether online does.
        logic: whether batch and online differ where both run in the serving environment.
        culprits: packages whose change alone makes a side differ, as `numpy 1.26.4 -> 2.0.0`.
        tried: how many packages were flipped to find that out; 0: just one differs.
        drift: how many floats lie between each answer and the view's reference, by (side,
            environment); empty without one, or where the feature is no number.
    """

    answers: Mapping[tuple[str, str], Any]
    batch: bool
    online: bool
    logic: bool
    culprits: tuple[str, ...] = ()
    tried: int = 0
    drift: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def version(self) -> bool:
        """Whether versions make a difference."""
        return self.batch or self.online

    @property
    def verdict(self) -> str:
        """What it is: "version skew", "logic skew", "version and logic skew", or "unexplained"."""
        if self.version:
            return "version and logic skew" if self.logic else "version skew"
        return "logic skew" if self.logic else "unexplained"


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One way in which the sides differ, with the smallest history that shows it.

    Attributes:
        feature: the feature's name; "*" where whole rows are concerned and there are several.
        scenario: the delivery under which it was found.
        kind: one of the kinds of divergence.
        cause: a code of the closed list of causes; "unknown" until it is diagnosed.
        counterexample: None only where there was nothing to run.
        divergence: the divergence on the counterexample.
        values: what the left and the right side answered on the diverging row, by feature.
        side: the side to blame where that is certain: it failed, returned too many rows, or is
            nondeterministic.
        alone: False if it shows only where histories share a batch call: entities mix.
        found_at: the number of the history that showed it first, from 1; 0 for a kept one.
        corpus: the file it is kept in.
        replayed: whether it came from a kept file.
        relation: the law that the side breaks by itself, None where the sides are compared; then
            `values` holds what the side answers as it is and with the change that `what` names.
        what: how the history was changed, for a relation.
        attribution: whether versions or logic are to blame, in a cell of the matrix.
        known: what pyproject.toml says of it; None where it is news.
        expired: whether that holds no longer.
    """

    feature: str
    scenario: str
    kind: str
    counterexample: Counterexample | None
    divergence: Divergence
    values: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    cause: str = UNKNOWN
    side: str | None = None
    alone: bool = True
    found_at: int = 0
    corpus: str | None = None
    replayed: bool = False
    relation: str | None = None
    what: str = ""
    attribution: Attribution | None = None
    known: Known | None = None
    expired: bool = False

    @property
    def is_news(self) -> bool:
        """Whether it fails a run: nobody has said that it is known, or no longer."""
        return self.known is None or self.expired

    @property
    def slug(self) -> str:
        """Feature and kind, as a file name can hold them."""
        feature = "rows" if self.feature == ALL_FEATURES else _file_part(self.feature)
        return f"{feature}.{_file_part(self.kind)}"

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The failures of user code that it consists of, batch before online."""
        sides = (self.divergence.left, self.divergence.right)
        return tuple(side for side in sides if isinstance(side, Failure))


@dataclass(frozen=True, slots=True)
class GivenRows:
    """The rows that a plain function was given, as few as still show what was found."""

    rows: tuple[Mapping[str, Any], ...]
    given: int

    @property
    def events(self) -> pl.DataFrame:
        """The rows as a frame."""
        return pl.DataFrame([dict(row) for row in self.rows], strict=False)

    @property
    def spine(self) -> pl.DataFrame:
        """Nothing was asked for."""
        return pl.DataFrame()

    @property
    def delivery(self) -> pl.DataFrame:
        """Nothing was delivered."""
        return pl.DataFrame()


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


@dataclass(frozen=True, slots=True, eq=False)
class VersionSpread:
    """What each side of a view answers in every environment, on the same histories.

    Attributes:
        view: the view.
        environments: those that ran.
        failed: by name, why an environment did not run.
        partings: the features that some environments answer otherwise.
        histories: how many were run in each.
        seconds: what it took.
    """

    view: FeatureView
    environments: "tuple[Versions, ...]"
    failed: Mapping[str, str]
    partings: tuple[Parting, ...]
    histories: int
    seconds: float
    scenario: str = "versions"
    gates: bool = False
    skipped: str | None = None
    findings: tuple[Finding, ...] = ()
    untested: tuple[str, ...] = ()
    incidents: Mapping[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every environment answers alike."""
        return not self.partings


@dataclass(frozen=True, slots=True)
class Place:
    """One place in a result where two environments differ.

    Attributes:
        path: such as `['spend'][3]`; "" for the result itself.
        kind: "value", "null" or "dtype".
        a: what the first environment returned there.
        b: what the second one did.
        ulps: how many floats lie between them, None where they are not both floats.
        drift: how many floats lie between each and the reference, None without one.
    """

    path: str
    kind: str
    a: Any
    b: Any
    ulps: int | None = None
    drift: tuple[int | None, int | None] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class VersionFinding:
    """One way in which a function differs between two environments.

    Attributes:
        feature: the function's name.
        scenario: the two environments, `a~b`.
        kind: one of the kinds of divergence.
        cause: "library.version" where the versions make the difference, else "unknown".
        counterexample: the rows that show it.
        side: the environment to look at, where it is one: it raised, or is nondeterministic.
        failures: what was raised, or how it died; two where both environments failed.
        places: where the results differ, of this kind.
    """

    feature: str
    scenario: str
    kind: str
    cause: str
    counterexample: GivenRows
    side: str | None = None
    failures: tuple[Failure, ...] = ()
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What one function did on the same rows under two environments.

    Attributes:
        view: the function.
        a: the first environment.
        b: the second one.
        findings: how they differ, one for each kind.
        histories: how many rows were given.
        culprits: the packages whose change alone makes the difference, as `numpy 1.26 -> 2.0`.
        tried: how many packages were flipped to find that out; 0: one differs, or nobody asked.
        untested: the function's name, where both returned None, which says little.
        seconds: what it took.
    """

    view: PlainFunction
    a: Versions
    b: Versions
    findings: tuple[VersionFinding, ...]
    histories: int
    culprits: tuple[str, ...] = ()
    tried: int = 0
    seconds: float = 0.0
    gates: bool = True
    skipped: None = None
    untested: tuple[str, ...] = ()
    incidents: Mapping[str, int] = field(default_factory=dict)

    @property
    def scenario(self) -> str:
        """The two environments."""
        return f"{self.a.name}~{self.b.name}"

    @property
    def inconclusive(self) -> bool:
        """Whether both environments failed alike: nothing was compared."""
        return any(len(finding.failures) > 1 for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Whether both returned the same."""
        return not self.findings


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


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Everything that one run of one view under one scenario found.

    Attributes:
        view: the view.
        scenario: the delivery scenario.
        seed: reproduces the run.
        histories: how many were run, kept ones included.
        planned: how many would be run without findings.
        findings: distinct failures (feature and kind), each minimised.
        untested: features that were never non-null on either side; none where there are findings
            that are not known, because those end a run early.
        tallies: how rows compared, by feature.
        distances: how far apart numbers are, by feature.
        incidents: in how many histories each incident was met; 0 for one that never was.
        mutated: (side, name) of what user code changed although it was not its own.
        rejected: files of the corpus that could not be used, with the reason.
        unkept: why findings could not be kept in the corpus.
        unconfirmed: divergences that were rounding, or trust in the order of delivery.
        seconds: where the time went.
        gates: whether the view declares the scenario; otherwise the outcome is advice.
        skipped: why the scenario could not be run, None where it was.
        early: by source, how many events of a given log arrived before they happened.
        cell: the environments of batch and online, None where both ran here.
        stale: known divergences that no longer occur.
        data: the SHA-256 of each table of a given log.
    """

    view: FeatureView
    scenario: str
    seed: int
    histories: int
    planned: int
    findings: tuple[Finding, ...]
    untested: tuple[str, ...]
    tallies: Mapping[str, Tally]
    distances: Mapping[str, Distances]
    incidents: Mapping[str, int]
    mutated: tuple[tuple[str, str], ...]
    rejected: tuple[tuple[str, str], ...]
    unkept: tuple[str, ...]
    unconfirmed: int
    seconds: Seconds
    gates: bool = True
    skipped: str | None = None
    early: Mapping[str, int] = field(default_factory=dict)
    cell: "tuple[Versions, Versions] | None" = None
    stale: tuple[Known, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether batch and online agree, on every feature, on something."""
        news = any(finding.is_news for finding in self.findings)
        return not news and not self.untested and not self.stale and self.skipped is None
