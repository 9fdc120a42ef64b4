"""Adapters: implementations of another shape, made to look like a batch or an online side."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import polars as pl

from skewtest.declare.source import Source
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import python_values
from skewtest.drive.frames import columns_of, type_name
from skewtest.errors import DeclarationError
from skewtest.sides.addresses import Address, Code, code_of, roots_of
from skewtest.sides.functions import Caller, Frames
from skewtest.sides.joining import row_keys, spine_keys
from skewtest.sides.parts import parts_of
from skewtest.worker.codec import encode
from skewtest.worker.loading import Folded, PerEntity


class AdapterError(TypeError):
    """An adapted function returned something the adapter cannot use."""


@dataclass(frozen=True, slots=True)
class PerAsOf:
    """See `per_as_of`."""

    function: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the adapted function itself."""
        return self.function(*args, **kwargs)

    def parts(self) -> Iterator[Any]:
        """See Side."""
        yield from parts_of(self.function)

    def around(self, function: Any) -> Self:
        """Return the same adapter around another function."""
        return replace(self, function=function)

    def batch(self, view: FeatureView, frames: Frames, caller: Caller) -> list[dict[str, Any]]:
        """Return one row for each spine row whose entity the function answered."""
        requests = set(spine_keys(view, frames["spine"]))
        rows = []
        for as_of in python_values(frames["spine"][AS_OF].unique().sort()):
            columns = _columns(self.function, caller.call(self.function, {**frames, AS_OF: as_of}))
            _check_columns(self.function, columns, view.entity)
            size = _height(columns)
            keys = row_keys([columns[name] for name in view.entity], [as_of] * size)
            for position, key in enumerate(keys):
                # Rows of entities that nobody asked for are usual: all events were given.
                if key in requests:
                    row = {name: values[position] for name, values in columns.items()}
                    rows.append({**row, AS_OF: as_of})
        return rows or _no_rows(view)


@dataclass(frozen=True, slots=True)
class PerEvent:
    """See `per_event`."""

    function: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the adapted function itself."""
        return self.function(*args, **kwargs)

    def parts(self) -> Iterator[Any]:
        """See Side."""
        yield from parts_of(self.function)

    def around(self, function: Any) -> Self:
        """Return the same adapter around another function."""
        return replace(self, function=function)

    def batch(self, view: FeatureView, frames: Frames, caller: Caller) -> list[dict[str, Any]]:
        """Return, for each spine row, the entity's last row before `as_of`."""
        source = _only_source(view)
        columns = _columns(self.function, caller.call(self.function, frames))
        _check_columns(self.function, columns, (*view.entity, source.time))
        keys = row_keys([columns[name] for name in view.entity], columns[source.time])
        by_entity = _index_by_entity(keys)
        requests = spine_keys(view, frames["spine"])
        moments = python_values(frames["spine"][AS_OF])
        rows = []
        for (*entity, as_of), moment in zip(requests, moments, strict=True):
            # Instants are whole: one more includes those at `as_of` itself.
            limit = as_of if view.as_of == "exclusive" else as_of + 1
            position = _last_before(limit, by_entity.get(tuple(entity), ()))
            if position is not None:
                row = {name: values[position] for name, values in columns.items()}
                row.update(zip(view.entity, entity, strict=True))
                rows.append({**row, AS_OF: moment})
        return rows or _no_rows(view)


def _index_by_entity(
    keys: Sequence[tuple[Any, ...]],
) -> dict[tuple[Any, ...], list[tuple[int, int]]]:
    """Return by entity the instants of its rows, with their positions."""
    by_entity: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    for position, (*entity, instant) in enumerate(keys):
        if instant is not None:
            by_entity.setdefault(tuple(entity), []).append((instant, position))
    return by_entity


def _last_before(limit: int, rows: Sequence[tuple[int, int]]) -> int | None:
    """Return the position of an entity's last row before an instant, None if there is none."""
    earlier = [row for row in rows if row[0] < limit]
    if not earlier:
        return None
    # max() takes the first of equals: position breaks ties of time, the last one wins.
    _, position = max(earlier)
    return position


@dataclass(frozen=True, slots=True)
class Sql:
    """See `sql`."""

    query: str

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse: a query runs over the frames of a view."""
        raise TypeError("sql(...) is run by skewtest over a view's sources; call check() instead")

    @property
    def function(self) -> str:
        """The text of the query: what runs in place of a function."""
        return self.query

    def batch(self, _view: FeatureView, frames: Frames, caller: Caller) -> Any:
        """Run the query over tables of the sources' names and `spine`."""
        return caller.query(self.query, frames)

    def parts(self) -> Iterator[str]:
        """See Side."""
        yield self.query


