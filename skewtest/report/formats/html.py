"""The report as one self-contained HTML page."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from skewtest.declare.delivery import RELATIONS
from skewtest.report import model
from skewtest.report.changes import CHANGES, Comparison
from skewtest.report.drawing import histogram, scatter, timeline_drawing
from skewtest.report.grid import (
    MARKS,
    MEANINGS,
    STATES,
    WORDS,
    Cell,
    Row,
    concerns,
    grid_of,
)
from skewtest.report.installed import list_installed
from skewtest.report.laws import CLASSES, count_laws, laws_of
from skewtest.report.plain import visible
from skewtest.report.remarks import remarks_of, word_reach
from skewtest.report.summary import finding_cause, lead, moved_line, own_seconds, slowest
from skewtest.report.words import count

# Of a user's text, such as a traceback of a recursion; the JSON has it all.
LONGEST = 20_000
# A screen is as wide; of more columns, cells of the version matrix are folded into scenarios.
COLUMNS = 24
# A page of more features is a long one: browsers lay out what is in sight alone.
LONG = 60
# Counters of every scenario would be most of a page that shows a hundred features.
COUNTED = 6
TALLIED = ("match", "mismatch", "left_only", "right_only", "both_null", "excused")
# One that fails and one that does not: drawings are the larger part of a page's bytes.
DRAWN = 2


def html_page(report: model.Report, changes: Comparison | None = None) -> str:
    """Return a report as a page that needs no network. All values are escaped.

    Args:
        report: the report.
        changes: what has changed since a baseline.
    """
    grid = grid_of(report)
    by_view: dict[str, list[Any]] = {}
    for row in grid.rows:
        by_view.setdefault(row.view, []).append(row)
    views = {view.name: view for view in report.views}
    # Each column is explained, and no other: a reader is not to learn all scenarios there are.
    meanings = {}
    scenarios = {outcome.scenario for outcome in report.outcomes}
    for name, text in MEANINGS.items():
        if name in scenarios:
            meanings[name] = text

    def draw_timeline(outcome: model.Outcome, example: model.Counterexample) -> Any:
        # A report need not hold the view of each outcome.
        view = views.get(outcome.view)
        windows = () if view is None else view.windows
        return timeline_drawing(example, windows)

    return page(
        "report.html.j2",
        {
            "report": report,
            "grid": grid.fold(COLUMNS),
            "by_view": by_view,
            "meanings": meanings,
            "is_long": len(grid.rows) > LONG,
            "count": count,
            "views": views,
            "changes": changes,
            "change_kinds": CHANGES,
            "spreads": {spread.view: spread for spread in report.versions},
            "lead": lead(report),
            "slowest": slowest(report),
            "installed": list_installed(report),
            "laws": laws_of(report),
            "timeline": draw_timeline,
            "drawn": lambda row: _choose_drawn(report, row),
            "counted_columns": lambda row: _count_columns(report, row),
        },
    )


def _choose_drawn(report: model.Report, row: Row) -> list[tuple[str, model.Errors]]:
    """Return the columns of a feature whose errors are drawn: what fails, then what is first."""
    drawn = []
    for column, cell in _by_urgency(row):
        tally = report.outcomes[cell.outcomes[0]].features.get(row.feature)
        if tally is not None and tally.errors is not None:
            drawn.append((column, tally.errors))
    # Where all columns agree they look alike: one of them is enough.
    most = DRAWN if row.state in ("fails", "known", "advice") else 1
    return drawn[:most]


@dataclass(frozen=True, slots=True)
class Counted:
    """How the rows of a feature compared in a column, or in several together.

    `excused` where rows differ and are no finding: none of them stood a closer look.
    """

    name: str
    counts: tuple[int, ...]
    ulps: float | None
    excused: bool


def _count_columns(report: model.Report, row: Row) -> list[Counted]:
    """Return the counters of a feature: of what needs a look first, of the rest together."""
    columns = []
    for column, cell in _by_urgency(row):
        if column == RELATIONS:  # they compare a side with itself
            continue
        tallies = []
        for number in cell.outcomes:
            tally = report.outcomes[number].features.get(row.feature)
            if tally is not None:
                tallies.append(tally)
        if tallies:
            columns.append(_counters(column, tallies))
    if len(columns) <= COUNTED:
        return columns
    return [*columns[: COUNTED - 1], _add_up(columns[COUNTED - 1 :])]


def _add_up(columns: Sequence[Counted]) -> Counted:
    """Return the counters of several columns as one."""
    totals = [0] * len(TALLIED)
    ulps = []
    for column in columns:
        for number, rows in enumerate(column.counts):
            totals[number] += rows
        # Where no pair of numbers was compared there is no distance.
        if column.ulps is not None:
            ulps.append(column.ulps)
    return Counted(
        name=f"{len(columns)} others together",
        counts=tuple(totals),
        ulps=max(ulps, default=None),
        excused=any(column.excused for column in columns),
    )


def _by_urgency(row: Row) -> list[tuple[str, Cell]]:
    """Return the cells of a feature with their columns, those that need a look first first."""
    return sorted(row.cells.items(), key=lambda item: STATES.index(item[1].state))


def _counters(name: str, tallies: Sequence[model.Tally]) -> Counted:
    counts = dict.fromkeys(TALLIED, 0)
    for tally in tallies:
        for kind in TALLIED:
            counts[kind] += getattr(tally, kind)
    ulps = max((tally.errors.ulps.max for tally in tallies if tally.errors), default=None)
    return Counted(name, tuple(counts.values()), ulps, counts["excused"] > 0)


def anchor(*names: str) -> str:
    """Return the id of a view, or of its feature: what a link to it ends in."""
    parts = []
    for name in names:
        part = quote(name.encode("utf-8", "backslashreplace"), safe="")
        # A dot stands between view and feature: `a.b` and `c` are not `a` and `b.c`.
        parts.append(part.replace(".", "%2E"))
    return ".".join(parts)


def policy(script: str) -> str:
    """Return the content security policy of a page that runs one script and loads nothing."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # A text of a user that gets past our escaping can run no script and send nothing.
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _environment() -> Environment:
    script = _part("page.js")
    environment = Environment(
        loader=PackageLoader("skewtest.report.formats", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_make_visible,
    )
    environment.globals |= {
        "style": Markup(_part("page.css")),  # noqa: S704 # our own file
        "script": Markup(script),  # noqa: S704 # our own file
        "policy": policy(script),
        "words": WORDS,
        "marks": MARKS,
        "states": STATES,
        "anchor": anchor,
        "concerns": concerns,
        "cause": finding_cause,
        "histogram": histogram,
        "scatter": scatter,
        "moved_line": moved_line,
        "own_seconds": own_seconds,
        "remarks_of": remarks_of,
        "word_reach": word_reach,
        "count_laws": count_laws,
        "law_classes": CLASSES,
    }
    environment.filters |= {"cut": _cut_text, "number": _number}
    return environment


def page(name: str, values: Mapping[str, Any]) -> str:
    """Return a page of a template and what it shows."""
    return str(_environment().get_template(name).render(**values))


def _part(name: str) -> str:
    return files("skewtest.report.formats").joinpath("templates", name).read_text("utf-8").strip()


def _make_visible(value: Any) -> Any:
    """Return what a template writes: texts of users with nothing invisible in them."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return visible(value)
    return value


def _cut_text(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n... {len(text) - LONGEST:,} more characters in report.json"


def _number(value: float) -> str:
    """Return a number as tables have it: with separators, or in few digits where it is small."""
    is_whole = value == int(value) or abs(value) >= 1000  # noqa: PLR2004 # digits enough
    if is_whole and abs(value) < 1e15:  # noqa: PLR2004 # exact there
        return f"{value:,.0f}"
    return f"{value:.3g}"
