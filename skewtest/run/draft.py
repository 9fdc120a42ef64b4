"""Drafts: histories as plain rows, which can be cut, changed and put side by side cheaply.

A key is kept as a slot of an identity, not as a string, so that copies of a draft can live in
other lanes. A key that generation did not make stays as it is and ties its draft to one lane.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import polars as pl

from skewtest.declare.delivery import IN_ORDER, Scenario
from skewtest.declare.kinds import Column, Ids, Key
from skewtest.declare.source import Source
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import python_values
from skewtest.generate.history import (
    COPIES,
    DELAY,
    FAULTS,
    LANE,
    SEQUENCE,
    TURN,
    WORKER,
    History,
    Pack,
    Restart,
    ordered,
)
from skewtest.generate.keys import parse, parse_id, render, render_id
from skewtest.generate.values import arrival_series
from skewtest.times import instants_of


class Slot(NamedTuple):
    """A generated key: identity `group` of its lane, in one of its spellings."""

    group: int
    slot: int


class Own(NamedTuple):
    """A generated id of an event: numbers tell the events of a draft apart."""

    number: int


@dataclass(frozen=True, slots=True)
class Names:
    """What the identities and ids of a history are called in its draft: numbers from 0."""

    groups: dict[int, int] = field(default_factory=dict)
    ids: dict[int, int] = field(default_factory=dict)


class Event(NamedTuple):
    """One event: source, event time in microseconds, values in the order of its columns.

    `delay`, `turn`, `copies` and `worker` are its faults, as in `skewtest.generate.history`.
    """

    source: str
    at: int
    values: tuple[Any, ...]
    delay: int = 0
    turn: int = 0
    copies: tuple[int, ...] = ()
    worker: int = 0


class Ask(NamedTuple):
    """One spine row: `as_of` in microseconds, entity, request values."""

    at: int
    entity: tuple[Any, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A history as rows: events in sequence order, the spine, and the delivery, as in History."""

    events: tuple[Event, ...]
    spine: tuple[Ask, ...]
    lag: int | None = None
    restarts: tuple[Restart, ...] = ()
    boot: int | None = None
    scenario: Scenario = Scenario()  # noqa: RUF009 - frozen

    def ordered(self) -> "Draft":
        """Return the draft with events and requests in order of time, ties as they stood."""
        return replace(
            self,
            events=tuple(sorted(self.events, key=lambda event: event.at)),
            spine=tuple(sorted(self.spine, key=lambda ask: ask.at)),
        )

    def in_order(self) -> "Draft":
        """Return the draft without any fault of its delivery."""
        events = (Event(event.source, event.at, event.values) for event in self.events)
        return Draft(tuple(events), self.spine, scenario=self.scenario.in_order)


def draft_of(view: FeatureView, history: History) -> Draft:
    """Return a history as a draft; identities are numbered from 0 in order of appearance."""
    names = Names()
    rows: list[tuple[int, Event]] = []
    for name, source in view.sources.items():
        frame = history.events[name]
        times = instants_of(frame[source.time]).to_list()
        columns = [
            _lags(frame, source, times) if c == source.arrival else _drafted(kind, frame[c], names)
            for c, kind in source.columns.items()
        ]
        values = zip(*columns, strict=True)
        faults = zip(*(_faults(frame, column) for column in FAULTS), strict=True)
        events = (
            Event(name, at, row, *fault)
            for at, row, fault in zip(times, values, faults, strict=True)
        )
        rows.extend(zip(frame[SEQUENCE].to_list(), events, strict=True))
    rows.sort(key=lambda pair: (pair[1].at, pair[0]))
    spine = history.spine
    entity = [_drafted(kind, spine[c], names) for c, kind in view.entity_columns.items()]
    request = [_drafted(kind, spine[c], names) for c, kind in view.request.items()]
    asked = instants_of(spine[AS_OF]).to_list()
    keys = list(zip(*entity, strict=True))
    extras = list(zip(*request, strict=True)) if request else [()] * len(asked)
    return Draft(
        events=tuple(event for _, event in rows),
        spine=tuple(Ask(*row) for row in zip(asked, keys, extras, strict=True)),
        lag=history.lag,
        restarts=history.restarts,
        boot=history.boot,
        scenario=history.scenario,
    )


def history_of_draft(view: FeatureView, draft: Draft) -> History:
    """Return a draft as a history, with the plainest keys and ids."""
    return pack_drafts(view, [_renumbered(draft)]).history(0)


def _renumbered(draft: Draft) -> Draft:
    """Return a draft whose events' own ids count from the first."""
    numbers: dict[Any, Own] = {}
    for event in draft.events:
        for value in event.values:
            if isinstance(value, Own):
                numbers.setdefault(value, Own(len(numbers)))
    events = (
        event._replace(
            values=tuple(numbers.get(v, v) if isinstance(v, Own) else v for v in event.values)
        )
        for event in draft.events
    )
    return replace(draft, events=tuple(events)) if numbers else draft


def can_share(view: FeatureView, draft: Draft) -> bool:
    """Return whether copies of a draft can stand side by side in one batch call."""
    if not view.laned:
        return False
    return all(
        isinstance(value, Slot | Own) or value is None
        for event in draft.events
        for value, kind in zip(
            event.values, view.sources[event.source].columns.values(), strict=True
        )
        if isinstance(kind, Key | Ids)
    ) and all(isinstance(value, Slot) for ask in draft.spine for value in ask.entity)


