"""Rows to fill: events or requests of several histories, of which a part can be taken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skewtest.generate.dice import Dice
from skewtest.generate.hints import Hints
from skewtest.generate.lanes import Lanes

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n rows of one table, as parallel arrays.

    Attributes:
        lane: int64[n], the place of each row's history in `lanes`.
        instants: int64[n], event times or `as_of`, in microseconds.
        position: int64[n], the place of each row in its history.
        dice: one for each row.
        lanes: the histories.
        histories: a die for each history.
        hints: constants that the implementations mention.
    """

    lane: IntArray
    instants: IntArray
    position: IntArray
    dice: Dice
    lanes: Lanes
    histories: Dice
    hints: Hints

    def __len__(self) -> int:
        return len(self.lane)

    def take(self, rows: IntArray) -> "Rows":
        """Return some of the rows, which get the values that they would get among all."""
        return Rows(
            self.lane[rows],
            self.instants[rows],
            self.position[rows],
            self.dice.take(rows),
            self.lanes,
            self.histories,
            self.hints,
        )

    def under(self, path: str) -> "Rows":
        """Return the rows with the dice of one column."""
        return Rows(
            self.lane,
            self.instants,
            self.position,
            self.dice.under(path),
            self.lanes,
            self.histories.under(path),
            self.hints,
        )

    def by_history(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return, for each row, its history's value."""
        return values[self.lane]

    def sprinkle(self, name: str) -> Mask:
        """Return a third of the rows of a third of the histories.

        A third: most histories keep plain values alone, and where there are odd ones, a window
        holds both.
        """
        sprinkled: Mask = self.by_history(self.histories.chance(name, 1 / 3))
        return sprinkled & self.dice.chance(name, 1 / 3)


Fill = Callable[[Rows], npt.NDArray[Any]]
"""A way to fill rows."""


def fill_by_regime(
    rows: Rows, dtype: type, usual: Mapping[Fill, int], odd: Mapping[Fill, int]
) -> npt.NDArray[Any]:
    """Return a value for each row, in one way for each history.

    Args:
        rows: to fill.
        dtype: of the values.
        usual: the ways to fill most histories, and how often each is taken.
        odd: the ways to fill the others, whose share is the block's.
    """
    histories, ways = rows.histories, list(dict.fromkeys((*usual, *odd)))
    regime = np.where(
        histories.chance("is odd", rows.lanes.odd),
        histories.weigh("odd way", [odd.get(way, 0) for way in ways]),
        histories.weigh("usual way", [usual.get(way, 0) for way in ways]),
    )[rows.lane]
    values: npt.NDArray[Any] = np.zeros(len(rows), dtype=dtype)
    for number, way in enumerate(ways):
        picked = np.flatnonzero(regime == number)
        if len(picked):
            values[picked] = way(rows.take(picked))
    return values
