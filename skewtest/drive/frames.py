"""Frames in and out: what an annotation asks for, and what came back as plain columns.

Frames are made by the documented constructor of their library from plain columns, so that the
way there changes nothing. What comes back is read through narwhals.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import narwhals as nw
import polars as pl

from skewtest.deliver.operations import python_values
from skewtest.drive.outcome import NULL_OR_NAN
from skewtest.times import instants_of

STRINGS_SINCE = 3
"""The pandas version in which strings got a type of their own."""

Kind = Literal["polars", "polars lazy", "pandas", "pyarrow", "rows"]


def kind_of(annotation: object) -> Kind:
    """Return the frame kind that a parameter's annotation asks for; polars if it says nothing."""
    text = annotation if isinstance(annotation, str) else _qualified(annotation)
    lowered = text.lower()
    if "lazyframe" in lowered:
        return "polars lazy"
    if "polars" in lowered or lowered.startswith("pl."):
        return "polars"
    if "pandas" in lowered or lowered.startswith("pd."):
        return "pandas"
    if "pyarrow" in lowered or lowered.startswith("pa."):
        return "pyarrow"
    return "rows" if lowered.startswith("list") else "polars"


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


def changed(frame: Any, before: Any, kind: Kind) -> bool:
    """Return whether a frame is no longer what `fingerprint` saw."""
    if before is None:
        return False
    if kind == "pandas":
        return not (list(frame.columns) == list(before.columns) and frame.equals(before))
    return not (frame.columns == before.columns and frame.equals(before))


def columns_of(
    result: Any,
    instants: Sequence[str] = (),
) -> Mapping[str, list[Any]] | None:
    """Return a returned frame's columns as Python values, or None if it is no frame.

    Datetime columns named in `instants` come as microseconds where that is quicker.
    """
    if isinstance(result, list) and all(isinstance(row, Mapping) for row in result):
        names = dict.fromkeys(name for row in result for name in row)
        return {name: [row.get(name) for row in result] for name in names}
    result = _relation(result)
    try:
        frame = nw.from_native(result)
    except TypeError:
        return None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    native = frame.to_native()
    if isinstance(native, pl.DataFrame):
        return {
            name: instants_of(native[name]).to_list()
            if name in instants and isinstance(native[name].dtype, pl.Datetime)
            else python_values(native[name])
            for name in native.columns
        }
    if "pandas" in sys.modules and isinstance(native, sys.modules["pandas"].DataFrame):
        return _pandas_columns(native)
    return {name: frame[name].to_list() for name in frame.columns}


def _qualified(annotation: object) -> str:
    module = getattr(annotation, "__module__", "")
    return f"{module}.{getattr(annotation, '__qualname__', annotation)}"


def _relation(result: Any) -> Any:
    """Return a DuckDB relation as an arrow table and anything else as it is."""
    if type(result).__name__ == "DuckDBPyRelation":
        return result.to_arrow_table()
    return result


def _pandas(frame: pl.DataFrame) -> Any:
    import pandas as pd

    return pd.DataFrame({name: _pandas_column(frame[name], pd) for name in frame.columns})


def _pandas_column(column: pl.Series, pd: Any) -> Any:
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime):
        moments = pd.Series(column.dt.replace_time_zone(None).to_numpy(), name=column.name)
        if dtype.time_zone is None:
            return moments
        utc = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
        return pd.Series(utc, name=column.name).dt.tz_localize("UTC").dt.tz_convert(dtype.time_zone)
    if dtype.is_numeric() and not dtype.is_decimal():
        return pd.Series(column.to_numpy(), name=column.name)
    if dtype == pl.Boolean and not column.null_count():
        return pd.Series(column.to_numpy(), name=column.name)
    if dtype == pl.String:
        return pd.Series(column.to_list(), name=column.name, dtype="str" if _new(pd) else object)
    return pd.Series(column.to_list(), name=column.name, dtype=object)


def _new(pd: Any) -> bool:
    return int(pd.__version__.split(".")[0]) >= STRINGS_SINCE


def _pandas_columns(frame: Any) -> dict[str, list[Any]]:
    if any(name is not None for name in frame.index.names):
        clash = [name for name in frame.index.names if name in frame.columns]
        frame = frame.reset_index(drop=bool(clash))
    return {str(name): _pandas_values(frame[name]) for name in frame.columns}


def _pandas_values(column: Any) -> list[Any]:
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f" and not hasattr(column.dtype, "na_value"):
        return [NULL_OR_NAN if value != value else value for value in values]
    return values
