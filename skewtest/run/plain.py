"""Plain values: what minimising puts into a cell in place of what is there.

Each kind of column registers its own, plainest first.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import singledispatch
from typing import Any

from skewtest.declare.kinds import (
    Bools,
    Categories,
    Column,
    Dates,
    Decimals,
    Drawn,
    Floats,
    Ids,
    Ints,
    Key,
    Lists,
    Strings,
    Structs,
    Timestamps,
    Vectors,
)
from skewtest.generate.keys import PLAIN
from skewtest.run.names import Slot
from skewtest.times import instant

PLAIN_DATE = date(2024, 3, 8)
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
def _(kind: Decimals, value: Any) -> list[Any]:
    return _plain_numbers(kind.min, kind.max, value, Decimal)


@plain_values.register
def _(kind: Dates, _value: Any) -> list[Any]:
    plain = PLAIN_DATE
    if kind.min is not None:
        plain = max(plain, kind.min)
    if kind.max is not None:
        plain = min(plain, kind.max)
    return [plain]


@plain_values.register
def _(kind: Lists, value: Any) -> list[Any]:
    """A list with one value less is plainer, the empty one most of all."""
    if not value:
        return [[]]
    plain = plain_values(kind.element, None)[:1] or value[:1]
    return [[], plain, value[:-1]]


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
