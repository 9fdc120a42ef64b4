"""Online adapters: functions over a state, objects of one stream, pipelines of small frames."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import polars as pl

from skewtest.declare.source import Source
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.errors import DeclarationError
from skewtest.sides.addresses import Address, Code, code_of, roots_of
from skewtest.sides.functions import Caller
from skewtest.sides.parts import parts_of
from skewtest.sides.wrapping import (
    OnlineWrapper,
    columns_from,
    count_rows,
    only_source,
    require_columns,
    require_function,
)
from skewtest.worker.codec import encode
from skewtest.worker.loading import Folded, PerEntity


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
class MicroBatch(OnlineWrapper):
    """See `micro_batch`."""

    size: int = 1

    def start(self, view: FeatureView, caller: Caller) -> "Pipeline":
        """Return a fresh pipeline with an empty store."""
        return Pipeline(view, self.function, self.size, only_source(view), caller)


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
        columns = columns_from(self.function, self.caller.call(self.function, arguments))
        require_columns(self.function, columns, self.view.entity)
        keys: Iterable[tuple[Any, ...]] = [()] * count_rows(columns)
        if self.view.entity:
            keys = zip(*(columns[name] for name in self.view.entity), strict=True)
        # A later row of the same entity replaces an earlier one, as in a store.
        for position, key in enumerate(keys):
            self._store[key] = {name: values[position] for name, values in columns.items()}


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
        require_function("fold(init)", init),
        require_function("fold(update)", update),
        require_function("fold(value)", value),
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
        require_function("per_entity(make)", make),
        require_function("per_entity(update)", update),
        require_function("per_entity(query)", query),
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
    return MicroBatch(require_function("micro_batch", function), size)


def _addresses_of(adapter: Any, names: Sequence[str], home: Address | None) -> tuple[Address, ...]:
    """Return where another interpreter finds the functions that an adapter is made of."""
    addresses = []
    for name in names:
        part_home = None if home is None else home.part(name)
        addresses.append(code_of(getattr(adapter, name), home=part_home).addresses[0])
    return tuple(addresses)
