"""The parity report as data: one versioned document, of which every other report is made.

The structs are the document's schema: what reads it checks it against them, and
`skewtest report --schema` prints them as JSON Schema.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from skewtest.errors import ReportError

VERSION = 3

Verdict = Literal["parity", "skew", "incomplete"]
Side = Literal["batch", "online"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts of a report: frozen, compared by value."""


P = TypeVar("P", bound=Part)


class Git(Part, frozen=True, kw_only=True):
    """The revision of the working tree; `dirty` where it has changes that are not committed.

    `folder` is the project's in the repository, with a slash at its end; "" where it is the whole.
    """

    revision: str
    dirty: bool
    branch: str = ""
    folder: str = ""


class Host(Part, frozen=True, kw_only=True):
    """The machine, without its name: reports are published."""

    system: str
    machine: str
    cpus: int
    python: str


class Run(Part, frozen=True, kw_only=True):
    """Where a report comes from.

    `time` is ISO 8601 in UTC, `seconds` wall clock; `seed` is null where views had several.
    `packages` are all that were installed, by name. A merged report names its `shards`.
    """

    time: str
    seconds: float
    profile: str
    seed: int | None
    command: str
    git: Git | None
    host: Host
    packages: dict[str, str]
    shards: list[str] = []


class Implementation(Part, frozen=True, kw_only=True):
    """One side's code: its qualified name, its place, and the SHA-256 of its own source text."""

    side: Side
    name: str
    file: str | None
    line: int | None
    digest: str


class Feature(Part, frozen=True, kw_only=True):
    """A feature as it is declared, and the line that declares it."""

    name: str
    tolerance: str
    line: int | None


class View(Part, frozen=True, kw_only=True):
    """A feature view: its declaration, its implementations, and the files that its code lies in.

    `files` are the SHA-256 of the implementations' files and of the project's files that they
    reach through imports. `uncovered` are the sides that are queries whose text lies in none of
    them. `declaration` is the SHA-256 of what is declared. Windows are in
    microseconds; `times` is the time column by source.
    """

    name: str
    file: str | None
    line: int | None
    entity: list[str]
    times: dict[str, str]
    windows: list[int]
    as_of: str
    scenarios: list[str]
    features: list[Feature]
    implementations: list[Implementation]
    files: dict[str, str]
    declaration: str
    uncovered: list[str] = []


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


class Tally(Part, frozen=True, kw_only=True):
    """How the rows of a feature compared; `vacuity` is the share that is null on both sides."""

    match: int
    mismatch: int
    left_only: int
    right_only: int
    both_null: int
    vacuity: float
    errors: Errors | None = None


class Answer(Part, frozen=True, kw_only=True):
    """What the two sides answered for a feature: as JSON, and as text."""

    left: Any
    right: Any
    left_text: str
    right_text: str
    difference: str


class Timeline(Part, frozen=True, kw_only=True):
    """A counterexample as a table of texts; a request has "?" in its first cell."""

    columns: list[str]
    rows: list[list[str]]


class Step(Part, frozen=True, kw_only=True):
    """One thing that reaches the online side.

    `step` is "event", "event again", "request", "snapshot", "restore" or "bootstrap"; `number` the
    event's, by event time, or the spine row's, from 0. `time` is the event time or the `as_of`.
    """

    step: str
    number: int | None
    source: str
    time: str | None
    arrival: str
    heard: bool


class Counterexample(Part, frozen=True, kw_only=True):
    """The smallest history found: events by source, spine, and how they were delivered."""

    events: dict[str, list[dict[str, Any]]]
    spine: list[dict[str, Any]]
    scenario: str
    delivery: list[Step]
    drawing: list[str]
    timeline: Timeline
    row: int | None


class Known(Part, frozen=True, kw_only=True):
    """A divergence that its owner knows of, until the day it expires (ISO date)."""

    owner: str
    reason: str
    expires: str
    expired: bool


