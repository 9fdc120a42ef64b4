"""What all formats say of a report in a line or two."""

import posixpath
from collections.abc import Iterable
from pathlib import PurePath

from skewtest.report import model
from skewtest.report.changes import CHANGES, Comparison, Moved


def lead(report: model.Report) -> str:
    """Return what was checked, in a sentence."""
    views = {outcome.view for outcome in report.outcomes}
    features = {(one.view, name) for one in report.outcomes for name in one.features}
    declared = ((view.name, one.name) for view in report.views for one in view.features)
    features |= {one for one in declared if one[0] in views}
    told = [
        count(len(views), "feature view"),
        count(len(features), "feature"),
        f"{sum(histories(report).values()):,} histories",
    ]
    gating = [one for one in report.outcomes if one.gates]
    skipped = sum(one.skipped is not None for one in gating)
    failing = sum(not one.ok for one in gating if one.skipped is None)
    run = [f"{failing} of {len(gating)} checks fail"]
    if skipped:
        run.append(f"{skipped} skipped")
    if report.run is not None and report.run.git is not None:
        git = report.run.git
        run.append(
            f"revision {git.revision[:10]}{' with uncommitted changes' if git.dirty else ''}"
        )
    if report.run is not None and report.run.seed is not None:
        run.append(f"seed {report.run.seed}")
    return f"{', '.join(told)}; {', '.join(run)}."


def histories(report: model.Report) -> dict[str, int]:
    """Return how many histories each view was run on; its scenarios share them."""
    found: dict[str, int] = {}
    for outcome in report.outcomes:
        found[outcome.view] = max(found.get(outcome.view, 0), outcome.histories)
    return found


def changes_text(changes: Comparison) -> str:
    """Return how many divergences have changed, and how."""
    told = [f"{len(found)} {kind}" for kind in CHANGES if (found := changes.of(kind))]
    return ", ".join(told) or "no divergence, then or now"


def not_checked(outcome: model.Outcome) -> str:
    """Return that a check was skipped, and why, as a gap of a report; "" of one that was not."""
    if not outcome.gates or outcome.skipped is None:
        return ""
    return f"{outcome.view} was not checked under {outcome.column}: {outcome.skipped}"


def unapplied(outcome: model.Outcome) -> list[str]:
    """Return which laws an owner has named and no side was held to, as gaps of a report."""
    gaps = []
    for check in outcome.checks:
        if check.asked and check.state in ("not applicable", "incomplete"):
            place = f"{outcome.view}: {check.side} was not held to {check.law} ({check.change})"
            gaps.append(f"{place}: {check.reason}")
    return gaps


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it takes one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def finding_cause(finding: model.Finding) -> str:
    """Return the cause of a finding, with its kind and what speaks for it."""
    told = [f"{finding.cause} ({finding.kind})"]
    if finding.attribution is not None:
        told.append(finding.attribution.verdict)
    if finding.relation is not None and finding.change:
        told.append(f"changed: {finding.change}")
    return "; ".join([*told, *finding.evidence])


def alike(findings: Iterable[model.Finding]) -> list[list[model.Finding]]:
    """Return findings in groups that the same counterexample shows."""
    groups: list[list[model.Finding]] = []
    for finding in findings:
        home = next((group for group in groups if _is_alike(group[0], finding)), None)
        if home is None:
            groups.append([finding])
        else:
            home.append(finding)
    return groups


def _is_alike(one: model.Finding, other: model.Finding) -> bool:
    if one.counterexample is None or one.failures or other.failures or one.kind == "extra row":
        return False
    key = (one.counterexample, one.relation, one.side, one.known)
    return key == (other.counterexample, other.relation, other.side, other.known)


def moved_line(moved: Moved) -> str:
    """Return what has moved since a baseline, in a line."""
    if moved.what == "view":
        return f"view {moved.name}: {moved.after}"
    change = f"{moved.before} -> {moved.after}"
    if moved.what == "package":
        return f"{moved.name} {change}"
    return (
        f"file {moved.name}: {change}"
        if moved.what == "file"
        else (f"{moved.what} of {moved.name}: {change}")
    )


def places(report: model.Report) -> dict[tuple[str, str], tuple[str, int]]:
    """Return the file and line of each feature, by (view, feature); "*" is the view's own.

    Files are named from the root of the repository, as tools that mark lines know them.
    """
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for view in report.views:
        if view.file is None:
            continue
        file = in_repository(report, view.file)
        found[view.name, "*"] = file, view.line or 1
        for feature in view.features:
            found[view.name, feature.name] = file, feature.line or view.line or 1
    return found


def in_repository(report: model.Report, file: str) -> str:
    """Return a file of the project as its repository names it."""
    git = None if report.run is None else report.run.git
    if git is None or PurePath(file).is_absolute():
        return file
    return posixpath.normpath(f"{git.folder}{file}")


def slowest(report: model.Report, most: int = 3) -> list[tuple[str, float]]:
    """Return the views that took longest, in seconds.

    Scenarios that run together have their time in common: the longest of them counts, and each
    cell of the version matrix.
    """
    found: dict[str, float] = {}
    together: dict[str, float] = {}
    for outcome in report.outcomes:
        took = outcome.seconds.total
        if outcome.cell is None:
            together[outcome.view] = max(together.get(outcome.view, 0.0), took)
        else:
            found[outcome.view] = found.get(outcome.view, 0.0) + took
    for view, took in together.items():
        found[view] = found.get(view, 0.0) + took
    return sorted(found.items(), key=lambda one: -one[1])[:most]


def own_seconds(outcome: model.Outcome) -> float:
    """Return how long it took to generate for an outcome, run and minimise.

    The totals of scenarios cannot be added up: those that run together have theirs in common.
    """
    took = outcome.seconds
    return took.generate + took.batch + took.online + took.minimise
