"""The feeder: operations of one lane go to a fresh online object, from request to request.

Events between two requests go by in a plain `for`; time limits, awaiting and the check for changed
payloads are there once a stretch of events, not once an event.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from operator import length_hint
from typing import Any

from .answered import Answered
from .clock import Follow
from .events import NEVER_AWAITED, differs, feed, feed_with_source, lacking_method, takes_source
from .exits import ExitAttempted, NoExit
from .limits import TimeLimitExceeded
from .loops import Loop, Steps, wait_for
from .operations import BOOTSTRAP, EVENT, RESTORE, SNAPSHOT, Lane
from .state import merge, restore, take_snapshot

WATCHED = 8
"""In every eighth lane, payloads are checked for having been changed by the receiver: one that
changes its input does so in every lane."""
OURS = (KeyboardInterrupt,)
"""What is never user code's own doing, and goes through."""
PASSED_ON = (TimeLimitExceeded, ExitAttempted, GeneratorExit, *OURS)
"""What ends a lane even where it is raised by a query, which otherwise fails its own row alone."""


class Feeder:
    """Feeds lanes, one after the other.

    Args:
        start: makes a fresh online object.
        answered: takes the answers.
        loop: runs what is async.
        guard: knows whether user code has forked this process.
        follow: moves the wall clock to an operation's instant; None where nobody looks at it.
    """

    def __init__(
        self,
        start: Callable[[], Any],
        answered: Answered,
        loop: Loop,
        guard: NoExit,
        follow: Follow | None,
    ) -> None:
        self.start, self.answered, self.follow = start, answered, follow
        self.loop, self.guard = loop, guard
        # Unknown until the first object is there; then it holds for all lanes to come.
        self.waits: bool | None = None
        self.takes_source = False
        self.saved = b""
        # Of the lane that runs: the object that is fed, or the two workers that take turns.
        self.started = False
        self.target: Any = None
        self.team: tuple[Any, Any] | None = None
        # Of the stretch that runs, from operation `at`. How far it has come is read off what is
        # left in `feed`: to count would cost a line once an event.
        self.at = self.size = 0
        self.feed: Iterator[Any] = iter(())
        self.sources: Iterator[str] | None = None
        self.update: Any = None
        self.before: list[Any] | None = None

    def fail(
        self, lane: Lane, code: str, facts: dict[str, Any], error: BaseException | None = None
    ) -> None:
        """Answer all requests from the operation that runs on with a failure."""
        rows = requests_among(lane.rows[self.operation() :])
        self.answered.fail(rows, code, facts, error)

    def operation(self) -> int:
        """Return the position of the operation that runs."""
        if not self.size:
            return self.at
        begun = self.size - length_hint(self.feed)
        return self.at + max(0, begun - 1)

    def steps(self, lane: Lane) -> Steps:
        """Begin a lane; return the steps in which its operations are fed.

        What user code wants awaited is yielded, its result sent back.
        """
        self.started = False
        self.at = self.size = 0
        self.sources = None
        return self._steps(lane)

    def _steps(self, lane: Lane) -> Steps:
        if self.follow is not None:
            self.follow(lane.instants[0])
        self.target = self.start()
        self.started = True
        lacking = lacking_method(self.target)
        if lacking is not None:
            self.fail(lane, "no_method", lacking)
            return
        self.takes_source = takes_source(self.target.update)
        self.team = None
        if lane.workers is not None:
            self.team = (self.target, self.start())
        if self._is_plain(lane):
            self._rush(lane)
        else:
            yield from self._walk(lane)

    def _is_plain(self, lane: Lane) -> bool:
        """Return whether all that happens in a lane is events and requests, and nobody waits."""
        is_watched = lane.lane % WATCHED == 0
        if self.follow is not None or lane.workers is not None or is_watched:
            return False
        if self.waits is None:
            methods = (self.target.update, self.target.query)
            self.waits = any(map(inspect.iscoroutinefunction, methods))
        # What is below EVENT saves, restores or starts the object.
        return not self.waits and min(lane.rows) >= EVENT

    def _rush(self, lane: Lane) -> None:
        """Feed a plain lane, from request to request.

        This is the hot loop: it does what `_walk` does, without what a plain lane never needs.
        Events after the last request are left out, since no answer depends on them.
        """
        rows, payloads = lane.rows, lane.payloads
        # Looked up once a lane, not once a request.
        update, query, take = self.target.update, self.target.query, self.answered.take
        self.update = update
        begin = 0
        for position in non_events_among(rows):
            if begin < position:
                self.feed = iter(payloads[begin:position])
                self.at, self.size = begin, position - begin
                if self.takes_source:
                    self.sources = iter(lane.sources[begin:position])
                    awaitable = feed_with_source(update, self.feed, self.sources)
                else:
                    awaitable = feed(update, self.feed)
                if awaitable is not None:
                    self._wait_for_events(awaitable)
            begin = position + 1
            self.at, self.size = position, 0
            try:
                answer = query(payloads[position])
                if type(answer) not in NEVER_AWAITED and inspect.isawaitable(answer):
                    answer = self._wait_here(answer)
            except PASSED_ON:
                raise
            except BaseException as error:
                self.answered.fail([rows[position]], "raised", {}, error)
            else:
                take(rows[position], answer)
            if self.guard.is_child:
                self.guard.end_child()

    def _wait_for_events(self, awaitable: Any) -> None:
        """Wait where that was not expected, and feed the events that are left."""
        while awaitable is not None:
            self._wait_here(awaitable)
            awaitable = self._feed()

    def _wait_here(self, awaitable: Any) -> Any:
        """Return the result of an awaitable; later lanes are prepared to wait."""
        self.waits = True
        return self.loop.run(wait_for(awaitable))

    def _walk(self, lane: Lane) -> Steps:
        """Feed a lane of any kind, stretch by stretch."""
        begin, length = 0, len(lane.rows)
        for position in (*self._stops(lane), length):
            if begin < position:
                self._open(lane, begin, position)
                awaitable = self._feed()
                while awaitable is not None:
                    yield awaitable
                    awaitable = self._feed()
                if self.before is not None:
                    self._look_for_changes(lane.payloads[begin:position])
            begin = position
            if position < length and lane.rows[position] != EVENT:
                begin = position + 1
                self.at, self.size = position, 0
                steps = self._turn(lane, position)
                if steps is not None:
                    yield from steps

    def _stops(self, lane: Lane) -> Iterable[int]:
        """Return the operations before which a stretch of events ends.

        Where the clock moves or two workers take turns, each event is a stretch of its own.
        """
        if self.follow is not None or lane.workers is not None:
            return range(len(lane.rows))
        return non_events_among(lane.rows)

    def _open(self, lane: Lane, begin: int, end: int) -> None:
        """Prepare a stretch of events to be fed."""
        if self.follow is not None:
            self.follow(lane.instants[begin])
        if self.team is not None and lane.workers is not None:
            self.target = self.team[lane.workers[begin]]
        payloads = lane.payloads[begin:end]
        self.before = None
        if lane.lane % WATCHED == 0:
            self.before = [payload.copy() for payload in payloads]
        self.update = self.target.update
        self.feed, self.at, self.size = iter(payloads), begin, end - begin
        self.sources = None
        if self.takes_source:
            self.sources = iter(lane.sources[begin:end])

    def _feed(self) -> Any:
        """Feed events until one has to be awaited, and return what; None where none is left."""
        if self.sources is not None:
            return feed_with_source(self.update, self.feed, self.sources)
        return feed(self.update, self.feed)

    def _look_for_changes(self, payloads: list[Any]) -> None:
        if differs(payloads, self.before):
            self.answered.mutated["event"] = None

    def _turn(self, lane: Lane, position: int) -> Steps | None:
        """Do what is no event: ask, or change the object that the next operation goes to."""
        if self.follow is not None:
            self.follow(lane.instants[position])
        # A fork in the events before would go on with every request as its parent does.
        self.guard.end_child()
        if lane.rows[position] < 0:
            return self._change(lane, position)
        if self.team is not None:
            return self._merge_and_ask(lane, position, self.team)
        return self._ask(lane, position)

    def _ask(self, lane: Lane, position: int) -> Steps | None:
        """Ask, and take the answer; that it fails is an answer too."""
        row, payload = lane.rows[position], lane.payloads[position]
        before = None
        if lane.lane % WATCHED == 0:
            before = payload.copy()
        try:
            answer = self.target.query(payload)
        except PASSED_ON:
            raise
        except BaseException as error:
            self.answered.fail([row], "raised", {}, error)
        else:
            if type(answer) not in NEVER_AWAITED and inspect.isawaitable(answer):
                return self._await_answer(row, answer)
            self.answered.take(row, answer)
        if before is not None and differs(payload, before):
            self.answered.mutated["request"] = None
        return None

    def _await_answer(self, row: int, awaitable: Any) -> Steps:
        try:
            answer = yield awaitable
        except PASSED_ON:
            raise
        except BaseException as error:
            self.answered.fail([row], "raised", {}, error)
        else:
            self.answered.take(row, answer)

    def _merge_and_ask(self, lane: Lane, position: int, team: tuple[Any, Any]) -> Steps:
        # Each request is answered by a third object: the two workers go on as they were.
        self.target = yield from merge(self.start, team)
        yield from self._ask(lane, position) or ()

    def _change(self, lane: Lane, position: int) -> Steps:
        """Save, restore or start the object from batch rows."""
        operation = lane.rows[position]
        if operation == SNAPSHOT:
            self.saved = yield from take_snapshot(self.target)
        elif operation == RESTORE:
            self.target = yield from restore(self.start, self.saved)
        elif operation == BOOTSTRAP:
            pending = self.target.bootstrap(lane.payloads[position]["rows"])
            if inspect.isawaitable(pending):
                yield pending


def requests_among(rows: list[int]) -> list[int]:
    """Return the spine rows that operations ask for; what is no request is below 0."""
    return [row for row in rows if row >= 0]


def non_events_among(rows: list[int]) -> list[int]:
    """Return the positions of operations that are no events: a stretch ends before each."""
    return [position for position, row in enumerate(rows) if row != EVENT]
