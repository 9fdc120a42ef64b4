"""Blocks: histories by their number, in packs of any size.

What a history holds hangs on the run's seed and on its own number, never on the size of the pack,
the budget, or what else is run. So user code that is slow gets small packs of the same histories,
shards and processes share a run's numbers between them, and a number is enough to see a history
again.

Three sizes meet here. A *block* is 64 histories with a seed of their own. A *plan* is what
histories share so that a batch call on all of them is cheap: their `as_of` values, as a `per_as_of`
function is called once for each, and values that Hypothesis drew from strategies of the owner's,
at some milliseconds a draw. It covers as many blocks as a usual pack has: 1, 1, 2, 4, 8, and from
then on 16. A *pack* is whatever its caller asks for; one that keeps to plans is the cheapest.

Hypothesis draws nothing else: the odds of a block come from its seed. Its first example is always
the simplest one, so that all seeds began with the same plan, and a draw of 1.3 ms for each block
would cost more than to fill it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.view import FeatureView
from skewtest.generate.dice import BLOCK
from skewtest.generate.hints import Hints
from skewtest.generate.history import LANE, History, Pack
from skewtest.generate.incidents import Incidents, count_incidents, find_incidents
from skewtest.generate.instants import Clock
from skewtest.generate.keys import BASES
from skewtest.generate.lanes import draw_lanes
from skewtest.generate.packs import fill_pack
from skewtest.generate.plan import Plan, draw_pools

IntArray = npt.NDArray[np.int64]
Pools = Mapping[str, tuple[Any, ...]]

LARGEST_PLAN = 1_024
"""Histories that share `as_of` values at most: from here on larger batch calls cost no less for
each history. The first plans are smaller: most bugs show at once, and a small pack costs less."""
LONG = (130, 400, 1_400, 60, 700)
"""How many events long histories have, in turn: more than caps, counters and buffers of 100, 128,
256, 365, 512 and 1,000. The shortest, 60, is for windows of rows and minutes. Without long ones
average_of_the_last_100, distinct_products_up_to_50, monthly_visits_in_a_ring_of_256 and
visits_counted_in_a_byte are lost."""
LONG_EVERY = 512
"""Of the later histories, one in so many is long: it costs as much as fifty others."""
ALONE_LONG = 20
"""Where each history has a batch call of its own, one in so many is long: fewer are run."""


@dataclass(slots=True, eq=False)
class Blocks:
    """The histories of a view and a seed.

    The same numbers always give the same histories. Packs are shared: who wants one changed makes
    another of it.

    Attributes:
        view: what to generate for.
        clock: `Clock.of(view, hints)`.
        hints: constants that the implementations mention.
        seed: of the run: any int.
    """

    view: FeatureView
    clock: Clock
    hints: Hints
    seed: int
    _pools: dict[int, Pools] = field(default_factory=dict)
    _last: "_Made | None" = None

    def pack(self, first: int, count: int) -> Pack:
        """Return count histories from number `first` on, as one pack.

        Raises:
            ValueError: no history, or more than can have keys of their own.
        """
        if first < 0 or not 0 < count <= BASES:
            raise ValueError(f"a pack has 1 to {BASES:,} histories from 0 on; got {first}, {count}")
        if self._needs_cutting(count):
            return self._make(*_block_of(first)).take_lane(first % BLOCK)
        return self._make(first, count).pack

    def incidents(self, first: int, count: int) -> Counter[str]:
        """Return how many of these histories hold each incident; 0 for one that none of them does.

        It costs least straight after `pack` with the same arguments.
        """
        if self._needs_cutting(count):
            lanes = slice(first % BLOCK, first % BLOCK + 1)
            incidents = self._make(*_block_of(first)).find_incidents(self.view, self.clock)
            return count_incidents({name: mask[lanes] for name, mask in incidents.items()})
        return count_incidents(self._make(first, count).find_incidents(self.view, self.clock))

    def history(self, number: int) -> History:
        """Return one history."""
        return self.pack(number, 1).history(0)

    def room(self, first: int) -> int:
        """Return how many histories make the cheapest pack from number `first` on.

        All that share its plan; a single one where each has a batch call of its own.
        """
        return _plan_end(_plan_start(first)) - first if self.view.laned else 1

    def _needs_cutting(self, count: int) -> bool:
        """Return whether to cut a history out of its block, as its neighbours are wanted too."""
        return count == 1 and not self.view.laned

    def _make(self, first: int, count: int) -> "_Made":
        """Return a pack; the last one is kept, for its incidents and for further cuts."""
        if self._last is None or self._last.numbers != (first, count):
            self._last = _Made((first, count), self._fill(np.arange(first, first + count)))
        return self._last

    def _fill(self, numbers: IntArray) -> Pack:
        # Histories with calls of their own need no moments in common: each has others.
        starts = numbers
        if self.view.laned:
            starts = np.array(list(map(_plan_start, numbers.tolist())), dtype=np.int64)
        firsts, plan = np.unique(starts, return_inverse=True)
        plans = [self._plan_from(first) for first in firsts.tolist()]
        long = _long_histories(numbers, is_alone=not self.view.laned)
        lanes = draw_lanes(self.clock, plans, plan, numbers, long)
        return fill_pack(self.view, self.clock, lanes, self.hints)

    def _plan_from(self, first: int) -> Plan:
        """Return the plan of the histories from one on; its pools are drawn for a usual pack."""
        start = _plan_start(first)
        if start not in self._pools:
            self._pools[start] = draw_pools(self.view, self.seed, start)
        return Plan(self.seed, pools=self._pools[start], first=first)


class _Made:
    """A pack that was made, and what is worked out of it only when it is asked for."""

    def __init__(self, numbers: tuple[int, int], pack: Pack) -> None:
        self.numbers, self.pack = numbers, pack
        self._incidents: Incidents | None = None
        self._tables: Mapping[str, _Table] = {}

    def find_incidents(self, view: FeatureView, clock: Clock) -> Incidents:
        """Return which of its histories hold what."""
        if self._incidents is None:
            self._incidents = find_incidents(view, clock, self.pack)
        return self._incidents

    def take_lane(self, lane: int) -> Pack:
        """Return one of its histories as a pack."""
        if not self._tables:
            tables = {**self.pack.events, SPINE: self.pack.spine}
            self._tables = {name: _Table(frame, self.pack.lanes) for name, frame in tables.items()}
        frames = {name: table.take_lane(lane) for name, table in self._tables.items()}
        lags = {}
        if lane in self.pack.lags:
            lags = {0: self.pack.lags[lane]}
        return replace(
            self.pack,
            spine=frames.pop(SPINE),
            events=frames,
            lanes=1,
            lags=lags,
        )


SPINE = "#spine"
"""What the spine is called among the tables of a pack: no source can be."""


class _Table:
    """A table whose rows stand lane by lane: those of a lane are a slice, which costs nothing."""

    def __init__(self, frame: pl.DataFrame, lanes: int) -> None:
        by_lane = frame.sort(LANE, maintain_order=True)
        self._first = by_lane[LANE].search_sorted(np.arange(lanes + 1)).to_list()
        self._rows = by_lane.with_columns(pl.lit(0, dtype=pl.Int32).alias(LANE))

    def take_lane(self, lane: int) -> pl.DataFrame:
        first, end = self._first[lane : lane + 2]
        return self._rows.slice(first, end - first)


def _block_of(number: int) -> tuple[int, int]:
    """Return the first history of a history's block, and how many it has."""
    return number // BLOCK * BLOCK, BLOCK


