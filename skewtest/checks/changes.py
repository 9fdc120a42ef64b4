"""Changes of a pack that must not change the answers to the requests that are still there."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import LANE, SEQUENCE, Pack, entity_keys
from skewtest.sides.columns import RowArray
from skewtest.times import DAY_US, instants_of

# Whole weeks keep weekdays and hours; four of them also cross the end of a month.
FOUR_WEEKS = 4 * 7 * DAY_US


class Changed(NamedTuple):
    """A changed pack, and for each of its spine rows the row of the pack it came from."""

    pack: Pack
    rows: RowArray


Change = Callable[[FeatureView, Pack], Changed]


def leave_unchanged(_view: FeatureView, pack: Pack) -> Changed:
    """Change nothing."""
    return Changed(pack, np.arange(pack.spine.height))


def remove_future(view: FeatureView, pack: Pack) -> Changed:
    """Remove every event from the first `as_of` on; ask at that moment alone."""
    first = _first_moments(pack)
    rows = _rows_at_first_moment(pack, first)
    events = {}
    for name, frame in pack.events.items():
        events[name] = frame.filter(pl.Series(~_is_future(view, pack, name, first)))
    return Changed(replace(pack, events=events, spine=pack.spine[rows]), rows)


def exchange_future(view: FeatureView, pack: Pack) -> Changed:
    """Give the events from the first `as_of` on the values of others; ask at that moment alone."""
    first = _first_moments(pack)
    rows = _rows_at_first_moment(pack, first)
    events = {}
    for name, frame in pack.events.items():
        future = np.flatnonzero(_is_future(view, pack, name, first))
        source = view.sources[name]
        donors = np.arange(frame.height)
        donors[future] = np.roll(future, 1)
        # Values are other events' own, so that they stay within what the owner has declared.
        exchanged = []
        for column in source.columns:
            if column not in source.keys and column != source.arrival:
                exchanged.append(frame[column].gather(donors))
        events[name] = frame.with_columns(exchanged)
    return Changed(replace(pack, events=events, spine=pack.spine[rows]), rows)


def remove_strangers(view: FeatureView, pack: Pack) -> Changed:
    """Keep one entity of each lane: that of its first request."""
    first_keys: dict[int, tuple[object, ...]] = {}
    rows = []
    lanes = pack.spine[LANE].to_list()
    keys = entity_keys(view, pack.spine)
    for row, (lane, key) in enumerate(zip(lanes, keys, strict=True)):
        if first_keys.setdefault(lane, key) == key:
            rows.append(row)
    chosen = np.array(rows, dtype=np.int64)
    events = {}
    for name, frame in pack.events.items():
        events[name] = frame.filter(_belongs_to(view, frame, first_keys))
    return Changed(replace(pack, events=events, spine=pack.spine[chosen]), chosen)


def _belongs_to(
    view: FeatureView, frame: pl.DataFrame, first_keys: dict[int, tuple[object, ...]]
) -> pl.Series:
    """Return which events have the key of the entity that is kept in their lane.

    A stranger may share every column of the key but one: to leave that one out is the usual slip.
    An event that holds only some of the entity's columns is told by those, and one that holds none
    belongs to every entity.
    """
    numbers = [number for number, name in enumerate(view.entity) if name in frame.columns]
    keys: Iterable[tuple[object, ...]] = [()] * frame.height
    if numbers:
        columns = [frame[view.entity[number]].to_list() for number in numbers]
        keys = zip(*columns, strict=True)
    belongs = []
    for lane, key in zip(frame[LANE].to_list(), keys, strict=True):
        first = first_keys.get(lane)
        # A lane without a request keeps no entity.
        belongs.append(first is not None and key == tuple(first[number] for number in numbers))
    return pl.Series(belongs, dtype=pl.Boolean)


def reverse_log(view: FeatureView, pack: Pack) -> Changed:
    """Hand over the log from its end; events of one time keep their order."""
    events = {}
    for name, frame in pack.events.items():
        at = instants_of(frame[view.sources[name].time]).to_numpy()
        # Events of one time have an order of their own, which batch may well need.
        order = np.lexsort((frame[SEQUENCE].to_numpy(), -at))
        events[name] = frame[order]
    return Changed(replace(pack, events=events), np.arange(pack.spine.height))


def reverse_spine(_view: FeatureView, pack: Pack) -> Changed:
    """Ask for the same rows in the opposite order."""
    rows = np.arange(pack.spine.height)[::-1].copy()
    return Changed(replace(pack, spine=pack.spine[rows]), rows)


def ask_last_alone(_view: FeatureView, pack: Pack) -> Changed:
    """Ask for one row of each lane, its last."""
    last = {lane: row for row, lane in enumerate(pack.spine[LANE].to_list())}
    rows = np.array(sorted(last.values()), dtype=np.int64)
    return Changed(replace(pack, spine=pack.spine[rows]), rows)


def move_four_weeks(view: FeatureView, pack: Pack) -> Changed:
    """Move everything by four whole weeks."""
    events = {}
    for name, frame in pack.events.items():
        source = view.sources[name]
        at = instants_of(frame[source.time]).to_numpy() + FOUR_WEEKS
        events[name] = frame.with_columns(source.type.series(source.time, at))
    as_of = instants_of(pack.spine[AS_OF]).to_numpy() + FOUR_WEEKS
    spine = pack.spine.with_columns(view.time.series(AS_OF, as_of))
    return Changed(replace(pack, events=events, spine=spine), np.arange(pack.spine.height))


def _first_moments(pack: Pack) -> RowArray:
    """Return, for each lane, its first `as_of` in microseconds."""
    first = np.full(pack.lanes, np.iinfo(np.int64).max)
    np.minimum.at(first, pack.spine[LANE].to_numpy(), instants_of(pack.spine[AS_OF]).to_numpy())
    return first


def _rows_at_first_moment(pack: Pack, first: RowArray) -> RowArray:
    moments = instants_of(pack.spine[AS_OF]).to_numpy()
    return np.flatnonzero(moments == first[pack.spine[LANE].to_numpy()])


def _is_future(view: FeatureView, pack: Pack, name: str, first: RowArray) -> npt.NDArray[np.bool_]:
    frame = pack.events[name]
    at = instants_of(frame[view.sources[name].time]).to_numpy()
    limit = first[frame[LANE].to_numpy()]
    # What counts at the first `as_of` is no future: with "inclusive" an event of that instant does.
    is_future: npt.NDArray[np.bool_] = at > limit if view.as_of == "inclusive" else at >= limit
    return is_future
