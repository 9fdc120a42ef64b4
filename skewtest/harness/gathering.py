"""What a pytest run comes to, item by item. Imports pytest alone."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from skewtest.harness.signals import EndedError

if TYPE_CHECKING:
    from collections.abc import Callable

GATHERING = "skewtest-gathering"
CTRL_C = "Ctrl-C"


class Gathering:
    """Gathers what all items found, from workers too.

    Attributes:
        began: when the run began, in seconds of the epoch.
        parts: the parts of the report, as JSON values: so they come from workers.
        cells: by name what became of each cell of the matrix: "ran", or how it failed.
        interrupted: what ended the run: CTRL_C, or the name of a signal; "" where nothing did.
        save: writes the report of what was gathered, once there is somebody who can.
        reached: how many items had their turn.
    """

    def __init__(self) -> None:
        self.began = time.time()
        self.parts: list[dict[str, Any]] = []
        self.cells: dict[str, str] = {}
        self.interrupted = ""
        self.save: Callable[[], None] | None = None
        self.reached = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember Ctrl-C: the exit code does not tell of it where another plugin fails on it.

        pytest also comes here where it ends a run itself, for errors in the collection.
        """
        if type(excinfo.value).__name__ != "Interrupted":
            is_signal = isinstance(excinfo.value, EndedError)
            self.interrupted = str(excinfo.value) if is_signal else CTRL_C
        drop_entries_without_lines(excinfo.tb)
        # At once: whoever presses Ctrl-C again ends pytest before it comes to its summary.
        if self.interrupted and self.save is not None:
            self.save()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what one item found, and what became of its cell."""
        self.reached += report.when == "setup"
        self.parts.extend(getattr(report, "skewtest_parts", ()))
        name, became = getattr(report, "skewtest_cell", ("", ""))
        # A cell that ran for some view ran, whatever became of it for another.
        if name and self.cells.get(name) != "ran":
            self.cells[name] = became


def drop_entries_without_lines(entry: TracebackType | None) -> None:
    """Leave out of a traceback what has no line: pytest cannot show it, and dies of it.

    A signal may come at an instruction that the compiler has put in, which belongs to none.
    """
    while entry is not None:
        below = entry.tb_next
        while below is not None and below.tb_lineno is None:
            below = below.tb_next
        if below is not entry.tb_next:
            entry.tb_next = below
        entry = below
