"""A source: a named stream or table of events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from skewtest.declare.bounds import check_span, check_time_step
from skewtest.declare.code import code_of_source
from skewtest.declare.columns import as_column
from skewtest.declare.kinds import Column, Key, Timestamps
from skewtest.declare.learn import Rhythm, as_rhythm, learn
from skewtest.declare.logs import Log, load_log, scan_csv, scan_parquet
from skewtest.declare.schemas import pandera_columns
from skewtest.errors import DeclarationError, listed, nearest
from skewtest.times import UNITS, TimeType, Unit, check_zone, micros


@dataclass(frozen=True, slots=True, init=False)
class Source:
    """A named stream or table of events.

    Attributes:
        name: how views, batch parameters and reports call it.
        time: the column that holds the event time.
        columns: the other columns, by name.
        arrival: the column that holds the arrival time, if the log has one.
        type: unit and zone of its times.
        step: the resolution of its event times, None for that of their unit.
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
    step: timedelta | None
    start: datetime | None
    end: datetime | None
    rhythm: Rhythm
    # Of a wide log this is a line for each column, which no error message needs.
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
        step: timedelta | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        rhythm: Rhythm | Mapping[str, Any] | None = None,
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
            step: the resolution of event times, such as `timedelta(seconds=1)`: they are whole
                multiples of it since the epoch. `as_of` values are too, where all sources have one.
            start: earliest event time to generate, aware unless `zone=None`.
            end: latest event time to generate.
            rhythm: gaps and ties to imitate, as learned; or a dict of "gaps" and "ties".
            null_rates: typical share of nulls by column.

        Raises:
            DeclarationError: names the argument, what it got and what it wanted.
        """
        label = f"Source({name!r})"
        _check_name(name)
        declared = _check_columns(label, time, columns)
        time_column = declared.pop(time, None)
        # A time column that is declared says more than the arguments: it was learned or is exact.
        if isinstance(time_column, Timestamps):
            start, end = start or time_column.min, end or time_column.max
            zone, unit = time_column.time.zone, time_column.time.unit
        if not declared:
            raise DeclarationError(f"{label}: columns has only the time column; add the entity key")
        if unit not in UNITS:
            raise DeclarationError(f"{label}: unit must be one of {listed(UNITS)}; got {unit!r}")
        zone = check_zone(f"{label}: zone", zone)
        time_type = TimeType(unit, zone)
        check_time_step(f"{label}: step", step, time_type)
        _check_arrival(label, arrival, declared)
        check_span(label, start, end, zone)
        rates = _check_rates(label, null_rates or {}, declared)
        # A frozen dataclass has no other way to set what was checked and made plain.
        for attribute, value in (
            ("name", name),
            ("time", time),
            ("columns", MappingProxyType(declared)),
            ("arrival", arrival),
            ("type", time_type),
            ("step", step),
            ("start", start),
            ("end", end),
            ("rhythm", as_rhythm(f"{label}: rhythm", rhythm)),
            ("null_rates", MappingProxyType(rates)),
        ):
            object.__setattr__(self, attribute, value)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns declared as `key()`."""
        return tuple(name for name, kind in self.columns.items() if isinstance(kind, Key))

    @property
    def tick(self) -> int:
        """The smallest distance of two of its event times, in microseconds."""
        return self.type.tick if self.step is None else micros(self.step)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column names to polars types, the time column first."""
        schema: dict[str, pl.DataType] = {self.time: self.type.dtype}
        for name, column in self.columns.items():
            schema[name] = column.dtype
        return schema

    def to_code(self) -> str:
        """Return Python code that declares the source, so that what was learned can be changed.

        Raises:
            DeclarationError: a column is a Hypothesis strategy.
        """
        return code_of_source(self)

    @classmethod
    def from_polars(
        cls,
        frame: Log,
        name: str,
        *,
        time: str,
        keys: Sequence[str] = (),
        arrival: str | None = None,
        columns: Mapping[str, object] | None = None,
        step: timedelta | None = None,
        ids: Sequence[str] = (),
    ) -> "Source":
        """Learn a source from a real log: ranges, steps, null rates, categories, gaps and ties.

        Args:
            frame: the log; one row an event: a polars DataFrame or LazyFrame, a pandas or pyarrow
                table, or the path of a Parquet or CSV file.
            name: name of the source.
            time: the event-time column (Datetime).
            keys: the identity columns. Needed for gaps; a key is never learned as a category.
            arrival: the arrival-time column.
            columns: declarations that win over what would be learned.
            step: the resolution of event times, where that is not to be learned.
            ids: the columns that tell what events are about, such as an order id; whether one of
                them comes again is learned.

        Raises:
            DeclarationError: the frame is empty, a named column is missing, the time column is
                no Datetime or holds nulls, an event lies between two steps, or a column has a type
                that cannot be generated.
        """
        label = f"Source({name!r})"
        log = load_log(f"{label}: the log", frame)
        return cls(
            name,
            **learn(
                log,
                label,
                time=time,
                keys=keys,
                arrival=arrival,
                columns=columns,
                step=step,
                ids=ids,
            ),
        )

    @classmethod
    def from_pandas(cls, frame: Any, name: str, **learning: Any) -> "Source":
        """Learn a source from a pandas frame; an index with a name is a column.

        Args:
            frame: the log; one row an event.
            name: name of the source.
            learning: the other arguments of `from_polars`.

        Raises:
            DeclarationError: as in `from_polars`.
        """
        return cls.from_polars(frame, name, **learning)

    @classmethod
    def from_csv(cls, path: str | Path, name: str, **learning: Any) -> "Source":
        """Learn a source from a CSV file with a header, read lazily; times are recognised.

        Args:
            path: the file, or a pattern of several.
            name: name of the source.
            learning: the other arguments of `from_polars`.

        Raises:
            DeclarationError: there is no such file, it cannot be read, or as in `from_polars`.
        """
        return cls.from_polars(scan_csv("from_csv", path), name, **learning)

    @classmethod
    def from_arrow(cls, table: Any, name: str, **learning: Any) -> "Source":
        """Learn a source from a pyarrow table; with an empty one, from its schema alone.

        Args:
            table: the log; one row an event.
            name: name of the source.
            learning: the other arguments of `from_polars`.

        Raises:
            DeclarationError: it is no table, or as in `from_polars`.
        """
        return cls.from_polars(table, name, **learning)

    @classmethod
    def from_parquet(cls, path: str | Path, name: str, **learning: Any) -> "Source":
        """Learn a source from a Parquet file or glob, read lazily.

        Args:
            path: the file, or a pattern of several.
            name: name of the source.
            learning: the other arguments of `from_polars`.

        Raises:
            DeclarationError: there is no such file, it cannot be read, or as in `from_polars`.
        """
        return cls.from_polars(scan_parquet("from_parquet", path), name, **learning)

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

        Args:
            schema: the schema, of the log's columns.
            name: name of the source.
            time: the event-time column.
            keys: the identity columns.
            arrival: the arrival-time column.
            columns: declarations that win over what the schema says.
            zone: IANA zone of the times; `None` for naive ones.

        Raises:
            DeclarationError: a column has a type that cannot be generated.
        """
        declared = dict(columns or {})
        described = pandera_columns(schema, f"Source({name!r})", time, keys, declared)
        return cls(name, time=time, columns={**described, **declared}, arrival=arrival, zone=zone)


