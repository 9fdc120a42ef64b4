"""A counterexample as a table: events and requests in the order of delivery, with remarks."""

from collections.abc import Sequence
from typing import Any

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.steps import Step, steps_of
from skewtest.report import model
from skewtest.report.words import length_text, moment_text, value_text
from skewtest.results.finding import Counterexample
from skewtest.times import EPOCH, instant, micros, window_text

# Two screens of a terminal; minimised histories are mostly far shorter.
MOST_ROWS = 24
# 80 columns, less the indent and the head of the line.
WIDEST = 66
DRAWN = ("ties", "reordered", "late", "duplicated", "restarted", "split", "bootstrapped")
MARKS = {"request": "?", "snapshot": "S", "restore": "R", "bootstrap": "B", "event again": "'"}
REMARKS = {
    "snapshot": "snapshot",
    "restore": "a fresh object restores it",
    "bootstrap": "starts from the batch rows of this moment",
}
LEGEND = {
    "?": "? asked",
    "'": "' delivered again",
    "S": "S snapshot",
    "R": "R restored by a fresh object",
    "B": "B starts from batch rows",
}


def timeline_of(example: Counterexample, row: int | None = None) -> model.Timeline:
    """Return the timeline of a counterexample: what arrives, then what is asked, in order.

    Args:
        example: the counterexample.
        row: the spine row whose answers differ; it is marked where there are several.
    """
    view = example.view
    steps = steps_of(view, example.history)
    table = _Table(view, steps, row)
    rows = [table.row_of(step) for step in steps]
    omitted = len(rows) - MOST_ROWS
    if omitted > 0:
        rows = [*rows[: MOST_ROWS // 2], *rows[-MOST_ROWS // 2 :]]
    return model.Timeline(
        columns=table.columns, rows=rows, time=table.time, omitted=max(0, omitted)
    )


class _Table:
    """The columns of a timeline, and what its rows are told beside."""

    def __init__(self, view: FeatureView, steps: Sequence[Step], row: int | None) -> None:
        self.view = view
        self.row = row
        self.asked = [step.payload[AS_OF] for step in steps if step.what == "request"]
        self.names = _column_names(view)
        self.has_sources = len(view.sources) > 1
        self.time = "time" if self.has_sources else next(iter(view.sources.values())).time
        self.before: Any = None

    @property
    def columns(self) -> list[str]:
        source = ["source"] if self.has_sources else []
        return ["#", *source, self.time, *self.names, ""]

    def row_of(self, step: Step) -> list[str]:
        """Return the row of a step; steps come in their order."""
        source = [step.source] if self.has_sources else []
        if step.what == "request":
            cells, remark = self._request(step)
            return ["?", *source, *cells, remark]
        if step.number is None:
            moment = moment_text(self.view.time.datetimes([step.at])[0] or EPOCH)
            cells = [""] * len(self.names)
            return [MARKS[step.what], *source, moment, *cells, REMARKS[step.what]]
        return [str(step.number + 1), *source, *self._event(step)]

    def _request(self, step: Step) -> tuple[list[str], str]:
        cells = [moment_text(step.payload[AS_OF])]
        for name in self.names:
            cells.append(value_text(step.payload[name]) if name in self.view.entity else "")
        values = [f"{name}={value_text(step.payload[name])}" for name in self.view.request]
        remark = f"asked with {', '.join(values)}" if values else "asked"
        if step.number == self.row and len(self.asked) > 1:
            remark = f"{remark}, and here they differ"
        return cells, remark

    def _event(self, step: Step) -> list[str]:
        at = step.payload[self.view.sources[step.source].time]
        cells = [moment_text(at)]
        for name in self.names:
            cells.append(value_text(step.payload[name]) if name in step.payload else "")
        remarks = [_arrival(step, at)]
        if step.what != "event again":
            remarks.append(_remark(self.view, at, self.asked, self.before))
        self.before = at
        return [*cells, ", ".join(filter(None, remarks))]


def _column_names(view: FeatureView) -> list[str]:
    names: dict[str, None] = {}
    for source in view.sources.values():
        names.update(dict.fromkeys(source.columns))
    return list(names)


def step_of(view: FeatureView, step: Step) -> model.Step:
    """Return one thing that reaches the online side as a report has it."""
    at = None
    if step.payload:
        name = AS_OF if step.what == "request" else view.sources[step.source].time
        at = step.payload.get(name)
    (arrival,) = view.time.datetimes([step.at])
    return model.Step(
        step=step.what,
        number=step.number,
        source=step.source,
        time=None if at is None else str(at),
        arrival=str(arrival),
        heard=step.heard,
    )


def drawing_of(example: Counterexample) -> tuple[str, ...]:
    """Return a drawing of a delivery: when events happen, and when they arrive, one line each.

    The places of a line are the instants at which something happens or arrives, in order. There is
    none for a delivery in order, or for one with too many places.
    """
    if example.history.scenario.name not in DRAWN:
        return ()
    happens, arrives = _marks_by_instant(example)
    instants = sorted({*happens, *arrives})
    widths = {}
    for at in instants:
        widths[at] = max(len(happens.get(at, "")), len(arrives.get(at, ""))) + 2
    if sum(widths.values()) > WIDEST:
        return ()
    first, second = _line(happens, widths), _line(arrives, widths)
    used = [legend for mark, legend in LEGEND.items() if mark in second]
    legends = [", ".join(used)] if used else []
    return (f"happens  {first}".rstrip(), f"arrives  {second}".rstrip(), *legends)


def _line(marks: dict[int, str], widths: dict[int, int]) -> str:
    return "".join(f"{marks.get(at, '.'):<{width}}" for at, width in widths.items())


def _marks_by_instant(example: Counterexample) -> tuple[dict[int, str], dict[int, str]]:
    """Return what happens and what arrives, by instant; an event happens once."""
    view = example.view
    happens: dict[int, str] = {}
    arrives: dict[int, str] = {}
    seen: set[int] = set()
    for step in steps_of(view, example.history):
        mark = MARKS.get(step.what, "")
        if step.what.startswith("event") and step.number is not None:
            at = instant(step.payload[view.sources[step.source].time])
            if step.number not in seen:
                happens[at] = happens.get(at, "") + str(step.number + 1)
            seen.add(step.number)
            mark = f"{step.number + 1}{mark}"
        arrives[step.at] = arrives.get(step.at, "") + mark
    return happens, arrives


def _arrival(step: Step, at: Any) -> str:
    """Return what is special about when an event arrives."""
    remarks = ["delivered again"] if step.what == "event again" else []
    late = step.at - instant(at)
    if late and step.heard:
        remarks.append(f"arrives {length_text(late)} later")
    return ", ".join(remarks)


def _remark(view: FeatureView, at: Any, asked: Sequence[Any], before: Any) -> str:
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
