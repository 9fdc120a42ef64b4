"""The pytest items that check feature views. Like the plugin, light until a check runs."""

import contextlib
import importlib
import os
import re
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRESS_AFTER = 2.0
"""Seconds of silence before a run shows its progress on a terminal."""

RESULTS = pytest.StashKey[list[Any]]()
REGISTERED = pytest.StashKey[tuple[str, ...]]()
KNOWN = pytest.StashKey[tuple[Any, ...]]()
SHARED = pytest.StashKey[dict[Any, Any]]()
IN_ORDER = "in_order"
EXPLORE = "explore"
"""The item that tries the scenarios that a view does not declare."""
STAR = "star"
"""The cells of the matrix that are run by default."""
VERSIONS = "versions"
"""The item that tells what changes from version to version, same code."""
CELLS = pytest.StashKey[Any]()
CELL = pytest.StashKey[tuple[str, str]]()
"""What became of an item's cell of the matrix: its name and "ran", or how it failed."""
PLACED = pytest.StashKey[Any]()


class ViewItem(pytest.Item):
    """One feature view under one scenario."""

    def __init__(self, *, view: Any, scenario: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.view = view
        self.scenario = scenario
        self.add_marker(pytest.mark.skew)

    def setup(self) -> None:
        """Have the environments of the cell ready, where it is one: else it is an error."""
        __tracebackhide__ = True
        prepare_cell(self, self.view, self.scenario)

    def runtest(self) -> None:
        """Check the view."""
        __tracebackhide__ = True
        result = run_view(self, self.view, self.scenario)
        skip_if_not_run(result)
        result.raise_if_skewed()

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the view is, for reports."""
        return self.path, 0, self.name


class BrokenViews(pytest.Item):
    """A registered module that cannot be imported, or that holds no views: always an error."""

    def __init__(self, *, message: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.message = message
        self.add_marker(pytest.mark.skew)

    def runtest(self) -> None:
        """Fail with the reason."""
        pytest.fail(self.message, pytrace=False)


def asks_for_a_check(item: pytest.Item) -> bool:
    """Return whether an item is there to check feature views."""
    ours = isinstance(item, ViewItem | BrokenViews)
    return ours or "skew" in getattr(item, "fixturenames", ())


def run_view(item: pytest.Item, view: Any, scenario: str | None) -> Any:
    """Check one view for a test item, as the options say; the result is kept for the report.

    The scenarios of a view that are to be run in this process are run together, on the same
    histories, when the first of them has its turn.
    """
    if not is_view(view):
        pytest.fail(f"skew.check takes a FeatureView; got {view!r}", pytrace=False)
    session = importlib.import_module("skewtest.harness.session")
    if is_cell(scenario):
        result = _checked_in_cell(session, item, view, str(scenario))
        item.stash.setdefault(RESULTS, []).append(result)
        return result
    if scenario == VERSIONS:
        result = _spread(session, item, view)
        item.stash.setdefault(RESULTS, []).append(result)
        return result
    wanted = _scenarios(view, scenario)
    shared = item.config.stash.setdefault(SHARED, {})
    key = (_family(item), id(view))
    asked, known = shared.get(key, ((), None))
    if known is None or not set(wanted) <= set(asked):
        asked = [*wanted, *(s for s in _siblings(item, view) if s not in wanted)]
        known = _checked(session, item, view, asked)
        shared[key] = asked, known
    result = session.part(known, wanted, lambda seed: _again(item, seed))
    item.stash.setdefault(RESULTS, []).append(result)
    return result


def _checked(session: Any, item: pytest.Item, view: Any, scenarios: list[str]) -> Any:
    progress = Progress(item.config, item.name)
    try:
        with _refusals():
            return session.run(
                view,
                scenarios,
                _settings(session, item.config),
                lambda seed: _again(item, seed),
                progress,
            )
    finally:
        progress.clear()


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Tell what pyproject.toml says wrong of a view without a traceback: it is not the test's."""
    __tracebackhide__ = True
    errors = importlib.import_module("skewtest.errors")
    told = ""
    try:
        yield
    except errors.DeclarationError as error:
        told = str(error)
    if told:
        pytest.fail(told, pytrace=False)


def _checked_in_cell(session: Any, item: pytest.Item, view: Any, scenario: str) -> Any:
    prepare_cell(item, view, scenario)  # a test may check more views than its names told
    progress = Progress(item.config, item.name)
    try:
        with _refusals():
            return session.run_cell(
                view,
                item.stash[PLACED],
                _settings(session, item.config),
                lambda seed: _again(item, seed),
                progress,
                progress.say,
            )
    finally:
        progress.clear()


def _spread(session: Any, item: pytest.Item, view: Any) -> Any:
    """Return which environments answer a view alike; that some do not fails no test."""
    progress = Progress(item.config, item.name)
    try:
        return session.run_versions(
            view,
            item.config.stash[CELLS].for_view(view.name),
            _settings(session, item.config),
            lambda seed: _again(item, seed),
            progress.say,
        )
    finally:
        progress.clear()


def _settings(session: Any, config: pytest.Config) -> Any:
    """Return the options as a run takes them."""
    return session.Settings(
        histories=config.getoption("skew_histories") or int(config.getini("skew_histories") or 0),
        seed=_seed(config),
        profile=profile_of(config, session),
        corpus=config.rootpath / config.getini("skew_corpus"),
        root=config.rootpath,
        known=config.stash[KNOWN],
    )


def is_cell(scenario: str | None) -> bool:
    """Return whether an item stands for a cell of the matrix."""
    return scenario is not None and "~" in scenario


def prepare_cell(item: pytest.Item, view: Any, scenario: str | None) -> None:
    """Have the environments of an item's cell ready, with both sides imported there.

    What cannot be had is an error of the item with the resolver's own message, or a skip where
    `--skew-matrix-missing=skip` says so.
    """
    __tracebackhide__ = True
    if not is_cell(scenario) or not is_view(view):
        return
    name = str(scenario).partition("-")[2]
    cell = item.config.stash[CELLS].named(name)
    running = importlib.import_module("skewtest.checks.cell")
    errors = importlib.import_module("skewtest.errors")
    progress = Progress(item.config, item.name)
    refused = None
    try:
        item.stash[PLACED] = running.prepared(view, cell, progress.say)
    except errors.SkewtestError as error:
        refused = error
    finally:
        progress.clear()
    item.stash[CELL] = name, "ran" if refused is None else refused.kind
    if refused is None:
        return
    words = importlib.import_module("skewtest.report.versions")
    told = f"{name}: {words.cell_error_text(refused)}"
    if item.config.getoption("skew_matrix_missing") == "skip":
        raise pytest.skip.Exception(told, _use_item_location=True)
    pytest.fail(told, pytrace=False)


def skip_if_not_run(result: Any) -> None:
    """Skip a test whose scenarios could not be run: it must not look green."""
    reasons = {outcome.skipped for outcome in result.outcomes if outcome.gates} - {None}
    if reasons and not result.findings and not result.untested:
        told = ", ".join(sorted(reasons))
        raise pytest.skip.Exception(told, _use_item_location=True)


def scenarios_of(view: Any, config: pytest.Config) -> tuple[str, ...]:
    """Return the scenarios of a view that are items: those declared, and exploring."""
    explores = (EXPLORE,) if config.getoption("skew_explore") else ()
    cells = config.stash[CELLS].for_view(view.name) if config.stash.get(CELLS, None) else ()
    in_cells = (f"{IN_ORDER}-{cell.name}" for cell in cells)
    return (*view.delivery.scenarios, *explores, *in_cells, *([VERSIONS] if cells else []))


def _scenarios(view: Any, scenario: str | None) -> list[str]:
    """Return the scenarios that an item stands for."""
    declared = view.delivery.scenarios
    if scenario is None:
        return [*declared, *(["relations"] if view.relations else [])]
    if scenario == EXPLORE:
        every = importlib.import_module("skewtest.declare.delivery").SCENARIOS
        return [name for name in every if name not in declared]
    if scenario not in declared:
        return []
    # The relations of a view concern the history in order: they are told with it.
    return [IN_ORDER, "relations"] if scenario == IN_ORDER and view.relations else [scenario]


def _family(item: pytest.Item) -> str:
    """Return what the items of one view, or of one test, have in common."""
    return item.nodeid.partition("[")[0]


def _siblings(item: pytest.Item, view: Any) -> list[str]:
    """Return the declared scenarios whose items run in this process too."""
    if hasattr(item.config, "workerinput"):
        return []  # they may run in another one
    family = _family(item)
    names = [scenario_of(other) for other in item.session.items if _family(other) == family]
    return [name for name in view.delivery.scenarios if name in names]


def scenario_of(item: pytest.Item) -> str | None:
    """Return the scenario that an item stands for, None if it is none or all."""
    if isinstance(item, ViewItem):
        return item.scenario
    found: Any = getattr(getattr(item, "callspec", None), "params", {}).get("skew")
    return found if isinstance(found, str) else None


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

    def advance(self, done: int, planned: int) -> None:
        """Show how far the check is."""
        if self._writer is None or time.monotonic() - self._began < PROGRESS_AFTER:
            return
        self._shown = True
        self._write(f"\r{self._name}: {done:,} of {planned:,} histories ")

    def say(self, line: str) -> None:
        """Show what is being built, in place of what was shown before."""
        if self._writer is not None:
            self._shown = True
            self._write("\r" + f"skewtest: {line}"[:78].ljust(78))

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


def registered_items(session: pytest.Session, items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Return items for the views of the registered modules that no test module has collected."""
    known = {id(item.view) for item in items if isinstance(item, ViewItem)}
    for module_name in session.config.stash[REGISTERED]:
        loaded = _imported(module_name, session.config.rootpath)
        if isinstance(loaded, str):
            parent = _RegisteredModule.from_parent(session, name=module_name, nodeid=module_name)
            yield BrokenViews.from_parent(parent, name="import", message=loaded)
            continue
        views = {name: obj for name, obj in vars(loaded).items() if is_view(obj)}
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
                yield from view_items(parent, view)


class _RegisteredModule(pytest.Collector):
    """A module of registered views; its items are made by `registered_items`."""

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
        words = importlib.import_module("skewtest.report.failures")
        told = words.import_traceback(error)
        return f"[tool.skewtest] views: {name!r} cannot be imported\n\n{told}"


def view_items(parent: pytest.Collector, view: Any) -> Iterator[ViewItem]:
    """Return one item for each scenario of a view."""
    for scenario in scenarios_of(view, parent.config):
        name = f"{view.name}[{scenario}]"
        # A name with brackets does not survive pytest's own way to a node id.
        nodeid = f"{parent.nodeid}::{name}"
        yield ViewItem.from_parent(parent, name=name, nodeid=nodeid, view=view, scenario=scenario)


def is_view(obj: object) -> bool:
    """Return whether an object is a FeatureView, without loading the module that defines it."""
    home = sys.modules.get("skewtest.declare.view")
    return home is not None and isinstance(obj, home.FeatureView)


def named_by_a_test(module: Any, name: str) -> bool:
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


def views_named_by(function: Any, module: Any) -> list[Any]:
    """Return the module-level views that a test function names."""
    code = getattr(function, "__code__", None)
    names = _names(code) if code is not None else set()
    return [obj for name, obj in vars(module).items() if name in names and is_view(obj)]


def _names(code: Any) -> set[str]:
    inner = (const for const in code.co_consts if hasattr(const, "co_names"))
    return set(code.co_names).union(*map(_names, inner))


def _seed(config: pytest.Config) -> int | None:
    given = config.getoption("skew_seed")
    if given is not None:
        return int(given)
    hypothesis_seed = config.getoption("hypothesis_seed", None)
    return int(hypothesis_seed) if str(hypothesis_seed or "").isdigit() else None


def profile_of(config: pytest.Config, session: Any) -> str:
    """Return the profile that says how much to run."""
    named = config.getoption("skew_profile") or config.getini("skew_profile")
    return str(named or session.default_profile())


def _again(item: pytest.Item, seed: int | None) -> str:
    """Return the command that runs an item again, from where this run was called.

    Args:
        item: the item.
        seed: of the histories; None where those that are kept show it.
    """
    path, _, name = item.nodeid.partition("::")
    if path.endswith(".py"):
        place = os.path.relpath(item.config.rootpath / path, item.config.invocation_params.dir)
        chosen = _quoted(f"{Path(place).as_posix()}::{name}")
    else:  # a registered view, which lies in no file that pytest collects
        words = re.split(r"[^\w.]+", name)
        chosen = f'-k "{" and ".join(filter(None, words))}"'
    return " ".join(["pytest", chosen, *_options(item, seed)])


def _options(item: pytest.Item, seed: int | None) -> Iterator[str]:
    """Return the options without which an item would run on other histories, or not at all."""
    config = item.config
    if seed is not None:
        yield f"--skew-seed={seed}"
        if histories := config.getoption("skew_histories"):
            yield f"--skew-histories={histories}"
        elif (profile := _profile_to_name(config)) is not None:
            yield f"--skew-profile={profile}"
    scenario = scenario_of(item)
    if scenario == EXPLORE:
        yield "--skew-explore"
    if (is_cell(scenario) or scenario == VERSIONS) and config.getoption("skew_matrix") != STAR:
        yield f"--skew-matrix={config.getoption('skew_matrix')}"


def _profile_to_name(config: pytest.Config) -> str | None:
    """Return the profile, unless a developer's run has it that names none."""
    profile = profile_of(config, importlib.import_module("skewtest.harness.session"))
    return None if profile == (config.getini("skew_profile") or "dev") else profile


def _quoted(word: str) -> str:
    """Return a word as a shell takes it: in double quotes, which all know, where they do."""
    return shlex.quote(word) if any(mark in word for mark in '"$`\\!') else f'"{word}"'
