"""A run as the pytest plugin and the command line share it: corpus, profile, report files."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skewtest.api import checked_scenarios, default_histories, default_seed
from skewtest.corpus import load, save
from skewtest.declare.view import FeatureView
from skewtest.errors import CorpusError, DeclarationError, ReportError, listed
from skewtest.findings import Finding, Outcome
from skewtest.matrix.build import Tell, quiet
from skewtest.matrix.cells import Cell
from skewtest.matrix.running import Placed
from skewtest.matrix.running import run_cell as run_in_cell
from skewtest.matrix.spread import spread
from skewtest.report.document import document_of
from skewtest.report.html import html_page
from skewtest.result import Result
from skewtest.run.budget import Budget
from skewtest.run.search import Kept, Progress, nothing_shown, search

PROFILES = {"dev": 1, "ci": 2, "nightly": 20}
"""How many times the default number of histories each profile runs."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options say. `corpus` None: nothing is kept or replayed."""

    histories: int | None = None
    seed: int | None = None
    profile: str = "dev"
    corpus: Path | None = None
    root: Path | None = None


def default_profile() -> str:
    """Return "ci" on continuous integration, else "dev"."""
    return "ci" if os.environ.get("CI") else "dev"


def run(
    view: FeatureView,
    scenarios: Sequence[str] | None,
    settings: Settings,
    again: Callable[[int | None], str],
    progress: Progress = nothing_shown,
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
    outcomes = tuple(_kept(outcome, settings) for outcome in outcomes)
    return Result(view, outcomes, _again(outcomes, again))


def run_cell(
    view: FeatureView,
    placed: Placed,
    settings: Settings,
    again: Callable[[int | None], str],
    progress: Progress = nothing_shown,
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
    budget = _budget(view, settings)
    kept, rejected = _corpus(view, settings)
    outcome = run_in_cell(view, placed, budget, kept, rejected, progress, tell)
    outcomes = (_kept(outcome, settings),)
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


def _budget(view: FeatureView, settings: Settings) -> Budget:
    if settings.profile not in PROFILES:
        raise DeclarationError(
            f"the profile must be one of {listed(PROFILES)}; got {settings.profile!r}"
        )
    histories = settings.histories or default_histories(view) * PROFILES[settings.profile]
    seed = settings.seed
    if seed is None:
        seed = default_seed(fixed=settings.profile == "ci")
    return Budget(histories, seed)


def _corpus(view: FeatureView, settings: Settings) -> tuple[Kept, Sequence[tuple[str, str]]]:
    """Return the kept counterexamples of a view by file, and the files that cannot be used."""
    kept, rejected = load(settings.corpus, view) if settings.corpus else ([], [])
    return (
        [(shown(path, settings.root), history) for path, history in kept],
        [(shown(path, settings.root), why) for path, why in rejected],
    )


def part(result: Result, scenarios: Sequence[str], again: Callable[[int | None], str]) -> Result:
    """Return some scenarios of a result, as a result of their own."""
    outcomes = tuple(
        o for o in result.outcomes if isinstance(o, Outcome) and o.scenario in scenarios
    )
    return Result(result.view, outcomes, _again(outcomes, again))


def _again(outcomes: Sequence[Outcome], again: Callable[[int | None], str]) -> str:
    """Return the command that shows outcomes again; what is kept needs no seed."""
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    if not outcomes or (findings and all(finding.replayed for finding in findings)):
        return again(None)
    return again(outcomes[0].seed)


def write_report(
    folder: Path,
    runs: Sequence[Mapping[str, Any]],
    option: str,
    incomplete: Sequence[str] = (),
    matrix: Mapping[str, Any] | None = None,
) -> Path:
    """Write `report.json` and `report.html`; return the HTML file.

    Args:
        folder: where to; it is made if it is not there.
        runs: the runs of a report document.
        option: the option that names the folder, for the error.
        incomplete: why something is missing.
        matrix: the cells of the version matrix, and what became of them.

    Raises:
        ReportError: the folder cannot be written.
    """
    document = document_of(runs, incomplete, matrix)
    page = folder / "report.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        page.write_text(html_page(document), encoding="utf-8")
    except OSError as error:
        raise ReportError(
            f"cannot write the report to {folder}: {error.strerror or error}. "
            f"Name a folder that can be written, with {option}=DIR."
        ) from error
    return page


def shown(path: str | Path, root: Path | None) -> str:
    """Return a path relative to the root where it lies in it."""
    full = Path(path)
    if root is not None and full.is_relative_to(root):
        return str(full.relative_to(root))
    return str(full)


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
