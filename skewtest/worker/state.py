"""The state of an online object: how it is saved, restored and merged."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable
from typing import Any

PICKLE, JSON = "pickle", "json"


class StateError(TypeError):
    """A snapshot is not bytes, or an object declares a way to save it that there is not."""

    code = "bad_snapshot"


def has_method(target: object, verb: str) -> bool:
    """Return whether an online object can do something; `snapshot` may be declared by a word."""
    if verb in ("snapshot", "restore") and getattr(target, "snapshot", None) in (PICKLE, JSON):
        return True
    return callable(getattr(target, verb, None))


def save(target: Any) -> Any:
    """Return the state of an online object, as its `snapshot` says, or what is to be awaited.

    `snapshot` is a method that returns bytes, or "pickle" or "json" for the object's attributes.

    Raises:
        StateError: `snapshot` is neither.
    """
    how = target.snapshot
    if how == PICKLE:
        return pickle.dumps(_attributes(target))
    if how == JSON:
        return json.dumps(_attributes(target)).encode()
    if not callable(how):
        raise StateError("snapshot must be a method, 'pickle' or 'json'; got %r" % (how,))
    return how()


def checked(state: object) -> bytes:
    """Return a snapshot that is bytes; raise StateError for any other."""
    if not isinstance(state, (bytes, bytearray, memoryview)):
        raise StateError("snapshot() returned %s; expected bytes" % type(state).__name__)
    return bytes(state)


def load(start: Callable[[], Any], state: bytes) -> tuple[Any, Any]:
    """Return a fresh online object that has restored a state, and what is to be awaited for it."""
    fresh = start()
    if fresh.snapshot in (PICKLE, JSON):
        values = pickle.loads(state) if fresh.snapshot == PICKLE else json.loads(state)
        for name, value in values.items():
            setattr(fresh, name, value)
        return fresh, None
    done = fresh.restore(state)
    return fresh, done if inspect.isawaitable(done) else None


def _attributes(target: Any) -> dict[str, Any]:
    names = [n for kind in type(target).__mro__ for n in getattr(kind, "__slots__", ())]
    held = {name: getattr(target, name) for name in names if hasattr(target, name)}
    held.update(getattr(target, "__dict__", {}))
    return held
