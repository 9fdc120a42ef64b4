"""Two sides' answers to one spine become divergences, tallies and distances."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from skewtest.compare.distances import Distances, measure_distances
from skewtest.compare.floats import are_exact
from skewtest.compare.values import ToleranceError, difference, is_simple, nothing_of
from skewtest.declare.divergence import Kind
from skewtest.declare.tolerance import Close, Exact, Tolerance
from skewtest.declare.view import FeatureView
from skewtest.sides.answers import Answers, Extra, Failure
from skewtest.sides.columns import FLOAT, MISSING_STATE, NULL, OBJECT, Column

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Divergence:
    """One (feature, spine row) where the sides differ.

    Attributes:
        row: number of the spine row; -1 for a row that nobody asked for.
        feature: its name; "" where all features are concerned.
        kind: how they differ.
        left: what the left side answered: a plain value, MISSING, a Failure, or an Extra row.
        right: what the right side answered, likewise; None beside an Extra row.
    """

    row: int
    feature: str
    kind: Kind
    left: Any
    right: Any

    @property
    def group(self) -> tuple[str, Kind, object]:
        """What makes two divergences the same finding: feature, kind, and what failed how."""
        if isinstance(self.left, Extra):
            return self.feature, self.kind, self.left.asked
        return self.feature, self.kind, tuple(failure.signature for failure in self.failures)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The failures of user code that it consists of, left before right."""
        return tuple(end for end in (self.left, self.right) if isinstance(end, Failure))


