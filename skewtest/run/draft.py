"""Drafts: histories as plain rows, which can be cut, changed and put side by side cheaply.

Keys and ids are numbers (`skewtest.run.names`), so that copies of a draft can live in other lanes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import polars as pl

from skewtest.declare.delivery import IN_ORDER, Scenario
from skewtest.declare.kinds import Column, Ids, Key
from skewtest.declare.source import Source
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.lawful import Course
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
from skewtest.generate.values import arrival_series
from skewtest.run.names import Names, Own, Slot, number_cells, render_cells
from skewtest.times import instants_of

# A history of so many events and requests is read as it is, whether it is minimal or not.
SMALL = 20


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

    @property
    def is_small(self) -> bool:
        """Whether it is read as it is, minimal or not."""
        return len(self.events) + len(self.spine) <= SMALL

    @property
    def course(self) -> Course:
        """What happens to it on its way."""
        return Course(
            events=self.events,
            as_of=[ask.at for ask in self.spine],
            scenario=self.scenario,
            lag=self.lag,
            restarts=self.restarts,
            boot=self.boot,
        )

    def ordered(self) -> "Draft":
        """Return the draft with events and requests in order of time, ties as they stood."""
        return replace(
            self,
            events=tuple(sorted(self.events, key=lambda event: event.at)),
            spine=tuple(sorted(self.spine, key=lambda ask: ask.at)),
        )

    def in_order(self) -> "Draft":
        """Return the draft without any fault of its delivery."""
        events = []
        for event in self.events:
            events.append(Event(event.source, event.at, event.values))
        return Draft(tuple(events), self.spine, scenario=self.scenario.in_order)


def draft_of(view: FeatureView, history: History) -> Draft:
    """Return a history as a draft; identities are numbered from 0 in order of appearance."""
    names = Names()
    rows: list[tuple[int, Event]] = []
    for name in view.sources:
        rows += _number_events(view, name, history.events[name], names)
    # The sequence orders what happened at the same time, across sources.
    rows.sort(key=lambda row: (row[1].at, row[0]))
    return Draft(
        events=tuple(event for _, event in rows),
        spine=_asks_of(view, history.spine, names),
        lag=history.lag,
        restarts=history.restarts,
        boot=history.boot,
        scenario=history.scenario,
    )


def _number_events(
    view: FeatureView, name: str, frame: pl.DataFrame, names: Names
) -> list[tuple[int, Event]]:
    """Return the events of one source, each with its number in the sequence."""
    source = view.sources[name]
    moments = instants_of(frame[source.time]).to_list()
    columns: list[Sequence[Any]] = []
    for column, kind in source.columns.items():
        if column == source.arrival:
            columns.append(_lags(frame, source, moments))
        else:
            columns.append(number_cells(kind, frame[column], names))
    values = zip(*columns, strict=True)
    faults = zip(*(_faults(frame, column) for column in FAULTS), strict=True)
    rows = []
    sequence = frame[SEQUENCE].to_list()
    for number, at, cells, fault in zip(sequence, moments, values, faults, strict=True):
        rows.append((number, Event(name, at, cells, *fault)))
    return rows


def _asks_of(view: FeatureView, spine: pl.DataFrame, names: Names) -> tuple[Ask, ...]:
    moments = instants_of(spine[AS_OF]).to_list()
    keys = _number_rows(view.entity_columns, spine, names)
    values = _number_rows(view.request, spine, names)
    asks = []
    for moment, key, cells in zip(moments, keys, values, strict=True):
        asks.append(Ask(moment, key, cells))
    return tuple(asks)


def _number_rows(
    kinds: Mapping[str, Column], spine: pl.DataFrame, names: Names
) -> list[tuple[Any, ...]]:
    """Return some columns of a spine as rows."""
    columns = []
    for name, kind in kinds.items():
        columns.append(number_cells(kind, spine[name], names))
    # zip() of no columns has no rows, and a view without request columns has requests all the same.
    if not columns:
        return [()] * spine.height
    return list(zip(*columns, strict=True))


def history_of_draft(view: FeatureView, draft: Draft) -> History:
    """Return a draft as a history, with the plainest keys and ids."""
    return pack_drafts(view, [_renumber_ids(draft)]).history(0)


def _renumber_ids(draft: Draft) -> Draft:
    """Return a draft whose events' own ids count from the first."""
    numbers: dict[Any, Own] = {}
    for event in draft.events:
        for value in event.values:
            if isinstance(value, Own):
                numbers.setdefault(value, Own(len(numbers)))
    if not numbers:
        return draft
    events = []
    for event in draft.events:
        # Nothing else is a key of `numbers`: other cells stay as they are, hashable or not.
        values = list(event.values)
        for position, cell in enumerate(values):
            if isinstance(cell, Own):
                values[position] = numbers[cell]
        events.append(event._replace(values=tuple(values)))
    return replace(draft, events=tuple(events))


def can_share(view: FeatureView, draft: Draft) -> bool:
    """Return whether copies of a draft can stand side by side in one batch call.

    They cannot where a key or an id is not a generated one: it would be the same in all lanes.
    """
    if not view.laned:
        return False
    for event in draft.events:
        kinds = view.sources[event.source].columns.values()
        for value, kind in zip(event.values, kinds, strict=True):
            # Null is the same in all lanes too, but it names nobody.
            is_name = isinstance(kind, Key | Ids) and value is not None
            if is_name and not isinstance(value, Slot | Own):
                return False
    return all(isinstance(value, Slot) for ask in draft.spine for value in ask.entity)


