"""The batch side: one call for a whole pack, its rows joined to the spine by key."""

import contextlib
import inspect
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, runtime_checkable

import polars as pl

from skewtest import drive
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.drive.clock import frozen_clock, real_clock
from skewtest.drive.frames import (
    Kind,
    as_kind,
    changed,
    columns_of,
    fingerprint,
    kind_of,
    type_name,
)
from skewtest.drive.guard import OURS, TimeLimitExceeded, parameters_of, time_limit
from skewtest.drive.values import OddValueError, all_plain, plain
from skewtest.errors import SkewtestError
from skewtest.generate.history import HIDDEN, LANE, Pack
from skewtest.sides.answers import MISSING, NULL_OR_NAN, Answers, Extra, Failure, ProcessDiedError
from skewtest.times import instant, instants_of

Frames = Mapping[str, pl.DataFrame]
RowKey = tuple[Any, ...]


@runtime_checkable
class BatchAdapter(Protocol):
    """A batch implementation of another shape, such as `per_as_of(f)`."""

    def batch(self, view: FeatureView, frames: Frames) -> Any:
        """Return rows keyed by entity and `as_of`; `frames` holds the sources and "spine"."""


@runtime_checkable
class ElsewhereFunction(Protocol):
    """A function that runs in another process; its parameters are known here."""

    parameters: Mapping[str, str]

    def call(self, given: Mapping[str, Any]) -> Any:
        """Call it with the values that its parameters name."""


class WrongParametersError(TypeError):
    """A function asks for a frame that its view does not have."""

    def __init__(self, names: list[str], known: list[str]) -> None:
        super().__init__(f"{names} not among {known}")
        self.names, self.known = names, known


@dataclass(slots=True)
class Handed:
    """A frame in user code's hands, and what it looked like before."""

    name: str
    kind: Kind
    frame: Any
    before: Any

    def is_changed(self) -> bool:
        """Return whether user code changed it in place."""
        return changed(self.frame, self.before, self.kind)


def call_by_name(
    function: Callable[..., Any], frames: Mapping[str, Any], handed: list[Handed] | None = None
) -> Any:
    """Call a function with the frames (and other values) that its parameters name.

    Raises:
        WrongParametersError: a parameter without default names nothing there is.
    """
    if isinstance(function, ElsewhereFunction):
        unknown = [name for name in function.parameters if name not in frames]
        if unknown:
            raise WrongParametersError(unknown, list(frames))
        return function.call(frames)
    parameters = parameters_of(function)
    arguments: dict[str, Any] = {}
    unknown = []
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name not in frames:
            if parameter.default is parameter.empty:
                unknown.append(name)
            continue
        value = frames[name]
        if isinstance(value, pl.DataFrame):
            kind = kind_of(parameter.annotation)
            value = as_kind(value, kind)
            if handed is not None:
                handed.append(Handed(name, kind, value, fingerprint(value, kind)))
        arguments[name] = value
    if unknown:
        raise WrongParametersError(unknown, list(frames))
    positional = [
        arguments.pop(name)
        for name, parameter in parameters.items()
        if parameter.kind is parameter.POSITIONAL_ONLY and name in arguments
    ]
    return function(*positional, **arguments)


def named_frames(pack: Pack) -> dict[str, pl.DataFrame]:
    """Return the frames that batch may ask for, without our own columns."""
    frames = {name: frame.drop(HIDDEN, strict=False) for name, frame in pack.events.items()}
    if len(frames) == 1:
        frames["events"] = next(iter(frames.values()))
    frames["spine"] = pack.spine.drop(LANE)
    return frames


def answer_batch(view: FeatureView, pack: Pack) -> Answers | Failure:
    """Run the batch implementation once; a Failure if the call as a whole did not work out."""
    if view.batch is None:
        return Failure("batch", "not_given")
    handed: list[Handed] = []
    frames = named_frames(pack)
    started = time.perf_counter()
    try:
        with _limits(view):
            result = _called(view, frames, handed)
            columns = columns_of(result, instants=(AS_OF,))
    except TimeLimitExceeded:
        return Failure("batch", "timeout", {"seconds": view.timeout})
    except WrongParametersError as error:
        return Failure("batch", "wrong_parameters", {"names": error.names, "known": error.known})
    except ProcessDiedError as error:
        return Failure("batch", "crashed", {"how": error.how, "last": error.last})
    except (SkewtestError, *OURS):
        raise
    except BaseException as error:
        return Failure("batch", "raised", exception=error)
    seconds = time.perf_counter() - started
    if columns is None:
        return Failure("batch", "not_a_frame", {"type": type_name(result)})
    mutated = tuple(dict.fromkeys(hand.name for hand in handed if hand.is_changed()))
    return _joined(view, pack, columns, mutated, seconds)