class Tally(msgspec.Struct, frozen=True):
    """How a feature's rows compared. Rows that are null on both sides agree, vacuously.

    Rows that differ and are no finding (rounding, a late request) are `excused`.

    A report has it as it is, with how far apart the numbers are.
    """

    match: int = 0
    mismatch: int = 0
    both_null: int = 0
    left_only: int = 0
    right_only: int = 0
    excused: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.match + other.match,
            self.mismatch + other.mismatch,
            self.both_null + other.both_null,
            self.left_only + other.left_only,
            self.right_only + other.right_only,
            self.excused + other.excused,
        )

    def without(self, divergence: Divergence) -> "Tally":
        """Return the tally with one differing row counted as excused."""
        # Other kinds are of whole rows, which no feature has counted.
        if divergence.kind not in ("value", "dtype", "null"):
            return self
        has_left = nothing_of(divergence.left) is None
        has_right = nothing_of(divergence.right) is None
        is_mismatch = has_left == has_right
        return Tally(
            self.match,
            self.mismatch - is_mismatch,
            self.both_null,
            self.left_only - (has_left and not has_right),
            self.right_only - (has_right and not has_left),
            self.excused + 1,
        )

    @property
    def compared(self) -> int:
        """The number of rows on which at least one side had a value."""
        return self.match + self.mismatch + self.left_only + self.right_only + self.excused


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What comparing two sides' answers to one spine showed.

    Attributes:
        divergences: all of them; by feature those of one feature are in spine order.
        tallies: by feature, how its rows compared.
        distances: by feature, how far apart its numbers are.
    """

    divergences: list[Divergence]
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    distances: Mapping[str, Distances] = field(default_factory=dict)


def compare(view: FeatureView, left: Answers, right: Answers) -> Comparison:
    """Compare what two sides answered; rows that a side skipped are left out."""
    skipped = left.skipped | right.skipped
    divergences = _failures(left, right, skipped)
    # A row that failed, or that a side has not, is told once and not again for each feature.
    judged = np.ones(_count_rows(left), dtype=np.bool_)
    _leave_out(judged, skipped)
    _leave_out(judged, (divergence.row for divergence in divergences))
    if "missing" not in view.equal:
        missing = _missing_rows(view, left, right, judged)
        _leave_out(judged, (divergence.row for divergence in missing))
        divergences += missing
    tallies: dict[str, Tally] = {}
    distances: dict[str, Distances] = {}
    for name, tolerance in view.features.items():
        columns = left.values[name], right.values[name]
        differing, tallies[name] = _compare_feature(name, *columns, tolerance, view.equal, judged)
        divergences += differing
        distances[name] = measure_distances(*columns)
    divergences += [Divergence(-1, "", "extra row", extra, None) for extra in left.extra]
    return Comparison(divergences, tallies, distances)


def _count_rows(answers: Answers) -> int:
    return len(next(iter(answers.values.values())))


def _leave_out(judged: Mask, rows: Iterable[int]) -> None:
    judged[np.fromiter(rows, dtype=np.int64)] = False


def _compare_feature(
    name: str,
    left: Column,
    right: Column,
    tolerance: Tolerance,
    equal: frozenset[str],
    judged: Mask,
) -> tuple[list[Divergence], Tally]:
    """Return the divergences and the tally of one feature, on the rows that are judged."""
    are_same = judged & _are_same(left, right, tolerance)
    are_values = left.are_values
    match = int(np.count_nonzero(are_same & are_values))
    both_null = int(np.count_nonzero(are_same)) - match
    tally = Tally(match=match, both_null=both_null)
    divergences: list[Divergence] = []
    # What the arrays cannot settle is rare, and looked at cell by cell.
    for row in np.flatnonzero(judged & ~are_same).tolist():
        divergence, counts = _compare_cell(name, row, left[row], right[row], tolerance, equal)
        tally += counts
        if divergence is not None:
            divergences.append(divergence)
    return divergences, tally


def _compare_cell(
    name: str, row: int, left: Any, right: Any, tolerance: Tolerance, equal: frozenset[str]
) -> tuple[Divergence | None, Tally]:
    """Return the divergence of one cell, if it is one, and what it adds to the tally."""
    try:
        kind = difference(left, right, tolerance, equal)
    except ToleranceError as error:
        failure = Failure("batch", "tolerance", {"feature": name, "family": str(error)})
        return Divergence(row, name, "error", failure, right), Tally(mismatch=1)
    has_left, has_right = nothing_of(left) is None, nothing_of(right) is None
    if kind is None:
        # Two nothings agree, but show nothing: a feature that has no more than these is untested.
        return None, Tally(match=1) if has_left or has_right else Tally(both_null=1)
    divergence = Divergence(row, name, kind, left, right)
    if has_left == has_right:
        return divergence, Tally(mismatch=1)
    return divergence, Tally(left_only=1) if has_left else Tally(right_only=1)


def _are_same(left: Column, right: Column, tolerance: Tolerance) -> Mask:
    """Return where two columns agree at first sight: what is left open needs a closer look."""
    same_state = left.states == right.states
    nothings = same_state & (left.states >= NULL)
    # A vector's cells are lists, or odd ones that its tolerance has an error for.
    if not isinstance(tolerance, Close | Exact):
        objects: Mask = nothings | _are_same_objects(left, right, tolerance)
        return objects
    same_type = same_state & (left.states < OBJECT)
    if not (isinstance(tolerance, Exact) and tolerance.dtype):
        # Int, float and bool compare as numbers.
        same_type |= (left.states < OBJECT) & (right.states < OBJECT)
    same = same_type & (left.numbers == right.numbers)
    if isinstance(tolerance, Close):
        same |= _are_close(left, right, tolerance)
    settled: Mask = nothings | same | _are_same_objects(left, right, tolerance)
    return settled


def _are_close(left: Column, right: Column, tolerance: Close) -> Mask:
    """Return where two floats are within a tolerance, by the formula of `Close`."""
    are_floats = (left.states == FLOAT) & (right.states == FLOAT)
    # A tolerance in time is none for numbers: the closer look raises that.
    if not isinstance(tolerance.abs, int | float):
        return np.zeros(len(left), dtype=np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(left.numbers - right.numbers)
        larger = np.maximum(np.abs(left.numbers), np.abs(right.numbers))
        close = (gap <= tolerance.abs + tolerance.rel * larger) & np.isfinite(larger)
        if not tolerance.explicit:
            close &= ~are_exact(left.numbers, right.numbers)
    mask: Mask = are_floats & close
    return mask


def _are_same_objects(left: Column, right: Column, tolerance: Tolerance) -> Mask:
    """Return where both cells are equal objects of a type that needs no closer look."""
    same = np.zeros(len(left), dtype=np.bool_)
    if left.objects is None or right.objects is None:
        return same
    for row in np.flatnonzero((left.states == OBJECT) & (right.states == OBJECT)).tolist():
        left_value, right_value = left.objects[row], right.objects[row]
        kind = type(left_value)
        if kind is type(right_value) and is_simple(kind, tolerance):
            same[row] = left_value == right_value
    return same


def _missing_rows(
    view: FeatureView, left: Answers, right: Answers, judged: Mask
) -> list[Divergence]:
    """Return one divergence for each row that one side has and the other has not."""
    # A row is there or not, whatever the feature: any of them tells.
    first = next(iter(view.features))
    columns = left.values[first], right.values[first]
    lacks_left, lacks_right = (column.states == MISSING_STATE for column in columns)
    divergences = []
    for row in np.flatnonzero((lacks_left != lacks_right) & judged).tolist():
        divergences.append(Divergence(row, "", "missing row", columns[0][row], columns[1][row]))
    return divergences


def _failures(left: Answers, right: Answers, skipped: frozenset[int]) -> list[Divergence]:
    """Return one divergence for each row on which a side failed; features do not matter then."""
    divergences = []
    for row in dict.fromkeys([*left.failures, *right.failures]):
        if row in skipped:
            continue
        ends = left.failures.get(row), right.failures.get(row)
        codes = {failure.code for failure in ends if failure is not None}
        kind: Kind = "timeout" if "timeout" in codes else "error"
        divergences.append(Divergence(row, "", kind, *ends))
    return divergences
