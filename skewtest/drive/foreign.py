"""Frames of libraries that skewtest itself does not know, read through narwhals."""

from typing import Any

import narwhals as nw


def columns_of_foreign(result: Any) -> dict[str, list[Any]] | None:
    """Return a frame's columns as Python values, or None if it is no frame that narwhals knows."""
    try:
        frame = nw.from_native(result)
    except TypeError:
        return None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    return {name: frame[name].to_list() for name in frame.columns}
