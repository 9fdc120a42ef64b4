"""Steps: one history's delivery as people read it, up to its last event."""

from dataclasses import replace
from typing import Any, NamedTuple

from skewtest.declare.delivery import Scenario
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import Delivered, deliver, event_dicts
from skewtest.generate.history import SEQUENCE, History
from skewtest.times import instants_of
from skewtest.worker.operations import BOOTSTRAP, EVENT, RESTORE, SNAPSHOT

WHAT = {EVENT: "event", SNAPSHOT: "snapshot", RESTORE: "restore", BOOTSTRAP: "bootstrap"}


class Step(NamedTuple):
    """One thing that happens.

    Attributes:
        what: "event", "event again", "request", "snapshot", "restore" or "bootstrap".
        at: when it reaches the online side, in microseconds.
        number: of the event among all, in order of event time, or of the spine row, from 0.
        source: the event's source.
        payload: the event or the request.
        heard: whether it comes before the last request, so that it can matter.
    """

    what: str
    at: int
    number: int | None
    source: str
    payload: dict[str, Any]
    heard: bool = True


def steps_of(view: FeatureView, history: History) -> list[Step]:
    """Return the steps of a history in the order in which they happen."""
    numbers = _number_events(view, history)
    steps: list[Step] = []
    heard: set[int] = set()
    # People read payloads as they were sent, whatever becomes of them on the wire.
    sent = replace(history.pack(), scenario=Scenario())
    for operations in deliver(view, sent):
        steps += _steps_of_lane(operations, numbers, heard)
    if history.boot is not None:
        steps = _add_boot(history.boot, steps)
    return steps + _unheard_steps(view, history, numbers, heard)


def _steps_of_lane(operations: Delivered, numbers: list[int], heard: set[int]) -> list[Step]:
    """Return the steps of what is delivered; the numbers of its events are added to `heard`."""
    steps = []
    for index, row in enumerate(operations.rows):
        name = WHAT.get(row, "request")
        number = None
        event = operations.events[index]
        if row >= 0:
            number = row
        elif event >= 0:
            number = numbers[event]
            if event in heard:
                name = "event again"
            heard.add(event)
        at, source = operations.instants[index], operations.sources[index]
        steps.append(Step(name, at, number, source, operations.payloads[index]))
    return steps


def _number_events(view: FeatureView, history: History) -> list[int]:
    """Return, for each event in the order of the frames, its number by event time."""
    keys: list[tuple[int, int]] = []
    for name, source in view.sources.items():
        frame = history.events[name]
        times = instants_of(frame[source.time]).to_list()
        keys += zip(times, frame[SEQUENCE].to_list(), strict=True)
    numbers = [0] * len(keys)
    for number, index in enumerate(sorted(range(len(keys)), key=keys.__getitem__)):
        numbers[index] = number
    return numbers


def _add_boot(boot: int, steps: list[Step]) -> list[Step]:
    """Return the steps with the start from batch rows among them: after what it was made of."""
    end = sum(step.at <= boot for step in steps)
    for index, step in enumerate(steps):
        # Batch rows answer the request at the boot: events of its instant may come after them.
        if step.what == "request" and step.at == boot:
            end = index + 1
    return [*steps[:end], Step("bootstrap", boot, None, "", {}), *steps[end:]]


def _unheard_steps(
    view: FeatureView, history: History, numbers: list[int], heard: set[int]
) -> list[Step]:
    """Return the events that reach the online side after the last request."""
    steps = []
    event = 0
    for name, source in view.sources.items():
        frame = history.events[name]
        times = instants_of(frame[source.time]).to_list()
        payloads = event_dicts(source.schema, frame)
        for at, payload in zip(times, payloads, strict=True):
            if event not in heard:
                steps.append(Step("event", at, numbers[event], name, payload, heard=False))
            event += 1
    return sorted(steps, key=lambda step: step.number or 0)
