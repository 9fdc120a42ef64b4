"""Confirm a divergence alone, minimise it, and make it a finding."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from skewtest import run
from skewtest.compare.tables import Divergence
from skewtest.declare.delivery import CAUSES
from skewtest.declare.tolerance import is_stability_asked
from skewtest.declare.view import FeatureView
from skewtest.results.finding import ALL_FEATURES, UNKNOWN, Counterexample, Finding
from skewtest.results.pair import PARITY, TWO_RUNS
from skewtest.run.draft import Draft, draft_of, history_of_draft, pack_drafts
from skewtest.run.effort import NONE, Allowance, Effort
from skewtest.run.experiment import Trial, answers_at, run_trial
from skewtest.run.judge import Judgement, judge
from skewtest.run.shown import Group
from skewtest.run.suspects import Suspect
from skewtest.run.two_runs import divergence_between_runs, nondeterministic_side
from skewtest.sides.answers import Extra

# After this many suspects, each further one is minimised with a small share of the effort: where a
# view is wrong all over, the first few findings say why.
MINIMISED = 8


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
    judgements = judge(view, small_drafts) if small_drafts else []
    for suspect in further:
        draft = None
        if suspect.alone and suspect.recurs and suspect.restless is None:
            draft = _first_that_shows(suspect.group, small_drafts, judgements)
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
    group: Group, drafts: Sequence[Draft], judgements: Sequence[Judgement]
) -> Draft | None:
    for draft, judgement in zip(drafts, judgements, strict=True):
        if group in judgement.standing:
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
        restless_side, between_runs = suspect.restless
        finding = _make_finding(view, suspect, between_runs, side=restless_side)
        return replace(finding, is_minimal=suspect.draft.is_small)
    if not suspect.recurs:
        return _tell_as_seen(view, suspect)
    draft, group = suspect.draft, suspect.group
    is_hang = suspect.is_hang
    is_minimised = False
    # A hang costs its whole time limit at every try: it is not minimised, nor run a second time.
    if not is_hang and (suspect.alone or group in judge(view, [draft])[0].standing):
        draft = _minimise_suspect(view, suspect, effort)
        is_minimised = not effort.is_spent
    suspect = replace(suspect, draft=draft)
    divergence, side, values = _answer_twice(view, suspect)
    if divergence is None:
        return _tell_as_seen(view, suspect)
    finding = _make_finding(view, suspect, divergence, side=side, values=values)
    return replace(finding, is_minimal=is_minimised or draft.is_small)


def _answer_twice(
    view: FeatureView, suspect: Suspect
) -> tuple[Divergence | None, str | None, Mapping[str, tuple[Any, Any]]]:
    """Return what a suspect's draft shows, the side to blame for certain, and all answers there."""
    first = run_trial(view, pack_drafts(view, [suspect.draft]))
    second = first
    if not suspect.is_hang:
        second = run_trial(view, pack_drafts(view, [suspect.draft]))
    side = nondeterministic_side(first, second)
    divergence: Divergence | None
    if side is None:
        divergence, side = _look_again(view, suspect, first)
    else:
        divergence = divergence_between_runs(first, second, side)
    values = {} if divergence is None else answers_at(first, divergence.row)
    return divergence, side, values


def _look_again(
    view: FeatureView, suspect: Suspect, trial: Trial
) -> tuple[Divergence | None, str | None]:
    """Return the divergence of a suspect's group on its draft, and the side to blame for certain.

    Where a feature is unstable, or some of its rows are rounding, only a close look tells which row
    it is.
    """
    group = suspect.group
    first = _first_of_group(trial, group)
    if group[1] not in ("value", "unstable"):
        return first, None if first is None else _side_surely_wrong(first)
    judgement = judge(view, [suspect.draft], only=group)[0]
    divergence = judgement.standing.get(group)
    if divergence is None:
        return None, None
    return divergence, judgement.sides.get((divergence.row, group))


def _tell_as_seen(view: FeatureView, suspect: Suspect) -> Finding:
    """Return the finding of what was seen once: it says so, and claims nothing."""
    feature, kind, _ = suspect.group
    seen = suspect.seen or Divergence(-1, feature, kind, None, None)
    finding = _make_finding(view, suspect, seen, side=None, values=suspect.values)
    return replace(finding, cause=UNKNOWN, recurs=False, is_minimal=suspect.draft.is_small)


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
        if suspect.group in judge(view, [draft], only=suspect.group)[0].standing:
            return draft
    draft = run.minimise.minimise(view, suspect.draft, suspect.group, effort, alone=True)
    # Candidates are looked at with a few copies: what is told has been looked at with many.
    if suspect.group in judge(view, [draft], only=suspect.group)[0].standing:
        return draft
    return suspect.draft


def _make_finding(
    view: FeatureView,
    suspect: Suspect,
    divergence: Divergence,
    *,
    side: str | None,
    values: Mapping[str, tuple[Any, Any]] | None = None,
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
        warns=_is_warning(view, divergence),
    )


def _is_warning(view: FeatureView, divergence: Divergence) -> bool:
    """Return whether a divergence fails no run: a feature that is unstable, and may be."""
    if divergence.kind != "unstable":
        return False
    return not is_stability_asked(view.features.get(divergence.feature))


def _cause_of(view: FeatureView, suspect: Suspect, divergence: Divergence) -> str:
    """Return the cause, where one change of the delivery brings parity back."""
    if not suspect.alone:
        return UNKNOWN
    scenario = suspect.draft.scenario
    # A side that reads the clock may be nondeterministic for that very reason: asked first.
    if scenario.delivery.clock == "real":
        frozen = replace(suspect.draft, scenario=scenario.with_frozen_clock())
        standing = judge(view, [frozen])[0].standing
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


def _first_of_group(trial: Trial, group: Group) -> Divergence | None:
    for divergences in trial.divergences.values():
        for divergence in divergences:
            if divergence.group == group:
                return divergence
    return None
