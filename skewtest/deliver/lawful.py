"""Lawful: what a scenario may do to a history, the declared bounds included.

Generation keeps to it by the way it draws. Whatever changes a history afterwards has to ask: a
minimiser that moves events, a file that was kept under another declaration, a log.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from skewtest.declare.delivery import IN_ORDER, REPLAY, Scenario
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import COPIES, DELAY, TURN, WORKER, History, Restart
from skewtest.times import MICROSECOND, instants_of, micros

# The delay of an event that arrives at its own time.
AT_ONCE = 0


class Arrival(Protocol):
    """One event: its time in microseconds, and its faults as in `skewtest.generate.history`."""

    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def at(self) -> int: ...  # noqa: D102
    @property
    def delay(self) -> int: ...  # noqa: D102
    @property
    def turn(self) -> int: ...  # noqa: D102
    @property
    def copies(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def worker(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class EventArrival:
    """One event of a history's frames; see Arrival."""

    source: str
    at: int
    delay: int = 0
    turn: int = 0
    copies: tuple[int, ...] = ()
    worker: int = 0


@dataclass(frozen=True, slots=True)
class Course:
    """What happens to one history on its way.

    Attributes:
        events: in any order.
        as_of: of the requests, in microseconds, in any order.
        scenario: that is said to be the reason.
        lag: as in History.
        restarts: as in History.
        boot: as in History.
    """

    events: Sequence[Arrival]
    as_of: Sequence[int]
    scenario: Scenario
    lag: int | None = None
    restarts: Sequence[Restart] = ()
    boot: int | None = None


def lawful(view: FeatureView, history: History) -> bool:
    """Return whether a history's scenario, as the view declares it, can deliver it like that."""
    return not breach_of(view, course_of(view, history))


def breach_of(view: FeatureView, course: Course) -> str:
    """Return what a history's scenario cannot do, "" where it does nothing of the kind.

    Args:
        view: whose declared bounds hold.
        course: what happens to the history.
    """
    name = course.scenario.name
    if course.lag is not None and (course.lag < 0 or name != IN_ORDER):
        return f"its requests come {course.lag} us late, which {name} does not do"
    for event in course.events:
        step = view.sources[event.source].tick
        if event.at % step:
            return f"an event of {event.source!r} lies between two steps of {step * MICROSECOND}"
    return _find_stray_fault(course) or _LAWS[name](view, course)


def course_of(view: FeatureView, history: History) -> Course:
    """Return what happens to a history."""
    events = []
    for name, source in view.sources.items():
        frame = history.events[name]
        columns = [instants_of(frame[source.time]).to_list()]
        for fault in (DELAY, TURN, COPIES, WORKER):
            cells: list[object] = [None] * frame.height
            if fault in frame.columns:
                cells = frame[fault].to_list()
            columns.append(cells)
        for at, delay, turn, copies, worker in zip(*columns, strict=True):
            events.append(
                EventArrival(name, at, delay or 0, turn or 0, tuple(copies or ()), worker or 0)
            )
    return Course(
        events=events,
        as_of=instants_of(history.spine[AS_OF]).to_list(),
        scenario=history.scenario,
        lag=history.lag,
        restarts=history.restarts,
        boot=history.boot,
    )


DELAYING = ("reordered", "late", REPLAY)
RESTARTING = ("restarted", "split")


def _find_stray_fault(course: Course) -> str:
    """Return what happens to a history that is no business of its scenario."""
    name = course.scenario.name
    if course.restarts and name not in RESTARTING:
        return f"the online side restarts, which {name} does not do"
    if course.boot is not None and name != "bootstrapped":
        return f"the online side starts from rows of batch, which {name} does not do"
    for event in course.events:
        reason = _find_fault_of_event(name, event)
        if reason:
            return f"{reason}, which {name} does not do"
    return ""


