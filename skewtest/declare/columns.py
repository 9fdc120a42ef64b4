"""Column declarations: the functions with which an owner declares columns, and their checks."""

import builtins
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import polars as pl

from skewtest.declare.bounds import check_moment, check_order, check_size, check_step, is_finite
from skewtest.declare.kinds import (
    INT_TYPES,
    KEY_TYPES,
    Bools,
    Categories,
    Column,
    Dates,
    Decimals,
    Drawn,
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
from skewtest.errors import DeclarationError, listed, nearest
from skewtest.times import UNITS, TimeType, check_zone

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

# One beyond the largest int64: the bound of what a column of ints holds.
INT64 = 2**63

IntType: TypeAlias = Literal["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"]

# What an int64 surely holds: decimals are generated as whole numbers of their last digit.
MOST_DIGITS = 18

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


def floats(
    min: float = -1e6,
    max: float = 1e6,
    *,
    step: float | None = None,
    nullable: bool = False,
    nan: bool = False,
    inf: bool = False,
    negative_zero: bool = False,
) -> Floats:
    """Declare a float64 column with the owner's real range.

    Args:
        min: smallest value, finite.
        max: largest value, finite.
        step: values are whole multiples of it (`0.01` for cents, `1` for whole numbers).
        nullable: nulls occur.
        nan: NaN occurs.
        inf: infinities occur (also beyond the range).
        negative_zero: -0.0 occurs.

    Raises:
        DeclarationError: a bound is not finite, `min > max`, or `step` is not above 0.
    """
    for name, bound in (("min", min), ("max", max)):
        if not is_finite(bound):
            raise DeclarationError(f"floats({name}=...) must be a finite number; got {bound!r}")
    check_order("floats", min, max)
    if step is not None:
        step = check_step(step, min, max)
    return Floats(
        min=float(min),
        max=float(max),
        step=step,
        nullable=nullable,
        nan=nan,
        inf=inf,
        negative_zero=negative_zero,
    )


def ints(
    min: int | None = None,
    max: int | None = None,
    *,
    type: IntType = "int64",
    nullable: bool = False,
) -> Ints:
    """Declare a column of whole numbers with the owner's real range, both ends included.

    Args:
        min: smallest value; by default that of 32 bits, or of `type` where it holds less.
        max: largest value; likewise.
        type: `"int64"`, or `"int8"`, `"int16"`, `"int32"`, `"uint8"`, `"uint16"`, `"uint32"`, in
            which sums of the values can overflow.
        nullable: nulls occur.

    Raises:
        DeclarationError: there is no such type, a bound is not an int or does not fit it, or
            `min > max`.
    """
    if type not in INT_TYPES:
        raise DeclarationError(
            f"ints(type=...) must be one of {listed(INT_TYPES)}; got {type!r}."
            + nearest(str(type), INT_TYPES)
        )
    bits = int(type.removeprefix("u").removeprefix("int"))
    smallest, largest, sign = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, ""
    if type.startswith("u"):
        smallest, largest, sign = 0, 2**bits - 1, " without a sign"
    low = builtins.max(smallest, -(2**31)) if min is None else min
    high = builtins.min(largest, 2**31 - 1) if max is None else max
    for name, bound in (("min", low), ("max", high)):
        is_int = isinstance(bound, int) and not isinstance(bound, bool)
        if not is_int or not smallest <= bound <= largest:
            raise DeclarationError(
                f"ints({name}=...) must be an int of {bits} bits{sign}; got {bound!r}"
            )
    check_order("ints", low, high)
    return Ints(min=low, max=high, type=type, nullable=nullable)


def decimals(
    min: Decimal | int | str = -1_000_000,
    max: Decimal | int | str = 1_000_000,
    *,
    scale: int = 2,
    nullable: bool = False,
) -> Decimals:
    """Declare a column of exact decimal numbers, such as money as `decimal.Decimal`.

    Args:
        min: smallest value, as a Decimal, an int or a text: a float is no exact number.
        max: largest value.
        scale: digits behind the point.
        nullable: nulls occur.

    Raises:
        DeclarationError: a bound is no exact number, has more digits than `scale` behind the point
            or more than 18 in all, `min > max`, or `scale` is no int of 0 to 18.
    """
    if isinstance(scale, bool) or not isinstance(scale, int) or not 0 <= scale <= MOST_DIGITS:
        raise DeclarationError(
            f"decimals(scale=...) must be an int of 0 to {MOST_DIGITS}; got {scale!r}"
        )
    low = _check_decimal("min", min, scale)
    high = _check_decimal("max", max, scale)
    check_order("decimals", low, high)
    return Decimals(min=low, max=high, scale=scale, nullable=nullable)


def _check_decimal(name: str, bound: object, scale: int) -> Decimal:
    is_exact = isinstance(bound, Decimal | int | str) and not isinstance(bound, bool)
    try:
        number = Decimal(bound) if is_exact else None  # type: ignore[arg-type]
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        raise DeclarationError(
            f"decimals({name}=...) must be a finite Decimal, an int or a text of one; got {bound!r}"
        )
    scaled = number.scaleb(scale)
    # Generated as int64 of the last digit.
    if scaled != scaled.to_integral_value() or abs(scaled) >= 10**MOST_DIGITS:
        raise DeclarationError(
            f"decimals({name}=...) must have at most {scale} digits behind the point and "
            f"{MOST_DIGITS} in all; got {bound!r}"
        )
    return number


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
