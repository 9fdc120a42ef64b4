"""A feature view: features computed together, with a batch and an online implementation."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import polars as pl

from skewtest.declare.arguments import (
    AS_OF,
    checked_choice,
    checked_delivery,
    checked_entity,
    checked_equal,
    checked_features,
    checked_name,
    checked_request,
    checked_sources,
    checked_timeout,
    checked_windows,
)
from skewtest.declare.delivery import Delivery
from skewtest.declare.kinds import Column, Key
from skewtest.declare.relation import checked_relations
from skewtest.declare.sides import bound, checked_side, combinations, variant_name
from skewtest.declare.source import Source
from skewtest.declare.tolerance import Tolerance
from skewtest.times import AsOf, TimeType, checked_zone

__all__ = ["AS_OF", "FeatureView", "Nothing", "Scope"]

Scope: TypeAlias = Literal["entity", "global"]
Nothing: TypeAlias = Literal["null", "nan", "missing"]
DECLARING = Path(__file__).parent


def _caller() -> tuple[str, int]:
    """Return the file and line of the user's code that is declaring a view."""
    frame = sys._getframe(1)  # noqa: SLF001 # the only way to a caller that costs nothing
    while frame.f_back is not None and Path(frame.f_code.co_filename).parent == DECLARING:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class FeatureView:
    """A set of features computed together from the same sources for the same entity.

    Attributes:
        name: how reports, test ids and the corpus call it.
        sources: by name, in the order given.
        entity: the key columns that features are computed for.
        batch: the implementation that makes training data, or None where it is missing.
        online: the factory of the implementation that serves, or None where it is missing.
        features: tolerances by feature name.
        windows: the lengths on whose edges events are put.
        as_of: whether an event exactly at `as_of` counts.
        request: the columns known only at request time.
        scope: "entity", or "global" where features see all entities on purpose.
        zone: the zone of calendar features.
        delivery: what the stream may do.
        equal: which of null, NaN and missing row count as one.
        timeout: seconds that one call into user code may take.
        relations: the names of the relations that each side is held to by itself.
        fitted: makes of a training history what both sides are given, or None.
        reference: a third opinion, slow and exact, or None.
        place: the file and line of its declaration.
    """

    name: str
    sources: Mapping[str, Source]
    entity: tuple[str, ...]
    batch: Callable[..., Any] | None
    online: Callable[[], Any] | None
    features: Mapping[str, Tolerance]
    windows: tuple[timedelta, ...]
    as_of: AsOf
    request: Mapping[str, Column]
    scope: Scope
    zone: str | None
    delivery: Delivery
    equal: frozenset[str]
    timeout: float
    relations: tuple[str, ...]
    fitted: Callable[..., Any] | None
    reference: Callable[[list[dict[str, Any]], dict[str, Any]], Mapping[str, Any]] | None
    place: tuple[str, int]

    def __init__(
        self,
        name: str,
        *,
        sources: Sequence[Source],
        entity: Sequence[str],
        batch: Callable[..., Any] | None,
        online: Callable[[], Any] | None,
        features: Mapping[str, Tolerance],
        windows: Sequence[timedelta] = (),
        as_of: AsOf = "exclusive",
        request: Mapping[str, object] | None = None,
        scope: Scope = "entity",
        zone: str | None = None,
        delivery: Delivery | None = None,
        equal: Sequence[Nothing] = (),
        timeout: float = 10.0,
        relations: Sequence[str] | Literal["default"] | None = "default",
        fitted: Callable[..., Any] | None = None,
        reference: Callable[[list[dict[str, Any]], dict[str, Any]], Mapping[str, Any]]
        | None = None,
    ) -> None:
        """Declare a feature view.

        Args:
            name: letters, digits, `_`, `-` and `.`.
            sources: at least one; they share unit and zone.
            entity: key columns; each source that has none of them is common to all entities.
            batch: called with frames by parameter name: a source's name, `events` where there is
                one source, `spine`. Returns rows keyed by entity and `as_of`.
            online: zero-argument factory of an object with `update(event)` and `query(request)`.
            features: `close()`, `exact()` or `vector(cosine=)` by feature name.
            windows: declared windows, half-open `[as_of - w, as_of)`.
            as_of: "exclusive": an event counts when `event_time < as_of`; "inclusive": `<=`.
            request: columns on the spine and in the request.
            scope: "global" runs one history a batch call.
            zone: IANA zone whose days, months and clock changes matter to the features.
            delivery: what the stream may do; in order by default.
            equal: which of "null", "nan" and "missing" (no row) count as one; at least two.
            timeout: seconds for one call into user code.
            relations: laws that each side is held to by itself: "default", None, or a list of
                names.
            fitted: called once with the frames of a training history, by name; what it returns
                (an encoding, a scaler) is given to both sides as their parameter `fitted`.
            reference: takes the events of the request's entity that count at `as_of`, as dicts in
                sequence order, and the request; returns exact features (ints, Fractions). It tells
                how far a side is off under each version, in a cell of the version matrix.

        Raises:
            DeclarationError: names the argument, what it got and what it wanted.
        """
        place = f"FeatureView({name!r})"
        checked_name(name)
        by_name = checked_sources(place, sources)
        entity = checked_entity(place, entity, by_name)
        requested = checked_request(place, request or {}, entity)
        values: dict[str, Any] = {
            "name": name,
            "sources": by_name,
            "entity": entity,
            "batch": checked_side(place, "batch", batch),
            "online": checked_side(place, "online", online),
            "features": checked_features(place, features, entity),
            "windows": checked_windows(place, windows),
            "as_of": checked_choice(place, "as_of", as_of, ("exclusive", "inclusive")),
            "request": requested,
            "scope": checked_choice(place, "scope", scope, get_args(Scope)),
            "zone": checked_zone(f"{place}: zone", zone),
            "delivery": checked_delivery(place, delivery, by_name),
            "equal": checked_equal(place, equal),
            "timeout": checked_timeout(place, timeout),
            "relations": checked_relations(place, relations),
            "fitted": checked_side(place, "fitted", fitted),
            "reference": checked_side(place, "reference", reference),
            "place": _caller(),
        }
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    def __repr__(self) -> str:
        return f"FeatureView({self.name!r})"

    def replaced(self, **changes: Any) -> "FeatureView":
        """Return a copy with some arguments changed, checked anew.

        Raises:
            DeclarationError: as for a new view.
        """
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        given |= {"sources": list(self.sources.values()), "equal": tuple(self.equal)}
        place = given.pop("place")
        copy = FeatureView(**{**given, **changes})
        object.__setattr__(copy, "place", place)
        return copy

    def variants(self, parameters: Mapping[str, Sequence[Any]]) -> "list[FeatureView]":
        """Return one view for each combination of parameters, so that none is left at its default.

        Both sides are given them as keyword arguments. A timedelta is a window of its view too.

        Args:
            parameters: values by parameter name.

        Raises:
            DeclarationError: a side takes no such parameter, or there are no values.
        """
        place = repr(self)
        return [
            self.replaced(
                name=f"{self.name}-{variant_name(given)}",
                batch=bound(place, "batch", self.batch, given),
                online=bound(place, "online", self.online, given),
                windows=(*self.windows, *(v for v in given.values() if isinstance(v, timedelta))),
            )
            for given in combinations(place, parameters)
        ]

    def with_fitted(self, artefact: Any) -> "FeatureView":
        """Return the view whose sides have been given what was fitted.

        Raises:
            DeclarationError: a side takes no parameter `fitted`.
        """
        given = {"fitted": artefact}
        return self.replaced(
            batch=bound(repr(self), "batch", self.batch, given),
            online=bound(repr(self), "online", self.online, given),
            fitted=None,
        )

    @property
    def time(self) -> TimeType:
        """Unit and zone of `as_of`, which its sources share."""
        return next(iter(self.sources.values())).type

    @property
    def laned(self) -> bool:
        """Whether histories can share a batch call without meeting.

        Each entity column is drawn as a `key()`, and so is some column of every source: a source
        without one would be common to all histories.
        """
        sources = self.sources.values()
        return self.scope == "entity" and all(
            source.keys
            and all(isinstance(source.columns[n], Key) for n in self.entity if n in source.columns)
            for source in sources
        )

    @property
    def entity_columns(self) -> dict[str, Column]:
        """The entity columns with their declarations."""
        return {
            name: next(s.columns[name] for s in self.sources.values() if name in s.columns)
            for name in self.entity
        }

    @property
    def spine_schema(self) -> dict[str, pl.DataType]:
        """Spine columns to polars types: entity, `as_of`, request columns."""
        return {
            **{name: column.dtype for name, column in self.entity_columns.items()},
            AS_OF: self.time.dtype,
            **{name: column.dtype for name, column in self.request.items()},
        }