class Stale(Part, frozen=True, kw_only=True):
    """A known divergence that no longer occurs."""

    feature: str
    kind: str
    owner: str
    reason: str


class EnvironmentAnswer(Part, frozen=True, kw_only=True):
    """What a side answers in an environment; `ulps_off` the reference, where there is one."""

    side: Side
    environment: str
    value: Any
    ulps_off: int | None = None


class Attribution(Part, frozen=True, kw_only=True):
    """Whether versions or logic make the difference, in a cell of the version matrix."""

    verdict: str
    batch_differs: bool
    online_differs: bool
    logic_differs: bool
    culprits: list[str]
    answers: list[EnvironmentAnswer]


class Finding(Part, frozen=True, kw_only=True):
    """One way in which the sides differ, with the history that shows it.

    `values` holds the answers of its own feature, of those that differ too and of others, up to
    12; `unshown` is how many more features there are.
    """

    feature: str
    scenario: str
    kind: str
    cause: str
    evidence: list[str]
    side: str | None
    alone: bool
    relation: str | None
    change: str
    attribution: Attribution | None
    found_at: int
    headline: str
    values: dict[str, Answer]
    unshown: int
    failures: list[str]
    corpus: str | None
    known: Known | None
    counterexample: Counterexample | None


class Environment(Part, frozen=True, kw_only=True):
    """An environment of the version matrix: packages by name, Python's version among them."""

    name: str
    packages: dict[str, str]
    cpu: list[str]
    threads: int


class Mutation(Part, frozen=True, kw_only=True):
    """An input that a side changed although it was not its own."""

    side: Side
    name: str


class Rejected(Part, frozen=True, kw_only=True):
    """A file of the corpus that could not be used."""

    file: str
    reason: str


class Seconds(Part, frozen=True, kw_only=True):
    """Where the time of an outcome went; `detect` is CPU time to the first finding."""

    total: float
    cpu: float
    generate: float
    batch: float
    online: float
    minimise: float
    detect: float | None


class Latency(Part, frozen=True, kw_only=True):
    """Mean CPU time that each side took for one history, in microseconds."""

    batch_us: float
    online_us: float


class Check(Part, frozen=True, kw_only=True):
    """What holding one side to one law, in one way, came to.

    `state` is "held", "broken", "not applicable" or "incomplete"; the latter two with the `reason`.
    What the owner `asked` for by name and was not applied is a gap of the report.
    """

    law: str
    side: Side
    change: str
    state: Literal["held", "broken", "not applicable", "incomplete"]
    histories: int
    reason: str
    asked: bool


class Outcome(Part, frozen=True, kw_only=True):
    """What one view came to under one scenario, or in one cell of the version matrix.

    `again` is the command or call that runs it again. `data` holds the SHA-256 of each table of a
    log that was replayed; generated histories follow from the declaration and the seed.
    `incidents` that could be met and were not have 0.
    """

    view: str
    scenario: str
    ok: bool
    gates: bool
    skipped: str | None
    cell: list[Environment] | None
    seed: int
    again: str
    histories: int
    planned: int
    cut_short: bool = False
    untested: list[str]
    features: dict[str, Tally]
    incidents: dict[str, int]
    checks: list[Check]
    data: dict[str, str]
    mutated: list[Mutation]
    rejected: list[Rejected]
    early: dict[str, int]
    unkept: list[str]
    unconfirmed: int
    stale: list[Stale]
    seconds: Seconds
    latency: Latency | None
    findings: list[Finding]

    @property
    def column(self) -> str:
        """Scenario and cell: what the outcome is called beside others of its view."""
        if self.cell is None:
            return self.scenario
        return f"{self.scenario}-{'~'.join(one.name for one in self.cell)}"


class Place(Part, frozen=True, kw_only=True):
    """A place in a result where two environments differ."""

    path: str
    a: str
    b: str
    ulps: int | None
    drift: tuple[int | None, int | None] | None


