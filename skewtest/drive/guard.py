"""The guard around user code: time limits, and what counts as user code having failed."""

import gc
import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

OURS = (KeyboardInterrupt, MemoryError)
"""What is never user code's own doing, and goes through."""
AFTER_COLLECTION = 0.001
"""Seconds after which a time limit that ran out in a garbage collection tries again."""


class TimeLimitExceeded(BaseException):
    """User code ran into its time limit. A BaseException, so that `except Exception` lets it by."""


@contextmanager
def time_limit(seconds: float) -> Iterator[Callable[[], None]]:
    """Interrupt the block after `seconds`, by a signal; yields a function that starts them anew.

    It works in the main thread of a Unix process and interrupts Python code and sleeps. Elsewhere
    the block runs unlimited: a hang then ends with the test runner's own time limit. A limit
    around this one is put back as it was.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield lambda: None
        return

    def stop(_signum: int, frame: FrameType | None) -> None:
        if _in_collection(frame):
            signal.setitimer(signal.ITIMER_REAL, AFTER_COLLECTION)
        else:
            raise TimeLimitExceeded

    def start() -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    previous = signal.signal(signal.SIGALRM, stop)
    remaining, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield start
    finally:
        signal.setitimer(signal.ITIMER_REAL, remaining)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def remembered_interrupt() -> Iterator[Callable[[], None]]:
    """Yield a function that raises KeyboardInterrupt if Ctrl-C came and was swallowed.

    User code may swallow it, and what is raised in a callback of the garbage collector is printed
    and lost, so that there the usual handler does not run.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    previous = signal.getsignal(signal.SIGINT)
    came = threading.Event()

    def remember(signum: int, frame: FrameType | None) -> None:
        came.set()
        if callable(previous) and not _in_collection(frame):
            previous(signum, frame)

    def raise_if_swallowed() -> None:
        if came.is_set():
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, remember)
    try:
        yield raise_if_swallowed
    except BaseException as error:
        if came.is_set() and not isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt from error  # a library has made another exception of it
        raise
    finally:
        signal.signal(signal.SIGINT, previous)


def _in_collection(frame: FrameType | None) -> bool:
    """Say whether a signal came in a callback of the garbage collector; Hypothesis has one."""
    callbacks = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None and frame.f_code not in callbacks:
        frame = frame.f_back
    return frame is not None


def parameters_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a function, annotations resolved where they can be."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, TypeError, AttributeError, SyntaxError):
        signature = inspect.signature(function)
    return dict(signature.parameters)
