"""When histories ask: the few `as_of` values that share a batch call, on and off calendar edges."""

import numpy as np
import numpy.typing as npt

from skewtest.generate.dice import Dice
from skewtest.generate.instants import NOTABLE_DAYS, Clock
from skewtest.times import DAY_US, HOUR_US, SECOND_US

IntArray = npt.NDArray[np.int64]

MOMENTS = 4
"""How many: each costs a `per_as_of` function one call, and state that lives from request to
request (a cache, an expiry) needs a second and a third one to show."""
MONTH_US = 31 * DAY_US
ORDINARY_DAY = NOTABLE_DAYS[0]
"""About which plain days lie, so that time zones and leap years are those of the notable ones."""
PLAIN_DAYS = 400
"""More than a year to both sides: each day of a year, week and month is among them."""


def draw_moments(clock: Clock, dice: Dice) -> IntArray:
    """Return `as_of` values for each of n groups: int64[n, MOMENTS], ascending, some maybe equal.

    They are close enough for the later ones to see what the earlier ones saw, and lie on and off
    days, months and clock changes.

    Args:
        clock: of the view.
        dice: one for each group of histories that shares its `as_of` values.
    """
    window = dice.choose("window of the steps", clock.windows)
    day_later = window + DAY_US
    # Nothing to a month, and each unit between. 13 hours are for zones, where it is another day of
    # the week already or still; without them yesterday_has_24_hours is lost from 2 seeds of 5.
    lengths = [0, clock.tick, SECOND_US, HOUR_US, 13 * HOUR_US, DAY_US, 7 * DAY_US, MONTH_US]
    same = np.tile(np.array(lengths, dtype=np.int64), (len(dice), 1))
    steps = np.column_stack([same, window, day_later])
    ranks = dice.parts(steps.shape[1]).uniform("rank of a step").reshape(steps.shape)
    chosen = np.take_along_axis(steps, np.argsort(ranks, axis=1)[:, :MOMENTS], axis=1)
    moments = _draw_anchors(clock, dice)[:, None] + chosen
    # Three of four stay where they are: whole days are what people ask for. The others find code
    # that rounds `as_of`: to milliseconds (1,001 us), to whole hours (30 minutes), up or down.
    # Without them times_cut_to_seconds comes at history 152 instead of 4.
    beside = [0, 0, 0, clock.tick, -clock.tick, 1_001, HOUR_US // 2]
    moments[:, 0] += dice.choose("jitter", beside)
    if len(clock.slacks):
        moments += _draw_slack(clock, dice.parts(MOMENTS)).reshape(moments.shape)
    return np.sort(clock.clip(moments), axis=1)


def _draw_slack(clock: Clock, dice: Dice) -> IntArray:
    """Return how much later requests come in a view that declares an edge or an age to be off.

    A bucket or a cache that is coarser than declared is exact at midnight. It breaks its law where
    a request comes a tick or half as much again later than what was declared, or a tick past
    midnight, where the next bucket is the furthest.
    """
    slack = dice.choose("slack", clock.slacks)
    lengths = np.stack([0 * slack, slack + clock.tick, slack + slack // 2, 0 * slack + clock.tick])
    later: IntArray = lengths[dice.below("place in the slack", len(lengths)), np.arange(len(slack))]
    return later


def mark_repeats(moments: IntArray) -> npt.NDArray[np.bool_]:
    """Return which of ascending moments equal the one before them."""
    repeated = np.zeros(moments.shape, dtype=bool)
    repeated[:, 1:] = moments[:, 1:] == moments[:, :-1]
    return repeated


def _draw_anchors(clock: Clock, dice: Dice) -> IntArray:
    """Return the instant about which the requests of each group lie."""
    anchors = _draw_times_of_day(clock, _draw_days(clock, dice), dice)
    if not len(clock.changes):
        return anchors
    # A declared zone is there for its clock changes. An eighth of the anchors lies within two
    # hours of one, at whole and half hours: half of them in the hour that is there twice, or just
    # after the one that is not there at all. Code that subtracts local times goes wrong only there.
    change = dice.choose("clock change", clock.changes)
    half_hours = dice.choose("half hours from the change", (-4, -2, -1, 0, 0, 1, 1, 1, 2, 4))
    nudge = dice.below("tick from the change", 3) - 1
    at_change = change + half_hours * (HOUR_US // 2) + nudge
    return np.where(dice.chance("is at a change", 0.125), at_change, anchors)


def _draw_days(clock: Clock, dice: Dice) -> IntArray:
    """Return the day of each group's anchor: notable ones, or any."""
    if clock.first is not None and clock.last is not None:
        first, last = clock.first // DAY_US, clock.last // DAY_US
        days = first + dice.below("day in range", last + 1 - first)
    else:
        any_day = ORDINARY_DAY - PLAIN_DAYS + dice.below("any day", 2 * PLAIN_DAYS)
        # Without notable days seven_days_or_168_hours comes at history 268 instead of 1.
        notable = dice.choose("notable day", NOTABLE_DAYS)
        days = np.where(dice.chance("is notable", 0.7), notable, any_day)
    if not len(clock.changes):
        return days
    # The day of a clock change has 23 or 25 hours; from the next two on it is "yesterday" and
    # "the day before", which code that adds 24 hours misses.
    changed = dice.choose("changed day", clock.changes) // DAY_US + dice.below("days later", 3)
    return np.where(dice.chance("is near a change", 0.3), changed, days)


def _draw_times_of_day(clock: Clock, days: IntArray, dice: Dice) -> IntArray:
    """Return an instant of each day, as people and schedulers ask."""
    starts = days * DAY_US
    hour = dice.below("hour", 24) * HOUR_US
    anywhere = dice.below("anywhere in the day", DAY_US)
    midnight = clock.midnights(days, dice.below("zone of midnight", len(clock.zones)))
    # Midnight UTC, at which most training sets are cut, comes twice as often as each of: midnight
    # in some zone, a whole hour, any instant, and the last one of the day.
    options = [starts, starts, midnight, starts + hour]
    options += [starts + anywhere, starts + (DAY_US - clock.tick)]
    return np.choose(dice.below("kind of anchor", len(options)), options)
