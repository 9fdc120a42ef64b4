"""The clock of a view: what its declaration and its code say about time, as integers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from skewtest.declare.inexact import Resolution, Staleness
from skewtest.declare.view import FeatureView
from skewtest.generate.hints import Hints
from skewtest.times import DAY_US, instant, micros, midnights, shift_changes

IntArray = npt.NDArray[np.int64]

USUAL_WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""What stands in where no window is declared: the lengths that features are named after."""
USUAL_ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney")
"""For code that takes days in a zone nobody declared: west and east of UTC, half an hour off it,
and one whose summer is the others' winter."""


def _day(text: str) -> int:
    """Return the number of a day since 1970-01-01."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


NOTABLE_DAYS = tuple(
    _day(text)
    for text in (
        # A leap day and the days after it: a year is not 365 days, February not 28.
        *("2024-03-01", "2024-02-29", "2023-03-01", "2020-02-29"),
        # Clock changes of New York and Berlin and the days after them: these have 23 or 25 hours.
        *("2024-03-10", "2024-03-11", "2024-11-03", "2024-11-04", "2023-11-05"),
        *("2024-03-31", "2024-04-01", "2024-10-27", "2024-10-28", "2023-03-26"),
        # Ends of years, quarters, months of 30 and 31 days: ISO weeks, "this day last month".
        *("2024-01-01", "2023-12-31", "2025-01-01", "2024-07-01", "2024-06-30", "2024-05-31"),
        # And one on which nothing happens.
        "2022-08-15",
    )
)
SPAN = (_day("2022-02-28"), _day("2025-03-02"))
"""The days in which clock changes are looked for: those around all notable ones but the oldest."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What the declaration says about time, as integers.

    Attributes:
        windows: declared windows, in microseconds; usual ones where none is declared.
        slacks: by how much features may declare an edge or a moment to be off, each once.
        edges: the windows, and the same moved by the slacks.
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
    slacks: IntArray
    edges: IntArray
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
        starts, ends, gaps, ties = [], [], set(), []
        for source in view.sources.values():
            if source.start is not None:
                starts.append(instant(source.start))
            if source.end is not None:
                ends.append(instant(source.end))
            gaps |= set(map(micros, source.rhythm.gaps))
            ties.append(source.rhythm.ties)
        first, last = max(starts, default=None), min(ends, default=None)
        named = (view.zone, view.time.zone, *hints.zones)
        zones = tuple(dict.fromkeys(zone for zone in named if zone and zone != "UTC"))
        windows, slacks = list(map(micros, view.windows or USUAL_WINDOWS)), _slacks(view)
        return cls(
            windows=np.array(windows, dtype=np.int64),
            slacks=np.array(slacks, dtype=np.int64),
            edges=np.array(_move_windows(windows, slacks), dtype=np.int64),
            guesses=np.array(hints.lengths, dtype=np.int64),
            zones=(*zones, "UTC", *USUAL_ZONES),
            changes=_changes(zones, first, last),
            first=first,
            last=last,
            tick=view.tick,
            gaps=np.array(sorted(gaps), dtype=np.int64),
            ties=max(ties),
        )

    def clip(self, instants: IntArray) -> IntArray:
        """Return instants within the declared range, on whole ticks."""
        if self.first is not None:
            instants = np.maximum(instants, self.first)
        if self.last is not None:
            instants = np.minimum(instants, self.last)
        if self.tick == 1:
            return instants
        floored = instants - instants % self.tick
        if self.first is None:
            return floored
        return np.where(floored < self.first, floored + self.tick, floored)

    def midnights(self, days: IntArray, zones: IntArray) -> IntArray:
        """Return when days begin, in microseconds; each pair of day and zone is looked up once.

        Args:
            days: int64[n], since 1970-01-01.
            zones: int64[n], the number of the zone of each, in `zones`.
        """
        starts = np.zeros(len(days), dtype=np.int64)
        for number in np.flatnonzero(np.bincount(zones)):
            rows = np.flatnonzero(zones == number)
            distinct, places = np.unique(days[rows], return_inverse=True)
            starts[rows] = midnights(distinct.tolist(), self.zones[number])[places]
        return starts


def _slacks(view: FeatureView) -> list[int]:
    """Return by how much the view's features may move an edge, in microseconds, each once."""
    slacks = set()
    for tolerance in view.features.values():
        match getattr(tolerance, "law", None):
            case Resolution(length) | Staleness(length):
                slacks.add(micros(length))
    return sorted(slacks)


def _move_windows(windows: Sequence[int], slacks: Sequence[int]) -> list[int]:
    """Return the windows and where a side breaks its law: past an edge that was moved by a slack.

    As often on the edges themselves as on the moved ones: a side may be off at both.
    """
    if not slacks:
        return list(windows)
    moved = []
    for slack in slacks:
        moved.append(slack)
        for window in windows:
            moved += [window - slack, window + slack]
    moved = [edge for edge in moved if edge > 0]
    repeats = -(-len(moved) // len(windows))
    return [*windows] * repeats + moved


def _changes(zones: Sequence[str], first: int | None, last: int | None) -> IntArray:
    """Return when the first of the zones changes its offset, in the declared span."""
    if not zones:
        return np.array([], dtype=np.int64)
    low = SPAN[0] * DAY_US if first is None else first
    high = SPAN[1] * DAY_US if last is None else last
    return np.array(shift_changes(zones[0], low, high), dtype=np.int64)
