"""What user code costs, and how much of a run a budget of seconds allows."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skewtest.generate.history import LANE, Pack

SCHEDULER = Path("/proc/thread-self/schedstat")
"""Linux tells here how long a thread waited for a processor that others held."""
# Seconds that one pack of slow code may cost: so often progress is shown and Ctrl-C is heard.
SLICE = 1.0
# More events and requests than any pack has.
ANY = 2**62
# Where one history costs fewer seconds than this, a call has mostly fixed costs, and the next pack
# is not cut. So the packs of usual code are the same on any machine, and its results too.
QUICK = 0.15


def seconds_spent() -> float:
    """Return a clock that runs while this thread computes or waits, not while others hold the CPU.

    It is CPU time where the system does not tell how long a thread was held up.
    """
    try:
        held_up = int(SCHEDULER.read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return time.process_time()
    return time.monotonic() - held_up


@dataclass(slots=True)
class Cost:
    """What the two sides have cost so far.

    Attributes:
        budget: seconds that may be spent on the whole; None: as many as it takes.
        began: when the run began, by `seconds_spent`.
        batch_rows: events and requests that batch has been called with.
        batch_seconds: what that took.
        online_steps: events and requests that the online side has got.
        online_seconds: what that took.
        largest: the most events and requests of one pack.
        packs: how many packs have been run.
        last: seconds that the last one cost.
    """

    budget: float | None
    began: float = field(default_factory=seconds_spent)
    batch_rows: int = 0
    batch_seconds: float = 0.0
    online_steps: int = 0
    online_seconds: float = 0.0
    largest: int = 0
    packs: int = 0
    last: float = 0.0

    @property
    def seconds(self) -> float:
        """What the run has cost so far."""
        return seconds_spent() - self.began

    @property
    def left(self) -> float:
        """What may still be spent."""
        if self.budget is None:
            return float("inf")
        return self.budget - self.seconds

    @property
    def batch_us(self) -> float:
        """Microseconds that batch costs a row."""
        return 1e6 * self.batch_seconds / max(1, self.batch_rows)

    @property
    def online_us(self) -> float:
        """Microseconds that the online side costs an event or request."""
        return 1e6 * self.online_seconds / max(1, self.online_steps)

    def note(self, pack: Pack, batch: float, online: float) -> None:
        """Take note of what a pack has cost: the seconds of batch and of the online side."""
        size = count_rows(pack)
        if size >= self.largest:
            # A larger call says more than all before it, whose fixed costs weigh more.
            self.batch_rows = self.online_steps = 0
            self.batch_seconds = self.online_seconds = 0.0
        self.packs += 1
        self.last = batch + online
        self.batch_rows += size
        self.online_steps += size
        self.batch_seconds += batch
        self.online_seconds += online
        self.largest = max(self.largest, size)

    @property
    def is_quick(self) -> bool:
        """Whether only one history has been run, which says little of code that is not slow."""
        return self.packs == 1 and self.last < QUICK

    def forget(self) -> None:
        """Forget the first pack: it may have imported or compiled what no other has to."""
        self.packs = self.largest = 0

    @property
    def rate(self) -> float:
        """Seconds that both sides together cost an event or request."""
        return (self.batch_us + self.online_us) / 1e6

    def largest_history(self, slices: int) -> float:
        """Return how many events and requests a history may have before it eats up the budget."""
        if self.budget is None or self.is_quick or not self.rate:
            return float("inf")
        return slices * SLICE / self.rate

    def allow_rows(self) -> int:
        """Return how many events and requests the next pack may have."""
        # A rate of 0 is that of code too quick for the clock.
        if self.is_quick or not self.rate:
            return ANY
        return int(min(SLICE, max(0.0, self.left)) / self.rate)


def count_rows_by_lane(pack: Pack) -> list[int]:
    """Return how many events and requests each history of a pack has."""
    sizes = np.bincount(pack.spine[LANE].to_numpy(), minlength=pack.lanes)
    for frame in pack.events.values():
        sizes = sizes + np.bincount(frame[LANE].to_numpy(), minlength=pack.lanes)
    counts: list[int] = sizes.tolist()
    return counts


def count_rows(pack: Pack) -> int:
    """Return how many events and requests a pack has."""
    return pack.spine.height + sum(frame.height for frame in pack.events.values())
