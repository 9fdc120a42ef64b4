"""Reception: what the online side gets of a column, through a wire or in another zone."""

from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from skewtest.declare.delivery import Delivery
from skewtest.deliver.payloads import Reader, python_values
from skewtest.deliver.wire import wire_reader
from skewtest.times import TimeType, instants_of


def reader_of(delivery: Delivery, dtype: pl.DataType) -> Reader:
    """Return what arrives of a column under a delivery.

    A team's own wire format takes whole payloads; what is to come out of it is not decided here.

    Raises:
        DeclarationError: the library of the wire format is not installed.
    """
    if delivery.zone is not None and isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return _zone_reader(ZoneInfo(delivery.zone))
    if delivery.wire == "none" or callable(delivery.wire):
        return python_values
    return wire_reader(delivery.wire, dtype)


def receive_cells(reader: Reader, column: pl.Series) -> tuple[list[Any], dict[int, Exception]]:
    """Return what arrives of a column, and of which cells nothing can arrive, with the reason.

    Such a cell is there as it was sent.
    """
    try:
        return reader(column), {}
    except Exception:  # noqa: BLE001 - codecs raise what they like; each cell shows its own below
        return _receive_one_by_one(reader, column)


def _receive_one_by_one(
    reader: Reader, column: pl.Series
) -> tuple[list[Any], dict[int, Exception]]:
    cells = python_values(column)
    errors: dict[int, Exception] = {}
    for row in range(len(column)):
        try:
            cells[row] = reader(column.slice(row, 1))[0]
        except Exception as error:  # noqa: BLE001 - as above; the driving loop raises it
            errors[row] = error
    return cells, errors


def _zone_reader(zone: ZoneInfo) -> Reader:
    # By UTC, whatever the column's own zone is: `astimezone` is the same from everywhere.
    in_utc = TimeType()

    def read(column: pl.Series) -> list[Any]:
        moments = in_utc.datetimes(instants_of(column))
        return [None if moment is None else moment.astimezone(zone) for moment in moments]

    return read
