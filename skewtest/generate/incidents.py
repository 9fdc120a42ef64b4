"""Which incidents a pack really holds: measured on its tables, not taken from the plan.

A kind of column registers with `value_incidents` what of its values is counted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import singledispatch

import numpy as np
import numpy.typing as npt
import polars as pl

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
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.generate.instants import USUAL_WINDOWS, Clock
from skewtest.generate.keys import PLAIN
from skewtest.times import DAY_US, instants_of, micros, midnights, window_text

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BURST = 100
"""From how many events on a history is one: the size that people give caps and buffers."""
EXACT = 2**53
"""Up to here float64 holds every whole number."""
PLAIN_KEY = f"^[{''.join(template[0] for template in PLAIN)}][0-9]*$"

Incidents = Mapping[str, Mask]


def incidents_of(view: FeatureView, clock: Clock, pack: Pack) -> Counter[str]:
    """Return how many histories of a pack hold each incident; 0 for one that none of them does."""
    return count_incidents(find_incidents(view, clock, pack))


def count_incidents(incidents: Incidents) -> Counter[str]:
    """Return how many histories hold each incident."""
    return Counter({name: int(np.count_nonzero(lanes)) for name, lanes in incidents.items()})


def find_incidents(view: FeatureView, clock: Clock, pack: Pack) -> Incidents:
    """Return which histories of a pack hold each incident: bool[lanes] by its name."""
    incidents = _Gathering(pack.lanes)
    events = _Events.of(view, pack)
    sizes = np.bincount(events.lane, minlength=pack.lanes)
    asked_lane = pack.spine[LANE].to_numpy()
    incidents.add("no events", sizes == 0)
    incidents.add("one event", sizes == 1)
    incidents.add("burst", sizes > BURST)
    incidents.add("several requests", np.bincount(asked_lane, minlength=pack.lanes) > 1)
    _find_about_requests(view, incidents, events, pack)
    _find_about_others(view, incidents, events)
    if view.zone:
        _find_about_zone(view.zone, clock, incidents, events)
    for name, source in view.sources.items():
        _find_in_columns(incidents, source.columns, pack.events[name])
    _find_in_columns(incidents, view.request, pack.spine)
    incidents.add_rows("entity never seen", asked_lane[_find_never_seen(view, pack)])
    return incidents.lanes


class _Gathering:
    """Gathers which lanes hold what."""

    def __init__(self, size: int) -> None:
        self.lanes: dict[str, Mask] = {}
        self._size = size

    def add(self, name: str, lanes: Mask) -> None:
        """Add lanes to those that hold an incident."""
        if name in self.lanes:
            lanes = self.lanes[name] | lanes
        self.lanes[name] = lanes

    def add_rows(self, name: str, lanes: IntArray) -> None:
        """Add the lanes of rows."""
        mask = np.zeros(self._size, dtype=bool)
        mask[lanes] = True
        self.add(name, mask)


class _Events:
    """The events of a pack, lane by lane in order of time.

    Attributes:
        lane: int64[n], ascending.
        at: int64[n], in microseconds, ascending within a lane.
        first: int64[lanes + 1], where each lane begins; the last one, where all of them end.
    """

    def __init__(self, lane: IntArray, at: IntArray, lanes: int) -> None:
        # The tables stand in order of time nearly, and 16 bits are sorted by counting: a lexsort
        # takes seven times as long.
        order = np.argsort(at, kind="stable")
        order = order[np.argsort(lane[order].astype(np.uint16), kind="stable")]
        self.lane, self.at = lane[order], at[order]
        self.first = np.searchsorted(self.lane, np.arange(lanes + 1))

    @classmethod
    def of(cls, view: FeatureView, pack: Pack) -> "_Events":
        """Return the events of all sources."""
        lanes, instants = [], []
        for name, source in view.sources.items():
            frame = pack.events[name]
            lanes.append(frame[LANE].to_numpy())
            instants.append(instants_of(frame[source.time]).to_numpy())
        return cls(np.concatenate(lanes).astype(np.int64), np.concatenate(instants), pack.lanes)


def _find_about_requests(
    view: FeatureView, incidents: _Gathering, events: _Events, pack: Pack
) -> None:
    """Find events on the edges of `as_of` and of the windows before it."""
    owner, age = _work_out_ages(events, pack)
    tick = view.tick
    incidents.add_rows("event at as_of", owner[age == 0])
    incidents.add_rows("event one tick before as_of", owner[age == tick])
    incidents.add_rows("event one tick after as_of", owner[age == -tick])
    incidents.add_rows("event after as_of", owner[age < 0])
    for window in view.windows or USUAL_WINDOWS:
        text, size = window_text(window), micros(window)
        is_near = np.flatnonzero(np.abs(age - size) <= tick)
        near, beside = owner[is_near], age[is_near] - size
        incidents.add_rows(f"event on the {text} edge", near[beside == 0])
        incidents.add_rows(f"event one tick inside the {text} edge", near[beside == -tick])
        incidents.add_rows(f"event one tick outside the {text} edge", near[beside == tick])


def _work_out_ages(events: _Events, pack: Pack) -> tuple[IntArray, IntArray]:
    """Return the lane, and the age in microseconds, of each event at each `as_of` of its lane."""
    moments, codes = np.unique(instants_of(pack.spine[AS_OF]).to_numpy(), return_inverse=True)
    # Two entities that are asked for at one moment are one pair of lane and moment.
    pairs = np.unique(pack.spine[LANE].to_numpy().astype(np.int64) * len(moments) + codes)
    lane, moment = np.divmod(pairs, max(1, len(moments)))
    sizes = events.first[lane + 1] - events.first[lane]
    pair = np.repeat(np.arange(len(lane)), sizes)
    event = np.arange(len(pair)) - (np.cumsum(sizes) - sizes)[pair] + events.first[lane][pair]
    return lane[pair], moments[moment][pair] - events.at[event]


def _find_about_others(view: FeatureView, incidents: _Gathering, events: _Events) -> None:
    """Find events at the time of the one before, long after it, and at midnight."""
    longest = micros(max(view.windows or USUAL_WINDOWS))
    gap = np.diff(events.at)
    is_same_lane = events.lane[1:] == events.lane[:-1]
    later = events.lane[1:]
    incidents.add_rows("tie", later[is_same_lane & (gap == 0)])
    incidents.add_rows("gap longer than every window", later[is_same_lane & (gap > longest)])
    incidents.add_rows("event at midnight UTC", events.lane[events.at % DAY_US == 0])


def _find_about_zone(zone: str, clock: Clock, incidents: _Gathering, events: _Events) -> None:
    days, codes = np.unique(events.at // DAY_US, return_inverse=True)
    # A zone's midnight lies in the UTC day of its own date, or in the one before or after it.
    for shift in (-1, 0, 1):
        starts = midnights((days + shift).tolist(), zone)[codes]
        incidents.add_rows(f"event at midnight {zone}", events.lane[events.at == starts])
    changed = np.isin(events.at // DAY_US, clock.changes // DAY_US)
    incidents.add_rows(f"event on a day of clock change {zone}", events.lane[changed])


def _find_in_columns(
    incidents: _Gathering, columns: Mapping[str, Column], frame: pl.DataFrame
) -> None:
    lane = frame[LANE].to_numpy()
    for name, kind in columns.items():
        values = frame[name]
        if kind.nullable:
            incidents.add_rows(f"{name} null", lane[values.is_null().to_numpy()])
        for incident, holds in value_incidents(kind, values):
            incidents.add_rows(f"{name} {incident}", lane[holds])


@singledispatch
def value_incidents(kind: Column, values: pl.Series) -> Iterator[tuple[str, Mask]]:
    """Yield (incident, which rows hold it); each kind of column registers its own.

    Args:
        kind: the declared kind.
        values: the column, nulls included: these are counted for all kinds alike.
    """
    raise NotImplementedError(type(kind))


@value_incidents.register(Bools | Dates | Drawn | Structs | Timestamps | Vectors)
def _(_kind: Column, _values: pl.Series) -> Iterator[tuple[str, Mask]]:
    """Nothing of these is an incident of its own: none of their values is an edge."""
    yield from ()


@value_incidents.register
def _(kind: Floats, values: pl.Series) -> Iterator[tuple[str, Mask]]:
    numbers = values.to_numpy()  # null is NaN here, which the null mask tells apart
    yield "at a range end", (numbers == kind.min) | (numbers == kind.max)
    if kind.nan:
        yield "NaN", np.isnan(numbers) & values.is_not_null().to_numpy()
    if kind.inf:
        yield "infinite", np.isinf(numbers)
    if kind.negative_zero:
        yield "-0.0", (numbers == 0) & np.signbit(numbers)


@value_incidents.register
def _(kind: Ints, values: pl.Series) -> Iterator[tuple[str, Mask]]:
    is_there = values.is_not_null().to_numpy()
    numbers = values.fill_null(0).to_numpy()  # floats would not tell 2**53 + 1 from 2**53
    yield "at a range end", is_there & ((numbers == kind.min) | (numbers == kind.max))
    if max(abs(kind.min), abs(kind.max)) > EXACT:
        yield "beyond 2**53", (numbers > EXACT) | (numbers < -EXACT)


@value_incidents.register
def _(kind: Ids, values: pl.Series) -> Iterator[tuple[str, Mask]]:
    if kind.repeats:
        # Ids are of one history, whatever the pack: where one is there twice, one history has it.
        yield "same id twice", _as_mask(values.is_duplicated() & values.is_not_null())


@value_incidents.register
def _(kind: Decimals, values: pl.Series) -> Iterator[tuple[str, Mask]]:
    yield "at a range end", _as_mask((values == kind.min) | (values == kind.max))


@value_incidents.register
def _(_kind: Lists, values: pl.Series) -> Iterator[tuple[str, Mask]]:
    yield "empty", _as_mask(values.list.len() == 0)


@value_incidents.register
def _(kind: Categories, values: pl.Series) -> Iterator[tuple[str, Mask]]:
    if kind.unseen:
        yield "unseen", _as_mask(values.is_not_null() & ~values.is_in(list(kind.values)))


@value_incidents.register
def _(_kind: Strings, values: pl.Series) -> Iterator[tuple[str, Mask]]:
    yield "empty", _as_mask(values == "")


@value_incidents.register
def _(kind: Key, values: pl.Series) -> Iterator[tuple[str, Mask]]:
    if kind.variants and kind.type == "string":
        yield "odd key", _as_mask(~values.str.contains(PLAIN_KEY))


def _as_mask(holds: pl.Series) -> Mask:
    """Return a boolean column as a mask in which null is False."""
    return holds.fill_null(value=False).to_numpy()


def _find_never_seen(view: FeatureView, pack: Pack) -> Mask:
    """Return which spine rows ask for an entity that no event of their history has."""
    mask = np.zeros(pack.spine.height, dtype=bool)
    if not view.entity:
        return mask
    names = [*view.entity, LANE]
    never_seen = pack.spine.select(names).with_row_index("#row")
    for name, frame in pack.events.items():
        if set(view.entity) <= set(view.sources[name].columns):
            never_seen = never_seen.join(
                frame.select(names), on=names, how="anti", nulls_equal=True
            )
    mask[never_seen["#row"].to_numpy()] = True
    return mask
