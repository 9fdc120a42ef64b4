"""Plain values of outcomes and findings: a run makes them, and a report has them as they are.

Each is declared here alone. None holds a view, a history or an exception: what only a live run has
stands in `finding` and `outcome`, and the report puts it into texts. Values that users' code
returned are Python values in a live run, and texts or JSON in a report.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Generic, Literal, TypeVar

import msgspec

from skewtest.declare.divergence import Excuse, Kind

SideName = Literal["batch", "online"]
CheckState = Literal["held", "broken", "not applicable", "incomplete"]
"""What a check came to. Only "held" speaks for a side: what was not applied is never counted."""
Blame = Literal["version skew", "logic skew", "version and logic skew", "unexplained"]
"""What makes the sides of a cell differ."""

Value = TypeVar("Value")


class Part(msgspec.Struct, frozen=True):
    """Base of all parts of a report: frozen, compared by value."""


class Versions(Part, frozen=True):
    """An environment as a report has it.

    Attributes:
        name: what it is called.
        packages: name to version, Python's among them.
        cpu: the SIMD features that numpy may use there; none without numpy.
        threads: how many threads libraries may use; 0: as many as they like.
    """

    name: str
    packages: dict[str, str]
    cpu: tuple[str, ...] = ()
    threads: int = 0


class EnvironmentAnswer(Part, frozen=True, kw_only=True):
    """What a side answers on the diverging row of a finding, in one environment.

    Attributes:
        side: which one.
        environment: its name.
        value: the answer.
        text: the answer as reports show it; "" until one does.
        ulps_off: how many floats lie between the answer and the view's reference; None without
            one, or where the answer is no number.
    """

    side: SideName
    environment: str
    value: Any
    text: str = ""
    ulps_off: int | None = None


class Attribution(Part, frozen=True, kw_only=True):
    """What the four runs of a counterexample say: both sides under both environments of a cell.

    Attributes:
        verdict: what makes the sides differ.
        batch_differs: whether batch answers otherwise in the other environment.
        online_differs: whether online does.
        logic_differs: whether batch and online differ where both run in the serving environment.
        culprits: packages whose change alone makes a side differ, as `numpy 1.26.4 -> 2.0.0`.
        tried: how many packages were flipped to find that out; 0: just one differs.
        answers: what each side answers in each environment.
    """

    verdict: Blame
    batch_differs: bool
    online_differs: bool
    logic_differs: bool
    culprits: tuple[str, ...] = ()
    tried: int = 0
    answers: tuple[EnvironmentAnswer, ...] = ()

    @property
    def is_by_version(self) -> bool:
        """Whether versions make a difference."""
        return self.batch_differs or self.online_differs


def name_blame(*, version: bool, logic: bool) -> Blame:
    """Return what makes the sides of a cell differ."""
    if version and logic:
        return "version and logic skew"
    if version:
        return "version skew"
    return "logic skew" if logic else "unexplained"


class SideOpinion(Part, frozen=True, kw_only=True):
    """How far one side's answer is off the reference.

    Attributes:
        side: which one.
        value: the answer.
        is_off: whether that is another answer; what is the side's own rounding is not.
        off: how far numbers or times are apart, None where no distance is.
        text: `off` as reports show it; "" until one does.
    """

    side: SideName
    value: Any
    is_off: bool
    off: Any = None
    text: str = ""


class Opinion(Part, frozen=True, kw_only=True):
    """What a view's reference says of the diverging row of a finding.

    Attributes:
        feature: the feature that it speaks of.
        value: what is right; a failure where the reference failed.
        sides: batch, then online; none where the reference failed.
        text: all that as reports show it; "" until one does.
    """

    feature: str
    value: Any
    sides: tuple[SideOpinion, ...] = ()
    text: str = ""

    @property
    def is_any_off(self) -> bool:
        """Whether a side is off."""
        return any(side.is_off for side in self.sides)

    @property
    def side_to_blame(self) -> SideName | None:
        """The side that alone is off, None where both are or none is."""
        off = [side.side for side in self.sides if side.is_off]
        return off[0] if len(off) == 1 else None


class Place(Part, Generic[Value], frozen=True):
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
    kind: Kind
    a: Value
    b: Value
    ulps: int | None = None
    drift: tuple[int | None, int | None] | None = None


class Parting(Part, Generic[Value], frozen=True, kw_only=True):
    """A feature that one side answers otherwise in some environments than in others.

    Attributes:
        side: which one.
        feature: its name.
        groups: names of environments that answer alike.
        thresholds: the packages whose versions part the groups, as `pandas <= 1.5.3 | >= 2.0.0`.
        values: what the first two groups answer on the smallest history that parts them.
        events: how many events that history has; None where none was found.
    """

    side: SideName
    feature: str
    groups: tuple[tuple[str, ...], ...]
    thresholds: tuple[str, ...]
    values: tuple[Value, ...] = ()
    events: int | None = None


class Culprits(Part, frozen=True):
    """Which packages make the difference between two environments.

    Attributes:
        packages: those whose change alone makes it, as `numpy 1.26 -> 2.0`.
        tried: how many were flipped to find that out; 0: one differs, or nobody asked.
    """

    packages: tuple[str, ...] = ()
    tried: int = 0


class Check(Part, frozen=True, kw_only=True):
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
    side: SideName
    change: str
    state: CheckState
    histories: int = 0
    reason: str = ""
    asked: bool = False

    @property
    def is_gap(self) -> bool:
        """Whether something that was asked for by name was not checked."""
        return self.asked and self.state not in ("held", "broken")


class Seconds(Part, frozen=True, kw_only=True):
    """Where the time of a run went, in seconds.

    Attributes:
        total: wall clock.
        cpu: CPU time of this process.
        generate: wall clock, for histories.
        batch: CPU time of the calls of batch, and of getting its rows into columns.
        online: CPU time of the driving loop and of what it calls.
        minimise: wall clock, from a divergence to its smallest history.
        detect: CPU time until the first finding was confirmed, None without one.
    """

    total: float = 0.0
    cpu: float = 0.0
    generate: float = 0.0
    batch: float = 0.0
    online: float = 0.0
    minimise: float = 0.0
    detect: float | None = None


class Reach(Part, frozen=True, kw_only=True):
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


class Mutation(Part, frozen=True, kw_only=True):
    """An input that a side changed although it was not its own."""

    side: SideName
    name: str


class ExcusedRows(Part, frozen=True, kw_only=True):
    """Rows on which the sides differ, and that are no finding.

    Attributes:
        feature: the feature; "" where whole rows differ.
        by: the rules that excuse them together.
        rows: how many there are.
    """

    feature: str
    by: tuple[str, ...]
    rows: int


def list_excused(counts: Mapping[tuple[str, tuple[Excuse, ...]], int]) -> tuple[ExcusedRows, ...]:
    """Return how many rows were excused, given by feature and rules, the most first."""
    rows = [ExcusedRows(feature=key[0], by=key[1], rows=count) for key, count in counts.items()]
    return tuple(sorted(rows, key=lambda each: (-each.rows, each.feature, each.by)))


def mutations_of(inputs: Iterable[tuple[SideName, str]]) -> tuple[Mutation, ...]:
    """Return what sides changed, given as (side, name of the input), in one order."""
    return tuple(Mutation(side=side, name=name) for side, name in sorted(inputs))


class Rejected(Part, frozen=True, kw_only=True):
    """A file of the corpus that could not be used, and why."""

    file: str
    reason: str


class Migrated(Part, frozen=True, kw_only=True):
    """A file of the corpus that was made to fit the view of today, and how."""

    file: str
    changes: str


class Early(Part, frozen=True, kw_only=True):
    """Events of a given log that arrived before they happened.

    Attributes:
        source: their source.
        events: how many.
        arrival: the column that says when they arrived.
        time: the column that says when they happened.
    """

    source: str
    events: int
    arrival: str = ""
    time: str = ""


class Tied(Part, frozen=True, kw_only=True):
    """Requests of a given log at the instant of an event of their own entity.

    They were asked before that event, because nobody said which came first.

    Attributes:
        requests: how many.
        features: those that differ where the event comes first, and not where the request does.
    """

    requests: int
    features: tuple[str, ...] = ()


class Known(Part, frozen=True, kw_only=True):
    """What the owner of a divergence says of it, until the day it expires.

    Attributes:
        owner: whom to ask.
        reason: why it is left.
        expires: the last day on which it is accepted.
        expired: whether that day is past.
    """

    owner: str
    reason: str
    expires: date
    expired: bool


class Stale(Part, frozen=True, kw_only=True):
    """A known divergence that no longer occurs; `kind` is "" where it is any of values."""

    feature: str
    kind: str
    owner: str
    reason: str
