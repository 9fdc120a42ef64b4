"""What a terminal shows at the end of a run: what fails, and little where all is well."""

from collections.abc import Iterable, Sequence
from itertools import chain

from rich.table import Table
from rich.text import Text

from skewtest.declare.delivery import RELATIONS
from skewtest.declare.known import Known
from skewtest.errors import nearest
from skewtest.report import model
from skewtest.report.changes import Comparison
from skewtest.report.grid import Cell, Grid, State, grid_of
from skewtest.report.plain import one_line, visible
from skewtest.report.summary import changes_text, count, moved_line, slowest
from skewtest.report.terminal import WIDTH, rendered
from skewtest.report.versions import spread_lines
from skewtest.report.words import advice

MOST_ROWS = 30
MOST_GAPS = 8
STYLES: dict[State, str] = {
    "fails": "bold red",
    "untested": "yellow",
    "stale": "yellow",
    "known": "blue",
    "advice": "yellow",
    "skipped": "dim",
    "unchecked": "dim",
    "unfinished": "dim",
    "parity": "green",
}


def closing_table(
    report: model.Report, *, verbose: bool = False, colour: bool = False, width: int = WIDTH
) -> list[str]:
    """Return the table of what fails as lines; none where all is well, or one check was all.

    Args:
        report: the report.
        verbose: whether to show all features, and the slowest views, in any case.
        colour: whether to write ANSI colours.
        width: columns of the terminal.
    """
    grid = grid_of(report)
    shown = grid if verbose else grid.failing()
    # What fails of a single check stands right above.
    if not shown.rows or (len(report.outcomes) == 1 and not verbose):
        return []
    lines = table_lines(shown, colour=colour, width=width)
    if not verbose:
        states = [row.state for row in grid.rows if row not in shown.rows]
        known, unfinished = states.count("known"), states.count("unfinished")
        fine = len(states) - known - unfinished
        lines += [f"and {count(known, 'feature')} with known divergences"] if known else []
        lines += [f"and {count(fine, 'feature')} without fault"] if fine else []
        lines += _unfinished_lines(report, unfinished)
    untested = [f"{one.view}.{name}" for one in report.outcomes for name in one.untested]
    if untested:
        lines.append(f"never tested: {', '.join(dict.fromkeys(map(one_line, untested)))}")
    slow = slowest(report)
    if len(slow) > 1:
        told = ", ".join(f"{one_line(name)} {seconds:.1f} s" for name, seconds in slow)
        lines.append(f"slowest: {told}")
    return lines


def _unfinished_lines(report: model.Report, features: int) -> list[str]:
    """Return how far features were looked at that stand beside one that ended the run."""
    if not features:
        return []
    short = [outcome for outcome in report.outcomes if outcome.cut_short]
    fewest = min(short, key=lambda outcome: outcome.histories / max(1, outcome.planned))
    reach = f"{fewest.histories:,} of {fewest.planned:,} histories"
    return [f"and {count(features, 'feature')} without fault so far, on {reach}"]


def closing_lines(report: model.Report) -> list[str]:
    """Return what else is to be known: gaps, known divergences, unused files, advice."""
    told = (
        *gap_lines(report),
        *untried_lines(report),
        *known_lines(report),
        *_unused(report),
    )
    lines = [f"skewtest: {line}" for line in told]
    if any(not one.gates for one in report.outcomes) or report.versions:
        lines += advice(report.outcomes)
        lines += chain.from_iterable(map(spread_lines, report.versions))
    return [visible(line) for line in lines]


