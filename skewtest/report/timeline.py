"""A counterexample as a table: events and requests in the order of delivery, with remarks."""

from collections.abc import Container, Sequence
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
    omitted = max(0, len(rows) - MOST_ROWS)
    if omitted:
        # How a history begins and what is asked at its end explain most of a difference.
        rows = [*rows[: MOST_ROWS // 2], *rows[-MOST_ROWS // 2 :]]
    return model.Timeline(columns=table.columns, rows=rows, time=table.time, omitted=omitted)


class _Table:
    """The columns of a timeline, and what its rows are told beside."""

    def __init__(self, view: FeatureView, steps: Sequence[Step], row: int | None) -> None:
        self.view = view
        self.row = row
        self.as_ofs = [step.payload[AS_OF] for step in steps if step.what == "request"]
        self.names = _column_names(view)
        self.has_sources = len(view.sources) > 1
        # Each source may call its time otherwise, so that several need a word of ours.
        self.time = "time" if self.has_sources else next(iter(view.sources.values())).time
        self.before: Any = None

    @property
    def columns(self) -> list[str]:
        if self.has_sources:
            return ["#", "source", self.time, *self.names, ""]
        return ["#", self.time, *self.names, ""]

    def row_of(self, step: Step) -> list[str]:
        """Return the row of a step; steps come in their order."""
        if step.what == "request":
            sign, cells = "?", self._request(step)
        elif step.number is None:
            sign, cells = MARKS[step.what], self._operation(step)
        else:
            sign, cells = str(step.number + 1), self._event(step)
        if self.has_sources:
            return [sign, step.source, *cells]
        return [sign, *cells]

    def _request(self, step: Step) -> list[str]:
        cells = self._values(step, self.view.entity)
        values = [f"{name}={value_text(step.payload[name])}" for name in self.view.request]
        remark = "asked"
        if values:
            remark = f"asked with {', '.join(values)}"
        # Of a single request nobody needs to be told which one it is.
        if step.number == self.row and len(self.as_ofs) > 1:
            remark = f"{remark}, and here they differ"
        return [moment_text(step.payload[AS_OF]), *cells, remark]

    def _operation(self, step: Step) -> list[str]:
        """Return the cells of what has no payload: a snapshot, a restore, a bootstrap."""
        moment = moment_text(self.view.time.datetimes([step.at])[0] or EPOCH)
        return [moment, *self._values(step, ()), REMARKS[step.what]]

    def _event(self, step: Step) -> list[str]:
        at = step.payload[self.view.sources[step.source].time]
        remarks = [_arrival(step, at)]
        # A second copy sits where the first one does: its remarks have been read already.
        if step.what != "event again":
            remarks.append(_remark(self.view, at, self.as_ofs, self.before))
        self.before = at
        cells = self._values(step, step.payload)
        return [moment_text(at), *cells, ", ".join(filter(None, remarks))]

    def _values(self, step: Step, names: Container[str]) -> list[str]:
        """Return a cell for each column: the payload's value where it is one of the names."""
        cells = []
        for name in self.names:
            text = ""
            if name in names:
                text = value_text(step.payload[name])
            cells.append(text)
        return cells


def _column_names(view: FeatureView) -> list[str]:
    names: dict[str, None] = {}
    for source in view.sources.values():
        names.update(dict.fromkeys(source.columns))
    return list(names)


def step_of(view: FeatureView, step: Step) -> model.Step:
    """Return one thing that reaches the online side as a report has it."""
    (arrival,) = view.time.datetimes([step.at])
    return model.Step(
        step=step.what,
        number=step.number,
        source=step.source,
        time=_time_of(view, step),
        arrival=str(arrival),
        heard=step.heard,
    )


def _time_of(view: FeatureView, step: Step) -> str | None:
    """Return the event time or the `as_of` of a step; None of one without a payload."""
    if not step.payload:
        return None
    name = AS_OF if step.what == "request" else view.sources[step.source].time
    at = step.payload.get(name)
    return None if at is None else str(at)


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
    lines = [f"happens  {first}".rstrip(), f"arrives  {second}".rstrip()]
    legends = [legend for mark, legend in LEGEND.items() if mark in second]
    if legends:
        lines.append(", ".join(legends))
    return tuple(lines)


def _line(marks: dict[int, str], widths: dict[int, int]) -> str:
    """Return the marks of all instants, each in the width that both lines have there."""
    line = ""
    for at, width in widths.items():
        line += f"{marks.get(at, '.'):<{width}}"
    return line


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
    remarks = []
    if step.what == "event again":
        remarks.append("delivered again")
    late = step.at - instant(at)
    # What comes after the last request is late for nobody.
    if late and step.heard:
        remarks.append(f"arrives {length_text(late)} later")
    return ", ".join(remarks)


def _remark(view: FeatureView, at: Any, as_ofs: Sequence[Any], before: Any) -> str:
    """Return what is special about the time of an event."""
    remarks = []
    for as_of in as_ofs:
        remarks.append(_edge(view, micros(as_of - at)))
    if before is not None and at == before:
        remarks.append("same time as the event before")
    # Several requests see an event alike: what is said of it is said once.
    return ", ".join(dict.fromkeys(filter(None, remarks)))


def _edge(view: FeatureView, gap: int) -> str:
    """Return on or beside which edge an event lies; "" of one that lies on none.

    Those are the edges that `<` and `<=` tell apart: `as_of`, and the starts of windows.

    Args:
        view: the view.
        gap: microseconds from the event to the `as_of`.
    """
    tick = view.tick
    if gap == 0:
        return "exactly at as_of"
    if gap == -tick:
        return "one tick after as_of"
    if gap < 0:
        return "after as_of"
    for window in view.windows:
        start = f"as_of - {window_text(window)}"
        before_start = gap - micros(window)
        if before_start == 0:
            return f"exactly {start}"
        if before_start == tick:
            return f"one tick before {start}"
        if before_start == -tick:
            return f"one tick after {start}"
    return "one tick before as_of" if gap == tick else ""