def _check_name(name: object) -> None:
    # Batch functions take the source's frame as a parameter of this name.
    if not isinstance(name, str) or not name.isidentifier():
        raise DeclarationError(f"Source name must be a Python identifier; got {name!r}")


def _check_columns(place: str, time: str, columns: Mapping[str, object]) -> dict[str, Column]:
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
    declared = {}
    for column in (time, *columns):
        # Hidden columns of a history begin so: `#lane`, `#delay`.
        if not isinstance(column, str) or column.startswith("#") or not column:
            raise DeclarationError(
                f"{place}: a column name must be a string that does not start with '#'; "
                f"got {column!r}"
            )
    for name, kind in columns.items():
        declared[name] = as_column(f"{place}: column {name!r}", kind)
    time_column = declared.get(time)
    if time_column is not None and not isinstance(time_column, Timestamps):
        raise DeclarationError(
            f"{place}: time column {time!r} must be timestamps() or left out of columns; "
            f"got {type(time_column).__name__.lower()}()"
        )
    return declared


def _check_arrival(place: str, arrival: str | None, declared: Mapping[str, Column]) -> None:
    if arrival is not None and not isinstance(declared.get(arrival), Timestamps):
        raise DeclarationError(
            f"{place}: arrival must name a timestamps() column, one of {listed(declared)}; "
            f"got {arrival!r}." + nearest(str(arrival), declared)
        )


def _check_rates(
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
