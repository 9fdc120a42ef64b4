"""What a terminal shows at the end of a run: what fails, and little where all is well."""

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from skewtest.declare.delivery import RELATIONS
from skewtest.declare.known import Known
from skewtest.errors import nearest
from skewtest.report import model
from skewtest.report.changes import Comparison
from skewtest.report.grid import Cell, Grid, State, grid_of
from skewtest.report.laws import STYLES as LAW_STYLES
from skewtest.report.laws import Law, count_laws, laws_of
from skewtest.report.plain import one_line, visible
from skewtest.report.remarks import word_excused, word_reach
from skewtest.report.summary import advice, changes_text, moved_line, slowest
from skewtest.report.terminal.rendering import GAP, WIDTH, make_table, render
from skewtest.report.versions import spread_lines
from skewtest.report.words import count

# A screen: the report has the rest.
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
    table = grid if verbose else grid.failing()
    # What fails of a single check stands right above.
    is_single = sum(bool(outcome.histories or outcome.skipped) for outcome in report.outcomes) == 1
    if not table.rows or (is_single and not verbose):
        return []
    lines = table_lines(table, colour=colour, width=width)
    if verbose:
        lines += law_lines(laws_of(report), colour=colour, width=width)
    else:
        lines += list(_other_lines(report, grid, table))
    return [*lines, *_untested_lines(report), *_slowest_lines(report)]


def _untested_lines(report: model.Report) -> list[str]:
    # A feature that is untested is so under every scenario: it is named once.
    names: dict[str, None] = {}
    for outcome in report.outcomes:
        for feature in outcome.untested:
            names[one_line(f"{outcome.view}.{feature}")] = None
    return [f"never tested: {', '.join(names)}"] if names else []


def _slowest_lines(report: model.Report) -> list[str]:
    views = []
    for name, seconds in slowest(report):
        views.append(f"{one_line(name)} {seconds:.1f} s")
    # Of one view alone it says nothing that it is the slowest.
    return [f"slowest: {', '.join(views)}"] if len(views) > 1 else []


def _other_lines(report: model.Report, grid: Grid, table: Grid) -> Iterator[str]:
    """Return how many features a table of what fails leaves out, and what they came to."""
    states = [row.state for row in grid.rows if row not in table.rows]
    with_known, unfinished = states.count("known"), states.count("unfinished")
    fine = len(states) - with_known - unfinished
    if with_known:
        yield f"and {count(with_known, 'feature')} with known divergences"
    if fine:
        yield f"and {count(fine, 'feature')} without fault"
    # These were not looked at on all histories, so that they are not called fine.
    if unfinished:
        yield f"and {count(unfinished, 'feature')} without fault so far, on {_least_reach(report)}"


def _least_reach(report: model.Report) -> str:
    """Return how far features were looked at that stand beside one that ended the run."""
    short = [outcome for outcome in report.outcomes if outcome.cut_short]
    fewest = min(short, key=lambda outcome: outcome.histories / max(1, outcome.planned))
    return f"{fewest.histories:,} of {fewest.planned:,} histories"


def law_lines(laws: Sequence[Law], *, colour: bool = False, width: int = WIDTH) -> list[str]:
    """Return the laws that each side was to be held to as lines; none where there are none."""
    if not laws:
        return []
    table = make_table(("law", "of", "", "on, or why not"), gap=GAP)
    for law in laws[:MOST_ROWS]:
        side = one_line(f"{law.view} {law.check.side}")
        state = Text(law.word, style=LAW_STYLES[law.check.state])
        table.add_row(one_line(law.claim), side, state, one_line(law.extent))
    lines = [
        "",
        f"laws: {count_laws(laws)}",
        *render([table], colour=colour, width=width).split("\n"),
    ]
    if len(laws) > MOST_ROWS:
        lines.append(f"and {len(laws) - MOST_ROWS} more")
    return lines


def closing_lines(report: model.Report) -> list[str]:
    """Return what else is to be known: gaps, known divergences, unused files, advice."""
    sentences = [
        *gap_lines(report),
        *reach_lines(report),
        *untried_lines(report),
        *known_lines(report),
    ]
    if excused := word_excused(report.outcomes):
        sentences.append(excused)
    lines = [f"skewtest: {sentence}" for sentence in sentences]
    if any(not outcome.gates for outcome in report.outcomes) or report.versions:
        lines += advice(report.outcomes)
        for spread in report.versions:
            lines += spread_lines(spread)
    return [visible(line) for line in lines]


