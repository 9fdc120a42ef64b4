"""The pytest plugin. It imports pytest alone until a feature view is met.

What is heavy (polars, Hypothesis) is loaded by `skewtest.harness.session`, on the first check.
"""

import argparse
import importlib
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from skewtest.harness.ending import ENDING, Ending
from skewtest.harness.items import (
    CELL,
    CELLS,
    KNOWN,
    REGISTERED,
    RESULTS,
    STAR,
    SkewText,
    ViewItem,
    asks_for_a_check,
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
KEYS = ("views", "environments", "matrix", "known")


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
        "--skew-report",
        metavar="DIR",
        help="write the parity report (HTML, JSON and Markdown) to DIR",
    )
    group.addoption(
        "--skew-baseline", metavar="FILE", help="an earlier report.json to compare the report with"
    )
    group.addoption(
        "--skew-history", metavar="FILE", help="append the run to a history file (JSONL)"
    )
    group.addoption(
        "--skew-matrix",
        choices=("none", "declared", "star", "pairwise", "full"),
        default=STAR,
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
    config.pluginmanager.register(Ending(), ENDING)
    project = config.rootpath / "pyproject.toml"
    table = _tool_table(project)
    config.stash[REGISTERED] = _registered_views(project, table)
    config.stash[KNOWN] = _known(project, table)
    if "matrix" in table or "environments" in table:
        _read_matrix(config, project)


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
    if asks_for_a_check(item):
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
    if asks_for_a_check(item):
        report.skewtest_asked = True  # type: ignore[attr-defined] # reports carry what they are given
    if CELL in item.stash and (call.when == "call" or report.outcome != "passed"):
        report.skewtest_cell = item.stash[CELL]  # type: ignore[attr-defined] # as above
    results = item.stash.get(RESULTS, [])
    if call.when != "call" or not results:
        return report
    parts = [result.part(item.config.rootpath) for result in results]
    model = importlib.import_module("skewtest.report.model")
    closing = importlib.import_module("skewtest.report.closing")
    report.skewtest_parts = [model.to_dict(part) for part in parts]  # type: ignore[attr-defined] # as above
    item.user_properties.extend(closing.properties(parts))  # JUnit XML has those of the teardown
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


def _tool_table(project: Path) -> dict[str, Any]:
    """Return `[tool.skewtest]` of a pyproject.toml; empty without one."""
    if not project.is_file():
        return {}
    text = project.read_bytes()
    if b"tool.skewtest" not in text:
        return {}
    tomllib = importlib.import_module("tomllib")
    try:
        table: dict[str, Any] = tomllib.loads(text.decode()).get("tool", {}).get("skewtest", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise pytest.UsageError(f"{project}: {error}") from error
    for key in table:
        if key not in KEYS:
            raise pytest.UsageError(
                f"{project}: [tool.skewtest] knows {', '.join(KEYS)}; got {key!r}. "
                "Options are ini keys: skew_histories, skew_profile, skew_corpus."
            )
    return table


def _registered_views(project: Path, table: dict[str, Any]) -> tuple[str, ...]:
    """Return `views`: the names of the modules whose views are checked."""
    views = table.get("views", [])
    if not isinstance(views, list) or not all(isinstance(name, str) for name in views):
        raise pytest.UsageError(
            f"{project}: [tool.skewtest] views must be a list of module names; got {views!r}"
        )
    return tuple(views)


def _known(project: Path, table: dict[str, Any]) -> tuple[Any, ...]:
    """Return the known divergences of `[[tool.skewtest.known]]`."""
    if "known" not in table:
        return ()
    known = importlib.import_module("skewtest.declare.known")
    errors = importlib.import_module("skewtest.errors")
    try:
        found: tuple[Any, ...] = known.known_of(table["known"], str(project))
    except errors.DeclarationError as error:
        raise pytest.UsageError(str(error)) from error
    return found


def _read_matrix(config: pytest.Config, project: Path) -> None:
    """Read the cells of the version matrix, where pyproject.toml has one."""
    cells = importlib.import_module("skewtest.environments.cells")
    errors = importlib.import_module("skewtest.errors")
    try:
        config.stash[CELLS] = cells.cells_of(project, config.getoption("skew_matrix"))
    except errors.DeclarationError as error:
        raise pytest.UsageError(str(error)) from error


def _check_ini(config: pytest.Config) -> None:
    histories, profile = config.getini("skew_histories"), config.getini("skew_profile")
    for option, wanted in (("report", "DIR"), ("baseline", "FILE"), ("history", "FILE")):
        if config.getoption(f"skew_{option}") == "":
            what = "folder" if wanted == "DIR" else "file"
            raise pytest.UsageError(f"--skew-{option}={wanted} needs a {what}; got ''")
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
