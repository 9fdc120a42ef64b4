"""Scenarios: what each kind of delivery does to the histories of a pack.

A scenario takes the pack as generation made it and returns those of its lanes to which its fault
really happens, with the fault. Batch has answered them already: faults change when and how often
events arrive, never what they are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.delivery import Scenario
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.hints import Hints
from skewtest.generate.history import (
    AFTER,
    BEFORE,
    BETWEEN,
    COPIES,
    DELAY,
    LANE,
    SEQUENCE,
    TURN,
    WORKER,
    Pack,
    Restart,
)
from skewtest.generate.values import arrival_series
from skewtest.times import DAY_US, HOUR_US, instants_of, micros

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

FOREVER = np.iinfo(np.int64).max
IDLE_US = 60 * DAY_US
COPY_DELAYS = (0, 0, 0, 1, HOUR_US, DAY_US, 8 * DAY_US)


@dataclass(frozen=True, slots=True)
class Stream:
    """The events and requests of a pack as parallel arrays.

    The events of all sources stand one after the other, in the order of the view's sources.
    """

    lane: IntArray
    at: IntArray
    sequence: IntArray
    asked_lane: IntArray
    asked: IntArray
    lanes: int
    inclusive: bool

    @classmethod
    def of(cls, view: FeatureView, pack: Pack) -> "Stream":
        """Return the stream of a pack."""
        frames = [(view.sources[name], pack.events[name]) for name in view.sources]
        return cls(
            lane=np.concatenate([frame[LANE].to_numpy() for _, frame in frames]),
            at=np.concatenate([instants_of(f[s.time]).to_numpy() for s, f in frames]),
            sequence=np.concatenate([frame[SEQUENCE].to_numpy() for _, frame in frames]),
            asked_lane=pack.spine[LANE].to_numpy(),
            asked=instants_of(pack.spine[AS_OF]).to_numpy(),
            lanes=pack.lanes,
            inclusive=view.as_of == "inclusive",
        )

    def next_request(self) -> IntArray:
        """Return, for each event, the first `as_of` of its lane that counts it, or FOREVER."""
        found = np.full(len(self.lane), FOREVER)
        for moment in np.unique(self.asked)[::-1]:
            asking = np.zeros(self.lanes, dtype=bool)
            asking[self.asked_lane[self.asked == moment]] = True
            counts = self.at <= moment if self.inclusive else self.at < moment
            found = np.where(asking[self.lane] & counts, moment, found)
        return found

    def order(self, arrival: IntArray, turn: IntArray | None = None) -> IntArray:
        """Return the events in the order in which they arrive, lane by lane."""
        turns = np.zeros(len(arrival), dtype=np.int64) if turn is None else turn
        return np.lexsort((self.sequence, turns, arrival, self.lane))

    def first_of_moment(self) -> IntArray:
        """Return, for each event, one event that stands for all of its lane and time."""
        moments = np.stack([self.lane, self.at])
        _, first, group = np.unique(moments, axis=1, return_index=True, return_inverse=True)
        found: IntArray = first[group.ravel()]
        return found

    def any_of(self, events: Mask) -> Mask:
        """Return, for each lane, whether one of its events is among some."""
        found = np.zeros(self.lanes, dtype=bool)
        found[self.lane[events]] = True
        return found


@dataclass(frozen=True, slots=True)
class Faults:
    """What a scenario does: which lanes it concerns, and the columns and restarts it adds."""

    concerned: Mask
    columns: dict[str, IntArray | list[list[int]]]
    restarts: dict[int, tuple[Restart, ...]]
    boots: dict[int, int]


Maker = Callable[[Stream, Scenario, np.random.Generator], Faults]


def spread(
    view: FeatureView, pack: Pack, scenario: Scenario, hints: Hints, rng: np.random.Generator
) -> Pack:
    """Return the lanes of a pack that a scenario concerns, with its faults.

    Args:
        view: the view.
        pack: as generated, in order.
        scenario: what happens on the way.
        hints: constants that the implementations mention.
        rng: decides where it happens.
    """
    if scenario.name == "in_order":
        return replace(pack, scenario=scenario)
    stream = Stream.of(view, pack)
    if scenario.name == "idle":
        faults = _idle(view, stream, hints)
    elif scenario.name == "bootstrapped":
        faults = _bootstrapped(view, pack, stream)
    else:
        faults = _MAKERS[scenario.name](stream, scenario, rng)
    return _applied(view, pack, scenario, faults)


def _applied(view: FeatureView, pack: Pack, scenario: Scenario, faults: Faults) -> Pack:
    concerned = pl.Series(np.flatnonzero(faults.concerned), dtype=pl.Int32)
    wanted = pl.col(LANE).is_in(concerned.implode())
    events = {}
    first = 0
    for name, source in view.sources.items():
        frame = pack.events[name]
        here = slice(first, first + frame.height)
        first += frame.height
        added = [
            pl.Series(
                column, values[here], dtype=pl.List(pl.Int64) if column == COPIES else pl.Int64
            )
            for column, values in faults.columns.items()
        ]
        if source.arrival is not None and DELAY in faults.columns:
            delays = np.asarray(faults.columns[DELAY][here])
            times = instants_of(frame[source.time]).to_numpy()
            added.append(arrival_series(source, times + delays))
        events[name] = frame.with_columns(added).filter(wanted)
    return Pack(
        events=events,
        spine=pack.spine.filter(wanted),
        lanes=pack.lanes,
        restarts={n: r for n, r in faults.restarts.items() if faults.concerned[n]},
        boots=faults.boots,
        scenario=scenario,
    )


def _faults(
    concerned: Mask,
    columns: dict[str, IntArray | list[list[int]]] | None = None,
    restarts: dict[int, tuple[Restart, ...]] | None = None,
) -> Faults:
    return Faults(concerned, columns or {}, restarts or {}, {})


def _every_lane(stream: Stream, _scenario: Scenario, _rng: np.random.Generator) -> Faults:
    """What is done to payloads and answers concerns every lane that has an event."""
    return _faults(np.bincount(stream.lane, minlength=stream.lanes) > 0)


def _ties(stream: Stream, _scenario: Scenario, rng: np.random.Generator) -> Faults:
    """Events of one time change places."""
    turn = rng.permutation(len(stream.lane)).astype(np.int64)
    order = stream.order(stream.at)
    same = (np.diff(stream.lane[order]) == 0) & (np.diff(stream.at[order]) == 0)
    tied = np.zeros(len(order), dtype=bool)
    tied[order[1:]] |= same
    tied[order[:-1]] |= same
    turn = np.where(tied, turn, 0)
    moved = stream.order(stream.at, turn) != order
    return _faults(stream.any_of(order[moved]), {TURN: turn})


def _reordered(stream: Stream, _scenario: Scenario, rng: np.random.Generator) -> Faults:
    """Events arrive later than they happen, though before the next request that counts them.

    Those of one moment arrive together, in their order: what ties do is a scenario of its own.
    """
    following = stream.next_request()
    last = following if stream.inclusive else following - 1
    room = np.where(following == FOREVER, 0, last - stream.at)
    share = rng.choice([0.0, 1.0, 0.5, rng.random()], len(room))
    delay = (room * (share * (rng.random(len(room)) < 0.6))).astype(np.int64)
    delay = delay[stream.first_of_moment()]
    order = stream.order(stream.at)
    moved = stream.order(stream.at + delay) != order
    return _faults(stream.any_of(order[moved]), {DELAY: delay})


def _late(stream: Stream, scenario: Scenario, rng: np.random.Generator) -> Faults:
    """Events arrive up to so long after their time, requests in between."""
    assert scenario.delivery.late is not None
    most = micros(scenario.delivery.late)
    size = len(stream.lane)
    spread_out = (rng.random(size) * most).astype(np.int64)
    passing = stream.next_request() - stream.at
    # As late as it takes to miss the request that should have counted the event, and a bit more.
    missing = np.minimum(passing, most) + rng.choice([0, 1, HOUR_US], size)
    delay = np.choose(
        rng.integers(0, 4, size), [np.zeros(size, dtype=np.int64), spread_out, missing, most]
    )
    delay = np.minimum(delay, most)
    crossing = (passing <= delay) & (passing < FOREVER)
    order = stream.order(stream.at)
    moved = stream.order(stream.at + delay) != order
    return _faults(
        stream.any_of(crossing) | stream.any_of(order[moved]), {DELAY: delay.astype(np.int64)}
    )


def _duplicated(stream: Stream, scenario: Scenario, rng: np.random.Generator) -> Faults:
    """Events arrive again: at once, or up to days later, requests in between."""
    most = int(scenario.delivery.duplicates)
    times = np.where(rng.random(len(stream.lane)) < 0.4, 1, 0)
    times = times * rng.integers(1, most, len(times), endpoint=True)
    copies = [
        sorted(rng.choice(COPY_DELAYS, count).tolist()) if count else [] for count in times.tolist()
    ]
    return _faults(stream.any_of(times > 0), {COPIES: copies})


def _restarted(stream: Stream, scenario: Scenario, rng: np.random.Generator) -> Faults:
    """One to three restarts beside events and requests; half of them crashes."""
    redeliver = scenario.delivery.redeliver_after_restart
    moments = _moments_by_lane(stream)
    restarts: dict[int, tuple[Restart, ...]] = {}
    for lane, instants in enumerate(moments):
        if not len(instants):
            continue
        found = []
        for at in rng.choice(instants, int(rng.integers(1, 4))).tolist():
            rank = int(rng.choice([BEFORE, BETWEEN, AFTER]))
            crash = int(rng.choice(instants)) - at if rng.random() < 0.5 else 0
            again = int(rng.integers(1, 4)) if redeliver and rng.random() < 0.7 else 0
            found.append(Restart(at, rank, max(0, crash), again))
        if rng.random() < 0.2:
            found.append(found[0])
        restarts[lane] = tuple(sorted(found))
    concerned = np.zeros(stream.lanes, dtype=bool)
    concerned[list(restarts)] = True
    return _faults(concerned, restarts=restarts)


def _split(stream: Stream, scenario: Scenario, rng: np.random.Generator) -> Faults:
    """Two workers take turns, or each event goes to one of them."""
    if scenario.delivery.split == "merged":
        worker = rng.integers(0, 2, len(stream.lane))
        concerned = stream.any_of(worker == 1) & stream.any_of(worker == 0)
        return _faults(concerned, {WORKER: worker})
    restarts = {
        lane: tuple(Restart(int(at), BETWEEN) for at in np.unique(instants))
        for lane, instants in enumerate(_moments_by_lane(stream))
        if len(instants)
    }
    concerned = np.zeros(stream.lanes, dtype=bool)
    concerned[list(restarts)] = True
    return _faults(concerned, restarts=restarts)


def _moments_by_lane(stream: Stream) -> list[IntArray]:
    """Return, for each lane, the instants of its events and requests, up to its last request."""
    last = np.full(stream.lanes, -FOREVER)
    np.maximum.at(last, stream.asked_lane, stream.asked)
    lane = np.concatenate([stream.lane, stream.asked_lane])
    at = np.concatenate([stream.at, stream.asked])
    kept = at <= last[lane]
    lane, at = lane[kept], at[kept]
    order = np.lexsort((at, lane))
    ends = np.searchsorted(lane[order], np.arange(stream.lanes), side="right")
    return np.split(at[order], ends[:-1])


def _idle(view: FeatureView, stream: Stream, hints: Hints) -> Faults:
    """Lanes with a gap longer than every window and length of time that anybody mentions."""
    longest = max([IDLE_US, *(micros(window) for window in view.windows), *hints.lengths])
    idle = np.zeros(stream.lanes, dtype=bool)
    for lane, instants in enumerate(_moments_by_lane(stream)):
        idle[lane] = bool(len(instants) > 1 and np.diff(instants).max() > longest)
    return _faults(idle)


def _bootstrapped(view: FeatureView, pack: Pack, stream: Stream) -> Faults:
    """Lanes asked twice or more, from the first request on, if that asks for all that was seen."""
    asked: dict[int, dict[int, set[tuple[object, ...]]]] = {}
    moments = stream.asked.tolist()
    keys = zip(*(pack.spine[name].to_list() for name in view.entity), strict=True)
    for lane, at, key in zip(stream.asked_lane.tolist(), moments, keys, strict=True):
        asked.setdefault(lane, {}).setdefault(at, set()).add(key)
    boots = {lane: min(by_time) for lane, by_time in asked.items() if len(by_time) > 1}
    seen = seen_before(view, pack, boots)
    fit = {lane: at for lane, at in boots.items() if seen[lane] and seen[lane] <= asked[lane][at]}
    concerned = np.zeros(stream.lanes, dtype=bool)
    concerned[list(fit)] = True
    return Faults(concerned, {}, {}, fit)


def seen_before(
    view: FeatureView, pack: Pack, boots: dict[int, int]
) -> dict[int, set[tuple[object, ...]]]:
    """Return, for each lane, the entities that have an event counted at its boot."""
    seen: dict[int, set[tuple[object, ...]]] = {lane: set() for lane in boots}
    inclusive = view.as_of == "inclusive"
    for name, source in view.sources.items():
        if not all(column in source.columns for column in view.entity):
            continue
        frame = pack.events[name]
        keys = zip(*(frame[column].to_list() for column in view.entity), strict=True)
        times = instants_of(frame[source.time]).to_list()
        for lane, at, key in zip(frame[LANE].to_list(), times, keys, strict=True):
            if lane in boots and (at < boots[lane] or (inclusive and at == boots[lane])):
                seen[lane].add(key)
    return seen


_MAKERS: dict[str, Maker] = {
    "ties": _ties,
    "reordered": _reordered,
    "late": _late,
    "duplicated": _duplicated,
    "restarted": _restarted,
    "split": _split,
    "re-encoded": _every_lane,
    "stored": _every_lane,
    "zoned": _every_lane,
}
