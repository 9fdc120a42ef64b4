"""Confirm a divergence alone, minimise it, and make it a finding."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from skewtest import run
from skewtest.compare.tables import Divergence
from skewtest.declare.delivery import CAUSES
from skewtest.declare.view import FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.results.finding import ALL_FEATURES, UNKNOWN, Counterexample, Finding
from skewtest.results.pair import PARITY, TWO_RUNS
from skewtest.run.draft import Draft, draft_of, history_of_draft, pack_drafts
from skewtest.run.effort import NONE, Allowance, Effort
from skewtest.run.experiment import Trial, run_trial
from skewtest.run.judge import Group, Standing, find_divergences, judge, sift
from skewtest.run.two_runs import divergence_between_runs, nondeterministic_side
from skewtest.sides.answers import Extra

TIMEOUT = "timeout"
MINIMISED = 8
"""After this many suspects, each further one is minimised with a small share of the effort: where a
view is wrong all over, the first few findings say why."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A divergence seen in a pack: its group, its history, and where it was seen.

    Attributes:
        group: feature, kind and failure of the divergence.
        draft: its history.
        found_at: the number of its history in the run, from 1.
        alone: False where it shows only in company; then `draft` holds the whole company.
        restless: set where it does not show again: a side, and what it answered in two runs.
    """

    group: Group
    draft: Draft
    found_at: int
    alone: bool = True
    restless: tuple[str, Divergence] | None = None

    @property
    def is_hang(self) -> bool:
        """Whether user code did not return in time."""
        return self.group[1] == TIMEOUT


def suspects_of(
    view: FeatureView, pack: Pack, trial: Trial, offset: int, most: int
) -> list[Suspect]:
    """Return up to `most` suspects for each group of divergences, smallest histories first.

    Args:
        view: the view.
        pack: the histories.
        trial: what they showed.
        offset: how many histories the run had tried before.
        most: how many suspects a group may have.
    """
    lanes_of_group: dict[Group, list[int]] = {}
    for lane, divergences in trial.divergences.items():
        for divergence in divergences:
            lanes = lanes_of_group.setdefault(divergence.group, [])
            if lane not in lanes:
                lanes.append(lane)
    drafts: dict[int, Draft] = {}
    suspects = []
    for group, lanes in lanes_of_group.items():
        for lane in _take_smallest(pack, lanes, most):
            # Groups of one history share its draft, so that it is judged once for all of them.
            if lane not in drafts:
                drafts[lane] = draft_of(view, pack.history(lane))
            suspects.append(Suspect(group, drafts[lane], offset + lane + 1))
    return suspects


def _take_smallest(pack: Pack, lanes: list[int], most: int) -> list[int]:
    """Return the lanes with the fewest events; those whose requests trail an event come last."""
    if len(lanes) <= most:
        return lanes
    counts = dict.fromkeys(lanes, 0)
    for frame in pack.events.values():
        for lane, size in frame[LANE].value_counts().iter_rows():
            if lane in counts:
                counts[lane] += size
    return sorted(lanes, key=lambda lane: (lane in pack.lags, counts[lane], lane))[:most]


def confirm_suspects(
    view: FeatureView, pack: Pack, trial: Trial, suspects: list[Suspect]
) -> tuple[list[Suspect], int]:
    """Return one confirmed suspect for each group that stands, and how many groups do not.

    A suspect that differs in its pack but not alone is tried in company: entities may mix, or a
    side may be nondeterministic.
    """
    confirmed, shows_alone = _confirm_alone(view, suspects)
    for suspect in suspects:
        if not shows_alone[suspect.group] and suspect.group not in confirmed:
            confirmed[suspect.group] = _explain_in_company(view, pack, trial, suspect)
    return list(confirmed.values()), len(shows_alone) - len(confirmed)


def _confirm_alone(
    view: FeatureView, suspects: list[Suspect]
) -> tuple[dict[Group, Suspect], dict[Group, bool]]:
    """Return the suspects that stand alone, and for each group whether it shows alone at all."""
    confirmed: dict[Group, Suspect] = {}
    excused = _find_excused(view, [suspect for suspect in suspects if not suspect.is_hang])
    shows_alone: dict[Group, bool] = dict.fromkeys(excused, True)
    judged: dict[tuple[int, bool], tuple[Standing, Standing]] = {}
    for suspect in suspects:
        group = suspect.group
        if group in confirmed or group in excused:
            continue
        key = id(suspect.draft), suspect.is_hang
        if key not in judged:
            judged[key] = _judge_alone(view, suspect)
        raw, standing = judged[key]
        shows_alone[group] = shows_alone.get(group, False) or group in raw
        if group in standing:
            confirmed[group] = suspect
    return confirmed, shows_alone


def _judge_alone(view: FeatureView, suspect: Suspect) -> tuple[Standing, Standing]:
    """Return what a draft shows in a call of its own, and what of that stands.

    A hang has no excuse, and each question about one would cost its whole limit again.
    """
    draft = suspect.draft
    raw = find_divergences(view, [draft])
    if suspect.is_hang:
        hangs = {group: raw[0][group] for group in raw[0] if group[1] == TIMEOUT}
        return hangs, hangs
    return raw[0], sift(view, [draft], raw)[0]


def _find_excused(view: FeatureView, suspects: list[Suspect]) -> set[Group]:
    """Return the groups all of whose suspects show, but do not stand, in one batch call of them.

    That spares those the calls alone, which only a divergence that stands needs.
    """
    drafts = list({id(suspect.draft): suspect.draft for suspect in suspects}.values())
    raw = find_divergences(view, drafts)
    standings = sift(view, drafts, raw)
    numbers = {id(draft): number for number, draft in enumerate(drafts)}
    excused = {suspect.group for suspect in suspects}
    for suspect in suspects:
        number = numbers[id(suspect.draft)]
        if suspect.group not in raw[number] or suspect.group in standings[number]:
            excused.discard(suspect.group)
    return excused


def _explain_in_company(view: FeatureView, pack: Pack, trial: Trial, suspect: Suspect) -> Suspect:
    """Return a suspect that does not show alone, with what explains it."""
    company = draft_of(view, pack.together())
    if suspect.group in judge(view, [company])[0]:
        return replace(suspect, draft=company, alone=False)
    second = run_trial(view, pack)
    side = nondeterministic_side(trial, second)
    if side is None:
        return replace(suspect, alone=False)
    return replace(suspect, restless=(side, divergence_between_runs(trial, second, side)))


def findings_of(
    view: FeatureView, suspects: Sequence[Suspect], allowance: Allowance
) -> list[Finding]:
    """Return suspects as findings, each minimised.

    Those after the first few are told on a small history that is there already, where one shows
    them: where a whole view is wrong, its features are wrong on the same histories.

    Args:
        view: the view.
        suspects: of one scenario, confirmed; those that matter most first.
        allowance: how much effort each may be minimised with.
    """
    findings = []
    for suspect in suspects[:MINIMISED]:
        findings.append(finding_of(view, suspect, allowance.effort()))
    further = suspects[MINIMISED:]
    small_drafts = []
    if further:
        small_drafts = _drafts_of_findings(view, findings)
    standings = judge(view, small_drafts) if small_drafts else []
    for suspect in further:
        draft = None
        if suspect.alone and suspect.restless is None:
            draft = _first_that_shows(suspect.group, small_drafts, standings)
        if draft is None:
            findings.append(finding_of(view, suspect, allowance.effort(MINIMISED)))
        else:
            findings.append(finding_of(view, replace(suspect, draft=draft), NONE.effort()))
    return findings


def _drafts_of_findings(view: FeatureView, findings: Sequence[Finding]) -> list[Draft]:
    drafts = []
    for finding in findings:
        if finding.counterexample:
            drafts.append(draft_of(view, finding.counterexample.history))
    return drafts


def _first_that_shows(
    group: Group, drafts: Sequence[Draft], standings: Sequence[Standing]
) -> Draft | None:
    for draft, standing in zip(drafts, standings, strict=True):
        if group in standing:
            return draft
    return None


def finding_of(view: FeatureView, suspect: Suspect, effort: Effort) -> Finding:
    """Return a suspect as a finding: minimised, and run once more for what both sides answer.

    Args:
        view: the view.
        suspect: what was confirmed.
        effort: how much it may be minimised with.
    """
    if suspect.restless is not None:
        side, divergence = suspect.restless
        finding = _make_finding(view, suspect, divergence, side=side)
        return replace(finding, is_minimal=suspect.draft.is_small)
    draft, group = suspect.draft, suspect.group
    is_hang = suspect.is_hang
    is_minimised = False
    # A hang costs its whole time limit at every try: it is not minimised, nor run a second time.
    if not is_hang and (suspect.alone or group in judge(view, [draft])[0]):
        draft = _minimise_suspect(view, suspect, effort)
        is_minimised = not effort.is_spent
    first = run_trial(view, pack_drafts(view, [draft]))
    second = first
    if not is_hang:
        second = run_trial(view, pack_drafts(view, [draft]))
    blamed = nondeterministic_side(first, second)
    if blamed is not None:
        divergence = divergence_between_runs(first, second, blamed)
    else:
        divergence = (
            _first_of_group(first, group)
            or _first_of_group(second, group)
            or Divergence(-1, group[0], "nondeterministic", None, None)
        )
        blamed = _side_surely_wrong(divergence)
    values = answers_at(first, divergence.row)
    finding = _make_finding(
        view, replace(suspect, draft=draft), divergence, side=blamed, values=values
    )
    return replace(finding, is_minimal=is_minimised or draft.is_small)


def _side_surely_wrong(divergence: Divergence) -> str | None:
    """Return the side that is wrong for certain: it alone failed, or returned too many rows."""
    if isinstance(divergence.left, Extra):
        return "batch"
    failures = divergence.failures
    if len(failures) != 1:
        return None
    return failures[0].side


def _minimise_suspect(view: FeatureView, suspect: Suspect, effort: Effort) -> Draft:
    """Return the smallest draft of a suspect that still differs when it is run alone.

    Where candidates that share a batch call have disturbed each other, each gets its own.
    """
    # Whose history a row is that nobody asked for, a shared call does not tell.
    if suspect.alone and suspect.group[1] != "extra row":
        draft = run.minimise.minimise(view, suspect.draft, suspect.group, effort)
        if suspect.group in judge(view, [draft])[0]:
            return draft
    return run.minimise.minimise(view, suspect.draft, suspect.group, effort, alone=True)


def _make_finding(
    view: FeatureView,
    suspect: Suspect,
    divergence: Divergence,
    *,
    side: str | None,
    values: dict[str, tuple[Any, Any]] | None = None,
) -> Finding:
    history = history_of_draft(view, suspect.draft)
    is_restless = divergence.kind == "nondeterministic"
    if is_restless:
        # Both ends are of one side: answers of the other would stand under a wrong name.
        values = {divergence.feature: (divergence.left, divergence.right)}
    return Finding(
        feature=name_feature(view, suspect.group[0]),
        scenario=suspect.draft.scenario.name,
        kind=divergence.kind,
        cause=_cause_of(view, suspect, divergence),
        counterexample=Counterexample(view, history),
        divergence=divergence,
        pair=TWO_RUNS if is_restless else PARITY,
        values=values or {},
        side=side,
        alone=suspect.alone,
        found_at=suspect.found_at,
    )


def _cause_of(view: FeatureView, suspect: Suspect, divergence: Divergence) -> str:
    """Return the cause, where one change of the delivery brings parity back."""
    if not suspect.alone:
        return UNKNOWN
    scenario = suspect.draft.scenario
    # A side that reads the clock may be nondeterministic for that very reason: asked first.
    if scenario.delivery.clock == "real":
        frozen = replace(suspect.draft, scenario=scenario.with_frozen_clock())
        standing = judge(view, [frozen])[0]
        if all(feature != suspect.group[0] for feature, *_ in standing):
            return "time.clock"
    if divergence.kind == "nondeterministic":
        return UNKNOWN
    return CAUSES.get(scenario.name, UNKNOWN)


def name_feature(view: FeatureView, feature: str) -> str:
    """Return a feature's name; for whole rows the only feature's, or "*"."""
    if feature:
        return feature
    if len(view.features) == 1:
        return next(iter(view.features))
    return ALL_FEATURES


def answers_at(trial: Trial, row: int) -> dict[str, tuple[Any, Any]]:
    """Return what left and right answered on a spine row, by feature; nothing below row 0."""
    if row < 0:
        return {}
    return {
        name: (trial.left.values[name][row], trial.right.values[name][row])
        for name in trial.left.values
    }


def _first_of_group(trial: Trial, group: Group) -> Divergence | None:
    for divergences in trial.divergences.values():
        for divergence in divergences:
            if divergence.group == group:
                return divergence
    return None