class VersionFinding(Part, frozen=True, kw_only=True):
    """One way in which a function differs between two environments."""

    kind: str
    cause: str
    side: str | None
    headline: str
    failures: list[str]
    rows: list[dict[str, str]]
    places: list[Place]


class Compared(Part, frozen=True, kw_only=True):
    """What one function did on the same rows under two environments."""

    function: str
    ok: bool
    inconclusive: bool
    environments: list[Environment]
    rows: int
    culprits: list[str]
    seconds: float
    findings: list[VersionFinding]

    @property
    def column(self) -> str:
        """The environments, as a cell of the version matrix is called."""
        return "~".join(one.name for one in self.environments)


class Parting(Part, frozen=True, kw_only=True):
    """A feature that a side answers otherwise in some environments than in others."""

    side: Side
    feature: str
    groups: list[list[str]]
    thresholds: list[str]
    values: list[str]
    events: int | None


class Spread(Part, frozen=True, kw_only=True):
    """Which environments answer a view alike; `parity[side][feature]` is 1 where two do."""

    view: str
    ok: bool
    histories: int
    environments: list[Environment]
    failed: dict[str, str]
    parity: dict[str, dict[str, list[list[int]]]]
    partings: list[Parting]
    seconds: float


class Matrix(Part, frozen=True, kw_only=True):
    """What became of the cells of the version matrix."""

    requested: list[str]
    ran: list[str]
    failed: dict[str, str]
    excluded: int
    pairs: list[str]
    valid_pairs: int


class Report(Part, frozen=True, kw_only=True):
    """A parity report.

    `verdict` is "parity" where every outcome that gates is ok and nothing is missing, "skew" where
    one is not, else "incomplete"; `ok` is true for parity alone. Where a whole shard is lost it is
    "incomplete" whatever the others found.
    """

    version: int = VERSION
    verdict: Verdict
    ok: bool
    incomplete: list[str]
    run: Run | None
    views: list[View]
    outcomes: list[Outcome]
    compared: list[Compared]
    versions: list[Spread]
    matrix: Matrix | None


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a report."""
    found = msgspec.json.schema(Report)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**head, "title": f"skewtest parity report, version {VERSION}", **found}


def to_json(report: Report) -> bytes:
    """Return a report as the bytes of its file: UTF-8, one space of indent, ends in a newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"


def to_dict(report: Part) -> dict[str, Any]:
    """Return a report, or a part of one, as JSON values."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(report))
    return found


def encodable(part: P) -> P:
    """Return a part whose texts a file can hold: half of a surrogate pair is spelled."""
    try:
        msgspec.json.encode(part)
    except UnicodeEncodeError:
        return msgspec.convert(_encodable(msgspec.to_builtins(part)), type(part))
    return part


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(name): _encodable(inner) for name, inner in value.items()}
    return [_encodable(inner) for inner in value] if isinstance(value, list | tuple) else value


def from_dict(values: Mapping[str, Any]) -> Report:
    """Return the report of JSON values.

    Raises:
        ReportError: they are no report of this version.
    """
    return _converted(dict(values), "the report")


def read(path: Path) -> Report:
    """Return the report of a file.

    Raises:
        ReportError: it cannot be read, is cut off, or is no report of this version.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror or error}.") from error
    try:
        values = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(
            f"{path} is no whole JSON document ({error}). Was the run that wrote it stopped?"
        ) from error
    return _converted(values, str(path))


def _converted(values: Any, place: str) -> Report:
    found = values.get("version") if isinstance(values, dict) else None
    if found != VERSION:
        raise ReportError(
            f"{place} is no parity report of version {VERSION}: its version is {found!r}. "
            "Make it anew with this version of skewtest: pytest --skew-report=DIR."
        )
    try:
        return msgspec.convert(values, Report)
    except msgspec.ValidationError as error:
        raise ReportError(f"{place} is no parity report: {error}.") from error
