"""What libraries hold, with their types: scalars, arrays and frames as messages have them."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator
from typing import Any

from .library_times import arrow_values, polars_values, time_of_arrow
from .zones import zone_name

# Of typing, since it is evaluated: Python 3.8 subscripts nothing of collections.abc.
Encode = typing.Callable[[Any], Any]
TAG = "$"
"""The key that tells a value of a type of its own from a dict."""

# Kinds of numpy's dtypes, by their letters.
TIMES = "mM"
WIDE = "gG"
"""The codes of long doubles: JSON's numbers would round them."""
NOT_OF_JSON = "OcVS"
"""Objects, complex numbers, records and bytes: each cell is encoded by itself."""
# What numpy's times have for NaT in their whole numbers.
NAT = -(2**63)


def _encode_numpy(value: Any, kind: str, inner: Encode) -> Any:
    dtype = getattr(value, "dtype", None)
    if dtype is None or kind in ("dtype", "ufunc"):
        return _as_text(value, kind)
    if kind in ("ndarray", "MaskedArray", "recarray"):
        cells = _numpy_cells(value.ravel(), inner)
        return {TAG: "array", "dtype": str(dtype), "shape": list(value.shape), "v": cells}
    if dtype.kind in TIMES or dtype.char in WIDE:
        return {TAG: "scalar", "dtype": str(dtype), "v": _numpy_cells(value.reshape(1), inner)[0]}
    return {TAG: "scalar", "dtype": str(dtype), "v": inner(value.item())}


def _numpy_cells(flat: Any, inner: Encode) -> list[Any]:
    """Return times as whole numbers of their unit, long doubles as text, anything else encoded."""
    kind = flat.dtype.kind
    if kind in TIMES:
        return [None if cell == NAT else cell for cell in flat.astype("i8").tolist()]
    if flat.dtype.char in WIDE:
        # Not repr, whose text is another one since numpy 2.
        return list(map(str, flat))
    cells: list[Any] = flat.tolist()
    if kind in NOT_OF_JSON:
        return list(map(inner, cells))
    return cells


def _encode_pandas(value: Any, kind: str, inner: Encode) -> Any:
    if kind in ("Timestamp", "Timedelta"):
        return _encode_pandas_time(value, kind)
    # Told apart by what they have, since pandas itself is not imported for it: only a frame has
    # columns, only a frame and a Series have an index, and only an index has names.
    if hasattr(value, "columns") and hasattr(value, "index"):
        return _encode_pandas_frame(value, inner)
    if not hasattr(value, "tolist"):
        return _as_text(value, kind)
    if hasattr(value, "index"):
        return {
            TAG: "series",
            "library": "pandas",
            "name": inner(value.name),
            "dtype": _pandas_type(value.dtype),
            "index": _encode_index(value.index, inner),
            "v": inner(value.tolist()),
        }
    if hasattr(value, "names"):
        return {**_encode_index(value, inner), TAG: "index"}
    if hasattr(value, "dtype"):
        cells, dtype = inner(value.tolist()), _pandas_type(value.dtype)
        return {TAG: "array", "dtype": dtype, "shape": [len(value)], "v": cells}
    return _as_text(value, kind)


def _encode_pandas_time(value: Any, kind: str) -> dict[str, Any]:
    if kind == "Timedelta":
        return {TAG: "scalar", "dtype": kind, "v": value.isoformat()}
    zone = zone_name(value.tzinfo)
    # In UTC, lest versions of the time zone database differ in what an instant is called.
    moment = value.tz_convert("UTC") if zone else value
    return {TAG: "scalar", "dtype": kind, "v": moment.isoformat(), "zone": zone}


def _encode_pandas_frame(frame: Any, inner: Encode) -> dict[str, Any]:
    # By position: two columns may have the same name.
    columns = [frame.iloc[:, number] for number in range(len(frame.columns))]
    return {
        TAG: "frame",
        "library": "pandas",
        "columns": list(map(inner, frame.columns)),
        "dtypes": [_pandas_type(column.dtype) for column in columns],
        "index": _encode_index(frame.index, inner),
        "v": [inner(column.tolist()) for column in columns],
    }


