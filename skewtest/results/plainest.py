"""The plainest value of a column: what a kept counterexample gets for a column that is new."""

from datetime import UTC, datetime
from functools import singledispatch
from typing import Any

from skewtest.declare.kinds import (
    Bools,
    Categories,
    Column,
    Floats,
    Ids,
    Ints,
    Key,
    Strings,
    Structs,
    Timestamps,
    Vectors,
)

PLAIN_TIME = datetime(2024, 3, 8, tzinfo=UTC)


@singledispatch
def plainest(kind: Column, number: int) -> Any:
    """Return the plainest value of a column.

    Args:
        kind: the declared kind.
        number: of the row, for values that tell rows apart.

    Raises:
        ValueError: its owner alone knows which values it may have.
    """
    if kind.nullable:
        return None
    raise ValueError(f"of a {type(kind).__name__} its owner alone knows a value (row {number})")


@plainest.register
def _(kind: Key, _number: int) -> Any:
    return "a" if kind.type == "string" else 1


@plainest.register
def _(_kind: Ids, number: int) -> Any:
    return f"id-{number}"


@plainest.register
def _(kind: Floats, _number: int) -> Any:
    return min(max(1.0, kind.min), kind.max)


@plainest.register
def _(kind: Ints, _number: int) -> Any:
    return min(max(1, kind.min), kind.max)


@plainest.register
def _(_kind: Bools, _number: int) -> Any:
    return False


@plainest.register
def _(kind: Categories, _number: int) -> Any:
    return kind.values[0]


@plainest.register
def _(_kind: Strings, _number: int) -> Any:
    return "a"


@plainest.register
def _(kind: Vectors, number: int) -> Any:
    return [plainest(kind.element, number)] * kind.size


@plainest.register
def _(kind: Structs, number: int) -> Any:
    record = {}
    for name, column in kind.fields.items():
        record[name] = plainest(column, number)
    return record


@plainest.register
def _(kind: Timestamps, _number: int) -> Any:
    moment = PLAIN_TIME
    if kind.min is not None and kind.min.replace(tzinfo=kind.min.tzinfo or UTC) > moment:
        moment = kind.min
    if kind.max is not None and kind.max.replace(tzinfo=kind.max.tzinfo or UTC) < moment:
        moment = kind.max
    zone = kind.time.tzinfo()
    if zone is None:
        return moment.replace(tzinfo=None)
    return moment.astimezone(zone)
