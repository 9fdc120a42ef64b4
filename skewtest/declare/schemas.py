"""Columns as a pandera schema declares them: types, ranges, allowed values and what is nullable."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from skewtest.declare.columns import bools, categories, strings, timestamps
from skewtest.declare.kinds import Column, Key
from skewtest.declare.numbers import floats, ints
from skewtest.errors import DeclarationError, listed, nearest

Range = tuple[Any, Any]

# What a column is taken to hold where the schema sets no bound.
_DEFAULT_INTS = (-(2**31), 2**31 - 1)
_DEFAULT_FLOATS = (-1e6, 1e6)

# Of the names that pandas, polars and pandera have for texts, each one's own part.
_TEXT_TYPES = ("str", "object", "categor", "utf8")


def pandera_columns(
    schema: Any, place: str, time: str, keys: Sequence[str], declared: Mapping[str, object]
) -> dict[str, Column]:
    """Return the columns of a pandera DataFrameSchema, but for those that are declared anyway.

    Args:
        schema: the schema.
        place: how errors call the source.
        time: the event-time column, which is left out.
        keys: the identity columns.
        declared: declarations that win, by column name.

    Raises:
        DeclarationError: it is no schema, lacks a column, or has a type that cannot be generated.
    """
    described = getattr(schema, "columns", None)
    if not isinstance(described, Mapping):
        raise DeclarationError(
            f"{place}: from_pandera takes a DataFrameSchema (or Model.to_schema()); got {schema!r}"
        )
    for name in (time, *keys):
        if name not in described:
            raise DeclarationError(
                f"{place}: {name!r} is no column of the schema; it has {listed(described)}."
                + nearest(name, described)
            )
    columns: dict[str, Column] = {}
    for name, column in described.items():
        if name == time or name in declared:
            continue
        if name in keys:
            columns[name] = _key_of(column)
        else:
            columns[name] = _column_of(place, name, column)
    return columns


def _key_of(column: Any) -> Key:
    if "int" in str(column.dtype).lower():
        return Key(type="int", nullable=bool(column.nullable))
    return Key(type="string", nullable=bool(column.nullable))


def _column_of(place: str, name: str, column: Any) -> Column:
    dtype = str(column.dtype).lower()
    nullable = bool(column.nullable)
    facts = _facts_of(column)
    if "bool" in dtype:
        return bools(nullable=nullable)
    if "int" in dtype:
        low, high = _range_of(facts, _DEFAULT_INTS)
        return ints(math.ceil(low), int(high), nullable=nullable)
    if "float" in dtype:
        low, high = _range_of(facts, _DEFAULT_FLOATS)
        return floats(float(low), float(high), nullable=nullable)
    if "datetime" in dtype:
        return timestamps(nullable=nullable, zone=_zone_of(dtype))
    if facts.get("allowed_values") is not None:
        return categories(*map(str, facts["allowed_values"]), nullable=nullable)
    if any(text_type in dtype for text_type in _TEXT_TYPES):
        return strings(nullable=nullable)
    raise DeclarationError(
        f"{place}: column {name!r} has pandera type {dtype}, which cannot be generated; "
        f"declare it with columns={{{name!r}: <column or Hypothesis strategy>}}"
    )


def _facts_of(column: Any) -> dict[str, Any]:
    """Return what the checks of a column say, by their own names: `min_value`, `allowed_values`."""
    facts: dict[str, Any] = {}
    for check in column.checks or ():
        facts.update(check.statistics or {})
    return facts


def _zone_of(dtype: str) -> str | None:
    if "utc" in dtype:
        return "UTC"
    return None


def _range_of(facts: Mapping[str, Any], default: Range) -> Range:
    """Return declared bounds; a missing one is the default, moved out if it would cross."""
    low = facts.get("min_value", facts.get("min"))
    high = facts.get("max_value", facts.get("max"))
    if low is None:
        low = default[0]
    if high is None:
        high = default[1]
    if low <= high:
        return low, high
    # "At least 3 million" with a default of at most 1 million: the range is as wide, further out.
    if low > default[1]:
        return low, low + default[1]
    return high + default[0], high
