"""Batch answers of a pack; histories that bring a whole call down are singled out and blamed."""

from collections import Counter
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import polars as pl

from skewtest.declare.delivery import REPLAY
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import DELAY, LANE, Pack
from skewtest.sides.answers import Answers, Failure, join_answers
from skewtest.sides.binding import answer_batch
from skewtest.sides.columns import RowArray
from skewtest.times import instants_of

T = TypeVar("T")
# CPU seconds after which a call for many histories is halved: never a verdict, so it may be short.
# Packs are cut to cost about a second, and a hang among them is found in a few calls.
PATIENCE = 2.0
# After this many lanes that fail alike, the rest of a pack would teach nothing new.
SAME_FAILURES = 6


@dataclass(slots=True)
class Isolation:
    """The search for the lanes on which batch fails as a whole."""

    view: FeatureView
    pack: Pack
    rows: list[list[int]]
    parts: list[tuple[RowArray, Answers]] = field(default_factory=list)
    failures: dict[int, Failure] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    failure_counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    hang_is_known: bool = False

    def try_lanes(self, lanes: list[int]) -> bool:
        """Run some lanes; where they fail, halve them until single lanes are to blame.

        Returns whether anything failed. Lanes that fail only in company are blamed on the first.
        """
        if not lanes:
            return False
        if self.hang_is_known or max(self.failure_counts.values(), default=0) >= SAME_FAILURES:
            self._skip(lanes)
            return True
        answers = answer_lanes(self.view, take_lanes(self.pack, lanes), len(lanes))
        if isinstance(answers, Answers):
            self._take(lanes, answers)
            return False
        if len(lanes) == 1:
            self.blame(lanes[0], answers)
            return True
        return self.halve(lanes, answers)

    def halve(self, lanes: list[int], failure: Failure) -> bool:
        """Run the halves of lanes that fail together; return whether anything is to blame.

        A call that took too long for all of them is no hang: only one history that takes too long
        by itself is. Once one is found, what is left is not run: to wait again teaches nothing.
        """
        middle = len(lanes) // 2
        first_fails = self.try_lanes(lanes[:middle])
        second_fails = self.try_lanes(lanes[middle:])
        fails = first_fails or second_fails
        if not fails and failure.code != "timeout":
            self.blame(lanes[0], failure)
            return True
        return fails

    def blame(self, lane: int, failure: Failure) -> None:
        """Put a failure down to one lane."""
        self.failures.update(dict.fromkeys(self.rows[lane], failure))
        self.failure_counts[failure.signature] += 1
        self.hang_is_known = self.hang_is_known or failure.code == "timeout"

    def answers(self) -> Answers:
        """Return what is known of all rows."""
        joined = join_answers(self.parts, self.view.features, self.pack.spine.height)
        failed = list(self.failures)
        values = {}
        for name, column in joined.values.items():
            values[name] = column.with_failed(failed)
        return replace(
            joined,
            values=values,
            failures={**joined.failures, **self.failures},
            skipped=joined.skipped | self.skipped,
        )

    def _take(self, lanes: list[int], answers: Answers) -> None:
        self.parts.append((np.array(self._rows_of(lanes), dtype=np.int64), answers))

    def _skip(self, lanes: list[int]) -> None:
        self.skipped.update(self._rows_of(lanes))

    def _rows_of(self, lanes: list[int]) -> list[int]:
        rows: list[int] = []
        for lane in lanes:
            rows += self.rows[lane]
        return sorted(rows)


def take_lanes(pack: Pack, lanes: Collection[int]) -> Pack:
    """Return some lanes of a pack, under their own numbers."""
    if len(lanes) == pack.lanes:
        return pack
    is_chosen = pl.col(LANE).is_in(list(lanes))
    events = {}
    for name, frame in pack.events.items():
        events[name] = frame.filter(is_chosen)
    return replace(
        pack,
        events=events,
        spine=pack.spine.filter(is_chosen),
        lags=_select(pack.lags, set(lanes)),
        restarts=_select(pack.restarts, set(lanes)),
        boots=_select(pack.boots, set(lanes)),
    )


def _select(by_lane: Mapping[int, T], lanes: AbstractSet[int]) -> dict[int, T]:
    """Return what some lanes have, of what is told by lane."""
    return {lane: value for lane, value in by_lane.items() if lane in lanes}


