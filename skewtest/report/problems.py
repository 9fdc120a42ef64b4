"""What a report finds fault with, each with its place: for tools that mark lines of code."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec

from skewtest.report import model
from skewtest.report.summary import finding_cause, in_repository, places
from skewtest.results.finding import ALL_FEATURES


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to be looked at.

    Attributes:
        rule: what it is an instance of: its kind of divergence, "untested" or "stale".
        view: the view.
        feature: the feature; "*" for whole rows.
        column: the scenario, and the cell where it is one.
        title: the claim, in a line.
        message: what was found, in a few lines.
        fails: whether it fails a run; known divergences and advice do not.
        file: where the feature is declared, in the repository; None where that is not known.
        line: of that file.
        nth: which one it is of those that are alike in all that is said above.
        related: the view's implementations.
    """

    rule: str
    view: str
    feature: str
    column: str
    title: str
    message: str
    fails: bool
    file: str | None = None
    line: int | None = None
    nth: int = 0
    related: tuple[model.Implementation, ...] = ()

    @property
    def fingerprint(self) -> str:
        """What makes it the same problem in the next run, wherever its line has moved."""
        key = json.dumps([self.view, self.feature, self.column, self.rule, self.nth])
        return hashlib.sha256(key.encode()).hexdigest()


def problems_of(report: model.Report) -> list[Problem]:
    """Return the problems of a report, those that fail a run first."""
    where = places(report)
    related = {view.name: tuple(_implementations(report, view)) for view in report.views}
    found: list[Problem] = []
    alike: Counter[str] = Counter()
    for one in _problems(report):
        file, line = where.get((one.view, one.feature), (None, None))
        nth = alike[one.fingerprint]
        alike[one.fingerprint] += 1
        found.append(replace(one, file=file, line=line, nth=nth, related=related.get(one.view, ())))
    return sorted(found, key=lambda problem: not problem.fails)


def _problems(report: model.Report) -> Iterator[Problem]:
    """Return what is wrong, without its place."""
    for outcome in report.outcomes:
        view, column = outcome.view, outcome.column
        for one in outcome.findings:
            title = one.headline if outcome.gates else f"explored: {one.headline}"
            fails = _fails(outcome, one)
            yield Problem(one.kind, view, one.feature, column, title, message_of(one), fails)
        for name in outcome.untested:
            title = f"{view}.{name}: never tested"
            yield Problem("untested", view, name, column, title, UNTESTED, outcome.gates)
        for gone in outcome.stale:
            title = f"{view}.{gone.feature}: no longer occurs"
            yield Problem("stale", view, gone.feature, column, title, STALE, fails=True)
    for compared in report.compared:
        for finding in compared.findings:
            yield Problem(
                rule=finding.kind,
                view=compared.function,
                feature=ALL_FEATURES,
                column=compared.column,
                title=finding.headline,
                message=message_of_versions(finding),
                fails=True,
            )


GAP = "incomplete"


def gaps_of(report: model.Report) -> list[Problem]:
    """Return what a report lacks, for formats that have no other way to say so."""
    title = "the parity report is incomplete"
    return [
        Problem(GAP, "", "", "", title, gap, fails=False, nth=number)
        for number, gap in enumerate(report.incomplete)
    ]


def message_of_versions(finding: model.VersionFinding) -> str:
    """Return what was found between two environments: the places, and what was raised."""
    lines = [f"{place.path or 'result'}: {place.a} -> {place.b}" for place in finding.places[:5]]
    lines += raised_lines(finding.failures)
    return "\n".join([*lines, f"cause: {finding.cause} ({finding.kind})"])


def _implementations(report: model.Report, view: model.View) -> Iterator[model.Implementation]:
    for one in view.implementations:
        file = None if one.file is None else in_repository(report, one.file)
        yield msgspec.structs.replace(one, file=file)


UNTESTED = "No side ever had a value: agreeing on null proves nothing."
STALE = "It is listed as a known divergence in pyproject.toml, and no longer occurs: remove it."


def message_of(finding: model.Finding) -> str:
    """Return what was found: the values, the cause, the failures' first lines."""
    lines = [
        f"{name}: batch {answer.left_text}, online {answer.right_text}"
        if finding.relation is None
        else f"{name}: {answer.left_text} as it is, {answer.right_text} changed"
        for name, answer in finding.values.items()
        if answer.difference
    ]
    lines = [] if finding.failures else lines[:5]
    lines += raised_lines(finding.failures)
    lines.append(f"cause: {finding_cause(finding)}")
    if finding.known is not None:
        state = "expired on" if finding.known.expired else "known until"
        known = finding.known
        lines.append(f"{state} {known.expires}, {known.owner}: {known.reason}")
    if finding.corpus:
        lines.append(f"kept in {finding.corpus}")
    return "\n".join(lines)


def _fails(outcome: model.Outcome, finding: model.Finding) -> bool:
    return outcome.gates and (finding.known is None or finding.known.expired)


def raised_lines(failures: Iterable[str]) -> list[str]:
    """Return what was raised by each failure: the first line below the frames of its traceback."""
    return [_raised(text.strip().splitlines()) for text in failures if text.strip()]


def _raised(lines: list[str]) -> str:
    frames = [number for number, line in enumerate(lines) if line.startswith("  File ")]
    below = lines[frames[-1] + 1 :] if frames else lines
    return next((line for line in below if line.strip() and line[0] != " "), lines[-1]).strip()
