"""A report as Markdown for a pull request: short, and under the size that GitHub takes."""

import re
from collections.abc import Sequence

from skewtest.report import model
from skewtest.report.changes import Comparison
from skewtest.report.grid import Grid, Row, grid_of
from skewtest.report.plain import one_line, shortened, visible
from skewtest.report.summary import alike, changes_text, count, finding_cause, lead, moved_line
from skewtest.report.words import MOST_ALIKE

MARKER = "<!-- skewtest parity report -->"
"""The first line, by which a bot finds the comment that it is to update."""
LONGEST = 65_000
"""GitHub takes comments of up to 65,536 characters."""
MOST_ROWS, MOST_FINDINGS, MOST_LINES = 20, 10, 12
LONGEST_CELL, LONGEST_LINE, LONGEST_TRACEBACK = 80, 400, 1_200
MARKUP = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "$": "&#36;"}
LINKED = re.compile(r"@(?=\w)|#(?=\d)|:(?=[a-z+][\w+-]*:)|:(?=//)|\bwww(?=\.)")
"""What GitHub makes mentions, references, emoji and links of, even where it is escaped."""
BREAK = "&#8203;"


def markdown(
    report: model.Report, changes: Comparison | None = None, *, most: int = LONGEST
) -> str:
    """Return a report as Markdown; what does not fit is left out, and counted.

    Args:
        report: the report.
        changes: what has changed since a baseline.
        most: how many characters it may have.
    """
    grid = grid_of(report)
    blocks = [MARKER, f"## {_title(report)}", _text(lead(report), LONGEST_LINE)]
    blocks += [
        f"> **Incomplete:** {_text(gap, LONGEST_LINE)}" for gap in report.incomplete[:MOST_LINES]
    ]
    if changes is not None:
        blocks += _changes(changes)
    if grid.failing().rows:
        blocks.append(_grid(grid.failing()))
    found = _findings(report)
    known = _known(report)
    size = sum(map(len, blocks)) + sum(map(len, known)) + 2 * (len(blocks) + len(known)) + 200
    shown = 0
    for block, findings in found[:MOST_FINDINGS]:
        if size + len(block) + 2 > most:
            break
        blocks.append(block)
        size += len(block) + 2
        shown += findings
    left = sum(findings for _, findings in found) - shown
    if left:
        blocks.append(f"*{count(left, 'further finding')} in the HTML report.*")
    text = "\n\n".join([*blocks, *known]) + "\n"
    return text if len(text) <= most else f"{text[: most - 20].rsplit(chr(10), 1)[0]}\n\n…\n"


def _title(report: model.Report) -> str:
    signs = {"parity": "✅", "skew": "❌", "incomplete": "⚠️"}
    return f"{signs[report.verdict]} Training-serving parity: {report.verdict}"


def _changes(changes: Comparison) -> list[str]:
    blocks = [f"**Since the baseline:** {changes_text(changes)}."]
    news = [
        f"- {one.change}: {_text(f'{one.view}.{one.feature}')}, {_text(one.column)}"
        + (f" ({_text(one.kind)})" if one.kind else "")
        for one in changes.changed
    ]
    news += [f"- {_text(moved_line(moved))}" for moved in changes.moved]
    if news:
        left = len(news) - MOST_LINES
        lines = [*news[:MOST_LINES], *([f"- and {left} more"] if left > 0 else [])]
        blocks.append(_folded(f"{count(len(news), 'change')}", "\n".join(lines)))
    return blocks


def _grid(grid: Grid) -> str:
    head = ["feature", *grid.columns]
    lines = [_row(head), _row(["---", *([":-:"] * len(grid.columns))], escape=False)]
    lines += [_row(_cells(grid, row), escape=False) for row in grid.rows[:MOST_ROWS]]
    left = len(grid.rows) - MOST_ROWS
    if left > 0:
        lines.append(_row([f"and {left} more", *([""] * len(grid.columns))]))
    return "\n".join(lines)


def _cells(grid: Grid, row: Row) -> list[str]:
    cells = [_text(row.name)]
    for name in grid.columns:
        cell = row.cells.get(name)
        told = "" if cell is None else cell.word
        cells.append(f"**{told}**" if cell is not None and cell.state == "fails" else told)
    return cells


def _row(cells: list[str], *, escape: bool = True) -> str:
    return f"| {' | '.join(map(_text, cells) if escape else cells)} |"


