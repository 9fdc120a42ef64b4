"""Histories for users' own `@given` tests: drawn event by event, so that Hypothesis shrinks them.

from hypothesis import given
from skewtest import strategies

@given(strategies.histories(spend))
def test_it_is_never_negative(history): ...
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import singledispatch
from itertools import product
from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st

from skewtest.declare.kinds import (
    Bools,
    Categories,
    Column,
    Dates,
    Decimals,
    Drawn,
    Floats,
    Ids,
    Ints,
    Key,
    Lists,
    Strings,
    Structs,
    Timestamps,
    Vectors,
)
from skewtest.declare.source import Source
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import event_dicts
from skewtest.generate.history import History
from skewtest.generate.instants import Clock
from skewtest.generate.keys import PLAIN
from skewtest.generate.values import EDGE_INTS, ODD_TEXTS, grid_spacing
from skewtest.run.draft import Ask, Draft, Event, history_of_draft
from skewtest.run.names import Own, Slot
from skewtest.times import DAY_US, HOUR_US, SECOND_US, instant

# A Friday two days before the clocks change in America: an arbitrary moment with an edge nearby.
ANCHOR = instant(datetime(2024, 3, 8))

# More than a year back and more than a month ahead: the longest usual windows, and the future.
EARLIEST = -400 * DAY_US
LATEST = 40 * DAY_US

# Requests are few because each one is compared by itself, and a test of one shrinks best.
_MOST_REQUESTS = 4

EARLIEST_DAY, LATEST_DAY = date(2023, 2, 1), date(2024, 4, 17)
"""Days without bounds lie about where event times do."""


@dataclass(frozen=True, slots=True, eq=False)
class GivenHistory:
    """One history, as a user's own test receives it.

    Attributes:
        view: the view it was drawn for.
        history: its tables.
    """

    view: FeatureView
    history: History

    @property
    def events(self) -> dict[str, pl.DataFrame]:
        """The events of each source, in sequence order, declared columns only."""
        frames = {}
        for name, source in self.view.sources.items():
            frames[name] = self.history.events[name].select(list(source.schema))
        return frames

    @property
    def spine(self) -> pl.DataFrame:
        """The spine: entity, `as_of` and request columns."""
        return self.history.spine

    @property
    def event_dicts(self) -> dict[str, list[dict[str, Any]]]:
        """The events of each source as the online side receives them."""
        events = {}
        for name, source in self.view.sources.items():
            events[name] = event_dicts(source.schema, self.history.events[name])
        return events

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The spine rows as the online side receives them."""
        return event_dicts(self.view.spine_schema, self.history.spine)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - IPython's protocol
        """Show the rows, not the view, where Hypothesis prints a failing example."""
        printer.text(repr(self))

    def __repr__(self) -> str:
        parts = [f"{name}={rows!r}" for name, rows in self.event_dicts.items()]
        return f"History({', '.join(parts)}, spine={self.requests!r})"


def histories(view: FeatureView, *, max_events: int = 20) -> st.SearchStrategy[GivenHistory]:
    """Return the strategy of histories of a view, for `@given`.

    Args:
        view: what to draw for.
        max_events: the most events of a history. Hypothesis draws each of them by itself, which
            costs about half a millisecond: `skewtest.check` is the faster way to many histories.
    """
    clock = Clock.of(view)
    event = st.one_of([_events(clock, source) for source in view.sources.values()])
    # An event can also go by its coin turning 0, which Hypothesis shrinks to far more readily
    # than it deletes elements of unequal size.
    coined = st.lists(st.tuples(st.integers(0, 7), event), max_size=max_events)
    events = coined.map(_drop_coins)
    asks = st.lists(_asks(view, clock), min_size=1, max_size=_MOST_REQUESTS)
    return _build_history(view, events, asks)


def _drop_coins(coined_events: list[tuple[int, Event]]) -> list[Event]:
    return [event for coin, event in coined_events if coin]


