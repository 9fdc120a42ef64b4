"""The codec: Python values as JSON, each as the type that it is, and messages on a pipe.

Messages are a line of JSON and raw buffers: never pickled, since frames and times of one version
cannot be read by another.
"""

from __future__ import annotations

import base64
import json
import struct
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from typing import Any

from .exact import ExactTime
from .libraries import LIBRARIES, TAG
from .values import Nothing, Odd, base_value, nothing_of_name
from .zones import MICROSECOND, instant_of, moment_of, zone_name, zone_of

# Of fixed size and byte order: both ends may be of different builds of Python.
LENGTH = struct.Struct("<Q")
NOT_PLAIN = ("odd", "text", "scalar", "array", "series", "frame", "index")
"""What is told of by its type and content, to be compared, and cannot be made again."""
DEEPEST = 100
"""Levels of nesting that are followed; what is nested deeper has no value that can be compared."""
MOST_ITEMS = 1_000_000
"""Items that are taken from an iterator, which may have no end."""


ITERATORS: tuple[type, ...] = (
    range,
    types.GeneratorType,
    map,
    filter,
    zip,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
)
"""What user code returns where it means a list."""


def encode(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON values, from which `decode` makes an equal one of the same type.

    What is no plain Python value becomes a tagged dict: a numpy scalar with its dtype, an array
    or frame with its columns' types and its values, anything else as text.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if depth > DEEPEST:
        return {TAG: "odd", "kind": "nested more than %d levels deep" % DEEPEST}
    if kind is list:
        return _encode_each(value, depth + 1)
    simple = _SIMPLE.get(kind)
    if simple is not None:
        tag, text = simple
        return {TAG: tag, "v": text(value)}
    return _encode_by_kind(value, depth + 1)


def _encode_each(values: Iterable[Any], depth: int) -> list[Any]:
    return [encode(value, depth) for value in values]


def _encode_by_kind(value: Any, depth: int) -> Any:
    kind = type(value)
    # Before libraries: a struct scalar of pyarrow is a Mapping, and its owner sees a dict.
    if isinstance(value, Mapping):
        pairs = [_encode_each(pair, depth) for pair in value.items()]
        return {TAG: "dict", "v": pairs}
    if isinstance(value, Enum):
        return encode(value.value, depth)
    # Before base types: numpy.float64 is a float, and a pandas Timestamp is a datetime.
    library = (kind.__module__ or "").split(".")[0]
    if library in LIBRARIES:
        return LIBRARIES[library](value, kind.__name__, partial(encode, depth=depth))
    if isinstance(value, (list, tuple, set, frozenset)):
        return _encode_items(value, depth)
    if isinstance(value, datetime):
        return {TAG: "datetime", "v": instant_of(value), "zone": zone_name(value.tzinfo)}
    if isinstance(value, (bool, int, float, str)):
        return base_value(value)
    return _encode_object(value, depth)


def _encode_items(value: Any, depth: int) -> Any:
    items = _encode_each(value, depth)
    if isinstance(value, tuple):
        return {TAG: "tuple", "v": items}
    if isinstance(value, (set, frozenset)):
        # The order of a set hangs on the process; equal sets must be equal messages.
        return {TAG: "set", "v": sorted(items, key=json.dumps)}
    return items


def _encode_object(value: Any, depth: int) -> Any:
    """Return what an iterator gives, the fields of a dataclass, or the name of any other type."""
    kind = type(value)
    if isinstance(value, ITERATORS):
        return _encode_each(_take_at_most(value, MOST_ITEMS), depth)
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is not None:
        pairs = [[name, encode(getattr(value, name, None), depth)] for name in fields]
        return {TAG: "dict", "v": pairs, "kind": kind.__name__}
    return {TAG: "odd", "kind": kind.__name__}


def _take_at_most(values: Any, most: int) -> Iterator[Any]:
    for number, value in enumerate(values):
        if number >= most:
            raise OverflowError("an iterator gave more than %d items" % most)
        yield value


def _encode_bytes(value: Any) -> str:
    return base64.b64encode(bytes(value)).decode()


_SIMPLE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    bytes: ("bytes", _encode_bytes),
    bytearray: ("bytes", _encode_bytes),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    timedelta: ("timedelta", lambda v: v // MICROSECOND),
    Decimal: ("decimal", str),
    Fraction: ("fraction", str),
    complex: ("complex", lambda v: [v.real, v.imag]),
    Nothing: ("nothing", lambda v: v.name),
    Odd: ("odd", lambda v: v.kind),
    ExactTime: ("exact time", lambda v: [v.kind, str(v.micros), v.zone]),
}


def decode(value: Any) -> Any:
    """Return the plain Python value that `encode` made JSON of.

    Raises:
        ValueError: it holds what has no plain value: a library's own object.
    """
    if type(value) is list:
        return list(map(decode, value))
    if type(value) is not dict:
        return value
    return _DECODERS[value[TAG]](value)


def _stand_in(value: Any) -> Any:
    return Odd(value.get("kind") or value[TAG])


def _decode_moment(value: Any) -> datetime:
    return moment_of(value["v"], zone_of(value["zone"]))


_DECODERS: dict[str, Callable[[Any], Any]] = {
    # Pairs, since JSON has no keys but texts.
    "dict": lambda v: {decode(key): decode(inner) for key, inner in v["v"]},
    "tuple": lambda v: tuple(decode(v["v"])),
    "set": lambda v: set(decode(v["v"])),
    "bytes": lambda v: base64.b64decode(v["v"]),
    "date": lambda v: date.fromisoformat(v["v"]),
    "time": lambda v: time.fromisoformat(v["v"]),
    "timedelta": lambda v: timedelta(microseconds=v["v"]),
    "datetime": _decode_moment,
    "decimal": lambda v: Decimal(v["v"]),
    "fraction": lambda v: Fraction(v["v"]),
    "complex": lambda v: complex(*v["v"]),
    "nothing": lambda v: nothing_of_name(v["v"]),
    "exact time": lambda v: ExactTime(v["v"][0], Fraction(v["v"][1]), v["v"][2]),
    **dict.fromkeys(NOT_PLAIN, _stand_in),
}


def encode_column(column: list[Any]) -> Any:
    """Return a column of plain values as JSON values; times in bulk, which is quicker."""
    kinds = set(map(type, column))
    if kinds <= {type(None), bool, int, float, str}:
        return column
    if kinds <= {type(None), datetime}:
        zones = {zone_name(moment.tzinfo) for moment in column if moment is not None}
        # Clocks of two zones in one column keep each its own, value by value.
        if len(zones) == 1:
            instants = [None if moment is None else instant_of(moment) for moment in column]
            return {TAG: "times", "zone": zones.pop(), "v": instants}
    return {TAG: "cells", "v": list(map(encode, column))}


def decode_column(column: Any) -> list[Any]:
    """Return the column that `encode_column` made JSON of."""
    if isinstance(column, list):
        return column
    if column[TAG] == "cells":
        return list(map(decode, column["v"]))
    zone = zone_of(column["zone"])
    return [None if instant is None else moment_of(instant, zone) for instant in column["v"]]


def write_message(pipe: Any, message: dict[str, Any], buffers: tuple[bytes, ...] = ()) -> None:
    """Write a message: its length, JSON, and the buffers whose lengths it tells."""
    message["buffers"] = list(map(len, buffers))
    text = json.dumps(message).encode()
    pipe.write(LENGTH.pack(len(text)))
    pipe.write(text)
    for buffer in buffers:
        pipe.write(buffer)
    pipe.flush()


def read_message(read: Callable[[int], bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Read a message; `read` returns just as many bytes as asked for, or raises EOFError."""
    (length,) = LENGTH.unpack(read(LENGTH.size))
    message = json.loads(read(length))
    # Read in order: a buffer begins where the one before ends.
    return message, list(map(read, message.pop("buffers")))
