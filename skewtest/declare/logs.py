"""Logs: real events as frames, whatever library or file they come in."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

from skewtest.errors import DeclarationError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa  # type: ignore[import-untyped]

    Log: TypeAlias = pl.DataFrame | pl.LazyFrame | pd.DataFrame | pa.Table | str | Path
else:
    Log = Any  # pandas and pyarrow are no dependencies: only a type checker has to know them
"""What a log may be given as."""


def load_log(place: str, log: Any) -> pl.LazyFrame:
    """Return a log as a lazy frame.

    Args:
        place: how errors call it.
        log: a polars, pandas or pyarrow table, or the path of a Parquet or CSV file.

    Raises:
        DeclarationError: it is none of these, or cannot be read.
    """
    if isinstance(log, pl.LazyFrame | pl.DataFrame):
        return log.lazy()
    if isinstance(log, str | Path):
        return _scan_file(place, Path(log))
    library = type(log).__module__.partition(".")[0]
    convert = _CONVERTERS.get(library)
    frame = None
    if convert is not None:
        try:
            frame = convert(log)
        except (ImportError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
            raise DeclarationError(
                f"{place}: polars cannot take over this {library} table: {error}"
            ) from error
    if not isinstance(frame, pl.DataFrame):
        raise DeclarationError(
            f"{place} must be a polars, pandas or pyarrow table, or the path of a .parquet or "
            f".csv file; got {type(log).__name__}"
        )
    return frame.lazy()


def scan_parquet(place: str, path: str | Path) -> pl.LazyFrame:
    """Return a Parquet file, or a pattern of several, as a lazy frame.

    Raises:
        DeclarationError: it cannot be read.
    """
    return _scan(place, path, pl.scan_parquet)


def scan_csv(place: str, path: str | Path) -> pl.LazyFrame:
    """Return a CSV file, or a pattern of several, as a lazy frame; times are recognised.

    Raises:
        DeclarationError: it cannot be read.
    """
    return _scan(place, path, lambda file: pl.scan_csv(file, try_parse_dates=True))


def _scan_file(place: str, path: Path) -> pl.LazyFrame:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        return scan_csv(place, path)
    # A folder without a suffix is what a partitioned data set is written as.
    if suffix in (".parquet", ".pq", "") or path.is_dir():
        return scan_parquet(place, path)
    raise DeclarationError(
        f"{place}: a path must end in .parquet or .csv; got {str(path)!r}. Read it yourself and "
        "give the frame."
    )


def _scan(place: str, path: str | Path, scan: Callable[[str | Path], pl.LazyFrame]) -> pl.LazyFrame:
    # Read lazily: a log may be larger than memory, and learning takes a few aggregations.
    try:
        frame = scan(path)
        frame.collect_schema()
    except (OSError, TypeError, pl.exceptions.PolarsError) as error:
        raise DeclarationError(f"{place} cannot read {str(path)!r}: {error}") from error
    return frame


def _convert_pandas(frame: Any) -> Any:
    # An index with a name is a column that somebody set as the index: often the times.
    named = any(name is not None for name in frame.index.names)
    return pl.from_pandas(frame, include_index=named)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "pandas": _convert_pandas,
    "pyarrow": pl.from_arrow,
}
"""What makes a polars frame of a table, by the library of the table."""
