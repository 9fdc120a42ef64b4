"""What the teams of this corpus share: types, and the join of results onto the spine."""

from collections.abc import Sequence
from typing import Any, TypeVar

import polars as pl

Row = dict[str, Any]
Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)

KEYS = ("user_id", "as_of")


def onto(spine: Frame, found: Frame, keys: Sequence[str] = KEYS, **fills: object) -> Frame:
    """Return the spine with results joined on, and nulls filled where a filling is given."""
    joined = spine.join(found, on=list(keys), how="left")
    return joined.with_columns(pl.col(name).fill_null(value) for name, value in fills.items())
