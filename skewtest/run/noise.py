"""Run moved copies of histories, to tell rounding from what is really different.

The copies are lanes beside each other, so a round of stages costs one batch call. Few copies excuse
most rounding; what they do not excuse gets more of them, and what is left stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from skewtest.compare.rounding import (
    UNSTABLE,
    Moves,
    are_singles,
    flatten,
    is_doubtful,
    is_exact_regime,
    is_rounding,
    is_unstable,
    jitter,
    jitter_sizes,
    numbers_of,
    relative_size,
    residue_of,
    to_grid,
    unstable_side,
)
from skewtest.compare.tables import Divergence
from skewtest.declare.kinds import Column, Floats, Vectors
from skewtest.declare.view import FeatureView
from skewtest.run.draft import Ask, Draft, Event
from skewtest.run.experiment import Experiment
from skewtest.run.shown import Shown, Spot, try_drafts
from skewtest.sides.columns import FloatArray

Row = TypeVar("Row", Event, Ask)
Verdict = Literal["rounding", "unstable", "skew"]


class Stage(NamedTuple):
    """Copies that are looked at together: how many, moved how far, the factor of their spread."""

    copies: int
    scale: str
    factor: float


Round = tuple[Stage, ...]
"""Stages whose copies share a batch call: a call of its own for each costs more than the copies."""
FEW = (Stage(3, "sums", 4.0), Stage(8, "sums", 4.0))
"""Three copies excuse five in six rounded rows, eight nearly all of them (NUMERICS: k=4, m=8)."""
QUICK: tuple[Round, ...] = (FEW,)
SINGLES = Stage(16, "single", 2.0)
"""Sides that answer in float32 round by bits that the other scales do not touch."""
THOROUGH: tuple[Round, ...] = (
    FEW,
    (Stage(64, "sums", 2.0), Stage(64, "squares", 2.0), SINGLES),
)
"""A flag is confirmed with eight times as many copies, moved at two scales."""
WHOLE_LOG: tuple[Round, ...] = tuple(
    (stage,) for stage in (*FEW, Stage(16, "sums", 3.0), Stage(16, "squares", 3.0), SINGLES)
)
"""Each copy of a real log costs a replay of it; rows that these leave are confirmed by entity."""


@dataclass(slots=True)
class Doubts:
    """The doubtful spots of one draft, and what has become of them.

    Attributes:
        open: those that nothing has excused so far.
        verdicts: of the others.
        sides: of unstable ones, whose answers scatter.
        residue: how much rounding may leave of a sum of the draft's inputs that cancel.
    """

    open: dict[Spot, Divergence] = field(default_factory=dict)
    verdicts: dict[Spot, Verdict] = field(default_factory=dict)
    sides: dict[Spot, str] = field(default_factory=dict)
    residue: float = 0.0


def find_rounding(
    view: FeatureView,
    drafts: Sequence[Draft],
    shown: Sequence[Mapping[Spot, Divergence]],
    experiment: Experiment,
    rounds: Sequence[Round],
) -> list[Doubts]:
    """Return, for each draft, which of its divergences are rounding, and which are unstable.

    Args:
        view: the view.
        drafts: histories of one scenario.
        shown: by spot, the divergences of each that are asked about.
        experiment: whose divergences they are.
        rounds: which copies are run, one round for what the one before does not excuse.
    """
    doubts = []
    for draft, divergences in zip(drafts, shown, strict=True):
        doubts.append(_doubts_of(view, draft, divergences))
    for stages in rounds:
        _excuse(view, drafts, doubts, experiment, stages)
    _hold_to_grid(view, drafts, doubts, experiment)
    return doubts


def _doubts_of(view: FeatureView, draft: Draft, divergences: Mapping[Spot, Divergence]) -> Doubts:
    doubts = Doubts()
    candidates = {
        spot: divergence
        for spot, divergence in divergences.items()
        if is_doubtful(view, divergence)
    }
    if not candidates:
        return doubts
    floats = _floats_of(draft)
    doubts.residue = residue_of(floats, len(draft.events))
    is_plain = is_exact_regime(floats, len(draft.events))
    for spot, divergence in candidates.items():
        if not (is_plain and relative_size(divergence) > UNSTABLE):
            doubts.open[spot] = divergence
    return doubts


def _concerns(stage: Stage, divergence: Divergence) -> bool:
    """Return whether a stage is for a divergence: one of float32 for answers that are float32."""
    return stage.scale != "single" or are_singles((divergence.left, divergence.right))


def _excuse(
    view: FeatureView,
    drafts: Sequence[Draft],
    doubts: Sequence[Doubts],
    experiment: Experiment,
    stages: Round,
) -> None:
    """Run a round for the drafts that still have open spots, and excuse what is rounding."""
    concerned = []
    copies: list[Draft] = []
    for index, doubt in enumerate(doubts):
        for stage in stages:
            if any(_concerns(stage, divergence) for divergence in doubt.open.values()):
                concerned.append((index, stage))
                copies += move_copies(view, drafts[index], stage)
    if not concerned:
        return
    runs = try_drafts(view, copies, experiment)
    start = 0
    for index, stage in concerned:
        _excuse_spots(doubts[index], runs[start : start + stage.copies], stage)
        start += stage.copies


def _excuse_spots(doubts: Doubts, runs: Sequence[Shown], stage: Stage) -> None:
    for spot, divergence in list(doubts.open.items()):
        if not _concerns(stage, divergence):
            continue
        moves = _moves_of(divergence, runs, stage)
        if moves is None or not is_rounding(divergence, moves, stage.factor):
            continue
        del doubts.open[spot]
        doubts.verdicts[spot] = "rounding"
        if is_unstable(divergence, doubts.residue):
            doubts.verdicts[spot] = "unstable"
            doubts.sides[spot] = unstable_side(moves)


def _moves_of(divergence: Divergence, runs: Sequence[Shown], stage: Stage) -> Moves | None:
    """Return what the sides answer on copies of a row; None where they do not suit the stage."""
    ends = [run.ends_at(divergence.row, divergence.feature) for run in runs]
    if stage.scale == "single" and not all(are_singles(pair) for pair in ends):
        return None
    numbers = numbers_of(divergence.left)
    assert numbers is not None  # doubtful spots hold numbers
    return Moves.of(ends, len(numbers))


def _hold_to_grid(
    view: FeatureView, drafts: Sequence[Draft], doubts: Sequence[Doubts], experiment: Experiment
) -> None:
    """Call skew what was taken for unstable and differs on exactly representable values too.

    Sides that scatter for another reason, such as a hash of a float, look unstable on copies.
    """
    indices = []
    for index, doubt in enumerate(doubts):
        if "unstable" in doubt.verdicts.values():
            indices.append(index)
    if not indices:
        return
    exact_drafts = [on_grid(view, drafts[index]) for index in indices]
    runs = try_drafts(view, exact_drafts, experiment)
    for index, draft, run in zip(indices, exact_drafts, runs, strict=True):
        if is_exact_regime(_floats_of(draft), len(draft.events)):
            _condemn(doubts[index], run)


def _condemn(doubts: Doubts, on_exact_values: Shown) -> None:
    """Call unstable spots skew that differ by much on values that no sum rounds."""
    for spot, verdict in doubts.verdicts.items():
        divergence = on_exact_values.divergences.get(spot)
        if verdict != "unstable" or divergence is None:
            continue
        if relative_size(divergence) > UNSTABLE:
            doubts.verdicts[spot] = "skew"


# -- moved copies ---------------------------------------------------------------------------------


def move_copies(view: FeatureView, draft: Draft, stage: Stage) -> list[Draft]:
    """Return copies of a draft whose floats are moved a little; equal ones stay equal.

    Values that are equal are often equal for a reason: ties, joins, a mode.
    """
    values, largest = _values_and_largest(draft)
    if not len(values):
        return [draft] * stage.copies
    inputs = len(draft.events) + len(draft.spine)
    sizes = jitter_sizes(values, largest, inputs, stage.scale)
    rng = np.random.default_rng([len(values), stage.copies])
    plain_values = values.tolist()
    places = _places_of(view, draft)
    copies = []
    for _ in range(stage.copies):
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


def _floats_of(draft: Draft) -> list[float]:
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
