"""Frames: made by the documented constructors of their libraries, and read back as columns."""

from __future__ import annotations

import importlib
import inspect
import io
from collections.abc import Mapping
from typing import Any

from .codec import decode_column
from .values import NULL_OR_NAN

STRINGS_SINCE = 3
"""The pandas version in which strings got a type of their own."""


def pandas_column(
    pd: Any, name: str, values: Any, zone: str | None = None, *, text: bool = False
) -> Any:
    """Return a pandas Series of a column, by its documented constructor.

    Args:
        pd: the module pandas.
        name: of the column.
        values: a numpy array of numbers, bools or UTC times, or a list of anything.
        zone: of times that are aware.
        text: whether the values are strings.
    """
    if zone is not None:
        return pd.Series(values, name=name).dt.tz_localize("UTC").dt.tz_convert(zone)
    if not isinstance(values, list):
        return pd.Series(values, name=name)
    dtype = "str" if text and int(pd.__version__.split(".")[0]) >= STRINGS_SINCE else object
    return pd.Series(values, name=name, dtype=dtype)


def pandas_columns(frame: Any) -> dict[str, list[Any]]:
    """Return the columns of a pandas frame as lists, those of a named index among them."""
    if any(name is not None for name in frame.index.names):
        clash = [name for name in frame.index.names if name in frame.columns]
        frame = frame.reset_index(drop=bool(clash))
    return {str(name): _pandas_values(frame[name]) for name in frame.columns}


def _pandas_values(column: Any) -> list[Any]:
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f" and not hasattr(column.dtype, "na_value"):
        return [NULL_OR_NAN if value != value else value for value in values]
    return values


def row_columns(rows: list[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns of rows that are dicts."""
    names = {name: None for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in names}


def parameter_kinds(function: Any) -> dict[str, str]:
    """Return, for each parameter, the kind of frame that its annotation asks for."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: kind_of(parameter.annotation) for name, parameter in parameters.items()}


def kind_of(annotation: Any) -> str:
    """Return the frame kind that a parameter's annotation asks for; "" if it says nothing."""
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
    is_list = lowered.startswith(("list", "builtins.list", "typing.list"))
    return "rows" if is_list else ""


def _qualified(annotation: Any) -> str:
    module = getattr(annotation, "__module__", "")
    return "%s.%s" % (module, getattr(annotation, "__qualname__", annotation))


def rows_as(kind: str, rows: list[Any]) -> Any:
    """Return rows as the kind of frame that a function wants, by its documented constructor."""
    if kind == "pandas":
        return importlib.import_module("pandas").DataFrame(rows)
    if kind == "polars":
        return importlib.import_module("polars").DataFrame(rows)
    if kind == "polars lazy":
        return importlib.import_module("polars").DataFrame(rows).lazy()
    if kind == "pyarrow":
        names = list(row_columns(rows))
        arrow = importlib.import_module("pyarrow")
        return arrow.table({name: [row.get(name) for row in rows] for name in names})
    return rows


def frame_of(sent: dict[str, Any], buffers: list[bytes]) -> Any:
    """Return a frame that was sent, as the kind that user code wants."""
    kind = sent["kind"]
    if sent["form"] == "arrow":
        data = buffers[sent["buffer"]]
        if kind == "pyarrow":
            return importlib.import_module("pyarrow").ipc.open_stream(data).read_all()
        frame = importlib.import_module("polars").read_ipc_stream(io.BytesIO(data))
        return frame.lazy() if kind == "polars lazy" else frame
    if kind == "pandas":
        pd = importlib.import_module("pandas")
        columns = {c["name"]: _pandas_sent(pd, c, buffers) for c in sent["columns"]}
        return pd.DataFrame(columns)
    columns = {c["name"]: decode_column(c["values"]) for c in sent["columns"]}
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def _pandas_sent(pd: Any, column: dict[str, Any], buffers: list[bytes]) -> Any:
    if "dtype" in column:
        numpy = importlib.import_module("numpy")
        values = numpy.frombuffer(bytearray(buffers[column["buffer"]]), dtype=column["dtype"])
        return pandas_column(pd, column["name"], values, column["zone"])
    return pandas_column(pd, column["name"], decode_column(column["values"]), text=column["text"])


def columns_here(result: Any) -> dict[str, list[Any]] | None:
    """Return the columns of a frame of any library, None if it is no frame."""
    if isinstance(result, list) and all(isinstance(row, Mapping) for row in result):
        return row_columns(result)
    if type(result).__name__ == "DuckDBPyRelation":
        result = result.arrow()
    library = (type(result).__module__ or "").split(".")[0]
    if library == "pandas" and hasattr(result, "columns"):
        return pandas_columns(result)
    if library == "polars" and hasattr(result, "columns"):
        if hasattr(result, "collect"):
            result = result.collect()
        return {name: result[name].to_list() for name in result.columns}
    if library == "pyarrow" and hasattr(result, "to_pydict"):
        return dict(result.to_pydict())
    return None
