"""In-order delivery: every event once, in event-time order, each request at its `as_of`.

Under `as_of="exclusive"` a request comes before the events of its own instant, under "inclusive"
after them. In a lane with a lag an exclusive request comes after them too, as happens in
production when an event and a request fall on the same tick.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import LANE, SEQUENCE, Pack
from skewtest.times import TimeType


class Operation(NamedTuple):
    """One thing that reaches the online side.

    `row` is the number of the spine row for a request, -1 for an event. `payload` is a fresh dict
    that the receiver may keep or change.
    """

    row: int
    source: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivered:
    """The operations of one lane, in the order in which they reach the online side."""

    lane: int
    operations: list[Operation]


def deliver(view: FeatureView, pack: Pack) -> Iterator[Delivered]:
    """Yield the operations of each lane of a pack; events after the last request are left out."""
    names = list(view.sources)
    frames = [pack.events[name] for name in names]
    instants, lane, sequence = (
        np.concatenate([part(frame, name) for frame, name in zip(frames, names, strict=True)])
        for part in (
            lambda frame, name: _instants(frame, view.sources[name].time),
            lambda frame, _: frame[LANE].to_numpy(),
            lambda frame, _: frame[SEQUENCE].to_numpy(),
        )
    )
    asked_lane = pack.spine[LANE].to_numpy()
    lags = np.array([pack.lags.get(number, -1) for number in range(pack.lanes)], dtype=np.int64)
    lag = lags[asked_lane]
    # An event's rank is 1: a request of the same instant is 0 (before it) or 2 (after it).
    late = np.where((lag >= 0) | (view.as_of == "inclusive"), 2, 0)
    rank = np.concatenate([np.ones(len(lane), dtype=np.int8), late])
    asked = _instants(pack.spine, AS_OF) + np.maximum(lag, 0)
    order = np.lexsort(
        (
            np.concatenate([sequence, np.arange(len(asked))]),
            rank,
            np.concatenate([instants, asked]),
            np.concatenate([lane, asked_lane]),
        )
    )
    payloads = [
        Operation(-1, name, event)
        for frame, name in zip(frames, names, strict=True)
        for event in event_dicts(view.sources[name].schema, frame)
    ]
    payloads += [
        Operation(row, "", request)
        for row, request in enumerate(event_dicts(view.spine_schema, pack.spine))
    ]
    starts = np.searchsorted(np.concatenate([lane, asked_lane])[order], np.arange(pack.lanes + 1))
    is_request = order >= len(lane)
    picked = order.tolist()
    for number, (start, stop) in enumerate(zip(starts[:-1], starts[1:], strict=True)):
        requests = np.flatnonzero(is_request[start:stop])
        if len(requests):
            last = start + int(requests[-1]) + 1
            yield Delivered(number, [payloads[index] for index in picked[start:last]])


def event_dicts(schema: Mapping[str, pl.DataType], frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as dicts of plain Python values, declared columns only."""
    columns = [python_values(frame[name]) for name in schema]
    return [dict(zip(schema, row, strict=True)) for row in zip(*columns, strict=True)]


def python_values(column: pl.Series) -> list[Any]:
    """Return a column as plain Python values; datetimes by way of integers, which is faster."""
    if isinstance(column.dtype, pl.Datetime):
        return _datetimes(column, TimeType(column.dtype.time_unit, column.dtype.time_zone))
    return column.to_list()


def _datetimes(column: pl.Series, kind: TimeType) -> list[datetime | None]:
    return kind.datetimes(kind.instants(column).to_list())


def _instants(frame: pl.DataFrame, column: str) -> npt.NDArray[np.int64]:
    return frame[column].dt.epoch("us").to_numpy()
