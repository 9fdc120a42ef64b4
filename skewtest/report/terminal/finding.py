"""A finding on a terminal: the claim, the history, the answers, and what is known of it."""

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from skewtest.declare.delivery import CAUSES
from skewtest.report import model
from skewtest.report.alike import name_first, values_of
from skewtest.report.claims import MIXES, NOT_MINIMISED, SEEN_ONCE, UNCOUNTED_KINDS, late_share
from skewtest.report.plain import one_line, visible
from skewtest.report.terminal.rendering import GAP, WIDTH, indent, make_facts, make_table
from skewtest.report.versions import cause_text, versions_text

# A cell of the table of environments; longer answers end in dots.
LONGEST_CELL = 34
REQUEST = "?"


def finding_blocks(
    outcome: model.Outcome, findings: Sequence[model.Finding], again: str
) -> list[RenderableType]:
    """Return the blocks of findings that one history shows.

    Args:
        outcome: what they were found in.
        findings: the findings; the first gives the title.
        again: the command that runs it again.
    """
    first = findings[0]
    blocks = [_title(Text(first.headline, style="bold red"), _origin(outcome, first))]
    if first.counterexample is not None:
        blocks.append(_history(first.counterexample.timeline))
        if first.counterexample.drawing:
            blocks.append(indent(Text("\n".join(first.counterexample.drawing))))
    for text in first.failures:
        blocks.append(indent(Text(visible(text))))
    blocks += _answers(findings)
    if first.attribution is not None and outcome.cell is not None:
        blocks.append(_attribution(first.attribution, outcome.cell))
    blocks.append(_facts(outcome, findings, again))
    spaced: list[RenderableType] = []
    for block in blocks:
        spaced += [block, Text("")]
    return spaced


def _title(title: Text, origin: str) -> RenderableType:
    """Return a title with where the finding comes from: on its right, or below a long one."""
    if len(title) + len(origin) + GAP > WIDTH:
        return Group(title, indent(Text(origin, style="dim")))
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right", no_wrap=True)
    line.add_row(title, Text(origin, style="dim"))
    return line


def _origin(outcome: model.Outcome, finding: model.Finding) -> str:
    if finding.replayed:
        return "kept counterexample"
    if not finding.found_at:
        return ""
    return f"history {finding.found_at:,} of {outcome.planned:,}, {outcome.seconds.total:.2f} s"


def _history(timeline: model.Timeline) -> RenderableType:
    widths = list(map(len, timeline.columns))
    for row in timeline.rows:
        for number, cell in enumerate(row):
            widths[number] = max(widths[number], len(cell))
    # Columns are not folded: a value that is broken in two is read as two.
    if sum(widths) + GAP * len(widths) <= WIDTH:
        return indent(_as_table(timeline))
    return indent(_as_records(timeline))


def _as_table(timeline: model.Timeline) -> Table:
    table = make_table(timeline.columns, gap=GAP)
    # A history without events is no table that was cut off: it says so.
    if all(row[0] == REQUEST for row in timeline.rows):
        table.add_row("", "(no events)")
    for number, row in enumerate(timeline.rows):
        _tell_omitted(table, timeline, number)
        table.add_row(*row, style=_style_of(row))
    return table


def _style_of(row: Sequence[str]) -> str:
    """Return how a row of a timeline is set: requests stand out among events."""
    return "bold" if row[0] == REQUEST else ""


def _as_records(timeline: model.Timeline) -> Table:
    """Return a timeline that is too wide for a table: a line for the time, then the values."""
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    head = timeline.columns.index(timeline.time) + 1
    names = timeline.columns[head:-1]
    for number, row in enumerate(timeline.rows):
        _tell_omitted(table, timeline, number)
        style = _style_of(row)
        texts = (*reversed(row[1:head]), row[-1])
        table.add_row(row[0], "  ".join(filter(None, texts)), style=style)
        cells = []
        for name, value in zip(names, row[head:-1], strict=True):
            if value:
                cells.append(f"{name}={value}")
        table.add_row("", "  ".join(cells), style=style)
    return table


def _tell_omitted(table: Table, timeline: model.Timeline, number: int) -> None:
    """Say in the middle of a long timeline how many rows are left out there."""
    if timeline.omitted and number == len(timeline.rows) // 2:
        table.add_row("", f"... {timeline.omitted:,} more ...")


def _answers(findings: Sequence[model.Finding]) -> Iterator[RenderableType]:
    """Return what the ends answered, where that is no failure; which row was not asked for."""
    first = findings[0]
    if first.surplus:
        yield indent(Text(first.surplus))
    elif first.kind == "nondeterministic":
        yield _two_runs(first)
    elif first.values and not first.failures:
        yield _values(findings)


