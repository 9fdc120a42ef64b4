"""What libraries hold, with their types: scalars, arrays and frames as messages have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .zones import zone_name

Encode = Callable[[Any], Any]
TAG = "$"
"""The key that tells a value of a type of its own from a dict."""


def _of_numpy(value: Any, kind: str, inner: Encode) -> Any:
    dtype = getattr(value, "dtype", None)
    if dtype is None or kind in ("dtype", "ufunc"):
        return {TAG: "text", "kind": kind, "v": str(value)}
    if kind in ("ndarray", "MaskedArray", "recarray"):
        return {
            TAG: "array",
            "dtype": str(dtype),
            "shape": list(value.shape),
            "v": [_cell(cell, dtype, inner) for cell in value.ravel().tolist()]
            if dtype.kind not in "mMgG"
            else _numpy_cells(value.ravel()),
        }
    if dtype.kind in "mMgG":
        return {TAG: "scalar", "dtype": str(dtype), "v": _numpy_cells(value.reshape(1))[0]}
    return {TAG: "scalar", "dtype": str(dtype), "v": inner(value.item())}


def _cell(cell: Any, dtype: Any, inner: Encode) -> Any:
    return inner(cell) if dtype.kind in "OcVS" else cell


def _numpy_cells(flat: Any) -> list[Any]:
    """Return times as whole numbers of their unit, and long doubles as text."""
    if flat.dtype.kind in "mM":
        return [None if n == -(2**63) else n for n in flat.astype("i8").tolist()]
    return [repr(cell) for cell in flat]


def _of_pandas(value: Any, kind: str, inner: Encode) -> Any:
    if kind in ("NAType", "NaTType"):
        return {TAG: "text", "kind": kind, "v": str(value)}
    if kind == "Timestamp":
        zone = zone_name(value.tzinfo)
        text = value.tz_convert("UTC").isoformat() if zone else value.isoformat()
        return {TAG: "scalar", "dtype": "Timestamp", "v": text, "zone": zone}
    if kind == "Timedelta":
        return {TAG: "scalar", "dtype": "Timedelta", "v": value.isoformat()}
    if hasattr(value, "columns") and hasattr(value, "index"):
        columns = [value.iloc[:, n] for n in range(len(value.columns))]
        return {
            TAG: "frame",
            "library": "pandas",
            "columns": [inner(name) for name in value.columns],
            "dtypes": [_pandas_type(column.dtype) for column in columns],
            "index": _index(value.index, inner),
            "v": [inner(column.tolist()) for column in columns],
        }
    if hasattr(value, "index") and hasattr(value, "tolist"):
        return {
            TAG: "series",
            "library": "pandas",
            "name": inner(value.name),
            "dtype": _pandas_type(value.dtype),
            "index": _index(value.index, inner),
            "v": inner(value.tolist()),
        }
    if hasattr(value, "names") and hasattr(value, "tolist"):
        return {**_index(value, inner), TAG: "index"}
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        held = inner(value.tolist())
        dtype = _pandas_type(value.dtype)
        return {TAG: "array", "dtype": dtype, "shape": [len(value)], "v": held}
    return {TAG: "text", "kind": kind, "v": str(value)}


def _pandas_type(dtype: Any) -> str:
    """Return a type's name; of a categorical one with its categories."""
    categories = getattr(dtype, "categories", None)
    if categories is None:
        return str(dtype)
    order = " < " if dtype.ordered else ", "
    return "category of %s" % order.join(str(name) for name in categories)


def _index(index: Any, inner: Encode) -> dict[str, Any]:
    dtypes = getattr(index, "dtypes", None)
    return {
        "names": [inner(name) for name in index.names],
        "dtypes": [_pandas_type(dtype) for dtype in ([index.dtype] if dtypes is None else dtypes)],
        "v": inner(index.tolist()),
    }


def _of_polars(value: Any, kind: str, inner: Encode) -> Any:
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
            "v": [inner(column.to_list()) for column in columns],
        }
    if kind == "Series":
        return {
            TAG: "series",
            "library": "polars",
            "name": value.name,
            "dtype": _polars_type(value.dtype),
            "v": inner(value.to_list()),
        }
    return {TAG: "text", "kind": kind, "v": str(value)}


def _polars_type(dtype: Any) -> str:
    """Return a type under one name in all versions, which have spelt types differently."""
    name = dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__
    if name in ("Datetime", "Duration"):
        unit = getattr(dtype, "time_unit", None) or getattr(dtype, "tu", None)
        zone = getattr(dtype, "time_zone", None) or getattr(dtype, "tz", None)
        return "%s(%s)" % (name, ", ".join(str(part) for part in (unit, zone) if part))
    if name in ("List", "Array") and getattr(dtype, "inner", None) is not None:
        return "%s(%s)" % (name, _polars_type(dtype.inner))
    if name == "Struct" and hasattr(dtype, "fields"):
        inner = ", ".join("%s: %s" % (f.name, _polars_type(f.dtype)) for f in dtype.fields)
        return "Struct(%s)" % inner
    if name == "Decimal":
        return "Decimal(%s, %s)" % (getattr(dtype, "precision", ""), getattr(dtype, "scale", ""))
    return {"Utf8": "String"}.get(name, name)


def _of_pyarrow(value: Any, kind: str, inner: Encode) -> Any:
    if hasattr(value, "schema") and hasattr(value, "to_pydict"):
        columns = value.to_pydict()
        return {
            TAG: "frame",
            "library": "pyarrow",
            "columns": list(columns),
            "dtypes": [str(field.type) for field in value.schema],
            "v": [inner(column) for column in columns.values()],
        }
    if hasattr(value, "to_pylist"):
        held = inner(value.to_pylist())
        return {TAG: "series", "library": "pyarrow", "dtype": str(value.type), "v": held}
    if hasattr(value, "as_py"):
        return {TAG: "scalar", "dtype": str(value.type), "v": inner(value.as_py())}
    return {TAG: "text", "kind": kind, "v": str(value)}


LIBRARIES: dict[str, Callable[[Any, str, Encode], Any]] = {
    "numpy": _of_numpy,
    "pandas": _of_pandas,
    "polars": _of_polars,
    "pyarrow": _of_pyarrow,
}