def pack_drafts(view: FeatureView, drafts: Sequence[Draft]) -> Pack:
    """Return drafts side by side, each with identities of its own.

    They are all of one scenario.
    """
    stride = _stride(drafts)
    scenario = drafts[0].scenario if drafts else view.delivery.under(IN_ORDER)
    lags: dict[int, int] = {}
    restarts: dict[int, tuple[Restart, ...]] = {}
    boots: dict[int, int] = {}
    for lane, draft in enumerate(drafts):
        if draft.lag is not None:
            lags[lane] = draft.lag
        if draft.restarts:
            restarts[lane] = draft.restarts
        if draft.boot is not None:
            boots[lane] = draft.boot
    events = {}
    for name in view.sources:
        events[name] = _event_table(view, name, drafts, stride)
    return Pack(
        events=events,
        spine=_spine(view, drafts, stride),
        lanes=len(drafts),
        lags=lags,
        restarts=restarts,
        boots=boots,
        scenario=scenario,
    )


def _event_table(
    view: FeatureView, name: str, drafts: Sequence[Draft], stride: int
) -> pl.DataFrame:
    """Return the events of one source, of all lanes."""
    source = view.sources[name]
    lanes: list[int] = []
    numbers: list[int] = []
    events: list[Event] = []
    for lane, draft in enumerate(drafts):
        for number, event in enumerate(draft.events):
            if event.source == name:
                lanes.append(lane)
                numbers.append(number)
                events.append(event)
    columns = [source.type.series(source.time, [event.at for event in events])]
    for position, (column, kind) in enumerate(source.columns.items()):
        if column == source.arrival:
            arrivals = [_arrival_of(event, position) for event in events]
            columns.append(arrival_series(source, arrivals))
        else:
            cells = [event.values[position] for event in events]
            columns.append(render_cells(column, kind, cells, lanes, stride))
    columns.append(pl.Series(LANE, lanes, dtype=pl.Int32))
    columns.append(pl.Series(SEQUENCE, numbers, dtype=pl.Int64))
    columns += _fault_columns(events)
    return ordered(view, name, pl.DataFrame(columns))


def _lags(frame: pl.DataFrame, source: Source, moments: Sequence[int]) -> list[int | None]:
    """Return how long after their delivery events are recorded as arrived: 0 for generated ones.

    A real log may hold anything there, and times that move take it along.
    """
    assert source.arrival is not None
    recorded = instants_of(frame[source.arrival]).to_list()
    # A draft keeps no moments but event times, so that moving an event moves all that follows it.
    delays = _faults(frame, DELAY)
    lags: list[int | None] = []
    for arrival, at, delay in zip(recorded, moments, delays, strict=True):
        if arrival is None:
            lags.append(None)
        else:
            lags.append(arrival - at - delay)
    return lags


def _arrival_of(event: Event, position: int) -> int | None:
    lag = event.values[position]
    if lag is None:
        return None
    return event.at + event.delay + int(lag)


def _faults(frame: pl.DataFrame, column: str) -> list[Any]:
    """Return a column of faults; none where the frame has it not."""
    if column not in frame.columns:
        nothing: object = () if column == COPIES else 0
        return [nothing] * frame.height
    values = frame[column].to_list()
    if column == COPIES:
        return [tuple(delays or ()) for delays in values]
    return values


def _fault_columns(events: list[Event]) -> list[pl.Series]:
    """Return the columns of faults that some event has: others would slow every delivery."""
    faults: dict[str, list[Any]] = {
        DELAY: [event.delay for event in events],
        TURN: [event.turn for event in events],
        COPIES: [event.copies for event in events],
        WORKER: [event.worker for event in events],
    }
    columns = []
    for name, values in faults.items():
        if any(values):
            columns.append(pl.Series(name, values, dtype=FAULTS[name]))
    return columns


def _spine(view: FeatureView, drafts: Sequence[Draft], stride: int) -> pl.DataFrame:
    lanes: list[int] = []
    moments: list[int] = []
    keys: list[tuple[Any, ...]] = []
    values: list[tuple[Any, ...]] = []
    for lane, draft in enumerate(drafts):
        for ask in draft.spine:
            lanes.append(lane)
            moments.append(ask.at)
            keys.append(ask.entity)
            values.append(ask.values)
    columns = []
    for position, (column, kind) in enumerate(view.entity_columns.items()):
        cells = [key[position] for key in keys]
        columns.append(render_cells(column, kind, cells, lanes, stride))
    columns.append(view.time.series(AS_OF, moments))
    for position, (column, kind) in enumerate(view.request.items()):
        cells = [row[position] for row in values]
        columns.append(render_cells(column, kind, cells, lanes, stride))
    return pl.DataFrame(columns).with_columns(pl.Series(LANE, lanes, dtype=pl.Int32))


def _stride(drafts: Sequence[Draft]) -> int:
    """Return how many identities each lane has: as many as the draft that has most of them."""
    largest = 0
    for draft in drafts:
        for cell in _cells(draft):
            if isinstance(cell, Slot):
                largest = max(largest, cell.group)
    return 1 + largest


def _cells(draft: Draft) -> Iterator[Any]:
    for event in draft.events:
        yield from event.values
    for ask in draft.spine:
        yield from ask.entity
        yield from ask.values
