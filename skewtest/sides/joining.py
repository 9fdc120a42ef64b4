"""Rows joined to the spine by key, never by position."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.drive.values import OddValueError, all_plain, plain
from skewtest.generate.history import Pack
from skewtest.sides.answers import MISSING, NULL_OR_NAN, Answers, Extra, Failure
from skewtest.times import instant, instants_of

RowKey = tuple[Any, ...]
# Entity values, then `as_of`: the order of `Extra.key` as well.


def join_rows(
    view: FeatureView, pack: Pack, columns: Mapping[str, list[Any]], side: str
) -> Answers | Failure:
    """Return the answers that a frame's columns hold, or why they cannot be told.

    Args:
        view: what was asked for.
        pack: its spine rows are those that were asked for.
        columns: entity, `as_of` and features, parallel.
        side: who answered.
    """
    lacking = [name for name in (*view.entity, AS_OF, *view.features) if name not in columns]
    if lacking:
        return Failure(side, "missing_columns", {"lacking": lacking, "got": list(columns)})
    try:
        keys = row_keys([columns[name] for name in view.entity], columns[AS_OF])
    except (OddValueError, TypeError, AttributeError) as error:
        return Failure(side, "bad_key_type", {"got": str(error)}, error)
    picked, extra = _match(spine_keys(view, pack.spine), keys)
    values, failures = _values(view, columns, picked, side)
    return Answers.of(values, failures, extra=extra)


def _match(
    requests: list[RowKey], answered: list[RowKey]
) -> tuple[list[int | None], tuple[Extra, ...]]:
    """Return for each request the position of its row, and the keys of rows that are too many."""
    row_of_key = {key: row for row, key in enumerate(requests)}
    picked: list[int | None] = [None] * len(requests)
    surplus: Counter[RowKey] = Counter()
    for position, key in enumerate(answered):
        row = row_of_key.get(key)
        if row is None or picked[row] is not None:
            # The first row of a key is its answer; that there are more is a finding of its own.
            surplus[key] += 1
        else:
            picked[row] = position
    return picked, tuple(Extra(key, count, key in row_of_key) for key, count in surplus.items())


def spine_keys(view: FeatureView, spine: pl.DataFrame) -> list[RowKey]:
    """Return the keys of a spine's rows, in its order; see `row_keys`."""
    entity = [spine[name].to_list() for name in view.entity]
    return row_keys(entity, instants_of(spine[AS_OF]).to_list())


def _values(
    view: FeatureView,
    columns: Mapping[str, list[Any]],
    picked: list[int | None],
    side: str,
) -> tuple[dict[str, list[Any]], dict[int, Failure]]:
    values: dict[str, list[Any]] = {}
    failures: dict[int, Failure] = {}
    for name in view.features:
        column = columns[name]
        if not all_plain(column):
            column, odd = plain_column(column)
            for row, position in enumerate(picked):
                if position is not None and position in odd:
                    facts = {"feature": name, "type": odd[position]}
                    failures[row] = Failure(side, "odd_value", facts)
        values[name] = [MISSING if position is None else column[position] for position in picked]
    return values, failures


def plain_column(column: list[Any]) -> tuple[list[Any], dict[int, str]]:
    """Return a column as plain values, and by position the types of what cannot be one."""
    values: list[Any] = []
    odd: dict[int, str] = {}
    for position, value in enumerate(column):
        try:
            values.append(plain(value))
        except OddValueError as error:
            values.append(MISSING)
            odd[position] = str(error)
    return values, odd


def row_keys(entity: list[list[Any]], as_of: list[Any]) -> list[RowKey]:
    """Return comparable keys: plain entity values, then `as_of` as microseconds.

    Raises:
        TypeError: an `as_of` is neither a datetime nor an int.
    """
    parts = []
    for column in entity:
        # Most keys are plain already, and to look at their types is quicker than to convert them.
        if all_plain(column):
            parts.append(column)
        else:
            parts.append(list(map(_key_part, column)))
    instants = as_of
    if not set(map(type, as_of)) <= {int}:
        instants = list(map(_instant_or_none, as_of))
    return list(zip(*parts, instants, strict=True))


def _key_part(value: Any) -> Any:
    # pandas has made NaN of a null key: keys have no NaN of their own.
    return None if value is NULL_OR_NAN else plain(value)


def _instant_or_none(as_of: Any) -> int | None:
    if type(as_of) is int or as_of is None:
        return as_of
    moment = plain(as_of)
    # A date is the midnight that it begins with: frames of daily batches have those.
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if not isinstance(moment, datetime):
        raise TypeError(type(moment).__name__)
    return instant(moment)
