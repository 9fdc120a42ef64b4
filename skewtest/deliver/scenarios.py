"""Scenarios: what each kind of delivery does to the histories of a pack.

A scenario takes the pack as generation made it and returns those of its lanes to which its fault
really happens, with the fault. Batch has answered them already: faults change when and how often
events arrive, never what they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from skewtest.declare.delivery import IN_ORDER, Scenario
from skewtest.declare.source import Source
from skewtest.declare.view import FeatureView
from skewtest.deliver.boots import find_boots, seen_before
from skewtest.deliver.sorting import IntArray, group_bounds, order_by
from skewtest.deliver.stream import FOREVER, Mask, Stream
from skewtest.generate.hints import Hints
from skewtest.generate.history import (
    AFTER,
    BEFORE,
    BETWEEN,
    COPIES,
    DELAY,
    FAULTS,
    LANE,
    TURN,
    WORKER,
    Pack,
    Restart,
)
from skewtest.generate.values import arrival_series
from skewtest.times import DAY_US, HOUR_US, instants_of, micros

if TYPE_CHECKING:
    # Only named: numpy loads its generators when they are used, and most checks use none.
    from numpy.random import Generator

# Other rooms find what happens before a boot here.
__all__ = ["seen_before", "spread"]

IDLE_US = 60 * DAY_US
"""A month of expiry is the longest that code tends to have unsaid; this is longer than two."""

COPY_DELAYS = (0, 0, 0, 1, HOUR_US, DAY_US, 8 * DAY_US)
"""Copies come at once, as a rule. A later one finds code that compares with the last event alone,
or whose memory of ids ends after an hour, a day or a week."""

COPIED_SHARE = 0.4
"""Some events come once, so that to double all of them is another fault than to count copies."""

MOVED_SHARE = 0.6
"""The other events stay where they are, so that there is something to be overtaken by."""

# Two can follow each other and a third come later: what a second restore finds, more find too.
MOST_RESTARTS = 3
# An id that is forgotten shows with the last event alone; one more tells a window from a set.
MOST_AGAIN = 3
# A clean restart and a crash lose different things: half of each.
CRASH_SHARE = 0.5
# Most restarts redeliver where that is declared: without it a snapshot's own faults show better.
AGAIN_SHARE = 0.7
# A second restart right after the first finds what a restored object forgets to hand on.
TWICE_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Case:
    """What a scenario is applied to: a pack, its stream, and the dice."""

    view: FeatureView
    pack: Pack
    stream: Stream
    scenario: Scenario
    hints: Hints
    rng: "Generator"


@dataclass(frozen=True, slots=True)
class Faults:
    """What a scenario does.

    Attributes:
        concerned: for each lane, whether anything happens to it.
        columns: of FAULTS, for the events of the stream.
        restarts: by lane.
        boots: by lane, the `as_of` whose batch rows the online side starts from.
    """

    concerned: Mask
    columns: Mapping[str, pl.Series] = field(default_factory=dict)
    restarts: Mapping[int, tuple[Restart, ...]] = field(default_factory=dict)
    boots: Mapping[int, int] = field(default_factory=dict)


def spread(
    view: FeatureView, pack: Pack, scenario: Scenario, hints: Hints, rng: "Generator"
) -> Pack:
    """Return the lanes of a pack that a scenario concerns, with its faults.

    Args:
        view: the view.
        pack: as generated, in order.
        scenario: what happens on the way.
        hints: constants that the implementations mention.
        rng: decides where it happens.
    """
    if scenario.name == IN_ORDER:
        return replace(pack, scenario=scenario)
    case = Case(view, pack, Stream.of(view, pack), scenario, hints, rng)
    faults = _MAKERS[scenario.name](case)
    return _apply(case, faults)


def _apply(case: Case, faults: Faults) -> Pack:
    """Return the lanes that are concerned, with the columns of their faults."""
    events = {}
    first = 0
    for name, source in case.view.sources.items():
        frame = case.pack.events[name]
        columns = {
            column: values.slice(first, frame.height) for column, values in faults.columns.items()
        }
        first += frame.height
        if source.arrival is not None and DELAY in columns:
            columns[source.arrival] = _arrival_column(source, frame, columns[DELAY])
        events[name] = _keep_concerned(frame.with_columns(**columns), faults.concerned)
    return Pack(
        events=events,
        spine=_keep_concerned(case.pack.spine, faults.concerned),
        lanes=case.pack.lanes,
        restarts=faults.restarts,
        boots=faults.boots,
        scenario=case.scenario,
    )


def _keep_concerned(frame: pl.DataFrame, concerned: Mask) -> pl.DataFrame:
    return frame[np.flatnonzero(concerned[frame[LANE].to_numpy()])]


def _arrival_column(source: Source, frame: pl.DataFrame, delays: pl.Series) -> pl.Series:
    times = instants_of(frame[source.time]).to_numpy()
    return arrival_series(source, times + delays.to_numpy())


def _fault_column(fault: str, values: IntArray) -> dict[str, pl.Series]:
    return {fault: pl.Series(fault, values, dtype=FAULTS[fault])}


def _concern_all(case: Case) -> Faults:
    """Concern every lane that has an event, with what is done to payloads and answers."""
    return Faults(case.stream.mark(case.stream.lane))


def _tie(case: Case) -> Faults:
    """Let events of one time change places."""
    stream = case.stream
    turn = case.rng.permutation(len(stream.lane)).astype(np.int64)
    order = stream.order(stream.at)
    is_same = (np.diff(stream.lane[order]) == 0) & (np.diff(stream.at[order]) == 0)
    is_tied = np.zeros(len(order), dtype=bool)
    is_tied[order[1:]] |= is_same
    is_tied[order[:-1]] |= is_same
    # Where nothing is tied a turn changes nothing: 0 leaves minimising less to undo.
    turn = np.where(is_tied, turn, 0)
    is_moved = stream.order(stream.at, turn) != order
    return Faults(stream.lanes_of(order[is_moved]), _fault_column(TURN, turn))


def _reorder(case: Case) -> Faults:
    """Let events arrive later than they happen, though before the next request that counts them.

    Those of one moment arrive together, in their order: what ties do is a scenario of its own.
    """
    stream, rng = case.stream, case.rng
    following = stream.next_request()
    last = following if stream.inclusive else following - 1
    # An event that no request counts has nothing to be in time for.
    room = np.where(following == FOREVER, 0, last - stream.at)
    # What is declared of lateness holds under every scenario.
    if case.view.delivery.late is not None:
        room = np.minimum(room, micros(case.view.delivery.late))
    # At the very end of the room an event meets the request; halfway it meets other events.
    share = rng.choice([0.0, 1.0, 0.5, rng.random()], len(room))
    delay = (room * (share * (rng.random(len(room)) < MOVED_SHARE))).astype(np.int64)
    delay = delay[stream.first_of_moment()]
    return Faults(_overtaken(stream, delay), _fault_column(DELAY, delay))


def _delay(case: Case) -> Faults:
    """Let events arrive up to so long after their time, requests in between."""
    stream, rng = case.stream, case.rng
    assert case.scenario.delivery.late is not None
    most = micros(case.scenario.delivery.late)
    size = len(stream.lane)
    anywhere = (rng.random(size) * most).astype(np.int64)
    passing = stream.next_request() - stream.at
    # As late as it takes to miss the request that should have counted the event, and a bit more.
    missing = np.minimum(passing, most) + rng.choice([0, 1, HOUR_US], size)
    delays = [np.zeros(size, dtype=np.int64), anywhere, missing, most]
    delay = np.minimum(np.choose(rng.integers(0, len(delays), size), delays), most)
    is_crossing = (passing <= delay) & (passing < FOREVER)
    concerned = stream.lanes_of(is_crossing) | _overtaken(stream, delay)
    return Faults(concerned, _fault_column(DELAY, delay.astype(np.int64)))


def _overtaken(stream: Stream, delay: IntArray) -> Mask:
    """Return, for each lane, whether delays change the order of its events."""
    order = stream.order(stream.at)
    return stream.lanes_of(order[stream.order(stream.at + delay) != order])


def _duplicate(case: Case) -> Faults:
    """Let events arrive again: at once, or up to days later, requests in between."""
    stream, rng = case.stream, case.rng
    size, most = len(stream.lane), int(case.scenario.delivery.duplicates)
    times = rng.integers(1, most, size, endpoint=True) * (rng.random(size) < COPIED_SHARE)
    delays = rng.choice(COPY_DELAYS, (size, most))
    is_copy = np.arange(most) < times[:, np.newaxis]
    # A column of lists, by way of a table as wide as there are copies: those that are none are cut.
    delays = np.sort(np.where(is_copy, delays, FOREVER), axis=1)
    cells = pl.Series(COPIES, delays.ravel(), dtype=pl.Int64)
    copies = cells.set(cells == FOREVER, None).reshape((size, most)).arr.to_list()
    return Faults(stream.lanes_of(times > 0), {COPIES: copies.list.drop_nulls()})


def _restart(case: Case) -> Faults:
    """Restart one to three times beside events and requests; half of them are crashes."""
    stream, rng = case.stream, case.rng
    moments = stream.moments()
    lanes, starts, sizes = np.unique(moments.lane, return_index=True, return_counts=True)
    counts = rng.integers(1, MOST_RESTARTS, len(lanes), endpoint=True)
    owner = np.repeat(np.arange(len(lanes)), counts)
    # Some lanes have their first restart twice: what was restored is saved at once.
    firsts = np.cumsum(counts) - counts
    twice = firsts[rng.random(len(lanes)) < TWICE_SHARE]

    def draw_instants() -> IntArray:
        within = (rng.random(len(owner)) * sizes[owner]).astype(np.int64)
        instants: IntArray = moments.at[starts[owner] + within]
        return instants

    at = draw_instants()
    rank = rng.choice([BEFORE, BETWEEN, AFTER], len(owner))
    is_crash = rng.random(len(owner)) < CRASH_SHARE
    # A crash at another instant of the lane, so that it stands beside something; none before.
    crash = np.maximum(draw_instants() - at, 0) * is_crash
    again = rng.integers(1, MOST_AGAIN, len(owner), endpoint=True)
    again *= rng.random(len(owner)) < AGAIN_SHARE
    again *= case.scenario.delivery.redeliver_after_restart
    picked = np.concatenate([np.arange(len(owner)), twice])
    fields = [values[picked] for values in (lanes[owner], at, rank, crash, again)]
    return _faults_of_restarts(stream, *fields)


def _split(case: Case) -> Faults:
    """Let two workers take turns, or send each event to one of them."""
    stream = case.stream
    if case.scenario.delivery.split == "merged":
        worker = case.rng.integers(0, 2, len(stream.lane))
        concerned = stream.lanes_of(worker == 1) & stream.lanes_of(worker == 0)
        return Faults(concerned, _fault_column(WORKER, worker))
    moments = stream.moments()
    is_new = moments.is_new()
    lane, at = moments.lane[is_new], moments.at[is_new]
    # A restart at every instant: what happens next goes to the other worker.
    none = np.zeros(len(at), dtype=np.int64)
    return _faults_of_restarts(stream, lane, at, none + BETWEEN, none, none)


def _faults_of_restarts(
    stream: Stream, lane: IntArray, at: IntArray, rank: IntArray, crash: IntArray, again: IntArray
) -> Faults:
    """Return restarts, given as parallel arrays, by lane and in order."""
    order = order_by(lane, at, rank, crash, again)
    columns = np.stack([at, rank, crash, again])[:, order].tolist()
    restarts = list(map(Restart, *columns))
    by_lane = {}
    for number, start, end in zip(*group_bounds(lane[order]), strict=True):
        by_lane[number] = tuple(restarts[start:end])
    return Faults(stream.mark(lane), restarts=by_lane)


def _idle(case: Case) -> Faults:
    """Concern lanes with a gap longer than every window and length that anybody mentions."""
    windows = [micros(window) for window in case.view.windows]
    longest = max([IDLE_US, *windows, *case.hints.lengths])
    moments = case.stream.moments()
    is_gap = (np.diff(moments.lane) == 0) & (np.diff(moments.at) > longest)
    return Faults(case.stream.mark(moments.lane[1:][is_gap]))


def _boot(case: Case) -> Faults:
    """Start the online side from batch rows at the first request, where those tell all."""
    boots = find_boots(case.view, case.pack)
    return Faults(case.stream.mark(np.array(list(boots), dtype=np.int64)), boots=boots)


_MAKERS: Mapping[str, Callable[[Case], Faults]] = {
    "ties": _tie,
    "reordered": _reorder,
    "late": _delay,
    "duplicated": _duplicate,
    "restarted": _restart,
    "split": _split,
    "bootstrapped": _boot,
    "idle": _idle,
    # These change payloads or answers alone.
    "re-encoded": _concern_all,
    "stored": _concern_all,
    "zoned": _concern_all,
}
"""What makes the faults of each scenario but in order."""
