"""Column declarations: the functions with which an owner declares columns, and their checks."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from skewtest.declare.bounds import check_moment, check_order, check_size
from skewtest.declare.kinds import (
    KEY_TYPES,
    Bools,
    Categories,
    Column,
    Dates,
    Drawn,
    Ids,
    Key,
    Lists,
    Strings,
    Structs,
    Timestamps,
    Vectors,
)
from skewtest.declare.numbers import floats
from skewtest.errors import DeclarationError, listed, nearest
from skewtest.times import UNITS, TimeType, check_zone

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# A strategy's column has the type of what it draws: fifty draws meet every branch of a `one_of`.
_SAMPLED_VALUES = 50


def key(
    type: Literal["string", "int", "int32"] = "string",
    *,
    variants: bool = True,
    nullable: bool = False,
) -> Key:
    """Declare an identity column, such as a user id.

    Args:
        type: `"string"`, `"int"` (64 bits) or `"int32"`.
        variants: also generate keys that collide when cased, trimmed, padded, joined or cast
            (`"a"`, `"A"`, `"a "`, `"1"`, `"01"`; `2**53` and `2**53 + 1`).
        nullable: also generate events without a key. Nobody asks for a null key.

    Raises:
        DeclarationError: `type` is not one of the three.
    """
    if type not in KEY_TYPES:
        raise DeclarationError(
            f"key(type=...) must be one of {listed(KEY_TYPES)}; got {type!r}."
            + nearest(str(type), KEY_TYPES)
        )
    return Key(type=type, variants=variants, nullable=nullable)


def ids(*, repeats: bool = False, nullable: bool = False) -> Ids:
    """Declare a string column that identifies the event itself, such as an order id.

    No two events share one; an event that is delivered again has the one it had.

    Args:
        repeats: an id comes again with a later event of the same entity, as with updates of a
            status: authorise, settle, reverse.
        nullable: nulls occur.

    Raises:
        DeclarationError: `repeats` is not True or False.
    """
    if not isinstance(repeats, bool):
        raise DeclarationError(f"ids(repeats=...) must be True or False; got {repeats!r}")
    return Ids(repeats=repeats, nullable=nullable)


def dates(min: date | None = None, max: date | None = None, *, nullable: bool = False) -> Dates:
    """Declare a column of days without a time; without bounds they lie around the event times.

    Args:
        min: earliest day.
        max: latest day.
        nullable: nulls occur.

    Raises:
        DeclarationError: a bound is no date, or `min > max`.
    """
    for name, bound in (("min", min), ("max", max)):
        # A datetime is a date of Python's, and no day.
        if bound is not None and (not isinstance(bound, date) or isinstance(bound, datetime)):
            raise DeclarationError(f"dates({name}=...) must be a datetime.date; got {bound!r}")
    if min is not None and max is not None:
        check_order("dates", min, max)
    return Dates(min=min, max=max, nullable=nullable)


def lists(element: Any, *, max_size: int = 5, nullable: bool = False) -> Lists:
    """Declare a column of lists of any size, empty ones among them, such as the items of a basket.

    Args:
        element: the column that the values of a list are of, or a Hypothesis strategy.
        max_size: values of the longest list.
        nullable: nulls occur, of whole lists; those of single values are the element's.

    Raises:
        DeclarationError: `element` is no column, or `max_size` is not an int above 0.
    """
    check_size("lists(max_size=...)", max_size)
    return Lists(element=as_column("lists(element)", element), max_size=max_size, nullable=nullable)


def bools(*, nullable: bool = False) -> Bools:
    """Declare a boolean column."""
    return Bools(nullable=nullable)


def categories(*values: str, nullable: bool = False, unseen: bool = False) -> Categories:
    """Declare a string column that takes a few known values.

    Args:
        values: the known values, at least one.
        nullable: nulls occur.
        unseen: values outside the list occur too, odd-cased and padded ones among them.

    Raises:
        DeclarationError: no values, a value that is not a string, or a repeated value.
    """
    if not values:
        raise DeclarationError("categories(...) needs at least one value; got nothing")
    for value in values:
        if not isinstance(value, str):
            raise DeclarationError(
                f"categories(...) takes strings; got {value!r} ({type(value).__name__}). "
                "For numbers use ints() or hypothesis.strategies.sampled_from()."
            )
    if len(set(values)) < len(values):
        repeated = next(value for value in values if values.count(value) > 1)
        raise DeclarationError(f"categories(...) got {repeated!r} twice; each value once")
    return Categories(values=values, nullable=nullable, unseen=unseen)


def strings(*, max_size: int = 20, nullable: bool = False) -> Strings:
    """Declare a free-text column: empty, odd-cased, padded, numeric-looking and non-ASCII text.

    Args:
        max_size: characters of the longest value.
        nullable: nulls occur.

    Raises:
        DeclarationError: `max_size` is not an int above 0.
    """
    check_size("strings(max_size=...)", max_size)
    return Strings(max_size=max_size, nullable=nullable)


def timestamps(
    min: datetime | None = None,
    max: datetime | None = None,
    *,
    nullable: bool = False,
    zone: str | None = "UTC",
    unit: Literal["ms", "us", "ns"] = "us",
) -> Timestamps:
    """Declare a datetime column; without bounds its values lie around the event times.

    Args:
        min: earliest value; aware, unless `zone=None`.
        max: latest value; aware, unless `zone=None`.
        nullable: nulls occur.
        zone: IANA zone of the column; `None` for naive datetimes.
        unit: `"ms"`, `"us"` or `"ns"`.

    Raises:
        DeclarationError: a bound is no datetime, or naive where the column is aware.
    """
    if unit not in UNITS:
        raise DeclarationError(f"timestamps(unit=...) must be one of {listed(UNITS)}; got {unit!r}")
    zone = check_zone("timestamps(zone=...)", zone)
    for name, bound in (("min", min), ("max", max)):
        if bound is not None:
            check_moment(f"timestamps({name}=...)", bound, zone)
    if min is not None and max is not None:
        check_order("timestamps", min, max)
    return Timestamps(min=min, max=max, nullable=nullable, time=TimeType(unit, zone))


def vectors(
    size: int,
    min: float = -1.0,
    max: float = 1.0,
    *,
    nullable: bool = False,
) -> Vectors:
    """Declare a column of float64 lists of one size, such as an embedding.

    Args:
        size: numbers in each list.
        min: smallest number, finite.
        max: largest number, finite.
        nullable: nulls occur, of whole lists.

    Raises:
        DeclarationError: `size` is not an int above 0, or a bound is wrong as in `floats`.
    """
    check_size("vectors(size=...)", size)
    return Vectors(size=size, element=floats(min, max), nullable=nullable)


def structs(fields: Mapping[str, Any], *, nullable: bool = False) -> Structs:
    """Declare a column of records with named, declared fields.

    Args:
        fields: columns or Hypothesis strategies by field name.
        nullable: nulls occur, of whole records.

    Raises:
        DeclarationError: no fields, or a field that is no column declaration.
    """
    if not isinstance(fields, Mapping) or not fields:
        raise DeclarationError(f"structs(...) needs a dict of columns; got {fields!r}")
    declared = {name: as_column(f"structs({name!r})", column) for name, column in fields.items()}
    return Structs(fields=declared, nullable=nullable)


def as_column(place: str, declared: object) -> Column:
    """Return a declared column, wrapping a Hypothesis strategy.

    Args:
        place: how errors call it.
        declared: a column or a strategy.

    Raises:
        DeclarationError: it is neither, or no frame can hold what the strategy draws.
    """
    if isinstance(declared, Column):
        return declared
    # A strategy is known by what it can do: importing Hypothesis to ask costs 0.3 s.
    if callable(getattr(declared, "example", None)) and hasattr(declared, "map"):
        return _column_of_strategy(place, declared)  # type: ignore[arg-type]
    hint = ""
    if callable(declared):
        hint = " Call it: key()."
    raise DeclarationError(
        f"{place} must be a column such as key(), floats(0, 1), ints(), categories('a', 'b') "
        f"or a Hypothesis strategy; got {declared!r}.{hint}"
    )


def _column_of_strategy(place: str, strategy: "SearchStrategy[Any]") -> Drawn:
    values = _draw_sample(strategy)
    # A strategy that draws None declares nulls; they have no type of their own.
    present = [value for value in values if value is not None]
    try:
        dtype = pl.Series(present, strict=True).dtype
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise DeclarationError(
            f"{place}: no frame column can hold what the strategy {strategy!r} draws, "
            f"for example {present[:3]!r} ({error})"
        ) from error
    if dtype == pl.Object:
        raise DeclarationError(
            f"{place}: the strategy {strategy!r} draws {type(present[0]).__name__} objects, "
            "which no frame column can hold; map it to numbers, strings, dates or lists"
        )
    return Drawn(strategy=strategy, type=dtype, nullable=len(present) < len(values))


def _draw_sample(strategy: "SearchStrategy[Any]") -> list[Any]:
    """Draw some values, the same each time: enough to know the type of the column."""
    # Hypothesis costs 0.3 s to import: only who declares a strategy has it loaded already.
    from hypothesis import HealthCheck, Phase, given, seed, settings

    values: list[Any] = []

    @seed(0)
    @settings(
        max_examples=_SAMPLED_VALUES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Any) -> None:
        values.append(value)

    collect()
    return values
