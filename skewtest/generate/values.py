"""Fill value columns: each lane has a regime for each column, so that histories differ in kind.

Floats lie on a dyadic grid (multiples of 2**-8, or finer for small ranges), on which sums and
squares are exact, so that most comparisons need no tolerance. A small share of lanes is wild.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.kinds import (
    Bools,
    Categories,
    Column,
    Drawn,
    Floats,
    Ids,
    Ints,
    Key,
    Strings,
    Structs,
    Timestamps,
    Vectors,
)
from skewtest.declare.source import Source
from skewtest.generate.hints import Hints
from skewtest.generate.keys import IDS_STRIDE, render, render_id
from skewtest.generate.plan import Plan
from skewtest.times import DAY_US, HOUR_US, SECOND_US, instant

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

GRID = -8
GRID_LIMIT = 2.0**20
NULL_RATES = np.array([0.0, 0.3, 0.7, 1.0])
EDGE_INTS = np.array(
    [0, 1, -1, 2, 127, 128, 255, 256, 2**15, 2**16, 2**24 + 1, 2**31 - 1, 2**31, 2**32, 2**53,
     2**53 + 1, 2**53 - 1, -(2**31), -(2**53) - 1],
    dtype=np.int64,
)  # fmt: skip
ZERO_VECTORS = 0.03
"""A share of vectors that have no direction: cosine similarity divides by their length."""
ODD_TEXTS = (
    *("a", "A", "b", "", " ", "a ", " a", "ab", "0", "1", "01", "1.0", "-1", "null", "None"),
    *("NaN", "nan", "true", "\u00e9", "e\u0301", "\u00df", "ss", "\u0130", "i", "I", "\u2003"),
    *("\U0001f600", "a,b", 'a"b', "a'b", "a\nb", "%", "\\", "\u202eab", "a\x00b"),
)


def arrival_series(source: Source, instants: IntArray | Sequence[int | None]) -> pl.Series:
    """Return the arrival column of a source, of instants in microseconds."""
    assert source.arrival is not None
    kind = source.columns[source.arrival]
    assert isinstance(kind, Timestamps)
    return kind.time.series(source.arrival, instants)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows to fill: their lanes, event times and position within the lane."""

    lane: IntArray
    instants: IntArray
    position: IntArray
    lanes: int
    hints: Hints = field(default_factory=Hints)

    def __len__(self) -> int:
        return len(self.lane)


def fill(
    column: Column, path: str, rows: Rows, plan: Plan, rng: np.random.Generator, rate: float | None
) -> pl.Series:
    """Return one column; `path` names it in the plan's pools, `rate` is its typical null rate."""
    values = filled(column, path, rows, plan, rng)
    if not column.nullable:
        return values
    rates = NULL_RATES if rate is None else np.array([0.0, rate, min(1.0, 3 * rate), 1.0])
    by_lane = rng.choice(rates, rows.lanes, p=[0.4, 0.4, 0.1, 0.1])
    missing = rng.random(len(rows)) < by_lane[rows.lane]
    return values.zip_with(
        pl.Series(~missing), pl.Series([None], dtype=values.dtype).new_from_index(0, len(rows))
    )


@singledispatch
def filled(
    column: Column, path: str, rows: Rows, plan: Plan, rng: np.random.Generator
) -> pl.Series:
    """Return a column without its nulls."""
    raise NotImplementedError(type(column))


@filled.register
def _(column: Floats, path: str, rows: Rows, plan: Plan, rng: np.random.Generator) -> pl.Series:
    values = float_values(column, rows, plan, rng)
    for declared, odd in ((column.nan, math.nan), (column.inf, math.inf)):
        if declared:
            values[_sprinkled(rows, rng)] = odd
    if column.inf:
        values[_sprinkled(rows, rng)] = -math.inf
    if column.negative_zero:
        values[_sprinkled(rows, rng)] = -0.0
    return pl.Series(path, values)


@filled.register
def _(column: Ints, path: str, rows: Rows, plan: Plan, rng: np.random.Generator) -> pl.Series:
    small = np.clip(rng.integers(0, 11, len(rows)), column.min, column.max)
    low, high = column.min, column.max
    likely = (low, high, min(low + 1, high), max(high - 1, low), *EDGE_INTS.tolist())
    special = np.array([number for number in likely if low <= number <= high], dtype=np.int64)
    anywhere = rng.integers(column.min, column.max, len(rows), endpoint=True)
    constant = rng.choice(np.concatenate([special, small[:4]]), rows.lanes)[rows.lane]
    edges = rng.choice(special, len(rows))
    mentioned = [n for n in rows.hints.numbers if type(n) is int and low <= n <= high]
    beside = [number + step for number in mentioned for step in (0, 0, -1, 1)]
    inside = np.array([n for n in beside if low <= n <= high] or special, dtype=np.int64)
    hinted = np.where(rng.random(len(rows)) < 0.7, rng.choice(inside, len(rows)), small)
    regime = _regimes(rows, rng, plan, usual=(0, 1, 4), odd=(2, 3))
    return pl.Series(path, np.choose(regime, [small, anywhere, edges, constant, hinted]))


