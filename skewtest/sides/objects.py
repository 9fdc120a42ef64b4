"""The online side: a fresh object for each history, fed operation by operation."""

import asyncio
import contextlib
import functools
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from skewtest.declare.delivery import Scenario
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import BOOTSTRAP, RESTORE, SNAPSHOT, Delivered
from skewtest.drive.clock import frozen_clock, reads_clock, real_clock
from skewtest.drive.guard import OURS, TimeLimitExceeded, time_limit
from skewtest.drive.receive import CodecError, receiver, store_of
from skewtest.drive.state import StateError, checked, lacking, load, save
from skewtest.drive.values import OddValueError, plain
from skewtest.sides.answers import MISSING, Answers, Failure

LONGEST = 60
TIMEOUTS = 3
"""So many lanes that hang are enough: the rest of the pack is not waited for."""
WATCHED = 8
"""Every so many lanes, events are checked for having been changed by the receiver."""


@runtime_checkable
class OnlineAdapter(Protocol):
    """An online implementation of another shape, such as `micro_batch(f)`."""

    def start(self, view: FeatureView) -> Any:
        """Return a fresh object with `update(event)` and `query(request)`."""


@runtime_checkable
class ElsewhereOnline(Protocol):
    """An online factory whose objects live in another process."""

    def answers(
        self, view: FeatureView, deliveries: Iterable[Delivered], answering: "Answering"
    ) -> None:
        """Feed lanes to fresh objects; `answering` takes what they answer."""


@dataclass(frozen=True, slots=True)
class Side:
    """The online side under a scenario.

    Attributes:
        start: makes a fresh online object.
        receive: makes of a lane what arrives of it through the team's own wire format, if any.
        follow: moves the wall clock; None where nobody looks at it.
    """

    start: Callable[[], Any]
    receive: Callable[[Delivered], Delivered] | None = None
    follow: Callable[[int], None] | None = None


@dataclass(slots=True)
class Answering:
    """The answers of a pack while they come in; `store` is what they pass through, if anything."""

    values: dict[str, list[Any]]
    store: Callable[[Any], Any] | None = None
    failures: dict[int, Failure] = field(default_factory=dict)
    mutated: dict[str, None] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    timeouts: int = 0

    def take(self, row: int, answer: Any) -> None:
        """Read one answer: a dict with every feature, or None for no row."""
        if answer is None:
            return
        if not isinstance(answer, Mapping):
            told = {"type": type(answer).__name__, "value": _short(answer)}
            self.failures[row] = Failure("online", "not_a_mapping", told)
            return
        for name, answers in self.values.items():
            if name not in answer:
                got = {"feature": name, "got": [str(key) for key in answer]}
                self.failures[row] = Failure("online", "missing_feature", got)
                return
            try:
                value = plain(answer[name])
                answers[row] = value if self.store is None else plain(self.store(value))
            except OddValueError as error:
                facts = {"feature": name, "type": str(error)}
                self.failures[row] = Failure("online", "odd_value", facts)
                return
            except Exception as error:
                self.failures[row] = Failure("online", "store", {"feature": name}, error)
                return


def answer_online(
    view: FeatureView, rows: int, deliveries: Iterable[Delivered], scenario: Scenario
) -> Answers:
    """Run the online implementation over the lanes of a pack; a failing lane harms no other.

    Args:
        view: the view.
        rows: how many spine rows the pack has.
        deliveries: what arrives, lane by lane.
        scenario: through which wire, store and zone, and under which clock.
    """
    answering = Answering({name: [MISSING] * rows for name in view.features}, store_of(scenario))
    began = time.perf_counter()
    if isinstance(view.online, ElsewhereOnline):
        view.online.answers(view, deliveries, answering)
        return _answers(answering, began)
    start = _starter(view)
    receive = receiver(scenario)
    clock = real_clock if scenario.delivery.clock == "real" else frozen_clock
    with contextlib.ExitStack() as stack, time_limit(view.timeout) as start_limit:
        follow = stack.enter_context(clock())
        side = Side(start, receive, follow if reads_clock(view) else None)
        loop = Loop(stack)
        for delivered in deliveries:
            _drive(delivered, side, start_limit, answering, loop, view.timeout)
    return _answers(answering, began)


