"""When events happen: each history leans towards one theme, each theme is for one kind of bug."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skewtest.generate.dice import Dice
from skewtest.generate.instants import Clock
from skewtest.times import DAY_US, HOUR_US, SECOND_US

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Events that are to be placed in time, as parallel arrays.

    Attributes:
        dice: one for each event.
        moment: the `as_of` that each is placed about, in microseconds.
        window: a length for each, in microseconds: a declared window or a hinted one.
        zone: the number of the zone whose midnights count, in `Clock.zones`.
    """

    dice: Dice
    moment: IntArray
    window: IntArray
    zone: IntArray

    def take(self, rows: IntArray) -> "Targets":
        """Return some of the events."""
        return Targets(self.dice.take(rows), self.moment[rows], self.window[rows], self.zone[rows])


def place_on_edge(clock: Clock, events: Targets) -> IntArray:
    """Place events on a window's edge: `<` for `<=`, a window an hour or a day too long."""
    tick = clock.tick
    # Most often exactly there, then one tick, millisecond, second, hour and day to either side:
    # what code rounds times to before it compares them.
    around = (0, 0, 0, *(sign * step for step in _BESIDE for sign in (1, -1)))
    offsets: IntArray = events.dice.choose("beside the edge", (tick, -tick, *around))
    return offsets - events.window


_BESIDE = (1_000, SECOND_US, HOUR_US, DAY_US)


def place_at_request(clock: Clock, events: Targets) -> IntArray:
    """Place events exactly at `as_of`, or a tick to either side: does it count, or is it a leak?"""
    return events.dice.choose("beside as_of", (0, clock.tick, -clock.tick))


def place_recently(clock: Clock, events: Targets) -> IntArray:
    """Place events at ages of any magnitude: decays, sessions and buckets of any length."""
    # 400 days: longer than a year, which is the longest length that features speak of.
    return -_draw_magnitudes("age", clock.tick, 400 * DAY_US, events.dice)


def place_in_window(_clock: Clock, events: Targets) -> IntArray:
    """Place events in a window and half a window before it: aggregates that have something."""
    return -(events.dice.uniform("age") * 1.5 * events.window).astype(np.int64)


def place_at_midnight(clock: Clock, events: Targets) -> IntArray:
    """Place events about midnights of the days before `as_of`: days cut in another zone."""
    dice = events.dice
    # Today, yesterday, the day before; a week; and the last days of months of any length.
    back = dice.choose("days back", (0, 0, 0, 1, 1, 2, 7, 29, 30, 31, 32))
    days = events.moment // DAY_US - back
    # Exactly at midnight and just before it; then an hour off (a zone without its summer time),
    # 23 hours on (the end of a short day), and three hours on (after clocks have changed).
    steps = (0, 0, -clock.tick, HOUR_US, -HOUR_US, 23 * HOUR_US, 3 * HOUR_US)
    at = clock.midnights(days, events.zone) + dice.choose("beside midnight", steps)
    offsets: IntArray = at - events.moment
    return offsets


def place_whole_steps_ago(_clock: Clock, events: Targets) -> IntArray:
    """Place events whole hours or days before `as_of`: hops, buckets, windows nobody declared."""
    # 40: beyond a month of days, and beyond a day of hours.
    steps = events.dice.below("steps back", 40)
    ages: IntArray = events.dice.choose("step", (HOUR_US, DAY_US)) * steps
    return -ages


def place_after_request(clock: Clock, events: Targets) -> IntArray:
    """Place events after `as_of`: what leaks from the future."""
    # 60 days: past the last of the other requests, and past any window to it but a month's.
    return _draw_magnitudes("lead", clock.tick, 60 * DAY_US, events.dice)


def place_past_every_window(clock: Clock, events: Targets) -> IntArray:
    """Place events a day and more before the longest window: expiry, defaults, "ever" for "in"."""
    # Up to three windows back: what expires twice, or late.
    longer = int(clock.windows.max()) * (1 + 2 * events.dice.uniform("windows back"))
    return -longer.astype(np.int64) - DAY_US


def place_in_burst(_clock: Clock, events: Targets) -> IntArray:
    """Place events within two minutes: rate limits, caps, batches that are cut by time."""
    return -events.dice.below("age", 120 * SECOND_US)


def place_at_learned_gaps(clock: Clock, events: Targets) -> IntArray:
    """Place events one to three learned gaps before `as_of`: the rhythm of the real log."""
    gaps = events.dice.choose("gap", clock.gaps)
    ages: IntArray = gaps * (1 + events.dice.below("gaps back", 3))
    return -ages


class Theme(NamedTuple):
    """A way to place events: how often, and where in relation to `as_of`, in microseconds."""

    name: str
    weight: float
    offsets: Callable[[Clock, Targets], IntArray]


