"""The online side: a fresh object for each history, fed operation by operation."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np

from skewtest.declare.delivery import Scenario
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import Delivered
from skewtest.drive.clock import clock_of, reads_clock
from skewtest.drive.guard import OURS
from skewtest.drive.receive import store_of
from skewtest.drive.state import lacking, methods_for
from skewtest.drive.values import OddValueError, plain
from skewtest.environments.runtime import Runtime
from skewtest.generate.history import Pack
from skewtest.sides.addresses import Code, code_of
from skewtest.sides.answers import Answers, Failure
from skewtest.sides.columns import NUMERIC, Column, scatter
from skewtest.sides.elsewhere import RemoteCaller, RemoteDriver, failures_of, loaded
from skewtest.sides.functions import Caller, LocalCaller
from skewtest.sides.joining import plain_column
from skewtest.sides.parts import parts_of
from skewtest.sides.received import receive_lanes
from skewtest.sides.side import Conditions
from skewtest.worker.answered import Answered
from skewtest.worker.codec import decode_column
from skewtest.worker.exits import NoExit
from skewtest.worker.lanes import Driver
from skewtest.worker.state import has_method
from skewtest.worker.values import all_plain

if TYPE_CHECKING:
    from skewtest.declare.divergence import FailureCode

CAPABILITIES_BY_METHODS = {
    "snapshot": ("snapshot", "restore"),
    "merge": ("snapshot", "restore", "merge"),
    "bootstrap": ("bootstrap",),
}


@runtime_checkable
class OnlineAdapter(Protocol):
    """An online implementation of another shape, such as `micro_batch(f)`."""

    function: Any

    def start(self, view: FeatureView, caller: Caller) -> Any:
        """Return a fresh object with `update(event)` and `query(request)`."""


@runtime_checkable
class CodedOnline(Protocol):
    """An online factory that says itself how another interpreter makes it."""

    def code(self, home: Any) -> Code:
        """Return what is loaded there."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectSide:
    """A factory of online objects, one for each history.

    Attributes:
        implementation: a class, a function without arguments, or an adapter such as `fold(...)`.
        name: what findings call it.
        place: where the objects live, None for here.
        deaths: how often they have taken their process down, at their place.
    """

    implementation: Any
    name: str = "online"
    place: Runtime | None = None
    deaths: list[None] = field(default_factory=list)

    @property
    def capabilities(self) -> frozenset[str]:
        """See Side; an object is made to see which methods it has."""
        capabilities = {"lanes", "events", "clock", "elsewhere"}
        target = None
        try:
            # What an adapter starts keeps its state in ways that nobody can save.
            if not self._is_adapter():
                with NoExit():
                    target = self.implementation()
        except OURS:
            raise
        except BaseException:
            return frozenset(capabilities)  # one that cannot even start is told of in order
        for capability, verbs in CAPABILITIES_BY_METHODS.items():
            if all(has_method(target, verb) for verb in verbs):
                capabilities.add(capability)
        return frozenset(capabilities)

    def lacks(self, view: FeatureView, scenario: Scenario) -> str | None:
        """Return the method that a scenario needs and its objects have not, or None."""
        if not methods_for(scenario):
            return None
        try:
            with NoExit():
                return lacking(self._starter(view, LocalCaller())(), scenario)
        except OURS:
            raise
        except BaseException:
            return None  # one that cannot even start is told of in order

    def parts(self) -> Iterator[Any]:
        """See Side."""
        yield from parts_of(self.implementation)

    def at(self, place: Runtime) -> "ObjectSide":
        """See Side; of an adapter such as `micro_batch(f)` the function runs there."""
        moved = replace(self, place=place, deaths=[])
        # Asked for now, so that it raises here if nothing can be found there.
        moved.code()
        return moved

    def code(self) -> Code:
        """Return the code that its place loads.

        Raises:
            NoAddressError: it cannot be found there.
        """
        home = None if self.place is None else self.place.home
        if isinstance(self.implementation, CodedOnline):
            return self.implementation.code(home)
        if self._is_adapter():
            function_home = None if home is None else home.part("function")
            return code_of(self.implementation.function, home=function_home)
        return code_of(self.implementation, home=home)

    def load(self) -> None:
        """Import it at its place.

        Raises:
            CannotLoadError: it cannot be imported there.
        """
        if self.place is not None:
            loaded(self.code(), self.place)

    def answer(self, pack: Pack, conditions: Conditions) -> Answers:
        """See Side; a failing lane harms no other."""
        lanes, broken = receive_lanes(conditions, pack, self.name)
        # A pipeline of an adapter stays here; it calls its function at the place.
        if self.place is None or self._is_adapter():
            answers = self._answer_here(pack, lanes, conditions)
        else:
            answers = self._answer_there(self.place, pack, lanes, conditions)
        if not broken:
            return answers
        return replace(answers, failures={**answers.failures, **broken})

    def _is_adapter(self) -> bool:
        return isinstance(self.implementation, OnlineAdapter) and not isinstance(
            self.implementation, type
        )

    def _starter(self, view: FeatureView, caller: Caller) -> Callable[[], Any]:
        """Return what makes a fresh online object."""
        if self._is_adapter():
            return partial(self.implementation.start, view, caller)
        start: Callable[[], Any] = self.implementation
        return start

    def _answer_here(
        self, pack: Pack, lanes: Sequence[Delivered], conditions: Conditions
    ) -> Answers:
        view, clock = conditions.view, conditions.scenario.delivery.clock
        caller: Caller = LocalCaller()
        if self.place is not None:
            home = None if self.place.home is None else self.place.home.part("function")
            caller = RemoteCaller(self.place, conditions.seconds, clock, home, self.deaths)
        start = self._starter(view, caller)
        began = time.process_time()
        with clock_of(clock) as move_clock:
            # To move the clock costs as much as to feed an event: only where code looks at it.
            follow = move_clock if reads_clock(view) else None
            driver = Driver(start, view.features, conditions.seconds, follow, conditions.tell)
            answered = driver.drive(lanes)
        seconds = time.process_time() - began
        failures = _failures_of(self.name, answered)
        outcome = Outcome(answered.rows, answered.columns(), failures)
        return replace(
            self._answers(outcome, pack, conditions),
            skipped=frozenset(answered.skipped),
            mutated=tuple(answered.mutated),
            seconds=seconds,
        )

    def _answer_there(
        self, place: Runtime, pack: Pack, lanes: Sequence[Delivered], conditions: Conditions
    ) -> Answers:
        view = conditions.view
        message = {
            "features": list(view.features),
            "seconds": conditions.seconds,
            "clock": conditions.scenario.delivery.clock,
            "follows": reads_clock(view),
        }
        driver = RemoteDriver(self.code(), place, self.name, message, self.deaths)
        answer = driver.drive(lanes)
        if answer is None:
            outcome = Outcome([], [[] for _ in view.features], driver.failures)
            answers = self._answers(outcome, pack, conditions)
            return replace(answers, skipped=frozenset(driver.skipped))
        failures = {**failures_of(self.name, answer), **driver.failures}
        columns = list(map(decode_column, answer["columns"]))
        outcome = Outcome(answer["rows"], columns, failures)
        return replace(
            self._answers(outcome, pack, conditions),
            skipped=frozenset([*driver.skipped, *answer["skipped"]]),
            mutated=tuple(answer["mutated"]),
            seconds=answer["cpu_seconds"],
        )

    def _answers(self, outcome: "Outcome", pack: Pack, conditions: Conditions) -> Answers:
        """Return what was answered as typed columns, after its journey through a store."""
        store = store_of(conditions.scenario)
        rows = np.array(outcome.rows, dtype=np.int64)
        height = pack.spine.height
        columns: dict[str, Column] = {}
        for name, values in zip(conditions.view.features, outcome.columns, strict=True):
            cells = values
            # Most columns are plain already, and to look at their types is quicker.
            kinds = set(map(type, values))
            if not (kinds <= NUMERIC or all_plain(values)):
                cells = self._make_plain(name, values, outcome)
                kinds = set(map(type, cells))
            if store is not None:
                cells = self._store(store, name, cells, outcome)
                kinds = set(map(type, cells))
            columns[name] = scatter([(rows, Column.of(cells, kinds))], height)
        # Last, since any column may add to the failures, and a row that failed has no answer.
        failed = list(outcome.failures)
        for name, column in columns.items():
            columns[name] = column.with_failed(failed)
        return Answers(columns, outcome.failures)

    def _make_plain(self, name: str, values: list[Any], outcome: "Outcome") -> list[Any]:
        """Return a column as plain values; rows whose value cannot be one fail."""
        cells, odd = plain_column(values)
        for position, kind in odd.items():
            failure = Failure(self.name, "odd_value", {"feature": name, "type": kind})
            # The first feature that failed a row is told of.
            outcome.failures.setdefault(outcome.rows[position], failure)
        return cells

    def _store(
        self, store: Callable[[Any], Any], name: str, cells: list[Any], outcome: "Outcome"
    ) -> list[Any]:
        """Return what a store makes of a column; rows of which it can keep nothing fail."""
        stored = []
        for row, cell in zip(outcome.rows, cells, strict=True):
            value = None
            if row not in outcome.failures:
                try:
                    value = plain(store(cell))
                except OddValueError as error:
                    facts = {"feature": name, "type": str(error)}
                    outcome.failures[row] = Failure(self.name, "odd_value", facts)
                except Exception as error:
                    failure = Failure(self.name, "store", {"feature": name}, error)
                    outcome.failures[row] = failure
            stored.append(value)
        return stored


@dataclass(frozen=True, slots=True)
class Outcome:
    """What lanes were answered: rows, their values by feature, failures by row."""

    rows: list[int]
    columns: list[list[Any]]
    failures: dict[int, Failure]


def _failures_of(side: str, answered: Answered) -> dict[int, Failure]:
    failures: dict[int, Failure] = {}
    for rows, code, facts, error in answered.failures:
        failures |= dict.fromkeys(rows, Failure(side, cast("FailureCode", code), facts, error))
    return failures
