"""Hashes of tables: which data a result was found on."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from skewtest.results.code import digest_of


def tables_digest(tables: Mapping[str, pl.DataFrame]) -> dict[str, str]:
    """Return the SHA-256 of each table's rows, as newline-delimited JSON in their order.

    Floats are texts in it, because JSON has one null for null and NaN; bytes are in hexadecimal.
    """
    digests = {}
    for name, frame in tables.items():
        rows = _without_floats_and_bytes(frame).write_ndjson()
        digests[name] = digest_of(rows.encode())
    return digests


def _without_floats_and_bytes(frame: pl.DataFrame) -> pl.DataFrame:
    columns = []
    for name, kind in frame.schema.items():
        if kind == pl.Binary:
            columns.append(pl.col(name).bin.encode("hex"))
        else:
            columns.append(pl.col(name).cast(_with_texts_for_floats(kind)))
    return frame.with_columns(columns)


def _with_texts_for_floats(kind: pl.DataType) -> pl.DataType:
    if kind.is_float():
        return pl.String()
    if isinstance(kind, pl.List | pl.Array):
        return pl.List(_with_texts_for_floats(_as_instance(kind.inner)))
    if isinstance(kind, pl.Struct):
        fields = []
        for field in kind.fields:
            inner = _with_texts_for_floats(_as_instance(field.dtype))
            fields.append(pl.Field(field.name, inner))
        return pl.Struct(fields)
    return kind


def _as_instance(kind: Any) -> pl.DataType:
    """Return a type, which polars may have as its class."""
    if isinstance(kind, type):
        kind = kind()
    assert isinstance(kind, pl.DataType)
    return kind