def _findings(report: model.Report) -> list[tuple[str, int]]:
    """Return the blocks of what fails, and how many findings each tells of."""
    blocks = [
        (_finding(outcome, finding, others), 1 + len(others))
        for outcome in report.outcomes
        if outcome.gates
        for finding, *others in alike(outcome.findings)
        if finding.known is None or finding.known.expired
    ]
    lines = [
        f"**{_text(outcome.view)}**, {_text(outcome.column)}: never tested: "
        f"{', '.join(map(_text, outcome.untested))}. No side ever had a value."
        for outcome in report.outcomes
        if outcome.untested
    ]
    lines += [
        f"**{_text(outcome.view)}**, {_text(outcome.column)}: the known divergence of "
        f"{_text(stale.feature)} ({_text(stale.owner)}) no longer occurs; take it out of "
        "pyproject.toml."
        for outcome in report.outcomes
        for stale in outcome.stale
    ]
    lines += [
        _folded(_html(finding.headline), "\n\n".join(map(_code, finding.failures)))
        for compared in report.compared
        for finding in compared.findings
    ]
    return [*blocks, *((line, 1) for line in lines)]


def _finding(
    outcome: model.Outcome, finding: model.Finding, others: Sequence[model.Finding]
) -> str:
    lines = []
    if finding.counterexample is not None:
        lines.append(_timeline(finding.counterexample.timeline))
    lines += [_code(shortened(text, LONGEST_TRACEBACK)) for text in finding.failures]
    if finding.values and not finding.failures:
        lines.append(_values(finding))
    facts = [f"cause: {_text(finding_cause(finding), LONGEST_LINE)}"]
    if finding.known is not None:
        facts.append(
            f"was known until {_text(finding.known.expires)} ({_text(finding.known.owner)})"
        )
    if finding.side is not None:
        facts.append(f"blame: {_text(finding.side)}")
    if others:
        facts.append(
            f"also {_some([_text(f'{one.feature} ({one.kind})') for one in others], ', ')}"
        )
    files = [f"kept in {_inline(one.corpus)}" for one in (finding, *others) if one.corpus]
    facts += [_some(files, "; ")] if files else []
    lines.append("; ".join(facts))
    title = f"<b>{_html(finding.headline)}</b>, {_html(outcome.column)}"
    return _folded(title, "\n\n".join(lines))


def _some(texts: Sequence[str], between: str) -> str:
    """Return the first few texts, and how many more there are."""
    left = len(texts) - MOST_ALIKE
    return between.join([*texts[:MOST_ALIKE], *([f"and {left} more"] if left > 0 else [])])


def _timeline(timeline: model.Timeline) -> str:
    head = [_text(name) or " " for name in timeline.columns]
    lines = [_row(head, escape=False), _row(["---"] * len(head), escape=False)]
    lines += [_row(list(cells)) for cells in timeline.rows[:MOST_LINES]]
    left = len(timeline.rows) - MOST_LINES
    if left > 0:
        lines.append(_row([f"and {left} more", *([""] * (len(head) - 1))]))
    return "\n".join(lines)


def _values(finding: model.Finding) -> str:
    sides = ("as it is", "changed") if finding.relation else ("batch", "online")
    lines = [_row(["", *sides, "difference"]), _row(["---", *([":--"] * 3)], escape=False)]
    for name, answer in finding.values.items():
        lines.append(_row([name, answer.left_text, answer.right_text, answer.difference]))
    if finding.unshown:
        lines.append(_row([f"and {finding.unshown} more", "", "", ""]))
    return "\n".join(lines)


def _known(report: model.Report) -> list[str]:
    lines = [
        f"- {_text(finding.headline)}, {_text(outcome.column)}: until "
        f"{_text(finding.known.expires)}, {_text(finding.known.owner)}: "
        f"{_text(finding.known.reason)}"
        for outcome in report.outcomes
        for finding in outcome.findings
        if finding.known is not None and not finding.known.expired
    ]
    if not lines:
        return []
    left = len(lines) - MOST_LINES
    shown = [*lines[:MOST_LINES], *([f"- and {left} more"] if left > 0 else [])]
    return [_folded(count(len(lines), "known divergence"), "\n".join(shown))]


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _code(text: str) -> str:
    """Return a text as a block of code, in a fence longer than any run of backquotes in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{visible(text)}\n{fence}"


def _inline(text: str) -> str:
    return f"`{one_line(text).replace('`', chr(39))}`"


def _text(text: str, most: int = LONGEST_CELL) -> str:
    """Return a text that Markdown shows as it is, on one line: no markup, mention or link."""
    return MARKUP.sub(lambda found: f"\\{found[0]}", _html(text, most))


def _html(text: str, most: int = LONGEST_CELL) -> str:
    """Return a text that a summary shows as it is: there, HTML alone is markup."""
    short = shortened(one_line(text), most)
    escaped = "".join(ENTITIES.get(character, character) for character in short)
    return LINKED.sub(lambda found: f"{found[0]}{BREAK}", escaped)
