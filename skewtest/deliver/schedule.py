"""Schedule: when everything reaches the online side, as one table of numbers for a whole pack.

Under `as_of="exclusive"` a request comes before the events of its own instant, under "inclusive"
after them. In a lane with a lag an exclusive request comes after them too, as happens in
production when an event and a request fall on the same tick. Without faults every event arrives
once, at its own time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.sorting import IntArray, group_bounds, order_by
from skewtest.generate.history import COPIES, DELAY, LANE, SEQUENCE, TURN, WORKER, Pack
from skewtest.times import instants_of
from skewtest.worker.operations import EVENT

Mask = npt.NDArray[np.bool_]

BEFORE_EVENTS, AMONG_EVENTS, AFTER_EVENTS = 0, 1, 2
"""Which operations of one instant go first: a request's rank is the first or the last of these."""

NOTHING = -1
"""The source, and the number, of the event of an operation that has none."""


# Small arrays side by side, and no structured array: its rows of 80 bytes cost six times as much to
# gather, and one of a whole pack is so large that it gets fresh memory each time.
@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """Operations, a row each, as parallel int64 arrays.

    The first six decide what comes first, the weightiest in front.

    Attributes:
        lane: its lane.
        instant: when it happens, in microseconds.
        rank: BEFORE_EVENTS, AMONG_EVENTS or AFTER_EVENTS.
        turn: whose turn it is among the events of one instant.
        sequence: of the event; of a request its spine row.
        copy: 0 for the first arrival of an event, above for further ones.
        row: of a request its spine row; else EVENT, SNAPSHOT or RESTORE.
        source: the number of the event's source among those of the view, from 0; or NOTHING.
        event: the event's number: its row in the frames of all sources, one after the other; or
            NOTHING.
        worker: which of two workers gets it.
    """

    lane: IntArray
    instant: IntArray
    rank: IntArray
    turn: IntArray
    sequence: IntArray
    copy: IntArray
    row: IntArray
    source: IntArray
    event: IntArray
    worker: IntArray

    def __len__(self) -> int:
        """The number of operations."""
        return len(self.lane)

    @classmethod
    def join(cls, parts: Sequence["Schedule"]) -> "Schedule":
        """Return several, one after the other."""
        columns = []
        for name in COLUMNS:
            column = [getattr(part, name) for part in parts]
            columns.append(np.concatenate(column))
        return cls(*columns)

    def take(self, picked: IntArray | Mask) -> "Schedule":
        """Return some operations: those of a mask, or of places, perhaps several times."""
        return Schedule(*(getattr(self, name)[picked] for name in COLUMNS))

    def sort(self) -> "Schedule":
        """Return the operations in order."""
        order = order_by(self.lane, self.instant, self.rank, self.turn, self.sequence, self.copy)
        return self.take(order)

    def bounds(self) -> tuple[list[int], list[int], list[int]]:
        """Return the lanes, and where each begins and ends."""
        return group_bounds(self.lane)


COLUMNS = tuple(column.name for column in fields(Schedule))


def schedule_of(view: FeatureView, pack: Pack) -> Schedule:
    """Return what arrives in each lane of a pack up to its last request, in order, by lane.

    Restarts are not among it.
    """
    requests = _schedule_requests(view, pack)
    last = np.full(pack.lanes, np.iinfo(np.int64).min)
    np.maximum.at(last, requests.lane, requests.instant)
    events = Schedule.join(_schedule_events(view, pack))
    # Nobody can see what arrives when nothing is asked any more.
    heard = events.take(events.instant <= last[events.lane])
    return Schedule.join([heard, requests]).sort()


def has_workers(pack: Pack) -> bool:
    """Return whether the events of a pack go to two workers."""
    return any(WORKER in frame.columns for frame in pack.events.values())


def _schedule_requests(view: FeatureView, pack: Pack) -> Schedule:
    size = pack.spine.height
    lane = pack.spine[LANE].to_numpy().astype(np.int64)
    lags = np.full(pack.lanes, -1)
    lags[list(pack.lags)] = list(pack.lags.values())
    lag = lags[lane]
    # A request that waits for its tick to end meets the events of that tick.
    comes_after = (lag >= 0) | (view.as_of == "inclusive")
    none = np.zeros(size, dtype=np.int64)
    return Schedule(
        lane=lane,
        instant=instants_of(pack.spine[AS_OF]).to_numpy() + np.maximum(lag, 0),
        rank=np.where(comes_after, AFTER_EVENTS, BEFORE_EVENTS),
        turn=none,
        sequence=np.arange(size),
        copy=none,
        row=np.arange(size),
        source=none + NOTHING,
        event=none + NOTHING,
        worker=none,
    )


def _schedule_events(view: FeatureView, pack: Pack) -> list[Schedule]:
    """Return the arrivals of each source's events, and those of their copies."""
    parts = []
    first = 0
    for number, (name, source) in enumerate(view.sources.items()):
        frame = pack.events[name]
        events = Schedule(
            lane=frame[LANE].to_numpy().astype(np.int64),
            instant=instants_of(frame[source.time]).to_numpy(),
            rank=np.full(frame.height, AMONG_EVENTS),
            turn=_fault(frame, TURN),
            sequence=frame[SEQUENCE].to_numpy().astype(np.int64),
            copy=np.zeros(frame.height, dtype=np.int64),
            row=np.full(frame.height, EVENT),
            source=np.full(frame.height, number),
            event=np.arange(first, first + frame.height),
            worker=_fault(frame, WORKER),
        )
        if COPIES in frame.columns:
            # Before delays are added: a copy's delay counts from the event's time, not its arrival.
            parts.append(_schedule_copies(events, frame[COPIES]))
        parts.append(replace(events, instant=events.instant + _fault(frame, DELAY)))
        first += frame.height
    return parts


def _fault(frame: pl.DataFrame, column: str) -> IntArray:
    """Return a column of faults; zeros where there are none."""
    if column in frame.columns:
        return frame[column].to_numpy()
    return np.zeros(frame.height, dtype=np.int64)


def _schedule_copies(events: Schedule, delays: pl.Series) -> Schedule:
    """Return the further arrivals of events, each so many microseconds after the event's time."""
    counts = delays.list.len().fill_null(0).to_numpy().astype(np.int64)
    copies = events.take(np.repeat(np.arange(len(events)), counts))
    firsts = np.cumsum(counts) - counts
    # An empty list explodes to one null.
    delay = delays.explode().drop_nulls().to_numpy()
    return replace(
        copies,
        copy=np.arange(1, len(copies) + 1) - np.repeat(firsts, counts),
        instant=copies.instant + delay,
    )
