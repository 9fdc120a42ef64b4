"""Operations: what reaches the online side, in the order in which it arrives.

Under `as_of="exclusive"` a request comes before the events of its own instant, under "inclusive"
after them. In a lane with a lag an exclusive request comes after them too, as happens in
production when an event and a request fall on the same tick. Without faults every event arrives
once, at its own time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import (
    COPIES,
    DELAY,
    LANE,
    SEQUENCE,
    TURN,
    WORKER,
    Pack,
    Restart,
)
from skewtest.times import TimeType, instants_of

IntArray = npt.NDArray[np.int64]

EVENT, SNAPSHOT, RESTORE, BOOTSTRAP = -1, -2, -3, -4
"""What an operation is, where it is no request (those are numbered from 0)."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The operations of one lane, in the order in which they reach the online side.

    Attributes:
        lane: its number.
        rows: for each operation the number of the spine row it asks for, or EVENT, SNAPSHOT,
            RESTORE or BOOTSTRAP.
        sources: for each operation the event's source, "" for anything else.
        payloads: for each operation a fresh dict that the receiver may keep or change.
        instants: for each operation when it happens, in microseconds.
        events: for each operation the number of its event: its row in the frames of all sources,
            one after the other; -1 for anything else.
        workers: for each operation the worker that gets it, where there are two.
    """

    lane: int
    rows: list[int]
    sources: list[str]
    payloads: list[dict[str, Any]]
    instants: list[int]
    events: list[int]
    workers: list[int] | None = None


def deliver(view: FeatureView, pack: Pack) -> list[Delivered]:
    """Return the operations of each lane of a pack, up to its last request."""
    arriving = arrivals(view, pack)
    asked_lane = pack.spine[LANE].to_numpy()
    lags = np.array([pack.lags.get(number, -1) for number in range(pack.lanes)], dtype=np.int64)
    lag = lags[asked_lane]
    asked = instants_of(pack.spine[AS_OF]).to_numpy() + np.maximum(lag, 0)
    last = np.full(pack.lanes, np.iinfo(np.int64).min)
    np.maximum.at(last, asked_lane, asked)
    arriving = arriving.only(arriving.instant <= last[arriving.lane])
    # An event's rank is 1: a request of the same instant is 0 (before it) or 2 (after it).
    late = np.where((lag >= 0) | (view.as_of == "inclusive"), 2, 0)
    lanes = np.concatenate([arriving.lane, asked_lane])
    instants = np.concatenate([arriving.instant, asked])
    zeros = np.zeros(len(asked), dtype=np.int64)
    order = np.lexsort(
        (
            np.concatenate([arriving.copy, zeros]),
            np.concatenate([arriving.sequence, np.arange(len(asked))]),
            np.concatenate([arriving.turn, zeros]),
            np.concatenate([np.ones(len(arriving.lane), dtype=np.int64), late]),
            instants,
            lanes,
        )
    )
    payloads, sources = _payloads(view, pack, arriving)
    picked = order.tolist()
    payloads = [payloads[index] for index in picked]
    sources = [sources[index] for index in picked]
    rows = np.concatenate([np.full(len(arriving.lane), EVENT), np.arange(len(asked))])[order]
    whens = instants[order].tolist()
    events = np.concatenate([arriving.index, zeros - 1])[order].tolist()
    workers = None
    if arriving.worker is not None:
        workers = np.concatenate([arriving.worker, zeros])[order].tolist()
    ends = np.searchsorted(lanes[order], np.arange(pack.lanes), side="right").tolist()
    starts = [0, *ends[:-1]]
    numbers = rows.tolist()
    delivered = [
        Delivered(
            number,
            numbers[start:end],
            sources[start:end],
            payloads[start:end],
            whens[start:end],
            events[start:end],
            None if workers is None else workers[start:end],
        )
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        if end > start
    ]
    if not pack.restarts:
        return delivered
    inclusive = view.as_of == "inclusive"
    return [
        _restarted(d, pack.restarts[d.lane], inclusive=inclusive) if d.lane in pack.restarts else d
        for d in delivered
    ]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The arrivals of events: one row for each, copies included, as parallel arrays.

    Attributes:
        index: the event's number: its row in the frames of all sources, one after the other.
        lane: its lane.
        instant: when it arrives.
        turn: whose turn it is among those of one instant.
        sequence: its sequence number.
        copy: 0 for the first arrival, above for further ones.
        worker: which worker gets it, None where there is one.
    """

    index: IntArray
    lane: IntArray
    instant: IntArray
    turn: IntArray
    sequence: IntArray
    copy: IntArray
    worker: IntArray | None

    def only(self, wanted: npt.NDArray[np.bool_]) -> "Arrivals":
        """Return some of them."""
        if wanted.all():
            return self
        return Arrivals(
            self.index[wanted],
            self.lane[wanted],
            self.instant[wanted],
            self.turn[wanted],
            self.sequence[wanted],
            self.copy[wanted],
            None if self.worker is None else self.worker[wanted],
        )


