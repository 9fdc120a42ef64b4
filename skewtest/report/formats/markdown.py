"""A report as Markdown for a pull request: short, and under the size that GitHub takes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from skewtest.report import model
from skewtest.report.alike import group_alike, name_first
from skewtest.report.changes import Comparison
from skewtest.report.grid import Grid, Row, grid_of
from skewtest.report.laws import Law, count_laws, laws_of
from skewtest.report.plain import cut_text, one_line, visible
from skewtest.report.remarks import word_reach
from skewtest.report.summary import changes_text, finding_cause, lead, moved_line
from skewtest.report.words import count

MARKER = "<!-- skewtest parity report -->"
"""The first line, by which a bot finds the comment that it is to update."""
# GitHub takes comments of up to 65,536 characters.
LONGEST = 65_000
# A comment is read between others: what is longer stands in the HTML.
MOST_ROWS, MOST_FINDINGS, MOST_LINES = 20, 10, 12
LONGEST_CELL, LONGEST_LINE, LONGEST_TRACEBACK = 80, 400, 1_200
MARKUP = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
# A dollar sign would begin a formula.
ENTITIES = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;", "$": "&#36;"})
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
    for gap in report.incomplete[:MOST_LINES]:
        blocks.append(f"> **Incomplete:** {_text(gap, LONGEST_LINE)}")
    blocks += _reach(report)
    if changes is not None:
        blocks += _changes(changes)
    if grid.failing().rows:
        blocks.append(_grid(grid.failing()))
    last = [*_list_known(report), *_laws(laws_of(report))]
    used = sum(len(block) + 2 for block in (*blocks, *last))
    # 200 characters are for the line that counts what did not fit.
    blocks += _choose_blocks(_findings(report), most - used - 200)
    text = "\n\n".join([*blocks, *last]) + "\n"
    if len(text) <= most:
        return text
    # Names may be so long that even without findings it is too much: whole lines are kept.
    whole_lines, _, _ = text[: most - 20].rpartition("\n")
    return f"{whole_lines}\n\n…\n"


def _choose_blocks(findings: Sequence["FindingsBlock"], room: int) -> list[str]:
    """Return blocks of findings that fit, and how many findings are not shown."""
    blocks: list[str] = []
    unshown = sum(block.findings for block in findings)
    for block in findings[:MOST_FINDINGS]:
        room -= len(block.text) + 2
        if room < 0:
            break
        blocks.append(block.text)
        unshown -= block.findings
    if unshown:
        blocks.append(f"*{count(unshown, 'further finding')} in the HTML report.*")
    return blocks


def _reach(report: model.Report) -> list[str]:
    """Return what budgets of seconds left out."""
    lines = []
    for outcome in report.outcomes:
        if outcome.reach is not None:
            check = f"{outcome.view}, {outcome.column}"
            lines.append(f"- {_text(check)}: {_text(word_reach(outcome.reach), LONGEST_LINE)}")
    return ["\n".join(lines[:MOST_LINES])] if lines else []


def _laws(laws: list[Law]) -> list[str]:
    """Return how many laws came to what, and which were not held; nothing without laws."""
    if not laws:
        return []
    counts = f"Laws: {count_laws(laws)}"
    rows = []
    for law in laws:
        # Most laws are held: that they were is told by their number.
        if law.check.state == "held":
            continue
        word = f"**{law.word}**" if law.check.state == "broken" else law.word
        side = _text(f"{law.view} {law.check.side}")
        rows.append([_text(law.claim), side, word, _text(law.extent, LONGEST_LINE)])
    if not rows:
        return [counts]
    table = _table(["law", "of", "", "on, or why not"], ["---"] * 4, rows, MOST_ROWS)
    return [_fold(counts, table)]


def _title(report: model.Report) -> str:
    signs = {"parity": "✅", "skew": "❌", "incomplete": "⚠️"}
    return f"{signs[report.verdict]} Training-serving parity: {report.verdict}"


def _changes(changes: Comparison) -> list[str]:
    blocks = [f"**Since the baseline:** {changes_text(changes)}."]
    lines = []
    for change in changes.changed:
        feature = _text(f"{change.view}.{change.feature}")
        line = f"- {change.change}: {feature}, {_text(change.column)}"
        # What is no longer checked has no kind.
        if change.kind:
            line += f" ({_text(change.kind)})"
        lines.append(line)
    for moved in changes.moved:
        lines.append(f"- {_text(moved_line(moved))}")
    if lines:
        blocks.append(_fold_list(count(len(lines), "change"), lines))
    return blocks


def _grid(grid: Grid) -> str:
    rows = [_cells(grid, row) for row in grid.rows]
    head = ["feature", *map(_text, grid.columns)]
    return _table(head, ["---", *([":-:"] * len(grid.columns))], rows, MOST_ROWS)


def _cells(grid: Grid, row: Row) -> list[str]:
    cells = [_text(row.name)]
    for name in grid.columns:
        cell = row.cells.get(name)
        if cell is None:
            cells.append("")
        elif cell.state == "fails":
            cells.append(f"**{cell.word}**")
        else:
            cells.append(cell.word)
    return cells


def _table(
    head: Sequence[str], rules: Sequence[str], rows: Sequence[Sequence[str]], most: int
) -> str:
    """Return a table of so many rows at most, and how many more there are.

    Args:
        head: the headings, escaped as all cells.
        rules: what stands under each: `---`, or `:-:` of a column that is centred.
        rows: the rows.
        most: how many of them are shown.
    """
    lines = [_row(head), _row(rules), *map(_row, rows[:most])]
    if len(rows) > most:
        lines.append(_row([f"and {len(rows) - most} more", *([""] * (len(head) - 1))]))
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


@dataclass(frozen=True, slots=True)
class FindingsBlock:
    """A piece of Markdown, and how many findings it tells of."""

    text: str
    findings: int = 1


def _findings(report: model.Report) -> list[FindingsBlock]:
    """Return the blocks of what fails."""
    blocks = []
    for outcome in report.outcomes:
        if outcome.gates:
            for findings in group_alike(outcome.news):
                blocks.append(FindingsBlock(_finding(outcome, findings), len(findings)))
    for outcome in report.outcomes:
        blocks += map(FindingsBlock, _other_faults(outcome))
    for compared in report.compared:
        for finding in compared.findings:
            body = "\n\n".join(map(_code, finding.failures))
            blocks.append(FindingsBlock(_fold(_html(finding.headline), body)))
    return blocks


def _other_faults(outcome: model.Outcome) -> Iterator[str]:
    """Return what is wrong with an outcome beside its findings."""
    place = f"**{_text(outcome.view)}**, {_text(outcome.column)}"
    if outcome.untested:
        names = ", ".join(map(_text, outcome.untested))
        yield f"{place}: never tested: {names}. No side ever had a value."
    for stale in outcome.stale:
        yield (
            f"{place}: the known divergence of {_text(stale.feature)} ({_text(stale.owner)}) no "
            "longer occurs; take it out of pyproject.toml."
        )


def _finding(outcome: model.Outcome, findings: Sequence[model.Finding]) -> str:
    """Return the block of findings that one history shows."""
    first = findings[0]
    parts = []
    if first.counterexample is not None:
        parts.append(_timeline(first.counterexample.timeline))
    parts += [_code(cut_text(text, LONGEST_TRACEBACK)) for text in first.failures]
    if first.surplus:
        parts.append(_text(first.surplus, LONGEST_LINE))
    if first.values and not first.failures:
        parts.append(_values(first))
    parts.append("; ".join(_finding_facts(findings)))
    title = f"<b>{_html(first.headline)}</b>, {_html(outcome.column)}"
    return _fold(title, "\n\n".join(parts))


def _finding_facts(findings: Sequence[model.Finding]) -> Iterator[str]:
    """Return the cause, who is to blame, what else the history shows, and where it is kept."""
    first = findings[0]
    yield f"cause: {_text(finding_cause(first), LONGEST_LINE)}"
    entry = first.known
    if entry is not None:
        yield f"was known until {_text(str(entry.expires))} ({_text(entry.owner)})"
    if first.side is not None:
        yield f"blame: {_text(first.side)}"
    alike, files = [], []
    for finding in findings:
        if finding is not first:
            alike.append(_text(f"{finding.feature} ({finding.kind})"))
        if finding.corpus:
            files.append(f"kept in {_inline(finding.corpus)}")
    if alike:
        yield f"also {', '.join(name_first(alike))}"
    if files:
        yield "; ".join(name_first(files))


def _timeline(timeline: model.Timeline) -> str:
    head = [_text(name) or " " for name in timeline.columns]
    rows = [list(map(_text, cells)) for cells in timeline.rows]
    return _table(head, ["---"] * len(head), rows, MOST_LINES)


def _values(finding: model.Finding) -> str:
    rows = []
    for name, answer in finding.values.items():
        cells = name, answer.left_text, answer.right_text, answer.difference
        rows.append(list(map(_text, cells)))
    if finding.unshown:
        rows.append([f"and {finding.unshown} more", "", "", ""])
    head = ["", *map(_text, finding.pair), "difference"]
    # The report holds the answers that matter most, and none of them is left out here.
    return _table(head, ["---", *([":--"] * 3)], rows, len(rows))


def _list_known(report: model.Report) -> list[str]:
    lines = []
    for outcome in report.outcomes:
        for finding in outcome.findings:
            entry = finding.known
            # One that has expired fails, and stands among the findings.
            if entry is not None and not entry.expired:
                lines.append(
                    f"- {_text(finding.headline)}, {_text(outcome.column)}: until "
                    f"{_text(str(entry.expires))}, {_text(entry.owner)}: {_text(entry.reason)}"
                )
    return [_fold_list(count(len(lines), "known divergence"), lines)] if lines else []


def _fold_list(title: str, lines: Sequence[str]) -> str:
    """Return the first lines of a list under a title, and how many more there are."""
    first = list(lines[:MOST_LINES])
    if len(lines) > MOST_LINES:
        first.append(f"- and {len(lines) - MOST_LINES} more")
    return _fold(title, "\n".join(first))


def _fold(title: str, body: str) -> str:
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
    return MARKUP.sub(lambda match: f"\\{match[0]}", _html(text, most))


def _html(text: str, most: int = LONGEST_CELL) -> str:
    """Return a text that a summary shows as it is: there, HTML alone is markup."""
    short = cut_text(one_line(text), most)
    escaped = short.translate(ENTITIES)
    return LINKED.sub(lambda match: f"{match[0]}{BREAK}", escaped)
