"""A feature view: features computed together, with a batch and an online implementation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

import polars as pl

from skewtest.declare.columns import as_column
from skewtest.declare.delivery import Delivery
from skewtest.declare.kinds import Column, Key
from skewtest.declare.relation import checked_relations
from skewtest.declare.source import Source
from skewtest.declare.tolerance import Close, Exact, Tolerance, Vector
from skewtest.errors import DeclarationError, listed, nearest
from skewtest.times import AsOf, TimeType, checked_zone

Scope: TypeAlias = Literal["entity", "global"]
Nothing: TypeAlias = Literal["null", "nan", "missing"]

AS_OF = "as_of"
NOTHINGS = ("null", "nan", "missing")


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

        Raises:
            DeclarationError: names the argument, what it got and what it wanted.
        """
        place = f"FeatureView({name!r})"
        if not isinstance(name, str) or not name or not set(name) <= _NAME_CHARACTERS:
            raise DeclarationError(
                f"FeatureView name must be made of letters, digits, '_', '-' and '.'; got {name!r}"
            )
        by_name = _checked_sources(place, sources)
        entity = _checked_entity(place, entity, by_name)
        requested = _checked_request(place, request or {}, entity)
        values: dict[str, Any] = {
            "name": name,
            "sources": by_name,
            "entity": entity,
            "batch": _checked_side(place, "batch", batch),
            "online": _checked_side(place, "online", online),
            "features": _checked_features(place, features, entity),
            "windows": _checked_windows(place, windows),
            "as_of": _checked_choice(place, "as_of", as_of, ("exclusive", "inclusive")),
            "request": requested,
            "scope": _checked_choice(place, "scope", scope, get_args(Scope)),
            "zone": checked_zone(f"{place}: zone", zone),
            "delivery": _checked_delivery(place, delivery, by_name),
            "equal": _checked_equal(place, equal),
            "timeout": _checked_timeout(place, timeout),
            "relations": checked_relations(place, relations),
        }
        for attribute, value in values.items():
            object.__setattr__(self, attribute, value)

    def __repr__(self) -> str:
        return f"FeatureView({self.name!r})"

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


_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")


def _checked_sources(place: str, sources: Sequence[Source]) -> Mapping[str, Source]:
    if isinstance(sources, Source) or not isinstance(sources, Sequence) or not sources:
        raise DeclarationError(
            f"{place}: sources must be a list of at least one Source; got {sources!r}"
        )
    for source in sources:
        if not isinstance(source, Source):
            raise DeclarationError(f"{place}: sources takes Source objects; got {source!r}")
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(f"{place}: two sources are called {name!r}; rename one")
        if name == "spine" or (name == "events" and len(names) > 1):
            raise DeclarationError(
                f"{place}: a source cannot be called {name!r} here, because batch functions take "
                "another frame under that name; rename it"
            )
    kinds = {source.type for source in sources}
    if len(kinds) > 1:
        told = ", ".join(f"{s.name}: {s.type.unit} {s.type.zone or 'naive'}" for s in sources)
        raise DeclarationError(f"{place}: sources must share unit and zone; got {told}")
    return MappingProxyType({source.name: source for source in sources})


def _checked_entity(
    place: str, entity: Sequence[str], sources: Mapping[str, Source]
) -> tuple[str, ...]:
    if isinstance(entity, str) or not isinstance(entity, Sequence) or not entity:
        raise DeclarationError(
            f"{place}: entity must be a list of at least one column name; got {entity!r}"
        )
    known = [name for source in sources.values() for name in source.columns]
    for name in entity:
        if name not in known:
            raise DeclarationError(
                f"{place}: entity names {name!r}, which no source has as a column; "
                f"there are {listed(dict.fromkeys(known))}." + nearest(str(name), known)
            )
        kinds = {str(s.columns[name].dtype) for s in sources.values() if name in s.columns}
        if len(kinds) > 1:
            raise DeclarationError(
                f"{place}: entity column {name!r} has different types in its sources: "
                f"{', '.join(sorted(kinds))}; declare it alike"
            )
    if len(set(entity)) < len(entity):
        raise DeclarationError(f"{place}: entity names a column twice; got {list(entity)!r}")
    return tuple(entity)


