"""Time limits around user code: in CPU seconds, and by the clock for what only waits.

A machine that is busy makes right code slow by the clock, never by its CPU time: so a limit of some
seconds is one of CPU seconds. What uses no CPU (a sleep, a lock, a socket) is judged by the clock.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

IDLE_SHARE = 0.01
"""Of a whole limit: code that used less CPU than this in that time is waiting. Four busy processes
on two cores still leave a process a third of one."""
FRESH_SHARE = 0.1
"""Of a limit: so much may be gone before the next history begins on it."""
LONGEST_WAIT = 30
"""So many limits by the clock end code that polls: it uses some CPU and gets nowhere."""
AGAIN = (0.002, 0.0001, 0.01)
"""Seconds after which the limit is raised again where user code swallowed it, in turn."""
AFTER_COLLECTION = 0.001
"""Seconds after which a limit that ran out in a garbage collection tries again."""
HERE = os.path.dirname(os.path.abspath(__file__))

# Looked up before anybody patches it: the clock of user code may be frozen.
_wall_clock = time.monotonic


class TimeLimitExceeded(BaseException):
    """User code ran into its time limit. A BaseException, so that `except Exception` lets it by."""


class Watch:
    """Tells whether something has used its seconds up, or only waits.

    Args:
        seconds: of CPU time, or of waiting.
        cpu_clock: returns the CPU seconds of what is watched.
    """

    def __init__(self, seconds: float, cpu_clock: Callable[[], float] = time.process_time) -> None:
        self.seconds, self.cpu_clock = seconds, cpu_clock
        self.restart(None)

    def restart(self, token: Any) -> None:
        """Begin anew; `token` says how far what is watched has come."""
        self.token = token
        self.cpu = self.idle_cpu = self.cpu_clock()
        self.wall = self.idle_wall = _wall_clock()

    def is_over(self, token: Any) -> bool:
        """Return whether the seconds are over since `token` was last another."""
        if token != self.token:
            self.restart(token)
            return False
        cpu, wall = self.cpu_clock(), _wall_clock()
        if cpu - self.cpu >= self.seconds or wall - self.wall >= LONGEST_WAIT * self.seconds:
            return True
        if wall - self.idle_wall < self.seconds:
            return False
        is_idle = cpu - self.idle_cpu < IDLE_SHARE * self.seconds
        self.idle_cpu, self.idle_wall = cpu, wall
        return is_idle


class TimeLimit:
    """Interrupt a block whose user code makes no progress for some seconds.

    It works in the main thread of a Unix process and interrupts Python code and sleeps; elsewhere
    the block runs unlimited. Code that never returns to Python is ended in a process of its own
    (`skewtest.sides.supervised`). A limit around this one is put back as it was.

    Args:
        seconds: of CPU time, or of waiting.
        progress: returns how far the block has come: with each change the seconds begin anew.
        tell: is called where there was progress, at each check.
    """

    def __init__(
        self,
        seconds: float,
        progress: Callable[[], Any] | None = None,
        tell: Callable[[], None] | None = None,
    ) -> None:
        self.seconds, self.progress, self.tell = seconds, progress, tell
        self.raised = 0
        self.is_checking = False
        self.previous: Any = None
        self.remaining = (0.0, 0.0)
        self.works = hasattr(signal, "SIGALRM") and (
            threading.current_thread() is threading.main_thread()
        )

    def __enter__(self) -> TimeLimit:
        """Start the limit."""
        if self.works:
            self.watch = Watch(self.seconds)
            self.tracer = sys.gettrace()
            self.previous = signal.signal(signal.SIGALRM, self._check)
            self.remaining = signal.setitimer(signal.ITIMER_REAL, 0)
            self.restart()
        return self

    def __exit__(self, *_error: object) -> None:
        """End the limit."""
        if self.works:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._untrace()
            signal.signal(signal.SIGALRM, self.previous)
            signal.setitimer(signal.ITIMER_REAL, *self.remaining)

    def restart(self) -> None:
        """Begin anew, as for a block of its own; also after the limit was raised and caught."""
        if self.works:
            signal.setitimer(signal.ITIMER_REAL, 0)  # no alarm before all is as it was at first
            self._untrace()
            self.watch.restart(self._token())
            self.raised = 0
            self.is_checking = False
            # No alarm before the seconds are over: each cuts short a sleep in C code, for one.
            signal.setitimer(signal.ITIMER_REAL, self.seconds, self.seconds)

    def refresh(self) -> None:
        """Begin anew if some of the seconds are gone; it costs less than to `restart` each time."""
        if self.works and _wall_clock() - self.watch.wall > FRESH_SHARE * self.seconds:
            self.restart()

    def _untrace(self) -> None:
        """Put back the trace function of a debugger, if the limit had to be raised again."""
        if self.raised > 1:
            sys.settrace(self.tracer)

    def _token(self) -> Any:
        return None if self.progress is None else self.progress()

    def _check(self, _signum: int, frame: Any) -> None:
        if self.is_checking:
            return
        if self.raised:
            self._raise_again(frame)
        elif self._is_over():
            if is_in_collection(frame):
                signal.setitimer(signal.ITIMER_REAL, AFTER_COLLECTION, self.seconds)
                return
            self.raised = 1
            signal.setitimer(signal.ITIMER_REAL, AGAIN[0])
            raise TimeLimitExceeded

    def _is_over(self) -> bool:
        """Return whether the block has used its seconds up; alarms meanwhile are let pass."""
        self.is_checking = True
        token = self._token()
        if self.tell is not None and token != self.watch.token:
            self.tell()
        is_over = self.watch.is_over(token)
        self.is_checking = False
        return is_over

    def _raise_again(self, frame: Any) -> None:
        """Raise the limit again if user code has swallowed it; our own code is let go on."""
        signal.setitimer(signal.ITIMER_REAL, AGAIN[self.raised % len(AGAIN)])
        is_ours = frame is None or frame.f_code.co_filename.startswith(HERE)
        if not is_ours and not is_in_collection(frame):
            self.raised += 1
            # What is raised in `try: sleep() except: pass` is swallowed for ever. A trace function
            # raises it once more on the first line of the handler, which does not guard itself.
            frame.f_trace = _raise_on_line
            sys.settrace(_trace_nothing)
            raise TimeLimitExceeded


def _trace_nothing(_frame: Any, _event: str, _argument: Any) -> None:
    """Trace no other frame than those that are traced already."""


def _raise_on_line(_frame: Any, event: str, _argument: Any) -> Any:
    if event == "line":
        raise TimeLimitExceeded
    return _raise_on_line


def is_in_collection(frame: Any) -> bool:
    """Say whether a signal came in a callback of the garbage collector; Hypothesis has one.

    What is raised there is printed and lost.
    """
    callbacks = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None and frame.f_code not in callbacks:
        frame = frame.f_back
    return frame is not None