@dataclass(frozen=True, slots=True)
class Fold:
    """See `fold`."""

    init: Callable[[], Any]
    update: Callable[[Any, dict[str, Any]], Any]
    value: Callable[[Any, dict[str, Any]], Any]

    def __call__(self) -> Folded:
        """Return a fresh state."""
        return Folded(self.init, self.update, self.value)

    def parts(self) -> Iterator[Any]:
        """See Side."""
        for part in (self.update, self.init, self.value):
            yield from parts_of(part)

    def code(self, home: Address | None) -> Code:
        """Return how another interpreter makes fresh states of it."""
        addresses = _addresses_of(self, ("init", "update", "value"), home)
        return Code(addresses, roots_of(addresses), shape="fold")


@dataclass(frozen=True, slots=True)
class PerEntities:
    """See `per_entity`. A view tells it its entity when it is declared."""

    make: Callable[[], Any]
    update: Callable[[Any, dict[str, Any]], Any]
    query: Callable[[Any, dict[str, Any]], Any]
    entity: tuple[str, ...] = ()

    def __call__(self) -> PerEntity:
        """Return a fresh online object, which has no entity yet."""
        return PerEntity(self.make, self.update, self.query, self.entity)

    def for_entity(self, entity: tuple[str, ...]) -> Self:
        """Return the same adapter for the entity of a view."""
        return replace(self, entity=entity)

    def parts(self) -> Iterator[Any]:
        """See Side."""
        for part in (self.update, self.make, self.query):
            yield from parts_of(part)

    def code(self, home: Address | None) -> Code:
        """Return how another interpreter makes fresh online objects of it."""
        addresses = _addresses_of(self, ("make", "update", "query"), home)
        kwargs = (("entity", encode(list(self.entity))),)
        return Code(addresses, roots_of(addresses), kwargs, shape="per_entity")


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """See `micro_batch`."""

    function: Callable[..., Any]
    size: int = 1

    def __call__(self) -> Any:
        """Refuse: a pipeline runs for a view."""
        raise TypeError("micro_batch(...) is started by skewtest for a view; call check() instead")

    def start(self, view: FeatureView, caller: Caller) -> "Pipeline":
        """Return a fresh pipeline with an empty store."""
        return Pipeline(view, self.function, self.size, _only_source(view), caller)

    def parts(self) -> Iterator[Any]:
        """See Side."""
        yield from parts_of(self.function)

    def around(self, function: Any) -> Self:
        """Return the same adapter around another function."""
        return replace(self, function=function)