@contextlib.contextmanager
def _limits(view: FeatureView) -> Iterator[None]:
    """Limit the time of a call, and freeze the clock it sees; elsewhere others see to both."""
    if isinstance(getattr(view.batch, "function", view.batch), ElsewhereFunction):
        yield
        return
    clock = real_clock if view.delivery.clock == "real" else frozen_clock
    with time_limit(view.timeout), clock():
        yield


def _called(view: FeatureView, frames: dict[str, pl.DataFrame], handed: list[Handed]) -> Any:
    if isinstance(view.batch, BatchAdapter):
        result = view.batch.batch(view, frames)
    else:
        assert view.batch is not None
        result = call_by_name(view.batch, frames, handed)
    return drive.awaiting.run_coroutine(result) if inspect.iscoroutine(result) else result


def _joined(
    view: FeatureView,
    pack: Pack,
    columns: Mapping[str, list[Any]],
    mutated: tuple[str, ...],
    seconds: float,
) -> Answers | Failure:
    lacking = [name for name in (*view.entity, AS_OF, *view.features) if name not in columns]
    if lacking:
        return Failure("batch", "missing_columns", {"lacking": lacking, "got": list(columns)})
    try:
        answered = row_keys([columns[name] for name in view.entity], columns[AS_OF])
    except (OddValueError, TypeError, AttributeError) as error:
        return Failure("batch", "bad_key_type", {"got": str(error)}, error)
    asked = row_keys(
        [pack.spine[name].to_list() for name in view.entity],
        instants_of(pack.spine[AS_OF]).to_list(),
    )
    where = {key: row for row, key in enumerate(asked)}
    picked: list[int | None] = [None] * len(asked)
    again: Counter[RowKey] = Counter()
    for position, key in enumerate(answered):
        row = where.get(key)
        if row is None or picked[row] is not None:
            again[key] += 1
        else:
            picked[row] = position
    values, failures = _values(view, columns, picked)
    extra = tuple(Extra(key, count, key in where) for key, count in again.items())
    return Answers.of(values, failures, extra=extra, mutated=mutated, seconds=seconds)


def _values(
    view: FeatureView, columns: Mapping[str, list[Any]], picked: list[int | None]
) -> tuple[dict[str, list[Any]], dict[int, Failure]]:
    values: dict[str, list[Any]] = {}
    failures: dict[int, Failure] = {}
    for name in view.features:
        column = columns[name]
        if not all_plain(column):
            column, odd = _plain_column(column)
            for row, position in enumerate(picked):
                if position in odd:
                    facts = {"feature": name, "type": odd[position]}
                    failures[row] = Failure("batch", "odd_value", facts)
        values[name] = [MISSING if position is None else column[position] for position in picked]
    return values, failures


def _plain_column(column: list[Any]) -> tuple[list[Any], dict[int | None, str]]:
    """Return a column as plain values, and by position the types of what cannot be one."""
    values: list[Any] = []
    odd: dict[int | None, str] = {}
    for position, value in enumerate(column):
        try:
            values.append(plain(value))
        except OddValueError as error:
            values.append(MISSING)
            odd[position] = str(error)
    return values, odd


def row_keys(entity: list[list[Any]], as_of: list[Any]) -> list[RowKey]:
    """Return comparable keys: plain entity values, then `as_of` as microseconds.

    Raises:
        TypeError: an `as_of` is neither a datetime nor an int.
    """
    parts = [c if all_plain(c) else [_key_part(value) for value in c] for c in entity]
    moments = as_of if set(map(type, as_of)) <= {int} else [_moment(at) for at in as_of]
    return list(zip(*parts, moments, strict=True))


def _key_part(value: Any) -> Any:
    return None if value is NULL_OR_NAN else plain(value)


def _moment(at: Any) -> int | None:
    if type(at) is int or at is None:
        return at
    at = plain(at)
    if isinstance(at, date) and not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day)
    if not isinstance(at, datetime):
        raise TypeError(type(at).__name__)
    return instant(at)
