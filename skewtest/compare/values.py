"""When two plain values agree, and the kind of divergence when they do not."""

import math
import struct
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from skewtest.declare.tolerance import Close, Exact, Tolerance, Vector
from skewtest.drive.outcome import MISSING, NULL_OR_NAN
from skewtest.times import MICROSECOND

Kind = Literal[
    "value", "null", "missing row", "extra row", "dtype", "error", "timeout", "nondeterministic"
]
KINDS: tuple[Kind, ...] = (
    "value", "null", "missing row", "extra row", "dtype", "error", "timeout", "nondeterministic",
)  # fmt: skip


class ToleranceError(TypeError):
    """A feature is declared `close()` or `vector()`, but its values are no numbers."""


def nothing_of(value: object) -> str | None:
    """Return which kind of nothing a value is: "null", "nan", "missing", or None for a value."""
    if value is None:
        return "null"
    if value is MISSING:
        return "missing"
    if value is NULL_OR_NAN:
        return "null or nan"
    return "nan" if isinstance(value, float) and value != value else None


def difference(
    batch: Any,
    online: Any,
    tolerance: Tolerance,
    equal: frozenset[str],
) -> Kind | None:
    """Return the kind of divergence of two plain values, or None if they agree.

    Args:
        batch: what batch answered; MISSING where it has no row.
        online: what online answered, likewise.
        tolerance: the feature's.
        equal: which of "null", "nan" and "missing" count as one.

    Raises:
        ToleranceError: the tolerance does not suit the values.
    """
    if batch is online:
        return None
    if type(batch) is type(online) and batch == online and type(batch) in _UNSTRUCTURED:
        return None if tolerance.__class__ is not Vector else _vectors(batch, online, tolerance)
    left, right = nothing_of(batch), nothing_of(online)
    if left is not None or right is not None:
        return _nothings(left, right, equal)
    if isinstance(tolerance, Vector):
        return _vectors(batch, online, tolerance)
    return _present(batch, online, tolerance, equal)


_UNSTRUCTURED = frozenset([int, bool, float, str])


def _nothings(left: str | None, right: str | None, equal: frozenset[str]) -> Kind | None:
    if left == right:
        return None
    if "null or nan" in (left, right) and {left, right} & {"null", "nan"}:
        return None
    if left in equal and right in equal:
        return None
    if "null or nan" in (left, right) and {left, right} - {"null or nan"} <= equal & {"missing"}:
        return None
    return "missing row" if "missing" in (left, right) else "null"


def _present(
    batch: Any,
    online: Any,
    tolerance: Tolerance,
    equal: frozenset[str],
) -> Kind | None:
    families = family(batch), family(online)
    if families[0] != families[1]:
        both_numbers = set(families) <= {"int", "float", "decimal"}
        strict = isinstance(tolerance, Exact) and tolerance.dtype
        if not both_numbers or strict:
            return "dtype"
        families = ("float", "float")
    match families[0]:
        case "int" | "float" | "decimal":
            return _numbers(batch, online, tolerance)
        case "datetime":
            if (batch.tzinfo is None) != (online.tzinfo is None):
                return "dtype"
            return _times(batch, online, tolerance)
        case "date" | "duration":
            return _times(batch, online, tolerance)
        case "list":
            return _lists(batch, online, tolerance, equal)
        case "struct":
            return _structs(batch, online, tolerance, equal)
    if isinstance(tolerance, Close) and families[0] in ("string", "bytes"):
        raise ToleranceError(families[0])
    return None if batch == online else "value"


def family(value: object) -> str:
    """Return the family of types that a plain value belongs to."""
    for kinds, name in _FAMILIES:
        if isinstance(value, kinds):
            return name
    return type(value).__name__


_FAMILIES: tuple[tuple[Any, str], ...] = (
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (Decimal, "decimal"),
    (str, "string"),
    (bytes, "bytes"),
    (datetime, "datetime"),
    (date, "date"),
    (timedelta, "duration"),
    (time, "time"),
    (list, "list"),
    (Mapping, "struct"),
)


