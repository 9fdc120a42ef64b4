"""Signals that end a run. Imports the standard library alone.

A cancelled CI job sends SIGTERM, a terminal that is closed SIGHUP. Both would end the process where
it stands; here they end a run as Ctrl-C does, so that what was done is still told and written.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

# Windows has no SIGHUP.
ENDING = ("SIGTERM", "SIGHUP")
INTERRUPT = "SIGINT"


class EndedError(KeyboardInterrupt):
    """A signal has asked the run to end.

    Attributes:
        signal: its number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(name_of(number))
        self.signal = number


def name_of(number: int) -> str:
    """Return the name of a signal."""
    return signal.Signals(number).name


def take_signals() -> Callable[[], None]:
    """Let SIGTERM and SIGHUP raise EndedError; return what gives them back."""
    taken: list[int] = []
    owner = os.getpid()

    def end(number: int, _frame: FrameType | None) -> None:
        if os.getpid() != owner:
            # User code has forked: its child ends as any process does.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        raise EndedError(number)

    def give_back() -> None:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)

    for number in _numbers(ENDING):
        # Who handles a signal, or ignores it as nohup does, has a reason to.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)
            taken.append(number)
    return give_back


@contextmanager
def signals_taken() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise EndedError within a block."""
    give_back = take_signals()
    try:
        yield
    finally:
        give_back()


class SignalsHeld:
    """While files are written, signals that would end the run wait.

    Ctrl-C pressed twice would else cut off the report that the first one has asked for.

    Attributes:
        received: the numbers of those that have come.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _numbers((INTERRUPT, *ENDING)):
            handler = signal.getsignal(number)
            # One that is not Python's cannot be put back.
            if handler is not None and handler is not signal.SIG_IGN:
                self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received.append(number)


def _numbers(names: tuple[str, ...]) -> list[int]:
    if threading.current_thread() is not threading.main_thread():
        return []  # Python handles signals in its main thread alone
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
