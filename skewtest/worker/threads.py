"""Threads that user code begins: none of them keeps the process from ending."""

from __future__ import annotations

import threading
from collections.abc import Iterable


def threads_now() -> frozenset[int]:
    """Return the threads that run now, by their number."""
    return frozenset(thread.ident or 0 for thread in threading.enumerate())


def threads_left(before: Iterable[int]) -> list[str]:
    """Return the names of the threads that the process waits for at its end.

    Args:
        before: the numbers of threads that are none of user code's.
    """
    known = frozenset(before)
    names = []
    for thread in threading.enumerate():
        if not thread.daemon and thread.ident not in known:
            names.append(thread.name)
    return names
