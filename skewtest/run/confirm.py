"""Confirm a divergence alone, minimise it, and make it a finding."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from skewtest.compare.tables import Divergence
from skewtest.declare.delivery import CAUSES
from skewtest.declare.view import FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.results.finding import ALL_FEATURES, UNKNOWN, Counterexample, Finding
from skewtest.results.pair import PARITY, TWO_RUNS
from skewtest.run.draft import Draft, draft_of, history_of_draft, pack_drafts
from skewtest.run.effort import NONE, Allowance, Effort
from skewtest.run.experiment import Trial, run_trial
from skewtest.run.judge import Group, Standing, judge, raw, sift
from skewtest.run.minimise import minimise
from skewtest.sides.answers import Answers, Extra, Failure

MINIMISED = 8
"""So many suspects are minimised for as long as it takes; any further one for a part of that."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A divergence seen in a pack: its group, its history, and where it was seen.

    `alone` is False where it shows only in company; then `draft` holds the whole company.
    `restless` is set where it does not show again: what one side answered in two runs.
    """

    group: Group
    draft: Draft
    found_at: int
    alone: bool = True
    restless: tuple[str, Divergence] | None = None


def suspects_of(
    view: FeatureView, pack: Pack, trial: Trial, offset: int, most: int
) -> list[Suspect]:
    """Return up to `most` suspects for each group of divergences, smallest histories first."""
    lanes: dict[Group, list[int]] = {}
    for lane, divergences in trial.divergences.items():
        for divergence in divergences:
            known = lanes.setdefault(divergence.group, [])
            if lane not in known:
                known.append(lane)
    if not lanes:
        return []
    chosen = {group: _smallest(pack, found, most) for group, found in lanes.items()}
    drafts = {lane: draft_of(view, pack.history(lane)) for lane in set().union(*chosen.values())}
    return [
        Suspect(group, drafts[lane], offset + lane + 1)
        for group, found in chosen.items()
        for lane in found
    ]


def confirmed(
    view: FeatureView, pack: Pack, trial: Trial, suspects: list[Suspect]
) -> tuple[list[Suspect], int]:
    """Return one confirmed suspect for each group that stands, and how many groups do not.

    A suspect that differs in its pack but not alone is tried in company: entities may mix, or a
    side may be nondeterministic.
    """
    tried: dict[int, tuple[Standing, Standing]] = {}
    kept: dict[Group, Suspect] = {}
    excused = _excused_together(view, suspects)
    shown: dict[Group, bool] = dict.fromkeys(excused, True)
    for suspect in suspects:
        if suspect.group in kept or suspect.group in excused:
            continue
        if id(suspect.draft) not in tried:
            shows = raw(view, [suspect.draft])
            tried[id(suspect.draft)] = shows[0], sift(view, [suspect.draft], shows)[0]
        shows_alone, stands = tried[id(suspect.draft)]
        shown[suspect.group] = shown.get(suspect.group, False) or suspect.group in shows_alone
        if suspect.group in stands:
            kept[suspect.group] = suspect
    for suspect in suspects:
        if not shown[suspect.group] and suspect.group not in kept:
            kept[suspect.group] = _in_company(view, pack, trial, suspect)
    return list(kept.values()), len(shown) - len(kept)


def _excused_together(view: FeatureView, suspects: list[Suspect]) -> set[Group]:
    """Return the groups all of whose suspects show, but do not stand, in one batch call of them.

    That spares those the calls alone, which only a divergence that stands needs.
    """
    drafts = list({id(suspect.draft): suspect.draft for suspect in suspects}.values())
    shows = raw(view, drafts)
    stands = sift(view, drafts, shows)
    places = {id(draft): place for place, draft in enumerate(drafts)}
    excused = {suspect.group for suspect in suspects}
    for suspect in suspects:
        place = places[id(suspect.draft)]
        if suspect.group not in shows[place] or suspect.group in stands[place]:
            excused.discard(suspect.group)
    return excused


def _in_company(view: FeatureView, pack: Pack, trial: Trial, suspect: Suspect) -> Suspect:
    """Return a suspect that does not show alone, with what explains it."""
    company = draft_of(view, pack.together())
    if suspect.group in judge(view, [company])[0]:
        return replace(suspect, draft=company, alone=False)
    again = run_trial(view, pack)
    side = _nondeterministic(trial, again)
    if side is None:
        return replace(suspect, alone=False)
    return replace(suspect, restless=(side, _restless(trial, again, side)))


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
    found = [finding_of(view, suspect, allowance.effort()) for suspect in suspects[:MINIMISED]]
    others = suspects[MINIMISED:]
    small = [draft_of(view, f.counterexample.history) for f in found if f.counterexample and others]
    shown = judge(view, small) if small else []
    for suspect in others:
        drafts = (d for d, stands in zip(small, shown, strict=True) if suspect.group in stands)
        draft = next(drafts, None) if suspect.alone and suspect.restless is None else None
        if draft is None:
            found.append(finding_of(view, suspect, allowance.effort(MINIMISED)))
        else:
            found.append(finding_of(view, replace(suspect, draft=draft), NONE.effort()))
    return found


def finding_of(view: FeatureView, suspect: Suspect, effort: Effort) -> Finding:
    """Return a suspect as a finding: minimised, and run once more for what both sides answer."""
    draft, group = suspect.draft, suspect.group
    if suspect.restless is not None:
        blamed, divergence = suspect.restless
        return _finding(view, suspect, divergence, side=blamed)
    holds = suspect.alone or group in judge(view, [draft])[0]
    if holds and group[1] != "timeout":
        draft = _minimised(view, suspect, effort)
    trial = run_trial(view, pack_drafts(view, [draft]))
    again = run_trial(view, pack_drafts(view, [draft])) if group[1] != "timeout" else trial
    shown = _of_group(trial, group) or _of_group(again, group)
    side = _nondeterministic(trial, again)
    if side is not None:
        divergence = _restless(trial, again, side)
    else:
        divergence = shown or Divergence(-1, group[0], "nondeterministic", None, None)
        side = _blamed(divergence)
    values = answers_at(trial, divergence.row)
    return _finding(view, replace(suspect, draft=draft), divergence, side=side, values=values)


def _blamed(divergence: Divergence) -> str | None:
    """Return the side that is wrong for certain: it alone failed, or returned too many rows."""
    if isinstance(divergence.left, Extra):
        return "batch"
    failures = [v for v in (divergence.left, divergence.right) if isinstance(v, Failure)]
    return failures[0].side if len(failures) == 1 else None


def _minimised(view: FeatureView, suspect: Suspect, effort: Effort) -> Draft:
    """Return the smallest draft of a suspect that still differs when it is run alone.

    Where candidates that share a batch call have disturbed each other, each gets its own.
    """
    # Whose history a row is that nobody asked for, a shared call does not tell.
    if suspect.alone and suspect.group[1] != "extra row":
        draft = minimise(view, suspect.draft, suspect.group, effort)
        if suspect.group in judge(view, [draft])[0]:
            return draft
    return minimise(view, suspect.draft, suspect.group, effort, alone=True)


def _finding(
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
        feature=named(view, suspect.group[0]),
        scenario=suspect.draft.scenario.name,
        kind=divergence.kind,
        cause=_cause(view, suspect, divergence),
        counterexample=Counterexample(view, history),
        divergence=divergence,
        pair=TWO_RUNS if is_restless else PARITY,
        values=values or {},
        side=side,
        alone=suspect.alone,
        found_at=suspect.found_at,
    )


def _cause(view: FeatureView, suspect: Suspect, divergence: Divergence) -> str:
    """Return the cause, where one change of the delivery brings parity back."""
    scenario = suspect.draft.scenario
    if not suspect.alone:
        return UNKNOWN
    if scenario.delivery.clock == "real":
        frozen = replace(suspect.draft, scenario=scenario.with_frozen_clock())
        if all(feature != suspect.group[0] for feature, *_ in judge(view, [frozen])[0]):
            return "time.clock"
    if divergence.kind == "nondeterministic":
        return UNKNOWN
    return CAUSES.get(scenario.name, UNKNOWN)


def named(view: FeatureView, feature: str) -> str:
    """Return a feature's name; for whole rows the only feature's, or "*"."""
    if feature:
        return feature
    return next(iter(view.features)) if len(view.features) == 1 else ALL_FEATURES


def answers_at(trial: Trial, row: int) -> dict[str, tuple[Any, Any]]:
    """Return what batch and online answered on a spine row, by feature."""
    if row < 0:
        return {}
    return {
        name: (trial.left.values[name][row], trial.right.values[name][row])
        for name in trial.left.values
    }


def _smallest(pack: Pack, lanes: list[int], most: int) -> list[int]:
    if len(lanes) <= most:
        return lanes
    counts = dict.fromkeys(lanes, 0)
    for frame in pack.events.values():
        for lane, size in frame[LANE].value_counts().iter_rows():
            if lane in counts:
                counts[lane] += size
    return sorted(lanes, key=lambda lane: (lane in pack.lags, counts[lane], lane))[:most]


def _of_group(trial: Trial, group: Group) -> Divergence | None:
    divergences = (d for found in trial.divergences.values() for d in found)
    return next((d for d in divergences if d.group == group), None)


def _nondeterministic(first: Trial, second: Trial) -> str | None:
    """Return the side whose own answers differ between two runs on one history.

    A run that met its time limit says nothing: the machine may have been busy.
    """
    for answers in (first.left, first.right, second.left, second.right):
        if any(failure.code == "timeout" for failure in answers.failures.values()):
            return None
    for side, one, other in (
        ("batch", first.left, second.left),
        ("online", first.right, second.right),
    ):
        if _said(one) != _said(other):
            return side
    return None


def _said(answers: Answers) -> str:
    cells = {name: column.to_list() for name, column in answers.values.items()}
    return repr((sorted(cells.items()), sorted(answers.failures)))


def _restless(first: Trial, second: Trial, side: str) -> Divergence:
    """Return the divergence between two runs of one side, in place of one between the sides."""
    one, other = (first.left, second.left) if side == "batch" else (first.right, second.right)
    for name, values in one.values.items():
        for row, (left, right) in enumerate(zip(values, other.values[name], strict=True)):
            if repr(left) != repr(right):
                return Divergence(row, name, "nondeterministic", left, right)
    row = next(iter({*one.failures, *other.failures}), -1)
    return Divergence(row, "", "nondeterministic", one.failures.get(row), other.failures.get(row))