def batch_answers(view: FeatureView, pack: Pack) -> Answers:
    """Return batch answers for a pack, in one call; under `as_arrived` in one for each `as_of`."""
    delivery = pack.scenario.delivery
    if delivery.late is None or delivery.freshness == "counts":
        return _answer_in_one_call(view, pack)
    moments = instants_of(pack.spine[AS_OF])
    parts = []
    asked_apart = sorted(set(moments.to_list()))
    if pack.scenario.name == REPLAY:
        # A log has thousands of moments, and at most of them nothing is still on its way.
        asked_apart = _moments_with_late_events(view, pack, asked_apart)
        rows = np.flatnonzero(~moments.is_in(asked_apart).to_numpy())
        is_asked = pl.Series(np.isin(np.arange(len(moments)), rows))
        parts.append(
            (rows, _answer_in_one_call(view, replace(pack, spine=pack.spine.filter(is_asked))))
        )
    for at in asked_apart:
        rows = np.flatnonzero((moments == at).to_numpy())
        parts.append((rows, _answer_in_one_call(view, _take_arrived(view, pack, at))))
    return join_answers(parts, view.features, pack.spine.height)


def _moments_with_late_events(view: FeatureView, pack: Pack, moments: list[int]) -> list[int]:
    """Return the moments by which some event has happened and not arrived."""
    late: set[int] = set()
    for name, source in view.sources.items():
        frame = pack.events[name]
        if DELAY not in frame.columns:
            continue
        at = instants_of(frame[source.time]).to_numpy()
        delay = frame[DELAY].to_numpy()
        ordered = np.array(moments)
        firsts = np.searchsorted(ordered, at, side="left")
        ends = np.searchsorted(ordered, at + delay, side="right")
        for first, end in zip(firsts[delay > 0], ends[delay > 0], strict=True):
            late.update(moments[first:end])
    return sorted(late)


def _take_arrived(view: FeatureView, pack: Pack, at: int) -> Pack:
    """Return the requests of one `as_of`, with the events that had arrived by then."""
    is_asked = (instants_of(pack.spine[AS_OF]) == at).to_numpy()
    events = {}
    for name, source in view.sources.items():
        frame = pack.events[name]
        arrival = instants_of(frame[source.time]).to_numpy()
        if DELAY in frame.columns:
            arrival = arrival + frame[DELAY].to_numpy()
        has_arrived = arrival <= at if view.as_of == "inclusive" else arrival < at
        events[name] = frame.filter(pl.Series(has_arrived))
    return replace(pack, events=events, spine=pack.spine.filter(pl.Series(is_asked)))


def _answer_in_one_call(view: FeatureView, pack: Pack) -> Answers:
    """Return batch answers for a pack; lanes that bring the whole call down are singled out."""
    lane_count = np.count_nonzero(np.bincount(pack.spine[LANE].to_numpy()))
    answers = answer_lanes(view, pack, int(lane_count))
    if isinstance(answers, Answers):
        return answers
    lanes = _by_size(pack)
    rows: list[list[int]] = [[] for _ in range(pack.lanes)]
    for row, lane in enumerate(pack.spine[LANE].to_list()):
        rows[lane].append(row)
    isolation = Isolation(view, pack, rows)
    if len(lanes) <= 1:
        for lane in lanes:
            isolation.blame(lane, answers)
    elif answers.code == "timeout":
        isolation.halve(lanes, answers)
    else:
        # The smallest lane alone tells whether the code fails on anything at all.
        smallest_fails = isolation.try_lanes(lanes[:1])
        others_fail = isolation.try_lanes(lanes[1:])
        if not smallest_fails and not others_fail:
            isolation.blame(lanes[0], answers)
    return isolation.answers()


def answer_lanes(view: FeatureView, pack: Pack, lanes: int) -> Answers | Failure:
    """Call batch on so many lanes; a time limit of the view is one for a single history."""
    if lanes > 1:
        return answer_batch(view, pack, PATIENCE)
    return answer_batch(view, pack)


def _by_size(pack: Pack) -> list[int]:
    """Return the lanes that are asked something, those with the fewest events first."""
    counts = np.zeros(pack.lanes, dtype=np.int64)
    for frame in pack.events.values():
        counts += np.bincount(frame[LANE].to_numpy(), minlength=pack.lanes)
    # A lane that is asked nothing gets no answer that could fail.
    lanes_asked = set(pack.spine[LANE].to_list())
    lanes = np.argsort(counts, kind="stable").tolist()
    return [lane for lane in lanes if lane in lanes_asked]
