"""Fill value columns: each history has a regime for each column, so that histories differ in kind.

A kind of column registers with `fill_plain` how it is filled; see also `incidents` for what of it
is counted, `strategies` and `run.edits` for how it is drawn one by one and made plainer.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from functools import singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.kinds import (
    Bools,
    Categories,
    Column,
    Dates,
    Decimals,
    Drawn,
    Floats,
    Ids,
    Ints,
    Key,
    Lists,
    Strings,
    Structs,
    Timestamps,
    Vectors,
)
from skewtest.declare.source import Source
from skewtest.generate.floats import HINTED_SHARE, fill_floats, grid_spacing
from skewtest.generate.keys import BASES, PLAIN, render_all, render_ids
from skewtest.generate.rows import Fill, Rows, fill_by_regime
from skewtest.times import DAY_US, EPOCH, HOUR_US, SECOND_US, instant

__all__ = ["EDGE_INTS", "ODD_TEXTS", "arrival_series", "fill", "fill_plain", "grid_spacing"]

IntArray = npt.NDArray[np.int64]

NULL_RATES = (0.0, 0.3, 0.7, 1.0)
"""How many of a history's values are null, if no log has told: none, some, most, all (which is a
mean of nothing)."""
NULL_WEIGHTS = (4, 4, 1, 1)
"""How often each of NULL_RATES is: most histories have values to compute with."""
EDGE_INTS = np.array(
    [
        *(0, 1, -1, 2),
        # What 8, 16, 32 bits hold, signed and not, and the first that they do not.
        *(127, 128, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32, -(2**31)),
        # What float32 and float64 do not tell from the number before.
        *(2**24 + 1, 2**53, 2**53 + 1, 2**53 - 1, -(2**53) - 1),
    ],
    dtype=np.int64,
)
SMALL_INTS = 11
"""Small ints are 0 to 10: counters, digits that read well."""
TRUE_SHARES = (0.5, 0.0, 1.0, 0.2, 0.8)
"""How many of a history's bools are true: all and none are cases of their own."""
ZERO_VECTORS = 0.03
"""A share of vectors that have no direction: cosine similarity divides by their length."""
ODD_TEXTS = (
    *("a", "A", "b", "", " ", "a ", " a", "ab", "0", "1", "01", "1.0", "-1", "null", "None"),
    *("NaN", "nan", "true", "\u00e9", "e\u0301", "\u00df", "ss", "\u0130", "i", "I", "\u2003"),
    *("\U0001f600", "a,b", 'a"b', "a'b", "a\nb", "%", "\\", "\u202eab", "a\x00b"),
)
"""Texts that code confuses: cased, padded, numbers, words for null; one letter as two code points,
letters whose upper case is two or hangs on the locale; separators, quotes, controls."""
PLAIN_TEXTS = 3
"""How many of ODD_TEXTS are plain letters; and how many texts a history of few texts has."""


def arrival_series(source: Source, instants: IntArray | Sequence[int | None]) -> pl.Series:
    """Return the arrival column of a source, of instants in microseconds."""
    assert source.arrival is not None
    kind = source.columns[source.arrival]
    assert isinstance(kind, Timestamps)
    return kind.time.series(source.arrival, instants)


def fill(column: Column, path: str, rows: Rows, rate: float | None) -> pl.Series:
    """Return one column, nulls included.

    Args:
        column: the declared kind.
        path: table and column: the name of its dice, and of its pool of drawn values.
        rows: to fill.
        rate: the typical share of nulls, or None where no log has told.
    """
    rows = rows.under(path)
    values = fill_plain(column, path, rows)
    if not column.nullable:
        return values
    # Where a log has told it: none, its own, three times as many for a bad day, all.
    rates = NULL_RATES if rate is None else (0.0, rate, min(1.0, 3 * rate), 1.0)
    share = np.array(rates)[rows.histories.weigh("share of nulls", NULL_WEIGHTS)]
    return with_nulls(values, rows.dice.chance("is null", rows.by_history(share)))


def with_nulls(values: pl.Series, missing: npt.NDArray[np.bool_]) -> pl.Series:
    """Return a column with nulls where a mask says so."""
    nulls = pl.Series([None], dtype=values.dtype).new_from_index(0, len(values))
    return values.zip_with(pl.Series(~missing), nulls)


@singledispatch
def fill_plain(column: Column, path: str, rows: Rows) -> pl.Series:
    """Return a column without its nulls; each kind of column registers how."""
    raise NotImplementedError(type(column))


@fill_plain.register
def _(column: Key, path: str, rows: Rows) -> pl.Series:
    """A key in a record is no identity of an entity: any of its lane's plain ones will do."""
    return render_all(column, _look_up_bases(rows), rows.dice.below("slot", len(PLAIN) - 1), path)


