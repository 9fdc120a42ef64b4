"""Frames in and out: what an annotation asks for, and what came back as plain columns.

Frames are made by the documented constructor of their library from plain columns, so that the
way there changes nothing. What comes back is read through narwhals.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, cast

import numpy.typing as npt
import polars as pl

from skewtest import drive
from skewtest.deliver.operations import python_values
from skewtest.times import instants_of
from skewtest.worker import frames as made
from skewtest.worker.library_times import has_python_times, polars_values

Kind = Literal["polars", "polars lazy", "pandas", "pyarrow", "rows"]


PLAIN_NUMBERS = frozenset(
    [
        *(pl.Boolean, pl.Float32, pl.Float64, pl.Int8, pl.Int16, pl.Int32, pl.Int64),
        *(pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64),
    ]
)
"""Types of polars whose values numpy has as polars has them."""


class Columns(dict[str, list[Any]]):
    """The columns of a frame that has come back from another process."""


class NotAFrame:
    """What another process returned that was no frame; only the name of its type has come back."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name


def type_name(result: object) -> str:
    """Return the name of the type of what user code returned."""
    return result.type_name if isinstance(result, NotAFrame) else type(result).__name__


def kind_of(annotation: object) -> Kind:
    """Return the frame kind that a parameter's annotation asks for; polars if it says nothing."""
    return cast("Kind", made.kind_of(annotation) or "polars")


def as_kind(frame: pl.DataFrame, kind: Kind) -> Any:
    """Return a frame as the kind that user code wants; always a copy that it may change."""
    if kind == "polars":
        return frame.clone()
    if kind == "polars lazy":
        return frame.lazy()
    if kind == "pyarrow":
        return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    if kind == "rows":
        return frame.to_dicts()
    return _pandas(frame)


def fingerprint(frame: Any, kind: Kind) -> Any:
    """Return what shows whether user code changed a frame in place; None if it cannot."""
    if kind == "pandas":
        return frame.copy(deep=True)
    if kind == "polars":
        return frame.clone()
    return None


def has_changed(frame: Any, before: Any, kind: Kind) -> bool:
    """Return whether a frame is no longer what `fingerprint` saw."""
    if before is None:
        # Lazy frames and tables of Arrow cannot be changed in place.
        return False
    # Names first: `equals` of a frame whose columns were renamed may not see it.
    if kind == "pandas":
        return not (list(frame.columns) == list(before.columns) and frame.equals(before))
    return not (frame.columns == before.columns and frame.equals(before))


def columns_of(
    result: Any,
    instants: Sequence[str] = (),
    numbers: Collection[str] = (),
) -> Mapping[str, Any] | None:
    """Return a returned frame's columns as Python values, or None if it is no frame.

    Args:
        result: what user code returned.
        instants: datetime columns that come as microseconds where that is quicker.
        numbers: columns that stay columns of polars where they are such, and plain numbers.
    """
    if isinstance(result, Columns):
        return result
    if made.are_rows(result):
        return made.row_columns(result)
    result = _relation(result)
    native = result.collect() if isinstance(result, pl.LazyFrame) else result
    if isinstance(native, pl.DataFrame):
        return _polars_columns(native, instants, numbers)
    # Not imported for it: whoever returns a frame of pandas has it loaded already.
    if "pandas" in sys.modules and isinstance(native, sys.modules["pandas"].DataFrame):
        return made.pandas_columns(native)
    if type(native).__module__.partition(".")[0] == "pyarrow":
        return made.read_pyarrow(native)
    return drive.foreign.columns_of_foreign(native)


def _polars_columns(
    frame: pl.DataFrame, instants: Sequence[str], numbers: Collection[str]
) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in frame.columns:
        column = frame[name]
        if name in instants and isinstance(column.dtype, pl.Datetime):
            columns[name] = instants_of(column).to_list()
        elif name in numbers and column.dtype in PLAIN_NUMBERS:
            columns[name] = column
        elif isinstance(column.dtype, pl.Datetime) and has_python_times(column):
            columns[name] = python_values(column)
        else:
            columns[name] = polars_values(column)
    return columns


def _relation(result: Any) -> Any:
    """Return a DuckDB relation as an arrow table and anything else as it is."""
    if type(result).__name__ == "DuckDBPyRelation":
        return result.to_arrow_table()
    return result


def _pandas(frame: pl.DataFrame) -> Any:
    import pandas as pd

    return pd.DataFrame({name: _pandas_column(frame[name], pd) for name in frame.columns})


def _pandas_column(column: pl.Series, pd: Any) -> Any:
    array, zone = pandas_array(column)
    if array is not None:
        return made.pandas_column(pd, column.name, array, zone)
    text = column.dtype == pl.String
    return made.pandas_column(pd, column.name, column.to_list(), text=text)


def pandas_array(column: pl.Series) -> tuple[npt.NDArray[Any] | None, str | None]:
    """Return the numpy array that a pandas column is made of, and the zone of aware times.

    None where it is made of a list: of strings, of what can be null, of nested values.
    """
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime):
        zone = dtype.time_zone
        # numpy has no zones; pandas is told of it beside.
        utc = column if zone is None else column.dt.convert_time_zone("UTC")
        return utc.dt.replace_time_zone(None).to_numpy(), zone
    is_number = dtype.is_numeric() and not dtype.is_decimal()
    if is_number or (dtype == pl.Boolean and not column.null_count()):
        return column.to_numpy(), None
    return None, None