# Measured on the planted pairs of tests/quality, leaving out one theme at a time (98 pairs, three
# seeds, 1,024 histories): without edges one is lost (leap_year_against_365_days) and
# times_cut_to_seconds comes at history 283 instead of 4; without ties
# tier_that_changes_with_the_order comes at 75 instead of 16, without "recent"
# standard_time_all_year at 72 instead of 3. Each other theme has a second one that finds its bugs,
# and is there for the pairs that nobody has planted yet.
THEMES = (
    Theme("edge", 0.20, place_on_edge),
    Theme("request", 0.06, place_at_request),
    Theme("recent", 0.16, place_recently),
    Theme("window", 0.18, place_in_window),
    Theme("midnight", 0.10, place_at_midnight),
    Theme("whole steps", 0.06, place_whole_steps_ago),
    Theme("future", 0.06, place_after_request),
    Theme("gap", 0.05, place_past_every_window),
    Theme("burst", 0.05, place_in_burst),
    # Such an event takes the time of the one before it; the first of a history has none.
    Theme("tie", 0.08, place_recently),
    Theme("rhythm", 0.00, place_at_learned_gaps),
)
NUMBERS = {theme.name: number for number, theme in enumerate(THEMES)}
"""The place of each theme in THEMES, which stands for it in arrays."""
LEARNED_SHARE = 0.2
"""Of a source with a learned rhythm: as much as edges have; and the most for learned ties, so that
a log of days without times does not leave all other themes out."""


def draw_instants(
    clock: Clock,
    histories: Dice,
    moments: IntArray,
    lane: IntArray,
    dice: Dice,
    is_long: Mask,
) -> IntArray:
    """Return event times, in microseconds: int64[m].

    Args:
        clock: of the view.
        histories: one die for each of n histories.
        moments: int64[n, MOMENTS], when each history asks.
        lane: int64[m], the history of each event, ascending.
        dice: one for each event.
        is_long: bool[n]. Long histories are bursts before their last request, so that a window
            can hold all their events.
    """
    weights = _weigh_themes(clock)
    leaning = np.where(is_long, NUMBERS["burst"], histories.weigh("theme", weights))
    # Half of the events follow their history's theme: enough to make its bug likely, while the
    # other half keeps something else in the window for it to be different from. (Planted pairs come
    # at history 14 on average; with none or all that follow at 17 and 14, and none is lost.)
    follows = dice.chance("follows its history", 0.5)
    theme = np.where(follows, leaning[lane], dice.weigh("theme", weights))
    events = Targets(
        dice=dice,
        moment=_choose_moments(histories, moments, lane, dice, is_long),
        window=_choose_windows(clock, dice),
        # The declared zone, or else the one that the code mentions, comes as often as all others.
        zone=histories.weigh("zone", _weigh_zones(clock))[lane],
    )
    instants = clock.clip(events.moment + _place(clock, theme, events))
    return _tie(instants, lane, theme == NUMBERS["tie"])


def _weigh_themes(clock: Clock) -> list[float]:
    weights = [theme.weight for theme in THEMES]
    if len(clock.gaps):
        weights[NUMBERS["rhythm"]] = LEARNED_SHARE
    weights[NUMBERS["tie"]] += min(clock.ties, LEARNED_SHARE)
    return weights


def _weigh_zones(clock: Clock) -> list[int]:
    """Return how often each zone's midnights count: four times more for the first."""
    return [5, *(1 for _ in clock.zones[1:])]


def _choose_moments(
    histories: Dice, moments: IntArray, lane: IntArray, dice: Dice, is_long: Mask
) -> IntArray:
    """Return the request that each event is placed about: mostly one for a whole history."""
    last = moments.shape[1] - 1
    focus = np.where(is_long, last, histories.below("focus", moments.shape[1]))
    # Three in ten about any: events between two requests, for state that the first one changed.
    # No planted pair is lost with none or all of them.
    is_focused = dice.chance("is focused", 0.7)
    picked = np.where(is_focused, focus[lane], dice.below("moment", moments.shape[1]))
    at: IntArray = moments[lane, picked]
    return at


def _choose_windows(clock: Clock, dice: Dice) -> IntArray:
    """Return a window for each event; in a quarter of them a length that the code mentions.

    Such as a constant of 14 days where 7 were declared. A quarter: most that code mentions are no
    lengths at all.
    """
    windows = dice.choose("window", clock.edges)
    if not len(clock.guesses):
        return windows
    return np.where(dice.chance("is hinted", 0.25), dice.choose("hint", clock.guesses), windows)


def _place(clock: Clock, theme: IntArray, events: Targets) -> IntArray:
    offsets = np.zeros(len(theme), dtype=np.int64)
    for number in np.unique(theme):
        rows = np.flatnonzero(theme == number)
        offsets[rows] = THEMES[number].offsets(clock, events.take(rows))
    return offsets


def _draw_magnitudes(name: str, low: int, high: int, dice: Dice) -> IntArray:
    """Return lengths of any magnitude: each is as likely as ten times as much."""
    exponents = np.log(low) + dice.uniform(name) * (np.log(high) - np.log(low))
    lengths: IntArray = np.exp(exponents).astype(np.int64)
    return lengths


def _tie(instants: IntArray, lane: IntArray, ties: Mask) -> IntArray:
    """Return instants in which each tied row takes the time of the row before it in its lane."""
    follows = np.zeros(len(lane), dtype=bool)
    follows[1:] = ties[1:] & (lane[1:] == lane[:-1])
    source = np.maximum.accumulate(np.where(follows, 0, np.arange(len(lane))))
    return instants[source]
