"""What `skewtest corpus list`, `migrate` and `prune` do."""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from skewtest.cli.exits import PARITY, SKEW, refuse
from skewtest.cli.targets import find_corpus, load_renamed, views_of
from skewtest.declare.view import FeatureView
from skewtest.errors import CorpusError
from skewtest.report.kept_files import describe_file, describe_stray
from skewtest.results.corpus import KeptFile, list_strays, migrate_file, read_files


def list_corpus(targets: Sequence[str], named: Path | None) -> NoReturn:
    """Show each kept file of some views, and those that lie beside them.

    Args:
        targets: `module:view`, or `module` for all its views.
        named: the corpus; None: the usual one.
    """
    folder = find_corpus(named)
    files: list[KeptFile] = []
    names: set[str] = set()
    for target in targets:
        for view, old_names in _views_with_old_names(target):
            if view.name not in names:
                files += read_files(folder, view, old_names)
            names.update([view.name, *old_names])
    for file in files:
        _show(file)
    for path, _reason in list_strays(folder, names):
        typer.echo(describe_stray(path, Path.cwd()))
    if not files:
        typer.echo("no kept counterexamples")
    _end([file for file in files if file.reason])


def migrate_corpus(target: str, named: Path | None) -> NoReturn:
    """Write the kept files anew that fit their view with changes, or that have its old name."""
    folder = find_corpus(named)
    set_aside = []
    for view, old_names in _views_with_old_names(target):
        for file in read_files(folder, view, old_names):
            if file.reason:
                set_aside.append(file)
                _show(file)
            elif file.is_outdated:
                _show(file)
                try:
                    written = migrate_file(folder, file, view)
                except CorpusError as error:
                    refuse(str(error))
                typer.echo(describe_stray(written, Path.cwd(), "written"))
    _end(set_aside)


def prune_corpus(target: str, named: Path | None, *, delete: bool) -> NoReturn:
    """Show the kept files that are set aside, and delete them where that was said."""
    folder = find_corpus(named)
    set_aside = []
    for view, old_names in _views_with_old_names(target):
        files = read_files(folder, view, old_names)
        set_aside += [file for file in files if file.reason]
    for file in set_aside:
        _show(file)
    if not delete and set_aside:
        typer.echo("nothing was deleted; --yes deletes what is listed", err=True)
    if not delete:
        _end(set_aside)
    for file in set_aside:
        try:
            file.path.unlink()
        except OSError as error:
            refuse(f"cannot delete {file.path}: {error.strerror or error}")
        typer.echo(describe_stray(file.path, Path.cwd(), "deleted"))
    raise typer.Exit(PARITY)


def _views_with_old_names(target: str) -> list[tuple[FeatureView, list[str]]]:
    renamed = load_renamed()
    views = []
    for _, view in views_of(target):
        old_names = [old for old, new in renamed.items() if new == view.name]
        views.append((view, old_names))
    return views


def _show(file: KeptFile) -> None:
    for line in describe_file(file, Path.cwd()):
        typer.echo(line)


def _end(set_aside: Sequence[KeptFile]) -> NoReturn:
    code = SKEW if set_aside else PARITY
    raise typer.Exit(code)
