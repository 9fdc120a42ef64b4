"""The pytest plugin: its hooks. It imports pytest alone.

All else is loaded through `skewtest.harness`: what checks views, with polars and all of skewtest,
is `harness.run.Harness`, which is made when the first view is met.
"""

import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import pytest

from skewtest import harness
from skewtest.harness.families import mark_families, tell_worker
from skewtest.harness.gathering import GATHERING, Gathering
from skewtest.harness.guards import check_corpus, has_files, is_whole
from skewtest.harness.options import add_options, check_options
from skewtest.harness.signals import take_signals
from skewtest.worker.exits import NoExit

if TYPE_CHECKING:
    from skewtest.declare.view import FeatureView
    from skewtest.harness.fixture import Skew
    from skewtest.harness.project import Project
    from skewtest.harness.run import Harness

PROJECT: "pytest.StashKey[Project | None]" = pytest.StashKey()
HARNESS: "pytest.StashKey[Harness]" = pytest.StashKey()
REPORTS = ("skew_report", "skew_history", "skew_baseline")
"""The options that ask for something at the end, even of a run that has met no view."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and ini keys."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker, check the options, read `[tool.skewtest]`."""
    config.addinivalue_line(
        "markers", "skew: a parity check of a feature view (set on every one; pick with -m skew)"
    )
    check_options(config)
    check_corpus(config)
    config.pluginmanager.register(Gathering(), GATHERING)
    file = config.rootpath / "pyproject.toml"
    speaks_of_us = file.is_file() and b"tool.skewtest" in file.read_bytes()
    config.stash[PROJECT] = harness.project.read_project(file) if speaks_of_us else None
    project = config.stash[PROJECT]
    if project is not None and project.declares_checks:
        harness_of(config)


def harness_of(config: pytest.Config) -> "Harness":
    """Return what checks views; here it is loaded, and nowhere else."""
    if HARNESS not in config.stash:
        gathering = config.pluginmanager.getplugin(GATHERING)
        assert isinstance(gathering, Gathering)
        if not hasattr(config, "workerinput"):
            config.add_cleanup(take_signals())
        config.stash[HARNESS] = harness.run.Harness(config, config.stash[PROJECT], gathering)
    return config.stash[HARNESS]


def asks_for_a_check(item: pytest.Item) -> bool:
    """Return whether an item is there to check feature views."""
    if "skew" in getattr(item, "fixturenames", ()):
        return True
    return HARNESS in item.config.stash and harness_of(item.config).has_made(item)


def is_view(obj: object) -> "TypeGuard[FeatureView]":
    """Return whether an object is a FeatureView, without loading the module that defines it."""
    home = sys.modules.get("skewtest.declare.view")
    return home is not None and isinstance(obj, home.FeatureView)


@pytest.fixture
def skew(request: pytest.FixtureRequest) -> "Skew":
    """Check feature views for training-serving skew: `skew.check(view)`, `skew.run(view)`."""
    return harness_of(request.config).fixture(request)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Read the baseline, and remove the report that the run is to replace."""
    config = session.config
    if not _reports_here(config):
        return
    if config.getoption("skew_baseline") or config.getoption("skew_report"):
        harness_of(config).ending.prepare()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item a scenario of each test that uses the fixture `skew`."""
    if "skew" in metafunc.fixturenames:
        harness_of(metafunc.config).parametrize(metafunc)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests that use the fixture `skew`, so that `-m skew` picks them."""
    if asks_for_a_check(item):
        item.add_marker(pytest.mark.skew)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let no module that speaks of us end the run with exit code 0 while it is imported."""
    if not isinstance(collector, pytest.Module) or not _speaks_of_us(collector.path):
        return (yield)
    with NoExit():
        return (yield)


def _speaks_of_us(file: Path) -> bool:
    try:
        return b"skew" in file.read_bytes()
    except OSError:
        return False


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """Collect a module-level view, unless a test function of its module checks it."""
    if isinstance(collector, pytest.Module) and is_view(obj):
        return harness_of(collector.config).collect(collector, name, obj)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the registered views, unless the command line names something else to run.

    First of all hooks, so that -k, -m and --lf see the items that are added here.
    """
    project = session.config.stash[PROJECT]
    is_whole = session.config.args_source is not pytest.Config.ArgsSource.ARGS
    if project is not None and project.views and is_whole:
        items.extend(harness_of(session.config).collect_modules(session, project.views, items))


@pytest.hookimpl(wrapper=True)
def pytest_collection_finish(session: pytest.Session) -> Generator[None]:
    """Tell xdist's scheduler, from a worker, which items are to stay together."""
    with mark_families(session.config, session.items, asks_for_a_check):
        return (yield)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Generator[None, object, object]:
    """Keep the items of one view together where xdist would split them."""
    return harness.scheduling.keep_families((yield), config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist how tests are sent to it."""
    tell_worker(node)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show skew in the user's words, not as a traceback; carry results to the report."""
    report = yield
    if asks_for_a_check(item):
        harness_of(item.config).complete(report, item, call)
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell what was found; write the parity report where `--skew-report` says."""
    gathering = config.pluginmanager.getplugin(GATHERING)
    assert isinstance(gathering, Gathering)
    has_met_views = bool(gathering.parts or gathering.cells)
    # Kept counterexamples without any view are guards that are gone.
    has_met_views = has_met_views or (is_whole(config) and has_files(config))
    if _reports_here(config) and (has_met_views or any(map(config.getoption, REPORTS))):
        harness_of(config).ending.tell(terminalreporter)


def _reports_here(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput") and not config.option.collectonly


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep a run without views light.

    Hypothesis's own plugin loads all of Hypothesis for its terminal summary, which costs most of
    a second. Where no test has loaded it by now it has nothing to say.
    """
    plugins = session.config.pluginmanager
    if "hypothesis" not in sys.modules and not plugins.hasplugin("dsession"):
        plugins.unregister(name="hypothesispytest")
