"""The batch side: a function, called once for a whole pack."""

import inspect
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import polars as pl

from skewtest import drive
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.drive.clock import clock_of
from skewtest.drive.frames import (
    Kind,
    as_kind,
    columns_of,
    fingerprint,
    has_changed,
    kind_of,
    type_name,
)
from skewtest.drive.guard import OURS, TimeLimitExceeded, WrongParametersError, parameters_of
from skewtest.environments.runtime import Runtime
from skewtest.errors import SkewtestError
from skewtest.generate.history import HIDDEN, LANE, Pack
from skewtest.sides.addresses import Address, Code, code_of
from skewtest.sides.answers import Answers, Failure, ProcessDiedError
from skewtest.sides.elsewhere import RemoteCaller, loaded
from skewtest.sides.joining import join_rows
from skewtest.sides.parts import parts_of
from skewtest.sides.side import Conditions
from skewtest.worker.exits import ExitAttempted, NoExit
from skewtest.worker.limits import TimeLimit
from skewtest.worker.loading import Query

Frames = Mapping[str, pl.DataFrame]


class Caller(Protocol):
    """Calls user code for an adapter: here, or at another place."""

    def call(self, function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
        """Call a function with the frames and other values that its parameters name."""

    def query(self, text: str, frames: Frames) -> Any:
        """Run a query over frames by name, by DuckDB."""


@runtime_checkable
class BatchAdapter(Protocol):
    """A batch implementation of another shape, such as `per_as_of(f)`."""

    @property
    def function(self) -> Any:
        """The function that it adapts, or the text of a query."""

    def batch(self, view: FeatureView, frames: Frames, caller: Caller) -> Any:
        """Return rows keyed by entity and `as_of`; `frames` holds the sources and "spine"."""


@dataclass(slots=True)
class Handed:
    """A frame in user code's hands, and what it looked like before."""

    name: str
    kind: Kind
    frame: Any
    before: Any

    def is_changed(self) -> bool:
        """Return whether user code changed it in place."""
        return has_changed(self.frame, self.before, self.kind)


def call_by_name(
    function: Callable[..., Any], frames: Mapping[str, Any], handed: list[Handed] | None = None
) -> Any:
    """Call a function with the frames (and other values) that its parameters name.

    Raises:
        WrongParametersError: a parameter without default names nothing there is.
    """
    positional: list[Any] = []
    by_name: dict[str, Any] = {}
    unknown = []
    for name, parameter in parameters_of(function).items():
        # `*args` and `**kwargs` name no frame.
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in frames:
            value = _hand_over(name, frames[name], parameter.annotation, handed)
            if parameter.kind is parameter.POSITIONAL_ONLY:
                positional.append(value)
            else:
                by_name[name] = value
        elif parameter.default is parameter.empty:
            unknown.append(name)
    if unknown:
        raise WrongParametersError(unknown, list(frames))
    return function(*positional, **by_name)


def _hand_over(name: str, value: Any, annotation: Any, handed: list[Handed] | None) -> Any:
    """Return a frame as the kind that an annotation asks for, and anything else as it is."""
    if not isinstance(value, pl.DataFrame):
        return value
    kind = kind_of(annotation)
    frame = as_kind(value, kind)
    if handed is not None:
        handed.append(Handed(name, kind, frame, fingerprint(frame, kind)))
    return frame


def named_frames(pack: Pack) -> dict[str, pl.DataFrame]:
    """Return the frames that batch may ask for, without our own columns."""
    frames = {name: _without(frame, HIDDEN) for name, frame in pack.events.items()}
    # With one source there is no doubt which events are meant.
    if len(frames) == 1:
        frames["events"] = next(iter(frames.values()))
    frames["spine"] = _without(pack.spine, (LANE,))
    return frames


def _without(frame: pl.DataFrame, hidden: Collection[str]) -> pl.DataFrame:
    # Not `drop`, which goes through a query of its own.
    return frame[[name for name in frame.columns if name not in hidden]]


@dataclass(slots=True)
class LocalCaller:
    """Calls user code in this process.

    Attributes:
        handed: the frames that it was handed, where it matters whether they were changed.
    """

    handed: list[Handed] | None = None

    def call(self, function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
        """See Caller."""
        return call_by_name(function, given, self.handed)

    def query(self, text: str, frames: Frames) -> Any:
        """See Caller."""
        # By way of Arrow, as in a worker: a query has the same types at every place.
        tables = {name: as_kind(frame, "pyarrow") for name, frame in frames.items()}
        return Query(text)(**tables)

    def mutated(self) -> tuple[str, ...]:
        """Return the names of the frames that user code changed in place."""
        handed = self.handed or ()
        return tuple(dict.fromkeys(hand.name for hand in handed if hand.is_changed()))


@dataclass(frozen=True, slots=True, eq=False)
class FunctionSide:
    """A batch function, or an adapter of one; its rows are joined to the spine by key.

    Attributes:
        implementation: a function, or an adapter such as `per_as_of(f)`.
        name: what findings call it.
        place: where it runs, None for here.
        deaths: how often it has taken its process down, at its place.
    """

    implementation: Any
    name: str = "batch"
    place: Runtime | None = None
    deaths: list[None] = field(default_factory=list)

    @property
    def capabilities(self) -> frozenset[str]:
        """See Side."""
        return frozenset(["lanes", "clock", "elsewhere"])

    def parts(self) -> Iterator[Any]:
        """See Side."""
        yield from parts_of(self.implementation)

    def at(self, place: Runtime) -> "FunctionSide":
        """See Side."""
        moved = replace(self, place=place, deaths=[])
        # Asked for now, so that it raises here if nothing can be found there.
        moved.code()
        return moved

    def code(self) -> Code | None:
        """Return the code that its place loads, None for that of a query.

        Raises:
            NoAddressError: it cannot be found there.
        """
        function = self._function()
        if isinstance(function, str):
            return None
        return code_of(function, home=self._home())

    def _function(self) -> Any:
        """Return the function, or the text of the query, that runs at a place."""
        if isinstance(self.implementation, BatchAdapter):
            return self.implementation.function
        return self.implementation

    def load(self) -> None:
        """Import it at its place.

        Raises:
            CannotLoadError: it cannot be imported there.
        """
        code = self.code()
        if self.place is not None and code is not None:
            loaded(code, self.place)

    def _home(self) -> Address | None:
        home = None if self.place is None else self.place.home
        is_adapter = isinstance(self.implementation, BatchAdapter)
        return home.part("function") if home is not None and is_adapter else home

    def answer(self, pack: Pack, conditions: Conditions) -> Answers | Failure:
        """See Side."""
        if self.place is not None:
            return self._answer_there(self.place, pack, conditions)
        # Not watched behind an adapter, which may call its function many times.
        handed: list[Handed] | None = []
        if isinstance(self.implementation, BatchAdapter):
            handed = None
        caller = LocalCaller(handed)
        clock = clock_of(conditions.view.delivery.clock)

        def call() -> Mapping[str, Any] | Failure:
            with NoExit(), TimeLimit(conditions.seconds), clock:
                return self.columns(pack, conditions.view, caller)

        began = time.process_time()
        answers = self.judge(call, pack, conditions)
        if isinstance(answers, Failure):
            return answers
        seconds = time.process_time() - began
        return replace(answers, mutated=caller.mutated(), seconds=seconds)

    def _answer_there(
        self, place: Runtime, pack: Pack, conditions: Conditions
    ) -> Answers | Failure:
        clock = conditions.view.delivery.clock
        caller = RemoteCaller(place, conditions.seconds, clock, self._home(), self.deaths)
        call = partial(self.columns, pack, conditions.view, caller)
        answers = self.judge(call, pack, conditions)
        return answers if isinstance(answers, Failure) else replace(answers, seconds=caller.cpu)

    def columns(self, pack: Pack, view: FeatureView, caller: Caller) -> Mapping[str, Any] | Failure:
        """Call the implementation and return the columns of what it returned."""
        frames = named_frames(pack)
        if isinstance(self.implementation, BatchAdapter):
            result = self.implementation.batch(view, frames, caller)
        else:
            result = caller.call(self.implementation, frames)
        if inspect.iscoroutine(result):
            result = drive.awaiting.run_coroutine(result)
        columns = columns_of(result, instants=(AS_OF,), numbers=view.features.keys())
        if columns is None:
            return Failure(self.name, "not_a_frame", {"type": type_name(result)})
        return columns

    def judge(
        self,
        call: Callable[[], Mapping[str, Any] | Failure],
        pack: Pack,
        conditions: Conditions,
    ) -> Answers | Failure:
        """Return the answers that a call makes, or the failure that user code makes of it."""
        try:
            columns = call()
        except TimeLimitExceeded:
            return Failure(self.name, "timeout", {"seconds": conditions.seconds})
        except WrongParametersError as error:
            facts = {"names": error.names, "known": error.known}
            return Failure(self.name, "wrong_parameters", facts)
        except ProcessDiedError as error:
            return Failure(self.name, "crashed", {"how": error.how, "last": error.last})
        except ExitAttempted as error:
            return Failure(self.name, "crashed", {"how": error.how, "last": ""})
        except (SkewtestError, *OURS):
            raise
        except BaseException as error:
            return Failure(self.name, "raised", exception=error)
        if isinstance(columns, Failure):
            return columns
        return join_rows(conditions.view, pack, columns, self.name)
