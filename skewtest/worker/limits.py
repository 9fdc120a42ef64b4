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
CHECKS = 8
"""So often in a limit a block is looked at."""
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
        idle_seconds: of waiting, where those are to be more.
    """

    def __init__(
        self,
        seconds: float,
        cpu_clock: Callable[[], float] = time.process_time,
        idle_seconds: float = 0.0,
    ) -> None:
        self.seconds, self.cpu_clock = seconds, cpu_clock
        self.idle_seconds = max(seconds, idle_seconds)
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
        if wall - self.idle_wall < self.idle_seconds:
            return False
        is_idle = cpu - self.idle_cpu < IDLE_SHARE * self.idle_seconds
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
        self.is_over = False
        self.outer: TimeLimit | None = None
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
            self.previous = signal.signal(signal.SIGALRM, self._raise)
            self.remaining = signal.setitimer(signal.ITIMER_REAL, 0)
            self.restart()
            self.outer = _watchman.watch(self)
        return self

    def __exit__(self, *_error: object) -> None:
        """End the limit."""
        if self.works:
            self.is_over = False
            _watchman.watch(self.outer)
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._untrace()
            signal.signal(signal.SIGALRM, self.previous)
            signal.setitimer(signal.ITIMER_REAL, *self.remaining)

    def restart(self) -> None:
        """Begin anew, as for a block of its own; also after the limit was raised and caught."""
        if self.works:
            self.is_over = False
            if self.raised:
                signal.setitimer(signal.ITIMER_REAL, 0)
            self._untrace()
            self.watch.restart(self._token())
            self.raised = 0

    def look(self) -> bool:
        """Return whether the block has used its seconds up; called by the watchman."""
        token = self._token()
        if self.tell is not None and token != self.watch.token:
            self.tell()
        self.is_over = self.watch.is_over(token)
        return self.is_over

    def _untrace(self) -> None:
        """Put back the trace function of a debugger, if the limit had to be raised again."""
        if self.raised > 1:
            sys.settrace(self.tracer)

    def _token(self) -> Any:
        return None if self.progress is None else self.progress()

    def _raise(self, _signum: int, frame: Any) -> None:
        if not self.is_over:  # the signal came when the block was done
            return
        if self.raised:
            self._raise_again(frame)
            return
        if is_in_collection(frame):
            signal.setitimer(signal.ITIMER_REAL, AFTER_COLLECTION)
            return
        self.raised = 1
        signal.setitimer(signal.ITIMER_REAL, AGAIN[0])
        raise TimeLimitExceeded

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


class Watchman:
    """A thread that looks at the innermost limit, and sends a signal once it is over.

    A timer would do with less, but each of its signals cuts short what waits in C code, of which
    some returns early and some fails: none may come before the seconds are over.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.main = threading.get_ident()
        self.limit: TimeLimit | None = None
        self.thread: threading.Thread | None = None

    def watch(self, limit: TimeLimit | None) -> TimeLimit | None:
        """Look at a limit from now on, or at none; return the one before."""
        if self.thread is None and limit is not None:
            self.main = threading.get_ident()
            self.thread = threading.Thread(target=self._look, name="skewtest", daemon=True)
            self.thread.start()
        with self.changed:
            before, self.limit = self.limit, limit
            self.changed.notify()
        return before

    def _look(self) -> None:
        with self.changed:
            while True:
                limit = self.limit
                pause = None if limit is None else limit.seconds / CHECKS
                is_woken = self.changed.wait(pause)
                if limit is None or is_woken or limit.is_over:
                    continue
                if limit.look():
                    signal.pthread_kill(self.main, signal.SIGALRM)


_watchman = Watchman()


def _begin_anew() -> None:
    """Leave the watchman behind: a forked child has none of its parent's threads."""
    _watchman.__init__()  # type: ignore[misc] # its lock may be held by a thread that is gone


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


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
