"""The state of an online object: how it is saved, restored, merged and started from batch rows."""

import inspect
import json
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

from skewtest.declare.delivery import Scenario

PICKLE, JSON = "pickle", "json"


class StateError(TypeError):
    """A snapshot is not bytes, or an object declares a way to save it that there is not."""

    code = "bad_snapshot"


def lacking(target: object, scenario: Scenario) -> str | None:
    """Return the method that a scenario needs and an online object has not, or None."""
    needed: dict[str, tuple[str, ...]] = {
        "restarted": ("snapshot", "restore"),
        "split": ("snapshot", "restore"),
        "bootstrapped": ("bootstrap",),
    }
    wanted = needed.get(scenario.name, ())
    if scenario.delivery.split == "merged":
        wanted = (*wanted, "merge")
    declares = getattr(target, "snapshot", None) in (PICKLE, JSON)
    for verb in wanted:
        if declares and verb in ("snapshot", "restore"):
            continue
        if not callable(getattr(target, verb, None)):
            return verb
    return None


def save(target: Any) -> bytes | Awaitable[bytes]:
    """Return the state of an online object, as its `snapshot` says.

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
        raise StateError(f"snapshot must be a method, 'pickle' or 'json'; got {how!r}")
    found: bytes | Awaitable[bytes] = how()
    return found


def checked(state: object) -> bytes:
    """Return a snapshot that is bytes; raise StateError for any other."""
    if not isinstance(state, bytes | bytearray | memoryview):
        raise StateError(f"snapshot() returned {type(state).__name__}; expected bytes")
    return bytes(state)


def load(start: Callable[[], Any], state: bytes) -> tuple[Any, Awaitable[None] | None]:
    """Return a fresh online object that has restored a state, and what is to be awaited for it."""
    fresh = start()
    if fresh.snapshot in (PICKLE, JSON):
        found = pickle.loads(state) if fresh.snapshot == PICKLE else json.loads(state)  # noqa: S301 - our own bytes
        for name, value in found.items():
            setattr(fresh, name, value)
        return fresh, None
    done = fresh.restore(state)
    return fresh, done if inspect.isawaitable(done) else None


def _attributes(target: Any) -> dict[str, Any]:
    names = [n for kind in type(target).__mro__ for n in getattr(kind, "__slots__", ())]
    held = {name: getattr(target, name) for name in names if hasattr(target, name)}
    return {**held, **getattr(target, "__dict__", {})}
