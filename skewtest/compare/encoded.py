"""Two results of any shape, as a worker encodes them: where they differ, and how.

Values are compared bit by bit: the same code on the same rows has no rounding to excuse. Types
count as well. A Python number is the same as numpy's of its usual width.
"""

import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skewtest.compare.values import difference
from skewtest.declare.divergence import Kind
from skewtest.declare.tolerance import Tolerance
from skewtest.worker.libraries import TAG

USUAL = {"float": "float64", "int": "int64", "bool": "bool", "str": "str"}
NOTHINGS = ("NoneType", "NaN", "NAType", "NaTType")
ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two results differ.

    Attributes:
        path: such as `['spend'][3]`; "" for the result itself.
        kind: "value", "null" or "dtype".
        left: what the first one has there.
        right: what the other one has there.
        ulps: how many floats lie between them, None where they are not both floats.
    """

    path: str
    kind: Kind
    left: Any
    right: Any
    ulps: int | None = None


def differences(left: Any, right: Any, tolerance: Tolerance | None = None) -> list[Difference]:
    """Return where two encoded results differ, at most a thousand places.

    Args:
        left: as `skewtest.worker.codec.encode` makes it.
        right: the same.
        tolerance: for floats; None: bit by bit.
    """
    found = []
    for one in _walk(left, right, "", tolerance):
        found.append(one)
        if len(found) >= MOST:
            break
    return found


def _walk(left: Any, right: Any, path: str, tolerance: Tolerance | None) -> Iterator[Difference]:
    tags = _tag(left), _tag(right)
    if all(tag in CONTAINERS for tag in tags):
        if _shape(tags[0]) != _shape(tags[1]):
            yield Difference(path, "value", shown(left), shown(right))
        else:
            if tags[0] != tags[1]:
                yield Difference(path, "dtype", tags[0], tags[1])
            yield from CONTAINERS[tags[0]](left, right, path, tolerance)
    elif any(tag in CONTAINERS for tag in tags):
        yield Difference(path, "value", shown(left), shown(right))
    else:
        yield from _leaf(left, right, path, tolerance)


def _leaf(left: Any, right: Any, path: str, tolerance: Tolerance | None) -> Iterator[Difference]:
    (kind, one), (other_kind, other) = _typed(left), _typed(right)
    if kind in NOTHINGS or other_kind in NOTHINGS:
        if kind != other_kind:
            yield Difference(path, "null", shown(left), shown(right))
        return
    if isinstance(one, float) and isinstance(other, float):
        if _bits(one) != _bits(other) and not _within(one, other, tolerance):
            ulps = ulps_between(one, other, single=kind == other_kind == "float32")
            yield Difference(path, "value", shown(left), shown(right), ulps)
            return
    elif one != other:
        yield Difference(path, "value", shown(left), shown(right))
        return
    if kind != other_kind:
        yield Difference(path, "dtype", kind, other_kind)


def _within(one: float, other: float, tolerance: Tolerance | None) -> bool:
    return tolerance is not None and difference(one, other, tolerance, frozenset()) is None


def _typed(value: Any) -> tuple[str, Any]:
    """Return the type's name and the value of what is no container."""
    if value is None:
        return "NoneType", None
    if isinstance(value, bool | int | float | str):
        if isinstance(value, float) and math.isnan(value):
            return "NaN", None
        return USUAL[type(value).__name__], value
    tag = value[TAG]
    if tag == "scalar":
        kind, inner = _typed(value["v"])
        if kind in NOTHINGS:
            return kind, None
        dtype = value["dtype"]
        dtype = "str" if dtype.startswith(("<U", ">U")) else dtype
        return (f"{dtype}, {value['zone']}" if value.get("zone") else dtype), inner
    if tag in ("text", "odd"):
        kind = value["kind"]
        if kind in NOTHINGS:
            return kind, None
        # A library renames its own classes: what counts is what they say.
        return ("text", ADDRESS.sub("0x", value["v"])) if tag == "text" else (kind, "")
    if tag == "datetime":
        return f"datetime, {value['zone']}", value["v"]
    return tag, value["v"]


def _bits(value: float) -> bytes:
    return struct.pack("<d", value)


def ulps_between(one: float, other: float, *, single: bool = False) -> int | None:
    """Return how many floats lie between two, in steps; None if one is not finite."""
    if not (math.isfinite(one) and math.isfinite(other)):
        return None
    code, size = ("<f", "<i") if single else ("<d", "<q")

    def place(value: float) -> int:
        (bits,) = struct.unpack(size, struct.pack(code, value))
        lowest = -(1 << (31 if single else 63))
        return int(bits if bits >= 0 else lowest - bits)

    return abs(place(one) - place(other))


def _sequence(
    left: Any, right: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Difference]:
    ours, theirs = _items(left), _items(right)
    if len(ours) != len(theirs):
        told = f"{len(ours)} items: {shown(left)}", f"{len(theirs)} items: {shown(right)}"
        yield Difference(path, "value", *told)
        return
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        yield from _walk(one, other, f"{path}[{number}]", tolerance)


def _mapping(left: Any, right: Any, path: str, tolerance: Tolerance | None) -> Iterator[Difference]:
    ours, theirs = ({_identity(k): (k, v) for k, v in one["v"]} for one in (left, right))
    for key, (name, value) in ours.items():
        place = f"{path}[{shown(name)!r}]"
        if key in theirs:
            yield from _walk(value, theirs[key][1], place, tolerance)
        else:
            yield Difference(place, "value", shown(value), "no such key")
    for key, (name, value) in theirs.items():
        if key not in ours:
            yield Difference(f"{path}[{shown(name)!r}]", "value", "no such key", shown(value))