def _answers(answering: Answering, began: float) -> Answers:
    return Answers.of(
        answering.values,
        answering.failures,
        skipped=frozenset(answering.skipped),
        mutated=tuple(answering.mutated),
        seconds=time.perf_counter() - began,
    )


def _drive(
    delivered: Delivered,
    side: Side,
    start_limit: Callable[[], None],
    answering: Answering,
    loop: "Loop",
    seconds: float,
) -> None:
    """Run one lane. After a failed update the object is not to be trusted: the rest fails too."""
    lane = Lane(delivered)
    if answering.timeouts >= TIMEOUTS:
        answering.skipped.update(row for row in delivered.rows if row >= 0)
        return
    try:
        start_limit()
        if side.receive is not None:
            lane.delivered = side.receive(delivered)
        steps = lane.steps(side, answering)
        for awaitable in steps:
            # Code that waits does so in one event loop run for the rest of the lane.
            loop.run(_pumped(steps, awaitable))
    except TimeLimitExceeded:
        answering.timeouts += 1
        lane.fail(answering, Failure("online", "timeout", {"seconds": seconds}))
    except OURS:
        raise
    except (CodecError, StateError) as error:
        told = Failure("online", error.code, {"told": str(error)}, error.__cause__)  # type: ignore[arg-type] # our own
        lane.fail(answering, told)
    except BaseException as error:
        facts = {"operation": lane.at + 1, "of": len(delivered.rows)} if lane.started else {}
        lane.fail(answering, Failure("online", "raised", facts, error))


