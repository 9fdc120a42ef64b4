"""Columns of numbers: the functions with which an owner declares them, and their checks."""

import builtins
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeAlias

from skewtest.declare.bounds import check_order, check_step, is_finite
from skewtest.declare.kinds import INT_TYPES, Decimals, Floats, Ints
from skewtest.errors import DeclarationError, listed, nearest

# One beyond the largest int64: the bound of what a column of ints holds.
INT64 = 2**63

IntType: TypeAlias = Literal["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"]

# What an int64 surely holds: decimals are generated as whole numbers of their last digit.
MOST_DIGITS = 18


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
