"""The commands `skewtest demo` and `skewtest check`, and the groups beside them."""

from pathlib import Path
from typing import Annotated

import typer

from skewtest import __version__, cli
from skewtest.cli.corpora import corpus as corpus_app
from skewtest.cli.environments import env
from skewtest.cli.exits import PARITY
from skewtest.cli.reports import report as report_app

app = typer.Typer(
    help="Find training-serving skew: batch and online implementations that disagree.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes three times as long to import as all else for --help
)
app.add_typer(corpus_app, name="corpus")
app.add_typer(env, name="env")
app.add_typer(report_app, name="report")


@app.callback(invoke_without_command=True)
def main(
    *, version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False
) -> None:
    """Find training-serving skew: batch and online implementations that disagree."""
    if version:
        typer.echo(f"skewtest {__version__}")
        raise typer.Exit(PARITY)


@app.command()
def demo(
    report: Annotated[Path, typer.Option(help="Folder of the parity report.")] = Path(
        "skewtest-report"
    ),
) -> None:
    """Check an embedded view with a planted skew.

    The parity report is written to a folder.

    Exits with 0 when the planted skew was found, with 1 when it was not.
    """
    cli.checking.show_demo(report)


@app.command()
def check(
    target: Annotated[str, typer.Argument(help="module:view, or module for all its views.")],
    histories: Annotated[int | None, typer.Option(min=1, help="Histories for each view.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed that reproduces a run.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="The most seconds to spend on each view.")
    ] = None,
    profile: Annotated[str, typer.Option(help="dev, ci or nightly.")] = "",
    report: Annotated[Path | None, typer.Option(help="Write the parity report here.")] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(help="Folder of kept counterexamples.  [default: tests/skew-corpus]"),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="An earlier report.json to compare the report with.")
    ] = None,
    history: Annotated[
        Path | None, typer.Option(help="Append the run to this history file (JSONL).")
    ] = None,
    *,
    explore: Annotated[
        bool, typer.Option("--explore", help="Also try the scenarios not declared, as advice.")
    ] = False,
) -> None:
    """Check feature views on generated histories.

    Exits with 0 for parity, 1 for skew, 2 for wrong usage, 3 for user code that broke.
    """
    request = cli.checking.CheckRequest(
        target=target,
        histories=histories,
        seed=seed,
        seconds=seconds,
        profile=profile,
        corpus=corpus,
        explore=explore,
    )
    cli.checking.check_views(request, report=report, baseline=baseline, history=history)
