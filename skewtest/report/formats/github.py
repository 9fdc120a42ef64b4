"""Findings as GitHub workflow commands: annotations on the lines that declare the features."""

from skewtest.report import model
from skewtest.report.plain import visible
from skewtest.report.problems import GAP, Problem, gaps_of, problems_of

# GitHub shows so many errors and warnings of a step, and drops the others.
MOST = 10


def annotations(report: model.Report) -> list[str]:
    """Return a line for each problem; the last one counts those that GitHub would drop."""
    problems = [*problems_of(report), *gaps_of(report)]
    if len(problems) <= MOST:
        return list(map(_line, problems))
    lines = list(map(_line, problems[: MOST - 1]))
    cut = problems[MOST - 1 :]
    text = f"{len(cut)} further problems; see the parity report"
    # Those that fail come first: where the first that is cut fails nothing, none of them does.
    return [*lines, f"::{_level(cut[0])} title=skewtest::{_message(text)}"]


def _line(problem: Problem) -> str:
    title = f"{problem.title} ({problem.column})" if problem.column else problem.title
    properties = {"file": problem.file, "line": problem.line, "title": title}
    pairs = []
    for name, value in properties.items():
        if value is not None:
            pairs.append(f"{name}={_property(str(value))}")
    return f"::{_level(problem)} {','.join(pairs)}::{_message(problem.message)}"


def _level(problem: Problem) -> str:
    if problem.fails:
        return "error"
    return "warning" if problem.rule == GAP else "notice"


def _message(text: str) -> str:
    """Return a text as a command's message, escaped as the runner's own toolkit does."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
