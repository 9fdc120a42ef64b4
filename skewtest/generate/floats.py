"""Fill float columns: each history has a regime, so that histories differ in kind.

Floats lie on a dyadic grid (multiples of 2**-8, or finer for small ranges), on which sums and
squares are exact, so that most comparisons need no tolerance. A small share of histories is wild.
"""

import math
from functools import partial

import numpy as np
import numpy.typing as npt

from skewtest.declare.kinds import Floats
from skewtest.generate.dice import Dice
from skewtest.generate.rows import Fill, Rows, fill_by_regime

FloatArray = npt.NDArray[np.float64]

GRID = -8
"""The exponent of the grid's spacing: with 2**-8 = 0.0039 cents differ, and the squares of what
GRID_LIMIT allows, 2**56 apart, still leave sums of some dozen exact in a float64's 53 bits."""
GRID_LIMIT = 2.0**20
"""The largest magnitude on the grid."""
NO_WIDTH = 1e-300
"""Stands for the width of a range of one value, which has no logarithm."""
HINTED_SHARE = 0.7
"""Of the rows of a history that is about what code mentions; the others tell it from a constant.
Without such numbers bucket_edges_left_or_right is lost."""


def fill_floats(column: Floats, rows: Rows) -> FloatArray:
    """Return float64 values in the declared range, in a regime for each history."""
    home, step = _find_home(column)
    halves, constant = partial(_draw_halves, column), partial(_draw_constant, column, home, step)
    usual: dict[Fill, int] = {
        # Small whole numbers and the grid: what sums and means are made of.
        lambda some: _draw_small(home, step, some.dice): 2,
        lambda some: _draw_on_grid(column, some.dice): 2,
        # Halves tell how code rounds; what it mentions, where it branches.
        halves: 1,
        partial(_draw_hinted, column): 1,
    }
    odd: dict[Fill, int] = {
        # Range ends: clipping, overflow, branches at the limit.
        partial(_draw_ends, column, home): 2,
        # One value throughout: no variance, all ties in a ranking, "changed" that never did.
        constant: 2,
        halves: 1,
        # Sums that depend on their order, and single precision.
        partial(_draw_wild, column): 1,
        # Values a step apart: differences that cancel, distinct values that are nearly one.
        lambda some: constant(some) + some.dice.below("steps", 4) * grid_spacing(column): 1,
    }
    values: FloatArray = fill_by_regime(rows, np.float64, usual, odd)
    # Adding 0.0 makes of -0.0, which rounding leaves, the plain 0.0.
    clipped: FloatArray = np.clip(_round_to_step(column, values), column.min, column.max) + 0.0
    return clipped


def grid_spacing(column: Floats) -> float:
    """Return the spacing of the dyadic grid: 2**-8, finer where the range is narrow."""
    width = max(column.max - column.min, NO_WIDTH)
    return float(2.0 ** min(GRID, math.floor(math.log2(width)) + GRID))


def _find_home(column: Floats) -> tuple[float, float]:
    """Return the plainest value of a range (0, or the end next to it), and a plain step from it."""
    low, high = column.min, column.max
    home = min(max(0.0, low), high)
    if high - low >= 1:
        step = 1.0
    else:
        # An eighth of the range, on the grid: some small values are then in any range.
        eighth = 2.0 ** math.floor(math.log2(max(high - low, NO_WIDTH)) - 3)
        step = max(grid_spacing(column), eighth)
    return home, step if home + SMALL_STEPS * step <= high else -step


SMALL_STEPS = 10
"""Small values are up to so many steps from home: one or two digits read best."""


def _draw_small(home: float, step: float, dice: Dice) -> FloatArray:
    return home + dice.below("small", SMALL_STEPS + 1).astype(np.float64) * step


def _draw_anywhere(column: Floats, dice: Dice) -> FloatArray:
    """Return values from all of the range that is on the grid, if any of it is."""
    low, high = max(column.min, -GRID_LIMIT), min(column.max, GRID_LIMIT)
    if low >= high:
        low, high = column.min, column.max
    return low + dice.uniform("anywhere") * (high - low)


def _draw_on_grid(column: Floats, dice: Dice) -> FloatArray:
    spacing = grid_spacing(column)
    steps: FloatArray = np.round(_draw_anywhere(column, dice) / spacing)
    return steps * spacing


def _draw_halves(column: Floats, rows: Rows) -> FloatArray:
    """Return halves, quarters and eighths: .5 and .125 are the ties of rounding, held exactly."""
    part = rows.dice.choose("part", (0.5, 0.125, 0.25, 0.375, 0.625, 0.875))
    halves: FloatArray = np.floor(_draw_anywhere(column, rows.dice)) + part
    return halves


def _draw_ends(column: Floats, home: float, rows: Rows) -> FloatArray:
    return rows.dice.choose("end", (column.min, column.max, home, min(home + 1, column.max)))


def _draw_constant(column: Floats, home: float, step: float, rows: Rows) -> FloatArray:
    """Return one value for each history: mostly off the ends, which have a regime of their own."""
    dice = rows.histories
    options = [_draw_on_grid(column, dice), _draw_small(home, step, dice)]
    options += [np.full(len(dice), column.max), np.full(len(dice), column.min)]
    return rows.by_history(np.choose(dice.weigh("constant", (8, 8, 1, 1)), options))


def _draw_hinted(column: Floats, rows: Rows) -> FloatArray:
    """Return numbers at and beside those that the implementations mention, mixed with others."""
    low, high, spacing = column.min, column.max, grid_spacing(column)
    otherwise = _draw_on_grid(column, rows.dice)
    inside = [float(number) for number in rows.hints.numbers if low <= number <= high]
    if not inside:
        return otherwise
    beside = rows.dice.choose("beside", (0.0, 0.0, -spacing, spacing))
    hinted = np.clip(rows.dice.choose("hint", inside) + beside, low, high)
    return np.where(rows.dice.chance("is hinted", HINTED_SHARE), hinted, otherwise)


def _draw_wild(column: Floats, rows: Rows) -> FloatArray:
    """Return values that no grid holds: decimals, any magnitudes, a big one before small ones."""
    dice, largest = rows.dice, max(abs(column.min), abs(column.max))
    uniform = column.min + dice.uniform("wild") * (column.max - column.min)
    # Down to 10**-12 of the largest: a float32 keeps seven digits, a running sum loses sixteen.
    magnitude = largest * 10.0 ** -(dice.uniform("magnitude") * 12)
    signed = np.where(dice.chance("is positive", 0.5), magnitude, -magnitude)
    big_first = np.where(rows.position == 0, largest, np.round(uniform % 1.0, 2))
    kind = rows.by_history(rows.histories.below("kind of wild", 3))
    wild: FloatArray = np.choose(kind, [np.round(uniform, 2), signed, big_first])
    return wild


def _round_to_step(column: Floats, values: FloatArray) -> FloatArray:
    """Return values as whole multiples of the declared step."""
    if column.step is None:
        return values
    multiples = np.round(values / column.step) * column.step
    if column.step >= 1:
        return multiples
    # 3 * 0.1 is 0.30000000000000004: three more digits than the step has bring 0.3 back.
    return np.round(multiples, max(0, math.ceil(-math.log10(column.step)) + 3))
