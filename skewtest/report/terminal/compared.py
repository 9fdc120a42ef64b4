"""What two environments make of one function, on a terminal."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from skewtest.report import model
from skewtest.report.terminal.finding import cut_cell
from skewtest.report.terminal.rendering import GAP, indent
from skewtest.report.versions import cause_text, versions_text

# A screen holds so much of a finding; the report has the rest.
SHOWN_ROWS, SHOWN_PLACES = 8, 6


def compared_blocks(compared: model.Compared, again: str) -> list[RenderableType]:
    """Return one block for each finding."""
    blocks: list[RenderableType] = []
    for finding in compared.findings:
        blocks += [*_finding(finding), Text("")]
    if blocks:
        blocks += [_facts(compared, again), Text("")]
    return blocks


def _finding(finding: model.VersionFinding) -> list[RenderableType]:
    blocks: list[RenderableType] = [Text(finding.headline, style="bold red"), Text("")]
    blocks += [_rows(finding), Text("")]
    for text in finding.failures:
        blocks += [indent(Text(text)), Text("")]
    if finding.places:
        blocks += [_places(finding), Text("")]
    return blocks


def _rows(finding: model.VersionFinding) -> RenderableType:
    if not finding.rows:
        return indent(Text("no rows are needed to show it", style="dim"))
    names: dict[str, None] = {}
    for row in finding.rows:
        names.update(dict.fromkeys(row))
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("#", justify="right")
    for name in names:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for number, row in enumerate(finding.rows[:SHOWN_ROWS]):
        # Rows are dicts of the user's, and need not have the same names.
        cells = [cut_cell(row.get(name, "")) for name in names]
        table.add_row(str(number), *cells)
    unshown = len(finding.rows) - SHOWN_ROWS
    if unshown > 0:
        table.add_row("", f"and {unshown:,} more rows")
    return indent(table)


def _places(finding: model.VersionFinding) -> RenderableType:
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("")
    for heading in (*finding.pair, "difference"):
        table.add_column(heading, justify="right")
    for difference in finding.places[:SHOWN_PLACES]:
        ends = cut_cell(difference.a), cut_cell(difference.b)
        # A result that is no container has no path.
        table.add_row(difference.path or "result", *ends, distance_text(difference))
    unshown = len(finding.places) - SHOWN_PLACES
    if unshown > 0:
        table.add_row(f"and {unshown} more")
    return indent(table)


def distance_text(place: model.Place[str]) -> str:
    """Return how far two values lie from each other, and each from the reference."""
    distance = ""
    if place.ulps is not None:
        distance = "1 ulp" if place.ulps == 1 else f"{place.ulps:,} ulps"
    if place.drift is None:
        return distance
    off = ["?" if ulps is None else f"{ulps:,}" for ulps in place.drift]
    return f"{distance} ({' and '.join(off)} off the reference)"


def _facts(compared: model.Compared, again: str) -> RenderableType:
    table = Table.grid(padding=(0, GAP, 0, 0))
    first, second = compared.environments
    table.add_row(f"  {first.name}", Text(versions_text(first, second)))
    table.add_row(f"  {second.name}", Text(versions_text(second, first)))
    if any(finding.cause == "library.version" for finding in compared.findings):
        table.add_row("  cause", Text(cause_text(compared.culprits, compared.tried)))
    table.add_row("  again", Text(again))
    return table
