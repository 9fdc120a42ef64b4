"""Frames as messages have them, each in the form that its library reads natively."""

from typing import Any

import polars as pl

from skewtest.deliver.operations import python_values
from skewtest.drive.frames import pandas_array
from skewtest.worker.codec import encode_column


def pack_frame(frame: pl.DataFrame, kind: str, buffers: list[bytes]) -> dict[str, Any]:
    """Return a frame as a message has it.

    It crosses in the form that its library reads natively: Arrow IPC for polars and pyarrow,
    plain columns for pandas and for rows. Arrow's own way to pandas differs from version to
    version (times in ns or us), and would be taken for skew.
    """
    kind = kind or "polars"
    if kind in ("polars", "polars lazy", "pyarrow"):
        buffers.append(arrow_bytes(frame))
        return {"form": "arrow", "kind": kind, "buffer": len(buffers) - 1}
    columns = [_pack_column(frame[name], kind, buffers) for name in frame.columns]
    return {"form": "columns", "kind": kind, "columns": columns}


def arrow_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as an Arrow IPC stream that old readers know."""
    stream = frame.write_ipc_stream(None, compat_level=pl.CompatLevel.oldest())
    return stream.getvalue()


def _pack_column(column: pl.Series, kind: str, buffers: list[bytes]) -> dict[str, Any]:
    array, zone = None, None
    if kind == "pandas":
        # As bytes of numpy, which pandas takes over as they are.
        array, zone = pandas_array(column)
    if array is not None:
        buffers.append(array.tobytes())
        number = len(buffers) - 1
        return {"name": column.name, "dtype": array.dtype.str, "buffer": number, "zone": zone}
    values = encode_column(python_values(column))
    return {"name": column.name, "values": values, "text": column.dtype == pl.String}