def arrivals(view: FeatureView, pack: Pack) -> Arrivals:
    """Return when the events of a pack arrive."""
    frames = [(view.sources[name], frame) for name, frame in _frames(view, pack)]
    lane = _joined(frame[LANE].to_numpy() for _, frame in frames)
    sequence = _joined(frame[SEQUENCE].to_numpy() for _, frame in frames)
    times = _joined(instants_of(frame[source.time]).to_numpy() for source, frame in frames)
    index = np.arange(len(lane))
    found = Arrivals(
        index=index,
        lane=lane,
        instant=times + _fault(frames, DELAY),
        turn=_fault(frames, TURN),
        sequence=sequence,
        copy=np.zeros(len(lane), dtype=np.int64),
        worker=_fault(frames, WORKER) if any(WORKER in f.columns for _, f in frames) else None,
    )
    copies = [frame[COPIES].to_list() if COPIES in frame.columns else [] for _, frame in frames]
    again = [
        (number, place + 1, delay)
        for number, delays in enumerate(delays for column in copies for delays in column)
        for place, delay in enumerate(delays or ())
    ]
    if not again:
        return found
    number, place, delay = np.array(again, dtype=np.int64).T
    return Arrivals(
        index=np.concatenate([index, number]),
        lane=np.concatenate([lane, lane[number]]),
        instant=np.concatenate([found.instant, times[number] + delay]),
        turn=np.concatenate([found.turn, found.turn[number]]),
        sequence=np.concatenate([sequence, sequence[number]]),
        copy=np.concatenate([found.copy, place]),
        worker=None if found.worker is None else _joined([found.worker, found.worker[number]]),
    )


def _frames(view: FeatureView, pack: Pack) -> list[tuple[str, pl.DataFrame]]:
    return [(name, pack.events[name]) for name in view.sources]


def _fault(frames: list[tuple[Any, pl.DataFrame]], column: str) -> IntArray:
    return _joined(
        frame[column].to_numpy()
        if column in frame.columns
        else np.zeros(frame.height, dtype=np.int64)
        for _, frame in frames
    )


def _joined(arrays: Any) -> IntArray:
    return np.concatenate(list(arrays))


def _payloads(
    view: FeatureView, pack: Pack, arriving: Arrivals
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the payloads of the events that arrive and of all requests, and their sources."""
    payloads: list[dict[str, Any]] = []
    sources: list[str] = []
    first = 0
    own = arriving.copy == 0
    heard = arriving.index[own]
    for name, frame in _frames(view, pack):
        mine = heard[(heard >= first) & (heard < first + frame.height)] - first
        first += frame.height
        part = frame if len(mine) == frame.height else frame[mine]
        payloads += event_dicts(view.sources[name].schema, part)
        sources += [name] * part.height
    if not own.all():
        place = {int(index): number for number, index in enumerate(heard.tolist())}
        missing = [i for i in arriving.index[~own].tolist() if i not in place]
        # A copy can arrive although the event itself comes too late to be heard.
        for index in dict.fromkeys(missing):
            place[index] = len(payloads)
            name, payload = _payload_at(view, pack, index)
            payloads.append(payload)
            sources.append(name)
        chosen = [place[index] for index in arriving.index.tolist()]
        payloads = [dict(payloads[number]) for number in chosen]
        sources = [sources[number] for number in chosen]
    payloads += event_dicts(view.spine_schema, pack.spine)
    sources += [""] * pack.spine.height
    return payloads, sources


def _payload_at(view: FeatureView, pack: Pack, index: int) -> tuple[str, dict[str, Any]]:
    for name, frame in _frames(view, pack):
        if index < frame.height:
            return name, event_dicts(view.sources[name].schema, frame[index : index + 1])[0]
        index -= frame.height
    raise IndexError(index)


def _restarted(
    delivered: Delivered, restarts: tuple[Restart, ...], *, inclusive: bool
) -> Delivered:
    """Return a lane's operations with its restarts among them.

    A restart is a snapshot and, at its crash, a restore; between them the old object goes on, and
    what it got of events is delivered again after the restore.
    """
    steps: list[Step] = list(
        zip(
            delivered.rows,
            delivered.sources,
            delivered.payloads,
            delivered.instants,
            delivered.events,
            strict=True,
        )
    )
    free = None
    for restart in sorted(restarts):
        if free is not None and restart.at < free:
            continue  # the one before is not over yet
        free = restart.at + restart.crash
        saved = _place(steps, restart.at, restart.rank, inclusive=inclusive)
        crash = restart.at + restart.crash
        rank = restart.rank if restart.crash == 0 else BEFORE_ALL
        lost = max(saved, _place(steps, crash, rank, inclusive=inclusive))
        before = [step for step in steps[:saved] if step[0] == EVENT]
        since = [step for step in steps[saved:lost] if step[0] == EVENT]
        again = [*before[len(before) - min(restart.again, len(before)) :], *since]
        moment = steps[lost - 1][3] if lost else restart.at
        steps[lost:lost] = [
            (RESTORE, "", {}, moment, -1),
            *((EVENT, source, dict(load), moment, event) for _, source, load, _, event in again),
        ]
        steps.insert(saved, (SNAPSHOT, "", {}, restart.at, -1))
    rows, sources, payloads, instants, events = (list(part) for part in zip(*steps, strict=True))
    return Delivered(delivered.lane, rows, sources, payloads, instants, events)


Step = tuple[int, str, dict[str, Any], int, int]
BEFORE_ALL = -1


def _place(steps: list[Step], at: int, rank: int, *, inclusive: bool) -> int:
    """Return where in the operations an instant and a rank are."""
    events, requests = (0, 2) if inclusive else (2, 0)
    for number, (row, _, _, instant, _) in enumerate(steps):
        own = requests if row >= 0 else events if row == EVENT else BEFORE_ALL
        if (instant, own) > (at, rank):
            return number
    return len(steps)


def event_dicts(schema: Mapping[str, pl.DataType], frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as dicts of plain Python values, declared columns only."""
    columns = [python_values(frame[name]) for name in schema]
    return [dict(zip(schema, row)) for row in zip(*columns)]  # noqa: B905 - alike, and hot


def python_values(column: pl.Series) -> list[Any]:
    """Return a column as plain Python values; datetimes by way of integers, which is faster."""
    if isinstance(column.dtype, pl.Datetime):
        kind = TimeType(column.dtype.time_unit, column.dtype.time_zone)
        return kind.datetimes(instants_of(column))
    return column.to_list()
