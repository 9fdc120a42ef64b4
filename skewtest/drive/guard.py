"""The guard around user code: time limits, and what counts as user code having failed."""

import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from skewtest.worker.feeder import OURS
from skewtest.worker.limits import TimeLimit, TimeLimitExceeded, is_in_collection

__all__ = [
    "OURS",
    "TimeLimitExceeded",
    "WrongParametersError",
    "parameters_of",
    "remember_interrupt",
    "time_limit",
]


@contextmanager
def time_limit(seconds: float) -> Iterator[Callable[[], None]]:
    """Interrupt the block after `seconds` of CPU time, or of waiting; yields what starts them anew.

    See `skewtest.worker.limits.TimeLimit`.
    """
    with TimeLimit(seconds) as limit:
        yield limit.restart


@contextmanager
def remember_interrupt() -> Iterator[Callable[[], None]]:
    """Yield a function that raises what a signal raised if one came and was swallowed.

    Ctrl-C, and other signals that end a run. User code may swallow what they raise, and what is
    raised in a callback of the garbage collector is printed and lost, so that there the usual
    handler does not run.
    """
    handlers = _ending_handlers()
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if not is_in_collection(frame):
            handlers[number](number, frame)

    def raise_if_swallowed() -> None:
        if came:
            handlers[came[0]](came[0], None)
            raise KeyboardInterrupt  # the handler itself does not raise

    for number in handlers:
        signal.signal(number, remember)
    try:
        yield raise_if_swallowed
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            raise_if_swallowed()  # a library has made another exception of it
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _ending_handlers() -> dict[int, Callable[[int, FrameType | None], object]]:
    """Return the handlers, in Python, of the signals that end a run."""
    # Signals come to the main thread alone, and only there may handlers be set.
    if threading.current_thread() is not threading.main_thread():
        return {}
    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    handlers = {}
    for number in numbers:
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
    return handlers


ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
"""Windows has no SIGHUP."""


def parameters_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a function, annotations resolved where they can be."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, TypeError, AttributeError, SyntaxError):
        # Annotations may name what is imported for type checkers alone: then they stay texts.
        signature = inspect.signature(function)
    return dict(signature.parameters)


class WrongParametersError(TypeError):
    """A function asks for a frame that its view does not have."""

    def __init__(self, names: list[str], known: list[str]) -> None:
        super().__init__(f"{names} not among {known}")
        self.names, self.known = names, known
