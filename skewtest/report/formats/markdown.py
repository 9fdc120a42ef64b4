"""A report as Markdown for a pull request: short, and under the size that GitHub takes."""

import re
from collections.abc import Iterator, Sequence

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
    for gap in report.incomplete[:MOST_LINES]:
        blocks.append(f"> **Incomplete:** {_text(gap, LONGEST_LINE)}")
    blocks += _reach(report)
    if changes is not None:
        blocks += _changes(changes)
    if grid.failing().rows:
        blocks.append(_grid(grid.failing()))
    last = [*_list_known(report), *_laws(laws_of(report))]
    room = most - sum(len(block) + 2 for block in (*blocks, *last)) - 200
    blocks += _that_fit(_findings(report), room)
    text = "\n\n".join([*blocks, *last]) + "\n"
    return text if len(text) <= most else f"{text[: most - 20].rsplit(chr(10), 1)[0]}\n\n…\n"


def _that_fit(findings: Sequence[tuple[str, int]], room: int) -> list[str]:
    """Return blocks of findings that fit, and how many findings are not shown."""
    blocks: list[str] = []
    left = sum(count for _, count in findings)
    for block, told in findings[:MOST_FINDINGS]:
        room -= len(block) + 2
        if room < 0:
            break
        blocks.append(block)
        left -= told
    if left:
        blocks.append(f"*{count(left, 'further finding')} in the HTML report.*")
    return blocks


def _reach(report: model.Report) -> list[str]:
    """Return what budgets of seconds left out."""
    lines = []
    for outcome in report.outcomes:
        if outcome.reach is not None:
            place = f"{outcome.view}, {outcome.column}"
            lines.append(f"- {_text(place)}: {_text(word_reach(outcome.reach), LONGEST_LINE)}")
    return ["\n".join(lines[:MOST_LINES])] if lines else []


def _laws(laws: list[Law]) -> list[str]:
    """Return how many laws came to what, and which were not held; nothing without laws."""
    if not laws:
        return []
    counts = f"Laws: {count_laws(laws)}"
    rest = [law for law in laws if law.check.state != "held"]
    if not rest:
        return [counts]
    lines = [_row(["law", "of", "", "on, or why not"]), _row(["---"] * 4, escape=False)]
    for law in rest[:MOST_ROWS]:
        side = f"{law.view} {law.check.side}"
        word = f"**{law.word}**" if law.check.state == "broken" else law.word
        cells = [_text(law.claim), _text(side), word, _text(law.extent, LONGEST_LINE)]
        lines.append(_row(cells, escape=False))
    more = len(rest) - MOST_ROWS
    if more > 0:
        lines.append(_row([f"and {more} more", "", "", ""]))
    return [_fold(counts, "\n".join(lines))]


def _title(report: model.Report) -> str:
    signs = {"parity": "✅", "skew": "❌", "incomplete": "⚠️"}
    return f"{signs[report.verdict]} Training-serving parity: {report.verdict}"


def _changes(changes: Comparison) -> list[str]:
    blocks = [f"**Since the baseline:** {changes_text(changes)}."]
    news = [
        f"- {change.change}: {_text(f'{change.view}.{change.feature}')}, {_text(change.column)}"
        + (f" ({_text(change.kind)})" if change.kind else "")
        for change in changes.changed
    ]
    news += [f"- {_text(moved_line(moved))}" for moved in changes.moved]
    if news:
        left = len(news) - MOST_LINES
        lines = [*news[:MOST_LINES], *([f"- and {left} more"] if left > 0 else [])]
        blocks.append(_fold(f"{count(len(news), 'change')}", "\n".join(lines)))
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
        word = "" if cell is None else cell.word
        cells.append(f"**{word}**" if cell is not None and cell.state == "fails" else word)
    return cells


def _row(cells: list[str], *, escape: bool = True) -> str:
    return f"| {' | '.join(map(_text, cells) if escape else cells)} |"


def _findings(report: model.Report) -> list[tuple[str, int]]:
    """Return the blocks of what fails, and how many findings each tells of."""
    blocks = []
    for outcome in report.outcomes:
        if outcome.gates:
            for findings in group_alike(outcome.news):
                blocks.append((_finding(outcome, findings), len(findings)))
    for outcome in report.outcomes:
        blocks += [(line, 1) for line in _other_faults(outcome)]
    for compared in report.compared:
        for finding in compared.findings:
            body = "\n\n".join(map(_code, finding.failures))
            blocks.append((_fold(_html(finding.headline), body), 1))
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
    known = first.known
    if known is not None:
        yield f"was known until {_text(str(known.expires))} ({_text(known.owner)})"
    if first.side is not None:
        yield f"blame: {_text(first.side)}"
    others = [_text(f"{finding.feature} ({finding.kind})") for finding in findings[1:]]
    if others:
        yield f"also {', '.join(name_first(others))}"
    files = [f"kept in {_inline(finding.corpus)}" for finding in findings if finding.corpus]
    if files:
        yield "; ".join(name_first(files))


def _timeline(timeline: model.Timeline) -> str:
    head = [_text(name) or " " for name in timeline.columns]
    lines = [_row(head, escape=False), _row(["---"] * len(head), escape=False)]
    lines += [_row(list(cells)) for cells in timeline.rows[:MOST_LINES]]
    left = len(timeline.rows) - MOST_LINES
    if left > 0:
        lines.append(_row([f"and {left} more", *([""] * (len(head) - 1))]))
    return "\n".join(lines)


def _values(finding: model.Finding) -> str:
    lines = [_row(["", *finding.pair, "difference"]), _row(["---", *([":--"] * 3)], escape=False)]
    for name, answer in finding.values.items():
        lines.append(_row([name, answer.left_text, answer.right_text, answer.difference]))
    if finding.unshown:
        lines.append(_row([f"and {finding.unshown} more", "", "", ""]))
    return "\n".join(lines)


def _list_known(report: model.Report) -> list[str]:
    lines = []
    for outcome in report.outcomes:
        for finding in outcome.findings:
            known = finding.known
            if known is not None and not known.expired:
                lines.append(
                    f"- {_text(finding.headline)}, {_text(outcome.column)}: until "
                    f"{_text(str(known.expires))}, {_text(known.owner)}: {_text(known.reason)}"
                )
    if not lines:
        return []
    left = len(lines) - MOST_LINES
    shown = [*lines[:MOST_LINES], *([f"- and {left} more"] if left > 0 else [])]
    return [_fold(count(len(lines), "known divergence"), "\n".join(shown))]


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
    return MARKUP.sub(lambda found: f"\\{found[0]}", _html(text, most))


def _html(text: str, most: int = LONGEST_CELL) -> str:
    """Return a text that a summary shows as it is: there, HTML alone is markup."""
    short = cut_text(one_line(text), most)
    escaped = "".join(ENTITIES.get(character, character) for character in short)
    return LINKED.sub(lambda found: f"{found[0]}{BREAK}", escaped)
