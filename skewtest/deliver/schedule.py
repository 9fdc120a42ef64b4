"""Schedule: when everything reaches the online side, as one table of numbers for a whole pack.

Under `as_of="exclusive"` a request comes before the events of its own instant, under "inclusive"
after them. In a lane with a lag an exclusive request comes after them too, as happens in
production when an event and a request fall on the same tick. Without faults every event arrives
once, at its own time.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import COPIES, DELAY, LANE, SEQUENCE, TURN, WORKER, Pack
from skewtest.times import instants_of

IntArray = npt.NDArray[np.int64]
Schedule = npt.NDArray[np.void]
"""An array whose rows are operations and whose fields are those of OPERATION."""

EVENT, SNAPSHOT, RESTORE, BOOTSTRAP = -1, -2, -3, -4
"""What an operation is, where it is no request (those are numbered from 0)."""

BEFORE_EVENTS, AMONG_EVENTS, AFTER_EVENTS = 0, 1, 2
"""Which operations of one instant go first: a request's rank is the first or the last of these."""

ORDER = ("lane", "instant", "rank", "turn", "sequence", "copy")
"""The fields that decide what comes first, the weightiest in front."""

OPERATION = np.dtype([(field, np.int64) for field in (*ORDER, "row", "source", "event", "worker")])
"""One operation.

Fields:
    lane: its lane.
    instant: when it happens, in microseconds.
    rank: BEFORE_EVENTS, AMONG_EVENTS or AFTER_EVENTS.
    turn: whose turn it is among the events of one instant.
    sequence: of the event; of a request its spine row.
    copy: 0 for the first arrival of an event, above for further ones.
    row: of a request its spine row; else EVENT, SNAPSHOT or RESTORE.
    source: the number of the event's source among those of the view, from 0; -1 for all else.
    event: the event's number: its row in the frames of all sources, one after the other; else -1.
    worker: which of two workers gets it.
"""


def schedule_of(view: FeatureView, pack: Pack) -> Schedule:
    """Return what arrives in each lane of a pack up to its last request, in order, by lane.

    Restarts are not among it.
    """
    requests = _schedule_requests(view, pack)
    last = np.full(pack.lanes, np.iinfo(np.int64).min)
    np.maximum.at(last, requests["lane"], requests["instant"])
    events = np.concatenate(_schedule_events(view, pack))
    heard = events[events["instant"] <= last[events["lane"]]]
    return _sort(np.concatenate([heard, requests]))


def lane_bounds(schedule: Schedule) -> tuple[list[int], list[int], list[int]]:
    """Return the lanes of a schedule, and where in it each begins and ends."""
    lanes, starts = np.unique(schedule["lane"], return_index=True)
    return lanes.tolist(), starts.tolist(), [*starts[1:].tolist(), len(schedule)]


def has_workers(pack: Pack) -> bool:
    """Return whether the events of a pack go to two workers."""
    return any(WORKER in frame.columns for frame in pack.events.values())


def _sort(schedule: Schedule) -> Schedule:
    """Return a schedule in order."""
    # lexsort wants the weightiest key last.
    keys = [_narrow(schedule[field]) for field in reversed(ORDER) if _decides(schedule[field])]
    if not keys:
        return schedule
    ordered: Schedule = schedule[np.lexsort(keys)]
    return ordered


def _decides(key: IntArray) -> bool:
    """Return whether a sort key differs anywhere."""
    return len(key) > 0 and bool(key.min() < key.max())


def _narrow(key: IntArray) -> IntArray | npt.NDArray[np.int16]:
    """Return a sort key in 16 bits where they hold it: numpy sorts those by radix."""
    fits = key.min() >= 0 and key.max() <= np.iinfo(np.int16).max
    return key.astype(np.int16) if fits else key


def _schedule_requests(view: FeatureView, pack: Pack) -> Schedule:
    requests = np.zeros(pack.spine.height, dtype=OPERATION)
    requests["lane"] = pack.spine[LANE].to_numpy()
    lags = np.full(pack.lanes, -1)
    lags[list(pack.lags)] = list(pack.lags.values())
    lag = lags[requests["lane"]]
    requests["instant"] = instants_of(pack.spine[AS_OF]).to_numpy() + np.maximum(lag, 0)
    comes_after = (lag >= 0) | (view.as_of == "inclusive")
    requests["rank"] = np.where(comes_after, AFTER_EVENTS, BEFORE_EVENTS)
    requests["row"] = requests["sequence"] = np.arange(pack.spine.height)
    requests["source"] = requests["event"] = -1
    return requests


def _schedule_events(view: FeatureView, pack: Pack) -> list[Schedule]:
    """Return the arrivals of each source's events, and those of their copies."""
    parts = []
    first = 0
    for number, (name, source) in enumerate(view.sources.items()):
        frame = pack.events[name]
        events = np.zeros(frame.height, dtype=OPERATION)
        events["lane"] = frame[LANE].to_numpy()
        events["instant"] = instants_of(frame[source.time]).to_numpy()
        events["rank"] = AMONG_EVENTS
        events["sequence"] = frame[SEQUENCE].to_numpy()
        events["row"] = EVENT
        events["source"] = number
        events["event"] = np.arange(first, first + frame.height)
        for field, fault in (("turn", TURN), ("worker", WORKER)):
            if fault in frame.columns:
                events[field] = frame[fault].to_numpy()
        if COPIES in frame.columns:
            parts.append(_schedule_copies(events, frame[COPIES]))
        if DELAY in frame.columns:
            events["instant"] += frame[DELAY].to_numpy()
        parts.append(events)
        first += frame.height
    return parts


def _schedule_copies(events: Schedule, delays: pl.Series) -> Schedule:
    """Return the further arrivals of events, each so many microseconds after the event's time."""
    counts = delays.list.len().fill_null(0).to_numpy().astype(np.int64)
    copies: Schedule = np.repeat(events, counts)
    ends = np.cumsum(counts)
    copies["copy"] = np.arange(1, len(copies) + 1) - np.repeat(ends - counts, counts)
    # An empty list explodes to one null.
    copies["instant"] += delays.explode().drop_nulls().to_numpy()
    return copies
