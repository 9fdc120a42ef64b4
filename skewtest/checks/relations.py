"""Relations: laws that one side keeps or breaks by itself, whatever the other answers.

Each is an experiment on one side: as it is on the left, on the right with a change that must not
change the answers to requests that are still there. Both sides leaking the same way is found
although they agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from skewtest.checks.changes import (
    Change,
    ask_last_alone,
    exchange_future,
    move_four_weeks,
    remove_future,
    remove_strangers,
    reverse_log,
    reverse_spine,
)
from skewtest.compare.tables import Divergence
from skewtest.declare.delivery import Delivery, Scenario
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import Delivered, deliver
from skewtest.deliver.scenarios import spread
from skewtest.drive.turns import hurry_turns
from skewtest.generate.hints import Hints
from skewtest.generate.history import LANE, Pack
from skewtest.results.pair import pair_of_change
from skewtest.results.values import SideName
from skewtest.run.experiment import ASK, Ask, Asked, Experiment, NotApplicable, Trial
from skewtest.run.isolation import batch_answers, take_lanes
from skewtest.run.two_runs import spell_answers
from skewtest.sides.answers import Answers
from skewtest.sides.binding import answer_online, lacking_for, side_of
from skewtest.sides.fresh import answered_afresh

# Lanes that are looked at one by one: the candidates of a round, and enough of a large pack.
MOST_MUTATING = 64


@dataclass(frozen=True, slots=True)
class Relation:
    """One law, for one side, held in one way.

    Attributes:
        name: as in `FeatureView(relations=...)`.
        side: whose law it is.
        what: how the histories are changed, for the report.
        ask_changed: asks the side on changed histories, or otherwise than before.
    """

    name: str
    side: SideName
    what: str
    ask_changed: Ask

    @property
    def label(self) -> str:
        """The law and whose it is, as reports call it."""
        return f"{self.name} of {self.side}"

    @property
    def experiment(self) -> Experiment:
        """The side as it is, against itself."""
        return Experiment(pair_of_change(self.what), ASK[self.side], self.ask_changed)


@dataclass(frozen=True, slots=True)
class MutationExperiment(Experiment):
    """Whether a side changes what it is given: told by the side's own call, not by its answers."""

    side: SideName = "batch"

    def run(
        self, view: FeatureView, pack: Pack, left: Answers | None = None
    ) -> Trial | NotApplicable:
        """Return a trial that diverges where a side changes its input.

        A call over many lanes does not tell whose data were changed: each is called alone then.
        """
        if left is None:
            answered = self.left(view, pack, None)
            if isinstance(answered, NotApplicable):
                return answered
            left = answered.answers
        trial = Experiment.run(self, view, pack, left)
        if isinstance(trial, NotApplicable):
            return trial
        divergences: dict[int, list[Divergence]] = {}
        if left.mutated:
            divergences = self._look_at_lanes(view, pack, left)
        return replace(trial, divergences=divergences)

    def _look_at_lanes(
        self, view: FeatureView, pack: Pack, answers: Answers
    ) -> dict[int, list[Divergence]]:
        divergences: dict[int, list[Divergence]] = {}
        for row, lane in enumerate(pack.spine[LANE].to_list()):
            if lane in divergences or len(divergences) == MOST_MUTATING:
                continue
            mutated = answers.mutated
            if pack.lanes > 1:
                # The call over all lanes tells that a frame was changed, not whose rows.
                mutated = self._find_mutated(view, pack, lane)
            if mutated:
                change = f"{self.side} changes {mutated[0]!r}"
                divergences[lane] = [Divergence(row, "", "value", None, change)]
        return divergences

    def _find_mutated(self, view: FeatureView, pack: Pack, lane: int) -> tuple[str, ...]:
        """Return what the side changes of what it is given, called for one lane."""
        answered = self.left(view, pack.history(lane).pack(), None)
        return answered.answers.mutated if isinstance(answered, Asked) else ()


def experiment_of(relation: Relation) -> Experiment:
    """Return the experiment that holds a side to a relation."""
    usual = relation.experiment
    if relation.name == MUTATION:
        return MutationExperiment(usual.pair, usual.left, usual.right, side=relation.side)
    return usual


# -- how a side is asked otherwise ----------------------------------------------------------------


def _ask_on(change: Change, side: SideName) -> Ask:
    """Return what asks a side on packs that were changed."""

    def ask(view: FeatureView, pack: Pack, _left: Answers | None) -> Asked | NotApplicable:
        changed = change(view, pack)
        answered = ASK[side](view, changed.pack, None)
        if isinstance(answered, NotApplicable):
            return answered
        return Asked(answered.answers, changed.rows)

    return ask


def _answer_as_before(_view: FeatureView, _pack: Pack, left: Answers | None) -> Asked:
    """Ask nothing: what is looked for shows in the call that has been made."""
    assert left is not None  # it is the right side, which is asked after the left
    return Asked(left)


def _ask_twice(view: FeatureView, pack: Pack, _left: Answers | None) -> Asked:
    """Ask the online side for everything twice in a row: the second answer counts."""
    deliveries = [_double_requests(operations) for operations in deliver(view, pack)]
    return Asked(answer_online(view, pack, deliveries))


def _double_requests(operations: Delivered) -> Delivered:
    numbers: list[int] = []
    for number, row in enumerate(operations.rows):
        numbers.append(number)
        if row >= 0:
            numbers.append(number)
    doubled = operations.pick(numbers)
    # Payloads of their own: a side may change the first one.
    return doubled._replace(payloads=list(map(dict, doubled.payloads)))


