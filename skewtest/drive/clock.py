"""The wall clock that user code sees: frozen, and moved along with the delivery.

It is frozen for every run, so that code which reads it somewhere deep in a library is at least
deterministic. It follows the delivery, operation by operation, where the implementation's own code
mentions the clock: to move it costs a microsecond.
"""

import dis
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from types import CodeType

from skewtest.declare.view import FeatureView
from skewtest.generate.hints import codes_of
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
    return any(map(_mentions_clock, codes_of(view.online)))


def _mentions_clock(code: CodeType) -> bool:
    if CLOCKS.isdisjoint(code.co_names):
        return False
    return any(name in CLOCKS for name in _names_from_elsewhere(code))


def _names_from_elsewhere(code: CodeType) -> Iterator[str]:
    """Yield the names that code looks up, without attributes that its own object keeps.

    `self.today` is the sum of today as a rule: feeding its code operation by operation, with a
    clock that nobody looks at, took a third of a whole check. What is called on the spot, as in
    `self.now()`, may be a clock that was handed in.
    """
    is_own = False
    for step in dis.get_instructions(code):
        is_read = step.opname == "LOAD_ATTR" and "NULL" not in step.argrepr
        is_kept = step.opname == "STORE_ATTR" or (is_read and is_own)
        # Of names alone: the text "time" is a key of an event.
        if step.opcode in dis.hasname and not is_kept:
            yield step.argval
        # `self.today += 1` takes a copy of what it has loaded.
        if step.opname != "COPY":
            is_own = _loads_own_object(step, code)


def _loads_own_object(step: dis.Instruction, code: CodeType) -> bool:
    """Return whether an instruction loads the first parameter of a method last."""
    if not step.opname.startswith("LOAD_FAST") or not code.co_argcount:
        return False
    # From Python 3.13 on one instruction may load two variables: it names both.
    loaded = step.argval[-1] if isinstance(step.argval, tuple) else step.argval
    return bool(loaded == code.co_varnames[0])
