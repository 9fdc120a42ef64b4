"""What a report finds fault with, each with its place: for tools that mark lines of code."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from skewtest.report import model
from skewtest.report.summary import finding_cause, in_repository, places
from skewtest.results.finding import ALL_FEATURES

# An annotation is a few lines high: it says where to look, and the report shows the rest.
MOST_LINES = 5
GAP = "incomplete"
UNTESTED = "No side ever had a value: agreeing on null proves nothing."
STALE = "It is listed as a known divergence in pyproject.toml, and no longer occurs: remove it."


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
    lines = places(report)
    related = {view.name: tuple(_implementations(report, view)) for view in report.views}
    problems: list[Problem] = []
    counts: Counter[str] = Counter()
    for problem in _problems(report):
        file, line = lines.get((problem.view, problem.feature), (None, None))
        # Tools drop the second of two problems with one fingerprint.
        nth = counts[problem.fingerprint]
        counts[problem.fingerprint] += 1
        sides = related.get(problem.view, ())
        problems.append(replace(problem, file=file, line=line, nth=nth, related=sides))
    return sorted(problems, key=lambda problem: not problem.fails)


def _problems(report: model.Report) -> Iterator[Problem]:
    """Return what is wrong, without its place."""
    for outcome in report.outcomes:
        yield from _problems_of_outcome(outcome)
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


def _problems_of_outcome(outcome: model.Outcome) -> Iterator[Problem]:
    view, column = outcome.view, outcome.column
    for finding in outcome.findings:
        title = finding.headline if outcome.gates else f"explored: {finding.headline}"
        fails = outcome.gates and finding.is_news
        message = message_of(finding)
        yield Problem(finding.kind, view, finding.feature, column, title, message, fails)
    for name in outcome.untested:
        title = f"{view}.{name}: never tested"
        yield Problem("untested", view, name, column, title, UNTESTED, outcome.gates)
    for stale in outcome.stale:
        title = f"{view}.{stale.feature}: no longer occurs"
        yield Problem("stale", view, stale.feature, column, title, STALE, fails=True)


def gaps_of(report: model.Report) -> list[Problem]:
    """Return what a report lacks, for formats that have no other way to say so."""
    title = "the parity report is incomplete"
    problems = []
    for number, gap in enumerate(report.incomplete):
        problems.append(Problem(GAP, "", "", "", title, gap, fails=False, nth=number))
    return problems


def message_of_versions(finding: model.VersionFinding) -> str:
    """Return what was found between two environments: the places, and what was raised."""
    lines = []
    for place in finding.places[:MOST_LINES]:
        lines.append(f"{place.path or 'result'}: {place.a} -> {place.b}")
    lines += raised_lines(finding.failures)
    return "\n".join([*lines, f"cause: {finding.cause} ({finding.kind})"])


def _implementations(report: model.Report, view: model.View) -> Iterator[model.Implementation]:
    for side in view.implementations:
        file = None if side.file is None else in_repository(report, side.file)
        yield msgspec.structs.replace(side, file=file)


def message_of(finding: model.Finding) -> str:
    """Return what was found: the values, the cause, the failures' first lines."""
    lines = []
    # A side that failed has no answers.
    if not finding.failures:
        lines += _value_lines(finding)[:MOST_LINES]
    if finding.surplus:
        lines.append(finding.surplus)
    lines += raised_lines(finding.failures)
    lines.append(f"cause: {finding_cause(finding)}")
    entry = finding.known
    if entry is not None:
        state = "expired on" if entry.expired else "known until"
        lines.append(f"{state} {entry.expires}, {entry.owner}: {entry.reason}")
    if finding.corpus:
        lines.append(f"kept in {finding.corpus}")
    return "\n".join(lines)


def _value_lines(finding: model.Finding) -> list[str]:
    """Return what the two ends answered where they differ."""
    left, right = finding.pair
    lines = []
    for name, answer in finding.values.items():
        if answer.difference:
            lines.append(f"{name}: {left} {answer.left_text}, {right} {answer.right_text}")
    return lines


def raised_lines(failures: Iterable[str]) -> list[str]:
    """Return what was raised by each failure: the first line below the frames of its traceback."""
    lines = []
    for text in failures:
        if text.strip():
            lines.append(_find_exception(text.strip().splitlines()))
    return lines


def _find_exception(lines: Sequence[str]) -> str:
    """Return the first line of an exception: its message may have several."""
    start = 0
    for number, line in enumerate(lines):
        if line.startswith("  File "):
            start = number + 1
    for line in lines[start:]:
        # Source lines and marks below them are indented; the exception is not.
        if line.strip() and not line.startswith(" "):
            return line.strip()
    return lines[-1].strip()
