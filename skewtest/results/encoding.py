"""Values of frames as JSON that people can read; a column's type tells how to read them back."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from skewtest.times import MICROSECOND, micros

_DECODERS: Mapping[type[pl.DataType], Callable[[Any], Any]] = {
    pl.Datetime: datetime.fromisoformat,
    pl.Date: date.fromisoformat,
    pl.Time: time.fromisoformat,
    pl.Duration: lambda length: length * MICROSECOND,
    pl.Decimal: Decimal,
    pl.Binary: bytes.fromhex,
}
"""How each type is read back; what is not here is in JSON as it is."""


def encode(value: Any) -> Any:
    """Return a value as JSON has it.

    JSON has no NaN and no infinities: they become texts, which `float` reads. A timedelta becomes
    microseconds, bytes become hexadecimal digits.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        # What is finite, less itself, is 0; NaN and infinities give NaN.
        is_finite = value - value == 0
        return value if is_finite else str(value)
    if isinstance(value, Mapping):
        return {name: encode(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [encode(inner) for inner in value]
    return _encode_scalar(value)


def _encode_scalar(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return micros(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def decode(value: Any, dtype: pl.DataType) -> Any:
    """Return the value that JSON stands for in a column of a type.

    Raises:
        TypeError, ValueError, AttributeError, KeyError: it does not fit the type.
    """
    if value is None:
        return None
    if isinstance(dtype, pl.List | pl.Array):
        return [decode(inner, dtype.inner) for inner in value]  # type: ignore[arg-type] # an instance
    if isinstance(dtype, pl.Struct):
        types = dict(dtype.to_schema())
        return {name: decode(inner, types[name]) for name, inner in value.items()}  # type: ignore[arg-type] # as above
    if dtype.is_float():  # of any width; NaN and infinities were written as texts
        return float(value)
    decoder = _DECODERS.get(dtype.base_type())
    if decoder is None:
        return value
    return decoder(value)
