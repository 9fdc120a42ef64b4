"""Restarts: snapshots, restores and what is delivered again, put among a pack's operations.

A restart is a snapshot and, at its crash, a restore; between them the old object goes on, and what
it got of events is delivered again after the restore.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from skewtest.deliver.schedule import (
    AFTER_EVENTS,
    BEFORE_EVENTS,
    NOTHING,
    Schedule,
)
from skewtest.deliver.sorting import IntArray
from skewtest.generate.history import BEFORE, Restart
from skewtest.worker.operations import EVENT, RESTORE, SNAPSHOT

Number = TypeVar("Number", int, IntArray)

KEYS_PER_INSTANT = 8
"""More than there are ranks (BEFORE to AFTER, -1 to 3): none reaches the next instant."""


def add_restarts(
    schedule: Schedule, restarts: Mapping[int, Iterable[Restart]], *, inclusive: bool
) -> Schedule:
    """Return a schedule with the restarts of its lanes among it.

    Args:
        schedule: of a pack, by lane, in order.
        restarts: by lane. One that begins before the one in front of it is over is left out.
        inclusive: whether a request comes after the events of its instant.
    """
    bounds = schedule.bounds()
    lanes, starts, ends = bounds
    keys, events_rank = _keys(schedule, starts, ends, inclusive=inclusive)
    by_lane = [sorted(restarts.get(lane, ())) for lane in lanes]
    if not _brings_again(by_lane):
        return _insert_handovers(schedule, keys, bounds, by_lane)
    merge = _Merge.of(schedule, keys, events_rank)
    lengths = []
    for end, own in zip(ends, by_lane, strict=True):
        lengths.append(merge.take_lane(end, own))
    picked = np.array(merge.picked, dtype=np.int64)
    instants = np.array(merge.instants, dtype=np.int64)
    return _assemble(schedule, picked, np.repeat(lanes, lengths), instants)


def _brings_again(by_lane: list[list[Restart]]) -> bool:
    """Return whether a restart can bring an event again."""
    return any(restart.crash or restart.again for own in by_lane for restart in own)


def _insert_handovers(
    schedule: Schedule,
    keys: list[int],
    bounds: tuple[list[int], list[int], list[int]],
    by_lane: list[list[Restart]],
) -> Schedule:
    """Return a schedule with restarts that bring nothing again: a snapshot and at once a restore.

    A split has one at every instant of every lane. As they change nothing of what is around them,
    they are all put in at once.
    """
    instants = schedule.instant.tolist()
    positions: list[int] = []
    moments: list[tuple[int, int]] = []
    owners: list[int] = []
    for lane, start, end, own in zip(*bounds, by_lane, strict=True):
        for restart in own:
            position = bisect_right(keys, _key(restart.at, restart.rank), start, end)
            # The restored object is there when the last operation before it is over.
            moment = own[0].at
            if position > start:
                moment = instants[position - 1]
            positions.append(position)
            moments.append((restart.at, moment))
            owners.append(lane)
    twice = np.repeat(np.array(positions, dtype=np.int64), 2)
    added = np.tile([SNAPSHOT, RESTORE], len(positions))
    return _assemble(
        schedule,
        np.insert(np.arange(len(schedule)), twice, added),
        np.insert(schedule.lane, twice, np.repeat(owners, 2)),
        np.insert(schedule.instant, twice, np.array(moments, dtype=np.int64).ravel()),
    )


def _assemble(schedule: Schedule, picked: IntArray, lane: IntArray, instants: IntArray) -> Schedule:
    """Return operations of a schedule with others among them.

    Args:
        schedule: of a pack.
        picked: for each operation its place in the schedule, SNAPSHOT or RESTORE.
        lane: of each.
        instants: of each.
    """
    is_added = picked < 0
    # What is added has no row of its own in the schedule: any will do, and its fields are replaced.
    operations = schedule.take(np.where(is_added, 0, picked))
    return replace(
        operations,
        lane=lane,
        instant=instants,
        row=np.where(is_added, picked, operations.row),
        source=np.where(is_added, NOTHING, operations.source),
        event=np.where(is_added, NOTHING, operations.event),
    )


def _key(instant: Number, rank: Number) -> Number:
    """Return one number for an instant and a rank within it; BEFORE is the lowest rank."""
    return instant * KEYS_PER_INSTANT + (rank - BEFORE)


def _keys(
    schedule: Schedule, starts: list[int], ends: list[int], *, inclusive: bool
) -> tuple[list[int], int]:
    """Return the key of each operation, never falling within a lane, and the rank of events."""
    events, requests = AFTER_EVENTS, BEFORE_EVENTS
    if inclusive:
        events, requests = requests, events
    keys = _key(schedule.instant, np.where(schedule.row == EVENT, events, requests))
    for start, end in zip(starts, ends, strict=True):
        # A request with a lag has a lower key than an event in front of it. The first operation
        # above a key is all that is looked for, and that is never behind such an event.
        np.maximum.accumulate(keys[start:end], out=keys[start:end])
    return keys.tolist(), events


@dataclass(slots=True)
class _Merge:
    """A pack while restarts are put among its operations, each of which is passed once.

    Attributes:
        keys: of the operations, by instant and rank, never falling within a lane.
        own_instants: of the same.
        own_events: the positions of the events among them.
        events_before: for each place, how many of the events stand before it.
        events_rank: where an event stands among what has its instant.
        passed: how many operations have happened.
        picked: what happens, in order: the place of an operation, SNAPSHOT or RESTORE.
        instants: when it happens.
        heard: the positions of all events that have arrived in this lane, in order of arrival.
        waiting: the positions of events that the last restore has still to get again.
        waiting_key: the key that they share.
    """

    keys: list[int]
    own_instants: list[int]
    own_events: list[int]
    events_before: list[int]
    events_rank: int
    passed: int = 0
    picked: list[int] = field(default_factory=list)
    instants: list[int] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    waiting_key: int = 0

    @classmethod
    def of(cls, schedule: Schedule, keys: list[int], events_rank: int) -> "_Merge":
        """Return a pack of which nothing has happened yet."""
        is_event = schedule.row == EVENT
        return cls(
            keys=keys,
            own_instants=schedule.instant.tolist(),
            own_events=np.flatnonzero(is_event).tolist(),
            events_before=[0, *np.cumsum(is_event).tolist()],
            events_rank=events_rank,
        )

    def take_lane(self, end: int, restarts: Iterable[Restart]) -> int:
        """Let the next lane happen, with its restarts; return how many operations it comes to.

        Args:
            end: the place behind the lane's last operation.
            restarts: in order.
        """
        first = len(self.picked)
        self.heard = []
        over = None
        for restart in restarts:
            if over is not None and restart.at < over:
                continue  # the one before is not over yet
            over = restart.at + restart.crash
            self._restart(restart, first, end)
        self._redeliver()
        self._pass(end)
        return len(self.picked) - first

    def _restart(self, restart: Restart, first: int, end: int) -> None:
        """Go on to a restart and through it."""
        self._advance(_key(restart.at, restart.rank), end)
        snapshot = len(self.picked)
        # The restored object is there when the last operation before it is over.
        moment = restart.at
        if snapshot > first:
            moment = self.instants[-1]
        # What the snapshot holds can come again too, where a broker goes back further than it must.
        first_lost = max(0, len(self.heard) - restart.again)
        self._append(SNAPSHOT, restart.at)
        if restart.crash:
            # Whatever shares the instant of the crash is not lost: it comes after the restore.
            self._advance(_key(restart.at + restart.crash, BEFORE), end)
            if len(self.picked) > snapshot + 1:
                moment = self.instants[-1]
        self._append(RESTORE, moment)
        # Events can wait already, for a restore at the same instant: those come last.
        self.waiting = self.heard[first_lost:] + self.waiting
        self.waiting_key = _key(moment, self.events_rank)

    def _advance(self, key: int, end: int) -> None:
        """Let everything happen that stands before the first operation above a key."""
        if self.waiting:
            if self.waiting_key > key:
                return
            self._redeliver()
        self._pass(bisect_right(self.keys, key, self.passed, end))

    def _redeliver(self) -> None:
        """Let the events come that wait for the restored object."""
        if self.waiting:
            self.picked += self.waiting
            self.instants += [self.waiting_key // KEYS_PER_INSTANT] * len(self.waiting)
            self.heard += self.waiting
            self.waiting = []

    def _pass(self, end: int) -> None:
        """Let operations of the lane itself happen, up to a place."""
        start = self.passed
        if end > start:
            self.picked += range(start, end)
            self.instants += self.own_instants[start:end]
            self.heard += self.own_events[self.events_before[start] : self.events_before[end]]
            self.passed = end

    def _append(self, row: int, instant: int) -> None:
        self.picked.append(row)
        self.instants.append(instant)
