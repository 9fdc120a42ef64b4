"""Steps: one history's delivery as people read it, up to its last event."""

from dataclasses import replace
from typing import Any, NamedTuple

from skewtest.declare.delivery import Scenario
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import deliver, event_dicts
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
    numbers = _numbers(view, history)
    steps: list[Step] = []
    told: set[int] = set()
    # People read payloads as they were sent, whatever becomes of them on the wire.
    sent = replace(history.pack(), scenario=Scenario())
    for operations in deliver(view, sent):
        for place, row in enumerate(operations.rows):
            what = WHAT.get(row, "request")
            number = row if row >= 0 else None
            event = operations.events[place]
            if event >= 0:
                number = numbers[event]
                what = "event again" if event in told else what
                told.add(event)
            at, source = operations.instants[place], operations.sources[place]
            steps.append(Step(what, at, number, source, operations.payloads[place]))
    if history.boot is not None:
        steps = _from_boot(history.boot, steps)
    return steps + _unheard(view, history, numbers, told)


def _numbers(view: FeatureView, history: History) -> list[int]:
    """Return, for each event in the order of the frames, its number by event time."""
    keys = []
    for name, source in view.sources.items():
        frame = history.events[name]
        times = instants_of(frame[source.time]).to_list()
        keys += list(zip(times, frame[SEQUENCE].to_list(), strict=True))
    places = sorted(range(len(keys)), key=lambda place: keys[place])
    numbers = [0] * len(keys)
    for number, place in enumerate(places):
        numbers[place] = number
    return numbers


def _from_boot(boot: int, steps: list[Step]) -> list[Step]:
    """Return the steps with the start from batch rows among them."""
    place = next((n for n, step in enumerate(steps) if step.at > boot), len(steps))
    asked = [n for n, step in enumerate(steps) if step.what == "request" and step.at == boot]
    place = asked[-1] + 1 if asked else place
    return [*steps[:place], Step("bootstrap", boot, None, "", {}), *steps[place:]]


def _unheard(view: FeatureView, history: History, numbers: list[int], told: set[int]) -> list[Step]:
    """Return the events that reach the online side after the last request."""
    rest = []
    first = 0
    for name, source in view.sources.items():
        frame = history.events[name]
        times = instants_of(frame[source.time]).to_list()
        payloads = event_dicts(source.schema, frame)
        for row, (at, payload) in enumerate(zip(times, payloads, strict=True)):
            if first + row not in told:
                step = Step("event", at, numbers[first + row], name, payload, heard=False)
                rest.append(step)
        first += frame.height
    return sorted(rest, key=lambda step: step.number or 0)
