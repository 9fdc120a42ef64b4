"""A bar with an estimate, drawn by rich and gone when the check ends."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import IO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

# A check that is done by then shows nothing: a bar that flashes up is noise.
QUIET_SECONDS = 2.0
# A pack may take a millisecond; to draw takes longer, and nobody reads faster.
REDRAW_SECONDS = 0.1


class Bar:
    """Draws progress on a terminal, from the thread that runs the check.

    pytest captures what is written while a test runs. So nothing is drawn by a thread of rich's
    own, and each drawing is made in a context in which the terminal can be written to.
    """

    def __init__(
        self,
        file: IO[str],
        title: str,
        writing: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._writing = writing
        self._began = self._drawn = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(file=file),
            auto_refresh=False,
            transient=True,
            # What user code prints is pytest's to capture, or the user's to see.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._title = title
        self._task = self._bar.add_task(title, total=None)
        self._started = False

    def advance(self, histories: int, planned: int) -> None:
        """Draw how many histories of those that are planned are done."""
        self._bar.update(self._task, completed=histories, total=planned, description=self._title)
        moment = time.monotonic()
        if moment - self._began >= QUIET_SECONDS and moment - self._drawn >= REDRAW_SECONDS:
            self._draw()

    def say(self, line: str) -> None:
        """Draw what is being done, at once: what is built may take minutes."""
        self._bar.update(self._task, description=line)
        self._draw()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._started:
            with self._writing():
                self._bar.stop()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        with self._writing():
            if not self._started:
                self._started = True
                self._bar.start()
            self._bar.refresh()
