"""The command line: `skewtest demo`, `skewtest check module:view`."""

import importlib
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from skewtest import __version__
from skewtest.cli.environments import env
from skewtest.cli.reports import report as report_app
from skewtest.declare.delivery import RELATIONS, SCENARIOS
from skewtest.declare.known import Known, known_of
from skewtest.declare.view import FeatureView
from skewtest.demo import skewed
from skewtest.environments.settings import project_file, tool_table
from skewtest.errors import SkewtestError, listed, nearest
from skewtest.files import remove_report
from skewtest.harness.session import Settings, default_profile, part, run
from skewtest.report.closing import known_lines
from skewtest.report.failures import import_traceback
from skewtest.report.model import Report
from skewtest.report.outputs import Baseline, Files, report_of
from skewtest.report.result import Result
from skewtest.report.summary import advice
from skewtest.report.terminal import summary_line

PARITY, SKEW, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    help="Find training-serving skew: batch and online implementations that disagree.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
    """Check an embedded feature view with a planted skew, and write the parity report.

    Exits with 0 when the planted skew was found, with 1 when it was not.
    """
    began = time.time()
    typer.echo("A 7-day spend, in two implementations that look alike:\n")
    typer.echo(skewed.shown_source())
    result = _checked(skewed.spend, Settings(seed=1), "demo", lambda _seed: "skewtest demo")
    _show(skewed.spend, result)
    _write(_reported([result], "skewtest demo", "", began), report)
    raise typer.Exit(PARITY if result.findings else SKEW)


@app.command()
def check(
    target: Annotated[str, typer.Argument(help="module:view, or module for all its views.")],
    histories: Annotated[int | None, typer.Option(min=1, help="Histories for each view.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed that reproduces a run.")] = None,
    profile: Annotated[str, typer.Option(help="dev, ci or nightly.")] = "",
    report: Annotated[Path | None, typer.Option(help="Write the parity report here.")] = None,
    corpus: Annotated[Path, typer.Option(help="Folder of kept counterexamples.")] = Path(
        "tests/skew-corpus"
    ),
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
    settings = Settings(
        histories=histories,
        seed=seed,
        profile=profile or default_profile(),
        corpus=corpus.absolute(),
        root=Path.cwd(),
        known=_known(),
    )
    began = time.time()
    earlier = None if baseline is None else Baseline.of(baseline)
    if report is not None:
        remove_report(report)
    called = f"skewtest {shlex.join(sys.argv[1:])}"
    results: list[Result] = []
    views = _views(target)
    try:
        for name, view in views:
            command = f"skewtest check {target.partition(':')[0]}:{name}"
            again = partial(_again, command, settings, explore=explore)
            scenarios = (*SCENARIOS, RELATIONS) if explore else None
            results.append(_checked(view, settings, view.name, again, scenarios=scenarios))
            _show(view, results[-1])
    except KeyboardInterrupt:
        left = listed(view.name for _, view in views[len(results) :])
        typer.echo(f"skewtest: interrupted; not checked: {left}", err=True)
        if report is not None:
            gap = f"interrupted; not checked: {left}"
            found = _reported(results, called, settings.profile, began, incomplete=[gap])
            _write(found, report, earlier)
        raise typer.Exit(INTERRUPTED) from None
    found = _reported(results, called, settings.profile, began)
    _write(found, report, earlier, history)
    if any(result.broken for result in results):
        raise typer.Exit(BROKEN)
    raise typer.Exit(PARITY if all(result.ok for result in results) else SKEW)


class Bar:
    """A progress bar as a run knows it."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def advance(self, histories: int, planned: int) -> None:
        """Show how far the run is."""
        self._bar.update(self._task, completed=histories, total=planned)

    def say(self, line: str) -> None:
        """Show what is being done."""
        self._bar.update(self._task, description=line)


def _checked(
    view: FeatureView,
    settings: Settings,
    title: str,
    again: Callable[[int | None], str],
    *,
    scenarios: Sequence[str] | None = None,
) -> Result:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(title, total=None)
        try:
            return run(
                view,
                scenarios,
                settings,
                again,
                Bar(bar, task),
            )
        except SkewtestError as error:
            _refuse(str(error))


def _again(command: str, settings: Settings, seed: int | None, *, explore: bool) -> str:
    """Return the command that checks a view again on the same histories; on kept ones, of None."""
    options = ["--explore"] if explore else []
    if seed is not None:
        options.append(f"--seed={seed}")
        if settings.histories is not None:
            options.append(f"--histories={settings.histories}")
        elif settings.profile != "dev":
            options.append(f"--profile={settings.profile}")
    return " ".join([command, *options])


def _show(view: FeatureView, result: Result) -> None:
    """Show the report of what is declared; of what was explored, a line and the advice."""
    declared = (*view.delivery.scenarios, RELATIONS)
    text = part(result, declared, lambda _seed: result.again).report(colour=sys.stdout.isatty())
    if text:
        typer.echo(text)
        typer.echo("")
    found = result.part(Path.cwd())
    for outcome in found.outcomes:
        typer.echo(summary_line(outcome))
    for line in (*known_lines(found), *advice(found.outcomes)):
        typer.echo(line)


def _known() -> tuple[Known, ...]:
    """Return the known divergences of pyproject.toml."""
    project = project_file()
    try:
        return known_of(tool_table(project).get("known", []), str(project))
    except SkewtestError as error:
        _refuse(str(error))


def _reported(
    results: Sequence[Result],
    command: str,
    profile: str,
    began: float,
    incomplete: Sequence[str] = (),
) -> Report:
    parts = [result.part(Path.cwd()) for result in results]
    return report_of(
        parts,
        command=command,
        profile=profile,
        began=began,
        root=Path.cwd(),
        incomplete=incomplete,
    )


def _write(
    report: Report,
    folder: Path | None,
    baseline: Baseline | None = None,
    history: Path | None = None,
) -> None:
    """Write the files that are asked for; one that cannot be had ends the command after them."""
    files = Files(report)
    if baseline is not None:
        files.compare(baseline)
    if folder is not None:
        files.write(folder, "--report")
    if history is not None:
        files.record(history)
    for line in files.told:
        typer.echo(line)
    if files.errors:
        _refuse("\nskewtest: ".join(files.errors))


def _views(target: str) -> list[tuple[str, FeatureView]]:
    """Return the views that `module:view` or `module` names."""
    module_name, _, wanted = target.partition(":")
    module = _module(module_name)
    views = {name: obj for name, obj in vars(module).items() if isinstance(obj, FeatureView)}
    if not views:
        _refuse(f"the module {module_name!r} holds no FeatureView")
    if not wanted:
        return list(views.items())
    if wanted not in views:
        _refuse(
            f"{module_name!r} has no feature view {wanted!r}; it has {listed(views)}."
            + nearest(wanted, views)
        )
    return [(wanted, views[wanted])]


def _module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        _refuse(f"{name!r} is no module; name one as in: skewtest check my_repo.features:spend")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{name}.".startswith(f"{missing}."):
            _refuse(
                f"there is no module {name!r}; "
                "name one as in: skewtest check my_repo.features:spend"
            )
        typer.echo(f"{name!r} cannot be imported:\n\n{import_traceback(error)}", err=True)
        raise typer.Exit(BROKEN) from error


def _refuse(message: str) -> NoReturn:
    typer.echo(f"skewtest: {message}", err=True)
    raise typer.Exit(USAGE)
