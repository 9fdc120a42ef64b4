"""Turn a plan into a pack: counts, entities, times and values of many histories at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.delivery import IN_ORDER
from skewtest.declare.kinds import Key
from skewtest.declare.source import Source
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.hints import Hints
from skewtest.generate.history import LANE, SEQUENCE, Pack
from skewtest.generate.instants import Clock, as_of_moments, event_instants
from skewtest.generate.keys import JOINED, JOINED_ODDS, PLAIN, collisions
from skewtest.generate.plan import Plan
from skewtest.generate.values import Rows, arrival_series, fill, key_values

IntArray = npt.NDArray[np.int64]

ENTITIES = 3
COUNTS = np.concatenate([[0, 1, 1, 1, 2, 2, 2, 3, 3], np.arange(4, 13), [16, 20, 24, 40]])
LONG = (130, 400, 1_400, 60, 700)
"""Longer than any cap or counter; the first pack has the first two, each further pack the next."""


def build(
    view: FeatureView,
    clock: Clock,
    plan: Plan,
    lanes: int,
    long: Sequence[int] = (),
    events: int | None = None,
    hints: Hints = Hints(),  # noqa: B008 - frozen
) -> Pack:
    """Return the pack of a plan.

    Args:
        view: what to generate for.
        clock: `Clock.of(view, hints)`.
        plan: drawn by Hypothesis.
        lanes: how many histories.
        long: event counts of the longest histories, which come last.
        events: the same number of events for each history, instead of a mixture.
        hints: constants that the implementations mention.
    """
    rng = plan.rng()
    moments = as_of_moments(clock, rng)
    counts = rng.choice(COUNTS, lanes) if events is None else np.full(lanes, events)
    is_long = np.arange(lanes) >= lanes - len(long)
    counts[is_long] = long
    crowded = (rng.random(lanes) < plan.crowd) & ~is_long
    asked = _asked(crowded, is_long, len(moments), rng)
    lags = _lags(lanes, rng) if view.as_of == "exclusive" else {}
    lane = np.repeat(np.arange(lanes), counts)
    first = np.cumsum(counts) - counts
    position = np.arange(len(lane)) - np.repeat(first, counts)
    instants = event_instants(clock, moments, lane, is_long, rng)
    on_request = [late for late in lags if counts[late]]
    instants[first[on_request]] = moments[asked[on_request, 0].argmax(axis=1)]
    origin = rng.integers(0, len(view.sources), len(lane))
    who = np.where(crowded[lane], rng.integers(0, ENTITIES, len(lane)), 0)
    who[first[on_request]] = 0
    slots = _slots(view, lanes, rng)
    tables = {}
    for number, (name, source) in enumerate(view.sources.items()):
        mine = np.flatnonzero(origin == number)
        mine = mine[np.lexsort((position[mine], instants[mine]))]
        rows = Rows(lane[mine], instants[mine], position[mine], lanes, hints)
        tables[name] = _events(view, source, rows, who[mine], slots, plan, rng)
    return Pack(
        events=tables,
        spine=_spine(view, moments, asked, slots, plan, rng, hints),
        lanes=lanes,
        lags=lags,
        scenario=view.delivery.under(IN_ORDER),
    )


def _slots(view: FeatureView, lanes: int, rng: np.random.Generator) -> dict[str, IntArray]:
    """Return, for each key column, the slot of each (lane, entity): plain or colliding ones."""
    columns = {
        n: c for s in view.sources.values() for n, c in s.columns.items() if isinstance(c, Key)
    }
    columns |= {n: c for n, c in view.request.items() if isinstance(c, Key)}
    # Distinct for one entity column, and for two: one user at two merchants, two at one.
    entity = [name for name in view.entity if name in columns]
    several = ([0, 0, 1], [0, 1, 0], [0, 0, 0]) if len(entity) > 1 else ([0, 1, 2],)
    slots = {}
    for name in columns:
        place = entity.index(name) if name in entity else 0
        plain = np.array(several[min(place, 2)] if name in entity else [0, 1, 2])
        slots[name] = np.tile(plain, (lanes, 1))
    for name, column in columns.items():
        pairs = collisions(column)
        if not pairs:
            continue
        odd = rng.random(lanes) < 0.15
        slots[name][odd, :2] = rng.choice(np.array(pairs), int(odd.sum()))
        # Two entities are confused only if nothing else tells them apart.
        for other in entity if name in entity else ():
            if other != name:
                slots[other][odd, 1] = slots[other][odd, 0]
    joined = [
        n
        for n in view.entity
        if n in columns and columns[n].type == "string" and columns[n].variants
    ]
    if len(joined) > 1:
        odd = rng.random(lanes) < 0.2
        separator = rng.choice(JOINED, int(odd.sum()), p=JOINED_ODDS)
        slots[joined[0]][odd, :2] = np.stack([np.zeros_like(separator), separator], axis=1)
        slots[joined[1]][odd, :2] = np.stack([separator, np.zeros_like(separator)], axis=1)
    return slots


def _events(
    view: FeatureView,
    source: Source,
    rows: Rows,
    who: IntArray,
    slots: dict[str, IntArray],
    plan: Plan,
    rng: np.random.Generator,
) -> pl.DataFrame:
    columns = [source.type.series(source.time, rows.instants)]
    for name, column in source.columns.items():
        path = f"{source.name}.{name}"
        if name == source.arrival:
            values = arrival_series(source, rows.instants)
        elif isinstance(column, Key):
            # Identities beside the entity's own vary from event to event.
            mine = who if name in view.entity else rng.integers(0, len(PLAIN) - 1, len(rows))
            values = key_values(column, slots[name][rows.lane, mine], rows.lane, name)
            if column.nullable:
                kept = pl.Series(rng.random(len(rows)) > 0.1)
                values = values.zip_with(kept, pl.Series(name, [None] * len(rows), values.dtype))
        else:
            values = fill(column, path, rows, plan, rng, source.null_rates.get(name)).alias(name)
        columns.append(values)
    columns.append(pl.Series(LANE, rows.lane, dtype=pl.Int32))
    columns.append(pl.Series(SEQUENCE, rows.position, dtype=pl.Int64))
    return pl.DataFrame(columns)


def _asked(
    crowded: npt.NDArray[np.bool_],
    is_long: npt.NDArray[np.bool_],
    moments: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    """Return which (lane, entity, moment) is asked for: often one, always at least one.

    Entities that no event has are asked for too. A long lane asks at the last moment, when all
    its events can have been seen.
    """
    lanes = len(crowded)
    share = rng.choice([0.05, 0.4, 0.6], lanes)[:, None, None]
    asked = rng.random((lanes, ENTITIES, moments)) < share
    asked[:, 1:] &= (crowded | (rng.random(lanes) < 0.1))[:, None, None]
    asked[np.arange(lanes), 0, rng.integers(0, moments, lanes)] = True
    asked[is_long, 0, -1] = True
    return asked


def _spine(
    view: FeatureView,
    moments: IntArray,
    asked: npt.NDArray[np.bool_],
    slots: dict[str, IntArray],
    plan: Plan,
    rng: np.random.Generator,
    hints: Hints,
) -> pl.DataFrame:
    """Return one row for each (lane, entity, moment) that is asked for."""
    lanes = len(asked)
    lane, who, when = np.nonzero(asked)
    rows = Rows(lane, moments[when], np.arange(len(lane)), lanes, hints)
    columns = []
    for name, column in view.entity_columns.items():
        if isinstance(column, Key):
            columns.append(key_values(column, slots[name][lane, who], lane, name))
        else:
            columns.append(fill(column, _path(view, name), rows, plan, rng, 0.0).alias(name))
    columns.append(view.time.series(AS_OF, rows.instants))
    for name, column in view.request.items():
        if isinstance(column, Key):
            columns.append(key_values(column, slots[name][lane, who], lane, name))
        else:
            columns.append(fill(column, f"spine.{name}", rows, plan, rng, None).alias(name))
    frame = pl.DataFrame([*columns, pl.Series(LANE, lane, dtype=pl.Int32)])
    if view.laned:
        return frame
    return frame.drop_nulls(view.entity).unique(
        [*view.entity, AS_OF], keep="first", maintain_order=True
    )


def _path(view: FeatureView, name: str) -> str:
    return next(f"{s.name}.{name}" for s in view.sources.values() if name in s.columns)


def _lags(lanes: int, rng: np.random.Generator) -> dict[int, int]:
    """Return an eighth of the lanes: there, an event exactly at `as_of` precedes the request."""
    return dict.fromkeys(np.flatnonzero(rng.random(lanes) < 0.125).tolist(), 0)
