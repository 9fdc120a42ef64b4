"""The command line of environments: `skewtest env build|list|prune|compare|bisect`."""

import importlib
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from packaging.version import Version
from rich.console import Console
from rich.table import Table

from skewtest.checks.bisecting import bisect
from skewtest.declare.environment import HERE, Environment
from skewtest.declare.view import FeatureView
from skewtest.environments.build import build_environment
from skewtest.environments.cache import cache_folder, list_cached, prune
from skewtest.environments.cells import cells_of
from skewtest.environments.failures import EnvironmentFailedError
from skewtest.environments.interpreters import interpreter_of
from skewtest.environments.locks import find_cache_key, lock_environment
from skewtest.environments.settings import environments_of, find_environment, project_file
from skewtest.errors import SkewtestError
from skewtest.sides.elsewhere import CannotLoadError
from skewtest.versions import compare_environments

PARITY, SKEW, USAGE, BROKEN = 0, 1, 2, 3
SHOWN = ("numpy", "pandas", "polars", "pyarrow", "scipy", "scikit-learn", "duckdb")

env = typer.Typer(
    help="Build, list and compare environments: other versions of Python and of libraries.",
    no_args_is_help=True,
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
    chosen = _chosen(names)
    if lock is not None:
        if len(chosen) != 1:
            _refuse(
                "--lock takes one environment: name it, as in skewtest env build train --lock F"
            )
        _write_lock(chosen[0], lock)
    failed = False
    for environment in chosen:
        try:
            found = build_environment(environment, _tell)
        except EnvironmentFailedError as error:
            failed = True
            typer.echo(f"{environment.name}: {error.kind}\n\n{error.message}\n", err=True)
        else:
            typer.echo(f"{environment.name}: {_versions(found.version, dict(found.packages))}")
    raise typer.Exit(BROKEN if failed else PARITY)


@env.command("list")
def list_command() -> None:
    """List the environments that the cache holds, and those declared that it does not."""
    kept = list_cached()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("environment", "holds", "MB", "last used"):
        table.add_column(heading, justify="right" if heading == "MB" else "left")
    declared = {environment.name: environment for environment in _declared()}
    keys = {name: find_cache_key(environment) for name, environment in declared.items()}
    for one in kept:
        name = next((n for n, key in keys.items() if key == one.key), f"({one.name})")
        used = datetime.fromtimestamp(one.used, UTC).strftime("%Y-%m-%d")
        table.add_row(name, _versions(one.python, one.packages), f"{one.size / 1e6:,.0f}", used)
    present = {one.key for one in kept}
    for name, environment in declared.items():
        if environment.interpreter is not None:
            table.add_row(name, environment.interpreter, "", "")
        elif keys[name] not in present:
            table.add_row(name, "not built; run: skewtest env build", "", "")
    if table.row_count:
        Console(width=max(80, Console().width), soft_wrap=False).print(table)
    typer.echo(f"in {cache_folder()}")


@env.command("prune")
def prune_command(
    days: Annotated[float, typer.Option(min=0, help="Remove what was not used for so long.")] = 30,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Remove those too that pyproject.toml declares.")
    ] = False,
) -> None:
    """Remove environments that have not been used for some time."""
    spared = (
        []
        if everything
        else [find_cache_key(one) for one in _declared() if one.interpreter is None]
    )
    removed = prune(0 if everything else days, spared)
    for one in removed:
        typer.echo(f"removed {one.name}: {_versions(one.python, one.packages)}")
    size = sum(one.size for one in removed) / 1e6
    typer.echo(f"{len(removed)} removed, {size:,.0f} MB")


