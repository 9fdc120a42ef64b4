"""What one question came to on a terminal: its findings, what was never tested, and remarks."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from skewtest.report import model
from skewtest.report.alike import group_alike, name_first
from skewtest.report.document import outcome_of
from skewtest.report.environments import compared_of, spread_of
from skewtest.report.plain import one_line
from skewtest.report.remarks import remarks_of, word_excused
from skewtest.report.summary import list_set_aside, list_unapplied
from skewtest.report.terminal.compared import compared_blocks
from skewtest.report.terminal.finding import finding_blocks
from skewtest.report.terminal.rendering import WIDTH, indent, render
from skewtest.report.versions import spread_lines
from skewtest.results.outcome import Outcome

# Eight histories are more than anybody reads in one go; the report has them all.
MOST_SHOWN = 8


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
    if outcome.spread is not None:
        return "\n".join(spread_lines(spread_of(outcome)))
    if outcome.culprits is not None:
        blocks = compared_blocks(compared_of(outcome), again)
    else:
        blocks = outcome_blocks(outcome_of(outcome, again))
    return render(blocks, colour=colour, width=width)


def outcome_blocks(outcome: model.Outcome) -> list[RenderableType]:
    """Return one block for each finding that is not known, untested features and remarks too."""
    blocks: list[RenderableType] = []
    # What is known is told in a line at the end of the run.
    groups = group_alike(outcome.news)
    for findings in groups[:MOST_SHOWN]:
        blocks += finding_blocks(outcome, findings, outcome.again)
    further: list[model.Finding] = []
    for findings in groups[MOST_SHOWN:]:
        further += findings
    if further:
        blocks += [_word_further(outcome, further), Text("")]
    if outcome.skipped is not None:
        blocks += [Text(_word_skipped(outcome), style="yellow"), Text("")]
    if outcome.untested:
        blocks += [_word_untested(outcome), Text("")]
    for stale in outcome.stale:
        blocks += [_word_stale(outcome, stale), Text("")]
    for gap in (*list_unapplied(outcome), *list_set_aside(outcome)):
        blocks += [Text(f"incomplete: {gap}", style="yellow"), Text("")]
    for remark in remarks_of(outcome):
        blocks.append(Text(f"warning: {outcome.view}: {remark}", style="yellow"))
    return blocks


def _word_further(outcome: model.Outcome, findings: Sequence[model.Finding]) -> RenderableType:
    """Return which findings are not shown here."""
    names = name_first([f"{finding.feature} ({finding.kind})" for finding in findings])
    return Text(
        f"{outcome.view}: {len(findings)} further: {', '.join(names)}; "
        "--skew-report=DIR writes all of them"
    )


def _word_skipped(outcome: model.Outcome) -> str:
    return f"{outcome.view}[{outcome.scenario}]: skipped: {outcome.skipped}"


def _word_untested(outcome: model.Outcome) -> RenderableType:
    names = ", ".join(f"{outcome.view}.{name}" for name in outcome.untested)
    body = Text(
        f"In {outcome.histories:,} histories no side ever had a value that is not null. "
        "Agreeing on null proves nothing: widen the ranges of the source, or declare windows= "
        "so that events fall into them."
    )
    return Group(
        Text(f"{names}: never tested", style="bold red"),
        Text(""),
        indent(body),
        Text(""),
        indent(Text(f"again  {outcome.again}")),
    )


def _word_stale(outcome: model.Outcome, stale: model.Stale) -> RenderableType:
    title = f"{outcome.view}.{stale.feature}: the known divergence no longer occurs"
    body = (
        f"{outcome.histories:,} histories did not show what {stale.owner} knows of "
        f"({stale.reason}): take it out of pyproject.toml."
    )
    return Group(Text(one_line(title), style="bold red"), Text(""), indent(Text(one_line(body))))


def summary_line(outcome: model.Outcome) -> str:
    """Return one line on an outcome: verdict, histories, seconds."""
    if outcome.skipped is not None:
        return _word_skipped(outcome)
    line = (
        f"{outcome.view}[{outcome.column}]: {_verdict(outcome)}, {outcome.histories:,} histories, "
        f"{outcome.seconds.total:.1f} s"
    )
    excused = word_excused([outcome])
    return f"{line}, {excused}" if excused else line


def _verdict(outcome: model.Outcome) -> str:
    if outcome.news:
        return "skew" if outcome.gates else "would break"
    if outcome.stale:
        return "a known divergence no longer occurs"
    if outcome.untested:
        return "untested"
    if list_unapplied(outcome) or outcome.rejected:
        return "incomplete"
    # What was not run says nothing, whatever it would have come to.
    return "parity" if outcome.histories else "not tried"
