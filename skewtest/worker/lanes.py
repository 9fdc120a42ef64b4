"""The driving loop: fresh online objects fed lane by lane, from request to request.

There is one, for this process, for a fresh one and for every environment. Events between two
requests go by in a plain `for`; time limits, awaiting and the check for changed payloads are there
once a stretch of events, not once an event.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Iterator
from operator import length_hint
from typing import Any

from .answered import Answered
from .clock import Follow
from .exits import ExitAttempted, NoExit
from .limits import TimeLimit, TimeLimitExceeded
from .loops import Loop, Steps, pump, wait_for
from .operations import BOOTSTRAP, EVENT, RESTORE, SNAPSHOT, Lane
from .state import StateError, checked, load, save

TIMEOUTS = 3
"""So many lanes that hang are enough: the rest of the pack is not waited for."""
WATCHED = 8
"""Every so many lanes, payloads are checked for having been changed by the receiver: one that
changes its input does so in every lane."""
OURS = (KeyboardInterrupt,)
"""What is never user code's own doing, and goes through."""
PASSED_ON = (TimeLimitExceeded, ExitAttempted, GeneratorExit, *OURS)
"""What ends a lane even where it is raised by a query, which otherwise fails its own row alone."""
NEVER_AWAITED = frozenset([bool, int, float, str, bytes, dict, list, tuple])


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
        self.start, self.seconds, self.follow, self.tell = start, seconds, follow, tell
        self.answered = Answered(features)
        self.loop = Loop()
        self.timeouts = 0
        self.number = 0
        self.at = self.size = 0
        self.feed: Iterator[Any] = iter(())
        self.sources: Iterator[str] | None = None
        self.takes_source = False
        self.waits: bool | None = None
        self.guard = NoExit()
        self.update: Any = None
        self.before: list[Any] | None = None
        self.started = False
        self.target: Any = None
        self.team: tuple[Any, Any] | None = None
        self.saved = b""

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
        self.number = -1
        self._tell()
        return self.answered

    def _tell(self) -> None:
        if self.tell is not None:
            self.tell(self.number)

    def _progress(self) -> tuple[int, int]:
        return self.number, self._operation()

    def _drive(self, lane: Lane, limit: TimeLimit) -> None:
        if self.timeouts >= TIMEOUTS:
            self.answered.skipped += [row for row in lane.rows if row >= 0]
            return
        self.started = False
        self.at = self.size = 0
        self.sources = None
        steps = self._steps(lane)
        try:
            for awaitable in steps:
                # Code that waits does so in one run of the event loop for the rest of the lane.
                self.loop.run(pump(steps, awaitable))
        except TimeLimitExceeded:
            limit.restart()
            self._fail(lane, "timeout", {"seconds": self.seconds})
            self._abandon(steps, limit)
        except OURS:
            raise
        except ExitAttempted as error:
            self._fail(lane, "crashed", {"how": error.how, "last": ""})
        except StateError as error:
            self._fail(lane, error.code, {"told": str(error)}, error.__cause__)
        except BaseException as error:
            facts = {}
            if self.started:
                facts = {"operation": self._operation() + 1, "of": len(lane.rows)}
            self._fail(lane, "raised", facts, error)

    def _abandon(self, steps: Steps, limit: TimeLimit) -> None:
        """Leave a lane that hangs, with the event loop that it may still wait in."""
        self.timeouts += 1
        try:
            steps.close()
            self.loop.end()
        except TimeLimitExceeded:
            limit.restart()
        except OURS:
            raise
        except BaseException:  # user code has had its turn
            return

    def _fail(
        self, lane: Lane, code: str, facts: dict[str, Any], error: BaseException | None = None
    ) -> None:
        """Answer all requests from the operation that runs on with a failure."""
        rows = [row for row in lane.rows[self._operation() :] if row >= 0]
        self.answered.fail(rows, code, facts, error)

    def _operation(self) -> int:
        """Return the place of the operation that runs."""
        begun = self.size - length_hint(self.feed)
        return self.at + max(0, begun - 1) if self.size else self.at

    def _steps(self, lane: Lane) -> Steps:
        """Feed the operations; what user code wants awaited is yielded, its result sent back."""
        if self.follow is not None:
            self.follow(lane.instants[0])
        self.target = self.start()
        self.started = True
        lacking = lacking_method(self.target)
        if lacking is not None:
            self._fail(lane, "no_method", lacking)
            return
        self.takes_source = takes_source(self.target.update)
        self.team = None if lane.workers is None else (self.target, self.start())
        if self._is_plain(lane):
            self._rush(lane)
            return
        begin = 0
        for place in (*self._stops(lane), len(lane.rows)):
            if begin < place:
                self._open(lane, begin, place)
                awaitable = self._feed()
                while awaitable is not None:
                    yield awaitable
                    awaitable = self._feed()
                if self.before is not None:
                    self._look_for_changes(lane.payloads[begin:place])
            begin = place
            if place < len(lane.rows) and lane.rows[place] != EVENT:
                begin = place + 1
                self.at, self.size = place, 0
                steps = self._turn(lane, place)
                if steps is not None:
                    yield from steps

    def _is_plain(self, lane: Lane) -> bool:
        """Return whether all that happens in a lane is events and requests, and nobody waits."""
        is_watched = lane.lane % WATCHED == 0
        if self.follow is not None or lane.workers is not None or is_watched:
            return False
        if self.waits is None:
            methods = (self.target.update, self.target.query)
            self.waits = any(map(inspect.iscoroutinefunction, methods))
        return not self.waits and min(lane.rows) >= EVENT

    def _rush(self, lane: Lane) -> None:
        """Feed a plain lane, from request to request."""
        rows, payloads = lane.rows, lane.payloads
        update, query, take = self.target.update, self.target.query, self.answered.take
        begin = 0
        for place in [place for place, row in enumerate(rows) if row != EVENT]:
            if begin < place:
                self.feed, self.at, self.size = iter(payloads[begin:place]), begin, place - begin
                if self.takes_source:
                    self.sources = iter(lane.sources[begin:place])
                    awaitable = feed_with_source(update, self.feed, self.sources)
                else:
                    awaitable = feed(update, self.feed)
                if awaitable is not None:
                    self._wait_for_events(awaitable, update)
            begin = place + 1
            self.at, self.size = place, 0
            try:
                answer = query(payloads[place])
                if type(answer) not in NEVER_AWAITED and inspect.isawaitable(answer):
                    answer = self._wait_here(answer)
            except PASSED_ON:
                raise
            except BaseException as error:
                self.answered.fail([rows[place]], "raised", {}, error)
            else:
                take(rows[place], answer)
            if self.guard.is_child:
                self.guard.end_child()

    def _wait_for_events(self, awaitable: Any, update: Any) -> None:
        """Wait where that was not expected, and feed the events that are left."""
        while awaitable is not None:
            self._wait_here(awaitable)
            if self.sources is not None:
                awaitable = feed_with_source(update, self.feed, self.sources)
            else:
                awaitable = feed(update, self.feed)

    def _wait_here(self, awaitable: Any) -> Any:
        """Return what was waited for; later lanes are prepared to wait."""
        self.waits = True
        return self.loop.run(wait_for(awaitable))

    def _stops(self, lane: Lane) -> Iterable[int]:
        """Return the operations before which a stretch of events ends.

        Where the clock moves or two workers take turns, each event is a stretch of its own.
        """
        if self.follow is not None or lane.workers is not None:
            return range(len(lane.rows))
        return [place for place, row in enumerate(lane.rows) if row != EVENT]

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
        self.sources = iter(lane.sources[begin:end]) if self.takes_source else None

    def _feed(self) -> Any:
        """Feed events until one has to be awaited, and return what; None where none is left."""
        if self.sources is not None:
            return feed_with_source(self.update, self.feed, self.sources)
        return feed(self.update, self.feed)

    def _look_for_changes(self, payloads: list[Any]) -> None:
        if differs(payloads, self.before):
            self.answered.mutated["event"] = None

    def _turn(self, lane: Lane, place: int) -> Steps | None:
        """Do what is no event: ask, or change the object that the next operation goes to."""
        if self.follow is not None:
            self.follow(lane.instants[place])
        self.guard.end_child()
        row = lane.rows[place]
        if row < 0:
            return self._change(lane, place, row)
        if self.team is not None:
            return self._merge_and_ask(lane, place, self.team)
        return self._ask(lane, place)

    def _ask(self, lane: Lane, place: int) -> Steps | None:
        """Ask, and take the answer; that it fails is an answer too."""
        row, payload = lane.rows[place], lane.payloads[place]
        before = payload.copy() if lane.lane % WATCHED == 0 else None
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

    def _merge_and_ask(self, lane: Lane, place: int, team: tuple[Any, Any]) -> Steps:
        self.target = yield from self._merged(team)
        yield from self._ask(lane, place) or ()

    def _change(self, lane: Lane, place: int, row: int) -> Steps:
        """Save, restore or start the object from batch rows."""
        if row == SNAPSHOT:
            self.saved = yield from self._saved(self.target)
        elif row == RESTORE:
            self.target = yield from self._restored(self.saved)
        elif row == BOOTSTRAP:
            done = self.target.bootstrap(lane.payloads[place]["rows"])
            if inspect.isawaitable(done):
                yield done

    def _saved(self, target: Any) -> Generator[Any, Any, bytes]:
        """Return the snapshot of an online object."""
        state = save(target)
        if inspect.isawaitable(state):
            state = yield state
        return checked(state)

    def _restored(self, state: bytes) -> Generator[Any, Any, Any]:
        """Return a fresh online object that has restored a snapshot."""
        fresh, pending = load(self.start, state)
        if pending is not None:
            yield pending
        return fresh

    def _merged(self, team: tuple[Any, Any]) -> Generator[Any, Any, Any]:
        """Return a fresh online object with the states of two workers merged."""
        first, second = team
        whole = yield from self._restored((yield from self._saved(first)))
        done = whole.merge((yield from self._saved(second)))
        if inspect.isawaitable(done):
            yield done
        return whole


