"""What a report finds fault with, each with its place: for tools that mark lines of code."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from skewtest.findings import ALL_FEATURES
from skewtest.report import model
from skewtest.report.summary import finding_cause, in_repository, places


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
        file: where the feature is declared, in the repository; None where that is not known.
        line: of that file.
        fails: whether it fails a run; known divergences and advice do not.
        nth: which one it is of those that are alike in all that is said above.
        related: the view's implementations.
    """

    rule: str
    view: str
    feature: str
    column: str
    title: str
    message: str
    file: str | None
    line: int | None
    fails: bool
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
    alike: Counter[tuple[str, ...]] = Counter()
    for view, column, one in _told(report):
        key = view, one.feature, column, one.rule
        file, line = where.get((view, one.feature), (None, None))
        found.append(
            Problem(
                rule=one.rule,
                view=view,
                feature=one.feature,
                column=column,
                title=one.title,
                message=one.message,
                file=file,
                line=line,
                fails=one.fails,
                nth=alike[key],
                related=related.get(view, ()),
            )
        )
        alike[key] += 1
    return sorted(found, key=lambda problem: not problem.fails)


@dataclass(frozen=True, slots=True)
class _Told:
    """What is wrong with a feature, without its place."""

    rule: str
    feature: str
    title: str
    message: str
    fails: bool


def _told(report: model.Report) -> Iterator[tuple[str, str, _Told]]:
    """Return what is wrong, with the view, or function, and the column that it is found in."""
    for outcome in report.outcomes:
        for one in outcome.findings:
            told = _Told(one.kind, one.feature, one.headline, message_of(one), _fails(outcome, one))
            yield outcome.view, outcome.column, told
        for name in outcome.untested:
            title = f"{outcome.view}.{name}: never tested"
            yield (
                outcome.view,
                outcome.column,
                _Told("untested", name, title, UNTESTED, outcome.gates),
            )
        for gone in outcome.stale:
            title = f"{outcome.view}.{gone.feature}: no longer occurs"
            yield (
                outcome.view,
                outcome.column,
                _Told("stale", gone.feature, title, STALE, fails=True),
            )
    for compared in report.compared:
        for finding in compared.findings:
            told = _Told(
                finding.kind,
                ALL_FEATURES,
                finding.headline,
                message_of_versions(finding),
                fails=True,
            )
            yield compared.function, compared.column, told


def message_of_versions(finding: model.VersionFinding) -> str:
    """Return what was found between two environments: the places, and what was raised."""
    lines = [f"{place.path or 'result'}: {place.a} -> {place.b}" for place in finding.places[:5]]
    lines += last_lines(finding.failures)
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
        f"{name}: batch {answer.batch_text}, online {answer.online_text}"
        if finding.relation is None
        else f"{name}: {answer.batch_text} as it is, {answer.online_text} changed"
        for name, answer in finding.values.items()
        if answer.difference
    ]
    lines = [] if finding.failures else lines[:5]
    lines += last_lines(finding.failures)
    lines.append(f"cause: {finding_cause(finding)}")
    if finding.known is not None:
        state = "expired on" if finding.known.expired else "known until"
        lines.append(f"{state} {finding.known.expires}, {finding.known.owner}")
    if finding.corpus:
        lines.append(f"kept in {finding.corpus}")
    return "\n".join(lines)


def _fails(outcome: model.Outcome, finding: model.Finding) -> bool:
    return outcome.gates and (finding.known is None or finding.known.expired)


def last_lines(failures: Iterable[str]) -> list[str]:
    """Return the last line of each traceback: what was raised."""
    return [text.strip().splitlines()[-1] for text in failures if text.strip()]
