"""Tolerances: when two values of a feature count as equal. Plain, documented, symmetric."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias, get_args

from skewtest.errors import DeclarationError

# Measured on right and skewed pairs of adversarial data: no fixed bound is both quiet and sharp.
# What is within this one needs no closer look, which is most of what differs at all; what is not
# is excused only where moved copies of the history show it to be rounding.
DEFAULT_REL = 1e-12


Unstable: TypeAlias = Literal["warn", "fail"]


@dataclass(frozen=True, slots=True)
class Close:
    """Numbers are equal if `|a - b| <= abs + rel * max(|a|, |b|)`, or within `ulps`.

    `explicit` is False for `close()` without bounds: what exceeds them is then looked at closely,
    and is equal where it is rounding. `unstable` says what is to become of a feature that is
    mathematically equal and has lost more than six digits on one side.
    """

    rel: float = DEFAULT_REL
    abs: float | timedelta = 0.0
    ulps: int | None = None
    explicit: bool = False
    unstable: Unstable = "warn"


@dataclass(frozen=True, slots=True)
class Exact:
    """Values are equal only if they are the same; `dtype` also keeps int, float and bool apart."""

    dtype: bool = False


@dataclass(frozen=True, slots=True)
class Vector:
    """Lists of numbers are equal if their cosine distance is at most `cosine`."""

    cosine: float


Tolerance: TypeAlias = Close | Exact | Vector


def close(
    *,
    rel: float | None = None,
    abs: float | timedelta | None = None,
    ulps: int | None = None,
    unstable: Unstable = "warn",
) -> Close:
    """Compare numbers, and times, with a tolerance.

    Without a bound, rounding is equal and nothing else is: two answers within `rel=1e-12` are, and
    what differs by more is run again on copies of the history whose floats are moved by a few of
    their last bits. Rounding is drawn anew in each of them, and a real difference stays. With any
    bound, that bound alone decides, and what is not given is 0. Int, float and bool compare as
    numbers. Inside lists and structs it holds for each element.

    Args:
        rel: relative to the larger of the two magnitudes.
        abs: absolute; a timedelta for features that are datetimes or durations.
        ulps: steps between neighbouring float64 numbers; any one of the three is enough.
        unstable: without a bound, what becomes of a side that is off by more than 1e-6 through its
            own rounding: "warn", or "fail".

    Raises:
        DeclarationError: a negative or non-numeric tolerance; `unstable` beside a bound.
    """
    if unstable not in get_args(Unstable):
        raise DeclarationError(f"close(unstable=...) must be 'warn' or 'fail'; got {unstable!r}")
    if rel is None and abs is None and ulps is None:
        return Close(unstable=unstable)
    if unstable != "warn":
        raise DeclarationError(
            f"close(unstable={unstable!r}) is for close() without a bound: "
            "rel, abs and ulps decide alone. Leave them out."
        )
    # What is not given is 0, not its default: who names one bound means that one.
    relative = 0.0 if rel is None else rel
    absolute = 0.0 if abs is None else abs
    _check_tolerances(relative, absolute, ulps)
    return Close(rel=relative, abs=absolute, ulps=ulps, explicit=True)


def _check_tolerances(rel: object, absolute: object, ulps: object) -> None:
    if not _is_tolerance(rel):
        raise DeclarationError(f"close(rel=...) must be a number of at least 0; got {rel!r}")
    is_length = isinstance(absolute, timedelta) and absolute >= timedelta(0)
    if not is_length and not _is_tolerance(absolute):
        raise DeclarationError(
            f"close(abs=...) must be a number or a timedelta of at least 0; got {absolute!r}"
        )
    if ulps is not None and not (isinstance(ulps, int) and _is_tolerance(ulps)):
        raise DeclarationError(f"close(ulps=...) must be an int of at least 0; got {ulps!r}")


def is_stability_asked(tolerance: "Tolerance | None") -> bool:
    """Return whether an unstable feature fails a run; by default it warns."""
    return isinstance(tolerance, Close) and tolerance.unstable == "fail"


def exact(*, dtype: bool = False) -> Exact:
    """Compare values exactly: ints beyond 2**53, strings, categories, times, booleans.

    Int, float and bool compare as numbers unless `dtype=True`: 3 equals 3.0, and 1 True. What is no
    number never equals one: 1 is not "1".

    Args:
        dtype: also keep int, float and bool apart.
    """
    return Exact(dtype=dtype)


def vector(*, cosine: float) -> Vector:
    """Compare embeddings by cosine distance (0 for the same direction, 2 for the opposite).

    Args:
        cosine: the largest distance at which two lists of numbers count as equal.

    Raises:
        DeclarationError: `cosine` is not a number of at least 0.
    """
    if not _is_tolerance(cosine):
        raise DeclarationError(f"vector(cosine=...) must be a number of at least 0; got {cosine!r}")
    return Vector(cosine=float(cosine))


def _is_tolerance(value: object) -> bool:
    """Return whether a value is a number of at least 0; True is none, though Python counts it."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