def feed(update: Callable[[Any], Any], events: Iterator[Any]) -> Any:
    """Feed events until one has to be awaited, and return what; None where none is left."""
    for payload in events:
        done = update(payload)
        if done is not None and type(done) not in NEVER_AWAITED and inspect.isawaitable(done):
            return done
    return None


def feed_with_source(
    update: Callable[..., Any], events: Iterator[Any], sources: Iterator[str]
) -> Any:
    """Feed events as `feed` does, each with the name of its source."""
    for payload, source in zip(events, sources):
        done = update(payload, source=source)
        if done is not None and type(done) not in NEVER_AWAITED and inspect.isawaitable(done):
            return done
    return None


def takes_source(update: Any) -> bool:
    """Return whether an update method takes the name of the source."""
    code = getattr(update, "__code__", None)
    if code is None:
        return False
    return "source" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def lacking_method(target: object) -> dict[str, Any] | None:
    """Return what is to be told of an object without `update` or `query`; None if it has both."""
    for verb in ("update", "query"):
        if not callable(getattr(target, verb, None)):
            has = [name for name in dir(target) if not name.startswith("_")]
            return {"verb": verb, "type": type(target).__name__, "has": has}
    return None


def differs(payload: Any, before: Any) -> bool:
    """Return whether payloads differ beyond NaN, which is unequal to itself."""
    return payload != before and repr(payload) != repr(before)
