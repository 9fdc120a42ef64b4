"""Learn a declaration from a real log or a schema: the facts that generation needs."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import polars as pl

from skewtest.declare.columns import INT64, bools, categories, floats, ints, strings, timestamps
from skewtest.declare.kinds import (
    Bools,
    Categories,
    Column,
    Floats,
    Ints,
    Key,
    Strings,
    Structs,
    Timestamps,
    Vectors,
)
from skewtest.errors import DeclarationError, LogWarning, listed, nearest
from skewtest.times import TimeType

MOST_CATEGORIES = 50
NEXT_TO_NOTHING = 1e-9
GAP_QUANTILES = (0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
STEPS = (1.0, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What a real log taught about time: gaps between an entity's events, and ties.

    Attributes:
        gaps: typical gaps, as quantiles from the smallest to the largest.
        ties: the share of events that have the same time as the event before.
    """

    gaps: tuple[timedelta, ...] = ()
    ties: float = 0.0


def learn(
    frame: pl.DataFrame | pl.LazyFrame,
    place: str,
    *,
    time: str,
    keys: Sequence[str],
    arrival: str | None,
    columns: Mapping[str, object] | None,
) -> dict[str, Any]:
    """Return the keyword arguments of the Source that fits a log, read in a few aggregations."""
    log = frame.lazy()
    schema = log.collect_schema()
    if isinstance(keys, str):
        raise DeclarationError(f"{place}: keys must be a list of column names; got {keys!r}")
    for argument, names in (("time", [time]), ("keys", keys), ("columns", columns or ())):
        for name in names:
            if name not in schema:
                raise DeclarationError(
                    f"{place}: {argument} names {name!r}, which is no column of the log; "
                    f"it has {listed(schema)}." + nearest(name, schema)
                )
    moments = schema[time]
    if not isinstance(moments, pl.Datetime):
        raise DeclarationError(
            f"{place}: time column {time!r} must be a Datetime; got {moments}. "
            "Convert it first, for example with .str.to_datetime() or pl.from_epoch()."
        )
    if arrival is not None:
        _warn_of_early(log, place, time, arrival)
    given = dict(columns or {})
    rows, nulls, first, last = (
        log.select(
            pl.len(),
            pl.col(time).null_count().alias("nulls"),
            pl.col(time).min().alias("first"),
            pl.col(time).max().alias("last"),
        )
        .collect()
        .row(0)
    )
    if nulls:
        raise DeclarationError(
            f"{place}: time column {time!r} is null in {nulls:,} of {rows:,} events; "
            "drop or fix them first: an event without a time cannot be ordered"
        )
    learned = {
        name: _key(log, place, name, dtype)
        if name in keys
        else _column(log, place, name, dtype, rows)
        for name, dtype in schema.items()
        if name != time and name not in given
    }
    rates: dict[str, float] = {}
    if rows:
        counts = log.select(pl.all().null_count()).collect().row(0, named=True)
        rates = {n: counts[n] / rows for n in schema if counts[n] and n != time}
    wide = first is not None and first < last
    return {
        "time": time,
        "columns": {n: given.get(n, learned.get(n)) for n in schema if n != time},
        "arrival": arrival,
        "zone": moments.time_zone,
        "unit": moments.time_unit,
        "start": first if wide else None,
        "end": last if wide else None,
        "rhythm": _rhythm(log, time, keys) if rows else Rhythm(),
        "null_rates": rates,
    }


def _warn_of_early(log: pl.LazyFrame, place: str, time: str, arrival: str) -> None:
    """Warn where a log says that events arrived before they happened."""
    if not isinstance(log.collect_schema().get(arrival), pl.Datetime):
        return  # declared otherwise, which is told where columns are checked
    ahead = pl.col(time) - pl.col(arrival)
    rows, early, most = (
        log.select(pl.len(), (ahead > timedelta(0)).sum().alias("early"), ahead.max().alias("most"))
        .collect()
        .row(0)
    )
    if early:
        warnings.warn(
            f"{place}: {arrival!r} is before {time!r} in {early:,} of {rows:,} events of the log, "
            f"by up to {most}. Nothing is changed; check which clocks wrote them.",
            LogWarning,
            stacklevel=4,
        )


