"""Plain values: what minimising puts into a cell in place of what is there.

Each kind of column registers its own, plainest first.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import singledispatch
from typing import Any

from skewtest.declare.kinds import (
    Bools,
    Categories,
    Column,
    Drawn,
    Floats,
    Ids,
    Ints,
    Key,
    Strings,
    Structs,
    Timestamps,
    Vectors,
)
from skewtest.generate.keys import PLAIN
from skewtest.run.names import Slot
from skewtest.times import instant

PLAIN_AS_OF = instant(datetime(2024, 3, 8, tzinfo=UTC))


@singledispatch
def plain_values(kind: Column, value: Any) -> list[Any]:
    """Return the plain values of a column, plainest first; none where all are as plain.

    Args:
        kind: the declared kind.
        value: what the cell holds, which may tell of further ones.
    """
    raise NotImplementedError(type(kind))


@plain_values.register(Drawn | Ids)
def _(_kind: Column, _value: Any) -> list[Any]:
    """Only its owner knows which value of a strategy is plain; ids are counted anew anyway."""
    return []


@plain_values.register
def _(_kind: Key, value: Any) -> list[Any]:
    # What was given, and not generated, may be a name that the code knows.
    if isinstance(value, Slot) and value.slot >= len(PLAIN):
        return [Slot(0, 0)]
    return []


@plain_values.register
def _(kind: Floats, value: Any) -> list[Any]:
    return _plain_numbers(kind.min, kind.max, value, float)


@plain_values.register
def _(kind: Ints, value: Any) -> list[Any]:
    return _plain_numbers(kind.min, kind.max, value, int)


@plain_values.register
def _(_kind: Bools, _value: Any) -> list[Any]:
    return [False, True]


@plain_values.register
def _(kind: Categories, _value: Any) -> list[Any]:
    return list(kind.values[:2])


@plain_values.register
def _(_kind: Strings, _value: Any) -> list[Any]:
    return ["a", ""]


@plain_values.register
def _(kind: Vectors, _value: Any) -> list[Any]:
    element = min(max(1.0, kind.element.min), kind.element.max)
    return [[element] * kind.size]


@plain_values.register
def _(kind: Structs, _value: Any) -> list[Any]:
    record = {}
    for name, inner in kind.fields.items():
        plain = plain_values(inner, None)
        if not plain:
            return []
        record[name] = plain[0]
    return [record]


@plain_values.register
def _(kind: Timestamps, _value: Any) -> list[Any]:
    late_enough = kind.min is None or instant(kind.min) <= PLAIN_AS_OF
    early_enough = kind.max is None or instant(kind.max) >= PLAIN_AS_OF
    return kind.time.datetimes([PLAIN_AS_OF]) if late_enough and early_enough else []


def _plain_numbers(low: Any, high: Any, value: Any, kind: Callable[[Any], Any]) -> list[Any]:
    options = [kind(plain) for plain in (1, 0) if low <= plain <= high]
    if not options:
        options = [kind(low)]
    if isinstance(value, int | float) and abs(value) < 2**53 and low <= round(value) <= high:
        options = [*options[:1], *(options[1:] or options), kind(round(value))]
    return options
