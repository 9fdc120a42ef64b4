"""The pytest plugin. It imports pytest alone until a feature view is met.

What is heavy (polars, Hypothesis) is loaded by `skewtest.session`, on the first check.
"""

import contextlib
import importlib
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

SCENARIOS = ("in_order",)
PROFILES = ("dev", "ci", "nightly")
PROGRESS_AFTER = 2.0
"""Seconds of silence before a run shows its progress on a terminal."""

RESULTS = pytest.StashKey[list[Any]]()
REPORTS = pytest.StashKey[list[dict[str, Any]]]()
REGISTERED = pytest.StashKey[tuple[str, ...]]()


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


class Skew:
    """The fixture `skew`: checks views under one scenario."""

    def __init__(self, request: pytest.FixtureRequest, scenario: str) -> None:
        self._request = request
        self._scenario = scenario

    def check(self, view: Any) -> Any:
        """Check a view and return its Result.

        Raises:
            SkewError: batch and online disagree, or a feature was never tested.
        """
        __tracebackhide__ = True
        result = self.run(view)
        result.raise_if_skewed()
        return result

    def run(self, view: Any) -> Any:
        """Check a view and return its Result, whatever was found."""
        return run_view(self._request.node, view, self._scenario)


@pytest.fixture
def skew(request: pytest.FixtureRequest) -> Skew:
    """Check feature views for training-serving skew: `skew.check(view)`, `skew.run(view)`."""
    return Skew(request, getattr(request, "param", SCENARIOS[0]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item a scenario of each test that uses the fixture `skew`."""
    if "skew" in metafunc.fixturenames:
        metafunc.parametrize("skew", SCENARIOS, indirect=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests that use the fixture `skew`, so that `-m skew` picks them."""
    if "skew" in getattr(item, "fixturenames", ()):
        item.add_marker(pytest.mark.skew)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> "list[ViewItem] | None":
    """Collect a module-level view, unless a test function of its module checks it."""
    if not _is_view(obj) or not isinstance(collector, pytest.Module):
        return None
    if _named_by_a_test(collector.obj, name):
        return []
    return list(_items(collector, obj))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the registered views, unless the command line names something else to run.

    First of all hooks, so that -k, -m and --lf see the items that are added here.
    """
    if session.config.args_source is not pytest.Config.ArgsSource.ARGS:
        items.extend(_registered_items(session, items))


class ViewItem(pytest.Item):
    """One feature view under one scenario."""

    def __init__(self, *, view: Any, scenario: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.view = view
        self.scenario = scenario
        self.add_marker(pytest.mark.skew)

    def runtest(self) -> None:
        """Check the view."""
        __tracebackhide__ = True
        run_view(self, self.view, self.scenario).raise_if_skewed()

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the view is, for reports."""
        return self.path, None, self.name


class BrokenViews(pytest.Item):
    """A registered module that cannot be imported, or that holds no views: always an error."""

    def __init__(self, *, message: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.message = message

    def runtest(self) -> None:
        """Fail with the reason."""
        pytest.fail(self.message, pytrace=False)


def run_view(item: pytest.Item, view: Any, scenario: str) -> Any:
    """Check one view for a test item, as the options say; the result is kept for the report."""
    if not _is_view(view):
        pytest.fail(f"skew.check takes a FeatureView; got {view!r}", pytrace=False)
    session = importlib.import_module("skewtest.session")
    config = item.config
    settings = session.Settings(
        histories=config.getoption("skew_histories") or int(config.getini("skew_histories") or 0),
        seed=_seed(config),
        profile=_profile(config, session),
        corpus=config.rootpath / config.getini("skew_corpus"),
        root=config.rootpath,
    )
    progress = Progress(config, item.name)
    try:
        result = session.run(
            view, (scenario,), settings, lambda seed: _again(item, seed), progress.show
        )
    finally:
        progress.clear()
    item.stash.setdefault(RESULTS, []).append(result)
    return result


class Progress:
    """A line that is rewritten while a long check runs, on a terminal alone."""

    def __init__(self, config: pytest.Config, name: str) -> None:
        self._began = time.monotonic()
        self._name = name
        self._shown = False
        self._capture = config.pluginmanager.getplugin("capturemanager")
        reporter = config.pluginmanager.getplugin("terminalreporter")
        quiet = config.get_verbosity() < 0 or reporter is None or hasattr(config, "workerinput")
        self._writer = None if quiet or not reporter.isatty else reporter._tw

    def show(self, done: int, planned: int) -> None:
        """Show how far the check is."""
        if self._writer is None or time.monotonic() - self._began < PROGRESS_AFTER:
            return
        self._shown = True
        self._write(f"\r{self._name}: {done:,} of {planned:,} histories ")

    def clear(self) -> None:
        """Leave the line empty."""
        if self._shown:
            self._write("\r" + " " * 78 + "\r")

    def _write(self, text: str) -> None:
        quiet = contextlib.nullcontext()
        capture = self._capture.global_and_fixture_disabled() if self._capture else quiet
        with capture:
            self._writer.write(text, flush=True)  # type: ignore[union-attr] # written to if there


class Crash:
    """What pytest's short summary and JUnit show of a failure: its first line."""

    def __init__(self, message: str) -> None:
        self.message = message


class SkewText:
    """The report of a failed check, in place of a traceback."""

    def __init__(self, result: Any, *, colour: bool) -> None:
        self._plain: str = result.report()
        self._shown = result.report(colour=True) if colour else self._plain
        self.reprcrash = Crash(self._plain.split("   ")[0].split("\n")[0])

    def toterminal(self, writer: Any) -> None:
        """Write the report; pytest calls it."""
        writer.line(self._shown)

    def __str__(self) -> str:
        return self._plain


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show skew in the user's words, not as a traceback; carry results to the report."""
    report = yield
    results = item.stash.get(RESULTS, [])
    if call.when != "call" or not results:
        return report
    runs = [run for result in results for run in result.to_dict()["runs"]]
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

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the runs of one item."""
        self._runs.extend(getattr(report, "skewtest_runs", ()))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Write the parity report where `--skew-report` says."""
    folder, runs = config.getoption("skew_report"), config.stash[REPORTS]
    if not folder or hasattr(config, "workerinput"):
        return
    session = importlib.import_module("skewtest.session")
    errors = importlib.import_module("skewtest.errors")
    try:
        page = session.write_report(Path(folder), runs, "--skew-report")
    except errors.ReportError as error:
        terminalreporter.write_line(f"skewtest: {error}", red=True)
        terminalreporter._session.exitstatus = pytest.ExitCode.USAGE_ERROR  # type: ignore[union-attr] # there is one by now
        return
    terminalreporter.write_line(f"skewtest: parity report in {page}")


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
    views = table.get("views", [])
    if not isinstance(views, list) or not all(isinstance(name, str) for name in views):
        raise pytest.UsageError(
            f"{project}: [tool.skewtest] views must be a list of module names; got {views!r}"
        )
    return tuple(views)


def _registered_items(session: pytest.Session, items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Return items for the views of the registered modules that no test module has collected."""
    known = {id(item.view) for item in items if isinstance(item, ViewItem)}
    for module_name in session.config.stash[REGISTERED]:
        loaded = _imported(module_name, session.config.rootpath)
        if isinstance(loaded, str):
            parent = _RegisteredModule.from_parent(session, name=module_name, nodeid=module_name)
            yield BrokenViews.from_parent(parent, name="import", message=loaded)
            continue
        views = {name: obj for name, obj in vars(loaded).items() if _is_view(obj)}
        if not views:
            message = f"[tool.skewtest] views: the module {module_name!r} holds no FeatureView"
            parent = _RegisteredModule.from_parent(session, name=module_name, nodeid=module_name)
            yield BrokenViews.from_parent(parent, name="views", message=message)
        parent = _RegisteredModule.from_parent(
            session, name=module_name, nodeid=module_name, path=Path(loaded.__file__ or ".")
        )
        for view in views.values():
            if id(view) not in known:
                known.add(id(view))
                yield from _items(parent, view)


class _RegisteredModule(pytest.Collector):
    """A module of registered views; its items are made by `_registered_items`."""

    def collect(self) -> Iterable[pytest.Item]:
        return ()


def _imported(name: str, root: Path) -> Any:
    """Return a module, or its own traceback as text."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        return importlib.import_module(name)
    except (KeyboardInterrupt, pytest.exit.Exception):
        raise
    except BaseException as error:
        words = importlib.import_module("skewtest.report.words")
        told = words.import_traceback(error)
        return f"[tool.skewtest] views: {name!r} cannot be imported\n\n{told}"


def _items(parent: pytest.Collector, view: Any) -> Iterator[ViewItem]:
    for scenario in view.delivery.scenarios:
        name = f"{view.name}[{scenario}]"
        # A name with brackets does not survive pytest's own way to a node id.
        nodeid = f"{parent.nodeid}::{name}"
        yield ViewItem.from_parent(parent, name=name, nodeid=nodeid, view=view, scenario=scenario)


def _is_view(obj: object) -> bool:
    """Return whether an object is a FeatureView, without loading the module that defines it."""
    home = sys.modules.get("skewtest.declare.view")
    return home is not None and isinstance(obj, home.FeatureView)


def _named_by_a_test(module: Any, name: str) -> bool:
    """Return whether a test function with the fixture `skew` names the view: then it is its."""
    classes = (c for n, c in vars(module).items() if n.startswith("Test") and isinstance(c, type))
    for scope in (module, *classes):
        for test_name, obj in vars(scope).items():
            code = getattr(obj, "__code__", None)
            if code is None or not test_name.startswith("test"):
                continue
            if "skew" in code.co_varnames[: code.co_argcount] and name in _names(code):
                return True
    return False


def _names(code: Any) -> set[str]:
    inner = (const for const in code.co_consts if hasattr(const, "co_names"))
    return set(code.co_names).union(*map(_names, inner))


def _check_ini(config: pytest.Config) -> None:
    histories, profile = config.getini("skew_histories"), config.getini("skew_profile")
    if histories and not (histories.isdigit() and int(histories)):
        raise pytest.UsageError(f"skew_histories must be a number above 0; got {histories!r}")
    if profile and profile not in PROFILES:
        known = ", ".join(map(repr, PROFILES))
        raise pytest.UsageError(f"skew_profile must be one of {known}; got {profile!r}")


def _seed(config: pytest.Config) -> int | None:
    given = config.getoption("skew_seed")
    if given is not None:
        return int(given)
    hypothesis_seed = config.getoption("hypothesis_seed", None)
    return int(hypothesis_seed) if str(hypothesis_seed or "").isdigit() else None


def _profile(config: pytest.Config, session: Any) -> str:
    named = config.getoption("skew_profile") or config.getini("skew_profile")
    return str(named or session.default_profile())


def _again(item: pytest.Item, seed: int) -> str:
    """Return the command that runs an item again."""
    path = item.nodeid.split("::")[0]
    words = [item.name.split("[")[0], *item.name.partition("[")[2].rstrip("]").split("-")]
    chosen = " and ".join(word for word in words if word)
    where = f"{path} " if path.endswith(".py") else ""
    return f'pytest {where}-k "{chosen}" --skew-seed={seed}'


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
