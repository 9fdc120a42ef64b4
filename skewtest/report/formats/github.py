"""Findings as GitHub workflow commands: annotations on the lines that declare the features."""

from skewtest.report import model
from skewtest.report.plain import visible
from skewtest.report.problems import GAP, Problem, gaps_of, problems_of

MOST = 10
"""GitHub shows so many errors and warnings of a step, and drops the others."""


def annotations(report: model.Report) -> list[str]:
    """Return a line for each problem; the last one counts those that GitHub would drop."""
    found = [*problems_of(report), *gaps_of(report)]
    shown = found if len(found) <= MOST else found[: MOST - 1]
    lines = [_line(problem) for problem in shown]
    if len(shown) < len(found):
        cut = found[len(shown) :]
        told = f"{len(cut)} further problems; see the parity report"
        lines.append(f"::{_level(cut[0])} title=skewtest::{_message(told)}")
    return lines


def _line(problem: Problem) -> str:
    title = f"{problem.title} ({problem.column})" if problem.column else problem.title
    given = {"file": problem.file, "line": problem.line, "title": title}
    told = ",".join(f"{name}={_property(str(v))}" for name, v in given.items() if v is not None)
    return f"::{_level(problem)} {told}::{_message(problem.message)}"


def _level(problem: Problem) -> str:
    if problem.fails:
        return "error"
    return "warning" if problem.rule == GAP else "notice"


def _message(text: str) -> str:
    """Return a text as a command's message, escaped as the runner's own toolkit does."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
