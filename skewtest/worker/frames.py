"""Frames: made by the documented constructors of their libraries, and read back as columns."""

from __future__ import annotations

import importlib
import inspect
import io
from collections.abc import Callable, Mapping
from typing import Any

from .codec import decode_column
from .library_times import arrow_values, polars_values
from .values import NULL_OR_NAN

STRINGS_SINCE = 3
"""The pandas version in which strings got a type of their own."""
ALIASES = {"polars": "pl.", "pandas": "pd.", "pyarrow": "pa."}
"""How the libraries of frames are called in annotations, beside by their names."""


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
    if text and int(pd.__version__.split(".")[0]) >= STRINGS_SINCE:
        return pd.Series(values, name=name, dtype="str")
    # Asked for by name: pandas would guess a type, and guess by the values of one pack.
    return pd.Series(values, name=name, dtype=object)


def pandas_columns(frame: Any) -> dict[str, list[Any]]:
    """Return the columns of a pandas frame as lists, those of a named index among them."""
    index_names = frame.index.names
    if any(name is not None for name in index_names):
        # An index that repeats a column cannot become one, and says nothing new.
        is_repeated = any(name in frame.columns for name in index_names)
        frame = frame.reset_index(drop=is_repeated)
    return {str(name): _pandas_values(frame[name]) for name in frame.columns}


def _pandas_values(column: Any) -> list[Any]:
    values: list[Any] = column.tolist()
    # Types that have a null of their own (`na_value`) tell it from NaN.
    if column.dtype.kind == "f" and not hasattr(column.dtype, "na_value"):
        return [NULL_OR_NAN if value != value else value for value in values]
    return values


def are_rows(result: Any) -> bool:
    """Return whether a result is rows that are dicts; none at all are rows too."""
    return isinstance(result, list) and all(isinstance(row, Mapping) for row in result)


def row_columns(rows: list[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns of rows that are dicts."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    columns: dict[str, list[Any]] = {}
    for name in names:
        columns[name] = [row.get(name) for row in rows]
    return columns


def parameter_kinds(function: Any) -> dict[str, str]:
    """Return, for each parameter, the kind of frame that its annotation asks for."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: kind_of(parameter.annotation) for name, parameter in parameters.items()}


def kind_of(annotation: Any) -> str:
    """Return the frame kind that a parameter's annotation asks for; "" if it says nothing."""
    lowered = _annotation_text(annotation).lower()
    if "lazyframe" in lowered:
        return "polars lazy"
    for library, alias in ALIASES.items():
        if library in lowered or lowered.startswith(alias):
            return library
    if lowered.startswith(("list", "builtins.list", "typing.list")):
        return "rows"
    return ""


def _annotation_text(annotation: Any) -> str:
    # A text where the module has `from __future__ import annotations`: read as it stands, since
    # what it names may be imported for type checkers alone.
    if isinstance(annotation, str):
        return annotation
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
        return importlib.import_module("pyarrow").table(row_columns(rows))
    return rows


def frame_of(message: dict[str, Any], buffers: list[bytes]) -> Any:
    """Return the frame of a message, as the kind that user code wants."""
    kind, columns = message["kind"], {}
    if message["form"] == "arrow":
        return _arrow_frame(kind, buffers[message["buffer"]])
    if kind == "pandas":
        pd = importlib.import_module("pandas")
        for column in message["columns"]:
            columns[column["name"]] = _pandas_series(pd, column, buffers)
        return pd.DataFrame(columns)
    for column in message["columns"]:
        columns[column["name"]] = decode_column(column["values"])
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def _arrow_frame(kind: str, data: bytes) -> Any:
    if kind == "pyarrow":
        return importlib.import_module("pyarrow").ipc.open_stream(data).read_all()
    frame = importlib.import_module("polars").read_ipc_stream(io.BytesIO(data))
    if kind == "polars lazy":
        return frame.lazy()
    return frame


def _pandas_series(pd: Any, column: dict[str, Any], buffers: list[bytes]) -> Any:
    if "dtype" in column:
        numpy = importlib.import_module("numpy")
        # A bytearray, since an array over bytes could not be written to by user code.
        values = numpy.frombuffer(bytearray(buffers[column["buffer"]]), dtype=column["dtype"])
        return pandas_column(pd, column["name"], values, column["zone"])
    return pandas_column(pd, column["name"], decode_column(column["values"]), text=column["text"])


def columns_of(result: Any) -> dict[str, list[Any]] | None:
    """Return the columns of a frame of any library, None if it is no frame."""
    if are_rows(result):
        return row_columns(result)
    if type(result).__name__ == "DuckDBPyRelation":
        # It is a query that has not run yet.
        result = result.arrow()
    library = (type(result).__module__ or "").split(".")[0]
    read = _READERS.get(library)
    if read is None:
        return None
    return read(result)


def _read_pandas(frame: Any) -> dict[str, list[Any]] | None:
    return pandas_columns(frame) if hasattr(frame, "columns") else None


def _read_polars(frame: Any) -> dict[str, list[Any]] | None:
    # Asked of a lazy frame too, whose names polars finds without running it.
    if not hasattr(frame, "columns"):
        return None
    if hasattr(frame, "collect"):
        frame = frame.collect()
    return {name: polars_values(frame[name]) for name in frame.columns}


def read_pyarrow(table: Any) -> dict[str, list[Any]] | None:
    """Return the columns of a pyarrow table, None if it is none."""
    if not hasattr(table, "to_pydict"):
        return None
    # By position: of two columns of one name, either would be refused by it.
    return dict(zip(table.schema.names, map(arrow_values, table.columns)))


_READERS: dict[str, Callable[[Any], dict[str, list[Any]] | None]] = {
    "pandas": _read_pandas,
    "polars": _read_polars,
    "pyarrow": read_pyarrow,
}
