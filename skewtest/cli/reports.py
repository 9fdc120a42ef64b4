"""The command line of reports: `skewtest report FILE --html`, `merge`, `compare`, and the rest."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from skewtest.errors import ReportError
from skewtest.files import REPORT_HTML, REPORT_JSON, REPORT_MD, write_whole
from skewtest.report import certificate, model
from skewtest.report.changes import Comparison, compared_reports
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
from skewtest.report.provenance import git_of, packages
from skewtest.report.shards import merge_shards
from skewtest.report.summary import lead
from skewtest.report.trend import read_history
from skewtest.report.words import count
from skewtest.results.code import file_digest

OK, FAILS, USAGE, INCOMPLETE = 0, 1, 2, 3
RENDER = "render"
MOST_BROKEN = 5
"""So many lines of a history that cannot be read are named."""

T = TypeVar("T")


class Reports(TyperGroup):
    """A group whose first word may be a file: then it is rendered."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take what names no command as the arguments of `render`."""
        known = {*self.commands, "--help", "--schema"}
        if args and args[0] not in known:
            args = [RENDER, *args]
        taken: list[str] = super().parse_args(ctx, args)
        return taken


report = typer.Typer(
    cls=Reports,
    help="Make other reports of report.json: skewtest report report.json --html --md.",
    no_args_is_help=True,
)
Result = Annotated[Path, typer.Argument(help="A report.json.")]


@report.callback(invoke_without_command=True)
def main(
    ctx: typer.Context,
    *,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema.")] = False,
) -> None:
    """Make other reports of report.json: skewtest report report.json --html --md."""
    if schema:
        typer.echo(json.dumps(model.schema(), indent=1))
    elif ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@report.command(RENDER)
