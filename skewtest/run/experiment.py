"""An experiment: two sides asked on the same histories, and what their answers come to.

Every question is one: batch against online, a side against itself on a changed history, a side in
one environment against the same side in another. The ends are called left and right; the pair says
what they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skewtest import run
from skewtest.compare.distances import Distances
from skewtest.compare.tables import Comparison, Divergence, Tally, compare
from skewtest.declare.delivery import Scenario
from skewtest.declare.tolerance import has_law
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import deliver
from skewtest.generate.history import LANE, Pack, entity_keys
from skewtest.results.pair import PARITY, Pair
from skewtest.results.values import SideName
from skewtest.run.bootstrap import start_from_batch_rows
from skewtest.run.isolation import batch_answers
from skewtest.sides.answers import Answers
from skewtest.sides.binding import answer_online
from skewtest.sides.columns import RowArray


class NotApplicable(NamedTuple):
    """That a question cannot be put to a side, and why. It is never an answer that held."""

    reason: str


class Asked(NamedTuple):
    """What a side answered on a pack, or on a changed one.

    Attributes:
        answers: one for each spine row of the pack that it was asked on.
        rows: for each of them the row of the unchanged pack that it stands for; None: the same.
    """

    answers: Answers
    rows: RowArray | None = None


Ask = Callable[[FeatureView, Pack, Answers | None], Asked | NotApplicable]
"""Asks a side; the third argument is what the left side has answered, None if it is the left."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What one pack showed.

    Attributes:
        divergences: by lane; lanes that agree are absent.
        tallies: by feature.
        distances: by feature, how far apart the numbers are.
        left: what the left side answered.
        right: what the right side answered.
        mutated: (side, frame or payload) that user code changed although it was not its own.
        lanes: how many lanes have a request that both sides answered: what was not answered says
            nothing, whatever is asked.
        rows: for each answer the spine row of the pack that it stands for; None: the same.
    """

    divergences: Mapping[int, list[Divergence]]
    tallies: Mapping[str, Tally]
    distances: Mapping[str, Distances]
    left: Answers
    right: Answers
    mutated: frozenset[tuple[SideName, str]] = frozenset()
    lanes: int = 0
    rows: RowArray | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """Two sides, and how they are asked.

    Attributes:
        pair: what they are called.
        left: asks the left side.
        right: asks the right side.
        is_parity: whether they are two implementations; else one side is held against itself,
            and where it fails there is nothing to compare.
    """

    pair: Pair
    left: Ask
    right: Ask
    is_parity: bool = False

    def run(
        self, view: FeatureView, pack: Pack, left: Answers | None = None
    ) -> Trial | NotApplicable:
        """Ask both sides on a pack and compare what they answer.

        Args:
            view: whose sides they are.
            pack: histories with their delivery.
            left: what the left side has answered, if it has been asked already.
        """
        if left is None:
            left_asked = self.left(view, pack, None)
            if isinstance(left_asked, NotApplicable):
                return left_asked
            left = left_asked.answers
        right_asked = self.right(view, pack, left)
        if isinstance(right_asked, NotApplicable):
            return right_asked
        right, rows = right_asked.answers, right_asked.rows
        if self.is_parity:
            trial = _hold_to_laws(view, pack, _trial(view, pack, left, right, None))
            return replace(trial, mutated=_find_mutated(left, right))
        # A changed history asks for some of the requests alone, or for all in another order.
        if rows is not None:
            left = left.take(rows)
        return _trial(view, pack, *_without_failures(left, right), rows)

    def compare(
        self, view: FeatureView, pack: Pack, left: Answers, right: Answers
    ) -> Mapping[int, list[Divergence]]:
        """Return, by lane, where given answers differ; rows on which a side fails are left out."""
        return _trial(view, pack, *_without_failures(left, right), None).divergences

    def diverge(
        self, view: FeatureView, pack: Pack, left: Answers | None = None
    ) -> Mapping[int, list[Divergence]]:
        """Return, by lane, where the sides differ; nothing where they cannot be asked."""
        trial = self.run(view, pack, left)
        if isinstance(trial, NotApplicable):
            return {}
        return trial.divergences


def _without_failures(left: Answers, right: Answers) -> tuple[Answers, Answers]:
    """Leave out rows on which a side fails: parity with the other side tells of those."""
    unknown = left.skipped | right.skipped | frozenset(left.failures) | frozenset(right.failures)
    return (
        replace(left, failures={}, extra=(), skipped=unknown),
        replace(right, failures={}, extra=(), skipped=unknown),
    )


def _trial(
    view: FeatureView, pack: Pack, left: Answers, right: Answers, rows: RowArray | None
) -> Trial:
    comparison = compare(view, left, right)
    return Trial(
        divergences=_by_lane(view, pack, comparison, rows),
        tallies=comparison.tallies,
        distances=comparison.distances,
        left=left,
        right=right,
        lanes=_count_compared_lanes(pack, left, right, rows),
        rows=rows,
    )


def _hold_to_laws(view: FeatureView, pack: Pack, trial: Trial) -> Trial:
    """Return a trial in which a row that declared inexactness allows agrees."""
    if not trial.divergences or not any(map(has_law, view.features.values())):
        return trial
    lawful = run.inexact.find_lawful(view, pack, trial.divergences, batch_answers, _answer_online)
    divergences: dict[int, list[Divergence]] = {}
    tallies = dict(trial.tallies)
    for lane, of_lane in trial.divergences.items():
        for divergence in of_lane:
            if (divergence.row, divergence.feature) in lawful:
                tallies[divergence.feature] += run.inexact.count_as_match(divergence)
            else:
                divergences.setdefault(lane, []).append(divergence)
    return replace(trial, divergences=divergences, tallies=tallies)


def _answer_online(view: FeatureView, pack: Pack) -> Answers:
    return ask_online(view, pack).answers


def _find_mutated(batch: Answers, online: Answers) -> frozenset[tuple[SideName, str]]:
    mutated: set[tuple[SideName, str]] = {("batch", name) for name in batch.mutated}
    mutated |= {("online", name) for name in online.mutated}
    return frozenset(mutated)


def _count_compared_lanes(pack: Pack, left: Answers, right: Answers, rows: RowArray | None) -> int:
    """Return in how many lanes a request was answered by both sides."""
    lanes = pack.spine[LANE].to_numpy()
    if rows is not None:
        lanes = lanes[rows]
    is_answered = np.ones(len(lanes), dtype=np.bool_)
    for answers in (left, right):
        for unknown in (answers.skipped, answers.failures):
            is_answered[list(unknown)] = False
    return int(np.count_nonzero(np.bincount(lanes[is_answered])))


def _by_lane(
    view: FeatureView, pack: Pack, comparison: Comparison, rows: RowArray | None
) -> dict[int, list[Divergence]]:
    """Return divergences by lane, on the spine rows of the unchanged pack."""
    by_lane: dict[int, list[Divergence]] = {}
    if not comparison.divergences:
        return by_lane
    lanes = pack.spine[LANE].to_list()
    for divergence in comparison.divergences:
        if rows is not None and divergence.row >= 0:
            divergence = replace(divergence, row=int(rows[divergence.row]))  # noqa: PLW2901
        if divergence.row >= 0:
            lane = lanes[divergence.row]
        else:
            lane = _lane_of_extra(view, pack, divergence)
        by_lane.setdefault(lane, []).append(divergence)
    return by_lane


def _lane_of_extra(view: FeatureView, pack: Pack, divergence: Divergence) -> int:
    """Return the lane whose keys an unasked row carries; the first lane if none does."""
    entity = divergence.left.key[:-1]
    for frame in (pack.spine, *pack.events.values()):
        if not all(name in frame.columns for name in view.entity):
            continue
        for lane, key in zip(frame[LANE].to_list(), entity_keys(view, frame), strict=True):
            if key == entity:
                return int(lane)
    return 0


def answers_at(trial: Trial, row: int) -> dict[str, tuple[Any, Any]]:
    """Return what left and right answered on a spine row, by feature; nothing below row 0."""
    if row < 0:
        return {}
    return {
        name: (trial.left.values[name][row], trial.right.values[name][row])
        for name in trial.left.values
    }


# -- the pair of a feature view -------------------------------------------------------------------


def ask_batch(view: FeatureView, pack: Pack, _left: Answers | None = None) -> Asked:
    """Ask the batch side."""
    return Asked(batch_answers(view, pack))


def ask_online(view: FeatureView, pack: Pack, batch: Answers | None = None) -> Asked:
    """Ask the online side; lanes that start from batch rows need to know what batch answered."""
    delivered = deliver(view, pack)
    if not pack.boots or batch is None:
        return Asked(answer_online(view, pack, delivered))
    booted, unasked = start_from_batch_rows(view, pack, batch, delivered)
    online = answer_online(view, pack, booted)
    return Asked(replace(online, skipped=online.skipped | unasked))


ASK: Mapping[str, Ask] = {"batch": ask_batch, "online": ask_online}
BATCH_AGAINST_ONLINE = Experiment(PARITY, ask_batch, ask_online, is_parity=True)


def run_trial(view: FeatureView, pack: Pack, batch: Answers | None = None) -> Trial:
    """Run batch against online on a pack.

    Args:
        view: the view.
        pack: histories with their delivery.
        batch: what batch has answered in order, if it has been asked already.
    """
    # What batch answered in order it need not answer on a log with other arrivals.
    if needs_own_batch(view, pack.scenario):
        batch = None
    trial = BATCH_AGAINST_ONLINE.run(view, pack, batch)
    assert isinstance(trial, Trial)  # a view's own two sides can always be asked
    return trial


def needs_own_batch(view: FeatureView, scenario: Scenario) -> bool:
    """Return whether batch is to see another log than in order: one with other arrivals."""
    if scenario.delivery.late is None:
        return False
    has_arrival = any(source.arrival is not None for source in view.sources.values())
    return scenario.delivery.freshness == "as_arrived" or has_arrival


def answers_of_lanes(whole: Pack, part: Pack, answers: Answers) -> tuple[int, Answers]:
    """Return how many lanes a part of a pack has, and the answers to its spine rows."""
    lanes = part.spine[LANE].unique()
    rows = np.flatnonzero(whole.spine[LANE].is_in(lanes.implode()).to_numpy())
    return len(lanes), answers.take(rows)
