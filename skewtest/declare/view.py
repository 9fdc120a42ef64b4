"""A feature view: features computed together, with a batch and an online implementation."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import gcd
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import polars as pl

from skewtest.declare.arguments import (
    AS_OF,
    Nothing,
    check_choice,
    check_count,
    check_delivery,
    check_entity,
    check_equal,
    check_features,
    check_name,
    check_request,
    check_sources,
    check_timeout,
    check_windows,
)
from skewtest.declare.delivery import Delivery
from skewtest.declare.kinds import Column, Key
from skewtest.declare.references import Reference, check_reference
from skewtest.declare.relation import check_relations
from skewtest.declare.sides import (
    bound,
    checked_side,
    combinations,
    give_entity,
    request_of,
    takes_parameter,
    variant_name,
)
from skewtest.declare.source import Source
from skewtest.declare.tolerance import Tolerance
from skewtest.times import AsOf, TimeType, check_zone

__all__ = ["AS_OF", "FeatureView", "Nothing", "Scope"]

Scope: TypeAlias = Literal["entity", "global"]

# Frames of these files are ours: a view's place is where its owner wrote it.
DECLARING = (Path(__file__).parent, Path(__file__).parent.parent / "sides")


def _caller() -> tuple[str, int]:
    """Return the file and line of the user's code that is declaring a view."""
    frame = sys._getframe(1)  # noqa: SLF001 # the only way to a caller that costs nothing
    while frame.f_back is not None and Path(frame.f_code.co_filename).parent in DECLARING:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


# Compared by identity: two views that are declared alike are two items of a run, and their
# implementations are functions that nothing else tells apart.
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
        fitted_histories: how many histories the training history is made of.
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
    fitted_histories: int
    reference: Reference | None
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
        fitted_histories: int = 64,
        reference: Reference | None = None,
    ) -> None:
        """Declare a feature view.

        Args:
            name: letters, digits, `_`, `-` and `.`.
            sources: at least one; they share unit and zone.
            entity: key columns; each source that has none of them is common to all entities. An
                empty list where features are of all events: rows are keyed by `as_of` alone, and a
                batch call gets one history.
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
                (an encoding, a scaler) is given to each side that has a parameter `fitted`.
            fitted_histories: how many generated histories `fitted` gets in one table; one where
                histories cannot share a batch call.
            reference: a third opinion, exact and slow: one of `skewtest.reference`; a function of
                the events of the request's entity that count at `as_of`, as dicts in sequence
                order, and of the request, which returns features (ints, Fractions) by name; a side;
                or a dict by feature of the first two, a function then returning its feature. It
                tells which side is off and by how much, also where both are off alike.

        Raises:
            DeclarationError: names the argument, what it got and what it wanted.
        """
        label = f"FeatureView({name!r})"
        check_name(name)
        by_name = check_sources(label, sources)
        entity = check_entity(label, entity, by_name)
        requested = check_request(label, request or request_of(online, by_name, entity), entity)
        values: dict[str, Any] = {
            "name": name,
            "sources": by_name,
            "entity": entity,
            "batch": checked_side(label, "batch", batch),
            "online": give_entity(checked_side(label, "online", online), entity),
            "features": check_features(label, features, entity),
            "windows": check_windows(label, windows),
            "as_of": check_choice(label, "as_of", as_of, get_args(AsOf)),
            "request": requested,
            "scope": check_choice(label, "scope", scope, get_args(Scope)),
            "zone": check_zone(f"{label}: zone", zone),
            "delivery": check_delivery(label, delivery, by_name),
            "equal": check_equal(label, equal),
            "timeout": check_timeout(label, timeout),
            "relations": check_relations(label, relations),
            "fitted": checked_side(label, "fitted", fitted),
            "fitted_histories": check_count(label, "fitted_histories", fitted_histories),
            "reference": check_reference(label, reference, features, by_name),
            "place": _caller(),
        }
        # A frozen dataclass has no other way to set what was checked and made plain.
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    def __repr__(self) -> str:
        return f"FeatureView({self.name!r})"

    def replaced(self, **changes: Any) -> "FeatureView":
        """Return a copy with some arguments changed, checked anew.

        Raises:
            DeclarationError: as for a new view.
        """
        arguments = {name: getattr(self, name) for name in self.__dataclass_fields__}
        arguments["sources"] = list(self.sources.values())
        arguments["equal"] = tuple(self.equal)
        # A copy is declared where the original is: reports lead to what its owner wrote.
        place = arguments.pop("place")
        copy = FeatureView(**{**arguments, **changes})
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
        views = []
        for values in combinations(repr(self), parameters):
            windows = [value for value in values.values() if isinstance(value, timedelta)]
            view = self._with_parameters(
                values,
                name=f"{self.name}-{variant_name(values)}",
                windows=(*self.windows, *windows),
            )
            views.append(view)
        return views

    def with_fitted(self, artefact: Any) -> "FeatureView":
        """Return the view whose sides have been given what was fitted, those that take it.

        Args:
            artefact: what the function of `fitted=` returned.

        Raises:
            DeclarationError: neither side takes a parameter `fitted`.
        """
        label = repr(self)
        sides = {"batch": self.batch, "online": self.online}
        takers = {name: side for name, side in sides.items() if takes_parameter(side, "fitted")}
        # One side may have its own way to the artefact; that neither takes it is a slip.
        if not takers:
            takers = sides
        for name, side in takers.items():
            sides[name] = bound(label, name, side, {"fitted": artefact})
        return self.replaced(**sides, fitted=None)

    def _with_parameters(self, values: Mapping[str, Any], **changes: Any) -> "FeatureView":
        label = repr(self)
        batch = bound(label, "batch", self.batch, values)
        online = bound(label, "online", self.online, values)
        return self.replaced(batch=batch, online=online, **changes)

    @property
    def time(self) -> TimeType:
        """Unit and zone of `as_of`, which its sources share."""
        return next(iter(self.sources.values())).type

    @property
    def tick(self) -> int:
        """The smallest distance of `as_of` values, in microseconds, which its sources tell."""
        return gcd(*(source.tick for source in self.sources.values()))

    @property
    def laned(self) -> bool:
        """Whether histories can share a batch call without meeting.

        Each entity column is drawn as a `key()`, and so is some column of every source: a source
        without one would be common to all histories. Without an entity nothing tells them apart.
        """
        if self.scope != "entity" or not self.entity:
            return False
        entity_kinds = []
        for source in self.sources.values():
            if not source.keys:
                return False
            entity_kinds += [source.columns.get(name) for name in self.entity]
        return all(kind is None or isinstance(kind, Key) for kind in entity_kinds)

    @property
    def entity_columns(self) -> dict[str, Column]:
        """The entity columns with their declarations."""
        columns = {}
        for name in self.entity:
            # Sources that share an entity column declare it alike: the first speaks for all.
            columns[name] = next(
                source.columns[name] for source in self.sources.values() if name in source.columns
            )
        return columns

    @property
    def spine_schema(self) -> dict[str, pl.DataType]:
        """Spine columns to polars types: entity, `as_of`, request columns."""
        schema: dict[str, pl.DataType] = {}
        for name, column in self.entity_columns.items():
            schema[name] = column.dtype
        schema[AS_OF] = self.time.dtype
        for name, column in self.request.items():
            schema[name] = column.dtype
        return schema
