"""Tolerances: when two values of a feature count as equal. Plain, documented, symmetric."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, TypeAlias, get_args

from skewtest.declare.inexact import (
    Inexactness,
    Resolution,
    SketchError,
    Staleness,
    check_length,
)
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
    law: Inexactness | None = None


@dataclass(frozen=True, slots=True)
class Exact:
    """Values are equal only if they are the same; `dtype` also keeps int, float and bool apart."""

    dtype: bool = False
    law: Inexactness | None = None


@dataclass(frozen=True, slots=True)
class Vector:
    """Lists of numbers are equal if their cosine distance is at most `cosine`."""

    cosine: float


Tolerance: TypeAlias = Close | Exact | Vector


def has_law(tolerance: Tolerance) -> bool:
    """Return whether a feature may be off, by a law that is held to row by row."""
    law = tolerance.law if isinstance(tolerance, Close | Exact) else None
    return isinstance(law, Resolution | Staleness)


def close(
    *,
    rel: float | None = None,
    abs: float | timedelta | None = None,
    ulps: int | None = None,
    unstable: Unstable = "warn",
    resolution: timedelta | None = None,
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
        resolution: how far one side may move the start of a declared window, or the whole window
            back: the size of its buckets, tiles or hops. Whatever it answers has to be the other
            side's answer for such a window.

    Raises:
        DeclarationError: a negative or non-numeric tolerance; `unstable` beside a bound.
    """
    if unstable not in get_args(Unstable):
        raise DeclarationError(f"close(unstable=...) must be 'warn' or 'fail'; got {unstable!r}")
    law = None
    if resolution is not None:
        law = Resolution(check_length("close(resolution=...)", resolution))
    if rel is None and abs is None and ulps is None:
        return Close(unstable=unstable, law=law)
    if unstable != "warn":
        raise DeclarationError(
            f"close(unstable={unstable!r}) is for close() without a bound: "
            "rel, abs and ulps decide alone. Leave them out."
        )
    # What is not given is 0, not its default: who names one bound means that one.
    relative = 0.0 if rel is None else rel
    absolute = 0.0 if abs is None else abs
    _check_tolerances(relative, absolute, ulps)
    return Close(rel=relative, abs=absolute, ulps=ulps, explicit=True, law=law)


def stale(budget: timedelta, *, within: Close | Exact | None = None) -> Close | Exact:
    """Let one side answer as the other did at some moment up to `budget` before `as_of`.

    For caches and materialised features. Each answer has to be one that was right within the
    budget; an older one, or one that never was, is skew.

    Args:
        budget: how old an answer may be.
        within: the tolerance beside it: `exact()` for texts and the like; `close()` by default.

    Raises:
        DeclarationError: `budget` is no timedelta above 0, `within` no tolerance that takes one.
    """
    length = check_length("stale(budget)", budget)
    tolerance = Close() if within is None else within
    if not isinstance(tolerance, Close | Exact) or tolerance.law is not None:
        raise DeclarationError(
            f"stale(within=...) must be close(...) or exact(...) without a law of its own; "
            f"got {within!r}"
        )
    return replace(tolerance, law=Staleness(length))


def sketch(*, rel: float, probability: float = 0.95) -> Close:
    """Let one side be off by at most `rel` of the value, but for one history in so many.

    For HyperLogLog, t-digest, KLL and the like, whose error is within their bound with a
    probability. That law is held over the run: it is broken where more histories exceed the bound
    than a sketch that keeps it would show once in a million runs.

    Args:
        rel: relative to the larger of the two magnitudes; above 0. HyperLogLog with m registers
            has the standard error 1.04 / sqrt(m): twice that has the probability 0.95.
        probability: that an answer is within it; above 0 and below 1.

    Raises:
        DeclarationError: a law that no sketch keeps: no error at all, or for certain.
    """
    if not _is_tolerance(rel) or rel == 0:
        raise DeclarationError(f"sketch(rel=...) must be a number above 0; got {rel!r}")
    if not _is_tolerance(probability) or not 0 < probability < 1:
        raise DeclarationError(
            f"sketch(probability=...) must be above 0 and below 1; got {probability!r}. No sketch "
            "keeps its bound for certain: what does is close(rel=...)."
        )
    return Close(rel=rel, abs=0.0, explicit=True, law=SketchError(probability))


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
