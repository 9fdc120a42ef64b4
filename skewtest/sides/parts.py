"""Parts: the functions and classes that an implementation consists of."""

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any


def parts_of(implementation: Any) -> Iterator[Any]:
    """Yield the functions and classes, or the query, that an implementation consists of."""
    parts = getattr(implementation, "parts", None)
    if callable(parts) and not inspect.isclass(implementation):
        yield from parts()
    elif isinstance(implementation, partial):
        yield from parts_of(implementation.func)
    else:
        # What decorates it is a library's, as a rule; the owner's code is inside.
        function = inspect.unwrap(implementation)
        function = getattr(function, "__func__", function)
        is_code = inspect.isroutine(function) or isinstance(function, type)
        yield function if is_code else type(function)