@filled.register
def _(column: Bools, path: str, rows: Rows, plan: Plan, rng: np.random.Generator) -> pl.Series:
    share = rng.choice([0.5, 0.0, 1.0, 0.2, 0.8], rows.lanes)
    return pl.Series(path, rng.random(len(rows)) < share[rows.lane])


@filled.register
def _(column: Categories, path: str, rows: Rows, plan: Plan, rng: np.random.Generator) -> pl.Series:
    known = len(column.values)
    pool = list(column.values)
    if column.unseen:
        first = column.values[0]
        pool += [
            v for v in (first.upper(), first.title(), f"{first} ", "unseen", "") if v not in pool
        ]
    anywhere = rng.integers(0, known, len(rows))
    start = rng.integers(0, known, rows.lanes)[rows.lane]
    cycle = (start + rows.position * rng.choice([1, -1], rows.lanes)[rows.lane]) % known
    regime = _regimes(rows, rng, plan, usual=(0, 1), odd=(2,))
    codes = np.choose(regime, [anywhere, cycle, start])
    if len(pool) > known:
        odd = _sprinkled(rows, rng)
        codes[odd] = rng.integers(known, len(pool), int(odd.sum()))
    return pl.Series(path, pool, dtype=pl.String).gather(codes)


@filled.register
def _(column: Ids, path: str, rows: Rows, plan: Plan, rng: np.random.Generator) -> pl.Series:
    numbers = (rows.lane * IDS_STRIDE + rows.position).tolist()
    return pl.Series(path, [render_id(number) for number in numbers], dtype=column.dtype)


@filled.register
def _(column: Strings, path: str, rows: Rows, plan: Plan, rng: np.random.Generator) -> pl.Series:
    texts = (*ODD_TEXTS, "x" * column.max_size, *rows.hints.texts)
    pool = list(dict.fromkeys(text[: column.max_size] for text in texts))
    few = rng.integers(0, len(pool), (rows.lanes, 3))
    picked = few[rows.lane, rng.integers(0, 3, len(rows))]
    anywhere = rng.integers(0, len(pool), len(rows))
    plain = rng.integers(0, 3, len(rows))
    regime = rng.choice(3, rows.lanes, p=[0.4, 0.3, 0.3])[rows.lane]
    return pl.Series(path, pool, dtype=pl.String).gather(
        np.choose(regime, [plain, picked, anywhere])
    )


@filled.register
def _(column: Timestamps, path: str, rows: Rows, plan: Plan, rng: np.random.Generator) -> pl.Series:
    steps = np.array([0, 1, -1, SECOND_US, -SECOND_US, HOUR_US, -HOUR_US, DAY_US, -DAY_US])
    near = rows.instants + rng.choice(steps, len(rows))
    far = rows.instants + rng.integers(-400 * DAY_US, 30 * DAY_US, len(rows))
    moments = np.where(rng.random(len(rows)) < 0.6, near, far)
    if column.min is not None:
        moments = np.maximum(moments, instant(column.min))
    if column.max is not None:
        moments = np.minimum(moments, instant(column.max))
    floored = moments - moments % column.time.tick
    below = np.zeros(len(rows), dtype=bool)
    if column.min is not None:
        below = floored < instant(column.min)
    return column.time.series(path, floored + below * column.time.tick)


@filled.register
def _(column: Vectors, path: str, rows: Rows, plan: Plan, rng: np.random.Generator) -> pl.Series:
    elements = [float_values(column.element, rows, plan, rng) for _ in range(column.size)]
    made = np.stack(elements, axis=1)
    if column.element.min <= 0 <= column.element.max:
        made[rng.random(len(made)) < ZERO_VECTORS] = 0.0
    stacked = pl.Series(path, made, dtype=pl.Array(pl.Float64, column.size))
    return stacked.arr.to_list()


@filled.register
def _(column: Structs, path: str, rows: Rows, plan: Plan, rng: np.random.Generator) -> pl.Series:
    fields = [
        fill(inner, f"{path}.{name}", rows, plan, rng, None).alias(name)
        for name, inner in column.fields.items()
    ]
    return pl.DataFrame(fields).to_struct(path)


@filled.register
def _(column: Drawn, path: str, rows: Rows, plan: Plan, rng: np.random.Generator) -> pl.Series:
    pool = pl.Series(path, plan.pools[path], dtype=column.dtype)
    return pool.gather(rng.integers(0, len(pool), len(rows)))


