"""What the arguments of a feature view must be. Each check returns its argument, made plain."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from skewtest.declare.columns import as_column
from skewtest.declare.delivery import Delivery
from skewtest.declare.kinds import Column, Ids
from skewtest.declare.source import Source
from skewtest.declare.tolerance import Close, Exact, Tolerance, Vector
from skewtest.errors import DeclarationError, listed, nearest

AS_OF = "as_of"

Nothing: TypeAlias = Literal["null", "nan", "missing"]
NOTHINGS: tuple[Nothing, ...] = get_args(Nothing)

# A view's name is a test id and a folder of the corpus: no spaces, slashes or brackets.
# File systems allow 255 bytes, and variants of a view add to its name.
_LONGEST_NAME = 200
_DEVICES = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10)),
}
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")


def check_name(name: str) -> None:
    """Raise DeclarationError unless a view's name can be a test id and a folder."""
    # Dots alone would be the folder itself, or the one above it.
    if not isinstance(name, str) or not set(name) <= _NAME_CHARACTERS or not name.strip("."):
        raise DeclarationError(
            "FeatureView name must be made of letters, digits, '_', '-' and '.', and not of dots "
            f"alone; got {name!r}"
        )
    if len(name) > _LONGEST_NAME or name.partition(".")[0].upper() in _DEVICES:
        raise DeclarationError(
            f"FeatureView name must be the name of a folder on every system: at most "
            f"{_LONGEST_NAME} characters, and no device of Windows; got {name!r}"
        )


def check_sources(place: str, sources: Sequence[Source]) -> Mapping[str, Source]:
    """Return sources by name; raise DeclarationError unless they fit together."""
    if isinstance(sources, Source) or not isinstance(sources, Sequence) or not sources:
        raise DeclarationError(
            f"{place}: sources must be a list of at least one Source; got {sources!r}"
        )
    for source in sources:
        if not isinstance(source, Source):
            raise DeclarationError(f"{place}: sources takes Source objects; got {source!r}")
    _check_source_names(place, [source.name for source in sources])
    _check_time_types(place, sources)
    return MappingProxyType({source.name: source for source in sources})


