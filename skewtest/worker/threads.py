"""Threads that user code begins: none of them keeps the process from ending."""

from __future__ import annotations

import threading
from collections.abc import Iterable

KEEPS = "_skewtest_keeps"
"""The attribute of a thread that would have kept the process from ending."""

_real_start = threading.Thread.start


def start_as_daemon(thread: threading.Thread) -> None:
    """Start a thread that the process is not to wait for at its end; see `threads_left`."""
    if not thread.daemon:
        thread.daemon = True
        setattr(thread, KEEPS, True)
    _real_start(thread)


def threads_now() -> frozenset[int]:
    """Return the threads that run now, by their number."""
    return frozenset(thread.ident or 0 for thread in threading.enumerate())


def threads_left(before: Iterable[int]) -> list[str]:
    """Return the names of the threads that the process would wait for at its end, each once.

    Args:
        before: the numbers of threads that are none of user code's.
    """
    known = frozenset(before)
    names: dict[str, None] = {}
    for thread in threading.enumerate():
        keeps = not thread.daemon or getattr(thread, KEEPS, False)
        if keeps and thread.ident not in known:
            names[thread.name] = None
    return list(names)
