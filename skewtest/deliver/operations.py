"""In-order delivery: every event once, in event-time order, each request at its `as_of`.

Under `as_of="exclusive"` a request comes before the events of its own instant, under "inclusive"
after them. In a lane with a lag an exclusive request comes after them too, as happens in
production when an event and a request fall on the same tick.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import LANE, SEQUENCE, Pack
from skewtest.times import TimeType, instants_of


@dataclass(frozen=True, slots=True)
class Delivered:
    """The operations of one lane, in the order in which they reach the online side.

    Attributes:
        lane: its number.
        rows: for each operation the number of the spine row it asks for, -1 for an event.
        sources: for each operation the event's source, "" for a request.
        payloads: for each operation a fresh dict that the receiver may keep or change.
    """

    lane: int
    rows: list[int]
    sources: list[str]
    payloads: list[dict[str, Any]]


def deliver(view: FeatureView, pack: Pack) -> list[Delivered]:
    """Return the operations of each lane of a pack; events after the last request are left out."""
    names = list(view.sources)
    frames = [pack.events[name] for name in names]
    lane = np.concatenate([frame[LANE].to_numpy() for frame in frames])
    sequence = np.concatenate([frame[SEQUENCE].to_numpy() for frame in frames])
    instants = np.concatenate(
        [
            instants_of(frame[view.sources[name].time]).to_numpy()
            for frame, name in zip(frames, names, strict=True)
        ]
    )
    asked_lane = pack.spine[LANE].to_numpy()
    lags = np.array([pack.lags.get(number, -1) for number in range(pack.lanes)], dtype=np.int64)
    lag = lags[asked_lane]
    asked = instants_of(pack.spine[AS_OF]).to_numpy() + np.maximum(lag, 0)
    last = np.full(pack.lanes, np.iinfo(np.int64).min)
    np.maximum.at(last, asked_lane, asked)
    heard = np.flatnonzero(instants <= last[lane])
    # An event's rank is 1: a request of the same instant is 0 (before it) or 2 (after it).
    late = np.where((lag >= 0) | (view.as_of == "inclusive"), 2, 0)
    lanes = np.concatenate([lane[heard], asked_lane])
    order = np.lexsort(
        (
            np.concatenate([sequence[heard], np.arange(len(asked))]),
            np.concatenate([np.ones(len(heard), dtype=np.int64), late]),
            np.concatenate([instants[heard], asked]),
            lanes,
        )
    )
    payloads, sources = _payloads(view, pack, frames, heard)
    payloads = [payloads[index] for index in order.tolist()]
    sources = [sources[index] for index in order.tolist()]
    rows = np.concatenate([np.full(len(heard), -1), np.arange(len(asked))])[order].tolist()
    ends = np.searchsorted(lanes[order], np.arange(pack.lanes), side="right").tolist()
    starts = [0, *ends[:-1]]
    return [
        Delivered(number, rows[start:end], sources[start:end], payloads[start:end])
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        if end > start
    ]


def _payloads(
    view: FeatureView, pack: Pack, frames: list[pl.DataFrame], heard: npt.NDArray[np.int64]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the payloads of the events that are heard and of all requests, and their sources."""
    payloads: list[dict[str, Any]] = []
    sources: list[str] = []
    first = 0
    for frame, (name, source) in zip(frames, view.sources.items(), strict=True):
        mine = heard[(heard >= first) & (heard < first + frame.height)] - first
        first += frame.height
        part = frame if len(mine) == frame.height else frame[mine]
        payloads += event_dicts(source.schema, part)
        sources += [name] * part.height
    payloads += event_dicts(view.spine_schema, pack.spine)
    sources += [""] * pack.spine.height
    return payloads, sources


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
