"""The report on a terminal: 80 columns, colours only where the caller says so."""

from collections.abc import Sequence
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from skewtest.declare.delivery import CAUSES
from skewtest.declare.known import Known
from skewtest.report.plain import one_line, visible
from skewtest.report.timeline import Timeline, drawing_of, timeline_of
from skewtest.report.versions import (
    attribution_table,
    cause_text,
    compared_blocks,
    spread_lines,
    spread_of,
    versions_text,
)
from skewtest.report.words import (
    MIXES,
    MOST_ALIKE,
    difference_text,
    early_text,
    failure_text,
    headline,
    late_share,
    nothings_text,
    setting_of,
    shown_values,
    value_text,
)
from skewtest.results.finding import Finding
from skewtest.results.outcome import Outcome

WIDTH = 80
MOST_SHOWN = 8
"""So many counterexamples of an outcome are shown; the report has them all."""
GAP = 2


def report_text(
    outcome: Outcome,
    again: str,
    *,
    colour: bool = False,
    width: int = WIDTH,
) -> str:
    """Return the report of one outcome as text.

    Args:
        outcome: what a run found.
        again: the command that runs it again.
        colour: whether to write ANSI colours.
        width: columns of the terminal.
    """
    if outcome.culprits is not None:
        return rendered(compared_blocks(outcome, again), colour=colour, width=width)
    if outcome.spread is not None:
        return "\n".join(spread_lines(spread_of(outcome)))
    return rendered(outcome_blocks(outcome, again), colour=colour, width=width)


def rendered(blocks: Sequence[RenderableType], *, colour: bool = False, width: int = WIDTH) -> str:
    """Return rich blocks as text."""
    buffer = StringIO()
    console = Console(
        file=buffer,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for block in blocks:
        console.print(block, soft_wrap=isinstance(block, Text))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())


def outcome_blocks(outcome: Outcome, again: str) -> list[RenderableType]:
    """Return one block for each finding that is not known, untested features and remarks too."""
    blocks: list[RenderableType] = []
    groups = _alike([finding for finding in outcome.findings if finding.is_news])
    for first, *alike in groups[:MOST_SHOWN]:
        blocks += [*_finding(outcome, first, alike, again), Text("")]
    if left := groups[MOST_SHOWN:]:
        blocks += [_further(outcome, [finding for group in left for finding in group]), Text("")]
    if outcome.skipped is not None:
        told = f"{outcome.view.name}[{outcome.scenario}]: skipped: {outcome.skipped}"
        blocks += [Text(told, style="yellow"), Text("")]
    if outcome.untested:
        blocks += [_untested(outcome, again), Text("")]
    for known in outcome.stale:
        blocks += [_stale(outcome, known), Text("")]
    blocks += _remarks(outcome)
    return blocks


def _further(outcome: Outcome, findings: Sequence[Finding]) -> RenderableType:
    """Return which findings are not shown here."""
    names = _first([f"{one.feature} ({one.kind})" for one in findings])
    return Text(
        f"{outcome.view.name}: {len(findings)} further: {', '.join(names)}; "
        "--skew-report=DIR writes all of them"
    )


