"""Batch adapters: batch implementations of another shape, made to look like a batch side."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import python_values
from skewtest.errors import DeclarationError
from skewtest.sides.functions import Caller, Frames
from skewtest.sides.joining import row_keys, spine_keys
from skewtest.sides.wrapping import (
    BatchWrapper,
    columns_from,
    count_rows,
    only_source,
    require_columns,
    require_function,
)


@dataclass(frozen=True, slots=True)
class PerAsOf(BatchWrapper):
    """See `per_as_of`."""

    def batch(self, view: FeatureView, frames: Frames, caller: Caller) -> list[dict[str, Any]]:
        """Return one row for each spine row whose entity the function answered."""
        requests = set(spine_keys(view, frames["spine"]))
        rows = []
        for as_of in python_values(frames["spine"][AS_OF].unique().sort()):
            columns = columns_from(
                self.function, caller.call(self.function, {**frames, AS_OF: as_of})
            )
            require_columns(self.function, columns, view.entity)
            size = count_rows(columns)
            keys = row_keys([columns[name] for name in view.entity], [as_of] * size)
            for position, key in enumerate(keys):
                # Rows of entities that nobody asked for are usual: all events were given.
                if key in requests:
                    row = {name: values[position] for name, values in columns.items()}
                    rows.append({**row, AS_OF: as_of})
        return rows or _no_rows(view)


@dataclass(frozen=True, slots=True)
class PerEvent(BatchWrapper):
    """See `per_event`."""

    def batch(self, view: FeatureView, frames: Frames, caller: Caller) -> list[dict[str, Any]]:
        """Return, for each spine row, the entity's last row before `as_of`."""
        source = only_source(view)
        columns = columns_from(self.function, caller.call(self.function, frames))
        require_columns(self.function, columns, (*view.entity, source.time))
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


def per_as_of(function: Callable[..., Any]) -> PerAsOf:
    """Adapt `f(events, as_of) -> one row per entity` to a batch implementation.

    It is called once for each distinct `as_of` of the spine, with all events: leaving out those
    that do not count yet is its own task. Rows of entities that nobody asked for are dropped.
    """
    return PerAsOf(require_function("per_as_of", function))


def per_event(function: Callable[..., Any]) -> PerEvent:
    """Adapt `f(events) -> one row per event` to a batch implementation.

    The rows carry the entity and the source's time column; a request gets the entity's last row
    before `as_of` (up to and including it when the view's `as_of` is "inclusive").
    """
    return PerEvent(require_function("per_event", function))


def sql(query: str) -> Sql:
    """Make a batch implementation of a query, run by DuckDB in UTC over the sources and `spine`.

    Needs the extra `skewtest[duckdb]`.

    Raises:
        DeclarationError: `query` is not a string or is empty.
    """
    if not isinstance(query, str) or not query.strip():
        raise DeclarationError(f"sql(query) must be a query; got {query!r}")
    return Sql(query)


def _no_rows(view: FeatureView) -> Any:
    return pl.DataFrame(schema=dict.fromkeys((*view.entity, AS_OF, *view.features), pl.Null))