@env.command("compare")
def compare_command(
    function: Annotated[str, typer.Argument(help="module:function, which takes a list of dicts.")],
    rows: Annotated[Path, typer.Option("--input", help="A JSON file: a list of objects.")],
    a: Annotated[str, typer.Option(help="An environment of pyproject.toml, or here.")],
    b: Annotated[str, typer.Option(help="Another one.")] = HERE,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds for one call.")] = 10.0,
    *,
    explain: Annotated[
        bool, typer.Option(help="Flip one package at a time to find the one to blame.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run one function on the same rows under two environments: what would an upgrade change?

    Exits with 0 where nothing changes, 1 where something does, 3 where it could not be told.
    """
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    given = _read_rows(rows)
    try:
        result = compare_environments(
            function, given, a=a, b=b, timeout=timeout, explain=explain, tell=_tell
        )
    except EnvironmentFailedError as error:
        typer.echo(f"skewtest: {error.kind}: {error.message}", err=True)
        raise typer.Exit(BROKEN) from error
    except SkewtestError as error:
        _refuse(str(error))
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=1))
    else:
        again = f"skewtest env compare {function} --input {rows} --a {a} --b {b}"
        told = result.outcomes[0]
        typer.echo(result.report(colour=sys.stdout.isatty(), again=again) or _agreed(told, a, b))
    both_failed = any(len(getattr(f, "failures", ())) > 1 for f in result.findings)
    raise typer.Exit(PARITY if result.ok else BROKEN if both_failed else SKEW)


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
    """Find the first release of a package at which what a view answers changes.

    By default between the releases of the view's first pair of environments in the matrix, in the
    environment of serving.

    Exits with 0 where nothing changes, 1 where something does, 3 where it could not be told.
    """
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        view = _view(target)
        base, ends = _ends(view, package, environment, first, last)
        found = bisect(view, package, base, *ends, seed, _tell)
    except (EnvironmentFailedError, CannotLoadError) as error:
        typer.echo(f"skewtest: {error}", err=True)
        raise typer.Exit(BROKEN) from error
    except SkewtestError as error:
        _refuse(str(error))
    for change in found.changes:
        typer.echo(
            f"{view.name}.{change.feature}: {change.side} changes at {package} {change.after} "
            f"(as before up to {change.before})"
        )
    for release, why in found.failed:
        typer.echo(f"{package} {release} was not run: {why.splitlines()[0]}")
    if not found.changes:
        typer.echo(f"{view.name}: nothing changes from {package} {ends[0]} to {ends[1]}")
    raise typer.Exit(SKEW if found.changes else PARITY)


def _ends(
    view: FeatureView, package: str, environment: str, first: str, last: str
) -> tuple[Environment, tuple[str, str]]:
    """Return the environment to bisect in, and the two releases to bisect between."""
    if environment and first and last:
        return find_environment(environment), (first, last)
    cells = cells_of(project_file(), "declared").for_view(view.name)
    if not cells:
        _refuse(
            f"the matrix of pyproject.toml has no pair of environments for {view.name!r}; say "
            "where and between which releases with --in, --from and --to"
        )
    cell = cells[0]
    held = [
        build_environment(one, _tell).versions.get(package) for one in (cell.batch, cell.online)
    ]
    ends = (first or held[0], last or held[1])
    if ends[0] is None or ends[1] is None:
        _refuse(f"{cell.name}: {package} is not in both environments; name --from and --to")
    low, high = sorted((str(end) for end in ends), key=Version)
    serving = cell.batch if cell.online.is_here else cell.online
    return find_environment(environment) if environment else serving, (low, high)


def _view(target: str) -> FeatureView:
    module_name, _, name = target.partition(":")
    if not name:
        _refuse(f"name a view as module:view; got {target!r}")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        _refuse(f"{target}: {error}")
    if not isinstance(found, FeatureView):
        _refuse(f"{target} is no FeatureView; got {type(found).__name__}")
    return found


def _agreed(compared: Any, a: str, b: str) -> str:
    same = "None, both of them," if compared.untested else "the same"
    return f"{compared.view.name}: {a} and {b} return {same} on {compared.histories:,} rows"


def _read_rows(file: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        _refuse(f"--input {file}: {error}")
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        _refuse(f'--input {file}: expected a list of objects, as in [{{"x": 1}}]')
    return found


def _chosen(names: Sequence[str] | None) -> list[Environment]:
    try:
        if names:
            return [find_environment(name) for name in names]
    except SkewtestError as error:
        _refuse(str(error))
    found = _declared()
    if not found:
        _refuse(
            "pyproject.toml declares no environment. Declare one as "
            "[tool.skewtest.environments.NAME] with requirements = [...]."
        )
    return found


def _declared() -> list[Environment]:
    try:
        found = environments_of(project_file())
    except SkewtestError as error:
        _refuse(str(error))
    return [environment for name, environment in found.items() if name != HERE]


def _write_lock(environment: Environment, file: Path) -> None:
    try:
        file.write_text(
            lock_environment(environment, interpreter_of(environment.python)), encoding="utf-8"
        )
    except EnvironmentFailedError as error:
        typer.echo(f"{environment.name}: {error.kind}\n\n{error.message}", err=True)
        raise typer.Exit(BROKEN) from error
    except OSError as error:
        _refuse(f"--lock {file}: {error.strerror}")
    typer.echo(f"{file}: commit it, and declare lock = {str(file)!r}")


def _versions(python: str, packages: dict[str, str]) -> str:
    told = [f"{name} {packages[name]}" for name in SHOWN if name in packages]
    return ", ".join([f"Python {python}", *told])


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _refuse(message: str) -> NoReturn:
    typer.echo(f"skewtest: {message}", err=True)
    raise typer.Exit(USAGE)
