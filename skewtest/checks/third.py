"""Where both sides agree and are wrong: batch is held against the reference of its view."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from skewtest import run
from skewtest.checks.opinions import (
    LAW,
    ask_reference,
    experiment_against,
    view_as_told,
    with_opinion,
)
from skewtest.compare.tables import Divergence
from skewtest.declare.delivery import IN_ORDER
from skewtest.declare.view import FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.results.finding import Counterexample, Finding
from skewtest.results.values import Check, CheckState
from skewtest.run.confirm import name_feature
from skewtest.run.cost import count_rows_by_lane
from skewtest.run.draft import Draft, draft_of, history_of_draft, pack_drafts
from skewtest.run.effort import LAWS
from skewtest.run.experiment import Trial
from skewtest.run.isolation import take_lanes
from skewtest.run.judge import judge
from skewtest.run.shown import Group
from skewtest.sides.answers import Answers, Failure
from skewtest.sides.columns import RowArray

# Histories of a pack that are looked at: the first may be rounding.
SUSPECTS = 3
# CPU seconds that the reference gets for a pack, and in all: it is slow on purpose, and a few
# hundred histories show nearly all that thousands would. What it was asked on is told.
SLICE, MOST = 1.0, 10.0
EXPERIMENT = experiment_against("batch")


@dataclass(frozen=True, slots=True)
class Breach:
    """A feature that both sides answer alike and otherwise than the reference."""

    group: Group
    divergence: Divergence
    draft: Draft
    found_at: int


@dataclass(slots=True)
class ThirdOpinion:
    """The search for what both sides get wrong alike.

    Attributes:
        view: the view, which has a reference.
        planned: on how many histories it may be asked.
        visible: the view with the features that the reference tells; None before it was asked.
        histories: on how many histories it was asked.
        failure: why it said nothing, where it failed.
        seconds: CPU seconds that it has taken.
        rows: events and requests that it was asked on.
    """

    view: FeatureView
    planned: int
    visible: FeatureView | None = None
    histories: int = 0
    failure: Failure | None = None
    seconds: float = 0.0
    rows: int = 0
    breaches: dict[str, Breach] = field(default_factory=dict)

    def try_pack(self, pack: Pack, batch: Answers, trial: Trial, first: int) -> None:
        """Ask the reference on a pack in order, and compare what both sides agree on.

        Args:
            pack: the histories.
            batch: what batch has answered.
            trial: what both sides showed on it.
            first: the number of the history in lane 0.
        """
        if self.failure is not None or self.histories >= self.planned or self.seconds > MOST:
            return
        part = self._affordable(pack)
        if part.spine.is_empty():
            return
        rows = np.flatnonzero(pack.spine[LANE].is_in(part.spine[LANE].implode()).to_numpy())
        exact = self._ask(part)
        if exact is None:
            return
        self.visible = self.visible or view_as_told(self.view, exact)
        if self.visible is None:
            return
        divergences = EXPERIMENT.compare(self.visible, part, batch.take(rows), exact)
        agreed = _where_sides_agree(divergences, trial, rows)
        for lane in list(agreed)[:SUSPECTS]:
            self._look_into(self.visible, part, lane, agreed[lane], first)

    def _ask(self, pack: Pack) -> Answers | None:
        """Return what the reference answers, None where it fails on some request."""
        began = time.process_time()
        answers = ask_reference(self.view, pack)
        self.seconds += time.process_time() - began
        self.rows += sum(count_rows_by_lane(pack))
        if isinstance(answers, Failure):
            self.failure = answers
            return None
        self.failure = next(iter(answers.failures.values()), None)
        if self.failure is not None:
            return None
        self.histories += pack.spine[LANE].n_unique()
        return answers

    def _affordable(self, pack: Pack) -> Pack:
        """Return the first histories of a pack, as many as the reference may be asked on."""
        if not self.rows:
            return take_lanes(pack, sorted(set(pack.spine[LANE].to_list()))[:1])
        allowed = SLICE * self.rows / max(self.seconds, 1e-6)
        sizes = count_rows_by_lane(pack)
        lanes: list[int] = []
        for lane in sorted(set(pack.spine[LANE].to_list())):
            allowed -= sizes[lane]
            if allowed < 0 or len(lanes) + self.histories >= self.planned:
                break
            lanes.append(lane)
        return take_lanes(pack, lanes)

    def _look_into(
        self, visible: FeatureView, pack: Pack, lane: int, divergences: list[Divergence], first: int
    ) -> None:
        fresh = {d.group for d in divergences if d.feature not in self.breaches}
        if not fresh:
            return
        draft = draft_of(visible, pack.history(lane))
        standing = judge(visible, [draft], experiment=EXPERIMENT)[0].standing
        for group, divergence in standing.items():
            if group in fresh:
                breach = Breach(group, divergence, draft, first + lane + 1)
                self.breaches.setdefault(divergence.feature, breach)

    def leave_out(self, features: Iterable[str]) -> None:
        """Forget what features break whose sides differ anyway: their findings say who is off."""
        for feature in features:
            self.breaches.pop(feature, None)

    def findings(self) -> Iterator[Finding]:
        """Yield what was found, minimised."""
        for breach in self.breaches.values():
            assert self.visible is not None  # what was compared is visible
            yield _finding_of(self.view, self.visible, breach)

    def check(self, *, is_skewed: bool) -> Check:
        """Return what became of it; where the sides differ anyway it is no gap."""
        state: CheckState = "held"
        reason = ""
        if self.breaches:
            state = "broken"
        elif self.failure is not None:
            state, reason = "incomplete", describe_failure(self.failure)
        elif self.visible is None:
            state, reason = "incomplete", "the reference was not asked"
        return Check(
            law=LAW,
            side="batch",
            change="",
            state=state,
            histories=self.histories,
            reason=reason,
            asked=not is_skewed,
        )


def describe_failure(failure: Failure) -> str:
    """Return why a reference said nothing."""
    if failure.code == "timeout":
        return f"the reference did not return within {failure.facts['seconds']:g} s"
    if failure.exception is not None:
        return f"the reference raised {type(failure.exception).__name__}: {failure.exception}"
    return f"the reference failed: {failure.code}"


def _where_sides_agree(
    divergences: Mapping[int, list[Divergence]], trial: Trial, rows: RowArray
) -> dict[int, list[Divergence]]:
    """Return, by lane, what batch and the reference differ on and both sides do not.

    Args:
        divergences: what batch and the reference differ on, of some requests of a pack.
        trial: what both sides differ on, of all its requests.
        rows: which rows of the pack those requests are.
    """
    differing = set()
    for of_lane in trial.divergences.values():
        differing |= {(divergence.row, divergence.feature) for divergence in of_lane}
    agreed: dict[int, list[Divergence]] = {}
    for lane, of_lane in divergences.items():
        for divergence in of_lane:
            row = int(rows[divergence.row])
            if differing.isdisjoint({(row, divergence.feature), (row, "")}):
                agreed.setdefault(lane, []).append(divergence)
    return agreed


def _finding_of(view: FeatureView, visible: FeatureView, breach: Breach) -> Finding:
    effort = LAWS.effort()
    draft = run.minimise.minimise(
        visible, breach.draft, breach.group, effort, experiment=EXPERIMENT
    )
    divergences: list[Divergence] = []
    for of_lane in EXPERIMENT.diverge(visible, pack_drafts(visible, [draft])).values():
        divergences += of_lane
    divergence = breach.divergence
    for candidate in divergences:
        if candidate.group == breach.group:
            divergence = candidate
            break
    finding = Finding(
        feature=name_feature(view, breach.group[0]),
        scenario=IN_ORDER,
        kind=divergence.kind,
        counterexample=Counterexample(view, history_of_draft(view, draft)),
        divergence=divergence,
        pair=EXPERIMENT.pair,
        values={d.feature: (d.left, d.right) for d in divergences if d.row == divergence.row},
        is_minimal=draft.is_small or not effort.is_spent,
        found_at=breach.found_at,
        relation=LAW,
    )
    return with_opinion(view, finding)
