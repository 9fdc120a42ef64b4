"""Moved copies of a history: each float a little off, to see how much its answers scatter."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np

from skewtest.compare.rounding import flatten, jitter, jitter_sizes, to_grid
from skewtest.declare.kinds import Column, Floats, Vectors
from skewtest.declare.view import FeatureView
from skewtest.run.draft import Ask, Draft, Event
from skewtest.sides.columns import FloatArray

Row = TypeVar("Row", Event, Ask)


def move_copies(view: FeatureView, draft: Draft, count: int, scale: str) -> list[Draft]:
    """Return copies of a draft whose floats are moved a little; equal ones stay equal.

    Values that are equal are often equal for a reason: ties, joins, a mode.

    Args:
        view: the view; no value leaves the range that it declares.
        draft: the history.
        count: how many copies.
        scale: how far floats are moved, as `jitter_sizes` has it.
    """
    values, largest = _values_and_largest(draft)
    if not len(values):
        return [draft] * count
    inputs = len(draft.events) + len(draft.spine)
    sizes = jitter_sizes(values, largest, inputs, scale)
    rng = np.random.default_rng([len(values), count])
    plain_values = values.tolist()
    places = _places_of(view, draft)
    copies = []
    for _ in range(count):
        moved = dict(zip(plain_values, jitter(values, sizes, rng).tolist(), strict=True))
        copies.append(_change_draft(draft, places, moved))
    return copies


def on_grid(view: FeatureView, draft: Draft) -> Draft:
    """Return the draft with every float on a grid on which sums and squares are exact."""
    values, _ = _values_and_largest(draft)
    moved = dict(zip(values.tolist(), to_grid(values).tolist(), strict=True))
    return _change_draft(draft, _places_of(view, draft), moved)


def _values_and_largest(draft: Draft) -> tuple[FloatArray, FloatArray]:
    """Return the distinct finite floats of a draft, and the largest of the columns of each."""
    largest_of: dict[float, float] = {}
    for values in _columns_of(draft):
        largest = max(map(abs, values), default=0.0)
        for value in values:
            largest_of[value] = max(largest, largest_of.get(value, 0.0))
    distinct = sorted(largest_of)
    return np.array(distinct), np.array([largest_of[value] for value in distinct])


def _columns_of(draft: Draft) -> list[set[float]]:
    """Return the finite floats of each column, of every source and of the requests."""
    columns: dict[tuple[str, int], set[float]] = {}
    for event in draft.events:
        _gather(columns, event.source, event.values)
    for ask in draft.spine:
        _gather(columns, "", ask.values)
    return list(columns.values())


def _gather(
    columns: dict[tuple[str, int], set[float]], source: str, cells: Sequence[object]
) -> None:
    for position, cell in enumerate(cells):
        if isinstance(cell, float):
            scalars: Sequence[object] = (cell,)
        elif isinstance(cell, list | Mapping):
            scalars = tuple(flatten(cell))
        else:
            continue
        column = columns.setdefault((source, position), set())
        for scalar in scalars:
            # Infinities and NaN, whose difference with themselves is NaN, stay as they are.
            if isinstance(scalar, float) and scalar - scalar == 0:
                column.add(scalar)


def floats_of(draft: Draft) -> list[float]:
    """Return the distinct finite floats of a draft."""
    floats: set[float] = set()
    for values in _columns_of(draft):
        floats |= values
    return list(floats)


Bounds = tuple[float, float]
RowPlaces = list[tuple[int, Bounds]]


class Places(NamedTuple):
    """Where a draft has floats: for each row the positions of their cells, and their range."""

    events: list[RowPlaces]
    spine: list[RowPlaces]


def _places_of(view: FeatureView, draft: Draft) -> Places:
    bounds = {}
    for name, source in view.sources.items():
        bounds[name] = [_bounds_of(kind) for kind in source.columns.values()]
    requested = [_bounds_of(kind) for kind in view.request.values()]
    return Places(
        events=[_places_in(event, bounds[event.source]) for event in draft.events],
        spine=[_places_in(ask, requested) for ask in draft.spine],
    )


def _places_in(row: Event | Ask, bounds: Sequence[Bounds]) -> RowPlaces:
    places = []
    for position, (cell, cell_bounds) in enumerate(zip(row.values, bounds, strict=True)):
        if isinstance(cell, float | list | dict):
            places.append((position, cell_bounds))
    return places


def _change_draft(draft: Draft, places: Places, moved: Mapping[float, float]) -> Draft:
    events = []
    for event, of_event in zip(draft.events, places.events, strict=True):
        events.append(_change_row(event, of_event, moved))
    spine = []
    for ask, of_ask in zip(draft.spine, places.spine, strict=True):
        spine.append(_change_row(ask, of_ask, moved))
    return replace(draft, events=tuple(events), spine=tuple(spine))


def _change_row(row: Row, places: RowPlaces, moved: Mapping[float, float]) -> Row:
    if not places:
        return row
    cells = list(row.values)
    for position, bounds in places:
        cells[position] = _change_cell(cells[position], bounds, moved)
    return row._replace(values=tuple(cells))


def _bounds_of(kind: Column) -> Bounds:
    if isinstance(kind, Vectors):
        kind = kind.element
    if isinstance(kind, Floats):
        return kind.min, kind.max
    return -np.inf, np.inf


def _change_cell(cell: object, bounds: Bounds, moved: Mapping[float, float]) -> object:
    if isinstance(cell, float):
        return _keep_within(cell, moved.get(cell, cell), bounds)
    if isinstance(cell, list):
        return [_change_cell(inner, bounds, moved) for inner in cell]
    if isinstance(cell, Mapping):
        return {name: _change_cell(inner, bounds, moved) for name, inner in cell.items()}
    return cell


def _keep_within(before: float, after: float, bounds: Bounds) -> float:
    """Return a moved value, to the other side where it would leave the declared range."""
    # A zero has a sign that its key in a table has not.
    if after == before:
        return before
    low, high = bounds
    if low <= after <= high or not low <= before <= high:
        return after
    mirrored = 2 * before - after
    return mirrored if low <= mirrored <= high else before
