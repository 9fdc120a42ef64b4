"""What `skewtest env compare` and `bisect` do: what would another version change?"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import typer
from packaging.version import Version

from skewtest.checks.bisecting import bisect
from skewtest.cli.exits import (
    BROKEN,
    PARITY,
    SKEW,
    echo_error,
    import_from_here,
    refuse,
)
from skewtest.declare.environment import Environment
from skewtest.declare.view import FeatureView
from skewtest.environments.build import build_environment
from skewtest.environments.cells import Cell, cells_of
from skewtest.environments.failures import EnvironmentFailedError
from skewtest.environments.settings import find_environment, project_file
from skewtest.errors import SkewtestError
from skewtest.report.result import Result
from skewtest.sides.elsewhere import CannotLoadError
from skewtest.versions import compare_environments


def compare_function(
    function: str, file: Path, *, a: str, b: str, timeout: float, explain: bool, as_json: bool
) -> NoReturn:
    """Run a function on the rows of a file under two environments, and show what differs.

    Args:
        function: as `module:function`.
        file: a JSON file, a list of objects.
        a: the name of an environment.
        b: that of another one.
        timeout: seconds for one call.
        explain: whether to find the package to blame.
        as_json: whether to print the result as JSON.
    """
    import_from_here()
    rows = _load_rows(file)
    try:
        result = compare_environments(
            function, rows, a=a, b=b, timeout=timeout, explain=explain, tell=echo_error
        )
    except EnvironmentFailedError as error:
        echo_error(f"skewtest: {error.kind}: {error.message}")
        raise typer.Exit(BROKEN) from error
    except SkewtestError as error:
        refuse(str(error))
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=1))
    else:
        again = f"skewtest env compare {function} --input {file} --a {a} --b {b}"
        text = result.report(colour=sys.stdout.isatty(), again=again)
        typer.echo(text or _agreement_text(result, a, b))
    raise typer.Exit(_exit_code(result))


def bisect_package(
    target: str, package: str, *, environment: str, first: str, last: str, seed: int
) -> NoReturn:
    """Show the releases of a package at which the answers of a view's sides change.

    Args:
        target: the view, as `module:view`.
        package: whose releases are tried.
        environment: where; "": the environment of serving of the view's first pair.
        first: the release to begin with; "": that of one end of the pair.
        last: the release to end with; "": that of the other end.
        seed: of the histories.
    """
    import_from_here()
    try:
        view = _view_of(target)
        base, ends = _ends_of(view, package, environment, first, last)
        bisected = bisect(view, package, base, *ends, seed, echo_error)
    except (EnvironmentFailedError, CannotLoadError) as error:
        echo_error(f"skewtest: {error}")
        raise typer.Exit(BROKEN) from error
    except SkewtestError as error:
        refuse(str(error))
    for change in bisected.changes:
        typer.echo(
            f"{view.name}.{change.feature}: {change.side} changes at {package} {change.after} "
            f"(as before up to {change.before})"
        )
    # The change may lie in a release that could not be run: the user is to know of it.
    for release, reason in bisected.failed:
        typer.echo(f"{package} {release} was not run: {reason.splitlines()[0]}")
    if bisected.changes:
        raise typer.Exit(SKEW)
    typer.echo(f"{view.name}: nothing changes from {package} {ends[0]} to {ends[1]}")
    raise typer.Exit(PARITY)


def _exit_code(result: Result) -> int:
    if result.ok:
        return PARITY
    # Where the function fails in both environments nothing was compared.
    if any(len(finding.failures) > 1 for finding in result.findings):
        return BROKEN
    return SKEW


def _ends_of(
    view: FeatureView, package: str, environment: str, first: str, last: str
) -> tuple[Environment, tuple[str, str]]:
    """Return the environment to bisect in, and the two releases to bisect between."""
    # Where all is said no matrix is needed, and none need be declared.
    if environment and first and last:
        return find_environment(environment), (first, last)
    cells = cells_of(project_file(), "declared").for_view(view.name)
    if not cells:
        refuse(
            f"the matrix of pyproject.toml has no pair of environments for {view.name!r}; say "
            "where and between which releases with --in, --from and --to"
        )
    cell = cells[0]
    batch, online = _releases_in(cell, package)
    first, last = first or batch, last or online
    if not first or not last:
        refuse(f"{cell.name}: {package} is not in both environments; name --from and --to")
    # Serving may be ahead of training or behind it; bisecting goes upwards.
    low, high = sorted((first, last), key=Version)
    if environment:
        return find_environment(environment), (low, high)
    # Releases of a package can be put into an environment of ours, not into this interpreter.
    base = cell.batch if cell.online.is_here else cell.online
    return base, (low, high)


def _releases_in(cell: Cell, package: str) -> tuple[str, str]:
    """Return the releases of a package in both environments of a cell; "" where it has none."""
    batch = build_environment(cell.batch, echo_error).versions.get(package)
    online = build_environment(cell.online, echo_error).versions.get(package)
    return batch or "", online or ""


def _view_of(target: str) -> FeatureView:
    module_name, _, name = target.partition(":")
    if not name:
        refuse(f"name a view as module:view; got {target!r}")
    try:
        view = getattr(import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        refuse(f"{target}: {error}")
    if not isinstance(view, FeatureView):
        refuse(f"{target} is no FeatureView; got {type(view).__name__}")
    return view


def _agreement_text(result: Result, a: str, b: str) -> str:
    # Nothing but None, in both environments, is no agreement to lean on.
    answers = "None, both of them," if result.untested else "the same"
    return f"{result.view.name}: {a} and {b} return {answers} on {result.histories:,} rows"


def _load_rows(file: Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        refuse(f"--input {file}: {error}")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        refuse(f'--input {file}: expected a list of objects, as in [{{"x": 1}}]')
    return rows
