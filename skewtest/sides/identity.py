"""Values that cross to and from a forked child: what a declaration holds goes by its identity.

A view holds functions, lambdas and classes that nothing can pickle. A forked child has the very
objects of its parent, at the same place in memory: their number is enough.
"""

import io
import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

from skewtest.sides.process import RemoteError
from skewtest.tracebacks import format_user_traceback
from skewtest.worker.telling import tell_error

PLAIN = (str, bytes, int, float, bool, type(None))

_known: dict[int, Any] = {}


def register(*values: Any) -> None:
    """Let values, and what they hold, go by their identity in children that are forked from now on.

    What was registered before is let go.
    """
    _known.clear()
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, PLAIN) or id(value) in _known:
            continue
        _known[id(value)] = value
        waiting += _parts_of(value)


def _parts_of(value: Any) -> list[Any]:
    """Return what a declaration's value holds."""
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, tuple | list | set | frozenset):
        return list(value)
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in fields(value)]
    return []


def dump(value: Any, instead: Any = None) -> bytes:
    """Return a value as bytes, for the parent or a child of this process.

    Args:
        value: what crosses.
        instead: a registered object that stands for others of its type: a view that was made of a
            registered one here may hold what cannot cross.

    Raises:
        Exception: something in it cannot be pickled.
    """
    stream = io.BytesIO()
    _Pickler(stream, instead).dump(value)
    return stream.getvalue()


def load(data: bytes) -> Any:
    """Return the value that `dump` made bytes of."""
    return pickle.loads(data)  # noqa: S301 - of a child of our own, through a pipe of our own


class _Pickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, instead: Any) -> None:
        super().__init__(stream, pickle.HIGHEST_PROTOCOL)
        self.instead = instead

    def reducer_override(self, value: Any) -> Any:
        if id(value) in _known and _known[id(value)] is value:
            return _recall, (id(value),)
        if self.instead is not None and type(value) is type(self.instead):
            return _recall, (id(self.instead),)
        if isinstance(value, BaseException):
            return _reduce_error(value)
        return NotImplemented


def _recall(number: int) -> Any:
    return _known[number]


def _reduce_error(error: BaseException) -> Any:
    """Return how an exception is made again: as itself if it can, else as what is told of it.

    Its traceback goes along as text, since frames cannot cross.
    """
    text = getattr(error, "remote_traceback", "") or format_user_traceback(error)
    try:
        data = pickle.dumps(error)
        pickle.loads(data)  # noqa: S301 - to see whether it can be made again
    except BaseException:
        return _told_error, (tell_error(error), text)
    return _same_error, (data, text)


def _same_error(data: bytes, text: str) -> BaseException:
    error: BaseException = pickle.loads(data)  # noqa: S301 - it was made here a moment ago
    error.remote_traceback = text  # type: ignore[attr-defined]
    return error


def _told_error(description: Mapping[str, Any], text: str) -> BaseException:
    error = RemoteError.of(description)
    error.remote_traceback = text
    return error