def pandera_columns(
    schema: Any, place: str, time: str, keys: Sequence[str], given: Mapping[str, object]
) -> dict[str, Column]:
    """Return the columns that a pandera DataFrameSchema declares, but for those that are given."""
    described = getattr(schema, "columns", None)
    if not isinstance(described, Mapping):
        raise DeclarationError(
            f"{place}: from_pandera takes a DataFrameSchema (or Model.to_schema()); got {schema!r}"
        )
    for name in (time, *keys):
        if name not in described:
            raise DeclarationError(
                f"{place}: {name!r} is no column of the schema; it has {listed(described)}."
                + nearest(name, described)
            )
    return {
        name: _pandera_column(place, name, column, is_key=name in keys)
        for name, column in described.items()
        if name != time and name not in given
    }


def _key(log: pl.LazyFrame, place: str, name: str, dtype: pl.DataType) -> Key:
    nullable = log.select(pl.col(name).null_count()).collect().item() > 0
    if dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        return Key(type="string", nullable=nullable)
    if dtype.is_integer():
        kind = "int" if dtype in (pl.Int64, pl.UInt64) else "int32"
        return Key(type=kind, nullable=nullable)
    raise DeclarationError(f"{place}: key {name!r} must be a string or an integer; got {dtype}")


def _column(log: pl.LazyFrame, place: str, name: str, dtype: pl.DataType, rows: int) -> Column:
    nullable = not rows or log.select(pl.col(name).null_count()).collect().item() > 0
    if dtype.is_integer():
        low, high = _extent(log, name)
        return Ints(
            min=max(low if low is not None else -(2**31), -INT64),
            max=min(high if high is not None else 2**31 - 1, INT64 - 1),
            nullable=nullable,
        )
    if dtype.is_float():
        return _floats(log, name, nullable=nullable)
    if dtype == pl.Boolean:
        return Bools(nullable=nullable)
    if dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        return _strings(log, name, nullable=nullable)
    if isinstance(dtype, pl.Datetime):
        low, high = _extent(log, name)
        unit = dtype.time_unit
        return Timestamps(
            min=low, max=high, nullable=nullable, time=TimeType(unit, dtype.time_zone)
        )
    if isinstance(dtype, pl.List | pl.Array) and dtype.inner in (pl.Float64, pl.Float32):
        size = log.select(pl.col(name).cast(pl.List(pl.Float64)).list.len().max()).collect().item()
        elements = log.select(pl.col(name).cast(pl.List(pl.Float64)).explode())
        low, high = _extent(elements.filter(pl.col(name).is_finite()), name)
        element = floats(-1, 1) if low is None else floats(low, high)
        return Vectors(size=size or 1, element=element, nullable=nullable)
    if isinstance(dtype, pl.Struct):
        inner = log.select(pl.col(name).struct.unnest())
        fields = {f.name: _column(inner, place, f.name, f.dtype, rows) for f in dtype.fields}  # type: ignore[arg-type]
        return Structs(fields=fields, nullable=nullable)
    raise DeclarationError(
        f"{place}: column {name!r} has type {dtype}, which cannot be learned; "
        f"declare it with columns={{{name!r}: <column or Hypothesis strategy>}} or drop it"
    )


def _extent(log: pl.LazyFrame, name: str) -> tuple[Any, Any]:
    column = pl.col(name)
    found = log.select(column.min().alias("low"), column.max().alias("high")).collect()
    return cast("tuple[Any, Any]", found.row(0))


