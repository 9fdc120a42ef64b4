"""One trial: a pack through deliver, drive and compare."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from skewtest.compare.distances import Distances
from skewtest.compare.tables import Divergence, Tally, compare
from skewtest.declare.delivery import Scenario
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import deliver
from skewtest.generate.history import DELAY, LANE, Pack
from skewtest.run.bootstrap import bootstrapped
from skewtest.sides.answers import Answers, Failure, join_answers
from skewtest.sides.columns import RowArray
from skewtest.sides.functions import answer_batch
from skewtest.sides.objects import answer_online
from skewtest.times import instants_of

SAME_FAILURES = 6
"""So many lanes that fail alike are enough: the rest of the pack is not tried."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What one pack showed.

    Attributes:
        divergences: by lane; lanes that agree are absent.
        tallies: by feature.
        distances: by feature, how far apart the numbers are.
        left: what batch answered.
        right: what online answered.
        mutated: (side, frame or payload) that user code changed although it was not its own.
    """

    divergences: Mapping[int, list[Divergence]]
    tallies: Mapping[str, Tally]
    distances: Mapping[str, Distances]
    left: Answers
    right: Answers
    mutated: frozenset[tuple[str, str]]


def run_trial(view: FeatureView, pack: Pack, batch: Answers | None = None) -> Trial:
    """Run both sides on a pack and compare them.

    Args:
        view: the view.
        pack: histories with their delivery.
        batch: what batch has answered, if it has been asked already.
    """
    if batch is None or needs_own_batch(view, pack.scenario):
        batch = batch_answers(view, pack)
    online = _answer_online(view, pack, batch)
    comparison = compare(view, batch, online)
    lanes = pack.spine[LANE].to_list()
    by_lane: dict[int, list[Divergence]] = {}
    for divergence in comparison.divergences:
        lane = (
            lanes[divergence.row] if divergence.row >= 0 else _lane_of_extra(view, pack, divergence)
        )
        by_lane.setdefault(lane, []).append(divergence)
    return Trial(
        divergences=by_lane,
        tallies=comparison.tallies,
        distances=comparison.distances,
        left=batch,
        right=online,
        mutated=frozenset(
            (side, name)
            for side, answers in (("batch", batch), ("online", online))
            for name in answers.mutated
        ),
    )


@dataclass(slots=True)
class Isolation:
    """The search for the lanes on which batch fails as a whole."""

    view: FeatureView
    pack: Pack
    rows: list[list[int]]
    parts: list[tuple[RowArray, Answers]] = field(default_factory=list)
    failures: dict[int, Failure] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    alike: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def try_lanes(self, lanes: list[int]) -> bool:
        """Run some lanes; where they fail, halve them until single lanes are to blame.

        Returns whether anything failed. Lanes that fail only in company are blamed on the first.
        """
        if max(self.alike.values(), default=0) >= SAME_FAILURES:
            self._skip(lanes)
            return True
        answers = answer_batch(self.view, subset(self.pack, lanes))
        if isinstance(answers, Answers):
            self._take(lanes, answers)
            return False
        if len(lanes) == 1:
            self.blame(lanes[0], answers)
            return True
        if answers.code == "timeout":
            self.find_hang(lanes)
            return True
        middle = len(lanes) // 2
        halves = [self.try_lanes(half) for half in (lanes[:middle], lanes[middle:])]
        if not any(halves):
            self.blame(lanes[0], answers)
        return True

    def find_hang(self, lanes: list[int]) -> None:
        """Find one lane of those that hang together, by bisection: each try may cost the limit.

        The others of its half are not run: to wait again would teach nothing.
        """
        hang = Failure("batch", "timeout", {"seconds": self.view.timeout})
        while len(lanes) > 1:
            half, rest = lanes[: len(lanes) // 2], lanes[len(lanes) // 2 :]
            answers = answer_batch(self.view, subset(self.pack, half))
            if isinstance(answers, Answers):
                self._take(half, answers)
                lanes = rest
            else:
                self._skip(rest)
                lanes = half
        self.blame(lanes[0], hang)

    def _take(self, lanes: list[int], answers: Answers) -> None:
        rows = sorted(row for lane in lanes for row in self.rows[lane])
        self.parts.append((np.array(rows, dtype=np.int64), answers))

    def blame(self, lane: int, failure: Failure) -> None:
        """Put a failure down to one lane."""
        self.failures.update(dict.fromkeys(self.rows[lane], failure))
        self.alike[failure.signature] += 1

    def _skip(self, lanes: list[int]) -> None:
        self.skipped.update(row for lane in lanes for row in self.rows[lane])

    def answers(self) -> Answers:
        """Return what is known of all rows."""
        known = join_answers(self.parts, self.view.features, self.pack.spine.height)
        failed = list(self.failures)
        return replace(
            known,
            values={name: column.with_failed(failed) for name, column in known.values.items()},
            failures={**known.failures, **self.failures},
            skipped=known.skipped | self.skipped,
        )


def subset(pack: Pack, lanes: Iterable[int]) -> Pack:
    """Return some lanes of a pack, under their own numbers."""
    wanted = pl.col(LANE).is_in(list(lanes))
    return replace(
        pack,
        events={name: frame.filter(wanted) for name, frame in pack.events.items()},
        spine=pack.spine.filter(wanted),
    )


def needs_own_batch(view: FeatureView, scenario: Scenario) -> bool:
    """Return whether batch is to see another log than in order: one with other arrivals."""
    if scenario.delivery.late is None:
        return False
    has_arrival = any(source.arrival is not None for source in view.sources.values())
    return scenario.delivery.freshness == "as_arrived" or has_arrival


def batch_answers(view: FeatureView, pack: Pack) -> Answers:
    """Return batch answers for a pack, in one call; under `as_arrived` in one for each `as_of`."""
    delivery = pack.scenario.delivery
    if delivery.late is None or delivery.freshness == "counts":
        return _answer_batch(view, pack)
    moments = instants_of(pack.spine[AS_OF])
    parts = [
        (np.flatnonzero((moments == at).to_numpy()), _answer_batch(view, _arrived(view, pack, at)))
        for at in sorted(set(moments.to_list()))
    ]
    return join_answers(parts, view.features, pack.spine.height)


def answers_of_lanes(whole: Pack, part: Pack, answers: Answers) -> tuple[int, Answers]:
    """Return how many lanes a part of a pack has, and the answers to its spine rows."""
    lanes = part.spine[LANE].unique()
    rows = np.flatnonzero(whole.spine[LANE].is_in(lanes.implode()).to_numpy())
    return len(lanes), answers.take(rows)


def _arrived(view: FeatureView, pack: Pack, at: int) -> Pack:
    """Return the requests of one `as_of`, with the events that had arrived by then."""
    asked = (instants_of(pack.spine[AS_OF]) == at).to_numpy()
    events = {}
    for name, source in view.sources.items():
        frame = pack.events[name]
        arrival = instants_of(frame[source.time]).to_numpy()
        if DELAY in frame.columns:
            arrival = arrival + frame[DELAY].to_numpy()
        there = arrival <= at if view.as_of == "inclusive" else arrival < at
        events[name] = frame.filter(pl.Series(there))
    return replace(pack, events=events, spine=pack.spine.filter(pl.Series(asked)))


def _answer_online(view: FeatureView, pack: Pack, batch: Answers) -> Answers:
    delivered = deliver(view, pack)
    if not pack.boots:
        return answer_online(view, pack.spine.height, delivered, pack.scenario)
    booted, unasked = bootstrapped(view, pack, batch, delivered)
    online = answer_online(view, pack.spine.height, booted, pack.scenario)
    return replace(online, skipped=online.skipped | unasked)


def _answer_batch(view: FeatureView, pack: Pack) -> Answers:
    """Return batch answers for a pack; lanes that bring the whole call down are singled out."""
    answers = answer_batch(view, pack)
    if isinstance(answers, Answers):
        return answers
    rows: list[list[int]] = [[] for _ in range(pack.lanes)]
    for row, lane in enumerate(pack.spine[LANE].to_list()):
        rows[lane].append(row)
    isolation = Isolation(view, pack, rows)
    lanes = _by_size(pack)
    if answers.code == "timeout":
        isolation.find_hang(lanes)
    elif len(lanes) == 1:
        isolation.blame(lanes[0], answers)
    else:
        halves = [isolation.try_lanes(half) for half in (lanes[:1], lanes[1:])]
        if not any(halves):
            isolation.blame(lanes[0], answers)
    return isolation.answers()


def _by_size(pack: Pack) -> list[int]:
    """Return lanes, those with the fewest events first."""
    counts = np.zeros(pack.lanes, dtype=np.int64)
    for frame in pack.events.values():
        counts += np.bincount(frame[LANE].to_numpy(), minlength=pack.lanes)
    return [int(lane) for lane in np.argsort(counts, kind="stable")]


def _lane_of_extra(view: FeatureView, pack: Pack, divergence: Divergence) -> int:
    """Return the lane whose keys an unasked row carries; the first lane if none does."""
    entity = divergence.left.key[:-1]
    for frame in (pack.spine, *pack.events.values()):
        if all(name in frame.columns for name in view.entity):
            found = zip(*(frame[name].to_list() for name in view.entity), strict=True)
            for lane, keys in zip(frame[LANE].to_list(), found, strict=True):
                if keys == entity:
                    return int(lane)
    return 0
