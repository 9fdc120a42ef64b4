"""Edits of time: whole histories to a plain date, events to plain distances from `as_of`.

All moments are in microseconds since the epoch.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from skewtest.declare.view import FeatureView
from skewtest.generate.history import AFTER, BEFORE, BETWEEN, Restart
from skewtest.run.draft import Ask, Draft, Event
from skewtest.run.edits import Edit, Edits
from skewtest.times import DAY_US, HOUR_US, micros

Row = TypeVar("Row", Event, Ask, Restart)
# Events of longer histories are not put one unit apart: dates would run over months.
MOST_SPACED = 10
# Late events arrive at least this part of their distance apart: an hour, where that is a day.
PARTS_OF_A_UNIT = 24


def shift_draft(draft: Draft, by: int) -> Draft:
    """Return a draft moved in time, by microseconds."""
    boot = draft.boot
    if boot is not None:
        boot += by
    return replace(
        draft,
        events=_shift_rows(draft.events, by),
        spine=_shift_rows(draft.spine, by),
        restarts=_shift_rows(draft.restarts, by),
        boot=boot,
    )


def _shift_rows(rows: Sequence[Row], by: int) -> tuple[Row, ...]:
    return tuple(row._replace(at=row.at + by) for row in rows)


def space_events(view: FeatureView, draft: Draft, as_of: int, unit: int) -> Draft | None:
    """Return a short draft with its events before `as_of`, one `unit` after the other.

    None where it is too long, where an event would lie on the edge of a declared window, or where
    one would have to be later than declared.
    """
    count = len(draft.events)
    # A window's edge is a place of its own: what shows there may be another bug.
    if count > MOST_SPACED or _is_edge(view, unit, count):
        return None
    events = []
    for number, event in enumerate(draft.events):
        events.append(event._replace(at=as_of - (count - number) * unit))
    restarts = [_move_restart(restart, draft.events, events, as_of) for restart in draft.restarts]
    events = _keep_arrivals(draft.events, events, as_of, unit)
    late = draft.scenario.delivery.late
    if late is not None and any(event.delay > micros(late) for event in events):
        return None
    return replace(draft, events=tuple(events), restarts=tuple(sorted(restarts)))


def _keep_arrivals(
    before: Sequence[Event], after: Sequence[Event], as_of: int, unit: int
) -> list[Event]:
    """Return moved events that arrive in the order in which they did, late ones after `as_of`.

    That order, and which events came too late, is what a fault of the delivery shows by.
    """
    events = list(after)
    if not any(event.delay for event in before):
        return events
    arrivals = [event.at + event.delay for event in before]
    latest = 0
    # In the order of arrival, so that each event can be put behind the one that came before it.
    for number in sorted(range(len(before)), key=lambda number: arrivals[number]):
        event = after[number]
        arrival = max(event.at, latest + unit // PARTS_OF_A_UNIT)
        # What came too late for the last request must come too late again.
        if arrivals[number] >= as_of:
            arrival = max(arrival, as_of + HOUR_US)
        latest = max(latest, arrival)
        events[number] = event._replace(delay=arrival - event.at)
    return events


def _move_restart(
    restart: Restart, before: Sequence[Event], after: Sequence[Event], as_of: int
) -> Restart:
    """Return a restart that stands among moved events where it stood."""
    if restart.at >= as_of or not after:
        return restart
    at, rank = after[0].at, BEFORE
    for event, moved in zip(before, after, strict=True):
        # Right after the last event that came before it: a plain place, and the same state.
        if (event.at, BETWEEN) < (restart.at, restart.rank):
            at, rank = moved.at, AFTER
    return Restart(at, rank, restart.crash, restart.again)


def bring_events_near(view: FeatureView, draft: Draft, as_of: int) -> list[Edits]:
    """Return edits that put each event a day before `as_of`."""
    if _is_edge(view, DAY_US, 1):
        return []
    day_before = as_of - DAY_US
    proposals: list[Edits] = []
    for row, event in enumerate(draft.events):
        # Earlier ones alone: what is nearer may be there because something has to be.
        if event.at < day_before:
            proposals.append((Edit("event.at", row, value=day_before),))
    return proposals


def _is_edge(view: FeatureView, unit: int, count: int) -> bool:
    """Return whether one of the first `count` multiples of a unit is a declared window.

    An event right on an edge shows something else than one beside it, or hides what it showed.
    """
    for window in view.windows:
        steps, remainder = divmod(micros(window), unit)
        if remainder == 0 and 1 <= steps <= count:
            return True
    return False


def round_times(draft: Draft, as_of: int, level: int, side: int) -> list[Edits]:
    """Return edits that put events and earlier requests a whole number of `level` from `as_of`.

    Args:
        draft: the history.
        as_of: the moment of the last request.
        level: such as an hour, in microseconds.
        side: 0 moves a row nearer to `as_of`, `level - 1` away from it.
    """
    proposals: list[Edits] = []

    def propose(action: str, row: int, at: int) -> None:
        distance = as_of - at
        if distance % level:
            rounded = as_of - (distance + side) // level * level
            proposals.append((Edit(action, row, value=rounded),))

    for row, event in enumerate(draft.events):
        propose("event.at", row, event.at)
    for row, ask in enumerate(draft.spine):
        propose("ask.at", row, ask.at)
    return proposals
