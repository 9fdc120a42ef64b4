"""One trial: a pack through deliver, drive and compare."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from skewtest.compare.tables import Divergence, Tally, compare
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import deliver
from skewtest.drive.batch import answer_batch
from skewtest.drive.online import answer_online
from skewtest.drive.outcome import MISSING, Answers, Failure
from skewtest.generate.history import LANE, Pack

SAME_FAILURES = 3
"""So many lanes that fail alike are enough: the rest of the pack is not tried."""
TIMEOUTS = 3
"""So many calls into the time limit are enough."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What one pack showed.

    Attributes:
        divergences: by lane; lanes that agree are absent.
        tallies: by feature.
        values: what both sides answered, by feature, in spine order.
        mutated: (side, frame or payload) that user code changed although it was not its own.
        seconds: CPU-bound wall seconds in "batch" and "online" code, and in all.
        skipped: spine rows that were not run, because enough of the pack had failed.
    """

    divergences: Mapping[int, list[Divergence]]
    tallies: Mapping[str, Tally]
    batch: Answers
    online: Answers
    mutated: frozenset[tuple[str, str]]
    seconds: Mapping[str, float]
    skipped: frozenset[int] = frozenset()


def run_trial(view: FeatureView, pack: Pack) -> Trial:
    """Run both sides on a pack and compare them."""
    started = time.perf_counter()
    batch, skipped = _answer_batch(view, pack)
    online = answer_online(view, pack.spine.height, deliver(view, pack))
    found, tallies = compare(view, batch, online, skipped)
    lanes = pack.spine[LANE].to_list()
    by_lane: dict[int, list[Divergence]] = {}
    for divergence in found:
        lane = (
            lanes[divergence.row] if divergence.row >= 0 else _lane_of_extra(view, pack, divergence)
        )
        by_lane.setdefault(lane, []).append(divergence)
    return Trial(
        divergences=by_lane,
        tallies=tallies,
        batch=batch,
        online=online,
        mutated=frozenset(
            (side, name)
            for side, answers in (("batch", batch), ("online", online))
            for name in answers.mutated
        ),
        seconds={
            "batch": batch.seconds,
            "online": online.seconds,
            "all": time.perf_counter() - started,
        },
        skipped=skipped,
    )


@dataclass(slots=True)
class Isolation:
    """The search for the lanes on which batch fails as a whole."""

    view: FeatureView
    pack: Pack
    rows: list[list[int]]
    values: dict[str, list[object]]
    failures: dict[int, Failure] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    extra: list[tuple[tuple[object, ...], int]] = field(default_factory=list)
    alike: dict[tuple[str, str, str], int] = field(default_factory=dict)
    timeouts: int = 0
    seconds: float = 0.0

    def try_lanes(self, lanes: list[int]) -> bool:
        """Run some lanes; where they fail, halve them until single lanes are to blame.

        Returns whether anything failed. Lanes that fail only in company are blamed on the first.
        """
        if self._enough():
            self.skipped.update(row for lane in lanes for row in self.rows[lane])
            return True
        answers = answer_batch(self.view, subset(self.pack, lanes))
        if isinstance(answers, Answers):
            self._take(lanes, answers)
            return False
        if len(lanes) == 1:
            self.blame(lanes[0], answers)
            return True
        self.timeouts += answers.code == "timeout"
        middle = len(lanes) // 2
        halves = [self.try_lanes(half) for half in (lanes[:middle], lanes[middle:])]
        if not any(halves):
            self.blame(lanes[0], answers)
        return True

    def _enough(self) -> bool:
        return self.timeouts >= TIMEOUTS or max(self.alike.values(), default=0) >= SAME_FAILURES

    def _take(self, lanes: list[int], answers: Answers) -> None:
        rows = sorted(row for lane in lanes for row in self.rows[lane])
        for name, column in answers.values.items():
            for row, value in zip(rows, column, strict=True):
                self.values[name][row] = value
        for position, failure in answers.failures.items():
            self.failures[rows[position]] = failure
        self.extra.extend(answers.extra)
        self.seconds += answers.seconds

    def blame(self, lane: int, failure: Failure) -> None:
        """Put a failure down to one lane."""
        self.failures.update(dict.fromkeys(self.rows[lane], failure))
        self.alike[failure.signature] = self.alike.get(failure.signature, 0) + 1
        self.timeouts += failure.code == "timeout"


def subset(pack: Pack, lanes: Iterable[int]) -> Pack:
    """Return some lanes of a pack, under their own numbers."""
    wanted = pl.col(LANE).is_in(list(lanes))
    return Pack(
        events={name: frame.filter(wanted) for name, frame in pack.events.items()},
        spine=pack.spine.filter(wanted),
        lanes=pack.lanes,
        lags=pack.lags,
    )


def _answer_batch(view: FeatureView, pack: Pack) -> tuple[Answers, frozenset[int]]:
    """Return batch answers for a pack; lanes that bring the whole call down are singled out."""
    answers = answer_batch(view, pack)
    if isinstance(answers, Answers):
        return answers, frozenset()
    rows: list[list[int]] = [[] for _ in range(pack.lanes)]
    for row, lane in enumerate(pack.spine[LANE].to_list()):
        rows[lane].append(row)
    isolation = Isolation(
        view, pack, rows, {name: [MISSING] * pack.spine.height for name in view.features}
    )
    smallest, *others = _by_size(pack)
    failed = isolation.try_lanes([smallest])
    if isolation.timeouts:
        # It hangs on next to nothing: to wait for the others would teach nothing.
        isolation.timeouts = TIMEOUTS
    if others and not isolation.try_lanes(others) and not failed:
        isolation.blame(smallest, answers)
    taken = Answers(
        isolation.values, isolation.failures, tuple(isolation.extra), seconds=isolation.seconds
    )
    return taken, frozenset(isolation.skipped)


def _by_size(pack: Pack) -> list[int]:
    """Return lanes, those with the fewest events first."""
    counts = np.zeros(pack.lanes, dtype=np.int64)
    for frame in pack.events.values():
        counts += np.bincount(frame[LANE].to_numpy(), minlength=pack.lanes)
    return [int(lane) for lane in np.argsort(counts, kind="stable")]


def _lane_of_extra(view: FeatureView, pack: Pack, divergence: Divergence) -> int:
    """Return the lane whose keys an unasked row carries; the first lane if none does."""
    entity = divergence.batch[:-1]
    for frame in (pack.spine, *pack.events.values()):
        if all(name in frame.columns for name in view.entity):
            found = zip(*(frame[name].to_list() for name in view.entity), strict=True)
            for lane, keys in zip(frame[LANE].to_list(), found, strict=True):
                if keys == entity:
                    return int(lane)
    return 0