def _floats(log: pl.LazyFrame, name: str, *, nullable: bool) -> Floats:
    raw = pl.col(name).cast(pl.Float64)
    number = raw.filter(raw.is_finite())
    found = (
        log.select(
            number.min().alias("low"),
            number.max().alias("high"),
            raw.is_nan().any().alias("nan"),
            raw.is_infinite().any().alias("inf"),
            *(
                ((number / step) - (number / step).round()).abs().max().alias(f"step {step}")
                for step in STEPS
            ),
        )
        .collect()
        .row(0, named=True)
    )
    if found["low"] is None:
        return floats(nullable=nullable, nan=bool(found["nan"]), inf=bool(found["inf"]))
    return Floats(
        min=found["low"],
        max=found["high"],
        step=next((step for step in STEPS if found[f"step {step}"] < NEXT_TO_NOTHING), None),
        nullable=nullable,
        nan=bool(found["nan"]),
        inf=bool(found["inf"]),
    )


def _strings(log: pl.LazyFrame, name: str, *, nullable: bool) -> Strings | Categories:
    text = pl.col(name).cast(pl.String)
    rows, distinct, longest = (
        log.select(
            text.count(),
            text.drop_nulls().n_unique().alias("distinct"),
            text.str.len_chars().max().alias("longest"),
        )
        .collect()
        .row(0)
    )
    if 0 < distinct <= MOST_CATEGORIES and distinct <= max(2, rows // 2):
        values = log.select(text.drop_nulls().unique().sort()).collect().to_series().to_list()
        return Categories(values=tuple(values), nullable=nullable)
    return Strings(max_size=max(longest or 20, 1), nullable=nullable)


def _rhythm(log: pl.LazyFrame, time: str, keys: Sequence[str]) -> Rhythm:
    moments = pl.col(time).cast(pl.Datetime("us"))
    ordered = log.select(*keys, moments.dt.epoch("us").alias("#time")).sort("#time")
    ties = ordered.select((pl.col("#time").diff() == 0).mean()).collect().item()
    gap = pl.col("#time").diff().over(list(keys)) if keys else pl.col("#time").diff()
    gaps = ordered.select(gap.alias("#gap")).drop_nulls()
    found = (
        gaps.select(pl.col("#gap").quantile(q).alias(str(q)) for q in GAP_QUANTILES)
        .collect()
        .row(0)
    )
    known = tuple(timedelta(microseconds=int(gap)) for gap in found if gap is not None)
    return Rhythm(gaps=known, ties=float(ties or 0.0))


def _pandera_column(place: str, name: str, column: Any, *, is_key: bool) -> Column:
    dtype = str(column.dtype).lower()
    nullable = bool(column.nullable)
    facts: dict[str, Any] = {}
    for check in column.checks or ():
        facts |= dict(check.statistics or {})
    allowed = facts.get("allowed_values")
    low = facts.get("min_value", facts.get("min"))
    high = facts.get("max_value", facts.get("max"))
    if is_key:
        return Key(type="int" if "int" in dtype else "string", nullable=nullable)
    if "bool" in dtype:
        return bools(nullable=nullable)
    if "int" in dtype:
        return ints(*_range(low, high, (-(2**31), 2**31 - 1), int), nullable=nullable)
    if "float" in dtype:
        return floats(*_range(low, high, (-1e6, 1e6), float), nullable=nullable)
    if "datetime" in dtype:
        zone = "UTC" if "utc" in dtype else None
        return timestamps(nullable=nullable, zone=zone)
    if allowed is not None:
        return categories(*map(str, allowed), nullable=nullable)
    if any(word in dtype for word in ("str", "object", "categor", "utf8")):
        return strings(nullable=nullable)
    raise DeclarationError(
        f"{place}: column {name!r} has pandera type {dtype}, which cannot be generated; "
        f"declare it with columns={{{name!r}: <column or Hypothesis strategy>}}"
    )


def _range(low: Any, high: Any, default: tuple[Any, Any], kind: type) -> tuple[Any, Any]:
    """Return declared bounds; a missing one is the default, moved out if it would cross."""
    low = default[0] if low is None else low
    high = default[1] if high is None else high
    if low > high:
        low, high = (low, low + default[1]) if low > default[1] else (high + default[0], high)
    return kind(math.ceil(low)) if kind is int else kind(low), kind(high)
