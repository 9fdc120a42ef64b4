"""Times of numpy, pandas, polars and Arrow as Python's own, or exactly where Python has none.

Each of these libraries has times in nanoseconds, and its own way to Python drops what is below a
microsecond, without a word. All of them hold whole numbers of a unit, which are read instead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .exact import MICROS_OF_UNIT, Unit, time_of
from .zones import zone_name

# Where the times of a type are: a Unit, `["each", Layout]`, Layouts by field, or None.
Layout = Any
# The microseconds since 1970 of the years 1 to 9999.
PYTHON_YEARS_US = (-62_135_596_800_000_000, 253_402_300_799_999_999)


def time_of_numpy(value: Any, zone: str | None = None) -> Any:
    """Return the time that a numpy datetime64 or timedelta64 is; None for NaT.

    Raises:
        ValueError: its unit is months or years of no calendar, or it has none.
    """
    if value != value:
        return None
    kind = "datetime" if value.dtype.kind == "M" else "duration"
    unit, step = _numpy_unit(value.dtype)
    if kind == "datetime" and unit in ("Y", "M"):
        value = value.astype("M8[D]")
        unit, step = "D", 1
    if unit not in MICROS_OF_UNIT:
        raise ValueError("a length of time in %s" % (unit or "no unit"))
    count = int(value.astype("i8")) * step
    return time_of(kind, count * MICROS_OF_UNIT[unit], zone)


def _numpy_unit(dtype: Any) -> tuple[str, int]:
    """Return the unit of a type and how many make one count: `<M8[25s]` has 25 seconds."""
    text = dtype.str.partition("[")[2].rstrip("]")
    unit = text.lstrip("0123456789")
    return unit, int(text[: len(text) - len(unit)] or 1)


def time_of_pandas(value: Any) -> Any:
    """Return the time that a pandas Timestamp or Timedelta is."""
    is_moment = hasattr(value, "to_pydatetime")
    if not (value.nanosecond if is_moment else value.nanoseconds):
        try:
            # With the zone of its owner, whose library is not ours to choose.
            return value.to_pydatetime(warn=False) if is_moment else value.to_pytimedelta()
        except (OverflowError, ValueError):  # beyond the years that Python has
            pass
    zone = zone_name(value.tzinfo) if is_moment else None
    return time_of_numpy(value.to_numpy(), zone)


def polars_values(column: Any) -> list[Any]:
    """Return the cells of a polars Series as Python values, its times exactly."""
    layout = _polars_layout(column.dtype)
    if layout is None or has_python_times(column):
        cells: list[Any] = column.to_list()
        return cells
    numbers = column.cast(_polars_numbers(column.dtype))
    return list(map(_reader_of(layout), numbers.to_list()))


def has_python_times(column: Any) -> bool:
    """Return whether Python holds each time of a Series; False for lengths, lists and records."""
    unit = _polars_layout(column.dtype)
    if not isinstance(unit, Unit) or unit.kind == "duration":
        # Lengths are few, and what Python's hold is told one by one.
        return False
    numbers = column.cast(sys.modules["polars"].Int64)
    if numbers.len() == numbers.null_count():
        return True
    ends = numbers.min() * unit.micros, numbers.max() * unit.micros
    is_within = PYTHON_YEARS_US[0] <= ends[0] and ends[1] <= PYTHON_YEARS_US[1]
    return is_within and (unit.micros >= 1 or not (numbers % unit.micros.denominator != 0).any())


def _polars_layout(dtype: Any) -> Layout:
    name = dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__
    if name in ("Datetime", "Duration"):
        # The short names are those of old versions.
        unit = getattr(dtype, "time_unit", None) or getattr(dtype, "tu", None) or "us"
        zone = getattr(dtype, "time_zone", None) or getattr(dtype, "tz", None)
        return Unit(name.lower(), unit, zone)
    if name == "Time":
        return Unit("time", "ns")
    if name == "Date":
        return Unit("date", "D")
    if name in ("List", "Array"):
        inner = _polars_layout(dtype.inner)
        return None if inner is None else ["each", inner]
    if name == "Struct":
        return _layout_of_fields(
            {field.name: _polars_layout(field.dtype) for field in dtype.fields}
        )
    return None


def _polars_numbers(dtype: Any) -> Any:
    """Return a type with whole numbers in the place of its times."""
    pl = sys.modules["polars"]
    layout = _polars_layout(dtype)
    if isinstance(layout, Unit):
        return pl.Int64
    if layout is None:
        return dtype
    if isinstance(layout, list):
        return pl.List(_polars_numbers(dtype.inner))
    return pl.Struct([pl.Field(field.name, _polars_numbers(field.dtype)) for field in dtype.fields])


def arrow_values(column: Any) -> list[Any]:
    """Return the cells of a pyarrow Array or ChunkedArray as Python values, its times exactly."""
    layout = _arrow_layout(column.type)
    if layout is None:
        cells: list[Any] = column.to_pylist()
        return cells
    return list(map(_reader_of(layout), column.cast(_arrow_numbers(column.type)).to_pylist()))


def time_of_arrow(value: Any) -> Any:
    """Return a pyarrow scalar as a Python value, a time exactly."""
    if isinstance(_arrow_layout(value.type), Unit):
        return arrow_values(sys.modules["pyarrow"].array([value], value.type))[0]
    return value.as_py()


def _arrow_layout(dtype: Any) -> Layout:
    name = str(dtype).partition("[")[0].partition("<")[0]
    if name in ("timestamp", "duration", "time32", "time64"):
        kind = {"timestamp": "datetime", "duration": "duration"}.get(name, "time")
        return Unit(kind, dtype.unit, getattr(dtype, "tz", None))
    if name in ("list", "large_list", "fixed_size_list"):
        inner = _arrow_layout(dtype.value_type)
        return None if inner is None else ["each", inner]
    if name == "struct":
        fields = [dtype[number] for number in range(dtype.num_fields)]
        return _layout_of_fields({field.name: _arrow_layout(field.type) for field in fields})
    return None


def _arrow_numbers(dtype: Any) -> Any:
    pa = sys.modules["pyarrow"]
    layout = _arrow_layout(dtype)
    if isinstance(layout, Unit):
        # Times of day of seconds and milliseconds have half the width.
        return pa.int32() if str(dtype).startswith("time32") else pa.int64()
    if layout is None:
        return dtype
    if isinstance(layout, list):
        return pa.list_(_arrow_numbers(dtype.value_type))
    fields = [dtype[number] for number in range(dtype.num_fields)]
    return pa.struct([pa.field(field.name, _arrow_numbers(field.type)) for field in fields])


def _layout_of_fields(layouts: dict[str, Layout]) -> Layout:
    return layouts if any(layout is not None for layout in layouts.values()) else None


def _reader_of(layout: Layout) -> Callable[[Any], Any]:
    """Return a function from a cell of whole numbers to the cell of times."""
    if layout is None:
        return _keep
    if isinstance(layout, Unit):
        return layout.time_of
    if isinstance(layout, list):
        read = _reader_of(layout[1])
        return lambda cells: None if cells is None else list(map(read, cells))
    readers = {name: _reader_of(inner) for name, inner in layout.items()}
    return lambda cell: (
        None if cell is None else {name: read(cell[name]) for name, read in readers.items()}
    )


def _keep(cell: Any) -> Any:
    return cell
