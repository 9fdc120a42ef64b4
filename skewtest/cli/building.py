"""What `skewtest env build`, `list` and `prune` do."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table

from skewtest.cli.exits import BROKEN, PARITY, echo_error, refuse
from skewtest.declare.environment import HERE, Environment
from skewtest.environments.build import build_environment
from skewtest.environments.cache import cache_folder, list_cached, prune
from skewtest.environments.failures import EnvironmentFailedError
from skewtest.environments.interpreters import interpreter_of
from skewtest.environments.locks import find_cache_key, lock_environment
from skewtest.environments.settings import environments_of, find_environment, project_file
from skewtest.errors import SkewtestError

SHOWN = ("numpy", "pandas", "polars", "pyarrow", "scipy", "scikit-learn", "duckdb")
"""The packages that features are made with: of others a list would hold dozens."""
HEADINGS = ("environment", "holds", "MB", "last used")
# Columns of a table of environments; in fewer, versions break in the middle of a word.
NARROWEST = 80
MEGABYTE = 1e6


def build_environments(names: Sequence[str], lock: Path | None) -> NoReturn:
    """Build environments by name, all that are declared without any.

    Args:
        names: which ones.
        lock: the file to write the pins of the one environment to.
    """
    environments = _choose_environments(names)
    if lock is not None:
        if len(environments) != 1:
            refuse("--lock takes one environment: name it, as in skewtest env build train --lock F")
        _write_lock(environments[0], lock)
    # One that cannot be built keeps nobody from the others: the exit code tells of it at the end.
    any_failed = False
    for environment in environments:
        try:
            result = build_environment(environment, echo_error)
        except EnvironmentFailedError as error:
            any_failed = True
            _tell_failure(environment, error)
        else:
            contents = _versions_text(result.version, dict(result.packages))
            typer.echo(f"{environment.name}: {contents}")
    if any_failed:
        raise typer.Exit(BROKEN)
    raise typer.Exit(PARITY)


def list_environments() -> None:
    """Show what the cache holds, and what is declared that it does not hold."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in HEADINGS:
        table.add_column(heading)
    table.columns[HEADINGS.index("MB")].justify = "right"
    for row in _rows_of_environments(_load_declared()):
        table.add_row(*row)
    if table.row_count:
        Console(width=max(NARROWEST, Console().width), soft_wrap=False).print(table)
    typer.echo(f"in {cache_folder()}")


def prune_environments(days: float, *, everything: bool) -> None:
    """Remove what was not used for some days; what is declared only where everything goes."""
    spared = []
    oldest = 0.0
    if not everything:
        oldest = days
        for environment in _load_declared():
            # An interpreter that its owner has named is not ours: the cache holds none of it.
            if environment.interpreter is None:
                spared.append(find_cache_key(environment))
    removed = prune(oldest, spared)
    size = 0
    for cached in removed:
        contents = _versions_text(cached.python, cached.packages)
        typer.echo(f"removed {cached.name}: {contents}")
        size += cached.size
    typer.echo(f"{len(removed)} removed, {size / MEGABYTE:,.0f} MB")


def _rows_of_environments(declared: Sequence[Environment]) -> Iterator[tuple[str, str, str, str]]:
    """Return name, contents, megabytes and last use of each environment."""
    names: dict[str, str] = {}
    for environment in declared:
        names.setdefault(find_cache_key(environment), environment.name)
    present = set()
    for cached in list_cached():
        present.add(cached.key)
        used = datetime.fromtimestamp(cached.used, UTC).strftime("%Y-%m-%d")
        yield (
            names.get(cached.key, f"({cached.name})"),
            _versions_text(cached.python, cached.packages),
            f"{cached.size / MEGABYTE:,.0f}",
            used,
        )
    for environment in declared:
        if environment.interpreter is not None:
            yield environment.name, environment.interpreter, "", ""
        elif find_cache_key(environment) not in present:
            yield environment.name, "not built; run: skewtest env build", "", ""


def _choose_environments(names: Sequence[str]) -> list[Environment]:
    try:
        if names:
            return [find_environment(name) for name in names]
    except SkewtestError as error:
        refuse(str(error))
    environments = _load_declared()
    if not environments:
        refuse(
            "pyproject.toml declares no environment. Declare one as "
            "[tool.skewtest.environments.NAME] with requirements = [...]."
        )
    return environments


def _load_declared() -> list[Environment]:
    try:
        declared = environments_of(project_file())
    except SkewtestError as error:
        refuse(str(error))
    # `here` is this interpreter: there is nothing to build.
    return [environment for name, environment in declared.items() if name != HERE]


def _write_lock(environment: Environment, file: Path) -> None:
    try:
        file.write_text(
            lock_environment(environment, interpreter_of(environment.python)), encoding="utf-8"
        )
    except EnvironmentFailedError as error:
        _tell_failure(environment, error)
        raise typer.Exit(BROKEN) from error
    except OSError as error:
        refuse(f"--lock {file}: {error.strerror}")
    typer.echo(f"{file}: commit it, and declare lock = {str(file)!r}")


def _tell_failure(environment: Environment, error: EnvironmentFailedError) -> None:
    echo_error(f"{environment.name}: {error.kind}\n\n{error.message}\n")


def _versions_text(python: str, packages: Mapping[str, str]) -> str:
    versions = [f"Python {python}"]
    for name in SHOWN:
        if name in packages:
            versions.append(f"{name} {packages[name]}")
    return ", ".join(versions)
