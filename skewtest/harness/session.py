"""A run as the pytest plugin and the command line share it: corpus, profile, report files."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from skewtest.api import checked_scenarios, default_histories, default_seed
from skewtest.checks.cell import Placed
from skewtest.checks.cell import run_cell as run_in_cell
from skewtest.checks.parity import search
from skewtest.checks.spread import spread
from skewtest.checks.under_scenario import KeptHistories
from skewtest.declare.delivery import RELATIONS
from skewtest.declare.known import Known
from skewtest.declare.view import FeatureView
from skewtest.environments.cells import Cell
from skewtest.environments.locks import Tell, quiet
from skewtest.errors import CorpusError, DeclarationError, listed, nearest
from skewtest.report.result import Result
from skewtest.results import values
from skewtest.results.corpus import load, save
from skewtest.results.finding import ALL_FEATURES, Finding
from skewtest.results.outcome import Outcome
from skewtest.results.values import Stale
from skewtest.run.budget import Budget
from skewtest.run.progress import SILENT, Progress

PROFILES = {"dev": 1, "ci": 2, "nightly": 20}
"""How many times the default number of histories each profile runs."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options say. `corpus` None: nothing is kept or replayed; `today` None: it is now."""

    histories: int | None = None
    seed: int | None = None
    profile: str = "dev"
    corpus: Path | None = None
    root: Path | None = None
    known: tuple[Known, ...] = ()
    today: date | None = None


def default_profile() -> str:
    """Return "ci" on continuous integration, else "dev"."""
    return "ci" if os.environ.get("CI") else "dev"


def run(
    view: FeatureView,
    scenarios: Sequence[str] | None,
    settings: Settings,
    again: Callable[[int | None], str],
    progress: Progress = SILENT,
) -> Result:
    """Check a view as the options say; keep what is found in the corpus.

    Args:
        view: the view.
        scenarios: which scenarios; all by default.
        settings: the options.
        again: makes the command that runs it again, of the seed; of None where no seed matters.
        progress: called with the histories done and planned.
    """
    budget = _budget(view, settings)
    kept, rejected = _corpus(view, settings)
    outcomes = search(
        view,
        checked_scenarios(view, scenarios),
        budget,
        kept=kept,
        rejected=rejected,
        progress=progress,
    )
    outcomes = tuple(
        _with_known(_kept(outcome, settings), budget, settings) for outcome in outcomes
    )
    return Result(view, outcomes, _again(outcomes, again))


def run_cell(
    view: FeatureView,
    placed: Placed,
    settings: Settings,
    again: Callable[[int | None], str],
    progress: Progress = SILENT,
    tell: Tell = quiet,
) -> Result:
    """Check a view in a cell of the matrix, in order, as the options say.

    Args:
        view: the view.
        placed: the environments of the cell, built.
        settings: the options.
        again: makes the command that runs it again, of the seed; of None where no seed matters.
        progress: called with the histories done and planned.
        tell: is told of what is built to find the package to blame.
    """
    budget = _budget(view, settings, placed.name)
    kept, rejected = _corpus(view, settings)
    outcome = run_in_cell(view, placed, budget, kept, rejected, progress, tell)
    outcomes = (_with_known(_kept(outcome, settings), budget, settings),)
    return Result(view, outcomes, _again(outcomes, again))


def run_versions(
    view: FeatureView,
    cells: Sequence[Cell],
    settings: Settings,
    again: Callable[[int | None], str],
    tell: Tell = quiet,
) -> Result:
    """Tell which environments answer a view alike, each side by itself."""
    budget = _budget(view, settings)
    return Result(view, (spread(view, cells, budget.seed, tell),), again(budget.seed))


