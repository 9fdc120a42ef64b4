"""Findings as GitHub workflow commands: annotations on the lines that declare the features."""

from skewtest.report import model
from skewtest.report.plain import visible
from skewtest.report.problems import Problem, problems_of

MOST = 10
"""GitHub shows so many errors and warnings of a step, and drops the others."""


def annotations(report: model.Report) -> list[str]:
    """Return a line for each problem; the last one counts those that GitHub would drop."""
    found = problems_of(report)
    shown = found if len(found) <= MOST else found[: MOST - 1]
    lines = [_line(problem) for problem in shown]
    if len(shown) < len(found):
        told = f"{len(found) - len(shown)} further problems; see the parity report"
        lines.append(f"::error title=skewtest::{_message(told)}")
    return lines


def _line(problem: Problem) -> str:
    level = "error" if problem.fails else "notice"
    given = {"file": problem.file, "line": problem.line, "title": problem.title}
    told = ",".join(f"{name}={_property(str(v))}" for name, v in given.items() if v is not None)
    return f"::{level} {told}::{_message(problem.message)}"


def _message(text: str) -> str:
    """Return a text as a command's message, escaped as the runner's own toolkit does."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
