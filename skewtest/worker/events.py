"""Events: they go into an online object one after the other, until one has to be awaited."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

NEVER_AWAITED = frozenset([bool, int, float, str, bytes, dict, list, tuple])
"""What methods return most: told by its type, which is far quicker than to look for `__await__`."""


def feed(update: Callable[[Any], Any], events: Iterator[Any]) -> Any:
    """Feed events until one has to be awaited, and return what; None where none is left."""
    for payload in events:
        result = update(payload)
        # None comes first: nearly every update returns it, and this line runs once an event.
        if result is not None and type(result) not in NEVER_AWAITED and inspect.isawaitable(result):
            return result
    return None


def feed_with_source(
    update: Callable[..., Any], events: Iterator[Any], sources: Iterator[str]
) -> Any:
    """Feed events as `feed` does, each with the name of its source."""
    # A loop of its own: to ask in `feed` whether there are sources would cost every event.
    for payload, source in zip(events, sources):
        result = update(payload, source=source)
        if result is not None and type(result) not in NEVER_AWAITED and inspect.isawaitable(result):
            return result
    return None


def takes_source(update: Any) -> bool:
    """Return whether an update method takes the name of the source."""
    code = getattr(update, "__code__", None)
    if code is None:
        # It is written in C, or callable in another way: it gets what every update gets.
        return False
    return "source" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def lacking_method(target: object) -> dict[str, Any] | None:
    """Return the facts on an object without `update` or `query`; None if it has both."""
    for verb in ("update", "query"):
        if not callable(getattr(target, verb, None)):
            public = [name for name in dir(target) if not name.startswith("_")]
            return {"verb": verb, "type": type(target).__name__, "has": public}
    return None


def differs(payload: Any, before: Any) -> bool:
    """Return whether payloads differ beyond NaN, which is unequal to itself."""
    # Texts are slow to make, and are only made where the quick comparison says "unequal".
    return payload != before and repr(payload) != repr(before)
