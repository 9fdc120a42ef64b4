"""Tolerances: when two values of a feature count as equal. Plain, documented, symmetric."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from skewtest.errors import DeclarationError

DEFAULT_REL = 1e-9
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
    if rel is not None and not _is_number(rel):
        raise DeclarationError(f"close(rel=...) must be a number of at least 0; got {rel!r}")
    if abs is not None and not (
        abs >= timedelta(0) if isinstance(abs, timedelta) else _is_number(abs)
    ):
        raise DeclarationError(
            f"close(abs=...) must be a number or a timedelta of at least 0; got {abs!r}"
        )
    if ulps is not None and (isinstance(ulps, bool) or not isinstance(ulps, int) or ulps < 0):
        raise DeclarationError(f"close(ulps=...) must be an int of at least 0; got {ulps!r}")
    return Close(rel=rel or 0.0, abs=0.0 if abs is None else abs, ulps=ulps, explicit=True)


def exact(*, dtype: bool = False) -> Exact:
    """Compare values exactly: ints beyond 2**53, strings, categories, times, booleans.

    Int 3 and float 3.0 are equal unless `dtype=True`; True and 1, or 1 and "1", never are.
    """
    return Exact(dtype=dtype)


def vector(*, cosine: float) -> Vector:
    """Compare embeddings by cosine distance (0 for the same direction, 2 for the opposite).

    Raises:
        DeclarationError: `cosine` is not a number of at least 0.
    """
    if not _is_number(cosine):
        raise DeclarationError(f"vector(cosine=...) must be a number of at least 0; got {cosine!r}")
    return Vector(cosine=float(cosine))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
