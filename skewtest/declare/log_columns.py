"""Columns of a real log: which declaration fits the values that a column holds."""

from typing import Any, NamedTuple, cast

import polars as pl

from skewtest.declare.kinds import (
    INT_TYPES,
    Bools,
    Categories,
    Column,
    Dates,
    Decimals,
    Floats,
    Ids,
    Ints,
    Key,
    Lists,
    Strings,
    Structs,
    Timestamps,
    Vectors,
)
from skewtest.declare.numbers import INT64, MOST_DIGITS, decimals, floats, ints
from skewtest.errors import DeclarationError
from skewtest.times import TimeType

# A column of more distinct texts than this is free text: nobody compares with all of them.
MOST_CATEGORIES = 50

# Half the values being distinct is no sign of categories, whatever their number; two always are.
FEW_CATEGORIES = 2

# 0.1 has no float64: a whole multiple of a step is one up to what dividing by it rounds.
NEXT_TO_NOTHING = 1e-9

# Whole numbers, halves, quarters, tenths, nickels, cents and mills; the coarsest that fits.
STEPS = (1.0, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001)

# What a column without a single value is taken for.
_DEFAULT_TEXT_SIZE = 20


class LogColumn(NamedTuple):
    """A column of a log: `source` is how errors call it, `rows` the number of all its events."""

    log: pl.LazyFrame
    source: str
    name: str
    dtype: pl.DataType
    rows: int

    @property
    def nullable(self) -> bool:
        """Whether nulls occur. A log without events tells nothing, so there they may."""
        return not self.rows or _has_nulls(self.log, self.name)

    def extent(self) -> tuple[Any, Any]:
        """Return the smallest and the largest value, None where there is none."""
        return _find_extent(self.log, self.name)


def _has_nulls(log: pl.LazyFrame, name: str) -> bool:
    return bool(log.select(pl.col(name).null_count()).collect().item() > 0)


def _find_extent(log: pl.LazyFrame, name: str) -> tuple[Any, Any]:
    column = pl.col(name)
    extent = log.select(column.min().alias("low"), column.max().alias("high")).collect()
    return cast("tuple[Any, Any]", extent.row(0))


def _is_text(dtype: pl.DataType) -> bool:
    return dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum)


def learn_key(column: LogColumn) -> Key:
    """Return the key that fits a column; its values are never learned, they are drawn anew.

    Raises:
        DeclarationError: it holds neither texts nor integers.
    """
    dtype = column.dtype
    nullable = _has_nulls(column.log, column.name)
    if _is_text(dtype):
        return Key(type="string", nullable=nullable)
    if dtype in (pl.Int64, pl.UInt64):
        return Key(type="int", nullable=nullable)
    if dtype.is_integer():
        return Key(type="int32", nullable=nullable)
    raise DeclarationError(
        f"{column.source}: key {column.name!r} must be a string or an integer; got {dtype}"
    )


def learn_ids(column: LogColumn) -> Ids:
    """Return the ids that fit a column: whether one of them comes again is learned.

    Raises:
        DeclarationError: it holds no texts.
    """
    if not _is_text(column.dtype):
        raise DeclarationError(
            f"{column.source}: ids {column.name!r} must be strings; got {column.dtype}. Cast them, "
            "or leave them out of ids=."
        )
    return Ids(repeats=has_repeats(column), nullable=column.nullable)


def has_repeats(column: LogColumn) -> bool:
    """Return whether some value of a column is there twice."""
    value = pl.col(column.name).drop_nulls()
    return bool(column.log.select(value.len() > value.n_unique()).collect().item())


def learn_column(column: LogColumn) -> Column:
    """Return the declaration that fits a column's values.

    Raises:
        DeclarationError: it has a type that cannot be generated.
    """
    dtype = column.dtype
    if dtype.is_integer():
        return _learn_ints(column)
    if dtype.is_float():
        return _learn_floats(column)
    if dtype == pl.Boolean:
        return Bools(nullable=column.nullable)
    if _is_text(dtype):
        return _learn_texts(column)
    if isinstance(dtype, pl.Datetime):
        low, high = column.extent()
        time_type = TimeType(dtype.time_unit, dtype.time_zone)
        return Timestamps(min=low, max=high, nullable=column.nullable, time=time_type)
    if dtype == pl.Date:
        low, high = column.extent()
        return Dates(min=low, max=high, nullable=column.nullable)
    if isinstance(dtype, pl.Decimal):
        return _learn_decimals(column, dtype)
    if isinstance(dtype, pl.List | pl.Array):
        return _learn_lists(column, dtype)
    if isinstance(dtype, pl.Struct):
        return _learn_structs(column, dtype)
    raise DeclarationError(
        f"{column.source}: column {column.name!r} has type {dtype}, which cannot be learned; "
        f"declare it with columns={{{column.name!r}: <column or Hypothesis strategy>}} or drop it"
    )


