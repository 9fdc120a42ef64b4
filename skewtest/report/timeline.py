"""A counterexample as a table: events and requests in the order of delivery, with remarks."""

from dataclasses import dataclass
from typing import Any

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import deliver, python_values
from skewtest.findings import Counterexample
from skewtest.generate.history import SEQUENCE, History
from skewtest.report.words import moment_text, value_text
from skewtest.times import instant, micros, window_text

MOST_ROWS = 24


@dataclass(frozen=True, slots=True)
class Timeline:
    """The rows of a counterexample.

    Attributes:
        columns: headings.
        rows: cells as text, one for each heading; a request has "?" as its number.
        time: the heading of the times.
        omitted: how many rows in the middle are left out.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    time: str
    omitted: int = 0


def timeline_of(example: Counterexample) -> Timeline:
    """Return the timeline of a counterexample: what arrives, then what is asked, in order."""
    view = example.view
    operations = _operations(view, example.history)
    asked = [p[AS_OF] for row, _, p in operations if row >= 0]
    names = list(dict.fromkeys(c for s in view.sources.values() for c in s.columns))
    several = len(view.sources) > 1
    time = next(iter(view.sources.values())).time if not several else "time"
    rows: list[tuple[str, ...]] = []
    number = 0
    before: Any = None
    for row, source, payload in operations:
        if row >= 0:
            entity = [value_text(payload[n]) if n in view.entity else "" for n in names]
            extra = ", ".join(f"{n}={value_text(payload[n])}" for n in view.request)
            remark = f"asked with {extra}" if extra else "asked"
            cells = ["?", moment_text(payload[AS_OF]), *entity]
            rows.append((*cells[:1], *([""] if several else []), *cells[1:], remark))
            continue
        number += 1
        at = payload[view.sources[source].time]
        cells = [str(number), *([source] if several else []), moment_text(at)]
        cells += [value_text(payload[n]) if n in payload else "" for n in names]
        rows.append((*cells, _remark(view, at, asked, before)))
        before = at
    head = ("#", *(["source"] if several else []), time, *names, "")
    if len(rows) <= MOST_ROWS:
        return Timeline(head, tuple(rows), time)
    half = MOST_ROWS // 2
    return Timeline(head, (*rows[:half], *rows[-half:]), time, len(rows) - 2 * half)


def _operations(view: FeatureView, history: History) -> list[tuple[int, str, dict[str, Any]]]:
    """Return the operations of a history, those after the last request included."""
    delivered = [
        operation
        for lane in deliver(view, history.pack())
        for operation in zip(lane.rows, lane.sources, lane.payloads, strict=True)
    ]
    seen = sum(1 for row, _, _ in delivered if row < 0)
    rest = []
    for name, source in view.sources.items():
        frame = history.events[name]
        columns = [python_values(frame[c]) for c in source.schema]
        sequence = frame[SEQUENCE].to_list()
        for number, row in zip(sequence, zip(*columns, strict=True), strict=True):
            payload = dict(zip(source.schema, row, strict=True))
            rest.append((instant(payload[source.time]), number, name, payload))
    rest.sort(key=lambda item: item[:2])
    return delivered + [(-1, name, payload) for _, _, name, payload in rest[seen:]]


def _remark(view: FeatureView, at: Any, asked: list[Any], before: Any) -> str:
    """Return what is special about the time of an event."""
    remarks = []
    for as_of in dict.fromkeys(asked):
        gap = micros(as_of - at)
        remarks += _edges(view, gap, view.time.tick)
    if before is not None and at == before:
        remarks.append("same time as the event before")
    return ", ".join(dict.fromkeys(remarks))


def _edges(view: FeatureView, gap: int, tick: int) -> list[str]:
    if gap == 0:
        return ["exactly at as_of"]
    if gap < 0:
        return ["after as_of"] if gap < -tick else ["one tick after as_of"]
    for window in view.windows:
        edge = f"as_of - {window_text(window)}"
        beside = gap - micros(window)
        if beside == 0:
            return [f"exactly {edge}"]
        if abs(beside) == tick:
            return [f"one tick {'before' if beside > 0 else 'after'} {edge}"]
    return ["one tick before as_of"] if gap == tick else []
