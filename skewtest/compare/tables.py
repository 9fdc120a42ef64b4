"""Two sides' answers to one spine become divergences and a tally."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from skewtest.compare.values import Kind, ToleranceError, difference, is_simple, nothing_of
from skewtest.declare.tolerance import Tolerance
from skewtest.declare.view import FeatureView
from skewtest.sides.answers import MISSING, Answers, Extra, Failure


@dataclass(frozen=True, slots=True, eq=False)
class Divergence:
    """One (feature, spine row) where the sides differ.

    Attributes:
        row: number of the spine row; -1 for a row that nobody asked for.
        feature: its name; "" where all features are concerned.
        kind: how they differ.
        batch: what batch answered: a plain value, MISSING, a Failure, or an Extra row.
        online: what online answered, likewise; None beside an Extra row.
    """

    row: int
    feature: str
    kind: Kind
    batch: Any
    online: Any

    @property
    def group(self) -> tuple[str, Kind, object]:
        """What makes two divergences the same finding: feature, kind, and what failed how."""
        if isinstance(self.batch, Extra):
            return self.feature, self.kind, self.batch.asked
        failures = tuple(v.signature for v in (self.batch, self.online) if isinstance(v, Failure))
        return self.feature, self.kind, failures


@dataclass(frozen=True, slots=True)
class Tally:
    """How a feature's rows compared. Rows that are null on both sides agree, vacuously."""

    match: int = 0
    mismatch: int = 0
    both_null: int = 0
    batch_only: int = 0
    online_only: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.match + other.match,
            self.mismatch + other.mismatch,
            self.both_null + other.both_null,
            self.batch_only + other.batch_only,
            self.online_only + other.online_only,
        )

    @property
    def compared(self) -> int:
        """The number of rows on which at least one side had a value."""
        return self.match + self.mismatch + self.batch_only + self.online_only


def compare(
    view: FeatureView, batch: Answers, online: Answers
) -> tuple[list[Divergence], dict[str, Tally]]:
    """Return all divergences, in spine order for each feature, and a tally for each feature.

    Rows that a side skipped are left out.
    """
    skipped = batch.skipped | online.skipped
    found = _failures(batch, online, skipped)
    if "missing" not in view.equal:
        found.extend(_missing_rows(view, batch, online, {d.row for d in found} | skipped))
    failed = {divergence.row for divergence in found} | skipped
    tallies = {}
    for name in view.features:
        differing, tallies[name] = _compare_feature(view, name, batch, online, failed)
        found.extend(differing)
    found.extend(_extra(batch))
    return found, tallies


def _compare_feature(
    view: FeatureView, name: str, batch: Answers, online: Answers, failed: AbstractSet[int]
) -> tuple[list[Divergence], Tally]:
    """Return the divergences and the tally of one feature, on the rows that did not fail."""
    tolerance = view.features[name]
    columns = batch.values[name], online.values[name]
    if not failed and _is_same(*columns, tolerance):
        nothings = sum(value is None or value != value for value in columns[0])
        return [], Tally(match=len(columns[0]) - nothings, both_null=nothings)
    found = []
    mismatch = both_null = batch_only = online_only = match = 0
    for row, (left, right) in enumerate(zip(*columns, strict=True)):
        if row in failed:
            continue
        if type(left) is type(right) and left == right and is_simple(type(left), tolerance):
            match += 1
            continue
        try:
            kind = difference(left, right, tolerance, view.equal)
        except ToleranceError as error:
            failure = Failure("batch", "tolerance", {"feature": name, "family": str(error)})
            found.append(Divergence(row, name, "error", failure, right))
            mismatch += 1
            continue
        nothing = nothing_of(left) is not None, nothing_of(right) is not None
        if kind is not None:
            found.append(Divergence(row, name, kind, left, right))
            if nothing == (True, False):
                online_only += 1
            elif nothing == (False, True):
                batch_only += 1
            else:
                mismatch += 1
        elif all(nothing):
            both_null += 1
        else:
            match += 1
    return found, Tally(match, mismatch, both_null, batch_only, online_only)


def _is_same(batch: list[Any], online: list[Any], tolerance: Tolerance) -> bool:
    """Return whether two columns agree at first sight, as most do: values and types alike."""
    types = list(map(type, batch))
    return (
        batch == online
        and types == list(map(type, online))
        and all(kind is type(None) or is_simple(kind, tolerance) for kind in set(types))
    )


def _missing_rows(
    view: FeatureView, batch: Answers, online: Answers, known: AbstractSet[int]
) -> list[Divergence]:
    """Return one divergence for each row that one side has and the other has not."""
    first = next(iter(view.features))
    pairs = zip(batch.values[first], online.values[first], strict=True)
    return [
        Divergence(row, "", "missing row", left, right)
        for row, (left, right) in enumerate(pairs)
        if (left is MISSING) != (right is MISSING) and row not in known
    ]


def _failures(batch: Answers, online: Answers, skipped: AbstractSet[int]) -> list[Divergence]:
    """Return one divergence for each row on which a side failed; features do not matter then."""
    rows: Mapping[int, None] = dict.fromkeys([*batch.failures, *online.failures])
    found = []
    for row in rows:
        if row in skipped:
            continue
        left, right = batch.failures.get(row), online.failures.get(row)
        kind: Kind = "timeout" if "timeout" in {f.code for f in (left, right) if f} else "error"
        found.append(Divergence(row, "", kind, left, right))
    return found


def _extra(batch: Answers) -> list[Divergence]:
    return [Divergence(-1, "", "extra row", extra, None) for extra in batch.extra]
