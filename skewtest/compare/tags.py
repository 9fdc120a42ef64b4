"""Encoded values, as a worker sends them: what they are, and how people read them."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from skewtest.worker.libraries import TAG

USUAL = {"float": "float64", "int": "int64", "bool": "bool", "str": "str"}
"""The type of a plain Python value, as numpy calls it: the same number is no difference of type."""
NOTHINGS = ("NoneType", "NaN", "NAType", "NaTType")
ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
"""Where an object lies in memory: another place in every process, and part of many texts."""
CONTAINERS = frozenset(["list", "tuple", "set", "dict", "frame", "series", "array", "index"])
"""Tags of what holds further values."""


def tag_of(value: Any) -> str:
    """Return the tag of an encoded value; "" for a plain one."""
    if isinstance(value, list):
        return "list"
    if isinstance(value, Mapping):
        return str(value[TAG])
    return ""


def items_of(value: Any) -> list[Any]:
    """Return what a list, tuple or set holds; a plain list needs no tag."""
    items: list[Any] = value if isinstance(value, list) else value["v"]
    return items


def unwidth(dtype: str) -> str:
    """Return a dtype; the width of texts follows from the longest one and is none of its own."""
    return "str" if dtype.startswith(("<U", ">U")) else dtype


def split_type(value: Any) -> tuple[str, Any]:
    """Return the type's name and the plain value of what is no container; None for nothings."""
    if value is None:
        return "NoneType", None
    if isinstance(value, float) and math.isnan(value):
        return "NaN", None
    if isinstance(value, bool | int | float | str):
        return USUAL[type(value).__name__], value
    tag = value[TAG]
    if tag == "scalar":
        return _split_scalar(value)
    if tag in ("text", "odd"):
        return _split_text(value)
    if tag == "datetime":
        return f"datetime, {value['zone']}", value["v"]
    return tag, value["v"]


def _split_scalar(value: Mapping[str, Any]) -> tuple[str, Any]:
    kind, inner = split_type(value["v"])
    if kind in NOTHINGS:
        return kind, None
    dtype = unwidth(value["dtype"])
    if value.get("zone"):
        dtype = f"{dtype}, {value['zone']}"
    return dtype, inner


def _split_text(value: Mapping[str, Any]) -> tuple[str, Any]:
    kind = value["kind"]
    if kind in NOTHINGS:
        return kind, None
    if value[TAG] == "odd":
        return kind, ""
    # A library renames its own classes: what counts is what they say.
    return "text", ADDRESS.sub("0x", value["v"])


def identify(key: Any) -> str:
    """Return what makes a key or a member the same one: its value and type."""
    if tag_of(key) in CONTAINERS:
        return repr(key)
    return repr(split_type(key))


def odd_kind(value: Any, tags: Sequence[str] = ("odd",)) -> str | None:
    """Return the kind of a value of some tags in a result, None if there is none.

    By default that is an object that cannot be compared.
    """
    if isinstance(value, list):
        return _first_odd_kind(value, tags)
    if not isinstance(value, Mapping):
        return None
    if value.get(TAG) in tags:
        return str(value.get("kind") or value[TAG])
    return _first_odd_kind(value.values(), tags)


def _first_odd_kind(values: Iterable[Any], tags: Sequence[str]) -> str | None:
    for value in values:
        kind = odd_kind(value, tags)
        if kind:
            return kind
    return None


def to_readable(value: Any) -> Any:
    """Return an encoded value as people read it: plain where it is plain, else as text."""
    tag = tag_of(value)
    if not tag:
        return value
    if tag in ("list", "tuple", "set"):
        return [to_readable(inner) for inner in items_of(value)]
    if tag == "dict":
        return {str(to_readable(key)): to_readable(inner) for key, inner in value["v"]}
    if tag == "frame":
        cells = zip(value["columns"], value["v"], strict=True)
        return {str(to_readable(name)): to_readable(column) for name, column in cells}
    if tag == "odd":
        return f"<{value['kind']}>"
    if tag == "text":
        return ADDRESS.sub("0x", value["v"])
    return to_readable(value["v"])
