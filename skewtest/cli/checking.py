"""What `skewtest demo` and `skewtest check` do."""

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import typer

from skewtest.apart import check_apart, work_apart
from skewtest.cli.exits import (
    BROKEN,
    INTERRUPTED,
    PARITY,
    SIGNALLED,
    SKEW,
    refuse,
)
from skewtest.cli.targets import find_corpus, load_renamed, views_of
from skewtest.declare.delivery import RELATIONS, SCENARIOS
from skewtest.declare.known import Known, known_of
from skewtest.declare.view import FeatureView
from skewtest.demo import skewed
from skewtest.environments.settings import project_file, tool_table
from skewtest.errors import SkewtestError, listed
from skewtest.files import remove_report
from skewtest.harness.progress import progress_on
from skewtest.harness.signals import EndedError, SignalsHeld, signals_taken
from skewtest.report.closing import known_lines, reach_lines
from skewtest.report.model import Report
from skewtest.report.outputs import Baseline, Files, report_of
from skewtest.report.remarks import thread_text
from skewtest.report.result import Result
from skewtest.report.summary import advice
from skewtest.report.terminal import summary_line
from skewtest.run.budget import DEV, budget_of, default_profile
from skewtest.session import Corpus, check_view, part_of, scenarios_of

# Any would do; a fixed one shows the same counterexample that the tutorial does.
DEMO_SEED = 1


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What `skewtest check` was asked for.

    Attributes:
        target: `module:view`, or `module` for all its views.
        histories: for each view; None: as many as the profile says.
        seed: of the histories; None: as the profile says.
        seconds: the most CPU seconds for each view; None: histories alone decide.
        profile: "dev", "ci" or "nightly"; "": by where it runs.
        corpus: the folder of kept counterexamples; None: the usual one.
        explore: whether to try scenarios that are not declared.
    """

    target: str
    histories: int | None
    seed: int | None
    seconds: float | None
    profile: str
    corpus: Path | None
    explore: bool

    @property
    def profile_in_force(self) -> str:
        """The profile that says how much to run."""
        return self.profile or default_profile()

    def command_again(self, name: str, seed: int | None) -> str:
        """Return the command that checks a view on the same histories; on kept ones, of None."""
        words = [f"skewtest check {self.target.partition(':')[0]}:{name}"]
        if self.explore:
            words.append("--explore")
        # Kept histories are run first, whatever the seed and however many others follow.
        if seed is not None:
            words.append(f"--seed={seed}")
            if self.histories is not None:
                words.append(f"--histories={self.histories}")
            elif self.profile_in_force != DEV:
                words.append(f"--profile={self.profile_in_force}")
        return " ".join(words)


def show_demo(folder: Path) -> NoReturn:
    """Check the embedded view, and write the report to a folder."""
    began = time.time()
    typer.echo("A 7-day spend, in two implementations that look alike:\n")
    typer.echo(skewed.shown_source())
    view = skewed.spend
    budget = budget_of(view, seed=DEMO_SEED)
    with progress_on(sys.stderr, "demo") as progress:
        result = check_view(
            view,
            scenarios_of(view),
            budget,
            lambda _seed: "skewtest demo",
            progress=progress,
        )
    _show(view, result)
    _write(_report_of([result], "skewtest demo", "", began), folder)
    code = PARITY if result.findings else SKEW
    raise typer.Exit(code)


def check_views(
    request: CheckRequest,
    *,
    report: Path | None,
    baseline: Path | None,
    history: Path | None,
) -> NoReturn:
    """Check the views of a target, show what is found and write what is asked for.

    Args:
        request: what to check.
        report: the folder to write the report to.
        baseline: an earlier report to compare it with.
        history: the file to append the run to.
    """
    divergences = _load_known_divergences()
    find_corpus(request.corpus)
    began = time.time()
    # The baseline may be the very report that this run replaces: it is read first.
    earlier = None if baseline is None else Baseline.of(baseline)
    # A run that is killed must leave no report that speaks of the run before it.
    if report is not None:
        remove_report(report)
    command = f"skewtest {shlex.join(sys.argv[1:])}"
    results: list[Result] = []
    report_here = partial(_report_of, results, command, request.profile_in_force, began)
    views: list[tuple[str, FeatureView]] = []
    try:
        with signals_taken():
            views += views_of(request.target)
            for name, view in views:
                results.append(_check_view(request, name, view, divergences))
                _show(view, results[-1])
    except KeyboardInterrupt as error:
        with SignalsHeld():
            unchecked = listed(view.name for _, view in views[len(results) :])
            gap = f"interrupted; not checked: {unchecked if views else request.target}"
            typer.echo(f"skewtest: {gap}", err=True)
            _write(report_here(incomplete=[gap]), report, earlier)
        raise typer.Exit(exit_code_of(error)) from None
    with SignalsHeld() as signals:
        _write(report_here(), report, earlier, history)
    if signals.received:
        raise typer.Exit(INTERRUPTED)
    if any(result.broken for result in results):
        raise typer.Exit(BROKEN)
    code = PARITY if all(result.ok for result in results) else SKEW
    raise typer.Exit(code)


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """Return the code that shells give to what a signal has ended."""
    if isinstance(interrupt, EndedError):
        return SIGNALLED + interrupt.signal
    return INTERRUPTED


def _check_view(
    request: CheckRequest, name: str, view: FeatureView, known: Sequence[Known]
) -> Result:
    scenarios = (*SCENARIOS, RELATIONS) if request.explore else scenarios_of(view)
    try:
        budget = budget_of(
            view,
            histories=request.histories,
            seed=request.seed,
            seconds=request.seconds,
            profile=request.profile_in_force,
            known=known,
        )
        again = partial(request.command_again, name)
        corpus = Corpus(find_corpus(request.corpus), Path.cwd(), load_renamed())

        def check() -> Result:
            with progress_on(sys.stderr, view.name) as progress:
                return check_view(view, scenarios, budget, again, corpus=corpus, progress=progress)

        def tell_thread(name: str) -> None:
            typer.echo(f"skewtest: {thread_text(view.name, name)}", err=True)

        return check_apart(view, scenarios, budget.seed, again, check, tell=tell_thread)
    except SkewtestError as error:
        refuse(str(error))


def _show(view: FeatureView, result: Result) -> None:
    """Show the report of what is declared; of what was explored, a line and the advice."""
    for line in work_apart(view, partial(_lines_of, view, result)):
        typer.echo(line)


def _lines_of(view: FeatureView, result: Result) -> list[str]:
    declared = part_of(result, (*view.delivery.scenarios, RELATIONS), lambda _seed: result.again)
    text = declared.report(colour=sys.stdout.isatty())
    lines = [text, ""] if text else []
    part = result.part(Path.cwd())
    lines += map(summary_line, part.outcomes)
    return [*lines, *reach_lines(part), *known_lines(part), *advice(part.outcomes)]


def _load_known_divergences() -> tuple[Known, ...]:
    """Return the known divergences of pyproject.toml."""
    project = project_file()
    try:
        return known_of(tool_table(project).get("known", []), str(project))
    except SkewtestError as error:
        refuse(str(error))


def _report_of(
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
        refuse("\nskewtest: ".join(files.errors))
