"""Parity: packs of histories are tried under each scenario of a view, and what diverges is told.

All scenarios of a view are tried on the same packs, each of which batch answers once.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from skewtest import checks
from skewtest.checks.laws import Laws
from skewtest.checks.search import Search
from skewtest.checks.under_scenario import (
    FAULTY_LEAST,
    FAULTY_SHARE,
    KeptHistories,
    ScenarioRun,
)
from skewtest.compare.tables import Divergence
from skewtest.declare.delivery import IN_ORDER, RELATIONS
from skewtest.declare.view import FeatureView
from skewtest.generate.blocks import Blocks
from skewtest.generate.hints import hints_of
from skewtest.generate.instants import Clock
from skewtest.results.finding import Finding
from skewtest.results.outcome import Outcome
from skewtest.run.budget import Budget
from skewtest.run.confirm import name_feature
from skewtest.run.cost import Cost
from skewtest.run.fitted import fit_view
from skewtest.run.progress import SILENT, Progress
from skewtest.sides.answers import Failure
from skewtest.sides.binding import lacking_for

DIFFER_IN_ORDER = "the sides differ in order"
NOT_FITTED = "FeatureView(fitted=...) failed"


def search(
    view: FeatureView,
    scenarios: Sequence[str],
    budget: Budget,
    kept: KeptHistories = (),
    progress: Progress = SILENT,
    placed: Callable[[FeatureView], FeatureView] = lambda view: view,
) -> tuple[Outcome, ...]:
    """Run a view under scenarios: kept counterexamples first, then generated histories.

    Args:
        view: what to run.
        scenarios: the names of the delivery scenarios, RELATIONS among them.
        budget: how many histories to generate, from which seed, within how many seconds.
        kept: counterexamples of the corpus, with their file.
        progress: is told of the histories done and planned after each pack.
        placed: makes of the view, once it is fitted, the one that runs, such as in other
            environments.
    """
    hints = hints_of(view)
    prepared = fit_view(view, hints, budget.seed)
    if isinstance(prepared, Failure):
        return _could_not_fit(view, scenarios, budget, prepared)
    missing = missing_sides(prepared)
    if missing:
        return _lack_sides(prepared, scenarios, budget, missing)
    view = placed(prepared)
    runs = _list_runs(view, scenarios, budget)
    able = _choose_able(runs)
    laws = None
    if RELATIONS in scenarios and view.relations:
        laws = Laws(view, budget)
    third = _third_opinion(view, able)
    for run in able:
        run.replay(kept)
    cost = Cost(budget.seconds)
    if able or laws is not None:
        blocks = Blocks(view, Clock.of(view, hints), hints, budget.seed)
        Search(view, budget, progress, blocks, hints, able, laws, third, cost).run()
    for run in able:
        run.minimise(cost.rate)
    outcomes = [_with_reference(run, run.outcome(), third) for run in runs]
    if laws is not None:
        # A kept counterexample makes the sides differ as well as one that was just found.
        if any(map(_has_fault_in_order, able)):
            laws.stopped = DIFFER_IN_ORDER
        outcomes.append(laws.outcome())
    return tuple(outcomes)


def _has_fault_in_order(run: ScenarioRun) -> bool:
    return run.scenario.name == IN_ORDER and bool(run.has_news or run.findings)


def _list_runs(view: FeatureView, scenarios: Sequence[str], budget: Budget) -> list[ScenarioRun]:
    """Return a run for each scenario; relations are none, they are tried beside them."""
    runs = []
    for name in scenarios:
        if name != RELATIONS:
            runs.append(ScenarioRun(view, view.delivery.under(name), budget))
    return runs


def _choose_able(runs: Sequence[ScenarioRun]) -> list[ScenarioRun]:
    """Return the runs that the view can be put through; the others note what it lacks."""
    able = []
    for run in runs:
        run.lacking = lacking_for(run.view, run.scenario)
        if run.lacking is None:
            able.append(run)
    return able


def _lack_sides(
    view: FeatureView,
    scenarios: Sequence[str],
    budget: Budget,
    missing: Sequence[str],
) -> tuple[Outcome, ...]:
    """Return that a view has no implementation of some sides, under each of its scenarios."""
    runs = _list_runs(view, scenarios, budget)
    for run in runs:
        for side in missing:
            run.findings.append(_not_given(view, run.scenario.name, side))
    return tuple(run.outcome() for run in runs)


def _third_opinion(
    view: FeatureView, runs: Sequence[ScenarioRun]
) -> "checks.third.ThirdOpinion | None":
    """Return the search for what both sides get wrong alike; None without reference or order."""
    for run in runs:
        if view.reference is not None and run.scenario.name == IN_ORDER:
            histories = run.budget.histories
            planned = max(min(FAULTY_LEAST, histories), histories // FAULTY_SHARE)
            return checks.third.ThirdOpinion(view, planned)
    return None


def _with_reference(
    run: ScenarioRun, outcome: Outcome, third: "checks.third.ThirdOpinion | None"
) -> Outcome:
    """Return an outcome with what the reference says: of each finding, and of the agreement."""
    if run.view.reference is None:
        return outcome
    findings = [checks.opinions.with_opinion(run.view, finding) for finding in outcome.findings]
    if third is None or run.scenario.name != IN_ORDER:
        return replace(outcome, findings=tuple(findings))
    third.leave_out({finding.feature for finding in findings})
    findings += third.findings()
    check = third.check(is_skewed=bool(outcome.findings))
    return replace(outcome, findings=tuple(findings), checks=(check,))


def missing_sides(view: FeatureView) -> list[str]:
    """Return the sides that a view has no implementation of."""
    return [side for side in ("batch", "online") if getattr(view, side) is None]


def _not_given(view: FeatureView, scenario: str, side: str) -> Finding:
    failure = Failure("batch" if side == "batch" else "online", "not_given")
    left, right = (failure, None) if side == "batch" else (None, failure)
    return Finding(
        feature=name_feature(view, ""),
        scenario=scenario,
        kind="error",
        counterexample=None,
        divergence=Divergence(-1, "", "error", left, right),
        side=side,
    )


def _could_not_fit(
    view: FeatureView, scenarios: Sequence[str], budget: Budget, failure: Failure
) -> tuple[Outcome, ...]:
    """Return that nothing could be fitted, told once: no scenario can be run then."""
    first, *further = scenarios
    finding = Finding(
        feature=name_feature(view, ""),
        scenario=first,
        kind=failure.kind,
        counterexample=None,
        divergence=Divergence(-1, "", "error", failure, None),
    )
    run = ScenarioRun(view, replace(view.delivery.under(IN_ORDER), name=first), budget)
    run.findings.append(finding)
    # The others have looked at nothing: without an outcome each would pass.
    skipped = [Outcome(view, name, budget.seed, 0, 0, skipped=NOT_FITTED) for name in further]
    return (run.outcome(), *skipped)