def _numbers(batch: Any, online: Any, tolerance: Tolerance) -> Kind | None:
    # Python compares int with float exactly, also beyond 2**53.
    if batch == online:
        return None
    if not isinstance(tolerance, Close):
        return "value"
    if (
        isinstance(batch, float)
        and isinstance(online, float)
        and not (math.isfinite(batch) and math.isfinite(online))
    ):
        return "value"
    absolute = tolerance.abs
    if isinstance(absolute, timedelta):
        raise ToleranceError("number with a timedelta")
    gap = abs(_exact(batch) - _exact(online)) if _wide(batch, online) else abs(batch - online)
    if gap <= absolute + tolerance.rel * max(abs(batch), abs(online)):
        return None
    if tolerance.ulps is not None and ulps_between(float(batch), float(online)) <= tolerance.ulps:
        return None
    return "value"


def _wide(batch: object, online: object) -> bool:
    return isinstance(batch, Decimal) or isinstance(online, Decimal)


def _exact(value: Any) -> float:
    return float(value)


def _times(batch: Any, online: Any, tolerance: Tolerance) -> Kind | None:
    if batch == online:
        return None
    if isinstance(tolerance, Close):
        if not isinstance(tolerance.abs, timedelta):
            if tolerance.explicit:
                raise ToleranceError(family(batch))
            return "value"
        if abs(batch - online) <= tolerance.abs:
            return None
    return "value"


def _lists(
    batch: list[Any], online: list[Any], tolerance: Tolerance, equal: frozenset[str]
) -> Kind | None:
    if len(batch) != len(online):
        return "value"
    for left, right in zip(batch, online, strict=True):
        if kind := difference(left, right, tolerance, equal):
            return kind
    return None


def _structs(
    batch: Mapping[str, Any], online: Mapping[str, Any], tolerance: Tolerance, equal: frozenset[str]
) -> Kind | None:
    if set(batch) != set(online):
        return "dtype"
    for name, left in batch.items():
        if kind := difference(left, online[name], tolerance, equal):
            return kind
    return None


def _vectors(batch: Any, online: Any, tolerance: Tolerance) -> Kind | None:
    assert isinstance(tolerance, Vector)
    if not isinstance(batch, list) or not isinstance(online, list):
        raise ToleranceError(family(batch if not isinstance(batch, list) else online))
    if len(batch) != len(online):
        return "value"
    if any(nothing_of(x) for x in (*batch, *online)):
        return None if _lists(batch, online, Exact(), frozenset()) is None else "null"
    return None if cosine_distance(batch, online) <= tolerance.cosine else "value"


def cosine_distance(left: list[float], right: list[float]) -> float:
    """Return 1 - cos of the angle, in 0..2; 0 for two zero vectors, 1 if only one is zero.

    Computed as half the squared distance of the unit vectors, which keeps small angles exact:
    1 - cos(a) = |u - v|**2 / 2.
    """
    a, b = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    sizes = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if 0.0 in sizes:
        return 0.0 if sizes[0] == sizes[1] else 1.0
    gap = a / sizes[0] - b / sizes[1]
    return float(gap @ gap) / 2


def ulps_between(left: float, right: float) -> int:
    """Return how many float64 numbers lie between two finite ones; 0 if they are the same.

    Floats of one sign are ordered as their bit patterns are (IEEE 754), so the distance is the
    difference of the patterns, mirrored for negative numbers.
    """
    return abs(_ordinal(left) - _ordinal(right))


def _ordinal(value: float) -> int:
    bits: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return bits if bits >= 0 else -(2**63) - bits


def magnitude(batch: Any, online: Any) -> Any:
    """Return `|batch - online|`: a number, a timedelta, or None where there is none."""
    families = {family(batch), family(online)}
    if families <= {"int", "float", "decimal"}:
        if _wide(batch, online):
            return abs(_exact(batch) - _exact(online))
        gap = abs(batch - online)
        return None if gap != gap else gap
    if families in ({"datetime"}, {"date"}, {"duration"}):
        try:
            return abs(batch - online) // MICROSECOND * MICROSECOND
        except TypeError:
            return None
    return None
