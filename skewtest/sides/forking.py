"""Whether this process may be forked: a child has none of its threads, and all of their locks."""

import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

TASKS = Path("/proc/self/task")
MAPS = Path("/proc/self/maps")
# The names of the threads of polars' pool; there are none until it is first used.
POOL = re.compile(r"polars-\d")
# How the names of threads begin that no user code depends on: our own, and those of xdist.
OURS = ("skewtest", "execnet")
# Runtimes that hang in a child of a process that has used them. scikit-learn, LightGBM and torch
# bring one of their own.
OPENMP = (b"libgomp", b"libomp", b"libiomp")


def reason_against_forking() -> str:
    """Return why a child of this process might hang or miss something; "" where none would."""
    if not TASKS.is_dir() or not hasattr(os, "fork"):
        return "this system does not tell of its threads"
    if threading.current_thread() is not threading.main_thread():
        return "it is not the main thread that runs"
    if is_traced():
        return "a debugger, profiler or coverage looks on"
    for name in _foreign_threads():
        return f"the thread {name!r} runs"
    if any(POOL.match(name) for name in _native_threads()):
        return "polars runs threads here"
    if _has_openmp():
        return "a library runs OpenMP here"
    return ""


def is_traced() -> bool:
    """Return whether something looks on at each line or call of this process."""
    if sys.gettrace() is not None or sys.getprofile() is not None:
        return True
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return False
    # The ids that debuggers, coverage and profilers are to use.
    return any(monitoring.get_tool(number) is not None for number in range(3))


def _foreign_threads() -> Iterator[str]:
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.name.startswith(OURS):
            yield thread.name


def _native_threads() -> list[str]:
    names = []
    for task in TASKS.iterdir():
        try:
            names.append((task / "comm").read_text(errors="replace").strip())
        except OSError:  # it has ended
            continue
    return names


def _has_openmp() -> bool:
    try:
        maps = MAPS.read_bytes()
    except OSError:
        return False
    return any(name in maps for name in OPENMP)
