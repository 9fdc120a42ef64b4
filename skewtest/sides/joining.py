"""Rows joined to the spine by key, never by position."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from itertools import repeat
from typing import Any

import numpy as np
import polars as pl

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.drive.values import OddValueError, all_plain, plain
from skewtest.generate.history import Pack
from skewtest.sides.answers import MISSING, NULL_OR_NAN, Answers, Extra, Failure
from skewtest.sides.columns import Column, RowArray, scatter
from skewtest.times import instant, instants_of
from skewtest.worker.exact import ExactTime

NO_ROW = -1
"""The position of the row of a request that was not answered."""
RowKey = tuple[Any, ...]
# Entity values, then `as_of`: the order of `Extra.key` as well.


def join_rows(
    view: FeatureView, pack: Pack, columns: Mapping[str, Any], side: str
) -> Answers | Failure:
    """Return the answers that a frame's columns hold, or why they cannot be told.

    Args:
        view: what was asked for.
        pack: its spine rows are those that were asked for.
        columns: entity, `as_of` and features, parallel: lists, and of features polars columns too.
        side: who answered.
    """
    lacking = [name for name in (*view.entity, AS_OF, *view.features) if name not in columns]
    if lacking:
        return Failure(side, "missing_columns", {"lacking": lacking, "got": list(columns)})
    asked = _asked_keys(view, pack.spine)
    answered = [*(columns[name] for name in view.entity), columns[AS_OF]]
    extra: tuple[Extra, ...] = ()
    if all(map(_is_same_list, asked, answered)):
        # Most code answers what was asked, in that order: no key has to be looked up then.
        picked = np.arange(pack.spine.height)
    else:
        try:
            keys = row_keys(answered[:-1], answered[-1])
        except (OddValueError, TypeError, AttributeError) as error:
            return Failure(side, "bad_key_type", {"got": str(error)}, error)
        picked, extra = _match(row_keys(asked[:-1], asked[-1]), keys)
    values, failures = _values(view, columns, picked, side)
    failed = list(failures)
    values = {name: column.with_failed(failed) for name, column in values.items()}
    return Answers(values, failures, extra)


def _is_same_list(asked: list[Any], answered: list[Any]) -> bool:
    # What is not plain may not even be comparable: it is looked at value by value.
    return all_plain(answered) and asked == answered


def _match(requests: list[RowKey], answered: list[RowKey]) -> tuple[RowArray, tuple[Extra, ...]]:
    """Return for each request the position of its row, -1 for none, and which rows are too many."""
    row_of_key = dict(zip(requests, range(len(requests)), strict=True))
    rows = np.fromiter(map(row_of_key.get, answered, repeat(NO_ROW)), np.int64, len(answered))
    picked = np.full(len(requests), NO_ROW, dtype=np.int64)
    # The first row of a key is its answer; that there are more is a finding of its own.
    answered_rows, first = np.unique(rows, return_index=True)
    is_asked = answered_rows != NO_ROW
    picked[answered_rows[is_asked]] = first[is_asked]
    if len(first) == len(rows) and is_asked.all():
        return picked, ()
    is_surplus = np.ones(len(rows), dtype=np.bool_)
    is_surplus[first[is_asked]] = False
    surplus = Counter(answered[position] for position in np.flatnonzero(is_surplus).tolist())
    extra = (Extra(key, count, key in row_of_key) for key, count in surplus.items())
    return picked, tuple(extra)


def _asked_keys(view: FeatureView, spine: pl.DataFrame) -> list[list[Any]]:
    """Return the entity columns of a spine, then its `as_of` in microseconds."""
    entity = [spine[name].to_list() for name in view.entity]
    return [*entity, instants_of(spine[AS_OF]).to_list()]


def spine_keys(view: FeatureView, spine: pl.DataFrame) -> list[RowKey]:
    """Return the keys of a spine's rows, in its order; see `row_keys`."""
    *entity, as_of = _asked_keys(view, spine)
    return row_keys(entity, as_of)


def _values(
    view: FeatureView, columns: Mapping[str, Any], picked: RowArray, side: str
) -> tuple[dict[str, Column], dict[int, Failure]]:
    values: dict[str, Column] = {}
    failures: dict[int, Failure] = {}
    for name in view.features:
        answered = columns[name]
        if isinstance(answered, pl.Series):
            values[name] = _pick(Column.of_polars(answered), picked)
            continue
        if not all_plain(answered):
            answered, odd = plain_column(answered)
            for row, position in enumerate(picked.tolist()):
                if position in odd:
                    facts = {"feature": name, "type": odd[position]}
                    failures[row] = Failure(side, "odd_value", facts)
        values[name] = _pick(Column.of(answered), picked)
    return values, failures


def _pick(column: Column, picked: RowArray) -> Column:
    """Return the cells at some positions; MISSING at NO_ROW."""
    rows = np.flatnonzero(picked != NO_ROW)
    if len(rows) == len(picked):
        return column.take(picked)
    return scatter([(rows, column.take(picked[rows]))], len(picked))


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
    # Sources count microseconds: what is below one is no other moment.
    if isinstance(moment, ExactTime) and moment.kind == "datetime":
        return int(moment.micros // 1)
    # A date is the midnight that it begins with: frames of daily batches have those.
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if not isinstance(moment, datetime):
        raise TypeError(type(moment).__name__)
    return instant(moment)
