"""Column kinds: what the owner knows about the values of a column, as checked frozen values.

`skewtest.declare.columns` makes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from skewtest.times import TimeType

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# As many as polars, Arrow and most databases hold.
DECIMAL_DIGITS = 38

# int32 is what ids of small tables have, and what joins with an int64 key cast or overflow.
KEY_TYPES: Mapping[str, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int64(),
    "int32": pl.Int32(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What every column kind shares."""

    nullable: bool = False

    @property
    def dtype(self) -> pl.DataType:
        """The polars type of the column, as batch implementations receive it."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Column):
    """An identity: each history draws its own, so that histories cannot meet."""

    type: str = "string"
    variants: bool = True

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return KEY_TYPES[self.type]


INT_TYPES: Mapping[str, pl.DataType] = {
    "int8": pl.Int8(),
    "int16": pl.Int16(),
    "int32": pl.Int32(),
    "int64": pl.Int64(),
    "uint8": pl.UInt8(),
    "uint16": pl.UInt16(),
    "uint32": pl.UInt32(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids(Column):
    """An identity of the event itself, or of what several events are about; see `ids`."""

    repeats: bool = False

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return pl.String()


@dataclass(frozen=True, slots=True, kw_only=True)
class Floats(Column):
    """A float64 column; see `floats`."""

    min: float
    max: float
    step: float | None = None
    nan: bool = False
    inf: bool = False
    negative_zero: bool = False

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return pl.Float64()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ints(Column):
    """A column of whole numbers; see `ints`."""

    min: int
    max: int
    type: str = "int64"

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return INT_TYPES[self.type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decimals(Column):
    """A column of exact decimal numbers; see `decimals`."""

    min: Decimal
    max: Decimal
    scale: int

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return pl.Decimal(DECIMAL_DIGITS, self.scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates(Column):
    """A column of days; see `dates`."""

    min: date | None = None
    max: date | None = None

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return pl.Date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bools(Column):
    """A boolean column; see `bools`."""

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return pl.Boolean()


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories(Column):
    """A string column of known values; see `categories`."""

    values: tuple[str, ...]
    unseen: bool = False

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return pl.String()


@dataclass(frozen=True, slots=True, kw_only=True)
class Strings(Column):
    """A free-text column; see `strings`."""

    max_size: int = 20

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return pl.String()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamps(Column):
    """A datetime column; see `timestamps`."""

    # Without bounds the values lie around the event times, which the history decides on.

    min: datetime | None = None
    max: datetime | None = None
    time: TimeType = field(default_factory=TimeType)

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return self.time.dtype


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors(Column):
    """A column of float64 lists of one size; see `vectors`."""

    size: int
    element: Floats

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        # Not an Array: what feature code is given by stores and JSON has no fixed size either.
        return pl.List(pl.Float64())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists(Column):
    """A column of lists of any size up to one; see `lists`."""

    element: Column
    max_size: int

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return pl.List(self.element.dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structs(Column):
    """A column of records; see `structs`."""

    fields: Mapping[str, Column]

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return pl.Struct({name: column.dtype for name, column in self.fields.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn(Column):
    """A column whose values come from the owner's own Hypothesis strategy."""

    # The text of a composed strategy runs over pages.
    strategy: "SearchStrategy[Any]" = field(repr=False)
    type: pl.DataType

    @property
    def dtype(self) -> pl.DataType:
        """As in Column."""
        return self.type
