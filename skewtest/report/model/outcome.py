"""What one question came to, as a report has it."""

import msgspec

from skewtest.compare.tables import Tally as Counts
from skewtest.report.model.finding import Finding, VersionFinding
from skewtest.results.values import (
    Check,
    Early,
    ExcusedRows,
    Migrated,
    Mutation,
    Part,
    Parting,
    Reach,
    Rejected,
    Seconds,
    Stale,
    Tied,
    Versions,
)


class Quantiles(Part, frozen=True, kw_only=True):
    """Quantiles of an error, over the pairs of numbers that were compared."""

    p50: float
    p90: float
    p99: float
    max: float


class Errors(Part, frozen=True, kw_only=True):
    """How far apart the numbers of the two sides are.

    Over all pairs in which both sides are finite numbers: `abs` is `|l - r|`, `rel` that over
    `max(|l|, |r|)`, `ulps` how many float64 lie between them, `smape` the mean of
    `2 |l - r| / (|l| + |r|)`, from 0 to 2. `histogram[0]` counts pairs 0 ulps apart, `histogram[k]`
    those `2**(k-1)` up to `2**k - 1` apart. `points` is a sample of [left, right].
    """

    compared: int
    equal: int
    abs: Quantiles
    rel: Quantiles
    ulps: Quantiles
    smape: float
    histogram: list[int]
    points: list[tuple[float, float]]


class Tally(Counts, frozen=True, kw_only=True):
    """How the rows of a feature compared; `vacuity` is the share that is null on both sides."""

    vacuity: float
    errors: Errors | None = None


class Latency(Part, frozen=True, kw_only=True):
    """Mean CPU time that each side took for one history, in microseconds."""

    batch_us: float
    online_us: float


class Outcome(Part, frozen=True, kw_only=True):
    """What one view came to under one scenario, or in one cell of the version matrix.

    `again` is the command or call that runs it again. `data` holds the SHA-256 of each table of a
    log that was replayed; generated histories follow from the declaration and the seed.
    `incidents` that could be met and were not have 0. `excused` tells which rows differ and are no
    finding, and by which rules.
    """

    view: str
    scenario: str
    ok: bool
    gates: bool
    skipped: str | None
    cell: list[Versions] | None
    seed: int
    again: str
    histories: int
    planned: int
    cut_short: bool = False
    reach: Reach | None = None
    untested: list[str]
    features: dict[str, Tally]
    incidents: dict[str, int]
    checks: list[Check]
    data: dict[str, str]
    mutated: list[Mutation]
    rejected: list[Rejected]
    migrated: list[Migrated] = msgspec.field(default_factory=list)
    early: list[Early]
    tied: Tied | None = None
    unkept: list[str]
    excused: list[ExcusedRows]
    stale: list[Stale]
    seconds: Seconds
    latency: Latency | None
    findings: list[Finding]

    @property
    def column(self) -> str:
        """Scenario and cell: what the outcome is called beside others of its view."""
        if self.cell is None:
            return self.scenario
        return f"{self.scenario}-{self.cell_name}"

    @property
    def cell_name(self) -> str:
        """The environments, as test ids have them; "" of an outcome that is no cell."""
        return "~".join(versions.name for versions in self.cell or ())

    @property
    def is_judged(self) -> bool:
        """Whether it counts for a verdict: it was declared to hold, and was not skipped."""
        return self.gates and self.skipped is None

    @property
    def news(self) -> list[Finding]:
        """The findings that fail a run where the outcome gates."""
        return [finding for finding in self.findings if finding.is_news]


class Compared(Part, frozen=True, kw_only=True):
    """What one function did on the same rows under two environments.

    `culprits` are the packages whose change alone makes the difference, after `tried` were flipped
    to find that out; 0: one differs, or nobody asked.
    """

    function: str
    ok: bool
    inconclusive: bool
    environments: list[Versions]
    rows: int
    culprits: list[str]
    tried: int = 0
    seconds: float
    findings: list[VersionFinding]

    @property
    def column(self) -> str:
        """The environments, as a cell of the version matrix is called."""
        return "~".join(versions.name for versions in self.environments)


class Spread(Part, frozen=True, kw_only=True):
    """Which environments answer a view alike; `parity[side][feature]` is 1 where two do."""

    view: str
    ok: bool
    histories: int
    environments: list[Versions]
    failed: dict[str, str]
    parity: dict[str, dict[str, list[list[int]]]]
    partings: list[Parting[str]]
    seconds: float


class Matrix(Part, frozen=True, kw_only=True):
    """What became of the cells of the version matrix."""

    requested: list[str]
    ran: list[str]
    failed: dict[str, str]
    excluded: int
    pairs: list[str]
    valid_pairs: int