def _alike(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Return findings in groups that the same counterexample shows, one block each."""
    groups: list[list[Finding]] = []
    for finding in findings:
        home = next((group for group in groups if _same_example(group[0], finding)), None)
        if home is None:
            groups.append([finding])
        else:
            home.append(finding)
    return groups


def _same_example(one: Finding, other: Finding) -> bool:
    if one.counterexample is None or other.counterexample is None:
        return False
    if one.failures or other.failures or one.kind == "extra row":
        return False
    if (one.relation, one.side) != (other.relation, other.side):
        return False
    if one.divergence.row != other.divergence.row:
        return False
    left, right = one.counterexample.history, other.counterexample.history
    return (
        left.lag == right.lag
        and left.spine.equals(right.spine)
        and all(frame.equals(right.events[name]) for name, frame in left.events.items())
    )


def _finding(
    outcome: Outcome, finding: Finding, alike: Sequence[Finding], again: str
) -> list[RenderableType]:
    title = Text(headline(finding, outcome.view.name), style="bold red")
    blocks: list[RenderableType] = [_title(title, _found(outcome, finding)), Text("")]
    if finding.counterexample is not None:
        blocks += [_history(finding), Text("")]
        if drawing := drawing_of(finding.counterexample):
            blocks += [Padding(Text("\n".join(drawing)), (0, 0, 0, 2)), Text("")]
    for failure in finding.failures:
        blocks += [Padding(Text(visible(failure_text(failure))), (0, 0, 0, 2)), Text("")]
    if finding.kind == "extra row":
        blocks += [Padding(Text(_extra_text(finding)), (0, 0, 0, 2)), Text("")]
    elif finding.kind == "nondeterministic":
        blocks += [_two_runs(finding), Text("")]
    elif finding.values and not finding.failures:
        blocks += [_values(finding, {finding.feature, *(f.feature for f in alike)}), Text("")]
    if finding.attribution is not None and outcome.cell is not None:
        names = outcome.cell[0].name, outcome.cell[1].name
        blocks += [attribution_table(finding.attribution, names), Text("")]
    blocks.append(_facts(outcome, finding, alike, again))
    return blocks


def _title(title: Text, found: str) -> RenderableType:
    if len(title) + len(found) + 2 > WIDTH:
        return Group(title, Padding(Text(found, style="dim"), (0, 0, 0, 2)))
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right", no_wrap=True)
    line.add_row(title, Text(found, style="dim"))
    return line


def _found(outcome: Outcome, finding: Finding) -> str:
    if finding.replayed:
        return "kept counterexample"
    if not finding.found_at:
        return ""
    return f"history {finding.found_at:,} of {outcome.planned:,}, {outcome.seconds.total:.2f} s"


def _history(finding: Finding) -> RenderableType:
    assert finding.counterexample is not None
    timeline = timeline_of(finding.counterexample, finding.divergence.row)
    widths = [max(map(len, column)) for column in zip(timeline.columns, *timeline.rows)]  # noqa: B905
    fits = sum(widths) + GAP * len(widths) <= WIDTH
    return Padding((_as_table if fits else _as_records)(timeline), (0, 0, 0, 2))


def _as_table(timeline: Timeline) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for name in timeline.columns:
        table.add_column(name, overflow="fold")
    half = len(timeline.rows) // 2
    if not any(row[0] != "?" for row in timeline.rows):
        table.add_row("", "(no events)")
    for number, row in enumerate(timeline.rows):
        if timeline.omitted and number == half:
            table.add_row("", f"... {timeline.omitted:,} more ...")
        table.add_row(*row, style="bold" if row[0] == "?" else "")
    return table


def _as_records(timeline: Timeline) -> Table:
    """Return a timeline that is too wide for a table: a line for the time, then the values."""
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    head = timeline.columns.index(timeline.time) + 1
    names = timeline.columns[head:-1]
    half = len(timeline.rows) // 2
    for number, row in enumerate(timeline.rows):
        if timeline.omitted and number == half:
            table.add_row("", f"... {timeline.omitted:,} more ...")
        style = "bold" if row[0] == "?" else ""
        table.add_row(
            row[0], "  ".join(filter(None, (*reversed(row[1:head]), row[-1]))), style=style
        )
        cells = (f"{n}={v}" for n, v in zip(names, row[head:-1], strict=True) if v)
        table.add_row("", "  ".join(cells), style=style)
    return table


def _values(finding: Finding, marked: set[str]) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for name in ("", *finding.pair, "difference"):
        table.add_column(name, overflow="fold")
    shown = shown_values(finding, marked)
    for name, (batch, online) in shown.items():
        told = difference_text(batch, online)
        style = "red" if name in marked else ""
        table.add_row(name, value_text(batch), value_text(online), told, style=style)
    if len(shown) < len(finding.values):
        table.add_row(f"and {len(finding.values) - len(shown)} more")
    return Padding(table, (0, 0, 0, 2))


def _two_runs(finding: Finding) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for name in ("", *finding.pair):
        table.add_column(name, overflow="fold")
    one, other = finding.divergence.left, finding.divergence.right
    table.add_row(finding.divergence.feature, value_text(one), value_text(other))
    return Padding(table, (0, 0, 0, 2))


def _extra_text(finding: Finding) -> str:
    extra = finding.divergence.left
    key = ", ".join(value_text(value) for value in extra.key[:-1])
    if extra.asked:
        count = extra.count + 1
        return f"batch returns {count} rows for the entity {key} at one as_of; expected one."
    rows = "a row" if extra.count == 1 else f"{extra.count} rows"
    return f"batch returns {rows} for the entity {key} at an as_of that the spine does not ask for."


def _facts(
    outcome: Outcome, finding: Finding, alike: Sequence[Finding], again: str
) -> RenderableType:
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    if finding.scenario in CAUSES:
        setting = setting_of(finding)
        facts.add_row("under", f"{finding.scenario}: {setting}" if setting else finding.scenario)
    facts.add_row("cause", _cause(finding))
    if outcome.cell is not None:
        for versions, compared in (outcome.cell, outcome.cell[::-1]):
            facts.add_row(versions.name, versions_text(versions, compared))
    tally = outcome.tallies.get(finding.divergence.feature)
    if finding.scenario == "late" and tally and tally.compared:
        facts.add_row("share", late_share(tally))
    if finding.side:
        facts.add_row("blame", finding.side)
    if not finding.alone:
        facts.add_row("note", MIXES)
    for told in _first([f"{other.feature} ({other.kind})" for other in alike]):
        facts.add_row("also", told)
    for known in filter(None, (one.known for one in (finding, *alike))):
        told = f"expired on {known.expires}, {known.owner}: {known.reason}"
        facts.add_row("known", one_line(told))
    for file in _first([kept.corpus for kept in (finding, *alike) if kept.corpus]):
        facts.add_row("kept", file)
    facts.add_row("again", _foldable(again))
    return Padding(facts, (0, 0, 0, 2))


def _first(texts: Sequence[str]) -> list[str]:
    """Return the first few texts, and how many more there are."""
    left = len(texts) - MOST_ALIKE
    return [*texts[:MOST_ALIKE], *([f"and {left} more"] if left > 0 else [])]


def _foldable(command: str) -> str:
    """Return a command that fits, or one that a shell reads on over two lines."""
    if len(command) <= WIDTH - len("  again  "):
        return command
    head, _, tail = command.rpartition(" ")
    return f"{head} \\\n  {tail}"


def _cause(finding: Finding) -> str:
    kind = finding.kind
    found = finding.attribution
    if found is not None:
        told = cause_text(found.culprits, found.tried or 1) if found.version else finding.cause
        return f"{found.verdict}; {told}"
    if kind == "null":
        return f"{finding.cause}; {nothings_text(finding)}"
    return f"{finding.cause} ({kind})"


def _untested(outcome: Outcome, again: str) -> RenderableType:
    names = ", ".join(f"{outcome.view.name}.{name}" for name in outcome.untested)
    title = Text(f"{names}: never tested", style="bold red")
    body = Text(
        f"In {outcome.histories:,} histories no side ever had a value that is not null. "
        "Agreeing on null proves nothing: widen the ranges of the source, or declare windows= "
        "so that events fall into them."
    )
    return Group(
        title,
        Text(""),
        Padding(body, (0, 0, 0, 2)),
        Text(""),
        Padding(Text(f"again  {again}"), (0, 0, 0, 2)),
    )


def _stale(outcome: Outcome, known: Known) -> RenderableType:
    title = f"{outcome.view.name}.{known.feature}: the known divergence no longer occurs"
    body = (
        f"{outcome.histories:,} histories did not show what {known.owner} knows of "
        f"({known.reason}): take it out of pyproject.toml."
    )
    return Group(
        Text(one_line(title), style="bold red"),
        Text(""),
        Padding(Text(one_line(body)), (0, 0, 0, 2)),
    )


def _remarks(outcome: Outcome) -> list[RenderableType]:
    view = outcome.view.name
    told = [f"{view}: {side} changes its input {name!r} in place" for side, name in outcome.mutated]
    told += [
        f"{view}: kept counterexample {path} was not used: {why}" for path, why in outcome.rejected
    ]
    told += [early_text(outcome, name) for name in outcome.early]
    told += [f"{view}: a counterexample could not be kept: {why}" for why in outcome.unkept]
    return [Text(f"warning: {line}", style="yellow") for line in told]


def cell_name(outcome: Outcome) -> str:
    """Return the environments of an outcome, as test ids have them."""
    return "" if outcome.cell is None else "~".join(versions.name for versions in outcome.cell)


def summary_line(outcome: Outcome) -> str:
    """Return one line on an outcome: verdict, histories, seconds."""
    if outcome.skipped is not None:
        return f"{outcome.view.name}[{outcome.scenario}]: skipped: {outcome.skipped}"
    news = any(finding.is_news for finding in outcome.findings)
    verdict = "skew" if news else "untested" if outcome.untested else "parity"
    if not outcome.gates and news:
        verdict = "would break"
    if not news and outcome.stale:
        verdict = "a known divergence no longer occurs"
    place = outcome.scenario if outcome.cell is None else f"{outcome.scenario}-{cell_name(outcome)}"
    return (
        f"{outcome.view.name}[{place}]: {verdict}, {outcome.histories:,} histories, "
        f"{outcome.seconds.total:.1f} s"
    )
