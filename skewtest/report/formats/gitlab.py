"""Findings as a GitLab code quality report."""

import json

from skewtest.report import model
from skewtest.report.plain import one_line
from skewtest.report.problems import GAP, Problem, gaps_of, problems_of


def code_quality(report: model.Report) -> str:
    """Return the JSON of `artifacts:reports:codequality`; a problem without a file is on `.`."""
    entries = list(map(_entry, [*problems_of(report), *gaps_of(report)]))
    return json.dumps(entries, indent=1, ensure_ascii=False)


def _entry(problem: Problem) -> dict[str, object]:
    # A gap fails no check, but GitLab has no other way to tell that the report is not whole.
    is_major = problem.fails or problem.rule == GAP
    return {
        "description": one_line(_description(problem)),
        "check_name": f"skewtest/{problem.rule.replace(' ', '-')}",
        "fingerprint": problem.fingerprint,
        "severity": "major" if is_major else "info",
        "location": {"path": problem.file or ".", "lines": {"begin": problem.line or 1}},
    }


def _description(problem: Problem) -> str:
    # A gap is of no scenario.
    if not problem.column:
        return f"{problem.title}: {problem.message}"
    return f"{problem.title} ({problem.column}): {problem.message}"