def _checked_request(
    place: str, request: Mapping[str, object], entity: tuple[str, ...]
) -> Mapping[str, Column]:
    if not isinstance(request, Mapping):
        raise DeclarationError(f"{place}: request must be a dict of columns; got {request!r}")
    for name in request:
        if name in entity or name == AS_OF:
            raise DeclarationError(f"{place}: request column {name!r} is already on the spine")
    return MappingProxyType(
        {n: as_column(f"{place}: request column {n!r}", column) for n, column in request.items()}
    )


def _checked_side(place: str, side: str, given: object) -> Any:
    if given is not None and not callable(given):
        wanted = "a function" if side == "batch" else "a class or a function without arguments"
        raise DeclarationError(f"{place}: {side} must be {wanted}; got {given!r}")
    return given


def _checked_features(
    place: str, features: Mapping[str, Tolerance], entity: tuple[str, ...]
) -> Mapping[str, Tolerance]:
    if not isinstance(features, Mapping):
        names = list(features) if isinstance(features, Sequence) else []
        twice = next((n for n in names if names.count(n) > 1), None)
        told = f"; {twice!r} is there twice" if twice is not None else ""
        raise DeclarationError(
            f"{place}: features must be a dict of feature name to close(), exact() or "
            f"vector(cosine=...); got {features!r}{told}"
        )
    if not features:
        raise DeclarationError(f"{place}: features is empty; a view needs at least one feature")
    for name, tolerance in features.items():
        if not isinstance(name, str) or not name:
            raise DeclarationError(f"{place}: a feature name must be a string; got {name!r}")
        if name in entity or name == AS_OF:
            raise DeclarationError(f"{place}: feature {name!r} has the name of a key column")
        if not isinstance(tolerance, Close | Exact | Vector):
            hint = " Call it: close()." if callable(tolerance) else ""
            raise DeclarationError(
                f"{place}: tolerance of feature {name!r} must be close(), exact() or "
                f"vector(cosine=...); got {tolerance!r}.{hint}"
            )
    return MappingProxyType(dict(features))


def _checked_windows(place: str, windows: Sequence[timedelta]) -> tuple[timedelta, ...]:
    if not isinstance(windows, Sequence) or isinstance(windows, str):
        raise DeclarationError(f"{place}: windows must be a list of timedeltas; got {windows!r}")
    for window in windows:
        if not isinstance(window, timedelta) or window <= timedelta(0):
            raise DeclarationError(f"{place}: a window must be a timedelta above 0; got {window!r}")
    return tuple(dict.fromkeys(windows))


def _checked_choice(place: str, argument: str, got: object, choices: tuple[str, ...]) -> Any:
    if got not in choices:
        raise DeclarationError(
            f"{place}: {argument} must be one of {listed(choices)}; got {got!r}."
            + nearest(str(got), choices)
        )
    return got


def _checked_delivery(
    place: str, delivery: Delivery | None, sources: Mapping[str, Source]
) -> Delivery:
    if delivery is not None and not isinstance(delivery, Delivery):
        raise DeclarationError(f"{place}: delivery must be a Delivery; got {delivery!r}")
    delivery = delivery or Delivery()
    starts = [source.start for source in sources.values() if source.start is not None]
    ends = [source.end for source in sources.values() if source.end is not None]
    span = min(ends) - max(starts) if starts and ends else None
    if delivery.late is not None and span is not None and delivery.late >= span:
        raise DeclarationError(
            f"{place}: delivery: late must be shorter than the {span.days} days that the sources "
            f"span; got {delivery.late}"
        )
    return delivery


def _checked_equal(place: str, equal: Sequence[str]) -> frozenset[str]:
    listed_up = isinstance(equal, Sequence | frozenset) and not isinstance(equal, str)
    if not listed_up or not set(equal) <= set(NOTHINGS) or len(set(equal)) == 1:
        raise DeclarationError(
            f"{place}: equal must name at least two of {listed(NOTHINGS)}; got {equal!r}"
        )
    return frozenset(equal)


def _checked_timeout(place: str, timeout: float) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise DeclarationError(f"{place}: timeout must be seconds above 0; got {timeout!r}")
    return float(timeout)
