"""Answers as typed columns: from the side that gave them to the comparison.

A column holds numbers in one float64 array, and in a second array what each of its cells is: which
type of number, or which kind of nothing. Only cells that are neither are kept as Python objects.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.worker.values import NULL_OR_NAN, Nothing

FloatArray = npt.NDArray[np.float64]
StateArray = npt.NDArray[np.uint8]
RowArray = npt.NDArray[np.int64]

MISSING = Nothing("no row")
"""The answer to a request that got no row."""
FAILED = Nothing("failed")
"""The answer to a request at which user code failed; `Answers.failures` says how."""

FLOAT: Final = 0
INT: Final = 1
BOOL: Final = 2
OBJECT: Final = 3
NULL: Final = 4
NAN: Final = 5
NULL_OR_NAN_STATE: Final = 6
MISSING_STATE: Final = 7
FAILED_STATE: Final = 8
"""What a cell is. The order counts: below NULL are values, below BOOL plain numbers."""

EXACT_INTS = 2**53
"""Up to this magnitude every int is a float64; beyond, a cell keeps its int as an object."""


MOST_COUNTABLE = 2**1000


class _StateOfType(dict[type, int]):
    """The state of a cell by the type of its value; whatever is unknown is an OBJECT."""

    def __missing__(self, kind: type) -> int:
        return OBJECT


_STATE_OF_TYPE = _StateOfType({float: FLOAT, int: INT, bool: BOOL, type(None): NULL})
NUMERIC = frozenset(_STATE_OF_TYPE)
"""Types of cells that are plain, and no objects."""
_STATE_OF_NOTHING = {
    NULL_OR_NAN: NULL_OR_NAN_STATE,
    MISSING: MISSING_STATE,
    FAILED: FAILED_STATE,
}
_NOTHING_OF_STATE = {state: nothing for nothing, state in _STATE_OF_NOTHING.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """What a side answered for one feature, a cell for each spine row.

    Attributes:
        numbers: float64, one a row; 0.0 where a cell is no number that float64 holds exactly.
        states: uint8, one a row: FLOAT, INT, BOOL, OBJECT, or a kind of nothing.
        objects: every cell as a plain Python value, where at least one is an OBJECT; else None.
    """

    numbers: FloatArray
    states: StateArray
    objects: Sequence[Any] | None = None

    @classmethod
    def of(cls, values: Sequence[Any], kinds: set[type] | None = None) -> "Column":
        """Make a column of plain Python values (see `plain`), MISSING and FAILED among them.

        Args:
            values: a cell each.
            kinds: their types, where the caller knows them.
        """
        if kinds is None:
            kinds = set(map(type, values))
        if kinds == {float}:
            return cls.of_floats(np.array(values, dtype=np.float64))
        if kinds == {int} and -EXACT_INTS <= min(values) <= max(values) <= EXACT_INTS:
            states = np.full(len(values), INT, dtype=np.uint8)
            return cls(np.array(values, dtype=np.float64), states)
        codes = map(_STATE_OF_TYPE.__getitem__, map(type, values))
        states = np.fromiter(codes, dtype=np.uint8, count=len(values))
        if Nothing in kinds:
            _tell_nothings_apart(values, states)
        numbers = _numbers_of(values, states)
        states[np.isnan(numbers)] = NAN
        # Most columns are numbers, and keep no Python objects alive.
        objects = values if bool((states == OBJECT).any()) else None
        return cls(numbers, states, objects)

    @classmethod
    def of_floats(cls, numbers: FloatArray) -> "Column":
        """Make a column of floats; NaN is NaN, and nothing is null or missing."""
        states = np.where(np.isnan(numbers), np.uint8(NAN), np.uint8(FLOAT))
        return cls(numbers, states)

    @classmethod
    def of_polars(cls, values: pl.Series) -> "Column":
        """Make a column of a polars column of floats, ints or bools, null where it is null."""
        has_nulls = values.null_count() > 0
        cells = values
        if has_nulls:
            cells = values.fill_null(strategy="zero")
        # Float32 is float64 exactly, and so is every int that is let through below.
        numbers = cells.to_numpy().astype(np.float64)
        if values.dtype.is_float():
            column = cls.of_floats(numbers)
        elif values.dtype == pl.Boolean:
            column = cls(numbers, np.full(len(values), BOOL, dtype=np.uint8))
        elif bool((np.abs(numbers) >= EXACT_INTS).any()):
            return cls.of(values.to_list())
        else:
            column = cls(numbers, np.full(len(values), INT, dtype=np.uint8))
        if has_nulls:
            column.states[values.is_null().to_numpy()] = NULL
        return column

    @classmethod
    def of_nothing(cls, rows: int) -> "Column":
        """Make a column without a single answer."""
        return cls(np.zeros(rows), np.full(rows, MISSING_STATE, dtype=np.uint8))

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, row: int) -> Any:
        """Return one cell as a plain Python value."""
        state = int(self.states[row])
        if state == FLOAT:
            return float(self.numbers[row])
        if state == INT:
            return int(self.numbers[row])
        if state == BOOL:
            return bool(self.numbers[row])
        if state == OBJECT:
            assert self.objects is not None
            return self.objects[row]
        if state == NULL:
            return None
        return float("nan") if state == NAN else _NOTHING_OF_STATE[state]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.to_list())

    def to_list(self) -> list[Any]:
        """Return every cell as a plain Python value."""
        if self.objects is not None:
            return [self[row] for row in range(len(self))]
        if not self.states.any():  # all are FLOAT
            numbers: list[Any] = self.numbers.tolist()
            return numbers
        return [self[row] for row in range(len(self))]

    def take(self, rows: RowArray) -> "Column":
        """Return the cells of some rows, in the order of `rows`."""
        objects = None
        if self.objects is not None:
            cells = self.objects
            objects = [cells[row] for row in rows.tolist()]
        return Column(self.numbers[rows], self.states[rows], objects)

    def with_failed(self, rows: Sequence[int]) -> "Column":
        """Return the column with some rows FAILED."""
        if not rows:
            return self
        # Copies: a column is frozen, and others may hold it.
        numbers, states = self.numbers.copy(), self.states.copy()
        numbers[list(rows)] = 0.0
        states[list(rows)] = FAILED_STATE
        return Column(numbers, states, self.objects)

    @property
    def are_values(self) -> npt.NDArray[np.bool_]:
        """Where a cell is a value, and no kind of nothing."""
        mask: npt.NDArray[np.bool_] = self.states < NULL
        return mask

    @property
    def are_numbers(self) -> npt.NDArray[np.bool_]:
        """Where a cell is an int or a float that `numbers` holds exactly."""
        mask: npt.NDArray[np.bool_] = self.states < BOOL
        return mask


def scatter(columns: Sequence[tuple[RowArray, Column]], rows: int) -> Column:
    """Return one column of `rows` rows, of parts that each know the rows they answer."""
    numbers = np.zeros(rows)
    states = np.full(rows, MISSING_STATE, dtype=np.uint8)
    objects: list[Any] | None = None
    for part_rows, column in columns:
        numbers[part_rows] = column.numbers
        states[part_rows] = column.states
        if column.objects is not None:
            if objects is None:
                objects = [None] * rows
            for row, cell in zip(part_rows.tolist(), column.objects, strict=True):
                objects[row] = cell
    return Column(numbers, states, objects)


def _tell_nothings_apart(values: Sequence[Any], states: StateArray) -> None:
    # Every Nothing is of one type, so that its type alone does not say which it is.
    for row in np.flatnonzero(states == OBJECT).tolist():
        if type(values[row]) is Nothing:
            states[row] = _STATE_OF_NOTHING[values[row]]


def _numbers_of(values: Sequence[Any], states: StateArray) -> FloatArray:
    """Return the numbers among values; ints that float64 cannot hold become OBJECT in `states`."""
    cells = np.fromiter(values, dtype=object, count=len(values))
    cells[states >= OBJECT] = 0.0
    try:
        numbers = cells.astype(np.float64)
    except OverflowError:  # an int beyond the largest float
        numbers = np.array([_float_or_infinity(cell) for cell in cells], dtype=np.float64)
    is_large = (states == INT) & (np.abs(numbers) >= EXACT_INTS)
    # Asked of the int itself, since its float may have been rounded to the limit.
    for row in np.flatnonzero(is_large).tolist():
        if abs(values[row]) > EXACT_INTS:
            states[row], numbers[row] = OBJECT, 0.0
    return numbers


def _float_or_infinity(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf


def is_countable(value: Any) -> bool:
    """Return whether a value is a finite number whose distance to another can be told."""
    kind = type(value)
    if kind is float:
        return True
    is_exact = kind is int or (kind is Decimal and value.is_finite())
    # Beyond 2**1000 a distance of two such numbers may not be a float. Not by `abs`, which rounds
    # a Decimal, and overflows for one of a vast exponent.
    return is_exact and -MOST_COUNTABLE <= value <= MOST_COUNTABLE
