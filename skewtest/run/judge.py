"""Judge drafts: which divergences of a history stand once they are looked at closely.

Two kinds do not stand. Where a request comes after an event of its own instant, an online side
that simply counts what it has seen is not wrong: it would count an event one tick later as well.
And a difference that is rounding is none (`skewtest.compare.rounding`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from skewtest.compare.rounding import exceeds_bound, grid_of, is_plain, largest_of, on_grid
from skewtest.compare.tables import Divergence
from skewtest.declare.delivery import CAUSES
from skewtest.declare.divergence import Kind
from skewtest.declare.view import FeatureView
from skewtest.run.draft import Draft, can_share, pack_drafts
from skewtest.run.experiment import BATCH_AGAINST_ONLINE, Experiment

Group = tuple[str, Kind, object]
Standing = dict[Group, Divergence]
EVENTS_A_CALL = 30_000
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
    return sift(view, drafts, raw(view, drafts, experiment), experiment)


def sift(
    view: FeatureView,
    drafts: Sequence[Draft],
    found: list[Standing],
    experiment: Experiment = BATCH_AGAINST_ONLINE,
) -> list[Standing]:
    """Return what stands of the divergences that drafts show."""
    found = _without_late_requests(view, drafts, found)
    found = _without_those_in_order(view, drafts, found)
    return _without_rounding(view, drafts, found, experiment)


def raw(
    view: FeatureView,
    drafts: Sequence[Draft],
    experiment: Experiment = BATCH_AGAINST_ONLINE,
) -> list[Standing]:
    """Return, for each draft, the first divergence of each group, unfiltered."""
    shared = [index for index, draft in enumerate(drafts) if can_share(view, draft)]
    alone = sorted(set(range(len(drafts))) - set(shared))
    results: list[Standing] = [{} for _ in drafts]
    for chunk in (*_chunks(drafts, shared), *([index] for index in alone)):
        found = experiment.diverge(view, pack_drafts(view, [drafts[index] for index in chunk]))
        for lane, divergences in found.items():
            for divergence in divergences:
                results[chunk[lane]].setdefault(divergence.group, divergence)
    return results


def _chunks(drafts: Sequence[Draft], indices: Sequence[int]) -> list[list[int]]:
    """Return indices in portions of a bounded number of events."""
    chunks: list[list[int]] = []
    weight = EVENTS_A_CALL
    for index in indices:
        size = len(drafts[index].events) + len(drafts[index].spine) + 1
        if weight + size > EVENTS_A_CALL:
            chunks.append([])
            weight = 0
        chunks[-1].append(index)
        weight += size
    return chunks


def _without_late_requests(
    view: FeatureView, drafts: Sequence[Draft], found: list[Standing]
) -> list[Standing]:
    """Drop what differs only because a request came after an event of its own instant."""
    late = [i for i, draft in enumerate(drafts) if draft.lag is not None and found[i]]
    if not late:
        return found
    prompt = raw(view, [replace(drafts[i], lag=None) for i in late])
    blind = raw(view, [_one_tick_later(view, drafts[i]) for i in late])
    kept = list(found)
    for position, index in enumerate(late):
        kept[index] = {
            group: divergence
            for group, divergence in found[index].items()
            if group in prompt[position] or group not in blind[position]
        }
    return kept


def _one_tick_later(view: FeatureView, draft: Draft) -> Draft:
    """Return the draft with events at an `as_of` moved past it, still before the late request."""
    tick = view.time.tick
    moments = {ask.at for ask in draft.spine}
    events = tuple(e._replace(at=e.at + tick) if e.at in moments else e for e in draft.events)
    return replace(draft, events=events, lag=tick).ordered()


def _without_those_in_order(
    view: FeatureView, drafts: Sequence[Draft], found: list[Standing]
) -> list[Standing]:
    """Drop what differs in order too: no fault of the delivery is needed for it."""
    faulty = [i for i, d in enumerate(drafts) if found[i] and d.scenario.name in CAUSES]
    if not faulty:
        return found
    plain = raw(view, [drafts[i].in_order() for i in faulty])
    kept = list(found)
    for position, index in enumerate(faulty):
        kept[index] = {g: d for g, d in found[index].items() if g not in plain[position]}
    return kept


def _without_rounding(
    view: FeatureView, drafts: Sequence[Draft], found: list[Standing], experiment: Experiment
) -> list[Standing]:
    """Drop what is rounding: see `skewtest.compare.rounding`."""
    kept = list(found)
    doubtful: dict[int, list[Group]] = {}
    for index, standing in enumerate(found):
        if not standing:
            continue
        largest = _largest(drafts[index])
        groups = [g for g, d in standing.items() if not is_plain(view, d, largest)]
        inputs = len(drafts[index].events)
        excess = [g for g in groups if exceeds_bound(standing[g], inputs, largest)]
        kept[index] = {g: d for g, d in standing.items() if g not in groups or g in excess}
        if excess:
            doubtful[index] = excess
    if not doubtful:
        return kept
    exact = raw(view, [_on_grid(drafts[index]) for index in doubtful], experiment)
    for (index, groups), regridded in zip(doubtful.items(), exact, strict=True):
        rounding = {
            group
            for group in groups
            if group not in regridded
            and not _shows_on_one_event(view, drafts[index], group, experiment)
        }
        kept[index] = {g: d for g, d in kept[index].items() if g not in rounding}
    return kept


def _shows_on_one_event(
    view: FeatureView, draft: Draft, group: Group, experiment: Experiment
) -> bool:
    """Return whether a divergence is there, and more than rounding, on some event alone."""
    if len(draft.events) > MOST_SINGLE:
        return False
    single = [replace(draft, events=(event,)) for event in draft.events]
    return any(
        group in standing and exceeds_bound(standing[group], 1, _largest(alone))
        for alone, standing in zip(single, raw(view, single, experiment), strict=True)
    )


def _largest(draft: Draft) -> float:
    cells = [v for event in draft.events for v in event.values]
    cells += [v for ask in draft.spine for v in ask.values]
    return largest_of(_flat(cells))


def _on_grid(draft: Draft) -> Draft:
    spacing = grid_of(_largest(draft))
    return _mapped(draft, lambda value: on_grid(value, spacing))


def _mapped(draft: Draft, change: Callable[[float], float]) -> Draft:
    """Return the draft with every float changed."""
    return replace(
        draft,
        events=tuple(
            e._replace(values=tuple(_changed(v, change) for v in e.values)) for e in draft.events
        ),
        spine=tuple(
            a._replace(values=tuple(_changed(v, change) for v in a.values)) for a in draft.spine
        ),
    )


def _changed(value: object, change: Callable[[float], float]) -> object:
    if isinstance(value, float):
        return change(value)
    if isinstance(value, list):
        return [_changed(inner, change) for inner in value]
    if isinstance(value, Mapping):
        return {name: _changed(inner, change) for name, inner in value.items()}
    return value


def _flat(cells: Sequence[object]) -> list[object]:
    flat: list[object] = []
    for cell in cells:
        if isinstance(cell, list):
            flat.extend(_flat(cell))
        elif isinstance(cell, Mapping):
            flat.extend(_flat(list(cell.values())))
        else:
            flat.append(cell)
    return flat
