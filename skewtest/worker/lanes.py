"""The driving loop: fresh online objects fed lane by lane; one that fails harms no other.

There is one, for this process, for a fresh one and for every environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .answered import Answered
from .clock import Follow
from .exits import ExitAttempted, NoExit
from .feeder import OURS, Feeder, requests_among
from .limits import TimeLimit, TimeLimitExceeded
from .loops import Loop, Steps, pump
from .operations import Lane
from .state import StateError

TIMEOUTS = 3
"""So many lanes that hang are enough: the rest of the pack is not waited for."""


class Driver:
    """Feeds lanes to fresh online objects.

    Args:
        start: makes a fresh online object.
        features: whose values are taken from its answers.
        seconds: the time limit of one operation; see `TimeLimit`.
        follow: moves the wall clock to an operation's instant; None where nobody looks at it.
        tell: is told which lane runs, from 0, whenever there is progress; -1 at the end.
    """

    def __init__(
        self,
        start: Callable[[], Any],
        features: Iterable[str],
        seconds: float,
        follow: Follow | None = None,
        tell: Callable[[int], None] | None = None,
    ) -> None:
        self.seconds, self.tell = seconds, tell
        self.answered = Answered(features)
        self.guard = NoExit()
        self.loop = Loop()
        self.feeder = Feeder(start, self.answered, self.loop, self.guard, follow)
        self.timeouts = 0
        self.number = 0

    def drive(self, lanes: Iterable[Any]) -> Answered:
        """Run lanes (of the shape of `Lane`); one that fails harms no other."""
        try:
            with self.guard, TimeLimit(self.seconds, self._progress, self._tell) as limit:
                for lane in lanes:
                    self._tell()
                    self._drive(lane, limit)
                    self.number += 1
        finally:
            self.loop.end()
        # No lane is at fault for what happens from here on.
        self.number = -1
        self._tell()
        return self.answered

    def _tell(self) -> None:
        if self.tell is not None:
            self.tell(self.number)

    def _progress(self) -> tuple[int, int]:
        return self.number, self.feeder.operation()

    def _drive(self, lane: Lane, limit: TimeLimit) -> None:
        if self.timeouts >= TIMEOUTS:
            self.answered.skipped += requests_among(lane.rows)
            return
        steps = self.feeder.steps(lane)
        try:
            for awaitable in steps:
                # Code that waits does so in one run of the event loop for the rest of the lane.
                self.loop.run(pump(steps, awaitable))
        except TimeLimitExceeded:
            limit.restart()
            self.feeder.fail(lane, "timeout", {"seconds": self.seconds})
            self._abandon(steps, limit)
        except OURS:
            raise
        except BaseException as error:  # SystemExit and the panics of polars are user code's too
            self._fail_by(lane, error)

    def _fail_by(self, lane: Lane, error: BaseException) -> None:
        """Tell which failure an exception is."""
        if isinstance(error, ExitAttempted):
            self.feeder.fail(lane, "crashed", {"how": error.how, "last": ""})
        elif isinstance(error, StateError):
            self.feeder.fail(lane, error.code, {"told": str(error)}, error.__cause__)
        elif self.feeder.started:
            facts = {"operation": self.feeder.operation() + 1, "of": len(lane.rows)}
            self.feeder.fail(lane, "raised", facts, error)
        else:
            # There is no object yet: its constructor raised, before any operation.
            self.feeder.fail(lane, "raised", {}, error)

    def _abandon(self, steps: Steps, limit: TimeLimit) -> None:
        """Leave a lane that hangs, with the event loop that it may still wait in."""
        self.timeouts += 1
        try:
            steps.close()
            self.loop.end()
        except TimeLimitExceeded:
            # It hangs in its `finally` as well.
            limit.restart()
        except OURS:
            raise
        except BaseException:  # user code has had its turn
            return
