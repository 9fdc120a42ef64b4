"""Store: what is left of an answered value once it has been stored and read back."""

import json
from collections.abc import Callable, Mapping
from ctypes import c_float
from typing import Any

from skewtest.declare.delivery import Store
from skewtest.deliver.wire import to_json


def make_store(store: Store) -> Callable[[Any], Any]:
    """Return the function that a store applies to each plain value.

    Args:
        store: "none"; "float32": floats have 24 bits, beyond its range they are infinite; "json":
            text, in which NaN and infinities are null and times are strings; or a function.
    """
    if callable(store):
        return store
    return {"none": _keep, "float32": _round_to_float32, "json": _pass_through_json}[store]


def _keep(value: Any) -> Any:
    return value


def _round_to_float32(value: Any) -> Any:
    if isinstance(value, float):
        # A C float overflows to infinity, as in a store, and numpy's takes ten times as long.
        return c_float(value).value
    if isinstance(value, list):
        return [_round_to_float32(inner) for inner in value]
    if isinstance(value, Mapping):
        return {name: _round_to_float32(inner) for name, inner in value.items()}
    return value


def _pass_through_json(value: Any) -> Any:
    return json.loads(json.dumps(to_json(value), allow_nan=False))