def render(
    result: Result,
    out: Annotated[Path | None, typer.Option(help="Folder; that of the report.json.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="An earlier report.json.")] = None,
    *,
    html: Annotated[bool, typer.Option("--html", help="Write report.html.")] = False,
    md: Annotated[bool, typer.Option("--md", help="Write report.md.")] = False,
    junit_xml: Annotated[bool, typer.Option("--junit", help="Write junit.xml.")] = False,
    sarif_log: Annotated[bool, typer.Option("--sarif", help="Write report.sarif.")] = False,
    gitlab: Annotated[
        bool, typer.Option("--gitlab", help="Write gl-code-quality-report.json.")
    ] = False,
    github: Annotated[
        bool, typer.Option("--github", help="Print annotations; write the job's summary.")
    ] = False,
) -> None:
    """Make other reports of a report.json, beside it; without a format, show it.

    Exits with 0 if they were made, whatever the verdict, and with 2 if they cannot be.
    """
    found = _read(result)
    changes = None if baseline is None else compared_reports(_read(baseline), found)
    folder = out or result.parent
    formats: list[tuple[bool, str, Callable[[], str]]] = [
        (html, REPORT_HTML, lambda: html_page(found, changes)),
        (md, REPORT_MD, lambda: markdown(found, changes)),
        (junit_xml, "junit.xml", lambda: junit(found)),
        (sarif_log, "report.sarif", lambda: sarif(found)),
        (gitlab, "gl-code-quality-report.json", lambda: code_quality(found)),
    ]
    for wanted, name, text in formats:
        if wanted:
            _write(folder / name, text().encode())
    if github:
        for line in annotations(found):
            typer.echo(line)
        _told(lambda: write_step_summary(found, changes))
    elif not any(wanted for wanted, _, _ in formats):
        _show(found, changes)


@report.command()
def merge(
    shards: Annotated[list[Path], typer.Argument(help="The report.json of each part of a run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The report.json to write.")] = Path(
        REPORT_JSON
    ),
    expect: Annotated[
        int | None, typer.Option(min=1, help="How many there must be; one missing is a gap.")
    ] = None,
) -> None:
    """Put the reports of a run together that was split over processes or CI jobs.

    A shard that cannot be read is named, and the others are merged.
    Exits with 0 for parity, 1 for skew, 3 for an incomplete report.
    """
    if out.resolve() in {path.resolve() for path in shards}:
        _refuse(f"{out} is one of the shards, and would be lost. Name another file with --out.")
    held: dict[bytes, tuple[str, model.Report]] = {}
    gaps: list[str] = []
    for path in shards:
        try:
            found = model.read(path)
            held.setdefault(model.to_json(found), (str(path), found))  # one given twice is one
        except ReportError as error:
            gaps.append(f"shard {path} is lost: {error}")
    distinct = len(held) + len(gaps)
    if expect is not None and distinct < expect:
        gaps.append(_never_written(distinct + 1, expect))
    whole = merge_shards([*held.values()], gaps)
    _write(out, model.to_json(whole))
    _show(whole, None)
    raise typer.Exit({"parity": OK, "skew": FAILS, "incomplete": INCOMPLETE}[whole.verdict])


def _never_written(first: int, last: int) -> str:
    if first == last:
        return f"shard number {last} is lost: it was never written"
    return f"shards number {first} to {last} are lost: they were never written"


@report.command()
def compare(
    before: Annotated[Path, typer.Argument(help="The earlier report.json.")],
    after: Annotated[Path, typer.Argument(help="The later one.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell which divergences are new, fixed, worse, better or unchanged, and what else moved.

    Exits with 0 if nothing is new or worse and all that was checked still is, else with 1.
    """
    changes = compared_reports(_read(before), _read(after))
    if as_json:
        typer.echo(json.dumps(_as_dict(changes), indent=1))
    else:
        for line in change_lines(changes):
            typer.echo(line)
    raise typer.Exit(OK if changes.ok else FAILS)


@report.command("record")
def record_run(
    result: Result,
    history: Annotated[Path, typer.Option(help="The history file (JSONL); it is made.")],
) -> None:
    """Append a run to a history file."""
    found = _read(result)
    _told(lambda: record(history, found))
    typer.echo(f"recorded in {history}")


@report.command()
def trend(
    history: Annotated[Path, typer.Argument(help="The history file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path(
        "trend.html"
    ),
    last: Annotated[int, typer.Option(min=1, help="How many runs to show.")] = 60,
) -> None:
    """Write a page that shows each feature over time."""
    found = _told(lambda: read_history(history))
    for line in found.broken[:MOST_BROKEN]:
        typer.echo(f"skewtest: {line}; it is left out", err=True)
    if len(found.broken) > MOST_BROKEN:
        typer.echo(f"skewtest: and {len(found.broken) - MOST_BROKEN:,} more lines", err=True)
    if not found.points:
        _refuse(f"{history} holds no run; record one with: skewtest report record report.json")
    _write(out, trend_page(found.points[-last:], found.broken[:MOST_BROKEN]).encode())


@report.command()
def certify(
    result: Result,
    out: Annotated[Path, typer.Option("--out", "-o", help="The certificate to write.")] = Path(
        "parity-certificate.json"
    ),
    *,
    any_verdict: Annotated[
        bool, typer.Option("--any-verdict", help="Also for a report without parity.")
    ] = False,
) -> None:
    """Write a certificate of a report, to keep with a model version.

    Exits with 1 if the report's verdict is not parity.
    """
    found = _read(result)
    if found.verdict != "parity" and not any_verdict:
        typer.echo(
            f"skewtest: {result} has the verdict {found.verdict}: no certificate was written. "
            "With --any-verdict it is, and says so.",
            err=True,
        )
        raise typer.Exit(FAILS)
    one = _told(lambda: certificate.certificate_of(found, result.read_bytes()))
    _write(out, certificate.to_json(one))
    views = count(len(one.views), "feature view")
    typer.echo(f"{one.verdict}: {views}, each on {one.fewest:,} histories or more")
    _tell_uncovered(one)
    if one.dirty:
        typer.echo(
            "skewtest: the working tree had changes that were not committed; the hashes of the "
            "files tell which code it was, the revision does not",
            err=True,
        )


@report.command()
def verify(
    certified: Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="The certificate.")],
    root: Annotated[Path, typer.Option(help="The working tree.")] = Path(),
    result: Annotated[Path | None, typer.Option("--report", help="The report.json.")] = None,
) -> None:
    """Check a certificate against a working tree, and tell what has moved since.

    Exits with 0 if code, libraries and Python are what they were and the verdict was parity.
    A further revision of git alone is told, and is no failure.
    """
    one = _told(lambda: certificate.read_certificate(certified))
    content = None if result is None else _told(lambda: _bytes(result))
    git = git_of(root)
    found = certificate.verified(
        one,
        digest=lambda name: file_digest(root / name),
        packages=packages(),
        python=".".join(map(str, sys.version_info[:3])),
        revision="" if git is None else git.revision,
        report=content,
    )
    for moved in found:
        users = f" ({', '.join(moved.views)})" if moved.views else ""
        told = (
            f"{moved.what}: {moved.name}{users}: {moved.certified or 'none'} -> "
            f"{moved.found or 'gone'}"
        )
        typer.echo(one_line(told))
    _tell_uncovered(one)
    moves = [moved for moved in found if moved.what != "revision"]
    told = f"{len(found)} moved" if moves else "only the revision has moved"
    told = told if found else "nothing has moved"
    typer.echo(one_line(f"{certified}: {one.verdict} on {one.time}; {told}"))
    raise typer.Exit(OK if one.verdict == "parity" and not moves else FAILS)


def _tell_uncovered(one: certificate.Certificate) -> None:
    for name in one.uncovered:
        told = f"skewtest: not covered: {name}: a query whose text lies in no file of the project"
        typer.echo(one_line(told), err=True)


def _show(found: model.Report, changes: Comparison | None) -> None:
    colour = sys.stdout is not None and sys.stdout.isatty()
    typer.echo(one_line(f"{found.verdict}: {lead(found)}"))
    for line in (*closing_table(found, verbose=True, colour=colour), *closing_lines(found)):
        typer.echo(line)
    if changes is not None:
        for line in change_lines(changes):
            typer.echo(line)


def _as_dict(changes: Comparison) -> dict[str, Any]:
    def values(part: Any) -> dict[str, Any]:
        return {name: getattr(part, name) for name in part.__dataclass_fields__}

    return {
        "ok": changes.ok,
        "divergences": [values(one) for one in changes.divergences],
        "moved": [values(one) for one in changes.moved],
        "incomplete": changes.incomplete,
    }


def _read(path: Path) -> model.Report:
    return _told(lambda: model.read(path))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror or error}.") from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        _refuse(f"cannot write {path}: {error.strerror or error}. Name another place with --out.")
    typer.echo(f"wrote {path}")


def _told(action: Callable[[], T]) -> T:
    """Return what an action does; a ReportError ends the command with its message."""
    try:
        return action()
    except ReportError as error:
        _refuse(str(error))


def _refuse(message: str) -> NoReturn:
    typer.echo(f"skewtest: {message}", err=True)
    raise typer.Exit(USAGE)
