"""Views with one planted skew each, by theme; `PLANTED` holds them all."""

from quality.planted import (
    aggregates,
    calendars,
    capacity,
    clocks,
    defaults,
    edges,
    joins,
    keys,
    leakage,
    missing,
    nulls,
    numerics,
    order,
    staleness,
    state,
    values,
    windows,
)
from quality.registry import PLANTED

__all__ = [
    "PLANTED",
    "aggregates",
    "calendars",
    "capacity",
    "clocks",
    "defaults",
    "edges",
    "joins",
    "keys",
    "leakage",
    "missing",
    "nulls",
    "numerics",
    "order",
    "staleness",
    "state",
    "values",
    "windows",
]