def _ask_restarted(view: FeatureView, pack: Pack, _left: Answers | None) -> Asked | NotApplicable:
    """Hand the online object over to a fresh one at every instant: the same for every pack."""
    scenario = Scenario("split", Delivery(split="handed_over"))
    lacking = lacking_for(view, scenario)
    if lacking is not None:
        return NotApplicable(lacking)
    restarted = spread(view, pack, scenario, Hints(), np.random.default_rng(0))
    if restarted.spine.is_empty():
        return NotApplicable("no history has two instants")
    answers = answer_online(view, replace(restarted, scenario=scenario))
    lanes = restarted.spine[LANE].unique()
    rows = np.flatnonzero(pack.spine[LANE].is_in(lanes.implode()).to_numpy())
    return Asked(answers, rows)


def _ask_again(view: FeatureView, pack: Pack, left: Answers | None) -> Asked:
    """Ask batch again on all, and many times on one history, which costs little.

    A run has few calls of batch: code that is wrong in one of them now and then needs more.
    """
    if left is not None and not pack.spine.is_empty():
        lane = pack.spine[LANE][0]
        rows = np.flatnonzero((pack.spine[LANE] == lane).to_numpy())
        before = spell_answers(left.take(rows))
        alone = take_lanes(pack, [lane])
        answers: dict[str, Answers] = {}
        for _ in range(TIMES_AGAIN):
            once_more = batch_answers(view, alone)
            answers[spell_answers(once_more)] = once_more
        # Alone, a history may be answered otherwise than in company for another reason.
        if len(answers) > 1:
            answers.pop(before, None)
            return Asked(next(iter(answers.values())), rows)
    return Asked(batch_answers(view, pack))


def _ask_hurried(view: FeatureView, pack: Pack, _left: Answers | None) -> Asked:
    """Ask the online side with threads that take turns far more often than usual.

    What its own threads do to each other by chance in production then happens here.
    """
    with hurry_turns():
        return Asked(answer_online(view, pack))


def _ask_afresh(
    side: SideName, view: FeatureView, pack: Pack, _left: Answers | None
) -> Asked | NotApplicable:
    """Ask in another process, whose hashes are salted otherwise."""
    if getattr(side_of(view, side), "place", None) is not None:
        return NotApplicable("it runs in an environment of its own, not in this interpreter")
    answers = answered_afresh(view, pack, side)
    # A text is the reason for which a fresh process does not find the side.
    if isinstance(answers, str):
        return NotApplicable(answers)
    return Asked(answers)


TIMES_AGAIN = 8
"""Of 100 pieces of code that are wrong in a fifth of their calls, 17 pass so many."""
FUTURE = "no_future_leakage"
ISOLATION = "entity_isolation"
ORDER = "input_order"
SPINE = "spine_independence"
DETERMINISM = "determinism"
READS = "pure_reads"
RESTARTS = "restart_invariance"
MUTATION = "no_mutation"
WEEKS_LATER = "week_shift"

BATCH: SideName = "batch"
ONLINE: SideName = "online"


def _relation(name: str, side: SideName, what: str, change: Change) -> Relation:
    return Relation(name, side, what, _ask_on(change, side))


RELATIONS: Sequence[Relation] = (
    _relation(FUTURE, BATCH, "the future removed", remove_future),
    _relation(FUTURE, BATCH, "another future", exchange_future),
    _relation(ISOLATION, BATCH, "other entities removed", remove_strangers),
    _relation(ISOLATION, ONLINE, "other entities removed", remove_strangers),
    _relation(ORDER, BATCH, "rows in reverse", reverse_log),
    _relation(SPINE, BATCH, "spine reversed", reverse_spine),
    _relation(SPINE, BATCH, "asked alone", ask_last_alone),
    Relation(READS, ONLINE, "asked twice", _ask_twice),
    _relation(READS, ONLINE, "asked once", ask_last_alone),
    Relation(DETERMINISM, BATCH, "run again", _ask_again),
    Relation(DETERMINISM, ONLINE, "run again", _ask_hurried),
    Relation(DETERMINISM, BATCH, "in a fresh process", partial(_ask_afresh, BATCH)),
    Relation(DETERMINISM, ONLINE, "in a fresh process", partial(_ask_afresh, ONLINE)),
    Relation(RESTARTS, ONLINE, "restarted", _ask_restarted),
    Relation(MUTATION, BATCH, "its input changed", _answer_as_before),
    Relation(MUTATION, ONLINE, "its input changed", _answer_as_before),
    _relation(WEEKS_LATER, BATCH, "four weeks later", move_four_weeks),
    _relation(WEEKS_LATER, ONLINE, "four weeks later", move_four_weeks),
)


def relations_of(view: FeatureView) -> list[Relation]:
    """Return the relations that a view is held to."""
    return [relation for relation in RELATIONS if relation.name in view.relations]


def reason_against(view: FeatureView, relation: Relation) -> str:
    """Return why a relation cannot apply to a view at all, "" where it can."""
    if relation.name == ISOLATION and not view.entity:
        return "the view has no entity: its features are of all events"
    if relation.name == ISOLATION and view.scope == "global":
        return 'the view has scope="global": its entities meet on purpose'
    if relation.name == RESTARTS and view.delivery.restarts:
        return "the declared scenario restarted judges it"
    return ""