@st.composite
def _build_history(
    draw: st.DrawFn,
    view: FeatureView,
    events: st.SearchStrategy[list[Event]],
    asks: st.SearchStrategy[list[Ask]],
) -> GivenHistory:
    numbered = [_number_ids(event, number) for number, event in enumerate(draw(events))]
    draft = Draft(tuple(numbered), _drop_repetitions(draw(asks))).ordered()
    return GivenHistory(view, history_of_draft(view, draft))


def _number_ids(event: Event, number: int) -> Event:
    """Return an event whose own ids no other event has."""
    values = []
    for value in event.values:
        values.append(Own(number) if isinstance(value, Own) else value)
    return event._replace(values=tuple(values))


def _drop_repetitions(spine: list[Ask]) -> tuple[Ask, ...]:
    """Return requests of which no two ask for the same entity at the same time: it is the key."""
    return tuple({(ask.at, ask.entity): ask for ask in spine}.values())


def _events(clock: Clock, source: Source) -> st.SearchStrategy[Event]:
    cells = [_cell(kind, nullable=kind.nullable) for kind in source.columns.values()]
    instants = _instants(clock).map(lambda at: at - at % source.tick)
    rows = st.tuples(instants, st.tuples(*cells))
    return rows.map(lambda row: Event(source.name, *row))


def _asks(view: FeatureView, clock: Clock) -> st.SearchStrategy[Ask]:
    entity = [_cell(kind, nullable=False) for kind in view.entity_columns.values()]
    request = [_cell(kind, nullable=kind.nullable) for kind in view.request.values()]
    # On the moments around which events lie, and shortly after: it counts some and not others.
    steps = [0, clock.tick, SECOND_US, HOUR_US, DAY_US]
    instants = [moment + step for moment, step in product(_moments(clock), steps)]
    at = st.sampled_from(instants).map(_clip_to(clock))
    return st.builds(Ask, at, st.tuples(*entity), st.tuples(*request))


def _instants(clock: Clock) -> st.SearchStrategy[int]:
    """Event times: whole days and hours first, then edges, then anything."""
    moments = _moments(clock)
    windows = (0, *dict.fromkeys(clock.edges.tolist()))
    # A window may be open or closed at either end: on its edge, and one tick to either side.
    nudges = (0, -clock.tick, clock.tick)
    edges = []
    for moment, window, nudge in product(moments, windows, nudges):
        edges.append(moment - window + nudge)
    anchor = moments[0]
    days = st.integers(0, 60).map(lambda day: anchor - DAY_US * (day + 1))
    hours = st.integers(-48, 24 * 40).map(lambda hour: anchor - HOUR_US * hour)
    anything = st.integers(EARLIEST, LATEST).map(lambda step: anchor + step)
    return st.one_of(days, st.sampled_from(edges), hours, anything).map(_clip_to(clock))


def _moments(clock: Clock) -> list[int]:
    """Return the moments around which events and requests lie, the plainest first."""
    if clock.first is not None and clock.last is not None:
        middle = (clock.first + clock.last) // 2
        return [middle - middle % DAY_US, clock.last]
    return [ANCHOR, *(int(change) for change in clock.changes[:2])]


def _clip_to(clock: Clock) -> Any:
    """Return what moves an instant into the time that the view's sources are declared for."""
    return lambda at: int(clock.clip(np.array([at], dtype=np.int64))[0])


def _cell(kind: Column, *, nullable: bool) -> st.SearchStrategy[Any]:
    cells = cell_strategy(kind)
    if not nullable:
        return cells
    return st.one_of(cells, st.none())


@singledispatch
def cell_strategy(kind: Column) -> st.SearchStrategy[Any]:
    """Return the strategy of a column's values, plainest first; keys as slots."""
    raise NotImplementedError(type(kind))


