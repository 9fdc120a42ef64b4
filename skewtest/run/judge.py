"""Judge drafts: which divergences of a history stand once they are looked at closely.

Two kinds do not stand. Where a request comes after an event of its own instant, an online side
that simply counts what it has seen is not wrong: it would count an event one tick later as well.
And a difference that is rounding is none (`skewtest.compare.rounding`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from skewtest.compare.rounding import exceeds_bound, grid_of, is_plain, largest_of, on_grid
from skewtest.compare.tables import Divergence
from skewtest.declare.delivery import CAUSES
from skewtest.declare.divergence import Kind
from skewtest.declare.view import FeatureView
from skewtest.run.draft import Ask, Draft, Event, can_share, pack_drafts
from skewtest.run.experiment import BATCH_AGAINST_ONLINE, Experiment
from skewtest.times import HOUR_US, SECOND_US

Group = tuple[str, Kind, object]
Standing = dict[Group, Divergence]
Row = TypeVar("Row", Event, Ask)
LATER = (0, SECOND_US + 3, HOUR_US + SECOND_US)
"""How far events are moved past a request, in microseconds and at least by a tick: the least, and
lengths that gaps counted in milliseconds, seconds or minutes do not round away."""
ROWS_A_CALL = 30_000
"""A batch call gets up to so many events and requests: it costs little per row by then, and more
of them would only take memory."""
MOST_SINGLE = 40
"""Histories of up to so many events are tried event by event."""


def judge(
    view: FeatureView,
    drafts: Sequence[Draft],
    *,
    alone: bool = False,
    experiment: Experiment = BATCH_AGAINST_ONLINE,
) -> list[Standing]:
    """Return, for each draft, the divergences that stand: the first of each group.

    Args:
        view: the view.
        drafts: histories of one scenario.
        alone: no draft shares a batch call with another.
        experiment: whose divergences are looked for.
    """
    if alone:
        return [judge(view, [draft], experiment=experiment)[0] for draft in drafts]
    return sift(view, drafts, find_divergences(view, drafts, experiment), experiment)


def sift(
    view: FeatureView,
    drafts: Sequence[Draft],
    shown: Sequence[Standing],
    experiment: Experiment = BATCH_AGAINST_ONLINE,
) -> list[Standing]:
    """Return what stands of the divergences that drafts show, as `find_divergences` has them."""
    standings = _without_late_requests(view, drafts, shown)
    standings = _without_those_in_order(view, drafts, standings)
    return _without_rounding(view, drafts, standings, experiment)


def find_divergences(
    view: FeatureView,
    drafts: Sequence[Draft],
    experiment: Experiment = BATCH_AGAINST_ONLINE,
) -> list[Standing]:
    """Return, for each draft, the first divergence of each group, whether it stands or not."""
    # A key that was not generated is the same in every lane: its history gets its own call.
    shared: list[int] = []
    alone: list[list[int]] = []
    for index, draft in enumerate(drafts):
        if can_share(view, draft):
            shared.append(index)
        else:
            alone.append([index])
    standings: list[Standing] = [{} for _ in drafts]
    for chunk in (*_chunks(drafts, shared), *alone):
        pack = pack_drafts(view, [drafts[index] for index in chunk])
        for lane, divergences in experiment.diverge(view, pack).items():
            standing = standings[chunk[lane]]
            for divergence in divergences:
                standing.setdefault(divergence.group, divergence)
    return standings


def _chunks(drafts: Sequence[Draft], indices: Sequence[int]) -> list[list[int]]:
    """Return indices in portions of a bounded number of events and requests."""
    chunks: list[list[int]] = []
    rows = ROWS_A_CALL
    for index in indices:
        size = len(drafts[index].events) + len(drafts[index].spine) + 1
        if rows + size > ROWS_A_CALL:
            chunks.append([])
            rows = 0
        chunks[-1].append(index)
        rows += size
    return chunks


def _without_late_requests(
    view: FeatureView, drafts: Sequence[Draft], standings: Sequence[Standing]
) -> list[Standing]:
    """Drop what differs only because a request came after an event of its own instant.

    It stands where prompt requests show it too, and where it is gone once those events lie a
    little later: then the side looks at their times, and not only at what came first. Three lengths
    are tried: by one alone a gap between events may come out as the other side has it by chance.
    """
    sifted = list(standings)
    trailing = _find_trailing(drafts, standings)
    if not trailing:
        return sifted
    prompt = find_divergences(view, [replace(drafts[i], lag=None) for i in trailing])
    for length in LATER:
        length = max(length - length % view.tick, view.tick)  # noqa: PLW2901
        moved = [_move_past(drafts[index], length) for index in trailing]
        later = find_divergences(view, moved)
        for index, when_prompt, when_later in zip(trailing, prompt, later, strict=True):
            trust = [group for group in when_later if group not in when_prompt]
            sifted[index] = _drop_groups(sifted[index], trust)
    return sifted


def _find_trailing(drafts: Sequence[Draft], standings: Sequence[Standing]) -> list[int]:
    """Return the drafts whose requests trail an event, and that show something."""
    trailing = []
    for index, draft in enumerate(drafts):
        if draft.lag is not None and standings[index]:
            trailing.append(index)
    return trailing


def _move_past(draft: Draft, length: int) -> Draft:
    """Return the draft with events at an `as_of` moved past it, still before the late request.

    Those that were so little past it make room: they come after the request, as they did.
    """
    moments = {ask.at for ask in draft.spine}
    events = []
    for event in draft.events:
        if any(0 <= event.at - moment <= length for moment in moments):
            event = event._replace(at=event.at + length)  # noqa: PLW2901
        events.append(event)
    return replace(draft, events=tuple(events), lag=length).ordered()


def _without_those_in_order(
    view: FeatureView, drafts: Sequence[Draft], standings: Sequence[Standing]
) -> list[Standing]:
    """Drop what differs in order too: no fault of the delivery is needed for it."""
    sifted = list(standings)
    faulty = []
    for index, draft in enumerate(drafts):
        # A scenario without a cause is no fault: there is nothing to take away from it.
        if standings[index] and draft.scenario.name in CAUSES:
            faulty.append(index)
    if not faulty:
        return sifted
    in_order = find_divergences(view, [drafts[index].in_order() for index in faulty])
    for index, without_faults in zip(faulty, in_order, strict=True):
        sifted[index] = _drop_groups(standings[index], without_faults)
    return sifted


def _drop_groups(standing: Standing, groups: Collection[Group]) -> Standing:
    remaining = dict(standing)
    for group in groups:
        remaining.pop(group, None)
    return remaining


def _without_rounding(
    view: FeatureView,
    drafts: Sequence[Draft],
    standings: Sequence[Standing],
    experiment: Experiment,
) -> list[Standing]:
    """Drop what is rounding: see `skewtest.compare.rounding`."""
    sifted = list(standings)
    doubtful: dict[int, list[Group]] = {}
    for index, standing in enumerate(standings):
        if standing:
            excused, doubtful_groups = _split_by_rounding(view, drafts[index], standing)
            sifted[index] = _drop_groups(standing, excused)
            if doubtful_groups:
                doubtful[index] = doubtful_groups
    if not doubtful:
        return sifted
    # What cancels by rounding alone vanishes where every sum of the inputs is exact.
    exact_drafts = [_on_grid(drafts[index]) for index in doubtful]
    exact = find_divergences(view, exact_drafts, experiment)
    for (index, groups), when_exact in zip(doubtful.items(), exact, strict=True):
        rounding = []
        for group in groups:
            if group in when_exact:
                continue
            if not _shows_on_one_event(view, drafts[index], group, experiment):
                rounding.append(group)
        sifted[index] = _drop_groups(sifted[index], rounding)
    return sifted


def _split_by_rounding(
    view: FeatureView, draft: Draft, standing: Standing
) -> tuple[list[Group], list[Group]]:
    """Return the groups that rounding explains, and those that it may explain or not."""
    largest = _largest_float(draft)
    excused: list[Group] = []
    doubtful: list[Group] = []
    for group, divergence in standing.items():
        if is_plain(view, divergence, largest):
            continue
        if exceeds_bound(divergence, len(draft.events), largest):
            doubtful.append(group)
        else:
            excused.append(group)
    return excused, doubtful


def _shows_on_one_event(
    view: FeatureView, draft: Draft, group: Group, experiment: Experiment
) -> bool:
    """Return whether a divergence is there, and more than rounding, on some event alone."""
    # One call for each event would be too dear, and so many events are seldom one event's bug.
    if len(draft.events) > MOST_SINGLE:
        return False
    single_drafts = [replace(draft, events=(event,)) for event in draft.events]
    standings = find_divergences(view, single_drafts, experiment)
    for single, standing in zip(single_drafts, standings, strict=True):
        if group in standing and exceeds_bound(standing[group], 1, _largest_float(single)):
            return True
    return False


def _largest_float(draft: Draft) -> float:
    return largest_of(_flatten(_cells_of(draft)))


def _cells_of(draft: Draft) -> Iterator[object]:
    for event in draft.events:
        yield from event.values
    for ask in draft.spine:
        yield from ask.values


def _flatten(cells: Iterable[object]) -> Iterator[object]:
    """Yield the scalars of cells, those inside vectors and structs too."""
    for cell in cells:
        if isinstance(cell, list):
            yield from _flatten(cell)
        elif isinstance(cell, Mapping):
            yield from _flatten(cell.values())
        else:
            yield cell


def _on_grid(draft: Draft) -> Draft:
    """Return the draft with every float on a grid on which sums of thousands of them are exact."""
    spacing = grid_of(_largest_float(draft))

    def to_grid(value: float) -> float:
        return on_grid(value, spacing)

    return replace(
        draft,
        events=_change_rows(draft.events, to_grid),
        spine=_change_rows(draft.spine, to_grid),
    )


def _change_rows(rows: Iterable[Row], change: Callable[[float], float]) -> tuple[Row, ...]:
    changed = []
    for row in rows:
        values = _change_floats(list(row.values), change)
        changed.append(row._replace(values=tuple(values)))
    return tuple(changed)


def _change_floats(value: Any, change: Callable[[float], float]) -> Any:
    """Return a value with every float changed, those inside vectors and structs too."""
    if isinstance(value, float):
        return change(value)
    if isinstance(value, list):
        return [_change_floats(inner, change) for inner in value]
    if isinstance(value, Mapping):
        return {name: _change_floats(inner, change) for name, inner in value.items()}
    return value
