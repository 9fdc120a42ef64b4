"""The half of the plugin that checks views: loaded when the first one is met."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, assert_never

import pytest

from skewtest.apart import check_apart, work_apart
from skewtest.checks.cell import Placed, prepare_cell
from skewtest.declare.known import Known, known_of
from skewtest.declare.view import FeatureView
from skewtest.environments.cells import Cell, Cells, cells_of
from skewtest.environments.failures import EnvironmentFailedError
from skewtest.errors import DeclarationError, SkewError
from skewtest.harness.again import command_again, profile_of
from skewtest.harness.ending import Ending
from skewtest.harness.failure import SkewText
from skewtest.harness.families import are_together, family_of
from skewtest.harness.fixture import Skew
from skewtest.harness.gathering import Gathering
from skewtest.harness.guards import corpus_of
from skewtest.harness.items import (
    BrokenViews,
    ViewItem,
    is_named_by_a_test,
    items_of_modules,
    view_items,
    views_named_by,
    views_of_parameters,
)
from skewtest.harness.matrix import check_in_cell, compare_versions
from skewtest.harness.options import histories_of, memory_of, seconds_of, seed_of, stays_here
from skewtest.harness.progress import progress_of_item
from skewtest.harness.questions import (
    AcrossVersions,
    Everything,
    Exploring,
    Here,
    InCell,
    Question,
    UnderScenario,
    question_of,
)
from skewtest.report import model
from skewtest.report.closing import properties
from skewtest.report.remarks import thread_text
from skewtest.report.result import Result
from skewtest.report.versions import cell_error_text
from skewtest.run.budget import Budget, budget_of
from skewtest.session import Again, Corpus, check_view, part_of
from skewtest.sides.addresses import NoAddressError
from skewtest.sides.elsewhere import CannotLoadError

if TYPE_CHECKING:
    from skewtest.harness.project import Project

T = TypeVar("T")
RESULTS = pytest.StashKey[list[Result]]()
CELL = pytest.StashKey[tuple[str, str]]()
"""What became of an item's cell of the matrix: its name and "ran", or how it failed."""