def _find_fault_of_event(name: str, event: Arrival) -> str:
    """Return what happens to an event that is no business of a scenario."""
    if event.delay and name not in DELAYING:
        return f"an event arrives {event.delay * MICROSECOND} after its time"
    if event.turn and name != "ties":
        return "an event takes another one's turn"
    if event.copies and name != "duplicated":
        return "an event arrives again"
    if event.worker and name != "split":
        return "an event goes to a second worker"
    return ""


def _allow(_view: FeatureView, _course: Course) -> str:
    """Return no reason: nothing but payloads, answers or turns is another than in order."""
    return ""


def _judge_reordered(view: FeatureView, course: Course) -> str:
    """Hold arrivals to the next request that counts them, and to the declared lateness."""
    moments = sorted(course.as_of)
    delays: dict[int, int] = {}
    for event in course.events:
        if delays.setdefault(event.at, event.delay) != event.delay:
            return "of two events of one time one arrives later, and only ties may do that"
        if event.delay and _next_request(view, moments, event.at) != _next_request(
            view, moments, event.at + event.delay
        ):
            return "an event arrives after a request that counts it, and only late ones may"
    return _judge_delays(view, course)


def _next_request(view: FeatureView, moments: list[int], at: int) -> int:
    """Return the number of the first request that counts what happens at a moment."""
    if view.as_of == "inclusive":
        return bisect_left(moments, at)
    return bisect_right(moments, at)


def _judge_delays(view: FeatureView, course: Course) -> str:
    """Hold arrivals to the declared lateness; where none is declared, exploring tries one."""
    most = view.delivery.late or course.scenario.delivery.late
    for event in course.events:
        if event.delay < AT_ONCE:
            return f"an event arrives {-event.delay * MICROSECOND} before it happens"
        if most is not None and event.delay > micros(most):
            return f"an event is {event.delay * MICROSECOND} late, and late={most} is declared"
    return ""


def _judge_copies(_view: FeatureView, course: Course) -> str:
    """Hold copies to their declared number; one is never before its event."""
    most = int(course.scenario.delivery.duplicates)
    for event in course.events:
        if len(event.copies) > most:
            return f"an event arrives {len(event.copies)} times more, and {most} is declared"
        if any(delay < AT_ONCE for delay in event.copies):
            return "a copy arrives before its event happens"
    return ""


def _judge_restarts(_view: FeatureView, course: Course) -> str:
    """Hold restarts to what is declared to be delivered again."""
    goes_back = course.scenario.delivery.redeliver_after_restart
    for restart in course.restarts:
        if restart.crash < 0 or restart.again < 0:
            return "a restart is over before it begins"
        if restart.again and not goes_back:
            return (
                "a restart delivers events again that its snapshot holds, and "
                "redeliver_after_restart is not declared"
            )
    return ""


def _judge_split(_view: FeatureView, course: Course) -> str:
    """Hold two workers to the declared way in which they share."""
    if course.scenario.delivery.split == "merged":
        if course.restarts:
            return "a worker hands over to the other, and split='merged' is declared"
        return ""
    if any(event.worker for event in course.events):
        return "two workers share the events, and split='handed_over' is declared"
    if any(restart.crash or restart.again for restart in course.restarts):
        return "a worker crashes, which split does not do"
    return ""


def _judge_boot(_view: FeatureView, course: Course) -> str:
    """Let the online side start from rows that batch is asked for."""
    if course.boot is not None and course.boot not in course.as_of:
        return "the online side starts from rows of a moment at which nothing is asked"
    return ""


# What each scenario may do with the faults that are its own.
_LAWS: Mapping[str, Callable[[FeatureView, Course], str]] = {
    IN_ORDER: _allow,
    "ties": _allow,
    "reordered": _judge_reordered,
    "late": _judge_delays,
    "duplicated": _judge_copies,
    "restarted": _judge_restarts,
    "split": _judge_split,
    "bootstrapped": _judge_boot,
    "re-encoded": _allow,
    "stored": _allow,
    "zoned": _allow,
    "idle": _allow,
    # What a log says has happened, whatever was declared.
    REPLAY: _allow,
}