def table_lines(grid: Grid, *, colour: bool = False, width: int = WIDTH) -> list[str]:
    """Return a grid as lines: as many columns side by side as fit, the others below."""
    rows = grid.rows[:MOST_ROWS]
    name_width = len("feature")
    for row in rows:
        name_width = max(name_width, len(one_line(row.name)))
    # Of a name that is longer than half a line the rest is folded: verdicts need room.
    name_width = min(name_width, width // 2)
    lines: list[str] = []
    for columns in _group_columns(grid, width - name_width):
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
        table.add_column("feature", max_width=name_width, overflow="fold")
        for column in columns:
            table.add_column(one_line(column), no_wrap=True)
        for row in rows:
            cells = [_cell_text(row.cells.get(column)) for column in columns]
            table.add_row(one_line(row.name), *cells)
        lines += render([table], colour=colour, width=width).split("\n")
    if len(grid.rows) > len(rows):
        lines.append(f"and {len(grid.rows) - len(rows)} more")
    return lines


def _cell_text(cell: Cell | None) -> Text:
    if cell is None:
        return Text("")
    return Text(cell.word, style=STYLES[cell.state])


def _group_columns(grid: Grid, width: int) -> list[list[str]]:
    """Return the columns of a grid in groups that fit into so many characters."""
    groups: list[list[str]] = [[]]
    used = 0
    for name in grid.columns:
        needed = GAP + _width(grid, name)
        if groups[-1] and used + needed > width:
            groups.append([])
            used = 0
        groups[-1].append(name)
        used += needed
    return groups


def _width(grid: Grid, column: str) -> int:
    width = len(one_line(column))
    for row in grid.rows:
        cell = row.cells.get(column)
        if cell is not None:
            width = max(width, len(cell.word))
    return width


def gap_lines(report: model.Report) -> list[str]:
    """Return a line for each of the first things that a report lacks."""
    lines = [one_line(f"incomplete: {gap}") for gap in report.incomplete[:MOST_GAPS]]
    if len(lines) < len(report.incomplete):
        lines.append(f"incomplete: and {len(report.incomplete) - len(lines)} more")
    return lines


def reach_lines(report: model.Report) -> list[str]:
    """Return a line for each check that a budget of seconds has ended, or slow code shortened."""
    lines = []
    for outcome in report.outcomes:
        if outcome.reach is not None:
            check = f"{outcome.view}[{outcome.column}]"
            lines.append(one_line(f"{check}: {word_reach(outcome.reach)}"))
    return lines


def untried_lines(report: model.Report) -> list[str]:
    """Return a line for each view whose laws were not tried because its sides differ anyway."""
    lines = []
    for outcome in report.outcomes:
        # Most laws share their reason: that the sides differ anyway.
        reasons = {check.reason for check in outcome.checks if check.state == "incomplete"}
        if reasons:
            why = ", ".join(sorted(reasons))
            lines.append(one_line(f"{outcome.view}: not all relations were tried: {why}"))
    return lines


def known_lines(report: model.Report) -> list[str]:
    """Return a line for each known divergence that has been met."""
    lines: dict[str, None] = {}
    for outcome in report.outcomes:
        for finding in outcome.findings:
            entry = finding.known
            # An expired one fails the run: it is told as a finding.
            if entry is not None and not entry.expired:
                line = (
                    f"known until {entry.expires}: {outcome.view}.{finding.feature} "
                    f"({finding.kind}, {outcome.column}), {entry.owner}: {entry.reason}"
                )
                lines[one_line(line)] = None
    return list(lines)


def unmet_lines(report: model.Report, known: Iterable[Known]) -> list[str]:
    """Return a line for each known divergence of a view, scenario or cell that was not checked."""
    views: dict[str, None] = {}
    checked = set()
    for outcome in report.outcomes:
        views[outcome.view] = None
        checked.add((outcome.view, outcome.column))
    lines = {}
    for entry in known:
        column = f"{entry.scenario}-{entry.cell}" if entry.cell else entry.scenario
        # No relation is tried where the sides differ anyway: that a law was not is no mistake.
        if (entry.view, column) in checked or column == RELATIONS:
            continue
        line = (
            f"skewtest: known divergence of {entry.view}.{entry.feature}, {column}: nothing of "
            "that name was checked; mend it or take it out of pyproject.toml."
        )
        lines[entry.view, column] = one_line(line + nearest(entry.view, [*views]))
    return list(lines.values())


def properties(parts: Sequence[model.Report]) -> list[tuple[str, str]]:
    """Return what a test says of itself in pytest's own JUnit XML."""
    pairs: list[tuple[str, str]] = []
    for part in parts:
        for outcome in part.outcomes:
            pairs += _properties(outcome)
    return pairs


def _properties(outcome: model.Outcome) -> Iterator[tuple[str, str]]:
    prefix = f"skewtest.{outcome.view}.{outcome.column}"
    verdict = "parity" if outcome.ok else "skew"
    yield f"{prefix}.verdict", "skipped" if outcome.skipped else verdict
    yield f"{prefix}.seed", str(outcome.seed)
    yield f"{prefix}.histories", str(outcome.histories)
    for finding in outcome.findings:
        yield f"{prefix}.finding", one_line(f"{finding.headline} ({finding.kind})")


def change_lines(changes: Comparison) -> list[str]:
    """Return what has changed from one report to another, a line each."""
    lines = [changes_text(changes)]
    table = make_table(("change", "what", "scenario", "kind", "differed", "differs"), gap=GAP)
    for change in changes.divergences:
        feature, column = f"{change.view}.{change.feature}", one_line(change.column)
        shares = _share_text(change.before), _share_text(change.after)
        table.add_row(change.change, one_line(feature), column, change.kind, *shares)
    if changes.divergences:
        lines += render([table]).splitlines()
    for moved in changes.moved:
        lines.append(one_line(moved_line(moved)))
    if changes.incomplete:
        lines.append("the later report is incomplete")
    return lines


def _share_text(share: float | None) -> str:
    return "" if share is None else f"{share:.2%}"
