"""Which incidents a pack really holds: measured on its tables, not taken from the plan."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.kinds import Categories, Column, Floats, Ints, Key, Strings
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.generate.instants import USUAL_WINDOWS, Clock
from skewtest.generate.keys import PLAIN
from skewtest.times import DAY_US, instants_of, micros, midnights, window_text

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BURST = 100
PLAIN_KEY = f"^[{''.join(template[0] for template in PLAIN)}][0-9]*$"


def incidents_of(view: FeatureView, clock: Clock, pack: Pack) -> Counter[str]:
    """Return how many histories of a pack hold each incident; 0 for one that none of them does."""
    lane = np.concatenate([frame[LANE].to_numpy() for frame in pack.events.values()])
    at = np.concatenate(
        [instants_of(pack.events[n][s.time]).to_numpy() for n, s in view.sources.items()]
    )
    asked_lane = pack.spine[LANE].to_numpy()
    asked = instants_of(pack.spine[AS_OF]).to_numpy()
    count = _Count(pack.lanes)
    sizes = np.bincount(lane, minlength=pack.lanes)
    requests = np.bincount(asked_lane, minlength=pack.lanes)
    count.lanes("no events", sizes == 0)
    count.lanes("one event", sizes == 1)
    count.lanes("burst", sizes > BURST)
    count.lanes("several requests", requests > 1)
    _time_incidents(view, clock, count, lane, at, asked_lane, asked)
    for name, source in view.sources.items():
        frame = pack.events[name]
        for column, kind in source.columns.items():
            for incident, holds in _value_incidents(kind, frame[column]):
                count.rows(f"{column} {incident}", frame[LANE].to_numpy()[holds])
    for column, kind in view.request.items():
        for incident, holds in _value_incidents(kind, pack.spine[column]):
            count.rows(f"{column} {incident}", asked_lane[holds])
    count.rows("entity never seen", asked_lane[_never_seen(view, pack)])
    return count.found


class _Count:
    """Counts lanes."""

    def __init__(self, size: int) -> None:
        self.found: Counter[str] = Counter()
        self._size = size

    def lanes(self, name: str, held: Mask) -> None:
        """Count lanes by a mask over all of them."""
        self.found[name] += int(np.count_nonzero(held))

    def rows(self, name: str, lanes: IntArray) -> None:
        """Count distinct lanes of rows."""
        self.found[name] += int(np.count_nonzero(np.bincount(lanes, minlength=self._size)))


def _time_incidents(
    view: FeatureView,
    clock: Clock,
    count: _Count,
    lane: IntArray,
    at: IntArray,
    asked_lane: IntArray,
    asked: IntArray,
) -> None:
    pairs = [
        (lane[here], moment - at[here])
        for moment in np.unique(asked)
        for here in [np.isin(lane, asked_lane[asked == moment])]
    ]
    owner = np.concatenate([own for own, _ in pairs])
    before = np.concatenate([gap for _, gap in pairs])
    tick = view.time.tick
    count.rows("event at as_of", owner[before == 0])
    count.rows("event one tick before as_of", owner[before == tick])
    count.rows("event one tick after as_of", owner[before == -tick])
    count.rows("event after as_of", owner[before < 0])
    longest = 0
    for window in view.windows or USUAL_WINDOWS:
        text, size = window_text(window), micros(window)
        longest = max(longest, size)
        count.rows(f"event on the {text} edge", owner[before == size])
        count.rows(f"event one tick inside the {text} edge", owner[before == size - tick])
        count.rows(f"event one tick outside the {text} edge", owner[before == size + tick])
    order = np.lexsort((at, lane))
    same_lane = lane[order][1:] == lane[order][:-1]
    gap = np.diff(at[order])
    later = lane[order][1:]
    count.rows("tie", later[same_lane & (gap == 0)])
    count.rows("gap longer than every window", later[same_lane & (gap > longest)])
    count.rows("event at midnight UTC", lane[at % DAY_US == 0])
    if view.zone:
        _zone_incidents(view.zone, clock, count, lane, at)


def _zone_incidents(zone: str, clock: Clock, count: _Count, lane: IntArray, at: IntArray) -> None:
    days, inverse = np.unique(at // DAY_US, return_inverse=True)
    for shift in (-1, 0, 1):
        starts = midnights([int(day) + shift for day in days], zone)[inverse]
        count.rows(f"event at midnight {zone}", lane[at == starts])
    changed = np.isin(at // DAY_US, clock.changes // DAY_US)
    count.rows(f"event on a day of clock change {zone}", lane[changed])


def _value_incidents(kind: Column, column: pl.Series) -> Iterator[tuple[str, Mask]]:
    """Yield (incident, which rows hold it) of one column."""
    if kind.nullable:
        yield "null", column.is_null().to_numpy()
    if isinstance(kind, Floats | Ints):
        yield "at a range end", _true((column == kind.min) | (column == kind.max))
    if isinstance(kind, Floats):
        if kind.nan:
            yield "NaN", _true(column.is_nan())
        if kind.inf:
            yield "infinite", _true(column.is_infinite())
        if kind.negative_zero:
            yield "-0.0", _true((column == 0) & ((1 / column) == -math.inf))
    if isinstance(kind, Ints) and max(abs(kind.min), abs(kind.max)) > 2**53:
        yield "beyond 2**53", _true((column > 2**53) | (column < -(2**53)))
    if isinstance(kind, Categories) and kind.unseen:
        yield "unseen", _true(column.is_not_null() & ~column.is_in(list(kind.values)))
    if isinstance(kind, Strings):
        yield "empty", _true(column == "")
    if isinstance(kind, Key) and kind.variants and kind.type == "string":
        yield "odd key", _true(~column.str.contains(PLAIN_KEY))


def _true(holds: pl.Series) -> Mask:
    """Return a boolean column as a mask in which null is False."""
    return holds.fill_null(value=False).to_numpy()


def _never_seen(view: FeatureView, pack: Pack) -> Mask:
    """Return which spine rows ask for an entity that no event has."""
    seen: set[tuple[object, ...]] = set()
    for name, frame in pack.events.items():
        if all(column in view.sources[name].columns for column in view.entity):
            seen.update(zip(*(frame[column].to_list() for column in view.entity), strict=True))
    asked = zip(*(pack.spine[column].to_list() for column in view.entity), strict=True)
    return np.array([key not in seen for key in asked], dtype=bool)
