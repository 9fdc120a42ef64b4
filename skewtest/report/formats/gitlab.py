"""Findings as a GitLab code quality report."""

import json

from skewtest.report import model
from skewtest.report.plain import one_line
from skewtest.report.problems import GAP, Problem, gaps_of, problems_of


def code_quality(report: model.Report) -> str:
    """Return the JSON of `artifacts:reports:codequality`; a problem without a file is on `.`."""
    return json.dumps(
        [
            {
                "description": one_line(_description(problem)),
                "check_name": f"skewtest/{problem.rule.replace(' ', '-')}",
                "fingerprint": problem.fingerprint,
                "severity": "major" if problem.fails or problem.rule == GAP else "info",
                "location": {"path": problem.file or ".", "lines": {"begin": problem.line or 1}},
            }
            for problem in (*problems_of(report), *gaps_of(report))
        ],
        indent=1,
        ensure_ascii=False,
    )


def _description(problem: Problem) -> str:
    where = f" ({problem.column})" if problem.column else ""
    return f"{problem.title}{where}: {problem.message}"
