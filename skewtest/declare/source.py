"""A source: a named stream or table of events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from skewtest.declare.columns import as_column, checked_moment
from skewtest.declare.kinds import Column, Key, Timestamps
from skewtest.declare.learn import Rhythm, learn, pandera_columns
from skewtest.errors import DeclarationError, listed, nearest
from skewtest.times import UNITS, TimeType, Unit, checked_zone


@dataclass(frozen=True, slots=True, init=False)
class Source:
    """A named stream or table of events.

    Attributes:
        name: how views, batch parameters and reports call it.
        time: the column that holds the event time.
        columns: the other columns, by name.
        arrival: the column that holds the arrival time, if the log has one.
        type: unit and zone of its times.
        start: the earliest event time to generate.
        end: the latest event time to generate.
        rhythm: gaps and ties learned from a real log.
        null_rates: typical share of nulls by column.
    """

    name: str
    time: str
    columns: Mapping[str, Column]
    arrival: str | None
    type: TimeType
    start: datetime | None
    end: datetime | None
    rhythm: Rhythm
    null_rates: Mapping[str, float] = field(repr=False)

    def __init__(
        self,
        name: str,
        *,
        columns: Mapping[str, object],
        time: str = "",
        arrival: str | None = None,
        zone: str | None = "UTC",
        unit: Unit = "us",
        start: datetime | None = None,
        end: datetime | None = None,
        rhythm: Rhythm | None = None,
        null_rates: Mapping[str, float] | None = None,
    ) -> None:
        """Declare a source.

        Args:
            name: a Python identifier; batch functions take the frame as a parameter of this name.
            time: the event-time column. It need not be among `columns`.
            columns: column kinds (`key()`, `floats(0, 1)`, ...) or Hypothesis strategies by name.
            arrival: the column of arrival times, if there is one.
            zone: IANA zone of the times; `None` for naive ones.
            unit: `"ms"`, `"us"` or `"ns"`. Generated times are whole microseconds.
            start: earliest event time to generate, aware unless `zone=None`.
            end: latest event time to generate.
            rhythm: gaps and ties to imitate.
            null_rates: typical share of nulls by column.

        Raises:
            DeclarationError: names the argument, what it got and what it wanted.
        """
        place = f"Source({name!r})"
        _check_name(name)
        declared = _checked_columns(place, time, columns)
        held = declared.pop(time, None)
        if isinstance(held, Timestamps):
            start, end = start or held.min, end or held.max
            zone, unit = held.time.zone, held.time.unit
        if not declared:
            raise DeclarationError(f"{place}: columns has only the time column; add the entity key")
        if unit not in UNITS:
            raise DeclarationError(f"{place}: unit must be one of {listed(UNITS)}; got {unit!r}")
        zone = checked_zone(f"{place}: zone", zone)
        _check_arrival(place, arrival, declared)
        _check_span(place, start, end, zone)
        rates = _checked_rates(place, null_rates or {}, declared)
        for attribute, value in (
            ("name", name),
            ("time", time),
            ("columns", MappingProxyType(declared)),
            ("arrival", arrival),
            ("type", TimeType(unit, zone)),
            ("start", start),
            ("end", end),
            ("rhythm", rhythm or Rhythm()),
            ("null_rates", MappingProxyType(rates)),
        ):
            object.__setattr__(self, attribute, value)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns declared as `key()`."""
        return tuple(name for name, kind in self.columns.items() if isinstance(kind, Key))

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column names to polars types, the time column first."""
        return {
            self.time: self.type.dtype,
            **{name: kind.dtype for name, kind in self.columns.items()},
        }

    @classmethod
    def from_polars(
        cls,
        frame: pl.DataFrame | pl.LazyFrame,
        name: str,
        *,
        time: str,
        keys: Sequence[str] = (),
        arrival: str | None = None,
        columns: Mapping[str, object] | None = None,
    ) -> "Source":
        """Learn a source from a real log: ranges, steps, null rates, categories, gaps and ties.

        Args:
            frame: the log; one row an event.
            name: name of the source.
            time: the event-time column (Datetime).
            keys: the identity columns. Needed for gaps; a key is never learned as a category.
            arrival: the arrival-time column.
            columns: declarations that win over what would be learned.

        Raises:
            DeclarationError: the frame is empty, a named column is missing, the time column is
                no Datetime or holds nulls, or a column has a type that cannot be generated.
        """
        place = f"Source({name!r})"
        return cls(
            name,
            **learn(frame, place, time=time, keys=keys, arrival=arrival, columns=columns),
        )

    @classmethod
    def from_arrow(cls, table: Any, name: str, **learning: Any) -> "Source":
        """Learn a source from a pyarrow table; with an empty one, from its schema alone.

        Arguments and errors as in `from_polars`.
        """
        frame = pl.from_arrow(table)
        if not isinstance(frame, pl.DataFrame):
            raise DeclarationError(f"from_arrow takes a pyarrow Table; got {type(table).__name__}")
        return cls.from_polars(frame, name, **learning)

    @classmethod
    def from_parquet(cls, path: str | Path, name: str, **learning: Any) -> "Source":
        """Learn a source from a Parquet file or glob, read lazily.

        Arguments and errors as in `from_polars`; a missing file is a DeclarationError.
        """
        try:
            frame = pl.scan_parquet(path)
            frame.collect_schema()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DeclarationError(f"from_parquet cannot read {str(path)!r}: {error}") from error
        return cls.from_polars(frame, name, **learning)

    @classmethod
    def from_pandera(
        cls,
        schema: Any,
        name: str,
        *,
        time: str,
        keys: Sequence[str] = (),
        arrival: str | None = None,
        columns: Mapping[str, object] | None = None,
        zone: str | None = "UTC",
    ) -> "Source":
        """Declare a source from a pandera DataFrameSchema: types, ranges, isin, nullable.

        Arguments as in `from_polars` without the frame, and `zone` as in `Source`.

        Raises:
            DeclarationError: a column has a type that cannot be generated.
        """
        declared = pandera_columns(schema, f"Source({name!r})", time, keys, columns or {})
        return cls(
            name, time=time, columns={**declared, **(columns or {})}, arrival=arrival, zone=zone
        )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.isidentifier():
        raise DeclarationError(f"Source name must be a Python identifier; got {name!r}")


def _checked_columns(place: str, time: str, columns: Mapping[str, object]) -> dict[str, Column]:
    if not isinstance(columns, Mapping) or not columns:
        raise DeclarationError(
            f"{place}: columns must be a dict of column name to column, at least one; "
            f"got {columns!r}"
        )
    if not isinstance(time, str) or not time:
        raise DeclarationError(
            f"{place}: time must be a column name; got {time!r}. A dimension needs one too: the "
            "column that says from when a row holds, without which nobody knows what was true "
            "as of a moment"
        )
    for column in (time, *columns):
        if not isinstance(column, str) or column.startswith("#") or not column:
            raise DeclarationError(
                f"{place}: a column name must be a string that does not start with '#'; "
                f"got {column!r}"
            )
    declared = {
        name: as_column(f"{place}: column {name!r}", kind) for name, kind in columns.items()
    }
    held = declared.get(time)
    if held is not None and not isinstance(held, Timestamps):
        raise DeclarationError(
            f"{place}: time column {time!r} must be timestamps() or left out of columns; "
            f"got {type(held).__name__.lower()}()"
        )
    return declared


def _check_arrival(place: str, arrival: str | None, declared: Mapping[str, Column]) -> None:
    if arrival is not None and not isinstance(declared.get(arrival), Timestamps):
        raise DeclarationError(
            f"{place}: arrival must name a timestamps() column, one of {listed(declared)}; "
            f"got {arrival!r}." + nearest(str(arrival), declared)
        )


def _check_span(place: str, start: datetime | None, end: datetime | None, zone: str | None) -> None:
    for argument, moment in (("start", start), ("end", end)):
        if moment is not None:
            checked_moment(f"{place}: {argument}", moment, zone)
    if start is not None and end is not None and start >= end:
        raise DeclarationError(
            f"{place}: start must be before end; got {start.isoformat()} and {end.isoformat()}"
        )


def _checked_rates(
    place: str, rates: Mapping[str, float], declared: Mapping[str, Column]
) -> dict[str, float]:
    for column, rate in rates.items():
        is_share = isinstance(rate, int | float) and 0 <= rate <= 1
        if column not in declared or not is_share:
            raise DeclarationError(
                f"{place}: null_rates takes a share of 0 to 1 for a declared column; "
                f"got {column!r}: {rate!r}." + nearest(column, declared)
            )
    return dict(rates)
