"""The state of an online object: how it is saved, restored and merged."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable, Generator
from typing import Any

PICKLE, JSON = "pickle", "json"


class StateError(TypeError):
    """A snapshot cannot be pickled, or an object declares a way to save it that there is not."""

    code = "bad_snapshot"


def has_method(target: object, verb: str) -> bool:
    """Return whether an online object can do something; `snapshot` may be declared by a word."""
    if verb in ("snapshot", "restore") and getattr(target, "snapshot", None) in (PICKLE, JSON):
        return True
    return callable(getattr(target, verb, None))


class Pickled(bytes):
    """A snapshot that was no bytes: `restore` and `merge` are given what was pickled."""


def save(target: Any) -> Any:
    """Return the state of an online object, as its `snapshot` says, or what is to be awaited.

    `snapshot` is a method that returns the state, or "pickle" or "json" for the object's
    attributes.

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


def take_snapshot(target: Any) -> Generator[Any, Any, bytes]:
    """Return the snapshot of an online object; what it wants awaited is yielded.

    Raises:
        StateError: the snapshot is neither bytes nor anything that pickles.
    """
    state = save(target)
    if inspect.isawaitable(state):
        state = yield state
    # A copy: the object may go on to write into a buffer that it keeps.
    if isinstance(state, (bytes, bytearray, memoryview)):
        return bytes(state)
    # What is restored must have gone through bytes, or the two objects would share their state.
    try:
        return Pickled(pickle.dumps(state))
    except Exception as error:  # whatever the state's own reduction raises
        raise StateError(
            "snapshot() returned %s, which cannot be pickled (%s: %s); "
            "return bytes, or what pickles" % (type(state).__name__, type(error).__name__, error)
        ) from error


def unpack(state: bytes) -> Any:
    """Return what `restore` and `merge` are given of a snapshot: never what the old object has."""
    return pickle.loads(state) if isinstance(state, Pickled) else state


def restore(start: Callable[[], Any], state: bytes) -> Generator[Any, Any, Any]:
    """Return a fresh online object that has restored a snapshot."""
    fresh = start()
    if fresh.snapshot in (PICKLE, JSON):
        parse = pickle.loads if fresh.snapshot == PICKLE else json.loads
        for name, value in parse(state).items():
            setattr(fresh, name, value)
        return fresh
    pending = fresh.restore(unpack(state))
    if inspect.isawaitable(pending):
        yield pending
    return fresh


def merge(start: Callable[[], Any], team: tuple[Any, Any]) -> Generator[Any, Any, Any]:
    """Return a fresh online object with the states of two workers merged."""
    first, second = team
    whole = yield from restore(start, (yield from take_snapshot(first)))
    pending = whole.merge(unpack((yield from take_snapshot(second))))
    if inspect.isawaitable(pending):
        yield pending
    return whole


def _attributes(target: Any) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    # `__slots__` of a class are its own alone: those of its bases are theirs.
    for kind in type(target).__mro__:
        for name in getattr(kind, "__slots__", ()):
            if hasattr(target, name):
                attributes[name] = getattr(target, name)
    attributes.update(getattr(target, "__dict__", {}))
    return attributes