def _plan_start(number: int) -> int:
    """Return the first history of the plan that a history belongs to."""
    if number >= LARGEST_PLAN:
        return number // LARGEST_PLAN * LARGEST_PLAN
    return 0 if number < BLOCK else 2 ** (number.bit_length() - 1)


def _plan_end(start: int) -> int:
    """Return the first history after the plan that begins with one."""
    return start + min(max(start, BLOCK), LARGEST_PLAN)


def _long_histories(numbers: IntArray, *, is_alone: bool) -> dict[int, int]:
    """Return how many events the long ones among histories have, by their place."""
    turn_of = _turn_alone if is_alone else _turn
    long = {}
    for lane, number in enumerate(numbers.tolist()):
        turn = turn_of(number)
        if turn is not None:
            long[lane] = LONG[turn % len(LONG)]
    return long


def _turn(number: int) -> int | None:
    """Return the place of a history among the long ones, or None if it is not long.

    The last of each plan is long; of the first plan another one; and one in the middle of the
    largest plans.
    """
    end = number + 1
    if end == BLOCK - 1:
        return 0
    if end >= LONG_EVERY and end % LONG_EVERY == 0:
        return end // LONG_EVERY + 3  # after 63, 64, 128 and 256
    if end < BLOCK or end & (end - 1):
        return None
    return end.bit_length() - BLOCK.bit_length() + 1


def _turn_alone(number: int) -> int | None:
    """Return the place among the long ones of a history that has a batch call of its own."""
    turn, rest_of_turn = divmod(number + 1, ALONE_LONG)
    return None if rest_of_turn else turn
