"""The commands `skewtest corpus list`, `migrate` and `prune`."""

from pathlib import Path
from typing import Annotated

import typer

from skewtest import cli

corpus = typer.Typer(
    help="List kept counterexamples, make them fit their views, delete those that cannot.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Target = Annotated[str, typer.Argument(help="module:view, or module for all its views.")]
Folder = Annotated[
    Path | None,
    typer.Option("--corpus", help="Folder of kept counterexamples.  [default: tests/skew-corpus]"),
]


@corpus.command("list")
def list_(
    targets: Annotated[list[str], typer.Argument(help="module:view, or module for all its views.")],
    folder: Folder = None,
) -> None:
    """List the kept counterexamples of views, and whether they are run.

    Exits with 0 when all are run, with 1 when one is set aside, 2 for wrong usage.
    """
    cli.keeping.list_corpus(targets, folder)


@corpus.command()
def migrate(target: Target, folder: Folder = None) -> None:
    """Rewrite the kept counterexamples that fit a view with columns filled or dropped.

    Exits with 0 when all are run, with 1 when one is set aside, 2 for wrong usage.
    """
    cli.keeping.migrate_corpus(target, folder)


@corpus.command()
def prune(
    target: Target,
    folder: Folder = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete them, not only list them.")] = False,
) -> None:
    """Delete the kept counterexamples that are set aside; without --yes only list them.

    Exits with 0 when none is left, with 1 when one is, 2 for wrong usage.
    """
    cli.keeping.prune_corpus(target, folder, delete=yes)
