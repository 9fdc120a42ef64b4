"""Operations: what reaches the online side, in the order in which it arrives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.delivery import Delivery
from skewtest.declare.view import FeatureView
from skewtest.deliver.collection import pause_collection
from skewtest.deliver.payloads import Payload, build_dicts, event_dicts, python_values
from skewtest.deliver.reception import reader_of, receive_cells
from skewtest.deliver.restarts import add_restarts
from skewtest.deliver.schedule import (
    Schedule,
    has_workers,
    schedule_of,
)
from skewtest.deliver.sorting import IntArray
from skewtest.generate.history import Pack
from skewtest.worker.operations import BOOTSTRAP, EVENT, RESTORE, SNAPSHOT

# What other rooms need of this one comes from here.
__all__ = [
    "BOOTSTRAP",
    "EVENT",
    "RESTORE",
    "SNAPSHOT",
    "Broken",
    "Delivered",
    "deliver",
    "event_dicts",
    "python_values",
]


FEW = 2_000
"""Rows of a frame that are not gathered in the order of arrival: for so few of them to gather takes
as long as to make all dicts. Of more, dicts in another order than they are read in miss the
processor's cache: user code then took three times as long."""


class Broken(NamedTuple):
    """What ends a lane: a payload that its wire format cannot carry.

    Attributes:
        position: of the operation in its lane.
        error: what the format raised.
    """

    position: int
    error: Exception


class Delivered(NamedTuple):
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
        broken: the first operation that cannot arrive, if any; nothing comes after it.
    """

    lane: int
    rows: list[int]
    sources: list[str]
    payloads: list[Payload]
    instants: list[int]
    events: list[int]
    workers: list[int] | None = None
    broken: Broken | None = None

    def pick(self, numbers: Sequence[int]) -> "Delivered":
        """Return some of the operations, by their numbers; one may be there twice.

        They all reach one worker. Payloads are not copied.
        """
        return Delivered(
            self.lane,
            [self.rows[number] for number in numbers],
            [self.sources[number] for number in numbers],
            [self.payloads[number] for number in numbers],
            [self.instants[number] for number in numbers],
            [self.events[number] for number in numbers],
        )


def deliver(view: FeatureView, pack: Pack) -> list[Delivered]:
    """Return the operations of each lane of a pack, up to its last request.

    Payloads are as they are after the wire and in the zone of the pack's scenario. A team's own
    wire format is not among it: see `drive.receive`.

    Raises:
        DeclarationError: the library of the wire format is not installed.
    """
    schedule = schedule_of(view, pack)
    if pack.restarts:
        inclusive = view.as_of == "inclusive"
        schedule = add_restarts(schedule, pack.restarts, inclusive=inclusive)
    # Payloads are the bulk of what is made here, and none of them refers to another.
    with pause_collection():
        return _split_by_lane(view, pack, schedule, _Payloads.of(view, pack, schedule))


@dataclass(slots=True)
class _Payloads:
    """The payloads of a schedule, while they come in source by source.

    Attributes:
        delivery: what they pass through.
        cells: object[n], a fresh dict for each operation.
        errors: by position, why an operation cannot arrive.
    """

    delivery: Delivery
    cells: npt.NDArray[np.object_]
    errors: dict[int, Exception] = field(default_factory=dict)

    @classmethod
    def of(cls, view: FeatureView, pack: Pack, schedule: Schedule) -> "_Payloads":
        """Return the payloads of a schedule; restarts have empty ones."""
        payloads = cls(pack.scenario.delivery, np.empty(len(schedule), dtype=object))
        first = 0
        for number, (name, source) in enumerate(view.sources.items()):
            frame = pack.events[name]
            positions = np.flatnonzero(schedule.source == number)
            payloads.fill(positions, source.schema, frame, schedule.event[positions] - first)
            first += frame.height
        positions = np.flatnonzero(schedule.row >= 0)
        payloads.fill(positions, view.spine_schema, pack.spine, schedule.row[positions])
        for position in np.flatnonzero(schedule.row < EVENT):
            payloads.cells[position] = {}
        return payloads

    def fill(
        self,
        positions: IntArray,
        schema: Mapping[str, pl.DataType],
        frame: pl.DataFrame,
        rows: IntArray,
    ) -> None:
        """Make the payloads at some positions of some rows of a frame."""
        arrivals = np.bincount(rows, minlength=frame.height)
        # Each arrival of an event has a dict of its own, and what is read in turn is made in turn.
        if arrivals.max(initial=0) > 1 or frame.height > FEW:
            frame, rows = frame[list(schema)][rows], np.arange(len(rows))
        columns = []
        for name, dtype in schema.items():
            values, errors = receive_cells(reader_of(self.delivery, dtype), frame[name])
            columns.append(values)
            # Of several columns that fail in one payload, the first shows why.
            for row, error in errors.items():
                for position in positions[rows == row].tolist():
                    self.errors.setdefault(position, error)
        # One table for all sources: numpy puts each where it arrives, without a loop over rows.
        payloads = np.fromiter(build_dicts(schema, columns), dtype=object, count=frame.height)
        self.cells[positions] = payloads[rows]

    def first_broken(self, start: int, end: int) -> Broken | None:
        """Return the first operation of a lane that cannot arrive."""
        if not self.errors:
            return None
        positions = [position for position in self.errors if start <= position < end]
        if not positions:
            return None
        return Broken(min(positions) - start, self.errors[min(positions)])


def _split_by_lane(
    view: FeatureView, pack: Pack, schedule: Schedule, payloads: _Payloads
) -> list[Delivered]:
    """Return the operations of a pack lane by lane."""
    names = np.array([*view.sources, ""], dtype=object)
    sources = names[schedule.source].tolist()  # NOTHING, which is -1, is the last of them
    rows, events = schedule.row.tolist(), schedule.event.tolist()
    cells, instants = payloads.cells.tolist(), schedule.instant.tolist()
    workers = None
    if has_workers(pack):
        workers = schedule.worker.tolist()
    delivered = []
    for lane, start, end in zip(*schedule.bounds(), strict=True):
        operations = Delivered(
            lane,
            rows[start:end],
            sources[start:end],
            cells[start:end],
            instants[start:end],
            events[start:end],
            None if workers is None else workers[start:end],
            payloads.first_broken(start, end),
        )
        delivered.append(operations)
    return delivered
