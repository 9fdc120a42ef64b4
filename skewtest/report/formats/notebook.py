"""A report in a notebook: a table, and plots by whichever library is there."""

import importlib
import importlib.util
from typing import Any

from skewtest.errors import ReportError
from skewtest.report import model
from skewtest.report.alike import group_alike
from skewtest.report.drawing import bars
from skewtest.report.formats.html import page
from skewtest.report.grid import State, grid_of
from skewtest.report.summary import lead

LIBRARIES = ("matplotlib", "altair")
# The output of a cell scrolls badly beyond a few screens.
MOST_ROWS = 50
COLOURS: dict[State, str] = {
    "fails": "#a40e26",
    "untested": "#7a4b00",
    "stale": "#7a4b00",
    "known": "#174ea6",
    "advice": "#7a4b00",
    "unfinished": "#57606a",
    "skipped": "#57606a",
    "unchecked": "#57606a",
    "parity": "#116329",
}
"""On a notebook's page there is no style sheet of ours; these are read on white and on black."""


def fragment(report: model.Report) -> str:
    """Return a report as a piece of HTML without scripts, for the output of a notebook's cell."""
    findings = []
    for outcome in report.outcomes:
        if outcome.gates:
            findings += [(outcome, group) for group in group_alike(outcome.findings)]
    return page(
        "notebook.html.j2",
        {
            "report": report,
            "grid": grid_of(report),
            "lead": lead(report),
            "findings": findings,
            "most": MOST_ROWS,
            "colours": COLOURS,
        },
    )


def plot(errors: model.Errors, title: str, library: str | None = None) -> Any:
    """Return a drawing of errors: their histogram in ulps, and batch against online.

    Args:
        errors: of a feature under a scenario.
        title: what stands above it.
        library: "matplotlib" or "altair"; by default the first of them that is installed.

    Returns:
        A matplotlib Figure of two axes, or an altair HConcatChart.

    Raises:
        ReportError: there is no such library, or it is not installed.
    """
    if library is not None and library not in LIBRARIES:
        raise ReportError(f"plot(library=...) must be 'matplotlib' or 'altair'; got {library!r}.")
    candidates = LIBRARIES if library is None else (library,)
    for name in candidates:
        # A library is looked for without importing it: it may not be the one that draws.
        if importlib.util.find_spec(name):
            return PLOTS[name](errors, title)
    needed = candidates[0]
    raise ReportError(f"a plot needs {needed}; install it with: pip install {needed}")


def _matplotlib(errors: model.Errors, title: str) -> Any:
    figure_module = importlib.import_module("matplotlib.figure")
    figure = figure_module.Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    labels, counts = zip(*bars(errors), strict=True)
    left.bar(labels, counts)
    # From 0 to 1 the scale is linear, so that a bar of one pair is seen and one of none is not.
    left.set_yscale("symlog", linthresh=1)
    left.set(ylim=(0, None), xlabel="ulps apart", ylabel="pairs of numbers", title=title)
    batch = [left for left, _ in errors.points]
    online = [right for _, right in errors.points]
    right.scatter(batch, online, s=12)
    if batch:
        # On this line both sides answer alike.
        right.axline((min(batch), min(batch)), slope=1, linewidth=0.8)
    right.set(xlabel="batch", ylabel="online", title=_sample(errors))
    return figure


def _sample(errors: model.Errors) -> str:
    return f"{len(errors.points):,} of {errors.compared:,} pairs"


def _altair(errors: model.Errors, title: str) -> Any:
    altair = importlib.import_module("altair")
    rows = []
    order = []
    for label, count in bars(errors):
        order.append(label)
        # An empty bar keeps its place by the order, and needs no mark.
        if count:
            rows.append({"ulps": label, "pairs": count})
    left = (
        altair.Chart(altair.Data(values=rows), title=title)
        .mark_bar()
        .encode(
            x=altair.X("ulps:O", sort=order, title="ulps apart"),
            y=altair.Y("pairs:Q", scale=altair.Scale(type="symlog"), title="pairs of numbers"),
        )
    )
    points = [{"batch": batch, "online": online} for batch, online in errors.points]
    right = (
        altair.Chart(altair.Data(values=points), title=_sample(errors))
        .mark_point()
        .encode(x=altair.X("batch:Q"), y=altair.Y("online:Q"))
    )
    return altair.hconcat(left, right)


PLOTS = {"matplotlib": _matplotlib, "altair": _altair}
