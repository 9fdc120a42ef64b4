"""The wall clock that user code sees: frozen, and moved along, where time-machine is installed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from .zones import EPOCH, MICROSECOND, zone_of

# Of typing, since it is evaluated: Python 3.8 subscripts nothing of collections.abc.
Follow = typing.Callable[[int], None]
TRAINING = datetime(2030, 1, 1, tzinfo=timezone.utc)
"""When user code runs, until the clock is moved: long after all that happened, as training does."""


def stay(_instant: int) -> None:
    """Leave the clock where it is."""


@contextmanager
def real_clock() -> Iterator[Follow]:
    """Leave the clock as it is."""
    yield stay


@contextmanager
def frozen_clock() -> Iterator[Follow]:
    """Freeze the wall clock in a block; yields what moves it to an instant in microseconds.

    Without time-machine, which not every environment has, the clock goes on as it is.
    """
    if importlib.util.find_spec("time_machine") is None:
        yield stay
        return
    travel = _import_without_pytest("time_machine").travel
    current = (TRAINING - EPOCH) // MICROSECOND
    # A zone of the time zone database makes UTC the zone of the whole process too.
    start = TRAINING.replace(tzinfo=zone_of("Etc/UTC"))
    with travel(start, tick=False) as traveller:

        def follow(instant: int) -> None:
            nonlocal current
            if instant != current:
                traveller.shift(timedelta(microseconds=instant - current))
                current = instant

        yield follow


def _import_without_pytest(name: str) -> Any:
    """Import time-machine as if pytest were not installed, unless somebody has loaded pytest.

    It imports pytest to define a fixture: 0.3 CPU seconds, a fifth of what the first check
    imports, for a fixture that nobody can use yet.
    """
    if "pytest" in sys.modules:
        return importlib.import_module(name)
    sys.modules["pytest"] = None  # type: ignore[assignment] # documented: its import then fails
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules["pytest"]
