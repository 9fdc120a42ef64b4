"""The floor under a check: what the user's own code costs alone, on what the check gave it.

A recording view notes each batch call and each operation of each online object; the calls are then
made again bare. So the floor stands whatever the engine between them looks like.
"""

import functools
import gc
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from _claims import cpu_of

import skewtest as sk

Operation = tuple[bool, dict[str, Any], dict[str, Any]]
"""Whether it is a query, its payload, and what was named besides (`source=`)."""


@dataclass(slots=True)
class Calls:
    """What the two sides of a view were called with.

    Attributes:
        batch: arguments by position and by name, call by call.
        lanes: the operations of each online object, in the order in which they were made.
    """

    batch: list[tuple[tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    lanes: list[list[Operation]] = field(default_factory=list)

    @property
    def events(self) -> int:
        """How many updates there were."""
        return sum(not is_query for lane in self.lanes for is_query, _, _ in lane)


def record(view: sk.FeatureView) -> tuple[sk.FeatureView, Calls]:
    """Return a view whose sides do what they did, and note what they are called with.

    Args:
        view: its batch side is a function, its online side a class.
    """
    calls = Calls()
    return view.replaced(
        batch=_recording_function(view.batch, calls),
        online=_recording_class(view.online, calls),
    ), calls


def _recording_function(function: Any, calls: Calls) -> Callable[..., Any]:
    # The original stands in a closure, and its signature shows: constants that generation reads
    # off the code, and frames that are passed by name, are those of the original.
    @functools.wraps(function)
    def recording(*args: Any, **named: Any) -> Any:
        calls.batch.append((args, named))
        return function(*args, **named)

    return recording


def _recording_class(online: Any, calls: Calls) -> type:
    assert inspect.isclass(online), "the online side must be a class"

    def start(self: Any) -> None:
        online.__init__(self)
        self.recorded_operations = []
        calls.lanes.append(self.recorded_operations)

    def noting(method: Callable[..., Any], *, is_query: bool) -> Callable[..., Any]:
        @functools.wraps(method)
        def called(self: Any, payload: dict[str, Any], **named: Any) -> Any:
            self.recorded_operations.append((is_query, dict(payload), named))
            return method(self, payload, **named)

        return called

    methods = {
        "__init__": start,
        "__module__": online.__module__,
        "__qualname__": online.__qualname__,
        "update": noting(online.update, is_query=False),
        "query": noting(online.query, is_query=True),
    }
    return type(online.__name__, (online,), methods)


def cost_alone(view: sk.FeatureView, calls: Calls) -> float:
    """Return the CPU seconds of the user's own code alone, on the calls that were recorded."""
    lanes = [[(is_query, dict(p), named) for is_query, p, named in lane] for lane in calls.lanes]
    gc.collect()
    return cpu_of(lambda: _call_batch(view, calls)) + cpu_of(lambda: _call_online(view, lanes))


def _call_batch(view: sk.FeatureView, calls: Calls) -> None:
    batch: Any = view.batch
    for args, named in calls.batch:
        result = batch(*args, **named)
        if isinstance(result, pl.LazyFrame):
            result.collect()


def _call_online(view: sk.FeatureView, lanes: list[list[Operation]]) -> None:
    start: Any = view.online
    for operations in lanes:
        online = start()
        update, query = online.update, online.query
        for is_query, payload, named in operations:
            if is_query:
                query(payload)
            elif named:
                update(payload, **named)
            else:
                update(payload)
