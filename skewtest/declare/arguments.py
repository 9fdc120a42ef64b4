"""What the arguments of a feature view must be. Each check returns its argument, made plain."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from skewtest.declare.columns import as_column
from skewtest.declare.delivery import Delivery
from skewtest.declare.kinds import Column, Ids
from skewtest.declare.source import Source
from skewtest.declare.tolerance import Close, Exact, Tolerance, Vector
from skewtest.errors import DeclarationError, listed, nearest

AS_OF = "as_of"
NOTHINGS = ("null", "nan", "missing")

_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")


def checked_name(name: str) -> None:
    """Raise DeclarationError unless a view's name can be a test id and a folder."""
    if not isinstance(name, str) or not set(name) <= _NAME_CHARACTERS or not name.strip("."):
        raise DeclarationError(
            "FeatureView name must be made of letters, digits, '_', '-' and '.', and not of dots "
            f"alone; got {name!r}"
        )


def checked_sources(place: str, sources: Sequence[Source]) -> Mapping[str, Source]:
    """Return sources by name; raise DeclarationError unless they fit together."""
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


def checked_entity(
    place: str, entity: Sequence[str], sources: Mapping[str, Source]
) -> tuple[str, ...]:
    """Return the entity columns; raise DeclarationError unless the sources have them, alike."""
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
        if any(isinstance(s.columns.get(name), Ids) for s in sources.values()):
            raise DeclarationError(
                f"{place}: entity column {name!r} is declared as ids(), which no two events "
                "share; declare it as key()"
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


def checked_request(
    place: str, request: Mapping[str, object], entity: tuple[str, ...]
) -> Mapping[str, Column]:
    """Return the request columns, declared in full; raise DeclarationError."""
    if not isinstance(request, Mapping):
        raise DeclarationError(f"{place}: request must be a dict of columns; got {request!r}")
    for name in request:
        if name in entity or name == AS_OF:
            raise DeclarationError(f"{place}: request column {name!r} is already on the spine")
    return MappingProxyType(
        {n: as_column(f"{place}: request column {n!r}", column) for n, column in request.items()}
    )


def checked_features(
    place: str, features: Mapping[str, Tolerance], entity: tuple[str, ...]
) -> Mapping[str, Tolerance]:
    """Return tolerances by feature name; raise DeclarationError."""
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
            called = getattr(tolerance, "__name__", "close") if callable(tolerance) else ""
            hint = f" Call it: {called}()." if called in ("close", "exact") else ""
            raise DeclarationError(
                f"{place}: tolerance of feature {name!r} must be close(), exact() or "
                f"vector(cosine=...); got {tolerance!r}.{hint}"
            )
    return MappingProxyType(dict(features))


def checked_windows(place: str, windows: Sequence[timedelta]) -> tuple[timedelta, ...]:
    """Return the windows, each once; raise DeclarationError unless they are above 0."""
    if not isinstance(windows, Sequence) or isinstance(windows, str):
        raise DeclarationError(f"{place}: windows must be a list of timedeltas; got {windows!r}")
    for window in windows:
        if not isinstance(window, timedelta) or window <= timedelta(0):
            raise DeclarationError(f"{place}: a window must be a timedelta above 0; got {window!r}")
    return tuple(dict.fromkeys(windows))


def checked_choice(place: str, argument: str, got: object, choices: tuple[str, ...]) -> Any:
    """Return what was chosen; raise DeclarationError unless it is one of the choices."""
    if got not in choices:
        raise DeclarationError(
            f"{place}: {argument} must be one of {listed(choices)}; got {got!r}."
            + nearest(str(got), choices)
        )
    return got


def checked_delivery(
    place: str, delivery: Delivery | None, sources: Mapping[str, Source]
) -> Delivery:
    """Return the delivery, in order by default; raise DeclarationError."""
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


def checked_equal(place: str, equal: Sequence[str]) -> frozenset[str]:
    """Return which nothings count as one; raise DeclarationError."""
    listed_up = isinstance(equal, Sequence | frozenset) and not isinstance(equal, str)
    if not listed_up or not set(equal) <= set(NOTHINGS) or len(set(equal)) == 1:
        raise DeclarationError(
            f"{place}: equal must name at least two of {listed(NOTHINGS)}; got {equal!r}"
        )
    return frozenset(equal)


def checked_timeout(place: str, timeout: float) -> float:
    """Return seconds above 0; raise DeclarationError."""
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise DeclarationError(f"{place}: timeout must be seconds above 0; got {timeout!r}")
    return float(timeout)
