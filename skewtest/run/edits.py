"""Edits: what minimising proposes. Each makes a history smaller or plainer, whatever it shows."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from skewtest.declare.kinds import Column
from skewtest.declare.view import FeatureView
from skewtest.generate.history import AFTER, BEFORE, BETWEEN, Restart
from skewtest.generate.keys import PLAIN
from skewtest.run.draft import Ask, Draft, Event, Slot
from skewtest.run.plain import plain_values
from skewtest.times import DAY_US, HOUR_US, micros

MOST_DAYS = 10


class Edit(NamedTuple):
    """One change of a draft. `what` names it; `row` is the number of an event or a spine row.

    what: "event", "ask" and "restart" drop a row, "event.at" and "ask.at" move it, "event.value",
    "ask.value" and "ask.entity" set the value at `position`, "event.faults" sets delay, turn,
    copies and worker, "restart.value" replaces a restart.
    """

    what: str
    row: int
    position: int = 0
    value: Any = None


Edits = tuple[Edit, ...]


def applied(draft: Draft, edits: Edits) -> Draft:
    """Return a draft with edits made; indices are those of `draft`."""
    dropped = {edit.row for edit in edits if edit.what == "event"}
    unasked = {edit.row for edit in edits if edit.what == "ask"}
    spared = {edit.row for edit in edits if edit.what == "restart"}
    events: list[Event] = list(draft.events)
    spine: list[Ask] = list(draft.spine)
    restarts = list(draft.restarts)
    boot = draft.boot
    for what, index, position, value in edits:
        match what:
            case "event.at":
                events[index] = events[index]._replace(at=value)
            case "ask.at":
                boot = value if spine[index].at == draft.boot else boot
                spine[index] = spine[index]._replace(at=value)
            case "event.faults":
                delay, turn, copies, worker = value
                events[index] = events[index]._replace(
                    delay=delay, turn=turn, copies=copies, worker=worker
                )
            case "restart.value":
                restarts[index] = value
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
        restarts=tuple(sorted(r for i, r in enumerate(restarts) if i not in spared)),
        boot=boot,
    ).ordered()


def joined(proposals: Iterable[Edits]) -> Edits:
    """Return proposals as one."""
    return tuple(edit for edits in proposals for edit in edits)


def _with(values: tuple[Any, ...], position: int, value: Any) -> tuple[Any, ...]:
    return (*values[:position], value, *values[position + 1 :])


def entity_drops(view: FeatureView, draft: Draft) -> list[Edits]:
    """Return, for each entity, the edits that drop all its events."""
    owners: dict[Any, list[Edit]] = {}
    for index, event in enumerate(draft.events):
        columns = view.sources[event.source].columns
        pairs = zip(columns, event.values, strict=True)
        owner = repr([value for name, value in pairs if name in view.entity])
        owners.setdefault(owner, []).append(Edit("event", index))
    return [tuple(edits) for edits in owners.values()] if len(owners) > 1 else []


def key_edits(view: FeatureView, draft: Draft, position: int) -> list[Edits]:
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


def shifted(draft: Draft, by: int) -> Draft:
    """Return a draft moved in time, by microseconds."""
    return replace(
        draft,
        events=tuple(event._replace(at=event.at + by) for event in draft.events),
        spine=tuple(ask._replace(at=ask.at + by) for ask in draft.spine),
        restarts=tuple(restart._replace(at=restart.at + by) for restart in draft.restarts),
        boot=None if draft.boot is None else draft.boot + by,
    )


def apart(view: FeatureView, draft: Draft, as_of: int, unit: int) -> Draft | None:
    """Return a short draft with its events before `as_of`, one `unit` after the other."""
    count = len(draft.events)
    if count > MOST_DAYS or _is_edge(view, unit, count):
        return None
    events = [e._replace(at=as_of - (count - i) * unit) for i, e in enumerate(draft.events)]
    restarts = (_moved(restart, draft.events, events, as_of) for restart in draft.restarts)
    events = _arriving_alike(draft.events, events, as_of, unit)
    late = draft.scenario.delivery.late
    if late is not None and any(event.delay > micros(late) for event in events):
        return None
    return replace(draft, events=tuple(events), restarts=tuple(sorted(restarts)))


def _arriving_alike(
    before: Sequence[Event], after: Sequence[Event], as_of: int, unit: int
) -> list[Event]:
    """Return moved events that arrive in the order in which they did, late ones after `as_of`."""
    if not any(event.delay for event in before):
        return list(after)
    order = sorted(range(len(before)), key=lambda n: before[n].at + before[n].delay)
    moved = list(after)
    arrived = 0
    for number in order:
        event = after[number]
        arrival = max(event.at, arrived + unit // 24)
        if before[number].at + before[number].delay >= as_of:
            arrival = max(arrival, as_of + HOUR_US)
        arrived = max(arrived, arrival)
        moved[number] = event._replace(delay=arrival - event.at)
    return moved


def _moved(
    restart: Restart, before: Sequence[Event], after: Sequence[Event], as_of: int
) -> Restart:
    """Return a restart that stands among moved events where it stood."""
    earlier = [n for n, e in enumerate(before) if (e.at, BETWEEN) < (restart.at, restart.rank)]
    if restart.at >= as_of or not after:
        return restart
    if not earlier:
        return Restart(after[0].at, BEFORE, restart.crash, restart.again)
    return Restart(after[earlier[-1]].at, AFTER, restart.crash, restart.again)


def fault_edits(draft: Draft) -> list[Edits]:
    """Return edits that take faults away, one event or restart each."""
    spare: list[Edits] = [(Edit("restart", index),) for index in range(len(draft.restarts))]
    plain = (0, 0, (), 0)
    return spare + [
        (Edit("event.faults", index, value=plain),)
        for index, event in enumerate(draft.events)
        if event[3:] != plain
    ]


def plainer_fault_edits(draft: Draft, as_of: int) -> list[Edits]:
    """Return edits that make faults plainer: fewer copies, whole hours, no crash, no tail."""
    found: list[Edits] = []
    for index, (_, _, _, delay, turn, copies, worker) in enumerate(draft.events):
        plain_copies = (0,) if copies else ()
        options = [
            (0, turn, copies, worker),
            (delay, 0, copies, worker),
            (delay, turn, (), worker),
            (delay, turn, copies[:1], worker),
            (delay, turn, plain_copies, worker),
            (delay, min(turn, 1), copies, worker),
            *((whole, turn, copies, worker) for whole in _whole(draft, delay)),
        ]
        now = (delay, turn, copies, worker)
        found += [(Edit("event.faults", index, value=o),) for o in options if o != now]
    for index, restart in enumerate(draft.restarts):
        places = [Restart(as_of, BEFORE)]
        places += [Restart(event.at, AFTER) for event in draft.events]
        wanted = [
            restart._replace(crash=0),
            restart._replace(again=0),
            restart._replace(again=min(restart.again, 1)),
            *(restart._replace(at=place.at, rank=place.rank) for place in places),
        ]
        found += [
            (Edit("restart.value", index, value=o),)
            for o in dict.fromkeys(wanted)
            if _plainness(o, as_of) < _plainness(restart, as_of)
        ]
    return found


def _whole(draft: Draft, delay: int) -> list[int]:
    """Return a delay as whole days and hours, within what is declared."""
    late = draft.scenario.delivery.late
    most = delay if late is None else micros(late)
    whole = [delay // size * size + more for size in (DAY_US, HOUR_US) for more in (0, size)]
    return [d for d in whole if 0 < d <= most] if delay % HOUR_US else []


def _plainness(restart: Restart, as_of: int) -> tuple[int, int, bool]:
    """Return a key by which plainer restarts sort first."""
    return restart.again, restart.crash, restart[:2] != (as_of, BEFORE) and restart.rank != AFTER


def near(view: FeatureView, draft: Draft, as_of: int) -> list[Edits]:
    """Return edits that put each event a day before `as_of`."""
    if _is_edge(view, DAY_US, 1):
        return []
    return [
        (Edit("event.at", index, value=as_of - DAY_US),)
        for index, event in enumerate(draft.events)
        if event.at < as_of - DAY_US
    ]


def _is_edge(view: FeatureView, unit: int, count: int) -> bool:
    """Return whether one of the first `count` multiples of a unit is a declared window."""
    windows = {micros(window) for window in view.windows}
    return any(step * unit in windows for step in range(1, count + 1))


def rounded(draft: Draft, as_of: int, level: int, side: int) -> list[Edits]:
    """Return edits that put events and earlier requests a whole number of `level` from `as_of`."""

    def moved(at: int) -> int:
        return as_of - (as_of - at + side) // level * level

    times = [("event.at", index, event.at) for index, event in enumerate(draft.events)]
    times += [("ask.at", index, ask.at) for index, ask in enumerate(draft.spine)]
    return [
        (Edit(what, index, value=moved(at)),) for what, index, at in times if (as_of - at) % level
    ]


def column_edits(view: FeatureView, draft: Draft, rank: int) -> list[Edits]:
    """Return, for each column, the edits that set all its cells to one plain value."""
    columns: dict[tuple[str, str, int], list[Edit]] = {}
    for edits in cell_edits(view, draft, rank):
        for edit in edits:
            source = draft.events[edit.row].source if edit.what == "event.value" else ""
            columns.setdefault((edit.what, source, edit.position), []).append(edit)
    return [tuple(edits) for edits in columns.values()]


def cell_edits(view: FeatureView, draft: Draft, rank: int) -> list[Edits]:
    """Return edits that set single cells to their plain value number `rank`."""
    columns = {name: list(source.columns.items()) for name, source in view.sources.items()}
    cells = [
        ("event.value", index, position, kind, value)
        for index, event in enumerate(draft.events)
        for position, ((name, kind), value) in enumerate(
            zip(columns[event.source], event.values, strict=True)
        )
        if name != view.sources[event.source].arrival  # it follows the delivery
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
    options = plain_values(kind, value)
    if rank >= len(options) or value in options[: rank + 1]:
        return []
    return [options[rank]]
