"""Operations: what reaches the online side, in the order in which it arrives."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from skewtest.declare.view import FeatureView
from skewtest.deliver.collection import paused_collection
from skewtest.deliver.payloads import Payload, event_dicts, python_values
from skewtest.deliver.restarts import add_restarts
from skewtest.deliver.schedule import (
    BOOTSTRAP,
    EVENT,
    RESTORE,
    SNAPSHOT,
    Schedule,
    has_workers,
    schedule_of,
)
from skewtest.deliver.sorting import IntArray
from skewtest.generate.history import Pack

# What other rooms need of this one comes from here.
__all__ = [
    "BOOTSTRAP",
    "EVENT",
    "RESTORE",
    "SNAPSHOT",
    "Delivered",
    "deliver",
    "event_dicts",
    "python_values",
]


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
    payloads: list[Payload]
    instants: list[int]
    events: list[int]
    workers: list[int] | None = None


def deliver(view: FeatureView, pack: Pack) -> list[Delivered]:
    """Return the operations of each lane of a pack, up to its last request."""
    schedule = schedule_of(view, pack)
    if pack.restarts:
        inclusive = view.as_of == "inclusive"
        schedule = add_restarts(schedule, pack.restarts, inclusive=inclusive)
    with paused_collection():
        return _cut(view, pack, schedule, _build_payloads(view, pack, schedule))


def _build_payloads(view: FeatureView, pack: Pack, schedule: Schedule) -> list[Payload]:
    """Return a fresh payload for each operation; restarts have empty ones."""
    payloads = np.empty(len(schedule), dtype=object)
    first = 0
    for number, (name, source) in enumerate(view.sources.items()):
        frame = pack.events[name]
        places = np.flatnonzero(schedule.source == number)
        rows = schedule.event[places] - first
        payloads[places] = _gather_dicts(source.schema, frame, rows)
        first += frame.height
    places = np.flatnonzero(schedule.row >= 0)
    payloads[places] = _gather_dicts(view.spine_schema, pack.spine, schedule.row[places])
    for place in np.flatnonzero(schedule.row < EVENT):
        payloads[place] = {}
    filled: list[Payload] = payloads.tolist()
    return filled


def _gather_dicts(
    schema: Mapping[str, pl.DataType], frame: pl.DataFrame, rows: IntArray
) -> list[Payload]:
    return event_dicts(schema, frame.select(list(schema))[rows])


def _cut(
    view: FeatureView, pack: Pack, schedule: Schedule, payloads: list[Payload]
) -> list[Delivered]:
    """Return the operations of a pack lane by lane."""
    names = np.array([*view.sources, ""], dtype=object)
    sources = names[schedule.source].tolist()  # -1, which is no source, is the last of them
    rows, instants, events = (
        schedule.row.tolist(),
        schedule.instant.tolist(),
        schedule.event.tolist(),
    )
    workers = schedule.worker.tolist() if has_workers(pack) else None
    delivered = []
    for lane, start, end in zip(*schedule.bounds(), strict=True):
        operations = Delivered(
            lane,
            rows[start:end],
            sources[start:end],
            payloads[start:end],
            instants[start:end],
            events[start:end],
            None if workers is None else workers[start:end],
        )
        delivered.append(operations)
    return delivered