@dataclass(slots=True)
class Pipeline:
    """Events gather into small frames; what the function makes of a frame goes into a store."""

    view: FeatureView
    function: Callable[..., Any]
    size: int
    source: Source
    caller: Caller
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _store: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)

    def update(self, event: dict[str, Any]) -> None:
        """Take one event; run the function once `size` of them have gathered."""
        self._waiting.append(event)
        if len(self._waiting) >= self.size:
            self._flush()

    def query(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return the stored row of the request's entity."""
        self._flush()
        return self._store.get(tuple(request[name] for name in self.view.entity))

    def _flush(self) -> None:
        if not self._waiting:
            return
        # With the declared types: a frame of one event may be all null, and tells none.
        frame = pl.DataFrame(self._waiting, schema=self.source.schema, orient="row")
        clock = max(event[self.source.time] for event in self._waiting)
        self._waiting = []
        # Under both names: a function may call its events by their source.
        arguments = {"events": frame, self.source.name: frame, AS_OF: clock}
        columns = _columns(self.function, self.caller.call(self.function, arguments))
        _check_columns(self.function, columns, self.view.entity)
        keys: Iterable[tuple[Any, ...]] = [()] * _height(columns)
        if self.view.entity:
            keys = zip(*(columns[name] for name in self.view.entity), strict=True)
        # A later row of the same entity replaces an earlier one, as in a store.
        for position, key in enumerate(keys):
            self._store[key] = {name: values[position] for name, values in columns.items()}


def _height(columns: Mapping[str, Sequence[Any]]) -> int:
    """Return how many rows some columns have, which are equally long."""
    return max(map(len, columns.values()), default=0)


def per_as_of(function: Callable[..., Any]) -> PerAsOf:
    """Adapt `f(events, as_of) -> one row per entity` to a batch implementation.

    It is called once for each distinct `as_of` of the spine, with all events: leaving out those
    that do not count yet is its own task. Rows of entities that nobody asked for are dropped.
    """
    return PerAsOf(_function("per_as_of", function))


def per_event(function: Callable[..., Any]) -> PerEvent:
    """Adapt `f(events) -> one row per event` to a batch implementation.

    The rows carry the entity and the source's time column; a request gets the entity's last row
    before `as_of` (up to and including it when the view's `as_of` is "inclusive").
    """
    return PerEvent(_function("per_event", function))


def sql(query: str) -> Sql:
    """Make a batch implementation of a query, run by DuckDB in UTC over the sources and `spine`.

    Needs the extra `skewtest[duckdb]`.

    Raises:
        DeclarationError: `query` is not a string or is empty.
    """
    if not isinstance(query, str) or not query.strip():
        raise DeclarationError(f"sql(query) must be a query; got {query!r}")
    return Sql(query)


def fold(
    init: Callable[[], Any],
    update: Callable[[Any, dict[str, Any]], Any],
    value: Callable[[Any, dict[str, Any]], Any],
) -> Fold:
    """Make an online implementation of three functions over a state.

    Args:
        init: returns the first state.
        update: takes a state and an event, returns the next state.
        value: takes a state and a request, returns a dict of features.
    """
    return Fold(
        _function("fold(init)", init),
        _function("fold(update)", update),
        _function("fold(value)", value),
    )


def per_entity(
    make: Callable[[], Any],
    update: Callable[[Any, dict[str, Any]], Any],
    query: Callable[[Any, dict[str, Any]], Any],
) -> PerEntities:
    """Make an online implementation of an object that knows one stream: one for each entity.

    So are the statistics of River and talipp, and models that are kept one a key.

    Args:
        make: returns the object of an entity that has had no event, `river.stats.Mean` for
            instance.
        update: takes an entity's object and an event. It changes the object; what it returns
            takes the object's place where it has the same type (a count, a tuple).
        query: takes an entity's object and a request, returns a dict of features. An entity
            without events has a fresh object.

    Raises:
        DeclarationError: one of the three is no function.
    """
    return PerEntities(
        _function("per_entity(make)", make),
        _function("per_entity(update)", update),
        _function("per_entity(query)", query),
    )


def micro_batch(function: Callable[..., Any], *, size: int = 1) -> MicroBatch:
    """Make an online implementation of a function that is called with small frames.

    Events gather into frames of `size` (what has gathered is also run before a request).
    `f(events)` or `f(events, as_of)` returns one row per entity, which replaces the entity's row
    in a store; `as_of` is the pipeline's clock: the time of the newest event of the frame.

    Raises:
        DeclarationError: `size` is not an int above 0.
    """
    # True is an int of Python's, and no size.
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise DeclarationError(f"micro_batch(size=...) must be an int above 0; got {size!r}")
    return MicroBatch(_function("micro_batch", function), size)


def _addresses_of(adapter: Any, names: Sequence[str], home: Address | None) -> tuple[Address, ...]:
    """Return where another interpreter finds the functions that an adapter is made of."""
    addresses = []
    for name in names:
        part_home = None if home is None else home.part(name)
        addresses.append(code_of(getattr(adapter, name), home=part_home).addresses[0])
    return tuple(addresses)


def _function(place: str, function: object) -> Callable[..., Any]:
    if not callable(function):
        raise DeclarationError(f"{place} takes a function; got {function!r}")
    return function


def _only_source(view: FeatureView) -> Source:
    if len(view.sources) != 1:
        raise AdapterError(
            f"this adapter takes views with one source; {view.name!r} has {len(view.sources)}"
        )
    return next(iter(view.sources.values()))


def _columns(function: Callable[..., Any], result: Any) -> Mapping[str, list[Any]]:
    columns = columns_of(result)
    if columns is None:
        name = getattr(function, "__name__", repr(function))
        raise AdapterError(f"{name} returned {type_name(result)}; expected a frame")
    return columns


def _check_columns(
    function: Callable[..., Any], columns: Mapping[str, list[Any]], wanted: tuple[str, ...]
) -> None:
    lacking = [name for name in wanted if name not in columns]
    if lacking:
        name = getattr(function, "__name__", repr(function))
        raise AdapterError(f"{name} returned no column {lacking}; it returned {list(columns)}")


def _no_rows(view: FeatureView) -> Any:
    return pl.DataFrame(schema=dict.fromkeys((*view.entity, AS_OF, *view.features), pl.Null))
