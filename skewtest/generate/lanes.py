"""Lanes: what is drawn for each history of a pack as a whole, before its events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skewtest.generate.dice import BLOCK, Dice
from skewtest.generate.instants import Clock
from skewtest.generate.moments import MOMENTS, draw_moments, mark_repeats
from skewtest.generate.plan import Plan

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

ENTITIES = 3
"""How many a history has at most: two that could be confused, and a bystander."""
COUNTS = np.concatenate([[0, 1, 1, 1, 2, 2, 2, 3, 3], np.arange(4, 13), [16, 20, 24, 40]])
"""How many events a history has. No event and one event are cases of their own (empty, undefined
variance); two to three make small counterexamples; up to 12 for a state machine's turns; 40 for
quantiles and small caps. Larger caps are for `LONG`. With three at most, planted pairs come at
history 24 on average, instead of 14."""
ODD_SHARES = (0.1, 0.3, 0.5)
"""How many histories of a block have odd values, for each column by itself: few, so that a bug of
two columns meets plain values in one of them; many, so that it meets odd ones in both. With all
of them odd, seven planted pairs are lost (half_to_even_or_away_from_zero, chargeback_after_a_refund
and others that need values to differ)."""
LONG_ODD = 0.25
"""How much less likely long histories have odd values: they are for caps and counters, which one
value throughout does not fill. Without this distinct_products_up_to_50 is lost from two of five
seeds; not 0, as sums of many wild values drift."""
CROWDED_SHARES = (0.4, 0.6, 0.2)
"""How many histories of a block have several entities. The others have all their events in one,
where most bugs are. Without crowds gap_to_anybodys_last_signup is lost, and
device_ids_cut_to_32_bits comes at history 617 instead of 107."""
ASKED_SHARES = (0.05, 0.4, 0.6)
"""How much of what can be asked a history asks for: hardly more than one request, or so many that
one changes what the next one sees. With a single request for each, three planted pairs are lost:
reading_evicts_for_the_shorter_window, scoring_remembers_the_device, total_cached_for_the_day."""
STRANGER_SHARE = 0.1
"""How many histories with one entity ask for others too: these have no events. Defaults and empty
states also show before a first event, so that no planted pair needs them."""
LATE_SHARE = 0.125
"""How many histories have an event exactly at `as_of` that precedes the request, where it is not
to count: an eighth, as such requests also hide what else their history would show."""


@dataclass(frozen=True, slots=True, eq=False)
class Lanes:
    """n histories side by side, as parallel arrays.

    Attributes:
        numbers: int64[n], of the histories, from 0.
        dice: one for each.
        counts: int64[n], how many events each has.
        is_long: bool[n], which have more events than any cap or counter.
        is_crowded: bool[n], which have events of several entities.
        odd: float64[n], with which probability each has odd values in a column.
        moments: int64[n, MOMENTS], when each may ask, in microseconds, ascending.
        asked: bool[n, ENTITIES, MOMENTS], what each asks for.
        plan: int64[n], the place of each history's plan in `plans`.
        plans: which have the values of columns that owners gave strategies for.
    """

    numbers: IntArray
    dice: Dice
    counts: IntArray
    is_long: Mask
    is_crowded: Mask
    odd: FloatArray
    moments: IntArray
    asked: npt.NDArray[np.bool_]
    plan: IntArray
    plans: Sequence[Plan]

    def __len__(self) -> int:
        return len(self.numbers)

    def choose_late(self, as_of: str) -> IntArray:
        """Return the lanes in which an event exactly at `as_of` precedes the request."""
        if as_of != "exclusive":
            return np.array([], dtype=np.int64)
        return np.flatnonzero(self.dice.chance("is late", LATE_SHARE))


def draw_lanes(
    clock: Clock,
    plans: Sequence[Plan],
    plan: IntArray,
    numbers: IntArray,
    long: Mapping[int, int],
    events: int | None = None,
) -> Lanes:
    """Return what is drawn for histories as a whole.

    Args:
        clock: of the view.
        plans: what histories share.
        plan: int64[n], the place of each history's plan in `plans`.
        numbers: int64[n], the numbers of the histories.
        long: how many events long histories have, by place in `numbers`.
        events: the same number of events for each other history, instead of a mixture.
    """
    seed = plans[0].seed
    dice = Dice.of_histories(seed, numbers)
    counts = dice.choose("events", COUNTS if events is None else (events,))
    is_long = np.zeros(len(numbers), dtype=bool)
    for lane, count in long.items():
        counts[lane], is_long[lane] = count, True
    odd, crowd = _draw_shares(plans[0], numbers)
    is_crowded = dice.chance("is crowded", crowd) & ~is_long
    firsts = np.array([plan.first for plan in plans], dtype=np.int64)
    moments = draw_moments(clock, Dice.of_histories(seed, firsts).under("plan"))[plan]
    return Lanes(
        numbers=numbers,
        dice=dice,
        counts=counts,
        is_long=is_long,
        is_crowded=is_crowded,
        odd=np.where(is_long, odd * LONG_ODD, odd),
        moments=moments,
        asked=_draw_asked(dice, is_crowded, is_long, moments),
        plan=plan,
        plans=plans,
    )


def _draw_shares(plan: Plan, numbers: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return, for each history, with which probability it has odd values, and several entities."""
    blocks = Dice.of_histories(plan.seed, numbers // BLOCK * BLOCK).under("block")
    odd = blocks.choose("odd", ODD_SHARES if plan.odd is None else (plan.odd,))
    crowd = blocks.choose("crowd", CROWDED_SHARES if plan.crowd is None else (plan.crowd,))
    return odd, crowd


def _draw_asked(dice: Dice, is_crowded: Mask, is_long: Mask, moments: IntArray) -> Mask:
    """Return which (lane, entity, moment) is asked for: often one, always at least one.

    Entities that no event has are asked for too. A long lane asks at the last moment, when all
    its events can have been seen.
    """
    lanes, cells = np.arange(len(dice)), ENTITIES * MOMENTS
    share = np.repeat(dice.choose("share asked", ASKED_SHARES), cells)
    asked = dice.parts(cells).chance("is asked", share).reshape(-1, ENTITIES, MOMENTS)
    asks_strangers = is_crowded | dice.chance("asks strangers", STRANGER_SHARE)
    asked[:, 1:] &= asks_strangers[:, None, None]
    asked[lanes, 0, dice.below("surely asked", MOMENTS)] = True
    asked[is_long, 0, -1] = True
    # Of equal moments the first stands for all: nobody asks the same thing twice.
    for number, repeated in reversed(list(enumerate(mark_repeats(moments).T))):
        asked[repeated, :, number - 1] |= asked[repeated, :, number]
        asked[repeated, :, number] = False
    return asked