@cell_strategy.register
def _(kind: Key) -> st.SearchStrategy[Any]:
    # The three spellings after the plain ones differ in case and blanks; ints have none.
    last = len(PLAIN) - 1
    if kind.variants and kind.type == "string":
        last = len(PLAIN) + 2
    return st.integers(0, last).map(lambda slot: Slot(0, slot))


@cell_strategy.register
def _(kind: Ids) -> st.SearchStrategy[Any]:
    return st.just(Own(0))


@cell_strategy.register
def _(kind: Floats) -> st.SearchStrategy[Any]:
    spacing = kind.step or grid_spacing(kind)
    low, high = int(np.ceil(kind.min / spacing)), int(np.floor(kind.max / spacing))
    whole = st.integers(int(np.ceil(kind.min)), int(np.floor(kind.max))).map(float)
    ends = st.sampled_from([kind.min, kind.max])
    options = [ends]
    if low <= high:
        options.insert(0, st.integers(low, high).map(lambda n: n * spacing))
    # Whole numbers first: they are what Hypothesis shrinks to, and what people read most easily.
    if kind.step is None and np.ceil(kind.min) <= np.floor(kind.max):
        options.insert(0, whole)
    for is_declared, value in (
        (kind.nan, float("nan")),
        (kind.inf, float("inf")),
        (kind.negative_zero, -0.0),
    ):
        if is_declared:
            options.append(st.just(value))
    return st.one_of(options)


@cell_strategy.register
def _(kind: Ints) -> st.SearchStrategy[Any]:
    edges = [int(n) for n in EDGE_INTS if kind.min <= n <= kind.max]
    options: list[st.SearchStrategy[Any]] = [st.integers(kind.min, kind.max)]
    return st.one_of([*options, st.sampled_from([kind.min, kind.max, *edges])])


@cell_strategy.register
def _(kind: Decimals) -> st.SearchStrategy[Any]:
    return st.decimals(kind.min, kind.max, places=kind.scale, allow_nan=False)


@cell_strategy.register
def _(kind: Dates) -> st.SearchStrategy[Any]:
    low = kind.min or EARLIEST_DAY
    high = kind.max or LATEST_DAY
    return st.dates(min(low, high), max(low, high))


@cell_strategy.register
def _(kind: Lists) -> st.SearchStrategy[Any]:
    element = _cell(kind.element, nullable=kind.element.nullable)
    return st.lists(element, max_size=kind.max_size)


@cell_strategy.register
def _(kind: Bools) -> st.SearchStrategy[Any]:
    return st.booleans()


@cell_strategy.register
def _(kind: Categories) -> st.SearchStrategy[Any]:
    values = list(kind.values)
    if kind.unseen:
        first = kind.values[0]
        values += [first.upper(), f"{first} ", "unseen"]
    return st.sampled_from(values)


@cell_strategy.register
def _(kind: Strings) -> st.SearchStrategy[Any]:
    return st.sampled_from([text[: kind.max_size] for text in ODD_TEXTS])


@cell_strategy.register
def _(kind: Timestamps) -> st.SearchStrategy[Any]:
    low = ANCHOR + EARLIEST if kind.min is None else instant(kind.min)
    high = ANCHOR + LATEST if kind.max is None else instant(kind.max)
    high = max(low, high)
    tick = kind.time.tick

    def moment_before(steps: int) -> datetime | None:
        return kind.time.datetimes([high - steps * tick])[0]

    # Counted back from the latest, so that examples shrink to it.
    return st.integers(0, (high - low) // tick).map(moment_before)


@cell_strategy.register
def _(kind: Vectors) -> st.SearchStrategy[Any]:
    return st.lists(cell_strategy(kind.element), min_size=kind.size, max_size=kind.size)


@cell_strategy.register
def _(kind: Structs) -> st.SearchStrategy[Any]:
    fields = {name: _cell(inner, nullable=inner.nullable) for name, inner in kind.fields.items()}
    return st.fixed_dictionaries(fields)


@cell_strategy.register
def _(kind: Drawn) -> st.SearchStrategy[Any]:
    return kind.strategy