def _learn_ints(column: LogColumn) -> Ints:
    low, high = column.extent()
    name = str(column.dtype).lower()
    if name not in INT_TYPES:
        name = "int64"
    if low is None:
        return ints(type=name, nullable=column.nullable)  # type: ignore[arg-type] # of INT_TYPES
    # A UInt64 reaches beyond int64, in which columns of ints are generated.
    low, high = max(low, -INT64), min(high, INT64 - 1)
    return Ints(min=low, max=high, type=name, nullable=column.nullable)


def _learn_decimals(column: LogColumn, dtype: pl.Decimal) -> Decimals:
    low, high = column.extent()
    scale = min(dtype.scale, MOST_DIGITS)
    if low is None:
        return decimals(scale=scale, nullable=column.nullable)
    return decimals(low, high, scale=scale, nullable=column.nullable)


def _learn_lists(column: LogColumn, dtype: pl.List | pl.Array) -> Lists | Vectors:
    """Return vectors where all lists are of floats and of one size, lists of values otherwise."""
    inner = cast("pl.DataType", dtype.inner)
    values = pl.col(column.name).cast(pl.List(inner))
    sizes = column.log.select(
        values.list.len().min().alias("least"), values.list.len().max().alias("most")
    )
    least, most = sizes.collect().row(0)
    if inner in (pl.Float64, pl.Float32) and least == most:
        return _learn_vectors(column)
    single = column.log.select(values.explode())
    element = LogColumn(single, column.source, column.name, inner, column.rows)
    return Lists(element=learn_column(element), max_size=most or 1, nullable=column.nullable)


def _learn_floats(column: LogColumn) -> Floats:
    raw = pl.col(column.name).cast(pl.Float64)
    number = raw.filter(raw.is_finite())
    facts = [
        number.min().alias("low"),
        number.max().alias("high"),
        raw.is_nan().any().alias("nan"),
        raw.is_infinite().any().alias("inf"),
    ]
    for step in STEPS:
        multiples = number / step
        facts.append((multiples - multiples.round()).abs().max().alias(f"step {step}"))
    row = column.log.select(facts).collect().row(0, named=True)
    nan, inf = bool(row["nan"]), bool(row["inf"])
    # Nulls, NaN and infinities alone: they occur, and tell nothing of the range.
    if row["low"] is None:
        return floats(nullable=column.nullable, nan=nan, inf=inf)
    fitting_steps = [step for step in STEPS if row[f"step {step}"] < NEXT_TO_NOTHING]
    return Floats(
        min=row["low"],
        max=row["high"],
        step=next(iter(fitting_steps), None),
        nullable=column.nullable,
        nan=nan,
        inf=inf,
    )


def _learn_texts(column: LogColumn) -> Strings | Categories:
    text = pl.col(column.name).cast(pl.String)
    facts = column.log.select(
        text.count(),
        text.drop_nulls().n_unique().alias("distinct"),
        text.str.len_chars().max().alias("longest"),
    )
    rows, distinct, longest = facts.collect().row(0)
    most = min(MOST_CATEGORIES, max(FEW_CATEGORIES, rows // 2))
    if 0 < distinct <= most:
        values = column.log.select(text.drop_nulls().unique().sort()).collect().to_series()
        return Categories(values=tuple(values.to_list()), nullable=column.nullable)
    return Strings(max_size=max(longest or _DEFAULT_TEXT_SIZE, 1), nullable=column.nullable)


def _learn_vectors(column: LogColumn) -> Vectors:
    name = column.name
    numbers = pl.col(name).cast(pl.List(pl.Float64))
    size = column.log.select(numbers.list.len().max()).collect().item()
    elements = column.log.select(numbers.explode())
    low, high = _find_extent(elements.filter(pl.col(name).is_finite()), name)
    if low is None:
        low, high = -1, 1
    return Vectors(size=size or 1, element=floats(low, high), nullable=column.nullable)


def _learn_structs(column: LogColumn, dtype: pl.Struct) -> Structs:
    records = column.log.select(pl.col(column.name).struct.unnest())
    fields = {}
    for field in dtype.fields:
        inner_type = cast("pl.DataType", field.dtype)
        inner = LogColumn(records, column.source, field.name, inner_type, column.rows)
        fields[field.name] = learn_column(inner)
    return Structs(fields=fields, nullable=column.nullable)
