"""The commands `skewtest env build|list|prune|compare|bisect`."""

from pathlib import Path
from typing import Annotated

import typer

from skewtest import cli

# Commands are declared here and done elsewhere: `--help` loads no more than typer.
env = typer.Typer(
    help="Build, list and compare environments of other versions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@env.command("build")
def build_command(
    names: Annotated[list[str] | None, typer.Argument(help="Which ones; all by default.")] = None,
    *,
    lock: Annotated[
        Path | None, typer.Option(help="Write the pins of the one environment to this file.")
    ] = None,
) -> None:
    """Build the environments that pyproject.toml declares.

    Exits with 3 where one cannot be built; the others are built all the same.
    """
    cli.building.build_environments(names or [], lock)


@env.command("list")
def list_command() -> None:
    """List the environments: those that the cache holds, and those declared that it does not."""
    cli.building.list_environments()


@env.command("prune")
def prune_command(
    days: Annotated[float, typer.Option(min=0, help="Remove what was not used for so long.")] = 30,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Remove those too that pyproject.toml declares.")
    ] = False,
) -> None:
    """Remove environments that have not been used for some time."""
    cli.building.prune_environments(days, everything=everything)


@env.command("compare")
def compare_command(
    function: Annotated[str, typer.Argument(help="module:function, which takes a list of dicts.")],
    rows: Annotated[Path, typer.Option("--input", help="A JSON file: a list of objects.")],
    a: Annotated[str, typer.Option(help="An environment of pyproject.toml, or here.")],
    b: Annotated[str, typer.Option(help="Another one.")] = "here",
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds for one call.")] = 10.0,
    *,
    explain: Annotated[
        bool, typer.Option(help="Flip one package at a time to find the one to blame.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run one function under two environments.

    The rows are the same: what would an upgrade change?

    Exits with 0 where nothing changes, 1 where something does, 3 where it could not be told.
    """
    cli.upgrading.compare_function(
        function, rows, a=a, b=b, timeout=timeout, explain=explain, as_json=as_json
    )


@env.command("bisect")
def bisect_command(
    target: Annotated[str, typer.Argument(help="module:view.")],
    package: Annotated[str, typer.Option(help="Whose releases are tried.")],
    environment: Annotated[
        str, typer.Option("--in", help="An environment of pyproject.toml.")
    ] = "",
    first: Annotated[str, typer.Option("--from", help="The release to begin with.")] = "",
    last: Annotated[str, typer.Option("--to", help="The release to end with.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the histories.")] = 0,
) -> None:
    """Find the release at which what a view answers changes.

    By default between the releases of the view's first pair of environments in the matrix, in the
    environment of serving.

    Exits with 0 where nothing changes, 1 where something does, 3 where it could not be told.
    """
    cli.upgrading.bisect_package(
        target, package, environment=environment, first=first, last=last, seed=seed
    )
