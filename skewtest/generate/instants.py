"""When things happen: shared `as_of` values, and event times on the edges that bugs sit on."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from skewtest.declare.view import FeatureView
from skewtest.generate.hints import Hints
from skewtest.times import DAY_US, HOUR_US, SECOND_US, instant, micros, midnights, shift_changes

IntArray = npt.NDArray[np.int64]

USUAL_WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=30))
USUAL_ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney")
MOMENTS = 4
MONTH_US = 31 * DAY_US

# Days on which calendars do something: leap days, ends of months and years, DST in two zones.
NOTABLE_DAYS = tuple(
    date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal()
    for day in (
        *("2024-03-01", "2024-02-29", "2024-03-10", "2024-03-11", "2024-11-03", "2024-11-04"),
        *("2024-03-31", "2024-10-27", "2024-01-01", "2023-12-31", "2024-07-01", "2023-03-01"),
        *("2024-04-01", "2024-10-28", "2023-03-26", "2023-11-05"),
        *("2024-05-31", "2024-06-30", "2025-01-01", "2020-02-29", "2022-08-15"),
    )
)

EDGE, NOW, RECENT, WINDOWED, CALENDAR, WHOLE, FUTURE, GAP, DENSE, TIE, RHYTHM = range(11)
THEMES = np.array([EDGE, NOW, RECENT, WINDOWED, CALENDAR, WHOLE, FUTURE, GAP, DENSE, TIE, RHYTHM])
WEIGHTS = np.array([0.2, 0.06, 0.16, 0.18, 0.1, 0.06, 0.06, 0.05, 0.05, 0.08, 0.0])


@dataclass(frozen=True, slots=True)
class Clock:
    """What the declaration says about time, as integers.

    Attributes:
        windows: declared windows, in microseconds; usual ones where none is declared.
        zones: whose midnights count; the declared zone first, then those mentioned.
        changes: instants at which the first zone changes its offset, if one is declared or
            mentioned.
        first: the earliest instant to generate, or None.
        last: the latest instant to generate, or None.
        tick: the smallest step.
        guesses: lengths of time that the implementations mention.
        gaps: learned gaps.
        ties: learned share of ties.
    """

    windows: IntArray
    guesses: IntArray
    zones: tuple[str, ...]
    changes: IntArray
    first: int | None
    last: int | None
    tick: int
    gaps: IntArray
    ties: float

    @classmethod
    def of(cls, view: FeatureView, hints: Hints = Hints()) -> "Clock":  # noqa: B008 - frozen
        """Return the clock of a view."""
        sources = list(view.sources.values())
        starts = [instant(s.start) for s in sources if s.start is not None]
        ends = [instant(s.end) for s in sources if s.end is not None]
        gaps = sorted({micros(gap) for s in sources for gap in s.rhythm.gaps})
        given = (view.zone, view.time.zone, *hints.zones)
        zones = tuple(dict.fromkeys(zone for zone in given if zone and zone != "UTC"))
        span = (instant_of_day(NOTABLE_DAYS[0]) - 2 * 366 * DAY_US, 3 * 366 * DAY_US)
        low = max(starts) if starts else span[0]
        high = min(ends) if ends else span[0] + span[1]
        changes = shift_changes(zones[0], low, high) if zones else []
        return cls(
            windows=np.array([micros(w) for w in view.windows or USUAL_WINDOWS], dtype=np.int64),
            guesses=np.array(hints.lengths, dtype=np.int64),
            zones=(*zones, "UTC", *USUAL_ZONES),
            changes=np.array(changes, dtype=np.int64),
            first=max(starts) if starts else None,
            last=min(ends) if ends else None,
            tick=max(s.type.tick for s in sources),
            gaps=np.array(gaps, dtype=np.int64),
            ties=max(s.rhythm.ties for s in sources),
        )

    def clip(self, instants: IntArray) -> IntArray:
        """Return instants within the declared range, on whole ticks."""
        if self.first is not None:
            instants = np.maximum(instants, self.first)
        if self.last is not None:
            instants = np.minimum(instants, self.last)
        floored = instants - instants % self.tick
        if self.first is None:
            return floored
        return np.where(floored < self.first, floored + self.tick, floored)


def instant_of_day(day: int) -> int:
    """Return midnight UTC of a day since 1970-01-01."""
    return day * DAY_US


def as_of_moments(clock: Clock, rng: np.random.Generator) -> IntArray:
    """Return the few `as_of` values that all lanes of a pack share, ascending and distinct.

    They are close enough for the later ones to see what the earlier ones saw, and lie on and off
    days, months and clock changes.
    """
    anchor = _anchor(clock, rng)
    window = int(rng.choice(clock.windows))
    steps = np.array(
        [0, clock.tick, SECOND_US, HOUR_US, DAY_US, 7 * DAY_US, window, window + DAY_US, MONTH_US]
    )
    moments = anchor + rng.choice(steps, MOMENTS, replace=False)
    jitter = rng.choice([0, 0, 0, clock.tick, -clock.tick, 1_000 + 1, HOUR_US // 2], MOMENTS)
    # All but one stay where they are: whole days are what people ask for.
    moments[0] += jitter[0]
    return np.unique(clock.clip(moments))


def event_instants(
    clock: Clock,
    moments: IntArray,
    lane: IntArray,
    is_long: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> IntArray:
    """Return event times for rows grouped by lane; each lane leans towards one theme.

    Long lanes lean towards being dense before the last moment, so that a window can hold them.
    """
    size, lanes = len(lane), len(is_long)
    weights = WEIGHTS.copy()
    weights[RHYTHM] = 0.2 if len(clock.gaps) else 0.0
    weights[TIE] += min(clock.ties, 0.2)
    weights /= weights.sum()
    leaning = np.where(is_long, DENSE, rng.choice(THEMES, lanes, p=weights))
    theme = np.where(
        rng.random(size) < 0.5,
        leaning[lane],
        rng.choice(THEMES, size, p=weights),
    )
    focus = np.where(is_long, moments[-1], moments[rng.integers(0, len(moments), lanes)])[lane]
    origin = np.where(rng.random(size) < 0.7, focus, rng.choice(moments, size))
    window = rng.choice(clock.windows, size)
    if len(clock.guesses):
        window = np.where(rng.random(size) < 0.25, rng.choice(clock.guesses, size), window)
    offsets = np.choose(
        np.where(theme == TIE, RECENT, theme),
        [
            -window + _nudges(clock, size, rng),
            rng.choice([0, clock.tick, -clock.tick], size),
            -_log_uniform(clock.tick, 400 * DAY_US, size, rng),
            -(rng.random(size) * 1.5 * window).astype(np.int64),
            _calendar(clock, origin, rng) - origin,
            -rng.choice([HOUR_US, DAY_US], size) * rng.integers(0, 40, size),
            _log_uniform(clock.tick, 60 * DAY_US, size, rng),
            -(clock.windows.max() * (1 + 2 * rng.random(size))).astype(np.int64) - DAY_US,
            -rng.integers(0, 120 * SECOND_US, size),
            np.zeros(size, dtype=np.int64),
            -_rhythmic(clock, size, rng),
        ],
    )
    instants = clock.clip(origin + offsets)
    return _tied(instants, lane, theme == TIE)


def _anchor(clock: Clock, rng: np.random.Generator) -> int:
    roll = rng.random()
    if len(clock.changes) and roll < 0.4:
        at = int(rng.choice(clock.changes))
        if roll < 0.12:
            # In the hour that is there twice, and around the one that is not there.
            return at + int(rng.integers(-4, 5)) * HOUR_US // 2 + int(rng.integers(-1, 2))
        day = at // DAY_US + int(rng.integers(0, 3))
    elif clock.first is not None and clock.last is not None:
        day = int(rng.integers(clock.first // DAY_US, clock.last // DAY_US + 1))
    elif roll < 0.7:
        day = int(rng.choice(NOTABLE_DAYS))
    else:
        day = int(rng.integers(NOTABLE_DAYS[7] - 400, NOTABLE_DAYS[7] + 400))
    kind = rng.integers(0, 6)
    if kind <= 1:
        return day * DAY_US
    if kind == 2:
        zone = clock.zones[int(rng.integers(0, len(clock.zones)))]
        return int(midnights([day], zone)[0])
    if kind == 3:
        return day * DAY_US + int(rng.integers(0, 24)) * HOUR_US
    if kind == 4:
        return day * DAY_US + int(rng.integers(0, DAY_US))
    return day * DAY_US + DAY_US - clock.tick


def _nudges(clock: Clock, size: int, rng: np.random.Generator) -> IntArray:
    tick = clock.tick
    around = [0, 0, 0, tick, -tick, 1_000, -1_000, SECOND_US, -SECOND_US, HOUR_US, -HOUR_US]
    return rng.choice(np.array([*around, DAY_US, -DAY_US], dtype=np.int64), size)


def _log_uniform(low: int, high: int, size: int, rng: np.random.Generator) -> IntArray:
    return np.exp(rng.uniform(np.log(low), np.log(high), size)).astype(np.int64)


def _calendar(clock: Clock, origin: IntArray, rng: np.random.Generator) -> IntArray:
    """Return instants at or just beside a midnight of the days up to `origin`, in some zone."""
    zones = clock.zones[:1] * 4 + clock.zones
    zone = zones[int(rng.integers(0, len(zones)))]
    back = rng.choice([0, 0, 0, 1, 1, 2, 7, 29, 30, 31, 32], len(origin))
    days, inverse = np.unique(origin // DAY_US - back, return_inverse=True)
    steps = np.array([0, 0, -clock.tick, HOUR_US, -HOUR_US, 23 * HOUR_US, 3 * HOUR_US])
    instants: IntArray = midnights(days.tolist(), zone)[inverse] + rng.choice(steps, len(origin))
    return instants


def _rhythmic(clock: Clock, size: int, rng: np.random.Generator) -> IntArray:
    if not len(clock.gaps):
        return np.zeros(size, dtype=np.int64)
    return rng.choice(clock.gaps, size) * rng.integers(1, 4, size)


def _tied(instants: IntArray, lane: IntArray, ties: npt.NDArray[np.bool_]) -> IntArray:
    """Return instants in which each tied row takes the time of the row before it in its lane."""
    follows = np.zeros(len(lane), dtype=bool)
    follows[1:] = ties[1:] & (lane[1:] == lane[:-1])
    source = np.maximum.accumulate(np.where(follows, 0, np.arange(len(lane))))
    return instants[source]
