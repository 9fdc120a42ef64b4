"""Declared inexactness: by how much a side may be off, and the law that it is held to."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from skewtest.errors import DeclarationError


@dataclass(frozen=True, slots=True)
class Resolution:
    """A side may move the start of a window, or the whole window back, by at most `length`."""

    length: timedelta


@dataclass(frozen=True, slots=True)
class Staleness:
    """A side may answer as the other did at some moment up to `budget` before `as_of`."""

    budget: timedelta


@dataclass(frozen=True, slots=True)
class SketchError:
    """A side may be off by more than the tolerance in a share of histories, `1 - probability`."""

    probability: float


Inexactness: TypeAlias = Resolution | Staleness | SketchError


def check_length(place: str, length: object) -> timedelta:
    """Return a length of time above 0.

    Raises:
        DeclarationError: it is none.
    """
    if not isinstance(length, timedelta) or length <= timedelta(0):
        raise DeclarationError(f"{place} must be a timedelta above 0; got {length!r}")
    return length
