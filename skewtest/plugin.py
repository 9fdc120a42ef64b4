"""The pytest plugin. It imports pytest alone until a feature view is met.

What is heavy (polars, Hypothesis) is loaded by `skewtest.session`, on the first check.
"""

import argparse
import importlib
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from skewtest.items import (
    CELL,
    CELLS,
    REGISTERED,
    RESULTS,
    SkewText,
    ViewItem,
    is_cell,
    is_view,
    named_by_a_test,
    prepare_cell,
    registered_items,
    run_view,
    scenarios_of,
    skip_if_not_run,
    view_items,
    views_named_by,
)

PROFILES = ("dev", "ci", "nightly")
KEYS = ("views", "environments", "matrix")
REPORTS = pytest.StashKey[list[dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and ini keys."""
    group = parser.getgroup("skewtest", "training-serving skew")
    group.addoption(
        "--skew-histories", type=_positive, metavar="N", help="histories for each view and scenario"
    )
    group.addoption("--skew-seed", type=_natural, metavar="N", help="seed that reproduces a run")
    group.addoption(
        "--skew-profile",
        choices=PROFILES,
        help="dev: 6,400 histories, new seed; ci: twice as many, fixed seed (default where CI is "
        "set); nightly: 20 times as many, new seed",
    )
    group.addoption(
        "--skew-report", metavar="DIR", help="write the parity report (HTML and JSON) to DIR"
    )
    group.addoption(
        "--skew-matrix",
        choices=("none", "declared", "star", "pairwise", "full"),
        default="star",
        help="which cells of the version matrix of pyproject.toml to run: pairs that are declared, "
        "and of its axes one at a time (star, the default), each pair of versions, or all",
    )
    group.addoption(
        "--skew-matrix-missing",
        choices=("error", "skip"),
        default="error",
        help="what a cell is whose environments cannot be had",
    )
    group.addoption(
        "--skew-explore",
        action="store_true",
        help="also try the delivery scenarios that views do not declare, as advice",
    )
    parser.addini("skew_histories", "histories for each view and scenario", default="")
    parser.addini("skew_profile", "default of --skew-profile", default="")
    parser.addini("skew_corpus", "folder of kept counterexamples", default="tests/skew-corpus")


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker, read `[tool.skewtest] views`, prepare the report."""
    config.addinivalue_line(
        "markers", "skew: a parity check of a feature view (set on every one; pick with -m skew)"
    )
    _check_ini(config)
    config.stash[REPORTS] = []
    config.pluginmanager.register(Reports(config), "skewtest-reports")
    config.stash[REGISTERED] = _registered_views(config.rootpath / "pyproject.toml")
    _read_matrix(config)


class Skew:
    """The fixture `skew`: checks views under one scenario, or under all that they declare."""

    def __init__(self, request: pytest.FixtureRequest, scenario: str | None) -> None:
        self._request = request
        self._scenario = scenario
        if is_cell(scenario):
            node = request.node
            for view in views_named_by(node.function, node.module):
                prepare_cell(node, view, scenario)

    def check(self, view: Any) -> Any:
        """Check a view and return its Result.

        Raises:
            SkewError: batch and online disagree, or a feature was never tested.
        """
        __tracebackhide__ = True
        result = self.run(view)
        skip_if_not_run(result)
        result.raise_if_skewed()
        return result

    def run(self, view: Any) -> Any:
        """Check a view and return its Result, whatever was found."""
        return run_view(self._request.node, view, self._scenario)


@pytest.fixture
def skew(request: pytest.FixtureRequest) -> Skew:
    """Check feature views for training-serving skew: `skew.check(view)`, `skew.run(view)`."""
    return Skew(request, getattr(request, "param", None))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item a scenario of each test that uses the fixture `skew`.

    Where it cannot be seen which view a test will check, one item stands for all its scenarios.
    """
    if "skew" not in metafunc.fixturenames:
        return
    views = views_named_by(metafunc.function, metafunc.module)
    for mark in metafunc.definition.iter_markers("parametrize"):
        views += [value for value in _values(mark.args[1:2]) if is_view(value)]
    names = [name for view in views for name in scenarios_of(view, metafunc.config)]
    params: list[Any] = [*dict.fromkeys(names)] or [pytest.param(None, id="all")]
    metafunc.parametrize("skew", params, indirect=True)


def _values(values: Any) -> list[Any]:
    """Return what parametrize was given, the parts of tuples and of pytest.param included."""
    found: list[Any] = []
    for value in values:
        inner = getattr(value, "values", value) if type(value).__name__ == "ParameterSet" else value
        found += _values(inner) if isinstance(inner, list | tuple) else [inner]
    return found


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests that use the fixture `skew`, so that `-m skew` picks them."""
    if "skew" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.skew)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> "list[ViewItem] | None":
    """Collect a module-level view, unless a test function of its module checks it."""
    if not is_view(obj) or not isinstance(collector, pytest.Module):
        return None
    if named_by_a_test(collector.obj, name):
        return []
    return list(view_items(collector, obj))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the registered views, unless the command line names something else to run.

    First of all hooks, so that -k, -m and --lf see the items that are added here.
    """
    if session.config.args_source is not pytest.Config.ArgsSource.ARGS:
        items.extend(registered_items(session, items))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show skew in the user's words, not as a traceback; carry results to the report."""
    report = yield
    if CELL in item.stash and (call.when == "call" or report.outcome != "passed"):
        report.skewtest_cell = item.stash[CELL]  # type: ignore[attr-defined] # as below
    results = item.stash.get(RESULTS, [])
    if call.when != "call" or not results:
        return report
    runs = [run for result in results for run in result.runs()]
    report.skewtest_runs = runs  # type: ignore[attr-defined] # reports carry what they are given
    error = call.excinfo.value if call.excinfo is not None else None
    if type(error).__name__ == "SkewError":
        colour = item.config.get_terminal_writer().hasmarkup
        report.longrepr = SkewText(error.result, colour=colour)  # type: ignore[assignment, union-attr]
    elif error is None:
        report.sections += [("skewtest", text) for r in results if (text := r.report())]
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep a run without views light.

    Hypothesis's own plugin loads all of Hypothesis for its terminal summary, which costs most of
    a second. Where no test has loaded it by now it has nothing to say.
    """
    plugins = session.config.pluginmanager
    if "hypothesis" not in sys.modules and not plugins.hasplugin("dsession"):
        plugins.unregister(name="hypothesispytest")


class Reports:
    """Gathers the runs of all items, from workers too, for the parity report."""

    def __init__(self, config: pytest.Config) -> None:
        self._runs = config.stash[REPORTS]
        self.cells: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the runs of one item, and what became of its cell."""
        self._runs.extend(getattr(report, "skewtest_runs", ()))
        if hasattr(report, "skewtest_cell"):
            name, became = report.skewtest_cell
            self.cells.append((name, became))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Tell what was explored; write the parity report where `--skew-report` says."""
    folder, runs = config.getoption("skew_report"), config.stash[REPORTS]
    for line in _matrix_lines(config):
        terminalreporter.write_line(f"skewtest: {line}")
    for line in _unused(runs):
        terminalreporter.write_line(f"skewtest: {line}", yellow=True)
    if any(not run["gates"] for run in runs) and not hasattr(config, "workerinput"):
        words = importlib.import_module("skewtest.report.words")
        versions = importlib.import_module("skewtest.report.versions")
        told = [line for run in runs if "partings" in run for line in versions.spread_lines(run)]
        for line in (*words.advice([run for run in runs if "scenario" in run]), *told):
            terminalreporter.write_line(line)
    if not folder or hasattr(config, "workerinput"):
        return
    session = importlib.import_module("skewtest.session")
    errors = importlib.import_module("skewtest.errors")
    try:
        page = session.write_report(
            Path(folder),
            runs,
            "--skew-report",
            _gaps(terminalreporter, exitstatus),
            _matrix(config),
        )
    except errors.ReportError as error:
        terminalreporter.write_line(f"skewtest: {error}", red=True)
        terminalreporter._session.exitstatus = pytest.ExitCode.USAGE_ERROR  # type: ignore[union-attr] # there is one by now
        return
    terminalreporter.write_line(f"skewtest: parity report in {page}")


def _matrix_lines(config: pytest.Config) -> list[str]:
    """Return what became of the cells of the matrix: requested, ran, excluded, and why not."""
    plugin = config.pluginmanager.getplugin("skewtest-reports")
    cells = config.stash.get(CELLS, None)
    if plugin is None or cells is None or not plugin.cells or hasattr(config, "workerinput"):
        return []
    became = dict(sorted(plugin.cells, key=lambda one: one[1] == "ran"))
    failed = Counter(kind for kind in became.values() if kind != "ran")
    ran = sum(kind == "ran" for kind in became.values())
    told = [f"{len(cells.cells)} requested", f"{ran} ran", f"{cells.excluded} excluded"]
    told += [f"{count} {kind}" for kind, count in failed.items()]
    lines = [f"matrix: {', '.join(told)}"]
    if cells.pairs:
        lines.append(f"matrix: {len(cells.pairs)} of {cells.valid_pairs} pairs of versions covered")
    return lines


def _matrix(config: pytest.Config) -> "dict[str, Any] | None":
    """Return the cells of the matrix, and what became of them, for the report."""
    plugin = config.pluginmanager.getplugin("skewtest-reports")
    cells = config.stash.get(CELLS, None)
    if plugin is None or cells is None or not cells.cells:
        return None
    became = dict(sorted(plugin.cells, key=lambda one: one[1] == "ran"))
    return {
        "requested": [cell.name for cell in cells.cells],
        "ran": [name for name, kind in became.items() if kind == "ran"],
        "failed": {name: kind for name, kind in became.items() if kind != "ran"},
        "excluded": cells.excluded,
        "pairs": list(cells.pairs),
        "valid_pairs": cells.valid_pairs,
    }


def _unused(runs: list[dict[str, Any]]) -> list[str]:
    """Return a line for each corpus file that could not be used where all else is well."""
    told = [
        f"kept counterexample {note['file']} was not used: {note['reason']}"
        for run in runs
        if run["ok"]
        for note in run.get("rejected", ())
    ]
    return list(dict.fromkeys(told))


def _gaps(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> list[str]:
    """Return why the report lacks something: what was broken, and what was never reached."""
    gaps = [f"error: {report.nodeid}" for report in terminalreporter.stats.get("error", ())]
    gaps += [
        f"failed without a result: {report.nodeid}"
        for report in terminalreporter.stats.get("failed", ())
        if "skew" in report.keywords and not hasattr(report, "skewtest_runs")
    ]
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        gaps.append("the run was interrupted")
    return gaps


def _registered_views(project: Path) -> tuple[str, ...]:
    """Return `[tool.skewtest] views` of a pyproject.toml."""
    if not project.is_file():
        return ()
    text = project.read_bytes()
    if b"tool.skewtest" not in text:
        return ()
    tomllib = importlib.import_module("tomllib")
    try:
        table = tomllib.loads(text.decode()).get("tool", {}).get("skewtest", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise pytest.UsageError(f"{project}: {error}") from error
    for key in table:
        if key not in KEYS:
            raise pytest.UsageError(
                f"{project}: [tool.skewtest] knows {', '.join(KEYS)}; got {key!r}. "
                "Options are ini keys: skew_histories, skew_profile, skew_corpus."
            )
    views = table.get("views", [])
    if not isinstance(views, list) or not all(isinstance(name, str) for name in views):
        raise pytest.UsageError(
            f"{project}: [tool.skewtest] views must be a list of module names; got {views!r}"
        )
    return tuple(views)


def _read_matrix(config: pytest.Config) -> None:
    """Read the cells of the version matrix, where pyproject.toml has one."""
    project = config.rootpath / "pyproject.toml"
    if not project.is_file() or b"tool.skewtest" not in project.read_bytes():
        return
    cells = importlib.import_module("skewtest.matrix.cells")
    errors = importlib.import_module("skewtest.errors")
    try:
        config.stash[CELLS] = cells.cells_of(project, config.getoption("skew_matrix"))
    except errors.DeclarationError as error:
        raise pytest.UsageError(str(error)) from error


def _check_ini(config: pytest.Config) -> None:
    histories, profile = config.getini("skew_histories"), config.getini("skew_profile")
    if config.getoption("skew_report") == "":
        raise pytest.UsageError("--skew-report=DIR needs a folder; got ''")
    if histories and not (histories.isdigit() and int(histories)):
        raise pytest.UsageError(f"skew_histories must be a number above 0; got {histories!r}")
    if profile and profile not in PROFILES:
        known = ", ".join(map(repr, PROFILES))
        raise pytest.UsageError(f"skew_profile must be one of {known}; got {profile!r}")


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number above 0; got {text!r}")
    return int(text)
