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
        _check_type(value, list, dtype)
        return [decode(inner, dtype.inner) for inner in value]  # type: ignore[arg-type] # an instance
    if isinstance(dtype, pl.Struct):
        return _decode_struct(value, dtype)
    if dtype.is_float():  # of any width; NaN and infinities were written as texts
        return _decode_float(value, dtype)
    if dtype.is_integer():
        _check_type(value, int, dtype)
        return value
    if dtype == pl.Boolean:
        _check_type(value, bool, dtype)
        return value
    if dtype.base_type() == pl.Duration:
        _check_type(value, int, dtype)
    else:
        _check_type(value, str, dtype)
    decoder = _DECODERS.get(dtype.base_type())
    if decoder is None:
        return value
    decoded = decoder(value)
    if isinstance(dtype, pl.Datetime) and (decoded.tzinfo is None) != (dtype.time_zone is None):
        raise TypeError(f"{value!r:.60} has a zone and the column has none, or the other way round")
    return decoded


def _check_type(value: Any, expected: type, dtype: pl.DataType) -> None:
    """Raise TypeError for a value of another type: polars would make one of it, silently."""
    if type(value) is not expected:
        raise TypeError(f"{value!r:.60} is no {dtype}")


def _decode_float(value: Any, dtype: pl.DataType) -> float:
    is_number = type(value) in (int, float)
    if not is_number and value not in ("nan", "inf", "-inf"):
        raise TypeError(f"{value!r:.60} is no {dtype}")
    return float(value)


def _decode_struct(value: Any, dtype: pl.Struct) -> dict[str, Any]:
    _check_type(value, dict, dtype)
    types = dict(dtype.to_schema())
    if value.keys() != types.keys():
        raise TypeError(f"a record has the fields {[*value]}; expected {[*types]}")
    return {name: decode(inner, types[name]) for name, inner in value.items()}  # type: ignore[arg-type] # instances