def _as_text(value: Any, kind: str) -> dict[str, Any]:
    return {TAG: "text", "kind": kind, "v": str(value)}


def _pandas_type(dtype: Any) -> str:
    """Return a type's name; of a categorical one with its categories."""
    categories = getattr(dtype, "categories", None)
    if categories is None:
        return str(dtype)
    order = " < " if dtype.ordered else ", "
    return "category of %s" % order.join(map(str, categories))


def _encode_index(index: Any, inner: Encode) -> dict[str, Any]:
    dtypes = getattr(index, "dtypes", None)
    if dtypes is None:
        # It has one level; an index of several has a type for each.
        dtypes = [index.dtype]
    return {
        "names": list(map(inner, index.names)),
        "dtypes": list(map(_pandas_type, dtypes)),
        "v": inner(index.tolist()),
    }


def _encode_polars(value: Any, kind: str, inner: Encode) -> Any:
    if kind == "DataTypeClass" or hasattr(value, "base_type"):
        return {TAG: "text", "kind": "dtype", "v": _polars_type(value)}
    if kind == "LazyFrame":
        value, kind = value.collect(), "DataFrame"
    if kind == "DataFrame":
        columns = [value[name] for name in value.columns]
        return {
            TAG: "frame",
            "library": "polars",
            "columns": list(value.columns),
            "dtypes": [_polars_type(column.dtype) for column in columns],
            "v": [inner(polars_values(column)) for column in columns],
        }
    if kind == "Series":
        return {
            TAG: "series",
            "library": "polars",
            "name": value.name,
            "dtype": _polars_type(value.dtype),
            "v": inner(polars_values(value)),
        }
    return _as_text(value, kind)


def _polars_type(dtype: Any) -> str:
    """Return a type under one name in all versions, which have spelt types differently."""
    # `pl.Int64` is a class and means the same as its instance.
    name = dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__
    if name in ("Datetime", "Duration"):
        return "%s(%s)" % (name, ", ".join(_time_parts(dtype)))
    if name in ("List", "Array") and getattr(dtype, "inner", None) is not None:
        return "%s(%s)" % (name, _polars_type(dtype.inner))
    if name == "Struct" and hasattr(dtype, "fields"):
        fields = ["%s: %s" % (field.name, _polars_type(field.dtype)) for field in dtype.fields]
        return "Struct(%s)" % ", ".join(fields)
    if name == "Decimal":
        return "Decimal(%s, %s)" % (getattr(dtype, "precision", ""), getattr(dtype, "scale", ""))
    return {"Utf8": "String"}.get(name, name)


def _time_parts(dtype: Any) -> Iterator[str]:
    """Yield the unit and the zone of a type of times, of those that it has."""
    # The short names are those of old versions of polars.
    for name, old_name in (("time_unit", "tu"), ("time_zone", "tz")):
        part = getattr(dtype, name, None) or getattr(dtype, old_name, None)
        if part:
            yield str(part)


def _encode_pyarrow(value: Any, kind: str, inner: Encode) -> Any:
    if hasattr(value, "schema") and hasattr(value, "to_pydict"):
        return {
            TAG: "frame",
            "library": "pyarrow",
            "columns": [field.name for field in value.schema],
            "dtypes": [str(field.type) for field in value.schema],
            "v": [inner(arrow_values(column)) for column in value.columns],
        }
    if hasattr(value, "to_pylist"):
        cells = inner(arrow_values(value))
        return {TAG: "series", "library": "pyarrow", "dtype": str(value.type), "v": cells}
    if hasattr(value, "as_py"):
        return {TAG: "scalar", "dtype": str(value.type), "v": inner(time_of_arrow(value))}
    return _as_text(value, kind)


LIBRARIES: dict[str, Callable[[Any, str, Encode], Any]] = {
    "numpy": _encode_numpy,
    "pandas": _encode_pandas,
    "polars": _encode_polars,
    "pyarrow": _encode_pyarrow,
}
