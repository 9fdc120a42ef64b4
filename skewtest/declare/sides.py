"""The two implementations of a view: that they are callable, and binding their parameters."""

import inspect
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any, Protocol, runtime_checkable

from skewtest.errors import DeclarationError, listed, nearest
from skewtest.times import window_text

CAPABILITIES = {
    "lanes": "answers many histories in one call, and keeps them apart",
    "events": "is fed event by event, so that delays, copies and wire formats reach it",
    "clock": "sees the wall clock that the run freezes and moves",
    "snapshot": "can be restarted, and handed over, from a snapshot",
    "merge": "can merge the states of two workers",
    "bootstrap": "can start from rows that batch answered",
    "elsewhere": "can be run at another place, `at(place)`",
}
"""What a side can do beyond answering, with what each means."""


def checked_side(place: str, side: str, given: object) -> Any:
    """Return an implementation; raise DeclarationError if it can be neither called nor asked."""
    if given is None or inspect.isclass(given):
        return given
    if callable(getattr(given, "answer", None)):
        check_capabilities(place, side, given)
    elif not callable(given):
        wanted = "a function" if side != "online" else "a class or a function without arguments"
        if hasattr(given, "capabilities"):
            wanted = "a side with answer(pack, conditions)"
        raise DeclarationError(f"{place}: {side} must be {wanted}; got {given!r}")
    return given


def check_capabilities(place: str, side: str, given: object) -> None:
    """Raise DeclarationError where a side claims what no side can do."""
    claimed = getattr(given, "capabilities", ())
    if isinstance(claimed, str) or not isinstance(claimed, Iterable):
        raise DeclarationError(
            f"{place}: {side}.capabilities must be a set of names; got {claimed!r}"
        )
    for name in claimed:
        if name not in CAPABILITIES:
            raise DeclarationError(
                f"{place}: {side} claims the capability {name!r}; there are "
                f"{listed(CAPABILITIES)}." + nearest(str(name), CAPABILITIES)
            )


@runtime_checkable
class Wrapper(Protocol):
    """An implementation that adapts a function, such as `per_as_of(f)`."""

    function: Any

    def around(self, function: Any) -> Any:
        """Return the same adapter around another function."""


def takes_parameter(implementation: Any, name: str) -> bool:
    """Return whether an implementation, or the function that it adapts, has a parameter."""
    if isinstance(implementation, Wrapper) and not inspect.isclass(implementation):
        return takes_parameter(implementation.function, name)
    try:
        parameters = inspect.signature(implementation).parameters
    except (TypeError, ValueError):
        return False
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return name in parameters or takes_all


def bound(place: str, side: str, given: Any, parameters: Mapping[str, Any]) -> Any:
    """Return an implementation with some of its parameters set.

    An adapter such as `per_as_of(f)` has those of its function set.

    Raises:
        DeclarationError: it takes no such parameter.
    """
    if given is None:
        return None
    if isinstance(given, Wrapper) and not inspect.isclass(given):
        return given.around(bound(place, side, given.function, parameters))
    try:
        known = inspect.signature(given).parameters
    except (TypeError, ValueError):
        known = {}  # type: ignore[assignment] # a built-in: it takes what it takes
    takes_all = any(p.kind is p.VAR_KEYWORD for p in known.values())
    for name in parameters:
        if name not in known and not takes_all:
            raise DeclarationError(
                f"{place}: {side} takes no parameter {name!r}; it takes {listed(known)}."
                + nearest(name, known)
            )
    return partial(given, **parameters)


@runtime_checkable
class NeedsEntity(Protocol):
    """An implementation that has to know whom features are computed for: `per_entity(...)`."""

    def for_entity(self, entity: tuple[str, ...]) -> Any:
        """Return it for the entity columns of a view."""


def give_entity(implementation: Any, entity: tuple[str, ...]) -> Any:
    """Return an implementation that knows its view's entity, where it has to."""
    if isinstance(implementation, NeedsEntity) and not inspect.isclass(implementation):
        return implementation.for_entity(entity)
    return implementation


def request_of(
    implementation: Any, sources: Mapping[str, Any], entity: tuple[str, ...]
) -> Mapping[str, Any]:
    """Return the request columns that an implementation brings along, such as `scored(...)`."""
    columns = getattr(implementation, "request_columns", None)
    if columns is None or inspect.isclass(implementation):
        return {}
    described: Mapping[str, Any] = columns(sources, entity)
    return described


def combinations(place: str, parameters: object) -> list[dict[str, Any]]:
    """Return one dict for each combination of parameter values; raise DeclarationError."""
    if not isinstance(parameters, Mapping) or not parameters:
        raise DeclarationError(
            f"{place}.variants(...) takes a dict of parameter name to a list of values; "
            f"got {parameters!r}"
        )
    for name, values in parameters.items():
        if isinstance(values, str) or not isinstance(values, Iterable) or not list(values):
            raise DeclarationError(
                f"{place}.variants(...): {name!r} must have a list of at least one value; "
                f"got {values!r}"
            )
    combinations = product(*map(list, parameters.values()))
    return [dict(zip(parameters, values, strict=True)) for values in combinations]


def variant_name(parameters: Mapping[str, Any]) -> str:
    """Return what tells a variant apart, in letters that names are made of."""
    parts = (f"{name}.{_value_name(value)}" for name, value in parameters.items())
    return "-".join(parts)


def _value_name(value: Any) -> str:
    text = window_text(value) if isinstance(value, timedelta) else str(value)
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.") else "_" for c in text) or "_"
