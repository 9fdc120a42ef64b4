"""Findings as SARIF 2.1.0."""

import json
from typing import Any
from urllib.parse import quote

from skewtest import __version__
from skewtest.report import model
from skewtest.report.plain import visible
from skewtest.report.problems import Problem, problems_of

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
RULES = {
    "value": "Batch and online answer different values.",
    "null": "One side has a value and the other has none, or another kind of nothing.",
    "missing row": "One side has no row.",
    "extra row": "Batch returns rows that were not asked for.",
    "dtype": "Batch and online have different types.",
    "error": "An implementation fails.",
    "timeout": "An implementation hangs.",
    "nondeterministic": "A side answers differently when run twice.",
    "unstable": "A side is off by more than 1e-6 through its own rounding.",
    "untested": "No side ever had a value.",
    "stale": "A known divergence no longer occurs.",
}
HELP = (
    "The parity report has the smallest history on which it shows, what both sides answer, the "
    "cause, and the command that runs it again."
)


def sarif(report: model.Report) -> str:
    """Return a report as a SARIF log of one run."""
    problems = problems_of(report)
    rules = sorted({problem.rule for problem in problems})
    driver = {
        "name": "skewtest",
        "version": __version__,
        "rules": list(map(_rule, rules)),
    }
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "results": [_result(problem, rules) for problem in problems],
        "invocations": [_invocation(report)],
        "columnKind": "unicodeCodePoints",
    }
    if report.run is not None and report.run.git is not None:
        run["automationDetails"] = {"id": "skewtest/parity"}
        run["properties"] = {"revision": report.run.git.revision}
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, ensure_ascii=False)


def _invocation(report: model.Report) -> dict[str, Any]:
    """Return whether the run came to its end, and what it lacks: a gap has no place in code."""
    notifications = []
    for gap in report.incomplete:
        notifications.append({"level": "error", "message": {"text": visible(gap)}})
    return {
        "executionSuccessful": report.verdict != "incomplete",
        "toolExecutionNotifications": notifications,
    }


def _rule(name: str) -> dict[str, Any]:
    claim = RULES.get(name, name)
    return {
        "id": _id(name),
        "name": "".join(word.capitalize() for word in name.split()),
        "shortDescription": {"text": claim},
        "fullDescription": {"text": claim},
        "help": {"text": f"{claim} {HELP}"},
        "defaultConfiguration": {"level": "error"},
    }


def _result(problem: Problem, rules: list[str]) -> dict[str, Any]:
    locations = []
    if problem.file:
        locations.append(_location(problem.file, problem.line))
    return {
        "ruleId": _id(problem.rule),
        "ruleIndex": rules.index(problem.rule),
        "level": "error" if problem.fails else "note",
        "message": {"text": visible(f"{problem.title} ({problem.column})\n{problem.message}")},
        "locations": locations,
        "relatedLocations": _related(problem),
        "partialFingerprints": {"skewtest/v1": problem.fingerprint},
    }


def _related(problem: Problem) -> list[dict[str, Any]]:
    """Return the places of the implementations, numbered as they stand in the report."""
    locations = []
    for number, part in enumerate(problem.related, 1):
        if part.file is not None:
            location = _location(part.file, part.line)
            locations.append({**location, "id": number, "message": {"text": part.side}})
    return locations


def _location(file: str, line: int | None) -> dict[str, Any]:
    # Lines of SARIF begin with 1; a file whose line is not known is marked at its top.
    region = {"startLine": max(1, line or 1)}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(file)}, "region": region}}


def _uri(file: str) -> str:
    """Return a file as a URI: relative to the repository, or absolute where it lies elsewhere."""
    path = quote(file.encode("utf-8", "backslashreplace"), safe="/")
    return f"file://{path}" if path.startswith("/") else path


def _id(rule: str) -> str:
    return f"parity-{rule.replace(' ', '-')}"