class Harness:
    """Checks the views of one pytest run, as its options say.

    Attributes:
        ending: what is done when all items have run.
    """

    def __init__(
        self, config: pytest.Config, project: "Project | None", gathering: Gathering
    ) -> None:
        self._config = config
        self._known, self._cells = _read_declarations(config, project)
        renamed = {} if project is None else project.renamed
        self._corpus = Corpus(corpus_of(config), config.rootpath, renamed)
        self._shared: dict[tuple[str, int], tuple[Sequence[str], Result]] = {}
        self.ending = Ending(config, gathering, self._known, self._cells, renamed)

    def questions_about(self, view: FeatureView) -> list[Question]:
        """Return what the items of a view ask: what it declares, exploring, and the matrix."""
        scenarios = view.delivery.scenarios
        questions: list[Question] = [UnderScenario(name) for name in scenarios]
        if self._config.getoption("skew_explore"):
            questions.append(Exploring())
        cells = self._cells_of(view)
        for cell in cells:
            questions += [InCell(name, cell) for name in scenarios]
        if cells:
            questions.append(AcrossVersions())
        return questions

    def _cells_of(self, view: FeatureView) -> Sequence[Cell]:
        """Return the cells of the matrix that a view is to be checked in."""
        if self._cells is None:
            return ()
        return self._cells.for_view(view.name)

    def parametrize(self, metafunc: pytest.Metafunc) -> None:
        """Make one item a question of a test that uses the fixture `skew`.

        Where it cannot be seen which view a test will check, one item stands for all.
        """
        views = views_named_by(metafunc.function, metafunc.module)
        for mark in metafunc.definition.iter_markers("parametrize"):
            views += views_of_parameters(mark.args[1:2])
        questions: list[Question] = []
        for view in views:
            questions += self.questions_about(view)
        # Views that share a scenario share its item: a test checks all of them in it.
        distinct = dict.fromkeys(questions or [Everything()])
        params = [pytest.param(question, id=question.id) for question in distinct]
        metafunc.parametrize("skew", params, indirect=True)

    def fixture(self, request: pytest.FixtureRequest) -> Skew:
        """Return what the fixture `skew` gives to a test."""
        return Skew(self, request, getattr(request, "param", Everything()))

    def collect(self, module: pytest.Module, name: str, view: FeatureView) -> list[pytest.Item]:
        """Return the items of a module-level view; none where a test of the module checks it."""
        if is_named_by_a_test(module.obj, name):
            return []
        return list(view_items(self, module, view))

    def collect_modules(
        self, session: pytest.Session, modules: Sequence[str], items: Sequence[pytest.Item]
    ) -> list[pytest.Item]:
        """Return the items of the modules that pyproject.toml registers."""
        return list(items_of_modules(self, session, modules, items))

    def has_made(self, item: pytest.Item) -> bool:
        """Return whether an item stands for a view, or for the lack of one."""
        return isinstance(item, ViewItem | BrokenViews)

    def check(self, item: pytest.Item, view: FeatureView, question: Question) -> Result:
        """Check a view for an item, and return its Result.

        Raises:
            SkewError: batch and online disagree, or a feature was never tested.
        """
        __tracebackhide__ = True
        result = self.run(item, view, question)
        _skip_if_not_run(result)
        if not result.ok:
            raise SkewError(self._write(view, result.report), result)
        return result

    def run(self, item: pytest.Item, view: FeatureView, question: Question) -> Result:
        """Check a view for an item, as the options say; the result is kept for the report."""
        __tracebackhide__ = True
        if not isinstance(view, FeatureView):
            pytest.fail(f"skew.check takes a FeatureView; got {view!r}", pytrace=False)
        with _refusals_of_pyproject():
            result = self._answer(item, view, question)
        item.stash.setdefault(RESULTS, []).append(result)
        return result

    def prepare(self, item: pytest.Item, view: FeatureView, question: Question) -> Placed | None:
        """Have the environments of an item's cell ready, with both sides imported there.

        What cannot be had is an error of the item with the resolver's own message, or a skip where
        `--skew-matrix-missing=skip` says so.

        Returns:
            The environments; None where the item stands for no cell.
        """
        __tracebackhide__ = True
        if not isinstance(question, InCell):
            return None
        name = question.cell.name
        try:
            with progress_of_item(item) as progress:
                placed = prepare_cell(view, question.cell, progress.say)
        except (EnvironmentFailedError, CannotLoadError, NoAddressError) as error:
            item.stash[CELL] = name, error.kind
            text = f"{name}: {cell_error_text(error)}"
        else:
            item.stash[CELL] = name, "ran"
            return placed
        if self._config.getoption("skew_matrix_missing") == "skip":
            raise pytest.skip.Exception(text, _use_item_location=True)
        return pytest.fail(text, pytrace=False)

    def complete(
        self, report: pytest.TestReport, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> None:
        """Put into an item's report what it was asked, what was found, and the words for it."""
        carried = vars(report)  # pytest carries what else a report holds, from workers too
        carried["skewtest_asked"] = True
        is_over = call.when == "call" or report.outcome != "passed"
        if CELL in item.stash and is_over:
            carried["skewtest_cell"] = item.stash[CELL]
        results = item.stash.get(RESULTS, [])
        if call.when == "call" and results:
            error = call.excinfo.value if call.excinfo else None
            self._carry_results(report, item, results, error)

    def _carry_results(
        self,
        report: pytest.TestReport,
        item: pytest.Item,
        results: Sequence[Result],
        error: BaseException | None,
    ) -> None:
        carried = vars(report)
        has_texts = any(result.findings for result in results)
        colour = self._config.get_terminal_writer().hasmarkup
        write = partial(_write_results, results, self._config.rootpath, error, colour=colour)
        written = self._write(results[0].view, write) if has_texts else write()
        carried["skewtest_parts"] = written.parts
        item.user_properties.extend(written.properties)  # JUnit XML has those of the teardown
        if written.failure is not None:
            carried["longrepr"] = written.failure
        report.sections += written.sections

    def _write(self, view: object, write: Callable[[], T]) -> T:
        """Return texts; to make them of frames lets polars begin its threads, hence elsewhere."""
        return write() if stays_here(self._config) else work_apart(view, write)

    def _answer(self, item: pytest.Item, view: FeatureView, question: Question) -> Result:
        again = partial(command_again, item, question)
        match question:
            case InCell():
                placed = self.prepare(item, view, question)
                assert placed is not None
                budget = self._budget(view, placed.name)
                with progress_of_item(item) as progress:
                    return check_in_cell(
                        placed,
                        view,
                        question.scenarios(view),
                        budget,
                        again,
                        corpus=self._corpus,
                        progress=progress,
                    )
            case AcrossVersions():
                budget = self._budget(view)
                with progress_of_item(item) as progress:
                    return compare_versions(
                        view, self._cells_of(view), budget, again, progress=progress
                    )
            case UnderScenario() | Exploring() | Everything():
                return self._answer_here(item, view, question)
            case _:
                assert_never(question)

    def _answer_here(self, item: pytest.Item, view: FeatureView, question: Here) -> Result:
        """Return what was found under an item's scenarios.

        The scenarios of a view that are to be run in this process are run together, on the same
        histories, when the first of them has its turn.
        """
        again = partial(command_again, item, question)
        names = question.scenarios(view)
        key = family_of(item.nodeid), id(view)
        scenarios, result = self._shared.get(key, ((), None))
        if result is None or not set(names) <= set(scenarios):
            siblings = self._scenarios_of_siblings(item, view)
            scenarios = list(dict.fromkeys([*names, *siblings]))
            result = self._check_apart(item, view, scenarios, again)
            self._shared[key] = scenarios, result
        return part_of(result, names, again)

    def _check_apart(
        self, item: pytest.Item, view: FeatureView, scenarios: Sequence[str], again: Again
    ) -> Result:
        """Check a view in a process of its own, unless somebody wants to look into it here."""
        budget = self._budget(view)

        def check() -> Result:
            with progress_of_item(item) as progress:
                return check_view(
                    view, scenarios, budget, again, corpus=self._corpus, progress=progress
                )

        return check_apart(
            view,
            scenarios,
            budget.seed,
            again,
            check,
            here=stays_here(self._config),
            memory=memory_of(self._config),
            tell=partial(warn_of_thread, view),
        )

    def _scenarios_of_siblings(self, item: pytest.Item, view: FeatureView) -> list[str]:
        """Return the declared scenarios whose items run in this process too."""
        if not are_together(self._config):
            return []
        family = family_of(item.nodeid)
        scenarios = set()
        for sibling in item.session.items:
            question = question_of(sibling)
            is_sibling = family_of(sibling.nodeid) == family
            if is_sibling and isinstance(question, UnderScenario):
                scenarios.add(question.scenario)
        return [name for name in view.delivery.scenarios if name in scenarios]

    def _budget(self, view: FeatureView, cell: str = "") -> Budget:
        return budget_of(
            view,
            histories=histories_of(self._config),
            seed=seed_of(self._config),
            seconds=seconds_of(self._config),
            profile=profile_of(self._config),
            known=self._known,
            cell=cell,
        )


@dataclass(frozen=True, slots=True)
class Written:
    """What an item's report carries of its results.

    Attributes:
        parts: those of the report of the run, as JSON values.
        properties: those of JUnit XML.
        failure: what is shown in place of a traceback, None where something else failed.
        sections: what is shown beside.
    """

    parts: list[dict[str, Any]]
    properties: list[tuple[str, str]]
    failure: SkewText | None
    sections: list[tuple[str, str]]


def _write_results(
    results: Sequence[Result], root: Path, error: BaseException | None, *, colour: bool
) -> Written:
    parts = [result.part(root) for result in results]
    failure = None
    sections: list[tuple[str, str]] = []
    if isinstance(error, SkewError) and isinstance(error.result, Result):
        failure = SkewText(error.result, colour=colour)
    elif error is None:
        # A test that calls `skew.run` passes whatever was found; `-rP` shows it.
        for result in results:
            if text := result.report():
                sections.append(("skewtest", text))
    return Written(
        parts=list(map(model.to_dict, parts)),
        properties=list(properties(parts)),
        failure=failure,
        sections=sections,
    )


def warn_of_thread(view: FeatureView, name: str) -> None:
    """Warn of a thread of user code that has not ended, where the view is declared."""
    file, line = view.place
    warnings.warn_explicit(thread_text(view.name, name), UserWarning, file, line)


def _read_declarations(
    config: pytest.Config, project: "Project | None"
) -> tuple[Sequence[Known], Cells | None]:
    """Return the known divergences and the cells of the matrix that pyproject.toml declares."""
    if project is None:
        return (), None
    divergences: Sequence[Known] = ()
    cells = None
    try:
        if project.known:
            divergences = known_of(project.known, str(project.file))
        if project.has_matrix:
            cells = cells_of(project.file, config.getoption("skew_matrix"))
    except DeclarationError as error:
        raise pytest.UsageError(str(error)) from error
    return divergences, cells


@contextmanager
def _refusals_of_pyproject() -> Iterator[None]:
    """Tell what pyproject.toml says wrong of a view without a traceback: it is not the test's."""
    __tracebackhide__ = True
    message = ""
    try:
        yield
    except DeclarationError as error:
        message = str(error)
    if message:
        pytest.fail(message, pytrace=False)


def _skip_if_not_run(result: Result) -> None:
    """Skip a test whose scenarios could not be run: it must not look green."""
    reasons = set()
    for outcome in result.outcomes:
        if outcome.rejected:
            # A guard that is gone is no skip: the test fails for it.
            return
        if outcome.gates and outcome.skipped is not None:
            reasons.add(outcome.skipped)
    # What was found under another scenario fails the test: that tells more.
    if reasons and not result.findings and not result.untested:
        raise pytest.skip.Exception(", ".join(sorted(reasons)), _use_item_location=True)
