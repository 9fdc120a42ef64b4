"""What `skewtest report` does with report.json: show, render, merge, compare, record."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer

from skewtest.cli.exits import INCOMPLETE, PARITY, SKEW, refuse
from skewtest.errors import ReportError
from skewtest.files import REPORT_HTML, REPORT_MD, write_whole
from skewtest.report import model
from skewtest.report.changes import Comparison, compare_reports
from skewtest.report.closing import change_lines, closing_lines, closing_table
from skewtest.report.formats.github import annotations
from skewtest.report.formats.gitlab import code_quality
from skewtest.report.formats.html import html_page
from skewtest.report.formats.junit import junit
from skewtest.report.formats.markdown import markdown
from skewtest.report.formats.sarif import sarif
from skewtest.report.formats.trend import trend_page
from skewtest.report.outputs import record, write_step_summary
from skewtest.report.plain import one_line
from skewtest.report.reading import report_from_file
from skewtest.report.shards import merge_shards as merge_reports_of_shards
from skewtest.report.summary import lead
from skewtest.report.trend import read_history

# How many lines of a history that cannot be read are named: the rest tells nothing new.
MOST_BROKEN = 5
EXITS = {"parity": PARITY, "skew": SKEW, "incomplete": INCOMPLETE}

T = TypeVar("T")
Format = Callable[[model.Report, Comparison | None], str]

FORMATS: dict[str, tuple[str, Format]] = {
    "html": (REPORT_HTML, html_page),
    "md": (REPORT_MD, markdown),
    "junit": ("junit.xml", lambda report, _changes: junit(report)),
    "sarif": ("report.sarif", lambda report, _changes: sarif(report)),
    "gitlab": ("gl-code-quality-report.json", lambda report, _changes: code_quality(report)),
}
"""By option the name of the file and what makes it."""


def show_schema() -> None:
    """Print the JSON Schema of report.json."""
    typer.echo(json.dumps(model.schema(), indent=1))


def render_report(
    file: Path,
    formats: Sequence[str],
    *,
    out: Path | None,
    baseline: Path | None,
    github: bool,
) -> None:
    """Write a report in other formats; without any, show it.

    Args:
        file: a report.json.
        formats: keys of FORMATS.
        out: the folder to write to; None: that of the file.
        baseline: an earlier report.json.
        github: whether to print annotations and write the job's summary.
    """
    report = load_report(file)
    changes = None if baseline is None else compare_reports(load_report(baseline), report)
    for name in formats:
        file_name, make = FORMATS[name]
        write_file((out or file.parent) / file_name, make(report, changes).encode())
    if github:
        for line in annotations(report):
            typer.echo(line)
        or_refuse(lambda: write_step_summary(report, changes))
    # Who asks for files, or for annotations, reads them: without any the report is read here.
    elif not formats:
        _show(report, changes)


def merge_shards(shards: Sequence[Path], out: Path, expect: int | None) -> NoReturn:
    """Put the reports of a run together; what is lost of it is a gap.

    Args:
        shards: the report.json of each part.
        out: the file to write.
        expect: how many parts there must be.
    """
    if out.resolve() in {path.resolve() for path in shards}:
        refuse(f"{out} is one of the shards, and would be lost. Name another file with --out.")
    distinct: dict[bytes, tuple[str, model.Report]] = {}
    gaps: list[str] = []
    for path in shards:
        try:
            report = report_from_file(path)
        except ReportError as error:
            gaps.append(f"shard {path} is lost: {error}")
        else:
            # A shard that is given twice counts once.
            distinct.setdefault(model.to_json(report), (str(path), report))
    parts = len(distinct) + len(gaps)
    # A job that died before it wrote a file names none: only the number tells of it.
    if expect is not None and parts < expect:
        gaps.append(_never_written(parts + 1, expect))
    merged = merge_reports_of_shards([*distinct.values()], gaps)
    write_file(out, model.to_json(merged))
    _show(merged, None)
    raise typer.Exit(EXITS[merged.verdict])


def compare_files(before: Path, after: Path, *, as_json: bool) -> NoReturn:
    """Show what changed from one report.json to another."""
    changes = compare_reports(load_report(before), load_report(after))
    if as_json:
        typer.echo(json.dumps(_changes_as_dict(changes), indent=1))
    else:
        for line in change_lines(changes):
            typer.echo(line)
    code = PARITY if changes.ok else SKEW
    raise typer.Exit(code)


def record_run(file: Path, history: Path) -> None:
    """Append the run of a report.json to a history file."""
    report = load_report(file)
    or_refuse(lambda: record(history, report))
    typer.echo(f"recorded in {history}")


def write_trend(history: Path, out: Path, last: int) -> None:
    """Write a page that shows the last runs of a history file."""
    runs = or_refuse(lambda: read_history(history))
    for line in runs.broken[:MOST_BROKEN]:
        typer.echo(f"skewtest: {line}; it is left out", err=True)
    if len(runs.broken) > MOST_BROKEN:
        typer.echo(f"skewtest: and {len(runs.broken) - MOST_BROKEN:,} more lines", err=True)
    if not runs.points:
        refuse(f"{history} holds no run; record one with: skewtest report record report.json")
    write_file(out, trend_page(runs.points[-last:], runs.broken[:MOST_BROKEN]).encode())


def load_report(path: Path) -> model.Report:
    """Return a report.json; what cannot be read ends the command."""
    return or_refuse(lambda: report_from_file(path))


def write_file(path: Path, content: bytes) -> None:
    """Write a file as a whole and say so; where that cannot be done it ends the command."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        refuse(f"cannot write {path}: {error.strerror or error}. Name another place with --out.")
    typer.echo(f"wrote {path}")


def or_refuse(action: Callable[[], T]) -> T:
    """Return what an action does; a ReportError ends the command with its message."""
    try:
        return action()
    except ReportError as error:
        refuse(str(error))


def _never_written(first: int, last: int) -> str:
    if first == last:
        return f"shard number {last} is lost: it was never written"
    return f"shards number {first} to {last} are lost: they were never written"


def _show(report: model.Report, changes: Comparison | None) -> None:
    colour = sys.stdout is not None and sys.stdout.isatty()
    typer.echo(one_line(f"{report.verdict}: {lead(report)}"))
    for line in (*closing_table(report, verbose=True, colour=colour), *closing_lines(report)):
        typer.echo(line)
    if changes is not None:
        for line in change_lines(changes):
            typer.echo(line)


def _changes_as_dict(changes: Comparison) -> dict[str, Any]:
    return {
        "ok": changes.ok,
        "divergences": list(map(asdict, changes.divergences)),
        "moved": list(map(asdict, changes.moved)),
        "incomplete": changes.incomplete,
    }
