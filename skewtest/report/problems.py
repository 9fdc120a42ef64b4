"""What a report finds fault with, each with its place: for tools that mark lines of code."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

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
    related: tuple[model.Implementation, ...] = ()

    @property
    def fingerprint(self) -> str:
        """What makes it the same problem in the next run, wherever its line has moved."""
        key = json.dumps([self.view, self.feature, self.column, self.rule])
        return hashlib.sha256(key.encode()).hexdigest()


def problems_of(report: model.Report) -> list[Problem]:
    """Return the problems of a report, those that fail a run first."""
    where = places(report)
    related = {view.name: tuple(_implementations(report, view)) for view in report.views}
    found = []
    for outcome in report.outcomes:
        told: list[tuple[str, str, str, str, bool]] = [
            (
                finding.kind,
                finding.feature,
                finding.headline,
                message_of(finding),
                _fails(outcome, finding),
            )
            for finding in outcome.findings
        ]
        told += [
            ("untested", name, f"{outcome.view}.{name}: never tested", UNTESTED, outcome.gates)
            for name in outcome.untested
        ]
        told += [
            ("stale", one.feature, f"{outcome.view}.{one.feature}: no longer occurs", STALE, True)
            for one in outcome.stale
        ]
        for rule, feature, title, message, fails in told:
            file, line = where.get((outcome.view, feature), (None, None))
            found.append(
                Problem(
                    rule,
                    outcome.view,
                    feature,
                    outcome.column,
                    title,
                    message,
                    file,
                    line,
                    fails,
                    related.get(outcome.view, ()),
                )
            )
    return sorted(found, key=lambda problem: not problem.fails)


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
    lines += [text.strip().splitlines()[-1] for text in finding.failures if text.strip()]
    lines.append(f"cause: {finding_cause(finding)}")
    if finding.known is not None:
        state = "expired on" if finding.known.expired else "known until"
        lines.append(f"{state} {finding.known.expires}, {finding.known.owner}")
    if finding.corpus:
        lines.append(f"kept in {finding.corpus}")
    return "\n".join(lines)


def _fails(outcome: model.Outcome, finding: model.Finding) -> bool:
    return outcome.gates and (finding.known is None or finding.known.expired)
