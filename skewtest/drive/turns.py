"""Turns: the threads of user code take them far more often than usual, so that races show."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Python's own interval between turns is 5 ms, and most updates are done in less.
HURRY_SECONDS = 1e-6
# A thread that sleeps so long lets another run, also where busy processes hold the processors.
PAUSE_SECONDS = 2e-4


@contextmanager
def hurry_turns() -> Iterator[None]:
    """Let threads that are started in the block take turns at many of their lines.

    A short interval alone does not do it: where other processes hold the processors, a thread is
    often done before the next one has begun. So each pauses at its 1st, 2nd, 3rd, 5th, 8th, ...
    line: between any two of its lines in time, and seldom enough to cost little.
    """
    usual, traced = sys.getswitchinterval(), threading.gettrace()
    sys.setswitchinterval(HURRY_SECONDS)
    # A debugger or coverage that follows threads goes on; it slows them down, too.
    if traced is None:
        threading.settrace(_Pauses.begin)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
        threading.settrace(traced)


class _Pauses:
    """The pauses of one thread."""

    def __init__(self) -> None:
        self.lines = 0
        self.last, self.next = 1, 1

    @classmethod
    def begin(cls, frame: FrameType, event: str, argument: Any) -> Any:
        """Trace a thread that has just begun, by its first frame."""
        pauses = cls()
        sys.settrace(pauses.trace)
        return pauses.trace(frame, event, argument)

    def trace(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        """Count a line, and pause at some."""
        if event == "line":
            self.lines += 1
            if self.lines == self.next:
                self.last, self.next = self.next, self.last + self.next
                time.sleep(PAUSE_SECONDS)
        return self.trace
