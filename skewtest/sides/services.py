"""Services whose shape is not update and query: a batch function on a buffer, a scorer."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from skewtest.declare.kinds import Column
from skewtest.declare.source import Source
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.drive.frames import columns_of, type_name
from skewtest.errors import DeclarationError
from skewtest.sides.functions import Caller
from skewtest.sides.wrapping import AdapterError, OnlineWrapper


@dataclass(frozen=True, slots=True)
class Replayed(OnlineWrapper):
    """See `replayed`."""

    def start(self, view: FeatureView, caller: Caller) -> "Buffer":
        """Return an empty buffer."""
        return Buffer(view, self.function, caller)


@dataclass(slots=True)
class Buffer:
    """What has been seen, in the order of arrival; a batch function answers from it."""

    view: FeatureView
    function: Callable[..., Any]
    caller: Caller
    _seen: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def update(self, event: dict[str, Any], source: str) -> None:
        """Keep one event."""
        self._seen.setdefault(source, []).append(event)

    def query(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return the row that the function answers for this request alone."""
        frames = {"spine": pl.DataFrame([request], schema=self.view.spine_schema, orient="row")}
        for name, source in self.view.sources.items():
            rows = self._seen.get(name, [])
            # In order of event time, as batch gets a log; with types, which few rows do not tell.
            rows = sorted(rows, key=lambda event: event[source.time])
            frames[name] = pl.DataFrame(rows, schema=source.schema, orient="row")
        if len(self.view.sources) == 1:
            frames["events"] = frames[next(iter(self.view.sources))]
        columns = columns_of(self.caller.call(self.function, frames))
        if columns is None:
            raise AdapterError(f"{self.function!r} returned no frame")
        sizes = [len(values) for values in columns.values()]
        if not sizes or not sizes[0]:
            return None
        return {name: values[0] for name, values in columns.items() if name in self.view.features}


@dataclass(frozen=True, slots=True)
class Scored(OnlineWrapper):
    """See `scored`."""

    def request_columns(
        self, sources: Mapping[str, Source], entity: tuple[str, ...]
    ) -> dict[str, Column]:
        """Return what is known of an event when it is scored: all of its columns."""
        if len(sources) != 1:
            raise DeclarationError(
                f"scored(...) takes views with one source, whose events are the requests; "
                f"got {len(sources)}"
            )
        (source,) = sources.values()
        return {
            name: kind
            for name, kind in source.columns.items()
            if name not in entity and name != source.arrival
        }

    def start(self, view: FeatureView, _caller: Caller) -> "Scorer":
        """Return a fresh service."""
        return Scorer(self.function(), next(iter(view.sources.values())))


@dataclass(slots=True)
class Scorer:
    """A service that scores each event and then learns it."""

    service: Any
    source: Source

    def update(self, event: dict[str, Any]) -> None:
        """Score an event and learn it; nobody asks for the score."""
        _score(self.service, event)

    def query(self, request: dict[str, Any]) -> Any:
        """Return the score of the event that the request is, which is not learned."""
        event = {self.source.time: request[AS_OF]}
        for name in self.source.columns:
            event[name] = request[AS_OF] if name == self.source.arrival else request[name]
        # The service learns what it scores: a copy does, which nobody asks again.
        return _score(copy.deepcopy(self.service), event)


def _score(service: Any, event: dict[str, Any]) -> Any:
    score = getattr(service, "score", service)
    if not callable(score):
        raise AdapterError(f"{type_name(service)} has no method score(event) and is no function")
    return score(event)


def replayed(function: Callable[..., Any]) -> Replayed:
    """Make an online implementation of a batch function: it is run on what has been seen.

    With the same function as `batch` a view of one side is held to agree with itself on the
    events that had arrived: a look into the future, at other rows or at the order of the log shows.
    Services that recompute on a buffer are of this shape too.

    Args:
        function: a batch function, as `FeatureView(batch=)` takes it. It is called for each request
            with one row as `spine`.

    Raises:
        DeclarationError: it is no function.
    """
    if not callable(function):
        raise DeclarationError(f"replayed takes a batch function; got {function!r}")
    if not isinstance(function, type) and hasattr(function, "batch"):
        raise DeclarationError(
            f"replayed takes a batch function itself and no adapter; got {function!r}"
        )
    return Replayed(function)


def scored(factory: Callable[[], Any]) -> Scored:
    """Make an online implementation of a service whose request is the event.

    It scores an event before it learns it, as fraud scorers do. The view's request columns are the
    columns of its one source, so that `spine` has them for batch; `as_of` is the event's time.

    Args:
        factory: returns a service with `score(event)`, or a function of an event. It returns a dict
            of features and may learn the event. It must be possible to copy it
            (`copy.deepcopy`), for what is asked is not always what is learned.

    Raises:
        DeclarationError: it is no class or function without arguments.
    """
    if not callable(factory):
        raise DeclarationError(
            f"scored takes a class or a function without arguments; got {factory!r}"
        )
    return Scored(factory)
