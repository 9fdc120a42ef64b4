"""The pytest items that check feature views, and where they come from."""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from skewtest.declare.view import FeatureView
from skewtest.harness.questions import Question
from skewtest.tracebacks import format_user_traceback
from skewtest.worker.exits import NoExit

if TYPE_CHECKING:
    from skewtest.harness.run import Harness


class ViewItem(pytest.Item):
    """One question about one feature view."""

    def __init__(
        self, *, harness: "Harness", view: FeatureView, question: Question, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._harness = harness
        self.view = view
        self.question = question
        self.add_marker(pytest.mark.skew)

    def setup(self) -> None:
        """Have the environments of the cell ready, where it is one: else it is an error."""
        __tracebackhide__ = True
        self._harness.prepare(self, self.view, self.question)

    def runtest(self) -> None:
        """Check the view."""
        __tracebackhide__ = True
        self._harness.check(self, self.view, self.question)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the view is declared, for reports; its line is counted from 0."""
        file, line = self.view.place
        # A view may be imported into the module: its line is then another file's.
        if Path(file) != self.path:
            return self.path, 0, self.name
        return self.path, max(line - 1, 0), self.name


class BrokenViews(pytest.Item):
    """A registered module that cannot be imported, or that holds no views: always an error."""

    def __init__(self, *, message: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._message = message
        self.add_marker(pytest.mark.skew)

    def runtest(self) -> None:
        """Fail with the reason."""
        pytest.fail(self._message, pytrace=False)


class _RegisteredModule(pytest.Collector):
    """A module of registered views; its items are made by `items_of_modules`."""

    def collect(self) -> Iterable[pytest.Item]:
        return ()


def view_items(
    harness: "Harness", parent: pytest.Collector, view: FeatureView
) -> Iterator[ViewItem]:
    """Return one item for each question about a view."""
    for question in harness.questions_about(view):
        name = f"{view.name}[{question.id}]"
        # A name with brackets does not survive pytest's own way to a node id.
        nodeid = f"{parent.nodeid}::{name}"
        yield ViewItem.from_parent(
            parent, name=name, nodeid=nodeid, harness=harness, view=view, question=question
        )


def items_of_modules(
    harness: "Harness",
    session: pytest.Session,
    modules: Iterable[str],
    items: Iterable[pytest.Item],
) -> Iterator[pytest.Item]:
    """Return items for the views of the registered modules that no test module has collected."""
    # A view may be in several modules that import it: it is one object, and is checked once.
    collected = {id(item.view) for item in items if isinstance(item, ViewItem)}
    for name in modules:
        module = _import_module(name, session.config.rootpath)
        if isinstance(module, str):
            yield _report_broken(session, name, "import", module)
            continue
        views = [value for value in vars(module).values() if isinstance(value, FeatureView)]
        if not views:
            message = f"[tool.skewtest] views: the module {name!r} holds no FeatureView"
            yield _report_broken(session, name, "views", message)
        parent = _RegisteredModule.from_parent(
            session, name=name, nodeid=name, path=Path(module.__file__ or ".")
        )
        for view in views:
            if id(view) not in collected:
                collected.add(id(view))
                yield from view_items(harness, parent, view)


def _report_broken(session: pytest.Session, module: str, name: str, message: str) -> BrokenViews:
    """Return an item that fails with a message: a module that is skipped would look checked."""
    parent = _RegisteredModule.from_parent(session, name=module, nodeid=module)
    item: BrokenViews = BrokenViews.from_parent(parent, name=name, message=message)
    return item


def _import_module(name: str, root: Path) -> ModuleType | str:
    """Return a module, or its own traceback as text."""
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        with NoExit():
            return import_module(name)
    except (KeyboardInterrupt, pytest.exit.Exception):
        raise
    except BaseException as error:
        text = format_user_traceback(error)
        return f"[tool.skewtest] views: {name!r} cannot be imported\n\n{text}"


def is_named_by_a_test(module: ModuleType, name: str) -> bool:
    """Return whether a test function with the fixture `skew` names the view: then it is its."""
    return any(name in _names_in(code) for code in _codes_of_skew_tests(module))


def views_named_by(function: object, module: ModuleType) -> list[FeatureView]:
    """Return the module-level views that a test function names."""
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    names = _names_in(code)
    views = []
    for name, value in vars(module).items():
        if name in names and isinstance(value, FeatureView):
            views.append(value)
    return views


def views_of_parameters(values: Iterable[object]) -> Iterator[FeatureView]:
    """Return the views among what parametrize was given, in tuples and in pytest.param too."""
    for value in values:
        # What pytest.param returns is a tuple too: of values, marks and an id.
        inner = value
        if type(value).__name__ == "ParameterSet":
            inner = getattr(value, "values", value)
        if isinstance(inner, list | tuple):
            yield from views_of_parameters(inner)
        elif isinstance(inner, FeatureView):
            yield inner


def _codes_of_skew_tests(module: ModuleType) -> Iterator[CodeType]:
    """Return the code of the test functions and methods of a module that take the fixture."""
    for scope in _test_scopes(module):
        for name, value in vars(scope).items():
            code = getattr(value, "__code__", None)
            if code is None or not name.startswith("test"):
                continue
            if "skew" in code.co_varnames[: code.co_argcount]:
                yield code


def _test_scopes(module: ModuleType) -> Iterator[object]:
    """Return what may hold tests: the module, and its test classes."""
    yield module
    for name, value in vars(module).items():
        if name.startswith("Test") and isinstance(value, type):
            yield value


def _names_in(code: CodeType) -> set[str]:
    """Return the names that a function's code uses, inner functions included."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_in(constant)
    return names
