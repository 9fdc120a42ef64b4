"""The search for broken relations, on some of the packs of the search for skew."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from skewtest import run
from skewtest.checks.relations import (
    Relation,
    experiment_of,
    reason_against,
    relations_of,
)
from skewtest.compare.tables import Divergence, Tally
from skewtest.declare.delivery import RELATIONS
from skewtest.declare.divergence import Excuse
from skewtest.declare.relation import RELATION_CAUSES, DefaultRelations
from skewtest.declare.view import FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.results.finding import Counterexample, Finding
from skewtest.results.outcome import Outcome
from skewtest.results.values import Check, CheckState, Seconds, list_excused
from skewtest.run.budget import Budget
from skewtest.run.confirm import name_feature
from skewtest.run.draft import Draft, draft_of, history_of_draft, pack_drafts
from skewtest.run.effort import LAWS
from skewtest.run.experiment import Experiment, NotApplicable
from skewtest.run.judge import Judgement, judge
from skewtest.run.noise import QUICK
from skewtest.sides.answers import Answers

FIRST = 3
# Relations are tried on the first large pack, by when most skews have been found, and then on one
# in so many. A short search tries them on its last pack.
EVERY = 24
SUSPECTS = 3
# For the laws alone a search goes on no further than to so many histories.
ENOUGH = 256


@dataclass(frozen=True, slots=True)
class Breach:
    """A relation that is broken, and the history on which it is."""

    relation: Relation
    divergence: Divergence
    draft: Draft
    found_at: int


@dataclass(slots=True)
class Progress:
    """How far one relation has been tried.

    Attributes:
        histories: on how many it was applied.
        reason: why it could not be applied, where it could not.
        is_broken: whether a breach of it stands.
    """

    histories: int = 0
    reason: str = ""
    is_broken: bool = False


@dataclass(slots=True)
class Laws:
    """The relations of a view, and what has been found of their breaches."""

    view: FeatureView
    budget: Budget
    began: float = field(default_factory=time.perf_counter)
    began_cpu: float = field(default_factory=time.process_time)
    histories: int = 0
    first: int = 0
    packs: int = 0
    stopped: str = ""
    progress: dict[Relation, Progress] = field(default_factory=dict)
    breaches: dict[tuple[str, str, str], Breach] = field(default_factory=dict)
    excused: Counter[tuple[str, tuple[Excuse, ...]]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for relation in relations_of(self.view):
            self.progress[relation] = Progress(reason=reason_against(self.view, relation))

    @property
    def stop_at(self) -> int:
        """After how many histories enough is known."""
        return min(ENOUGH, self.budget.histories)

    def try_pack(
        self, pack: Pack, batch: Answers, first: int, *, lanes: int, is_last: bool
    ) -> None:
        """Hold both sides to the relations on a pack, if it is its turn.

        Args:
            pack: histories in order.
            batch: what batch has answered.
            first: the number of the history in lane 0.
            lanes: how many histories are asked.
            is_last: whether no other pack comes.
        """
        number, self.packs = self.packs, self.packs + 1
        self.first = first
        is_due = number >= FIRST and (number - FIRST) % EVERY == 0
        if not is_due and not (is_last and not self.histories):
            return
        self.histories += lanes
        # Events at `as_of` come after its request here: which comes first is no law of a side.
        pack = replace(pack, lags={})
        answers = {"batch": batch}
        for relation, progress in self.progress.items():
            if progress.reason:
                continue
            experiment = experiment_of(relation)
            # All laws of a side share what it answers on the pack as it is.
            if relation.side not in answers:
                answered = experiment.left(self.view, pack, None)
                if isinstance(answered, NotApplicable):
                    progress.reason = answered.reason
                    continue
                answers[relation.side] = answered.answers
            self._try(relation, experiment, pack, answers[relation.side])

    def _try(self, relation: Relation, experiment: Experiment, pack: Pack, left: Answers) -> None:
        progress = self.progress[relation]
        trial = experiment.run(self.view, pack, left)
        if isinstance(trial, NotApplicable):
            progress.reason = trial.reason
            return
        progress.histories += trial.lanes
        if trial.divergences:
            self._look_into(relation, experiment, pack, trial.divergences)

    def _look_into(
        self,
        relation: Relation,
        experiment: Experiment,
        pack: Pack,
        divergences: Mapping[int, list[Divergence]],
    ) -> None:
        sizes: Counter[int] = Counter()
        for frame in pack.events.values():
            sizes.update(frame[LANE].to_list())
        # The shortest histories are the quickest to make small.
        lanes = sorted(divergences, key=lambda lane: (sizes[lane], lane))
        drafts = {}
        for lane in lanes:
            drafts[lane] = draft_of(self.view, replace(pack.history(lane), lag=None))
        # The smallest show what breaks a law; where none does, each other row may.
        for wave in (lanes[:SUSPECTS], lanes[SUSPECTS:]):
            if not wave or self.progress[relation].is_broken:
                continue
            members = [drafts[lane] for lane in wave]
            quick = judge(self.view, members, experiment=experiment, rounds=QUICK)
            for lane, judgement in zip(wave, quick, strict=True):
                self._note_breaches(relation, experiment, drafts[lane], judgement, lane)

    def _note_breaches(
        self,
        relation: Relation,
        experiment: Experiment,
        draft: Draft,
        judgement: Judgement,
        lane: int,
    ) -> None:
        """Keep the breaches of one history that stand where it is run alone."""
        has_news = self._has_news(relation, judgement)
        if has_news:
            judgement = judge(self.view, [draft], experiment=experiment)[0]
        for row in judgement.excused.values():
            self.excused[row.divergence.feature, row.by] += 1
        if not has_news:
            return
        for group, divergence in judgement.standing.items():
            # One side against itself rounds otherwise: that is no breach.
            if group[1] == "unstable":
                continue
            breach = Breach(relation, divergence, draft, self.first + lane + 1)
            self.breaches.setdefault((relation.name, relation.side, group[0]), breach)
            self.progress[relation].is_broken = True

    def _has_news(self, relation: Relation, judgement: Judgement) -> bool:
        """Return whether a history shows a breach of a feature that has none so far."""
        for feature, kind, _ in judgement.standing:
            is_new = (relation.name, relation.side, feature) not in self.breaches
            if is_new and kind != "unstable":
                return True
        return False

    def checks(self) -> tuple[Check, ...]:
        """Return what became of each relation."""
        # Where the sides differ anyway one line tells that laws were not tried: a gap for each of
        # them would hide the skew.
        is_asked = not isinstance(self.view.relations, DefaultRelations) and not self.stopped
        checks = []
        for relation, progress in self.progress.items():
            state, reason = _state_of(progress, self.stopped)
            checks.append(
                Check(
                    law=relation.name,
                    side=relation.side,
                    change=relation.what,
                    state=state,
                    histories=progress.histories,
                    reason=reason,
                    asked=is_asked,
                )
            )
        return tuple(checks)

    def outcome(self) -> Outcome:
        """Return what was found, minimised."""
        findings = tuple(_finding(self.view, breach) for breach in self.breaches.values())
        return Outcome(
            subject=self.view,
            scenario=RELATIONS,
            seed=self.budget.seed,
            histories=self.histories,
            planned=self.budget.histories,
            findings=findings,
            tallies=dict.fromkeys(self.view.features, Tally()),
            checks=self.checks(),
            excused=list_excused(self.excused),
            seconds=Seconds(
                total=time.perf_counter() - self.began,
                cpu=time.process_time() - self.began_cpu,
            ),
        )


def _state_of(progress: Progress, stopped: str) -> tuple[CheckState, str]:
    """Return what a relation came to, and why where it was not applied."""
    if progress.is_broken:
        return "broken", ""
    if progress.reason:
        return "not applicable", progress.reason
    if progress.histories:
        return "held", ""
    return "incomplete", stopped or "no history was tried"


def _finding(view: FeatureView, breach: Breach) -> Finding:
    relation, group = breach.relation, breach.divergence.group
    experiment = experiment_of(relation)
    effort = LAWS.effort()
    draft = run.minimise.minimise(view, breach.draft, group, effort, experiment=experiment)
    divergences: list[Divergence] = []
    for of_lane in experiment.diverge(view, pack_drafts(view, [draft])).values():
        divergences += of_lane
    # What does not show once more is told as it was seen.
    divergence = breach.divergence
    for candidate in divergences:
        if candidate.group == group:
            divergence = candidate
            break
    values = {}
    for candidate in divergences:
        if candidate.row == divergence.row:
            values[candidate.feature] = candidate.left, candidate.right
    return Finding(
        feature=name_feature(view, group[0]),
        scenario=RELATIONS,
        kind=divergence.kind,
        counterexample=Counterexample(view, history_of_draft(view, draft)),
        divergence=divergence,
        pair=experiment.pair,
        values=values,
        cause=RELATION_CAUSES[relation.name],
        side=relation.side,
        is_minimal=draft.is_small or not effort.is_spent,
        found_at=breach.found_at,
        relation=relation.name,
    )
