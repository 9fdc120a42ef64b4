"""Rows joined to the spine by key, never by position."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.drive.values import OddValueError, all_plain, plain
from skewtest.generate.history import Pack
from skewtest.sides.answers import MISSING, NULL_OR_NAN, Answers, Extra, Failure
from skewtest.times import instant, instants_of

RowKey = tuple[Any, ...]


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
        answered = row_keys([columns[name] for name in view.entity], columns[AS_OF])
    except (OddValueError, TypeError, AttributeError) as error:
        return Failure(side, "bad_key_type", {"got": str(error)}, error)
    asked = row_keys(
        [pack.spine[name].to_list() for name in view.entity],
        instants_of(pack.spine[AS_OF]).to_list(),
    )
    where = {key: row for row, key in enumerate(asked)}
    picked: list[int | None] = [None] * len(asked)
    again: Counter[RowKey] = Counter()
    for position, key in enumerate(answered):
        row = where.get(key)
        if row is None or picked[row] is not None:
            again[key] += 1
        else:
            picked[row] = position
    values, failures = _values(view, columns, picked, side)
    extra = tuple(Extra(key, count, key in where) for key, count in again.items())
    return Answers.of(values, failures, extra=extra)


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
    parts = [c if all_plain(c) else [_key_part(value) for value in c] for c in entity]
    moments = as_of if set(map(type, as_of)) <= {int} else [_moment(at) for at in as_of]
    return list(zip(*parts, moments, strict=True))


def _key_part(value: Any) -> Any:
    return None if value is NULL_OR_NAN else plain(value)


def _moment(at: Any) -> int | None:
    if type(at) is int or at is None:
        return at
    at = plain(at)
    if isinstance(at, date) and not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day)
    if not isinstance(at, datetime):
        raise TypeError(type(at).__name__)
    return instant(at)