@dataclass(slots=True)
class Loop:
    """An event loop for a pack, made when something has to be awaited and closed with the stack."""

    stack: contextlib.ExitStack
    runner: asyncio.Runner | None = None

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine to its end."""
        if self.runner is None:
            self.runner = self.stack.enter_context(asyncio.Runner())
        self.runner.run(coroutine)


@dataclass(slots=True)
class Lane:
    """One lane on its way through an online object, or two where it is split."""

    delivered: Delivered
    at: int = 0
    started: bool = False
    target: Any = None
    team: tuple[Any, Any] | None = None
    saved: bytes = b""

    def steps(self, side: Side, answering: Answering) -> Generator[Awaitable[Any], Any, None]:
        """Feed the operations; what user code wants awaited is yielded, its result sent back."""
        delivered, broken, follow = self.delivered, self.delivered.broken, side.follow
        if follow is not None:
            follow(delivered.instants[0])
        self.target = side.start()
        self.started = True
        lacking = _lacking(self.target)
        if lacking is not None:
            self.fail(answering, lacking)
            return
        if delivered.workers is not None:
            self.team = self.target, side.start()
        update, query = self.target.update, self.target.query
        named = _takes_source(update)
        watched = delivered.lane % WATCHED == 0
        sources, payloads = delivered.sources, delivered.payloads
        for at, row in enumerate(delivered.rows):
            self.at, payload = at, payloads[at]
            if broken is not None and at == broken.place:
                raise broken.error
            if follow is not None:
                follow(delivered.instants[at])
            if row <= SNAPSHOT or self.team is not None:
                yield from self._turn(side, row, payload)
                update, query = self.target.update, self.target.query
                if row <= SNAPSHOT:
                    continue
            before = payload.copy() if watched else None
            if row < 0:
                done = update(payload, source=sources[at]) if named else update(payload)
                if done is not None and inspect.isawaitable(done):
                    yield done
            else:
                yield from _asked(query, payload, row, answering)
            if watched and payload != before and _differs(payload, before):
                answering.mutated["request" if row >= 0 else "event"] = None

    def _turn(
        self, side: Side, row: int, payload: dict[str, Any]
    ) -> Generator[Awaitable[Any], Any, None]:
        """Change the object that the next operation goes to."""
        if row == SNAPSHOT:
            self.saved = yield from _saved(self.target)
        elif row == RESTORE:
            self.target = yield from _restored(side, self.saved)
        elif row == BOOTSTRAP:
            done = self.target.bootstrap(payload["rows"])
            if inspect.isawaitable(done):
                yield done
        elif self.team is not None and self.delivered.workers is not None:
            if row < 0:
                self.target = self.team[self.delivered.workers[self.at]]
            else:
                self.target = yield from _merged(side, self.team)

    def fail(self, answering: Answering, failure: Failure) -> None:
        """Answer all requests from here on with a failure."""
        for row in self.delivered.rows[self.at :]:
            if row >= 0:
                answering.failures[row] = failure


def _asked(
    query: Callable[[dict[str, Any]], Any], payload: dict[str, Any], row: int, answering: Answering
) -> Generator[Awaitable[Any], Any, None]:
    """Ask, and take the answer; that it fails is an answer too."""
    try:
        answer = query(payload)
        if type(answer) is not dict and inspect.isawaitable(answer):
            answer = yield answer
    except (TimeLimitExceeded, GeneratorExit, *OURS):
        raise
    except BaseException as error:
        answering.failures[row] = Failure("online", "raised", {}, error)
    else:
        answering.take(row, answer)


def _saved(target: Any) -> Generator[Awaitable[Any], Any, bytes]:
    """Return the snapshot of an online object."""
    state = save(target)
    if inspect.isawaitable(state):
        state = yield state
    return checked(state)


def _restored(side: Side, state: bytes) -> Generator[Awaitable[Any], Any, Any]:
    """Return a fresh online object that has restored a snapshot."""
    fresh, pending = load(side.start, state)
    if pending is not None:
        yield pending
    return fresh


def _merged(side: Side, team: tuple[Any, Any]) -> Generator[Awaitable[Any], Any, Any]:
    """Return a fresh online object with the states of two workers merged."""
    first, second = team
    whole = yield from _restored(side, (yield from _saved(first)))
    done = whole.merge((yield from _saved(second)))
    if inspect.isawaitable(done):
        yield done
    return whole


async def _pumped(
    steps: Generator[Awaitable[Any], Any, None], awaitable: Awaitable[Any] | None
) -> None:
    """Await what the steps yield, to their end; errors go back to where they were awaited."""
    while awaitable is not None:
        try:
            result = await awaitable
        except BaseException as error:
            awaitable = _advanced(steps.throw, error)
        else:
            awaitable = _advanced(steps.send, result)


def _advanced(go_on: Callable[[Any], Awaitable[Any]], value: Any) -> Awaitable[Any] | None:
    try:
        return go_on(value)
    except StopIteration:
        return None


def _starter(view: FeatureView) -> Callable[[], Any]:
    """Return what makes a fresh online object."""
    assert view.online is not None
    if isinstance(view.online, OnlineAdapter) and not inspect.isclass(view.online):
        return functools.partial(view.online.start, view)
    return view.online


def lacking_for(view: FeatureView, scenario: Scenario) -> str | None:
    """Return what a scenario needs and the view has not, or None."""
    if scenario.delivery.zone is not None and view.time.zone is None:
        return "needs times with a zone"
    try:
        verb = lacking(_starter(view)(), scenario)
    except OURS:
        raise
    except BaseException:
        return None  # an online side that cannot even start is found in order
    return None if verb is None else f"needs {verb}()"


def _lacking(target: object) -> Failure | None:
    for verb in ("update", "query"):
        if not callable(getattr(target, verb, None)):
            has = [name for name in dir(target) if not name.startswith("_")]
            facts = {"verb": verb, "type": type(target).__name__, "has": has}
            return Failure("online", "no_method", facts)
    return None


def _takes_source(update: Callable[..., Any]) -> bool:
    code = getattr(update, "__code__", None)
    if code is None:
        return False
    return "source" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _differs(payload: Mapping[str, Any], before: Any) -> bool:
    """Return whether payloads differ beyond NaN, which is unequal to itself."""
    return repr(payload) != repr(before)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
