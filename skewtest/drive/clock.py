"""The wall clock that user code sees: frozen, and moved along with the delivery.

It is frozen for every run, so that code which reads it somewhere deep in a library is at least
deterministic. It follows the delivery, operation by operation, where the implementation's own code
mentions the clock: to move it costs a microsecond.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from skewtest.declare.view import FeatureView
from skewtest.drive.travel import travel
from skewtest.generate.hints import names_of
from skewtest.times import EPOCH, MICROSECOND

TRAINING = datetime(2030, 1, 1, tzinfo=ZoneInfo("UTC"))
"""When the batch side runs: long after all that happened, as training does."""
CLOCKS = frozenset(
    ["now", "utcnow", "today", "time", "time_ns", "localtime", "gmtime", "ctime", "fromtimestamp"]
)

Follow = Callable[[int], None]


@contextmanager
def frozen_clock() -> Iterator[Follow]:
    """Freeze the wall clock; yields a function that moves it to an instant in microseconds."""
    here = (TRAINING - EPOCH) // MICROSECOND
    with travel(TRAINING, tick=False) as traveller:

        def follow(instant: int) -> None:
            nonlocal here
            if instant != here:
                traveller.shift((instant - here) * MICROSECOND)
                here = instant

        yield follow


@contextmanager
def real_clock() -> Iterator[Follow]:
    """Leave the clock as it is."""
    yield lambda _instant: None


@lru_cache(maxsize=256)
def reads_clock(view: FeatureView) -> bool:
    """Return whether the online side's own code mentions the wall clock."""
    return not CLOCKS.isdisjoint(names_of(view.online))
