"""The wall clock that user code sees: frozen, and moved along with the delivery.

It is frozen for every run, so that code which reads it somewhere deep in a library is at least
deterministic. It follows the delivery, operation by operation, where the implementation's own code
mentions the clock: to move it costs a microsecond.
"""

from contextlib import AbstractContextManager
from functools import lru_cache

from skewtest.declare.view import FeatureView
from skewtest.generate.hints import names_of
from skewtest.worker.clock import TRAINING, Follow, frozen_clock, real_clock

__all__ = ["TRAINING", "Follow", "clock_of", "frozen_clock", "reads_clock", "real_clock"]

CLOCKS = frozenset(
    ["now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime", "ctime", "fromtimestamp"]
)


def clock_of(kind: str) -> AbstractContextManager[Follow]:
    """Return the clock that a delivery declares: "real", or "frozen"."""
    return real_clock() if kind == "real" else frozen_clock()


@lru_cache(maxsize=256)
def reads_clock(view: FeatureView) -> bool:
    """Return whether the online side's own code mentions the wall clock."""
    return not CLOCKS.isdisjoint(names_of(view.online))
