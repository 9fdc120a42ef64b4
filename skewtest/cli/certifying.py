"""What `skewtest report certify` and `verify` do."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from skewtest.cli.exits import PARITY, SKEW
from skewtest.cli.rendering import load_report, or_refuse, write_file
from skewtest.errors import ReportError
from skewtest.report import certificate
from skewtest.report.plain import one_line
from skewtest.report.provenance import git_of, packages
from skewtest.report.words import count
from skewtest.results.code import file_digest, path_at


def certify(file: Path, out: Path, *, any_verdict: bool) -> None:
    """Write a certificate of a report.

    Args:
        file: a report.json.
        out: the certificate to write.
        any_verdict: whether to write one for a report without parity too.
    """
    report = load_report(file)
    if report.verdict != "parity" and not any_verdict:
        typer.echo(
            f"skewtest: {file} has the verdict {report.verdict}: no certificate was written. "
            "With --any-verdict it is, and says so.",
            err=True,
        )
        raise typer.Exit(SKEW)
    unchecked = certificate.list_unchecked(report)
    if unchecked and not any_verdict:
        for line in unchecked:
            typer.echo(one_line(f"skewtest: {file}: {line}"), err=True)
        typer.echo(
            "skewtest: no certificate was written. Run all checks of these views and certify that "
            "report; with --any-verdict a certificate is written all the same, and says less.",
            err=True,
        )
        raise typer.Exit(SKEW)
    # Of the file's own bytes: a certificate names the file that is kept, not what is read of it.
    certified = or_refuse(lambda: certificate.certificate_of(report, file.read_bytes()))
    write_file(out, certificate.to_json(certified))
    views = count(len(certified.views), "feature view")
    typer.echo(f"{certified.verdict}: {views}, each on {certified.fewest:,} histories or more")
    _tell_uncovered(certified)
    if certified.dirty:
        typer.echo(
            "skewtest: the working tree had changes that were not committed; the hashes of the "
            "files tell which code it was, the revision does not",
            err=True,
        )


def verify(file: Path, root: Path, report: Path | None) -> NoReturn:
    """Tell what has moved since a certificate was written.

    Args:
        file: the certificate.
        root: the working tree.
        report: the report.json that it was made of; None: it is not looked at.
    """
    certified = or_refuse(lambda: certificate.read_certificate(file))
    content = None if report is None else or_refuse(lambda: _bytes_of(report))
    # Where there is no git any more, files and libraries can be compared all the same.
    git = git_of(root)
    revision = "" if git is None else git.revision
    moves = certificate.list_differences(
        certified,
        digest=lambda name: _digest_within(root, name),
        packages=packages(),
        python=".".join(map(str, sys.version_info[:3])),
        revision=revision,
        report=content,
    )
    for move in moves:
        typer.echo(one_line(_move_text(move)))
    _tell_uncovered(certified)
    typer.echo(one_line(f"{file}: {certified.verdict} on {certified.time}; {_moves_text(moves)}"))
    is_as_it_was = certified.verdict == "parity" and not _moves_that_matter(moves)
    code = PARITY if is_as_it_was else SKEW
    raise typer.Exit(code)


CODE = (".py", ".sql")
"""The files that certificates speak of."""


def _digest_within(root: Path, name: str) -> str | None:
    """Return the SHA-256 of a file of the working tree, or of code; None of anything else.

    A certificate is somebody else's file: what it names elsewhere and is no code, or what is no
    file and may never end, is not read. Code may lie beside a project in its repository.
    """
    path = path_at(name, root)
    try:
        is_within = path.resolve().is_relative_to(root.resolve())
        is_read = (is_within or path.suffix in CODE) and path.is_file()
    except (OSError, ValueError, RuntimeError):  # a name too long, with NUL, or links in a circle
        return None
    return file_digest(path) if is_read else None


def _moves_that_matter(moves: Sequence[certificate.Difference]) -> list[certificate.Difference]:
    """Return the moves that are not of the revision alone: another one may hold the same code."""
    return [move for move in moves if move.what != "revision"]


def _moves_text(moves: Sequence[certificate.Difference]) -> str:
    if not moves:
        return "nothing has moved"
    if _moves_that_matter(moves):
        return f"{len(moves)} moved"
    return "only the revision has moved"


def _move_text(move: certificate.Difference) -> str:
    users = f" ({', '.join(move.views)})" if move.views else ""
    before, after = move.certified or "none", move.found or "gone"
    return f"{move.what}: {move.name}{users}: {before} -> {after}"


def _tell_uncovered(certified: certificate.Certificate) -> None:
    for name in certified.uncovered:
        line = f"skewtest: not covered: {name}: a query whose text lies in no file of the project"
        typer.echo(one_line(line), err=True)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror or error}.") from error
