"""Fill packs: the events and requests of many histories at once, column by column."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.delivery import IN_ORDER
from skewtest.declare.kinds import Ids, Key
from skewtest.declare.source import Source
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.hints import Hints
from skewtest.generate.history import LANE, SEQUENCE, Pack
from skewtest.generate.identities import Keys, draw_keys
from skewtest.generate.instants import Clock
from skewtest.generate.keys import BASES, PLAIN, render_ids
from skewtest.generate.lanes import ENTITIES, Lanes, draw_lanes
from skewtest.generate.moments import MOMENTS
from skewtest.generate.plan import Plan
from skewtest.generate.rows import Rows
from skewtest.generate.themes import draw_instants
from skewtest.generate.values import arrival_series, fill, with_nulls

IntArray = npt.NDArray[np.int64]

NULL_KEY_SHARE = 0.1
"""Of a nullable key: seldom enough for the entities to keep events of their own."""
REPEATED_SHARE = 0.5
"""Of the events of a source whose ids come again: half of them begin something new."""
MOST_BACK = 3
"""Events between two of one id: updates of three orders, mixed."""
SPINE_ROWS = 2**32
"""Where the numbers of a history's requests begin, apart from those of its events: so no request
is filled like an event that has its number."""


def build(
    view: FeatureView,
    clock: Clock,
    plan: Plan,
    lanes: int,
    long: Sequence[int] = (),
    events: int | None = None,
    hints: Hints = Hints(),  # noqa: B008 - frozen
) -> Pack:
    """Return the first histories of a plan as a pack.

    Args:
        view: what to generate for.
        clock: `Clock.of(view, hints)`.
        plan: what they share.
        lanes: how many histories.
        long: event counts of the longest histories, which come last.
        events: the same number of events for each history, instead of a mixture.
        hints: constants that the implementations mention.
    """
    drawn = draw_lanes(
        clock,
        plans=(plan,),
        plan=np.zeros(lanes, dtype=np.int64),
        numbers=plan.first + np.arange(lanes),
        long={lanes - len(long) + number: count for number, count in enumerate(long)},
        events=events,
    )
    return fill_pack(view, clock, drawn, hints)


def fill_pack(view: FeatureView, clock: Clock, lanes: Lanes, hints: Hints) -> Pack:
    """Return histories as a pack: their events and requests.

    Args:
        view: what to generate for.
        clock: `Clock.of(view, hints)`.
        lanes: what is drawn for each history as a whole.
        hints: constants that the implementations mention.
    """
    keys = draw_keys(view, lanes)
    late = lanes.choose_late(view.as_of)
    rows, entity = _draw_events(clock, lanes, late, hints)
    origin = rows.dice.below("source", len(view.sources))
    rows = replace(rows, instants=_floor_to_steps(view, rows.instants, origin))
    tables = {}
    for number, (name, source) in enumerate(view.sources.items()):
        picked = np.flatnonzero(origin == number)
        picked = picked[_sort_in_sequence(rows.instants[picked], rows.position[picked])]
        tables[name] = _fill_events(view, source, rows.take(picked), entity[picked], keys)
    return Pack(
        events=tables,
        spine=_fill_spine(view, lanes, keys, hints),
        lanes=len(lanes),
        lags=dict.fromkeys(late.tolist(), 0),
        scenario=view.delivery.under(IN_ORDER),
    )


def _draw_events(clock: Clock, lanes: Lanes, late: IntArray, hints: Hints) -> tuple[Rows, IntArray]:
    """Return the events of all histories, lane by lane, and the entity of each."""
    lane = np.repeat(np.arange(len(lanes)), lanes.counts)
    first = np.cumsum(lanes.counts) - lanes.counts
    position = np.arange(len(lane)) - first[lane]
    dice = lanes.dice.at(lane, position)
    instants = draw_instants(clock, lanes.dice, lanes.moments, lane, dice, lanes.is_long)
    entity = np.where(lanes.is_crowded[lane], dice.below("entity", ENTITIES), 0)
    # The event that a late request comes after: the first of its lane, at the first moment asked.
    late = late[lanes.counts[late] > 0]
    instants[first[late]] = lanes.moments[late, lanes.asked[late, 0].argmax(axis=1)]
    entity[first[late]] = 0
    return Rows(lane, instants, position, dice, lanes, lanes.dice, hints), entity


def _floor_to_steps(view: FeatureView, instants: IntArray, origin: IntArray) -> IntArray:
    """Return event times at the resolution of each event's source.

    Args:
        view: what is generated for; its tick, the finest of all, is kept already.
        instants: int64[n], in microseconds.
        origin: int64[n], the number of the source of each.
    """
    ticks = np.array([source.tick for source in view.sources.values()])
    if (ticks == view.tick).all():
        return instants
    floored: IntArray = instants - instants % ticks[origin]
    return floored


def _sort_in_sequence(instants: IntArray, position: IntArray) -> IntArray:
    """Return rows in order of time, ties by position and then as they stood.

    As a lexsort does, which takes twice as long: only ties need an order that is stable.
    """
    order = np.argsort(instants)
    is_tied = np.zeros(len(order) + 1, dtype=bool)
    is_tied[1:-1] = np.diff(instants[order]) == 0
    places = np.flatnonzero(is_tied[1:] | is_tied[:-1])
    tied = np.sort(order[places])
    order[places] = tied[np.lexsort((position[tied], instants[tied]))]
    return order


def _fill_events(
    view: FeatureView, source: Source, rows: Rows, entity: IntArray, keys: Keys
) -> pl.DataFrame:
    columns = [source.type.series(source.time, rows.instants)]
    for name, column in source.columns.items():
        path = f"{source.name}.{name}"
        if name == source.arrival:
            values = arrival_series(source, rows.instants)
        elif isinstance(column, Key):
            values = _fill_key(view, column, name, rows.under(path), entity, keys)
        elif isinstance(column, Ids) and column.repeats:
            values = _fill_repeating(column, name, rows.under(path), entity)
        else:
            values = fill(column, path, rows, source.null_rates.get(name)).alias(name)
        columns.append(values)
    columns.append(pl.Series(LANE, rows.lane, dtype=pl.Int32))
    columns.append(pl.Series(SEQUENCE, rows.position, dtype=pl.Int64))
    return pl.DataFrame(columns)


def _fill_key(
    view: FeatureView, column: Key, name: str, rows: Rows, entity: IntArray, keys: Keys
) -> pl.Series:
    owner = entity
    if name not in view.entity:
        # Identities beside the entity's own vary from event to event.
        owner = rows.dice.below("owner", len(PLAIN) - 1)
    values = keys.of(name, rows.lane, owner)
    if not column.nullable:
        return values
    return with_nulls(values, rows.dice.chance("is null", NULL_KEY_SHARE))


def _fill_repeating(column: Ids, name: str, rows: Rows, entity: IntArray) -> pl.Series:
    """Return ids of which some come again with a later event of the same lane and entity.

    Half of the events take up the id of the event that is one to three back, so that an id comes
    twice and more, at once and with others in between.
    """
    size = len(rows)
    order = np.lexsort((np.arange(size), entity, rows.lane))
    group = rows.lane[order] * ENTITIES + entity[order]
    back = 1 + rows.dice.below("how far back", MOST_BACK)[order]
    earlier = np.arange(size) - back
    is_same = (earlier >= 0) & (group[np.maximum(earlier, 0)] == group)
    follows = is_same & rows.dice.chance("comes again", REPEATED_SHARE)[order]
    root = np.where(follows, earlier, np.arange(size))
    # Each pass doubles how far an id is followed back.
    while not np.array_equal(root, root[root]):
        root = root[root]
    owner = np.empty(size, dtype=np.int64)
    owner[order] = order[root]
    bases = rows.by_history(rows.lanes.numbers % BASES)
    values = render_ids(bases, rows.position[owner], name)
    if not column.nullable:
        return values
    return with_nulls(values, rows.dice.chance("is null", NULL_KEY_SHARE))


def _fill_spine(view: FeatureView, lanes: Lanes, keys: Keys, hints: Hints) -> pl.DataFrame:
    """Return one row for each (lane, entity, moment) that is asked for."""
    lane, entity, moment = np.nonzero(lanes.asked)
    sizes = np.bincount(lane, minlength=len(lanes))
    first = np.cumsum(sizes) - sizes
    rows = Rows(
        lane,
        lanes.moments[lane, moment],
        np.arange(len(lane)) - first[lane],
        lanes.dice.at(lane, SPINE_ROWS + entity * MOMENTS + moment),
        lanes,
        lanes.dice.under("spine"),
        hints,
    )
    columns: list[pl.Series] = []
    for name, column in view.entity_columns.items():
        if isinstance(column, Key):
            columns.append(keys.of(name, lane, entity))
        else:
            columns.append(fill(column, _find_path(view, name), rows, 0.0).alias(name))
    columns.append(view.time.series(AS_OF, rows.instants))
    for name, column in view.request.items():
        if isinstance(column, Key):
            columns.append(keys.of(name, lane, entity))
        else:
            columns.append(fill(column, f"spine.{name}", rows, None).alias(name))
    return _drop_repeats(view, pl.DataFrame([*columns, pl.Series(LANE, lane, dtype=pl.Int32)]))


def _drop_repeats(view: FeatureView, spine: pl.DataFrame) -> pl.DataFrame:
    """Return a spine that asks nothing twice, which entities that are no keys may make it do."""
    if view.laned:
        return spine
    if view.entity:
        spine = spine.drop_nulls(view.entity)
    return spine.unique([*view.entity, AS_OF, LANE], keep="first", maintain_order=True)


def _find_path(view: FeatureView, name: str) -> str:
    """Return the table and column that an entity column is declared in."""
    sources = view.sources.values()
    return next(f"{source.name}.{name}" for source in sources if name in source.columns)