def table_lines(grid: Grid, *, colour: bool = False, width: int = WIDTH) -> list[str]:
    """Return a grid as lines: as many columns side by side as fit, the others below."""
    rows = grid.rows[:MOST_ROWS]
    first = min(max(len("feature"), *(len(one_line(row.name)) for row in rows)), width // 2)
    lines: list[str] = []
    for columns in _that_fit(grid, width - first):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("feature", max_width=first, overflow="fold")
        for name in columns:
            table.add_column(one_line(name), no_wrap=True)
        for row in rows:
            table.add_row(
                one_line(row.name), *(_cell_text(row.cells.get(name)) for name in columns)
            )
        lines += rendered([table], colour=colour, width=width).split("\n")
    if len(grid.rows) > len(rows):
        lines.append(f"and {len(grid.rows) - len(rows)} more")
    return lines


def _cell_text(cell: Cell | None) -> Text:
    if cell is None:
        return Text("")
    return Text(cell.word, style=STYLES[cell.state])


def _that_fit(grid: Grid, width: int) -> list[list[str]]:
    """Return the columns of a grid in groups that fit into so many characters."""
    groups: list[list[str]] = [[]]
    used = 0
    for name in grid.columns:
        words = (len(cell.word) for row in grid.rows if (cell := row.cells.get(name)))
        needed = 2 + max([len(one_line(name)), *words])
        if groups[-1] and used + needed > width:
            groups.append([])
            used = 0
        groups[-1].append(name)
        used += needed
    return groups


def gap_lines(report: model.Report) -> list[str]:
    """Return a line for each of the first things that a report lacks."""
    lines = [one_line(f"incomplete: {gap}") for gap in report.incomplete[:MOST_GAPS]]
    left = len(report.incomplete) - len(lines)
    return [*lines, f"incomplete: and {left} more"] if left else lines


def untried_lines(report: model.Report) -> list[str]:
    """Return a line for each view whose laws were not tried because its sides differ anyway."""
    lines = []
    for outcome in report.outcomes:
        reasons = {check.reason for check in outcome.checks if check.state == "incomplete"}
        if reasons:
            why = ", ".join(sorted(reasons))
            lines.append(one_line(f"{outcome.view}: not all relations were tried: {why}"))
    return lines


def known_lines(report: model.Report) -> list[str]:
    """Return a line for each known divergence that has been met."""
    lines = [
        f"known until {finding.known.expires}: {outcome.view}.{finding.feature} "
        f"({finding.kind}, {outcome.column}), {finding.known.owner}: {finding.known.reason}"
        for outcome in report.outcomes
        for finding in outcome.findings
        if finding.known is not None and not finding.known.expired
    ]
    return [one_line(line) for line in dict.fromkeys(lines)]


def unmet_lines(report: model.Report, known: Iterable[Known]) -> list[str]:
    """Return a line for each known divergence of a view, scenario or cell that was not checked."""
    views = dict.fromkeys(outcome.view for outcome in report.outcomes)
    met = {(outcome.view, outcome.scenario) for outcome in report.outcomes if not outcome.cell}
    met |= {(outcome.view, outcome.column) for outcome in report.outcomes}
    told = {
        (one.view, f"{one.scenario}-{one.cell}" if one.cell else one.scenario): one for one in known
    }
    return [
        one_line(
            f"skewtest: known divergence of {one.view}.{one.feature}, {column}: nothing of that "
            "name was checked; mend it or take it out of pyproject.toml."
            + nearest(one.view, [*views])
        )
        for (view, column), one in told.items()
        if (view, column) not in met and column != RELATIONS
    ]


def _unused(report: model.Report) -> list[str]:
    """Return a line for each corpus file that could not be used where all else is well."""
    told = [
        f"kept counterexample {note.file} was not used: {note.reason}"
        for outcome in report.outcomes
        if outcome.ok
        for note in outcome.rejected
    ]
    return list(dict.fromkeys(told))


def properties(parts: Sequence[model.Report]) -> list[tuple[str, str]]:
    """Return what a test says of itself in pytest's own JUnit XML."""
    found = []
    for outcome in chain.from_iterable(part.outcomes for part in parts):
        place = f"skewtest.{outcome.view}.{outcome.column}"
        verdict = "skipped" if outcome.skipped else "parity" if outcome.ok else "skew"
        told = {"verdict": verdict, "seed": outcome.seed, "histories": outcome.histories}
        found += [(f"{place}.{name}", str(value)) for name, value in told.items()]
        for finding in outcome.findings:
            found.append((f"{place}.finding", one_line(f"{finding.headline} ({finding.kind})")))
    return found


def change_lines(changes: Comparison) -> list[str]:
    """Return what has changed from one report to another, a line each."""
    lines = [changes_text(changes)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("change", "what", "scenario", "kind", "differed", "differs"):
        table.add_column(heading, overflow="fold")
    for one in changes.divergences:
        what = one_line(f"{one.view}.{one.feature}")
        shares = ("" if share is None else f"{share:.2%}" for share in (one.before, one.after))
        table.add_row(one.change, what, one_line(one.column), one.kind, *shares)
    if changes.divergences:
        lines += rendered([table]).splitlines()
    lines += [one_line(moved_line(moved)) for moved in changes.moved]
    if changes.incomplete:
        lines.append("the later report is incomplete")
    return lines
