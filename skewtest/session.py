"""A run as the pytest plugin and the command line share it: corpus, profile, report files."""

import getpass
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
from filelock import FileLock

from skewtest.api import checked_scenarios, default_histories, default_seed
from skewtest.corpus import load, save
from skewtest.declare.delivery import RELATIONS
from skewtest.declare.known import Known
from skewtest.declare.view import FeatureView
from skewtest.errors import CorpusError, DeclarationError, ReportError, listed, nearest
from skewtest.files import write_whole
from skewtest.findings import ALL_FEATURES, Finding, Outcome
from skewtest.matrix.build import Tell, quiet
from skewtest.matrix.cells import Cell
from skewtest.matrix.running import Placed
from skewtest.matrix.running import run_cell as run_in_cell
from skewtest.matrix.spread import spread
from skewtest.provenance import run_info
from skewtest.report import model
from skewtest.report.changes import Comparison, compared_reports
from skewtest.report.formats.html import html_page
from skewtest.report.formats.markdown import markdown
from skewtest.report.merging import merged, whole_or_nothing
from skewtest.report.model import encodable
from skewtest.report.trend import line_of, point_of
from skewtest.result import Result
from skewtest.run.budget import Budget
from skewtest.run.search import Kept, Progress, nothing_shown, search

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
    outcomes = tuple(
        _with_known(_kept(outcome, settings), budget, settings) for outcome in outcomes
    )
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


def report_of(
    parts: Iterable[model.Report],
    *,
    command: str,
    profile: str,
    began: float,
    root: Path,
    incomplete: Sequence[str] = (),
    matrix: model.Matrix | None = None,
) -> model.Report:
    """Return the report of a run.

    Args:
        parts: what was found, view by view.
        command: what was called.
        profile: how much was run.
        began: when it began, in seconds of the epoch.
        root: the folder of the project.
        incomplete: why something is missing.
        matrix: the cells of the version matrix, and what became of them.
    """
    found = merged(list(parts), incomplete=incomplete, matrix=matrix)
    run = run_info(found, command=command, profile=profile, began=began, root=root)
    return encodable(whole_or_nothing(msgspec.structs.replace(found, run=run)))


def write_report(
    folder: Path, report: model.Report, option: str, baseline: str | None = None
) -> Path:
    """Write `report.json`, `report.html` and `report.md`; return the HTML file.

    Args:
        folder: where to; it is made if it is not there.
        report: the report.
        option: the option that names the folder, for the error.
        baseline: the file of an earlier report to compare it with.

    Raises:
        ReportError: the folder cannot be written, or the baseline cannot be read.
    """
    changes = changes_since(baseline, report)
    page = folder / "report.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "report.json", model.to_json(report))
        write_whole(page, html_page(report, changes))
        write_whole(folder / "report.md", markdown(report, changes))
    except OSError as error:
        raise ReportError(
            f"cannot write the report to {folder}: {error.strerror or error}. "
            f"Name a folder that can be written, with {option}=DIR."
        ) from error
    return page


def changes_since(baseline: str | None, report: model.Report) -> Comparison | None:
    """Return what has changed since the report of a file; None where none is named.

    Raises:
        ReportError: it cannot be read.
    """
    return compared_reports(model.read(Path(baseline)), report) if baseline else None


def write_step_summary(report: model.Report, baseline: str | None = None) -> None:
    """Append the Markdown to the summary of a GitHub job, where there is one.

    Raises:
        ReportError: it cannot be written, or the baseline cannot be read.
    """
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    text = markdown(report, changes_since(baseline, report))
    try:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(text)
    except OSError as error:
        raise ReportError(f"cannot write {file}: {error.strerror or error}.") from error


def record(history: Path, report: model.Report) -> None:
    """Append a run to a history file.

    Runs side by side on one machine do not mix their lines; half a line, of a run that was
    killed, stays on a line of its own.

    Raises:
        ReportError: the file cannot be written.
    """
    line = line_of(point_of(report))
    # A lock for each user: nobody may open another's file in a folder that all may write to.
    key = f"{getpass.getuser()} {history.absolute()}"
    name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    try:
        history.parent.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(Path(tempfile.gettempdir()) / f"skewtest-{name}.lock"),
            history.open("a+b") as file,
        ):
            file.seek(max(0, file.tell() - 1))
            is_cut = file.read(1) not in (b"", b"\n")
            file.write((b"\n" if is_cut else b"") + line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ReportError(f"cannot write {history}: {error.strerror or error}.") from error


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
    for finding in outcome.findings:
        one = next((one for one in known if one.covers(finding.feature, finding.kind)), None)
        expired = one is not None and one.expires < today
        findings.append(replace(finding, known=one, expired=expired))
    is_usual = outcome.skipped is None and budget.histories >= default_histories(outcome.view)
    is_whole = is_usual and all(finding.known is not None for finding in findings)
    gone = (one for one in known if not any(finding.known is one for finding in findings))
    return replace(outcome, findings=tuple(findings), stale=tuple(gone) if is_whole else ())


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