def _two_runs(finding: model.Finding) -> RenderableType:
    table = make_table(("", *finding.pair))
    for name, answer in finding.values.items():
        table.add_row(name, answer.left_text, answer.right_text)
    return indent(table)


def _values(findings: Sequence[model.Finding]) -> RenderableType:
    table = make_table(("", *findings[0].pair, "difference"))
    marked = {finding.feature for finding in findings}
    answers, unshown = values_of(findings)
    for name, answer in answers.items():
        style = "red" if name in marked else ""
        table.add_row(name, answer.left_text, answer.right_text, answer.difference, style=style)
    if unshown:
        table.add_row(f"and {unshown} more")
    return indent(table)


def _attribution(attribution: model.Attribution, cell: Sequence[model.Versions]) -> RenderableType:
    """Return what both sides answer under both environments, as a table."""
    # A cell may hold the same environment twice.
    names = list(dict.fromkeys(versions.name for versions in cell))
    texts = {}
    for answer in attribution.answers:
        texts[answer.side, answer.environment] = _answer_text(answer)
    table = make_table(("", *names))
    rows: tuple[tuple[model.SideName, bool], ...] = (
        ("batch", attribution.batch_differs),
        ("online", attribution.online_differs),
    )
    for side, differs in rows:
        cells = [texts[side, name] for name in names]
        style = "red" if differs else ""
        table.add_row(f"{side} in", *cells, style=style)
    return indent(table)


def _answer_text(answer: model.EnvironmentAnswer) -> str:
    """Return what a side answers in an environment, and how far off the reference it is."""
    text = cut_cell(answer.text)
    if answer.ulps_off is None:
        return text
    return f"{text} ({answer.ulps_off:,} ulps off)"


def cut_cell(text: str) -> str:
    """Return a text that fits into a cell."""
    if len(text) <= LONGEST_CELL:
        return text
    return f"{text[: LONGEST_CELL - 3]}..."


def _facts(outcome: model.Outcome, findings: Sequence[model.Finding], again: str) -> RenderableType:
    facts = make_facts()
    for name, text in _cause_facts(outcome, findings[0]):
        facts.add_row(name, text)
    for name, text in _other_facts(findings):
        facts.add_row(name, text)
    facts.add_row("again", fold_command(again))
    return indent(facts)


def _cause_facts(outcome: model.Outcome, finding: model.Finding) -> Iterator[tuple[str, str]]:
    """Return what a finding hangs on: scenario, cause and environments; who is to blame."""
    if finding.scenario in CAUSES and finding.setting:
        yield "under", f"{finding.scenario}: {finding.setting}"
    elif finding.scenario in CAUSES:
        yield "under", finding.scenario
    yield "cause", _cause(finding)
    if outcome.cell is not None:
        first, second = outcome.cell
        yield first.name, versions_text(first, second)
        yield second.name, versions_text(second, first)
    tally = outcome.features.get(finding.feature)
    is_counted = finding.scenario == "late" and finding.kind not in UNCOUNTED_KINDS
    if is_counted and tally is not None and tally.compared:
        yield "share", late_share(tally)
    if finding.side:
        yield "blame", finding.side
    if finding.opinion is not None:
        yield "reference", finding.opinion.text
    if not finding.alone:
        yield "note", MIXES
    if not finding.recurs:
        yield "note", SEEN_ONCE
    if not finding.is_minimal:
        yield "note", NOT_MINIMISED


def _cause(finding: model.Finding) -> str:
    attribution = finding.attribution
    if attribution is not None and attribution.is_by_version:
        why = cause_text(attribution.culprits, attribution.tried or 1)
        return f"{attribution.verdict}; {why}"
    if attribution is not None:
        return f"{attribution.verdict}; {finding.cause}"
    if finding.nothings:
        return f"{finding.cause}; {finding.nothings}"
    return f"{finding.cause} ({finding.kind})"


def _other_facts(findings: Sequence[model.Finding]) -> Iterator[tuple[str, str]]:
    """Return which findings the same history shows, what is known of them, where they are kept."""
    alike = [f"{finding.feature} ({finding.kind})" for finding in findings[1:]]
    for text in name_first(alike):
        yield "also", text
    for finding in findings:
        entry = finding.known
        # What is known and has not expired is no finding that a terminal shows.
        if entry is not None:
            text = f"expired on {entry.expires}, {entry.owner}: {entry.reason}"
            yield "known", one_line(text)
    files = [finding.corpus for finding in findings if finding.corpus]
    for file in name_first(files):
        yield "kept", file


def fold_command(command: str) -> str:
    """Return a command that fits, or one that a shell reads on over two lines."""
    if len(command) <= WIDTH - len("  again  "):
        return command
    head, _, tail = command.rpartition(" ")
    return f"{head} \\\n  {tail}"
