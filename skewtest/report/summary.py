"""What all formats say of a report in a line or two."""

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from skewtest.report import model
from skewtest.report.changes import CHANGES, Comparison, Moved
from skewtest.report.words import count


def lead(report: model.Report) -> str:
    """Return what was checked, in a sentence."""
    views = {outcome.view for outcome in report.outcomes}
    return (
        f"{count(len(views), 'feature view')}, {count(len(_features(report)), 'feature')}, "
        f"{sum(histories(report).values()):,} histories; {', '.join(_facts(report))}."
    )


def _features(report: model.Report) -> set[tuple[str, str]]:
    """Return the features that were compared, and those of views that were skipped or failed."""
    features: set[tuple[str, str]] = set()
    views: set[str] = set()
    for outcome in report.outcomes:
        views.add(outcome.view)
        features.update((outcome.view, name) for name in outcome.features)
    for view in report.views:
        if view.name in views:
            features.update((view.name, feature.name) for feature in view.features)
    return features


def _facts(report: model.Report) -> list[str]:
    checks, skipped, failing = 0, 0, 0
    for outcome in report.outcomes:
        # What was only explored is advice: nobody has declared that it must hold.
        if not outcome.gates:
            continue
        checks += 1
        if outcome.skipped is not None:
            skipped += 1
        elif not outcome.ok:
            failing += 1
    facts = [f"{failing} of {checks} checks fail"]
    if skipped:
        facts.append(f"{skipped} skipped")
    return [*facts, *_origin_facts(report)]


def _origin_facts(report: model.Report) -> Iterator[str]:
    """Yield the revision and the seed, where the report says so."""
    run = report.run
    if run is not None and run.git is not None:
        changes = " with uncommitted changes" if run.git.dirty else ""
        yield f"revision {run.git.revision[:10]}{changes}"
    if run is not None and run.seed is not None:
        yield f"seed {run.seed}"


def histories(report: model.Report) -> dict[str, int]:
    """Return how many histories each view was run on; its scenarios share them."""
    most: dict[str, int] = {}
    for outcome in report.outcomes:
        most[outcome.view] = max(most.get(outcome.view, 0), outcome.histories)
    return most


def changes_text(changes: Comparison) -> str:
    """Return how many divergences have changed, and how."""
    counts = []
    for kind in CHANGES:
        changed = changes.of(kind)
        if changed:
            counts.append(f"{len(changed)} {kind}")
    return ", ".join(counts) or "no divergence, then or now"


def not_checked(outcome: model.Outcome) -> str:
    """Return that a check was skipped, and why, as a gap of a report; "" of one that was not."""
    # A scenario that was explored, and not declared, is not missed.
    if not outcome.gates or outcome.skipped is None:
        return ""
    return f"{outcome.view} was not checked under {outcome.column}: {outcome.skipped}"


def list_unapplied(outcome: model.Outcome) -> list[str]:
    """Return which laws an owner has named and no side was held to, as gaps of a report."""
    gaps = []
    for check in outcome.checks:
        if check.is_gap:
            claim = f"{outcome.view}: {check.side} was not held to {check.law} ({check.change})"
            gaps.append(f"{claim}: {check.reason}")
    return gaps


def list_set_aside(outcome: model.Outcome) -> list[str]:
    """Return which kept counterexamples were not run, and why, as gaps of a report."""
    if not outcome.gates:
        return []
    gaps = []
    for rejected in outcome.rejected:
        gaps.append(f"kept counterexample {rejected.file} was not used: {rejected.reason}")
    return gaps


def advice(outcomes: Sequence[model.Outcome]) -> list[str]:
    """Return, for each view that was explored, what it would break under and what was not tried."""
    explored: dict[str, list[model.Outcome]] = {}
    for outcome in outcomes:
        if not outcome.gates:
            explored.setdefault(outcome.view, []).append(outcome)
    lines: list[str] = []
    for view, scenarios in explored.items():
        lines += _advice_on(view, scenarios)
    return lines


def _advice_on(view: str, scenarios: Sequence[model.Outcome]) -> Iterator[str]:
    breaks, untried = [], []
    for outcome in scenarios:
        if outcome.findings:
            breaks.append(outcome.scenario)
        if outcome.skipped:
            untried.append(f"{outcome.scenario} ({outcome.skipped})")
    if breaks:
        yield f"{view}: would break under: {', '.join(breaks)}"
    elif untried:
        yield f"{view}: would break under nothing of what was tried"
    else:
        yield f"{view}: would break under nothing"
    if untried:
        yield f"  not tried: {', '.join(untried)}"


def finding_cause(finding: model.Finding) -> str:
    """Return the cause of a finding, with its kind and what speaks for it."""
    clauses = [f"{finding.cause} ({finding.kind})"]
    if finding.attribution is not None:
        clauses.append(finding.attribution.verdict)
    if finding.relation is not None and finding.change:
        clauses.append(f"changed: {finding.change}")
    return "; ".join([*clauses, *finding.evidence])


def moved_line(moved: Moved) -> str:
    """Return what has moved since a baseline, in a line."""
    if moved.what == "view":
        return f"view {moved.name}: {moved.after}"
    change = f"{moved.before} -> {moved.after}"
    if moved.what == "package":
        return f"{moved.name} {change}"
    if moved.what == "file":
        return f"file {moved.name}: {change}"
    return f"{moved.what} of {moved.name}: {change}"


def places(report: model.Report) -> dict[tuple[str, str], tuple[str, int]]:
    """Return the file and line of each feature, by (view, feature); "*" is the view's own.

    Files are named from the root of the repository, as tools that mark lines know them.
    """
    lines: dict[tuple[str, str], tuple[str, int]] = {}
    for view in report.views:
        if view.file is None:
            continue
        file = in_repository(report, view.file)
        lines[view.name, "*"] = file, view.line or 1
        for feature in view.features:
            lines[view.name, feature.name] = file, feature.line or view.line or 1
    return lines


def in_repository(report: model.Report, file: str) -> str:
    """Return a file of the project as its repository names it."""
    if report.run is None or report.run.git is None or PurePath(file).is_absolute():
        return file
    # A file beside the project is named `../shared/features.py`: the dots are taken out.
    return posixpath.normpath(f"{report.run.git.folder}{file}")


def slowest(report: model.Report, most: int = 3) -> list[tuple[str, float]]:
    """Return the views that took longest, in seconds.

    Scenarios that run together have their time in common: the longest of them counts, and each
    cell of the version matrix.
    """
    seconds: dict[str, float] = {}
    together: dict[str, float] = {}
    for outcome in report.outcomes:
        took = outcome.seconds.total
        if outcome.cell is None:
            together[outcome.view] = max(together.get(outcome.view, 0.0), took)
        else:
            seconds[outcome.view] = seconds.get(outcome.view, 0.0) + took
    for view, took in together.items():
        seconds[view] = seconds.get(view, 0.0) + took
    return sorted(seconds.items(), key=lambda item: -item[1])[:most]


def own_seconds(outcome: model.Outcome) -> float:
    """Return how long it took to generate for an outcome, run and minimise.

    The totals of scenarios cannot be added up: those that run together have theirs in common.
    """
    took = outcome.seconds
    return took.generate + took.batch + took.online + took.minimise