def _frame(left: Any, right: Any, path: str, tolerance: Tolerance | None) -> Iterator[Difference]:
    names = [[shown(name) for name in one["columns"]] for one in (left, right)]
    if names[0] != names[1]:
        yield Difference(f"{path}.columns", "value", names[0], names[1])
        return
    yield from _indices(left, right, path, tolerance)
    dtypes = zip(left["dtypes"], right["dtypes"], strict=True)
    columns = zip(names[0], dtypes, left["v"], right["v"], strict=True)
    for name, (one, other), ours, theirs in columns:
        place = f"{path}[{name!r}]"
        yield from _column(ours, theirs, place, (one, other), tolerance)


def _series(left: Any, right: Any, path: str, tolerance: Tolerance | None) -> Iterator[Difference]:
    if left.get("name") != right.get("name"):
        told = shown(left.get("name")), shown(right.get("name"))
        yield Difference(f"{path}.name", "value", *told)
    yield from _indices(left, right, path, tolerance)
    yield from _column(left["v"], right["v"], path, (left["dtype"], right["dtype"]), tolerance)


def _array(left: Any, right: Any, path: str, tolerance: Tolerance | None) -> Iterator[Difference]:
    if left["shape"] != right["shape"]:
        told = f"shape {left['shape']}", f"shape {right['shape']}"
        yield Difference(path, "value", *told)
        return
    dtypes = [_array_type(one["dtype"]) for one in (left, right)]
    yield from _column(left["v"], right["v"], path, (dtypes[0], dtypes[1]), tolerance)


def _array_type(dtype: str) -> str:
    """Return a dtype; the width of texts follows from the longest one and is none of its own."""
    return "str" if dtype.startswith(("<U", ">U")) else dtype


def _index(left: Any, right: Any, path: str, tolerance: Tolerance | None) -> Iterator[Difference]:
    if left["names"] != right["names"]:
        told = shown(left["names"]), shown(right["names"])
        yield Difference(f"{path}.names", "value", *told)
    types = ", ".join(left["dtypes"]), ", ".join(right["dtypes"])
    yield from _column(left["v"], right["v"], path, types, tolerance)


def _indices(left: Any, right: Any, path: str, tolerance: Tolerance | None) -> Iterator[Difference]:
    if "index" in left and "index" in right:
        yield from _index(left["index"], right["index"], f"{path}.index", tolerance)


def _column(
    left: Any, right: Any, path: str, dtypes: tuple[str, str], tolerance: Tolerance | None
) -> Iterator[Difference]:
    """Yield what differs in a column: values first; of its types alone where no value does."""
    for one in _sequence(left, right, path, tolerance):
        # In a column of another type every cell has another type: the column says it once.
        if one.kind != "dtype" or dtypes[0] == dtypes[1]:
            yield one
    if dtypes[0] != dtypes[1]:
        yield Difference(path, "dtype", *dtypes)


def _set(left: Any, right: Any, path: str, _tolerance: Tolerance | None) -> Iterator[Difference]:
    if {_identity(one) for one in left["v"]} != {_identity(one) for one in right["v"]}:
        yield Difference(path, "value", shown(left), shown(right))


def _identity(key: Any) -> str:
    """Return what makes a key or a member the same one: its value and type."""
    return repr(key) if _tag(key) in CONTAINERS else repr(_typed(key))


CONTAINERS = {
    "list": _sequence,
    "tuple": _sequence,
    "set": _set,
    "dict": _mapping,
    "frame": _frame,
    "series": _series,
    "array": _array,
    "index": _index,
}


def odd_kind(value: Any, tags: Sequence[str] = ("odd",)) -> str | None:
    """Return the kind of a value of some tags in a result, None if there is none.

    By default that is an object that cannot be compared.
    """
    if isinstance(value, list):
        return next((kind for inner in value if (kind := odd_kind(inner, tags))), None)
    if not isinstance(value, Mapping):
        return None
    if value.get(TAG) in tags:
        return str(value.get("kind") or value[TAG])
    return next((kind for inner in value.values() if (kind := odd_kind(inner, tags))), None)


def _tag(value: Any) -> str:
    if isinstance(value, list):
        return "list"
    return str(value[TAG]) if isinstance(value, Mapping) else ""


def _shape(tag: str) -> str:
    return "list" if tag == "tuple" else tag


def _items(value: Any) -> list[Any]:
    items: list[Any] = value if isinstance(value, list) else value["v"]
    return items


def shown(value: Any) -> Any:
    """Return an encoded value as people read it: plain where it is plain, else as text."""
    tag = _tag(value)
    if not tag:
        return value
    if tag in ("list", "tuple", "set"):
        return [shown(inner) for inner in _items(value)]
    if tag == "dict":
        return {str(shown(key)): shown(inner) for key, inner in value["v"]}
    if tag == "frame":
        return dict(
            zip(map(str, map(shown, value["columns"])), map(shown, value["v"]), strict=True)
        )
    if tag == "odd":
        return f"<{value['kind']}>"
    if tag == "text":
        return ADDRESS.sub("0x", value["v"])
    return shown(value["v"])
