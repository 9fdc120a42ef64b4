"""What driving an implementation yields: answers, or the failure that took their place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skewtest.declare.divergence import FailureCode, Kind
from skewtest.sides.columns import FAILED, MISSING, Column, RowArray, scatter
from skewtest.worker.values import NULL_OR_NAN, Nothing

__all__ = [
    "FAILED",
    "MISSING",
    "NULL_OR_NAN",
    "Answers",
    "Extra",
    "Failure",
    "Nothing",
    "ProcessDiedError",
]


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """User code did not answer; the report words it.

    Attributes:
        side: "batch", "online", or the environment that it ran in.
        code: one of the closed list.
        facts: what the sentence about the code names: a feature, a type, what was lacking.
        exception: what user code raised, if it raised.
    """

    side: str
    code: FailureCode
    facts: Mapping[str, Any] = field(default_factory=dict)
    exception: BaseException | None = None

    @property
    def kind(self) -> Kind:
        """The kind of divergence that it is."""
        return "timeout" if self.code == "timeout" else "error"

    @property
    def signature(self) -> tuple[str, str, str]:
        """What makes two failures the same one: side, code and what was raised."""
        if self.exception:
            # Not its message, which may hold a value of the history.
            return self.side, self.code, type(self.exception).__name__
        facts = {}
        for name in ("feature", "type", "lacking"):
            if name in self.facts:
                facts[name] = self.facts[name]
        return self.side, self.code, repr(facts)


class ProcessDiedError(Exception):
    """User code took its process down.

    Attributes:
        how: "SIGSEGV", or "exit code 3".
        last: the end of what it wrote to its standard error.
        lane: the number of the lane that ran, -1 for none.
    """

    def __init__(self, how: str, last: str = "", lane: int = -1) -> None:
        super().__init__(how)
        self.how, self.last, self.lane = how, last, lane


@dataclass(frozen=True, slots=True)
class Extra:
    """A key that batch answered too often.

    Attributes:
        key: entity values, then `as_of` in microseconds.
        count: how many rows there are beyond those asked for.
        asked: whether the spine asks for the key, which one row answers.
    """

    key: tuple[Any, ...]
    count: int
    asked: bool


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one side answered for a spine.

    Attributes:
        values: a column for each feature, in spine order; MISSING where there was no row.
        failures: by spine row, where there is no answer because user code failed.
        extra: keys of rows that nobody asked for, or that were answered more than once.
        skipped: spine rows that were not run, because enough of the pack had failed.
        mutated: what the side changed that was not its own, by name.
        seconds: CPU seconds spent in user code.
    """

    values: Mapping[str, Column]
    failures: Mapping[int, Failure]
    extra: tuple[Extra, ...] = ()
    skipped: frozenset[int] = frozenset()
    mutated: tuple[str, ...] = ()
    seconds: float = 0.0

    @classmethod
    def of(
        cls,
        values: Mapping[str, Sequence[Any]],
        failures: Mapping[int, Failure] | None = None,
        **more: Any,
    ) -> "Answers":
        """Make answers of lists of plain values; rows that failed are FAILED in every column."""
        failures = failures or {}
        failed = list(failures)
        columns = {}
        for name, cells in values.items():
            columns[name] = Column.of(cells).with_failed(failed)
        return cls(columns, failures, **more)

    def take(self, rows: RowArray) -> "Answers":
        """Return the answers to some spine rows, in the order of `rows`."""
        positions = {row: position for position, row in enumerate(rows.tolist())}
        failed = [row for row in self.failures if row in positions]
        skipped = [row for row in self.skipped if row in positions]
        return Answers(
            {name: column.take(rows) for name, column in self.values.items()},
            {positions[row]: self.failures[row] for row in failed},
            skipped=frozenset(map(positions.__getitem__, skipped)),
        )

    def row(self, row: int) -> dict[str, Any]:
        """Return the answers to one request, by feature."""
        return {name: column[row] for name, column in self.values.items()}


def join_answers(
    parts: Sequence[tuple[RowArray, Answers]], features: Iterable[str], rows: int
) -> Answers:
    """Return the answers to a whole spine of parts that each answer some of its rows.

    Args:
        parts: the spine rows of each part, and the answers to them in that order.
        features: the names of the features.
        rows: how many rows the spine has; those of no part are missing.
    """
    failures: dict[int, Failure] = {}
    extra: list[Extra] = []
    skipped: set[int] = set()
    mutated: dict[str, None] = {}
    for part_rows, answers in parts:
        # Plain ints: numpy's are equal to them, and no keys of JSON.
        for row, failure in answers.failures.items():
            failures[int(part_rows[row])] = failure
        skipped |= {int(part_rows[row]) for row in answers.skipped}
        extra += answers.extra
        mutated |= dict.fromkeys(answers.mutated)
    columns = {}
    for name in features:
        columns[name] = scatter(
            [(part_rows, answers.values[name]) for part_rows, answers in parts], rows
        )
    return Answers(
        columns,
        failures,
        tuple(extra),
        frozenset(skipped),
        tuple(mutated),
        sum(answers.seconds for _, answers in parts),
    )
