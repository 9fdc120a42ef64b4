"""Minimise: from a history that diverges to the smallest and plainest one that still does.

All candidates of a round stand side by side in one batch call. A round proposes edits; those that
keep the failure alone are then combined, as many as keep it together.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from skewtest.declare.columns import (
    Bools,
    Categories,
    Column,
    Drawn,
    Floats,
    Ints,
    Key,
    Strings,
    Vectors,
)
from skewtest.declare.view import FeatureView
from skewtest.generate.keys import PLAIN
from skewtest.run.draft import Ask, Draft, Event, Slot
from skewtest.run.judge import Group, judge
from skewtest.times import DAY_US, HOUR_US, SECOND_US, instant, micros

PLAIN_AS_OF = instant(datetime(2024, 3, 8, tzinfo=UTC))
NEAR = (DAY_US, HOUR_US, 5 * HOUR_US)
"""Plain distances of events from `as_of` and each other, as far as they are no window."""
LEVELS = (DAY_US, HOUR_US, 60 * SECOND_US, SECOND_US, 1_000)
PASSES = 3
MOST_DAYS = 10
FEWEST = 32
"""So many proposals are always tried one by one."""
EVENTS_A_ROUND = 8_000
"""Of long histories, so many events are tried in a round: a spread of the proposals."""


class Edit(NamedTuple):
    """One change of a draft. `what` names it; `row` is the number of an event or a spine row.

    what: "event" and "ask" drop a row, "event.at" and "ask.at" move it, "event.value" and
    "ask.value" set the value at `position`.
    """

    what: str
    row: int
    position: int = 0
    value: Any = None


Edits = tuple[Edit, ...]


@dataclass(slots=True)
class Minimiser:
    """The minimising of one divergence."""

    view: FeatureView
    group: Group
    draft: Draft
    deadline: float
    alone: bool = False

    def run(self) -> Draft:
        """Return the smallest draft found."""
        self._first(replace(self.draft, lag=None) if self.draft.lag is not None else None)
        for _ in range(PASSES):
            before = self.draft
            self._drop()
            self._plain_keys()
            self._plain_times()
            self._plain_values()
            if self.draft == before or self._is_late():
                break
        return self.draft

    def _is_late(self) -> bool:
        return time.perf_counter() > self.deadline

    def _holding(self, drafts: Sequence[Draft]) -> list[bool]:
        if self._is_late() or not drafts:
            return [False] * len(drafts)
        return [self.group in found for found in judge(self.view, drafts, alone=self.alone)]

    def _first(self, *candidates: Draft | None) -> bool:
        """Take the first candidate that still fails."""
        drafts = [c for c in candidates if c is not None and c != self.draft and c.spine]
        for draft, holds in zip(drafts, self._holding(drafts), strict=True):
            if holds:
                self.draft = draft
                return True
        return False

    def _settle(self, proposals: Iterable[Edits]) -> None:
        """Take as many proposals as keep the failure."""
        base = self.draft
        waiting = [edits for edits in proposals if edits]
        if not waiting:
            return
        size = len(base.events) + len(base.spine) + 1
        waiting = _spread(waiting, max(FEWEST, EVENTS_A_ROUND // size))
        everything = applied(base, _joined(waiting))
        if size > FEWEST and self._first(everything):
            return
        alone = [applied(base, edits) for edits in waiting]
        at_once, *single = self._holding([everything, *alone])
        if at_once:
            self.draft = everything
            return
        good = [edits for edits, holds in zip(waiting, single, strict=True) if holds]
        taken: list[Edits] = []
        while good:
            sizes = sorted({1, *(len(good) * part // 8 for part in range(1, 9))} - {0})
            candidates = [applied(base, _joined([*taken, *good[:size]])) for size in sizes]
            holding = [s for s, h in zip(sizes, self._holding(candidates), strict=True) if h]
            if holding:
                taken += good[: holding[-1]]
                good = good[holding[-1] :]
            good = good[1:] if not holding or holding[-1] < sizes[-1] else good
            if self._is_late():
                break
        if taken:
            self.draft = applied(base, _joined(taken))

    def _drop(self) -> None:
        """Drop spine rows and events: whole entities, large pieces, small ones."""
        self._settle((Edit("ask", i),) for i in range(len(self.draft.spine)))
        self._settle(_entity_drops(self.view, self.draft))
        piece = max(1, len(self.draft.events) // 2)
        while True:
            before = len(self.draft.events)
            self._settle(
                tuple(Edit("event", i) for i in range(start, min(start + piece, before)))
                for start in range(0, before, piece)
            )
            if self._is_late() or (piece == 1 and len(self.draft.events) == before):
                return
            if len(self.draft.events) == before or piece > len(self.draft.events) // 2:
                piece = max(1, min(piece // 2, len(self.draft.events) // 2))

    def _plain_keys(self) -> None:
        """Spell identities as plainly as they come: "a", "b"."""
        for position in range(len(self.view.entity)):
            self._settle_one_by_one(_key_edits(self.view, self.draft, position))

    def _settle_one_by_one(self, proposals: Sequence[Edits]) -> None:
        for edits in proposals:
            self._first(applied(self.draft, edits))

    def _plain_times(self) -> None:
        """Move the history to a plain date, then events to whole days and hours before `as_of`."""
        as_of = max(ask.at for ask in self.draft.spine)
        plain = (PLAIN_AS_OF, as_of - as_of % DAY_US, as_of - as_of % HOUR_US)
        allowed = [to for to in plain if to != as_of and self._is_in_span(to)]
        self._first(*(_shifted(self.draft, to - as_of) for to in allowed))
        as_of = max(ask.at for ask in self.draft.spine)
        apart = [_apart(self.view, self.draft, as_of, unit) for unit in NEAR]
        if self.draft not in apart and not self._first(*apart):
            self._settle(_near(self.view, self.draft, as_of, DAY_US))
        for level in LEVELS:
            for side in (0, level - 1):
                self._settle(_rounded(self.draft, as_of, level, side))

    def _is_in_span(self, at: int) -> bool:
        """Return whether a moment lies where the sources say that their events do."""
        starts = [instant(s.start) for s in self.view.sources.values() if s.start is not None]
        ends = [instant(s.end) for s in self.view.sources.values() if s.end is not None]
        return all(at >= start for start in starts) and all(at <= end for end in ends)

    def _plain_values(self) -> None:
        """Set values to the plainest of their kind: whole columns first, then cell by cell."""
        for rank in range(2):
            self._settle(_column_edits(self.view, self.draft, rank))
            self._settle(_cell_edits(self.view, self.draft, rank))
        self._settle(_cell_edits(self.view, self.draft, 2))


def minimise(
    view: FeatureView, draft: Draft, group: Group, seconds: float, *, alone: bool = False
) -> Draft:
    """Return a smallest draft on which the divergences of `group` still stand.

    Args:
        view: the view that diverges.
        draft: a history on which it does.
        group: feature, kind and failure of the divergence.
        seconds: when to stop with the smallest draft so far.
        alone: give each candidate a batch call of its own, because company is what matters.
    """
    deadline = time.perf_counter() + seconds
    return Minimiser(view, group, draft.ordered(), deadline, alone).run()


def applied(draft: Draft, edits: Edits) -> Draft:
    """Return a draft with edits made; indices are those of `draft`."""
    dropped = {edit.row for edit in edits if edit.what == "event"}
    unasked = {edit.row for edit in edits if edit.what == "ask"}
    events: list[Event] = list(draft.events)
    spine: list[Ask] = list(draft.spine)
    for what, index, position, value in edits:
        match what:
            case "event.at":
                events[index] = events[index]._replace(at=value)
            case "ask.at":
                spine[index] = spine[index]._replace(at=value)
            case "event.value":
                cells = _with(events[index].values, position, value)
                events[index] = events[index]._replace(values=cells)
            case "ask.value":
                spine[index] = spine[index]._replace(
                    values=_with(spine[index].values, position, value)
                )
            case "ask.entity":
                spine[index] = spine[index]._replace(
                    entity=_with(spine[index].entity, position, value)
                )
    kept = {(a.at, a.entity): a for i, a in enumerate(spine) if i not in unasked}
    return replace(
        draft,
        events=tuple(event for i, event in enumerate(events) if i not in dropped),
        spine=tuple(kept.values()),
    ).ordered()


def _spread(proposals: list[Edits], most: int) -> list[Edits]:
    """Return at most `most` proposals, evenly spread."""
    if len(proposals) <= most:
        return proposals
    return [proposals[index * len(proposals) // most] for index in range(most)]


def _joined(proposals: Iterable[Edits]) -> Edits:
    return tuple(edit for edits in proposals for edit in edits)


def _with(values: tuple[Any, ...], position: int, value: Any) -> tuple[Any, ...]:
    return (*values[:position], value, *values[position + 1 :])


def _entity_drops(view: FeatureView, draft: Draft) -> list[Edits]:
    """Return, for each entity, the edits that drop all its events."""
    owners: dict[Any, list[Edit]] = {}
    for index, event in enumerate(draft.events):
        columns = view.sources[event.source].columns
        pairs = zip(columns, event.values, strict=True)
        owner = repr([value for name, value in pairs if name in view.entity])
        owners.setdefault(owner, []).append(Edit("event", index))
    return [tuple(edits) for edits in owners.values()] if len(owners) > 1 else []


def _key_edits(view: FeatureView, draft: Draft, position: int) -> list[Edits]:
    """Return, for each identity of an entity column, the edits that spell it plainly."""
    name = view.entity[position]
    places: dict[Slot, list[Edit]] = {}
    for index, ask in enumerate(draft.spine):
        if isinstance(ask.entity[position], Slot):
            places.setdefault(ask.entity[position], []).append(Edit("ask.entity", index, position))
    for index, event in enumerate(draft.events):
        columns = list(view.sources[event.source].columns)
        at = columns.index(name) if name in columns else None
        if at is not None and isinstance(event.values[at], Slot):
            places.setdefault(event.values[at], []).append(Edit("event.value", index, at))
    free = [Slot(0, slot) for slot in range(len(PLAIN)) if Slot(0, slot) not in places]
    odd = [slot for slot in places if slot.group or slot.slot >= len(PLAIN)]
    if not odd:
        wanted = [Slot(0, slot) for slot in range(len(places))]
        odd = [slot for slot in places if slot not in wanted]
        free = [slot for slot in wanted if slot not in places]
    return [
        tuple(edit._replace(value=plain) for edit in places[slot])
        for slot, plain in zip(odd, free, strict=False)
    ]


def _shifted(draft: Draft, by: int) -> Draft:
    return replace(
        draft,
        events=tuple(event._replace(at=event.at + by) for event in draft.events),
        spine=tuple(ask._replace(at=ask.at + by) for ask in draft.spine),
    )


def _apart(view: FeatureView, draft: Draft, as_of: int, unit: int) -> Draft | None:
    """Return a short draft with its events before `as_of`, one `unit` after the other."""
    count = len(draft.events)
    if count > MOST_DAYS or _is_edge(view, unit, count):
        return None
    events = (e._replace(at=as_of - (count - i) * unit) for i, e in enumerate(draft.events))
    return replace(draft, events=tuple(events))


def _near(view: FeatureView, draft: Draft, as_of: int, unit: int) -> list[Edits]:
    """Return edits that put each event one `unit` before `as_of`."""
    if _is_edge(view, unit, 1):
        return []
    return [
        (Edit("event.at", index, value=as_of - unit),)
        for index, event in enumerate(draft.events)
        if event.at < as_of - unit
    ]


def _is_edge(view: FeatureView, unit: int, count: int) -> bool:
    """Return whether one of the first `count` multiples of a unit is a declared window."""
    windows = {micros(window) for window in view.windows}
    return any(step * unit in windows for step in range(1, count + 1))


def _rounded(draft: Draft, as_of: int, level: int, side: int) -> list[Edits]:
    """Return edits that put events and earlier requests a whole number of `level` from `as_of`."""

    def moved(at: int) -> int:
        return as_of - (as_of - at + side) // level * level

    times = [("event.at", index, event.at) for index, event in enumerate(draft.events)]
    times += [("ask.at", index, ask.at) for index, ask in enumerate(draft.spine)]
    return [
        (Edit(what, index, value=moved(at)),) for what, index, at in times if (as_of - at) % level
    ]


def _column_edits(view: FeatureView, draft: Draft, rank: int) -> list[Edits]:
    """Return, for each column, the edits that set all its cells to one plain value."""
    columns: dict[tuple[str, str, int], list[Edit]] = {}
    for edits in _cell_edits(view, draft, rank):
        for edit in edits:
            source = draft.events[edit.row].source if edit.what == "event.value" else ""
            columns.setdefault((edit.what, source, edit.position), []).append(edit)
    return [tuple(edits) for edits in columns.values()]


def _cell_edits(view: FeatureView, draft: Draft, rank: int) -> list[Edits]:
    """Return edits that set single cells to their plain value number `rank`."""
    kinds = {name: list(source.columns.values()) for name, source in view.sources.items()}
    cells = [
        ("event.value", index, position, kind, value)
        for index, event in enumerate(draft.events)
        for position, (kind, value) in enumerate(
            zip(kinds[event.source], event.values, strict=True)
        )
    ]
    cells += [
        ("ask.value", index, position, kind, value)
        for index, ask in enumerate(draft.spine)
        for position, (kind, value) in enumerate(
            zip(view.request.values(), ask.values, strict=True)
        )
    ]
    return [
        (Edit(what, index, position, plain),)
        for what, index, position, kind, value in cells
        for plain in _plainer(kind, value, rank)
    ]


def _plainer(kind: Column, value: Any, rank: int) -> list[Any]:
    """Return the plain value number `rank` of a column, if it is plainer than what is there."""
    options = _plain_values(kind, value)
    if rank >= len(options) or value in options[: rank + 1]:
        return []
    return [options[rank]]


def _plain_values(kind: Column, value: Any) -> list[Any]:
    match kind:
        case Key():
            return [Slot(0, 0)] if isinstance(value, Slot) and value.slot >= len(PLAIN) else []
        case Floats():
            return _plain_numbers(kind.min, kind.max, value, float)
        case Ints():
            return _plain_numbers(kind.min, kind.max, value, int)
        case Bools():
            return [False, True]
        case Categories():
            return list(kind.values[:2])
        case Strings():
            return ["a", ""]
        case Vectors():
            one = min(max(1.0, kind.element.min), kind.element.max)
            return [[one] * kind.size]
        case Drawn():
            return []
    return []


def _plain_numbers(low: Any, high: Any, value: Any, kind: Callable[[Any], Any]) -> list[Any]:
    options = [kind(plain) for plain in (1, 0) if low <= plain <= high]
    if not options:
        options = [kind(low)]
    if isinstance(value, int | float) and abs(value) < 2**53 and low <= round(value) <= high:
        options = [*options[:1], *(options[1:] or options), kind(round(value))]
    return options