def key_values(column: Key, slots: IntArray, lane: IntArray, name: str) -> pl.Series:
    """Return the keys of (lane, slot) pairs, rendering each pair once."""
    pairs, inverse = np.unique(lane * SLOTS_MOST + slots, return_inverse=True)
    rendered = [render(column, *divmod(int(pair), SLOTS_MOST)) for pair in pairs]
    return pl.Series(name, rendered, dtype=column.dtype).gather(inverse)


SLOTS_MOST = 64


def float_values(column: Floats, rows: Rows, plan: Plan, rng: np.random.Generator) -> FloatArray:
    """Return float64 values in the declared range, in a regime for each lane."""
    size, low, high = len(rows), column.min, column.max
    spacing = grid_spacing(column)
    near_low, near_high = max(low, -GRID_LIMIT), min(high, GRID_LIMIT)
    if near_low >= near_high:
        near_low, near_high = low, high
    home = min(max(0.0, low), high)
    step = max(spacing, 2.0 ** math.floor(math.log2(max(high - low, 1e-300)) - 3))
    step = min(step, 1.0) if high - low >= 1 else step
    small = home + rng.integers(0, 11, size) * (step if low <= home + 10 * step <= high else -step)
    anywhere = near_low + rng.random(size) * (near_high - near_low)
    grid = np.round(anywhere / spacing) * spacing
    halves = np.floor(anywhere) + rng.choice([0.5, 0.125, 0.25, 0.375, 0.625, 0.875], size)
    ends = rng.choice(np.array([low, high, home, min(home + 1, high)]), size)
    constant = rng.choice(np.concatenate([grid[:8], small[:8], [high, low]]), rows.lanes)[rows.lane]
    near = constant + rng.integers(0, 4, size) * spacing
    hinted = _hinted(rows, low, high, spacing, grid, rng)
    wild = _wild(column, rows, rng)
    regime = _regimes(rows, rng, plan, usual=(0, 1, 1, 0, 2, 7), odd=(3, 4, 2, 3, 4, 5, 6))
    values = np.choose(regime, [small, grid, halves, ends, constant, wild, near, hinted])
    if column.step is not None:
        values = np.round(values / column.step) * column.step
        if column.step < 1:
            values = np.round(values, max(0, math.ceil(-math.log10(column.step)) + 3))
    # Adding 0.0 makes of -0.0, which rounding leaves, the plain 0.0.
    clipped: FloatArray = np.clip(values, low, high) + 0.0
    return clipped


def _hinted(
    rows: Rows,
    low: float,
    high: float,
    step: float,
    otherwise: npt.NDArray[Any],
    rng: np.random.Generator,
) -> npt.NDArray[Any]:
    """Return numbers at and beside those that the implementations mention, mixed with others."""
    inside = [number for number in rows.hints.numbers if low <= number <= high]
    if not inside:
        return otherwise
    picked = rng.choice(np.array(inside, dtype=np.float64), len(rows))
    beside = picked + rng.choice([0.0, 0.0, -step, step], len(rows))
    return np.where(rng.random(len(rows)) < 0.7, np.clip(beside, low, high), otherwise)


def grid_spacing(column: Floats) -> float:
    """Return the spacing of the dyadic grid: 2**-8, finer where the range is narrow."""
    width = max(column.max - column.min, 1e-300)
    return float(2.0 ** min(GRID, math.floor(math.log2(width)) + GRID))


def _wild(column: Floats, rows: Rows, rng: np.random.Generator) -> FloatArray:
    """Values that no grid holds: decimals, mixed magnitudes, a big one before small ones."""
    size, low, high = len(rows), column.min, column.max
    uniform = low + rng.random(size) * (high - low)
    largest = max(abs(low), abs(high))
    magnitude = largest * 10.0 ** -rng.uniform(0, 12, size)
    signed = np.where(rng.random(size) < 0.5, magnitude, -magnitude)
    big_first = np.where(rows.position == 0, largest, np.round(uniform % 1.0, 2))
    kind = rng.integers(0, 3, rows.lanes)[rows.lane]
    return np.choose(kind, [np.round(uniform, 2), signed, big_first])


def _regimes(
    rows: Rows, rng: np.random.Generator, plan: Plan, usual: tuple[int, ...], odd: tuple[int, ...]
) -> IntArray:
    """Return a regime for each row, one for a lane."""
    is_odd = rng.random(rows.lanes) < plan.odd
    by_lane = np.where(is_odd, rng.choice(odd, rows.lanes), rng.choice(usual, rows.lanes))
    return by_lane[rows.lane]


def _sprinkled(rows: Rows, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return a third of the rows of a third of the lanes."""
    chosen: npt.NDArray[Any] = rng.random(rows.lanes) < 1 / 3
    return chosen[rows.lane] & (rng.random(len(rows)) < 1 / 3)