def _check_source_names(place: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise DeclarationError(f"{place}: two sources are called {name!r}; rename one")
        # With one source, `events` is that source, by either name.
        if name == "spine" or (name == "events" and len(names) > 1):
            raise DeclarationError(
                f"{place}: a source cannot be called {name!r} here, because batch functions take "
                "another frame under that name; rename it"
            )


def _check_time_types(place: str, sources: Sequence[Source]) -> None:
    """Raise unless all times compare: `as_of` has one unit and zone, and so has every event."""
    if len({source.type for source in sources}) > 1:
        descriptions = []
        for source in sources:
            zone = source.type.zone or "naive"
            descriptions.append(f"{source.name}: {source.type.unit} {zone}")
        raise DeclarationError(
            f"{place}: sources must share unit and zone; got {', '.join(descriptions)}"
        )


def check_entity(
    place: str, entity: Sequence[str], sources: Mapping[str, Source]
) -> tuple[str, ...]:
    """Return the entity columns.

    Args:
        place: how errors call the view.
        entity: column names; none where features are of all events.
        sources: by name.

    Raises:
        DeclarationError: no source has one of them, or two sources declare it otherwise.
    """
    if isinstance(entity, str) or not isinstance(entity, Sequence):
        raise DeclarationError(
            f"{place}: entity must be a list of column names, [] where features are of all "
            f"events; got {entity!r}"
        )
    for name in entity:
        _check_entity_column(place, name, sources.values())
    if len(set(entity)) < len(entity):
        raise DeclarationError(f"{place}: entity names a column twice; got {list(entity)!r}")
    return tuple(entity)


def _check_entity_column(place: str, name: str, sources: Collection[Source]) -> None:
    declarations = [source.columns[name] for source in sources if name in source.columns]
    if not declarations:
        names = dict.fromkeys(column for source in sources for column in source.columns)
        raise DeclarationError(
            f"{place}: entity names {name!r}, which no source has as a column; "
            f"there are {listed(names)}." + nearest(str(name), names)
        )
    if any(isinstance(declaration, Ids) for declaration in declarations):
        raise DeclarationError(
            f"{place}: entity column {name!r} is declared as ids(), which no two events "
            "share; declare it as key()"
        )
    types = {str(declaration.dtype) for declaration in declarations}
    if len(types) > 1:
        raise DeclarationError(
            f"{place}: entity column {name!r} has different types in its sources: "
            f"{', '.join(sorted(types))}; declare it alike"
        )


def check_request(
    place: str, request: Mapping[str, object], entity: tuple[str, ...]
) -> Mapping[str, Column]:
    """Return the request columns, declared in full.

    Args:
        place: how errors call the view.
        request: columns or Hypothesis strategies by name.
        entity: the entity columns.

    Raises:
        DeclarationError: one is no column, or the spine has one of its name already.
    """
    if not isinstance(request, Mapping):
        raise DeclarationError(f"{place}: request must be a dict of columns; got {request!r}")
    columns = {}
    for name, declared in request.items():
        if name in entity or name == AS_OF:
            raise DeclarationError(f"{place}: request column {name!r} is already on the spine")
        columns[name] = as_column(f"{place}: request column {name!r}", declared)
    return MappingProxyType(columns)


def check_features(
    place: str, features: Mapping[str, Tolerance], entity: tuple[str, ...]
) -> Mapping[str, Tolerance]:
    """Return tolerances by feature name.

    Args:
        place: how errors call the view.
        features: tolerances by feature name.
        entity: the entity columns.

    Raises:
        DeclarationError: there are none, a name is that of a key, or a tolerance is none.
    """
    if not isinstance(features, Mapping):
        raise DeclarationError(
            f"{place}: features must be a dict of feature name to close(), exact() or "
            f"vector(cosine=...); got {features!r}{_repetition(features)}"
        )
    if not features:
        raise DeclarationError(f"{place}: features is empty; a view needs at least one feature")
    for name, tolerance in features.items():
        if not isinstance(name, str) or not name:
            raise DeclarationError(f"{place}: a feature name must be a string; got {name!r}")
        # The spine already has a column of that name: the answers could not be told from it.
        if name in entity or name == AS_OF:
            raise DeclarationError(f"{place}: feature {name!r} has the name of a key column")
        _check_tolerance(place, name, tolerance)
    return MappingProxyType(dict(features))


def _repetition(features: object) -> str:
    """Return what a list of names lacks beside tolerances: it may also name a feature twice."""
    if isinstance(features, Sequence):
        names = list(features)
        for name in names:
            if names.count(name) > 1:
                return f"; {name!r} is there twice"
    return ""


def _check_tolerance(place: str, name: str, tolerance: object) -> None:
    if isinstance(tolerance, Close | Exact | Vector):
        return
    hint = ""
    function = getattr(tolerance, "__name__", "close")
    # `close` for `close()` is the slip that everybody makes once.
    if callable(tolerance) and function in ("close", "exact"):
        hint = f" Call it: {function}()."
    raise DeclarationError(
        f"{place}: tolerance of feature {name!r} must be close(), exact() or "
        f"vector(cosine=...); got {tolerance!r}.{hint}"
    )


def check_windows(place: str, windows: Sequence[timedelta]) -> tuple[timedelta, ...]:
    """Return the windows, each once; raise DeclarationError unless they are above 0."""
    if not isinstance(windows, Sequence) or isinstance(windows, str):
        raise DeclarationError(f"{place}: windows must be a list of timedeltas; got {windows!r}")
    for window in windows:
        if not isinstance(window, timedelta) or window <= timedelta(0):
            raise DeclarationError(f"{place}: a window must be a timedelta above 0; got {window!r}")
    return tuple(dict.fromkeys(windows))


def check_choice(place: str, argument: str, got: object, choices: tuple[str, ...]) -> Any:
    """Return what was chosen.

    Args:
        place: how errors call the view.
        argument: the argument's name.
        got: its value.
        choices: what it may be.

    Raises:
        DeclarationError: it is none of the choices.
    """
    if got not in choices:
        raise DeclarationError(
            f"{place}: {argument} must be one of {listed(choices)}; got {got!r}."
            + nearest(str(got), choices)
        )
    return got


def check_delivery(
    place: str, delivery: Delivery | None, sources: Mapping[str, Source]
) -> Delivery:
    """Return the delivery, in order by default.

    Args:
        place: how errors call the view.
        delivery: what was declared, or None.
        sources: by name.

    Raises:
        DeclarationError: it is no Delivery, or events come later than the sources span.
    """
    if delivery is None:
        return Delivery()
    if not isinstance(delivery, Delivery):
        raise DeclarationError(f"{place}: delivery must be a Delivery; got {delivery!r}")
    span = _common_span(sources.values())
    # An event that is later than all of history never meets a request: nothing would be tried.
    if delivery.late is not None and span is not None and delivery.late >= span:
        raise DeclarationError(
            f"{place}: delivery: late must be shorter than the {span.days} days that the sources "
            f"span; got {delivery.late}"
        )
    return delivery


def _common_span(sources: Collection[Source]) -> timedelta | None:
    """Return how long the sources' spans overlap; None where no source has a start, or an end."""
    starts = []
    ends = []
    for source in sources:
        if source.start is not None:
            starts.append(source.start)
        if source.end is not None:
            ends.append(source.end)
    if not starts or not ends:
        return None
    return min(ends) - max(starts)


def check_equal(place: str, equal: Sequence[str]) -> frozenset[str]:
    """Return which nothings count as one; raise DeclarationError."""
    is_list = isinstance(equal, Sequence | frozenset) and not isinstance(equal, str)
    # One alone is equal to itself without being named.
    if not is_list or not set(equal) <= set(NOTHINGS) or len(set(equal)) == 1:
        raise DeclarationError(
            f"{place}: equal must name at least two of {listed(NOTHINGS)}; got {equal!r}"
        )
    return frozenset(equal)


def check_count(place: str, argument: str, count: int) -> int:
    """Return an int above 0; raise DeclarationError."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise DeclarationError(f"{place}: {argument} must be an int above 0; got {count!r}")
    return count


def check_timeout(place: str, timeout: float) -> float:
    """Return seconds above 0; raise DeclarationError."""
    # `not timeout > 0` rather than `timeout <= 0`: NaN is no limit either.
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise DeclarationError(f"{place}: timeout must be seconds above 0; got {timeout!r}")
    return float(timeout)
