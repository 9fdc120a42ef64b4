"""Exits: what user code does to end the process is an error of its own, not the end of the run.

`os._exit(0)` in a feature would end a test run with exit code 0 and nothing on the screen. While
user code runs, the functions that end a process raise instead. A crash in C code cannot be caught
so: that takes a process of its own (`skewtest.sides.supervised`).
"""

from __future__ import annotations

import os
import signal
import threading
from typing import NoReturn

from .threads import start_as_daemon

FATAL = ("SIGKILL", "SIGTERM", "SIGABRT", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGQUIT")
"""Signals that end a process which sends one to itself. SIGINT is not one: it is Ctrl-C."""

_real_exit = os._exit
_real_abort = os.abort
_real_kill = os.kill
_real_raise = signal.raise_signal


class ExitAttempted(BaseException):
    """User code tried to end the process; `how` is "exit code 3" or "SIGABRT"."""

    def __init__(self, how: str) -> None:
        super().__init__("this code would have ended the process: " + how)
        self.how = how


_active: list[NoExit] = []


class NoExit:
    """Make the functions that end this process raise ExitAttempted in a block.

    Threads that begin in it do not keep the process from ending either.

    That holds for the thread that entered the block, in this process: a child that user code forks
    may end, and does end with the block, lest it went on as a second run.
    """

    def __enter__(self) -> NoExit:
        """Take the place of the functions that end the process."""
        self.pid, self.thread = os.getpid(), threading.get_ident()
        self.held = os._exit, os.abort, os.kill, signal.raise_signal
        self.start = threading.Thread.start
        threading.Thread.start = start_as_daemon  # type: ignore[assignment,method-assign]
        os._exit, os.abort = self._exit, self._abort
        os.kill, signal.raise_signal = self._kill, self._raise
        self.is_child = False
        _active.append(self)
        return self

    def __exit__(self, *_error: object) -> None:
        """Put them back."""
        self.end_child()
        _active.remove(self)
        os._exit, os.abort, os.kill, signal.raise_signal = self.held
        threading.Thread.start = self.start  # type: ignore[method-assign]

    def end_child(self) -> None:
        """End this process if user code forked it and let it go on: the parent does that."""
        if self.is_child:
            _real_exit(0)

    def _is_concerned(self) -> bool:
        return os.getpid() == self.pid and threading.get_ident() == self.thread

    def _exit(self, status: int) -> NoReturn:
        if self._is_concerned():
            raise ExitAttempted("exit code %d" % status)
        _real_exit(status)

    def _abort(self) -> NoReturn:
        if self._is_concerned():
            raise ExitAttempted("SIGABRT")
        _real_abort()

    def _kill(self, pid: int, number: int) -> None:
        self._refuse(number, is_own=pid in (0, os.getpid(), -os.getpgrp()))
        _real_kill(pid, number)

    def _raise(self, number: int) -> None:
        self._refuse(number, is_own=True)
        _real_raise(number)

    def _refuse(self, number: int, *, is_own: bool) -> None:
        """Raise where a signal would end this process."""
        fatal = {getattr(signal, name, None) for name in FATAL}
        if is_own and number in fatal and self._is_concerned():
            raise ExitAttempted(signal.Signals(number).name)


def _mark_child() -> None:
    for guard in _active:
        guard.is_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_child)


def exit_now(status: int) -> NoReturn:
    """End this process at once, whatever stands in for `os._exit`."""
    _real_exit(status)