def pack_drafts(view: FeatureView, drafts: Sequence[Draft]) -> Pack:
    """Return drafts side by side, each with identities of its own.

    They are all of one scenario.
    """
    stride = _stride(drafts)
    tables = {}
    for name, source in view.sources.items():
        rows = [
            (lane, number, event)
            for lane, draft in enumerate(drafts)
            for number, event in enumerate(draft.events)
            if event.source == name
        ]
        lanes = [lane for lane, _, _ in rows]
        columns = [source.type.series(source.time, [event.at for _, _, event in rows])]
        for position, (column, kind) in enumerate(source.columns.items()):
            if column == source.arrival:
                arrived = [_recorded(event, position) for _, _, event in rows]
                columns.append(arrival_series(source, arrived))
                continue
            cells = [event.values[position] for _, _, event in rows]
            columns.append(_series(column, kind, cells, lanes, stride))
        columns.append(pl.Series(LANE, lanes, dtype=pl.Int32))
        columns.append(pl.Series(SEQUENCE, [number for _, number, _ in rows], dtype=pl.Int64))
        columns += _fault_columns([event for _, _, event in rows])
        tables[name] = ordered(view, name, pl.DataFrame(columns))
    return Pack(
        events=tables,
        spine=_spine(view, drafts, stride),
        lanes=len(drafts),
        lags={lane: draft.lag for lane, draft in enumerate(drafts) if draft.lag is not None},
        restarts={lane: draft.restarts for lane, draft in enumerate(drafts) if draft.restarts},
        boots={lane: draft.boot for lane, draft in enumerate(drafts) if draft.boot is not None},
        scenario=drafts[0].scenario if drafts else view.delivery.under(IN_ORDER),
    )


def _lags(frame: pl.DataFrame, source: Source, times: Sequence[int]) -> list[int | None]:
    """Return how long after their delivery events are recorded as arrived: 0 for generated ones.

    A real log may hold anything there, and times that move take it along.
    """
    assert source.arrival is not None
    recorded = instants_of(frame[source.arrival]).to_list()
    delays = _faults(frame, DELAY)
    return [
        None if arrived is None else arrived - at - delay
        for arrived, at, delay in zip(recorded, times, delays, strict=True)
    ]


def _recorded(event: Event, position: int) -> int | None:
    lag = event.values[position]
    return None if lag is None else event.at + event.delay + int(lag)


def _faults(frame: pl.DataFrame, column: str) -> list[Any]:
    """Return a column of faults; none where the frame has it not."""
    if column not in frame.columns:
        return [() if column == COPIES else 0] * frame.height
    values = frame[column].to_list()
    return [tuple(delays or ()) for delays in values] if column == COPIES else values


def _fault_columns(events: list[Event]) -> list[pl.Series]:
    """Return the columns of faults that some event has."""
    faults: dict[str, list[Any]] = {
        DELAY: [event.delay for event in events],
        TURN: [event.turn for event in events],
        COPIES: [list(event.copies) for event in events],
        WORKER: [event.worker for event in events],
    }
    return [
        pl.Series(name, values, dtype=FAULTS[name])
        for name, values in faults.items()
        if any(values)
    ]


def _spine(view: FeatureView, drafts: Sequence[Draft], stride: int) -> pl.DataFrame:
    rows = [(lane, ask) for lane, draft in enumerate(drafts) for ask in draft.spine]
    lanes = [lane for lane, _ in rows]
    columns = []
    for position, (column, kind) in enumerate(view.entity_columns.items()):
        cells = [ask.entity[position] for _, ask in rows]
        columns.append(_series(column, kind, cells, lanes, stride))
    columns.append(view.time.series(AS_OF, [ask.at for _, ask in rows]))
    for position, (column, kind) in enumerate(view.request.items()):
        cells = [ask.values[position] for _, ask in rows]
        columns.append(_series(column, kind, cells, lanes, stride))
    return pl.DataFrame(columns).with_columns(pl.Series(LANE, lanes, dtype=pl.Int32))


def _drafted(kind: Column, column: pl.Series, names: Names) -> list[Any]:
    values = python_values(column)
    if isinstance(kind, Ids):
        return [_own(value, names) for value in values]
    if not isinstance(kind, Key):
        return values
    known: dict[Any, Any] = {None: None}
    for value in dict.fromkeys(values):
        if value is not None:
            known[value] = _slot(kind, value, names)
    return [known[value] for value in values]


def _slot(kind: Key, value: Any, names: Names) -> Any:
    parsed = parse(kind, value)
    if parsed is None:
        return value
    base, slot = parsed
    return Slot(names.groups.setdefault(base, len(names.groups)), slot)


def _own(value: Any, names: Names) -> Any:
    number = parse_id(value)
    return value if number is None else Own(names.ids.setdefault(number, len(names.ids)))


def _series(name: str, kind: Column, cells: list[Any], lanes: list[int], stride: int) -> pl.Series:
    if isinstance(kind, Key):
        cells = [
            render(kind, lane * stride + cell.group, cell.slot) if isinstance(cell, Slot) else cell
            for cell, lane in zip(cells, lanes, strict=True)
        ]
    elif isinstance(kind, Ids):
        step = 1 + max((cell.number for cell in cells if isinstance(cell, Own)), default=0)
        cells = [
            render_id(lane * step + cell.number) if isinstance(cell, Own) else cell
            for cell, lane in zip(cells, lanes, strict=True)
        ]
    return pl.Series(name, cells, dtype=kind.dtype)


def _stride(drafts: Sequence[Draft]) -> int:
    """Return how many identities each lane has."""
    return 1 + max((slot.group for draft in drafts for slot in _slots(draft)), default=0)


def _slots(draft: Draft) -> list[Slot]:
    cells = [value for event in draft.events for value in event.values]
    cells += [value for ask in draft.spine for value in (*ask.entity, *ask.values)]
    return [cell for cell in cells if isinstance(cell, Slot)]
