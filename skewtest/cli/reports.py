"""The command `skewtest report FILE --html`, and `merge`, `compare` and the rest beside it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from skewtest import cli
from skewtest.files import REPORT_JSON

RENDER = "render"


class Reports(TyperGroup):
    """A group whose first word may be a file: then it is rendered."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take what names no command as the arguments of `render`."""
        # A file that is called like a command is named with its folder, as ./merge.
        words = {*self.commands, "--help", "--schema"}
        if args and args[0] not in words:
            args = [RENDER, *args]
        remaining: list[str] = super().parse_args(ctx, args)
        return remaining


report = typer.Typer(
    cls=Reports,
    help="Make other reports of report.json, compare and keep them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Result = Annotated[Path, typer.Argument(help="A report.json.")]


@report.callback(invoke_without_command=True)
def main(
    ctx: typer.Context,
    *,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema.")] = False,
) -> None:
    """Make other reports of report.json, compare and keep them.

    The first word may be a file: skewtest report report.json --html --md.
    """
    if schema:
        cli.rendering.show_schema()
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
    """Make other reports of a report.json; this is the default.

    They are written beside it. Without a format it is shown.

    Exits with 0 if they were made, whatever the verdict, and with 2 if they cannot be.
    """
    options = {
        "html": html,
        "md": md,
        "junit": junit_xml,
        "sarif": sarif_log,
        "gitlab": gitlab,
    }
    formats = [name for name, is_chosen in options.items() if is_chosen]
    cli.rendering.render_report(result, formats, out=out, baseline=baseline, github=github)


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
    """Put the parts of a run together.

    A run may be split over processes or CI jobs.

    A shard that cannot be read is named, and the others are merged.
    Exits with 0 for parity, 1 for skew, 3 for an incomplete report.
    """
    cli.rendering.merge_shards(shards, out, expect)


@report.command()
def compare(
    before: Annotated[Path, typer.Argument(help="The earlier report.json.")],
    after: Annotated[Path, typer.Argument(help="The later one.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what is new, fixed, worse, better or unchanged.

    Exits with 0 if nothing is new or worse and all that was checked still is, else with 1.
    """
    cli.rendering.compare_files(before, after, as_json=as_json)


@report.command("record")
def record_run(
    result: Result,
    history: Annotated[Path, typer.Option(help="The history file (JSONL); it is made.")],
) -> None:
    """Append a run to a history file."""
    cli.rendering.record_run(result, history)


@report.command()
def trend(
    history: Annotated[Path, typer.Argument(help="The history file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")] = Path(
        "trend.html"
    ),
    last: Annotated[int, typer.Option(min=1, help="How many runs to show.")] = 60,
) -> None:
    """Write a page that shows each feature over time."""
    cli.rendering.write_trend(history, out, last)


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
    """Write a certificate, to keep with a model version.

    Exits with 1 if the report's verdict is not parity.
    """
    cli.certifying.certify(result, out, any_verdict=any_verdict)


@report.command()
def verify(
    certified: Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="The certificate.")],
    root: Annotated[Path, typer.Option(help="The working tree.")] = Path(),
    result: Annotated[Path | None, typer.Option("--report", help="The report.json.")] = None,
) -> None:
    """Tell what has moved since a certificate was written.

    Exits with 0 if code, libraries and Python are what they were and the verdict was parity.
    A further revision of git alone is told, and is no failure.
    """
    cli.certifying.verify(certified, root, result)