def _budget(view: FeatureView, settings: Settings, cell: str = "") -> Budget:
    if settings.profile not in PROFILES:
        raise DeclarationError(
            f"the profile must be one of {listed(PROFILES)}; got {settings.profile!r}"
        )
    histories = settings.histories or default_histories(view) * PROFILES[settings.profile]
    seed = settings.seed
    if seed is None:
        seed = default_seed(fixed=settings.profile == "ci")
    known = tuple(one for one in settings.known if (one.view, one.cell) == (view.name, cell))
    for one in known:
        if one.feature not in (*view.features, ALL_FEATURES):
            raise DeclarationError(
                f"[[tool.skewtest.known]]: {view.name!r} has no feature {one.feature!r}; it has "
                f"{listed(view.features)}." + nearest(one.feature, view.features)
            )
        scenarios = (*view.delivery.scenarios, RELATIONS)
        if one.scenario not in scenarios:
            raise DeclarationError(
                f"[[tool.skewtest.known]]: {view.name!r} does not declare the scenario "
                f"{one.scenario!r}, which fails nothing then; it is tried under "
                f"{listed(scenarios)}."
            )
    return Budget(histories, seed, known)


def _corpus(
    view: FeatureView, settings: Settings
) -> tuple[KeptHistories, Sequence[tuple[str, str]]]:
    """Return the kept counterexamples of a view by file, and the files that cannot be used."""
    kept, rejected = load(settings.corpus, view) if settings.corpus else ([], [])
    return (
        [(shown(path, settings.root), history) for path, history in kept],
        [(shown(path, settings.root), why) for path, why in rejected],
    )


def part(result: Result, scenarios: Sequence[str], again: Callable[[int | None], str]) -> Result:
    """Return some scenarios of a result, as a result of their own."""
    outcomes = tuple(o for o in result.outcomes if o.scenario in scenarios)
    return Result(result.view, outcomes, _again(outcomes, again))


def _again(outcomes: Sequence[Outcome], again: Callable[[int | None], str]) -> str:
    """Return the command that shows outcomes again; what is kept needs no seed."""
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    if not outcomes or (findings and all(finding.replayed for finding in findings)):
        return again(None)
    return again(outcomes[0].seed)


def shown(path: str | Path, root: Path | None) -> str:
    """Return a path relative to the root where it lies in it."""
    full = Path(path)
    if root is not None and full.is_relative_to(root):
        return str(full.relative_to(root))
    return str(full)


def _with_known(outcome: Outcome, budget: Budget, settings: Settings) -> Outcome:
    """Return an outcome whose findings say whether they are known, and which known ones are gone.

    A divergence is only said to be gone after as many histories as are usual, and not where
    another one has ended the search.
    """
    today = settings.today or datetime.now(UTC).date()
    known = [one for one in budget.known if one.scenario == outcome.scenario]
    findings = []
    met = set()
    for finding in outcome.findings:
        for entry in known:
            if entry.covers(finding.feature, finding.kind):
                met.add(entry)
                findings.append(replace(finding, known=_said_of(entry, today)))
                break
        else:
            findings.append(finding)
    is_run = outcome.skipped is None and outcome.histories > 0
    is_usual = is_run and budget.histories >= default_histories(outcome.view)
    is_whole = is_usual and all(finding.known is not None for finding in findings)
    stale = []
    for entry in known:
        if is_whole and entry not in met:
            stale.append(
                Stale(
                    feature=entry.feature,
                    kind=entry.kind,
                    owner=entry.owner,
                    reason=entry.reason,
                )
            )
    return replace(outcome, findings=tuple(findings), stale=tuple(stale))


def _said_of(entry: Known, today: date) -> values.Known:
    """Return what a finding says of itself that is known."""
    return values.Known(
        owner=entry.owner,
        reason=entry.reason,
        expires=entry.expires,
        expired=entry.expires < today,
    )


def _kept(outcome: Outcome, settings: Settings) -> Outcome:
    """Return an outcome whose findings are in the corpus; what cannot be kept is told.

    Advice is not kept: nobody has promised that it holds.
    """
    if settings.corpus is None or not outcome.gates:
        return outcome
    findings: list[Finding] = []
    unkept: dict[str, None] = {}
    for finding in outcome.findings:
        if finding.replayed or finding.relation or finding.counterexample is None:
            findings.append(finding)
            continue
        try:
            path = shown(save(settings.corpus, finding), settings.root)
            findings.append(replace(finding, corpus=path))
        except CorpusError as error:
            findings.append(finding)
            unkept[str(error)] = None
    return replace(outcome, findings=tuple(findings), unkept=tuple(unkept))