@fill_plain.register
def _(column: Floats, path: str, rows: Rows) -> pl.Series:
    values = fill_floats(column, rows)
    odd = [(column.nan, math.nan), (column.inf, math.inf), (column.inf, -math.inf)]
    odd += [(column.negative_zero, -0.0)]
    for declared, value in odd:
        if declared:
            values[rows.sprinkle(f"{value}")] = value
    return pl.Series(path, values)


@fill_plain.register
def _(column: Ints, path: str, rows: Rows) -> pl.Series:
    low, high = column.min, column.max
    likely = (low, high, min(low + 1, high), max(high - 1, low), *EDGE_INTS.tolist())
    special = np.array([number for number in likely if low <= number <= high], dtype=np.int64)
    hinted = _list_hinted(column, rows)

    def small(some: Rows) -> IntArray:
        return np.clip(some.dice.below("small", SMALL_INTS), low, high)

    def anywhere(some: Rows) -> IntArray:
        return some.dice.between("anywhere", low, high + 1)

    def edges(some: Rows) -> IntArray:
        return some.dice.choose("edge", special)

    def constant(some: Rows) -> IntArray:
        options = np.concatenate([special, np.clip(np.arange(SMALL_INTS // 2), low, high)])
        return some.by_history(some.histories.choose("constant", options))

    def hint(some: Rows) -> IntArray:
        is_hinted = some.dice.chance("is hinted", HINTED_SHARE)
        numbers = special if len(hinted) == 0 else hinted
        return np.where(is_hinted, some.dice.choose("hint", numbers), small(some))

    usual: dict[Fill, int] = {small: 1, anywhere: 1, hint: 1}
    odd: dict[Fill, int] = {edges: 1, constant: 1}
    numbers = pl.Series(path, fill_by_regime(rows, np.int64, usual, odd))
    return numbers.cast(column.dtype)


@fill_plain.register
def _(column: Decimals, path: str, rows: Rows) -> pl.Series:
    """Whole numbers of the last digit, small and edge cases as for ints."""
    low, high = (int(bound.scaleb(column.scale)) for bound in (column.min, column.max))
    digits = fill_plain(Ints(min=low, max=high), path, rows).to_list()
    numbers = [Decimal(digit).scaleb(-column.scale) for digit in digits]
    return pl.Series(path, numbers, dtype=column.dtype)


@fill_plain.register
def _(column: Dates, path: str, rows: Rows) -> pl.Series:
    """The event's own day, those beside it, a month and a year ago; and any within 400 days."""
    steps = (0, 0, 1, -1, -7, -30, -31, -365, -366)
    near = rows.instants // DAY_US + rows.dice.choose("days beside", steps)
    far = rows.instants // DAY_US + rows.dice.between("days far", -400, 30)
    days = np.where(rows.dice.chance("is near", 0.6), near, far)
    if column.min is not None:
        days = np.maximum(days, (column.min - EPOCH.date()).days)
    if column.max is not None:
        days = np.minimum(days, (column.max - EPOCH.date()).days)
    return pl.Series(path, days, dtype=pl.Int32).cast(pl.Date)


@fill_plain.register
def _(column: Lists, path: str, rows: Rows) -> pl.Series:
    """Lists of each length up to the longest; in a third of the histories all are empty or one."""
    places = []
    for number in range(column.max_size):
        values = fill(column.element, f"{path}.{number}", rows, None)
        places.append(values.alias(f"{number}"))
    shortest = rows.by_history(rows.histories.chance("is short", 1 / 3))
    sizes = rows.dice.below("size", np.where(shortest, 2, column.max_size + 1))
    full = pl.DataFrame([*places, pl.Series("#size", sizes)])
    cut = pl.concat_list(pl.exclude("#size")).list.head(pl.col("#size"))
    return full.select(cut.alias(path)).to_series().cast(column.dtype)


def _list_hinted(column: Ints, rows: Rows) -> IntArray:
    """Return the numbers that the implementations mention, and those beside them."""
    beside = []
    for number in rows.hints.numbers:
        if type(number) is int:
            # Itself as often as both beside it: `<` for `<=` shows on it alone.
            beside += [number, number, number - 1, number + 1]
    return np.array([n for n in beside if column.min <= n <= column.max], dtype=np.int64)


@fill_plain.register
def _(column: Bools, path: str, rows: Rows) -> pl.Series:
    share = rows.by_history(rows.histories.choose("share of true", TRUE_SHARES))
    return pl.Series(path, rows.dice.chance("is true", share))


@fill_plain.register
def _(column: Categories, path: str, rows: Rows) -> pl.Series:
    known = len(column.values)
    start = rows.histories.below("start", known)
    step = rows.histories.choose("step", (1, -1))

    def anywhere(some: Rows) -> IntArray:
        return some.dice.below("value", known)

    def cycle(some: Rows) -> IntArray:
        """All in turn, forwards or backwards: statuses in the right order and against it."""
        turn: IntArray = (some.by_history(start) + some.position * some.by_history(step)) % known
        return turn

    def constant(some: Rows) -> IntArray:
        return some.by_history(start)

    codes = fill_by_regime(rows, np.int64, {anywhere: 1, cycle: 1}, {constant: 1})
    pool = [*column.values, *_list_unseen(column)]
    if len(pool) > known:
        unseen = rows.sprinkle("unseen")
        codes[unseen] = known + rows.dice.take(unseen).below("unseen value", len(pool) - known)
    return pl.Series(path, pool, dtype=pl.String)[codes]


def _list_unseen(column: Categories) -> list[str]:
    """Return values that are none of the declared ones, most of them nearly one."""
    if not column.unseen:
        return []
    first = column.values[0]
    odd = (first.upper(), first.title(), f"{first} ", "unseen", "")
    return [value for value in odd if value not in column.values]


@fill_plain.register
def _(column: Ids, path: str, rows: Rows) -> pl.Series:
    return render_ids(_look_up_bases(rows), rows.position, path)


@fill_plain.register
def _(column: Strings, path: str, rows: Rows) -> pl.Series:
    texts = (*ODD_TEXTS, "x" * column.max_size, *rows.hints.texts)
    pool = list(dict.fromkeys(text[: column.max_size] for text in texts))
    few = np.stack([rows.histories.below(f"text {n}", len(pool)) for n in range(PLAIN_TEXTS)])

    def plain(some: Rows) -> IntArray:
        return some.dice.below("text", min(PLAIN_TEXTS, len(pool)))

    def one_of_few(some: Rows) -> IntArray:
        """Few texts come again: only then do counts of distinct ones and last ones differ."""
        picked: IntArray = few[some.dice.below("which of few", len(few)), some.lane]
        return picked

    def anywhere(some: Rows) -> IntArray:
        return some.dice.below("text", len(pool))

    # As odd as other columns are plain: seven in ten histories, whatever the block's share is, for
    # texts are declared free where anything may stand in them.
    ways = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
    way = rows.by_history(rows.histories.choose("way", ways))
    codes = np.choose(way, [plain(rows), one_of_few(rows), anywhere(rows)])
    return pl.Series(path, pool, dtype=pl.String).gather(codes)


@fill_plain.register
def _(column: Timestamps, path: str, rows: Rows) -> pl.Series:
    # At, just beside, an hour and a day off the event's own time: which of the two counts?
    steps = (0, 1, -1, SECOND_US, -SECOND_US, HOUR_US, -HOUR_US, DAY_US, -DAY_US)
    near = rows.instants + rows.dice.choose("beside", steps)
    # From more than a year ago (accounts, birthdays) to a month ahead (due dates).
    far = rows.instants + rows.dice.between("far", -400 * DAY_US, 30 * DAY_US)
    moments = np.where(rows.dice.chance("is near", 0.6), near, far)
    if column.min is not None:
        moments = np.maximum(moments, instant(column.min))
    if column.max is not None:
        moments = np.minimum(moments, instant(column.max))
    floored = moments - moments % column.time.tick
    if column.min is not None:
        floored += (floored < instant(column.min)) * column.time.tick
    return column.time.series(path, floored)


@fill_plain.register
def _(column: Vectors, path: str, rows: Rows) -> pl.Series:
    parts = [fill_floats(column.element, rows.under(f"{n}")) for n in range(column.size)]
    vectors = np.stack(parts, axis=1)
    if column.element.min <= 0 <= column.element.max:
        vectors[rows.dice.chance("is zero", ZERO_VECTORS)] = 0.0
    stacked = pl.Series(path, vectors, dtype=pl.Array(pl.Float64, column.size))
    return stacked.arr.to_list()


@fill_plain.register
def _(column: Structs, path: str, rows: Rows) -> pl.Series:
    fields = []
    for name, inner in column.fields.items():
        fields.append(fill(inner, f"{path}.{name}", rows, None).alias(name))
    return pl.DataFrame(fields).to_struct(path)


@fill_plain.register
def _(column: Drawn, path: str, rows: Rows) -> pl.Series:
    values: list[Any] = []
    first, sizes = [], []
    for plan in rows.lanes.plans:
        first.append(len(values))
        sizes.append(len(plan.pools[path]))
        values += plan.pools[path]
    plans = rows.by_history(rows.lanes.plan)
    picked = np.array(first)[plans] + rows.dice.below("value", np.array(sizes)[plans])
    return pl.Series(path, values, dtype=column.dtype).gather(picked)


def _look_up_bases(rows: Rows) -> IntArray:
    """Return who owns the keys of each row."""
    return rows.by_history(rows.lanes.numbers % BASES)
