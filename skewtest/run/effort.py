"""Effort: how much may be tried, counted so that a busy machine changes no result."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Effort:
    """What minimising one divergence may cost.

    Rows are counted, not seconds: the same seed gives the same counterexample on a laptop and on a
    busy CI machine. User code that costs a millisecond a row would take hours for so many, so CPU
    seconds end it too; a machine that is slower than another changes that bound, load does not.

    Attributes:
        rows: how many events and requests of candidates may still be run.
        cpu: how many CPU seconds may be spent.
    """

    rows: int
    cpu: float
    began: float = field(default_factory=time.process_time)
    is_spent: bool = False

    def allows_more(self) -> bool:
        """Return whether anything may still be tried; once it may not, it never may again."""
        if self.rows <= 0 or time.process_time() - self.began > self.cpu:
            self.is_spent = True
        return not self.is_spent

    def spend(self, rows: int) -> None:
        """Take note that candidates of so many events and requests are run."""
        self.rows -= rows


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much effort each divergence of a kind of check gets."""

    rows: int
    cpu: float

    def at_rate(self, rate: float) -> "Allowance":
        """Return what is allowed where an event or request costs so many seconds."""
        affordable = int(self.cpu / rate) if rate > 0 else self.rows
        return Allowance(min(self.rows, affordable), self.cpu)

    def effort(self, share: int = 1) -> Effort:
        """Return a fresh effort, or one of so many equal shares of it."""
        return Effort(self.rows // share, self.cpu / share)


# Enough for a cap of 1,000 events, which takes some 300,000 rows; usual ones take 5,000.
DECLARED = Allowance(rows=1_000_000, cpu=30.0)
# What is only explored promises nothing: a roughly small history says enough.
ADVICE = Allowance(rows=80_000, cpu=3.0)
LAWS = Allowance(rows=500_000, cpu=15.0)
# Real logs begin larger than generated histories.
REPLAY = Allowance(rows=1_500_000, cpu=30.0)
# Each candidate crosses into another process.
VERSIONS = Allowance(rows=150_000, cpu=10.0)
# What was kept is small already.
NONE = Allowance(rows=0, cpu=0.0)
