"""Dice: random numbers that hang on the seed, the history, the row and the draw's name alone.

A generator that is drawn from in turn gives each row what its place in the turn happens to be: one
history more, and all the others change. Here each number is a hash of what it is for, as in
counter-based generators (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). So a
history is the same in whatever pack it comes, and a part of the rows can be drawn for by itself.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BitArray = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

BLOCK = 64
"""Histories that have a seed in common: below it a polars call costs more than its rows do."""

WORD = 2**64 - 1
# The increment and the two multipliers of SplitMix64 (Steele, Lea and Flood 2014, with Stafford's
# "variant 13"): every bit of the input reaches every bit of the output.
STEP = 0x9E3779B97F4A7C15
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
# As numpy scalars: to make one takes a tenth of the time of a small draw.
STEP_BITS, FIRST_BITS, SECOND_BITS = np.uint64(STEP), np.uint64(FIRST), np.uint64(SECOND)
ONE, BY_30, BY_27, BY_31 = np.uint64(1), np.uint64(30), np.uint64(27), np.uint64(31)
# A float64 has 53 bits: with more of them, 1.0 itself would be drawn.
SPARE_BITS, UNIT = np.uint64(64 - 53), 2.0**-53


@dataclass(frozen=True, slots=True, eq=False)
class Dice:
    """One die for each of n rows: the same name always gives the same throws.

    Attributes:
        states: uint64[n], what tells the rows apart.
        salt: what tells the names in use apart.
    """

    states: BitArray
    salt: int = 0

    @classmethod
    def of_histories(cls, seed: int, numbers: IntArray) -> "Dice":
        """Return the dice of histories: the run's seed makes a block's, and that a history's.

        Args:
            seed: of the run, any int.
            numbers: int64[n], the numbers of the histories, from 0.
        """
        blocks, lanes = np.divmod(numbers, BLOCK)
        block_seeds = _mix(_step(np.uint64(seed & WORD), blocks))
        return cls(_mix(_step(block_seeds, lanes)))

    def __len__(self) -> int:
        return len(self.states)

    def under(self, name: str) -> "Dice":
        """Return the dice for all that is drawn for one column, apart from those of others."""
        return Dice(self.states, self._key(name))

    def parts(self, count: int) -> "Dice":
        """Return count dice for each row, one after the other."""
        rows = np.arange(len(self))
        return self.at(np.repeat(rows, count), np.tile(np.arange(count), len(self)))

    def take(self, rows: IntArray | Mask) -> "Dice":
        """Return the dice of some of the rows."""
        return Dice(self.states[rows], self.salt)

    def at(self, rows: IntArray, positions: IntArray) -> "Dice":
        """Return dice for rows of rows: such as for each event, from those of its history.

        Args:
            rows: int64[m], whose dice.
            positions: int64[m], which tell apart what has the same row.
        """
        return Dice(_mix(_step(self.states, positions, rows)), self.salt)

    def bits(self, name: str) -> BitArray:
        """Return 64 random bits for each row."""
        return _mix(self.states ^ np.uint64(self._key(name)))

    def uniform(self, name: str) -> FloatArray:
        """Return floats in [0, 1)."""
        floats = (self.bits(name) >> SPARE_BITS).astype(np.float64)
        floats *= UNIT
        return floats

    def below(self, name: str, bound: int | IntArray) -> IntArray:
        """Return whole numbers in [0, bound); bounds are below 2**53."""
        return (self.uniform(name) * bound).astype(np.int64)

    def between(self, name: str, low: int, high: int) -> IntArray:
        """Return whole numbers in [low, high): any that an int64 holds."""
        span = high - low
        offsets = self.bits(name)
        if span < 2**64:
            offsets %= np.uint64(span)
        return (offsets + np.uint64(low & WORD)).view(np.int64)

    def chance(self, name: str, share: float | FloatArray) -> Mask:
        """Return a mask that holds for a share of the rows."""
        holds: Mask = self.uniform(name) < share
        return holds

    def choose(self, name: str, options: Sequence[Any] | npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return one of the options for each row; one that stands there twice comes twice."""
        return np.asarray(options)[self.below(name, len(options))]

    def weigh(self, name: str, weights: Sequence[float] | FloatArray) -> IntArray:
        """Return numbers of options, as often as their weights say; they need not add up to 1."""
        limits = np.cumsum(weights)
        picked = np.searchsorted(limits, self.uniform(name) * limits[-1], side="right")
        numbers: IntArray = np.minimum(picked, len(limits) - 1)
        return numbers

    def _key(self, name: str) -> int:
        return _mix_word(self.salt + zlib.crc32(name.encode()) * STEP)


def _step(
    states: BitArray | np.uint64, positions: IntArray, rows: IntArray | None = None
) -> BitArray:
    """Return states that are a number of steps on; uint64 wraps around, as it is meant to."""
    steps = positions.astype(np.uint64)
    steps += ONE
    steps *= STEP_BITS
    steps += states if rows is None else states[rows]  # type: ignore[index]
    return steps


def _mix(bits: BitArray) -> BitArray:
    """Return hashes, in place: called only on arrays that were just made."""
    bits ^= bits >> BY_30
    bits *= FIRST_BITS
    bits ^= bits >> BY_27
    bits *= SECOND_BITS
    bits ^= bits >> BY_31
    return bits


def _mix_word(bits: int) -> int:
    """Return the hash of a single word."""
    bits = ((bits ^ (bits & WORD) >> 30) * FIRST) & WORD
    bits = ((bits ^ bits >> 27) * SECOND) & WORD
    return bits ^ bits >> 31
