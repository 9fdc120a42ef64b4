"""The codec: Python values as JSON, each as the type that it is, and messages on a pipe.

Messages are a line of JSON and raw buffers: never pickled, since frames and times of one version
cannot be read by another.
"""

from __future__ import annotations

import base64
import json
import struct
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from typing import Any

from .libraries import LIBRARIES, TAG
from .values import Nothing, Odd, base_value, nothing_of_name
from .zones import MICROSECOND, instant_of, moment_of, zone_name, zone_of

LENGTH = struct.Struct("<Q")
NOT_PLAIN = ("odd", "text", "scalar", "array", "series", "frame", "index")
"""What is told of by its type and content, to be compared, and cannot be made again."""
DEEPEST = 100
"""Levels of nesting that are followed; what is nested deeper has no value that can be compared."""
MOST_ITEMS = 1_000_000
"""Items that are taken from an iterator, which may have no end."""


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
        return [encode(inner, depth + 1) for inner in value]
    simple = _SIMPLE.get(kind)
    if simple is not None:
        tag, text = simple
        return {TAG: tag, "v": text(value)}
    return _encoded(value, depth + 1)


def _encoded(value: Any, depth: int) -> Any:
    kind = type(value)
    if isinstance(value, Mapping):
        pairs = [[encode(k, depth), encode(v, depth)] for k, v in value.items()]
        return {TAG: "dict", "v": pairs}
    if isinstance(value, Enum):
        return encode(value.value, depth)
    library = (kind.__module__ or "").split(".")[0]
    if library in LIBRARIES:
        return LIBRARIES[library](value, kind.__name__, partial(encode, depth=depth))
    if isinstance(value, tuple):
        return {TAG: "tuple", "v": [encode(inner, depth) for inner in value]}
    if isinstance(value, (set, frozenset)):
        members = sorted((encode(inner, depth) for inner in value), key=json.dumps)
        return {TAG: "set", "v": members}
    if isinstance(value, datetime):
        return {TAG: "datetime", "v": instant_of(value), "zone": zone_name(value.tzinfo)}
    if isinstance(value, (bool, int, float, str)):
        return base_value(value)
    if isinstance(value, list):
        return [encode(inner, depth) for inner in value]
    return _encode_object(value, depth)


def _encode_object(value: Any, depth: int) -> Any:
    """Return what an iterator gives, the fields of a dataclass, or the name of any other type."""
    kind = type(value)
    if isinstance(value, (range, types.GeneratorType, map, filter, zip)) or _is_view(value):
        return [encode(inner, depth) for inner in _bounded(value)]
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is not None:
        held = [[name, encode(getattr(value, name, None), depth)] for name in fields]
        return {TAG: "dict", "v": held, "kind": kind.__name__}
    return {TAG: "odd", "kind": kind.__name__}


def _is_view(value: Any) -> bool:
    return isinstance(value, (type({}.keys()), type({}.values()), type({}.items())))


def _bounded(values: Any) -> Iterator[Any]:
    for number, value in enumerate(values):
        if number >= MOST_ITEMS:
            raise OverflowError("an iterator gave more than %d items" % MOST_ITEMS)
        yield value


def _time(value: time) -> str:
    return value.isoformat()


_SIMPLE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    bytes: ("bytes", lambda v: base64.b64encode(v).decode()),
    bytearray: ("bytes", lambda v: base64.b64encode(bytes(v)).decode()),
    date: ("date", date.isoformat),
    time: ("time", _time),
    timedelta: ("timedelta", lambda v: v // MICROSECOND),
    Decimal: ("decimal", str),
    Fraction: ("fraction", str),
    complex: ("complex", lambda v: [v.real, v.imag]),
    Nothing: ("nothing", lambda v: v.name),
    Odd: ("odd", lambda v: v.kind),
}


def decode(value: Any) -> Any:
    """Return the plain Python value that `encode` made JSON of.

    Raises:
        ValueError: it holds what has no plain value: a library's own object.
    """
    if type(value) is list:
        return [decode(inner) for inner in value]
    if type(value) is not dict:
        return value
    return _DECODERS[value[TAG]](value)


def _not_plain(value: Any) -> Any:
    return Odd(value.get("kind") or value[TAG])


def _decoded_moment(value: Any) -> datetime:
    return moment_of(value["v"], zone_of(value["zone"]))


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "dict": lambda v: {decode(key): decode(inner) for key, inner in v["v"]},
    "tuple": lambda v: tuple(decode(v["v"])),
    "set": lambda v: set(decode(v["v"])),
    "bytes": lambda v: base64.b64decode(v["v"]),
    "date": lambda v: date.fromisoformat(v["v"]),
    "time": lambda v: time.fromisoformat(v["v"]),
    "timedelta": lambda v: timedelta(microseconds=v["v"]),
    "datetime": _decoded_moment,
    "decimal": lambda v: Decimal(v["v"]),
    "fraction": lambda v: Fraction(v["v"]),
    "complex": lambda v: complex(*v["v"]),
    "nothing": lambda v: nothing_of_name(v["v"]),
    **dict.fromkeys(NOT_PLAIN, _not_plain),
}


def encode_column(column: list[Any]) -> Any:
    """Return a column of plain values as JSON values; times in bulk, which is quicker."""
    kinds = set(map(type, column))
    if kinds <= {type(None), bool, int, float, str}:
        return column
    if kinds <= {type(None), datetime}:
        zones = {zone_name(moment.tzinfo) for moment in column if moment is not None}
        if len(zones) == 1:
            instants = [None if moment is None else instant_of(moment) for moment in column]
            return {TAG: "times", "zone": zones.pop(), "v": instants}
    return {TAG: "cells", "v": [encode(cell) for cell in column]}


def decode_column(column: Any) -> list[Any]:
    """Return the column that `encode_column` made JSON of."""
    if isinstance(column, list):
        return column
    if column[TAG] == "cells":
        return [decode(cell) for cell in column["v"]]
    zone = zone_of(column["zone"])
    return [None if at is None else moment_of(at, zone) for at in column["v"]]


def write_message(pipe: Any, message: dict[str, Any], buffers: tuple[bytes, ...] = ()) -> None:
    """Write a message: its length, JSON, and the buffers whose lengths it tells."""
    message["buffers"] = [len(buffer) for buffer in buffers]
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
    return message, [read(size) for size in message.pop("buffers")]
