"""Tolerances: when two values of a feature count as equal. Plain, documented, symmetric."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from skewtest.errors import DeclarationError

# Measured on right and skewed pairs of adversarial data: 1e-6 misses every real difference below
# it, 1e-9 misses none above it. It also flags a tenth of the right pairs, where values cancel:
# `skewtest.compare.rounding` excuses those by what their inputs can lose.
DEFAULT_REL = 1e-9
# Around zero no relative bound holds: 0.1 + 0.2 - 0.3 is 5.6e-17, a thousand such come to 1e-13.
DEFAULT_ABS = 1e-12


@dataclass(frozen=True, slots=True)
class Close:
    """Numbers are equal if `|a - b| <= abs + rel * max(|a|, |b|)`, or within `ulps`.

    `explicit` is False for `close()` without arguments: the default, which may become wiser.
    """

    rel: float = DEFAULT_REL
    abs: float | timedelta = DEFAULT_ABS
    ulps: int | None = None
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class Exact:
    """Values are equal only if they are the same; `dtype` also keeps int and float apart."""

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
) -> Close:
    """Compare numbers, and times, with a tolerance.

    Without arguments: `rel=1e-9, abs=1e-12`. With any argument, what is not given is 0. Int and
    float compare as numbers. Inside lists and structs it holds for each element.

    Args:
        rel: relative to the larger of the two magnitudes.
        abs: absolute; a timedelta for features that are datetimes or durations.
        ulps: steps between neighbouring float64 numbers; any one of the three is enough.

    Raises:
        DeclarationError: a negative or non-numeric tolerance.
    """
    if rel is None and abs is None and ulps is None:
        return Close()
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


def exact(*, dtype: bool = False) -> Exact:
    """Compare values exactly: ints beyond 2**53, strings, categories, times, booleans.

    Int 3 and float 3.0 are equal unless `dtype=True`; True and 1, or 1 and "1", never are.

    Args:
        dtype: also keep int and float apart.
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
