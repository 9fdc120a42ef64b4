"""A counterexample as a table: events and requests in the order of delivery, with remarks."""

from dataclasses import dataclass
from typing import Any

from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.steps import Step, steps_of
from skewtest.report.words import length_text, moment_text, value_text
from skewtest.results.finding import Counterexample
from skewtest.times import EPOCH, instant, micros, window_text

MOST_ROWS = 24
WIDEST = 66
DRAWN = ("ties", "reordered", "late", "duplicated", "restarted", "split", "bootstrapped")
MARKS = {"request": "?", "snapshot": "S", "restore": "R", "bootstrap": "B", "event again": "'"}
TOLD = {
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


def timeline_of(example: Counterexample, row: int | None = None) -> Timeline:
    """Return the timeline of a counterexample: what arrives, then what is asked, in order.

    Args:
        example: the counterexample.
        row: the spine row whose answers differ; it is marked where there are several.
    """
    view = example.view
    steps = steps_of(view, example.history)
    asked = [step.payload[AS_OF] for step in steps if step.what == "request"]
    names = list(dict.fromkeys(c for s in view.sources.values() for c in s.columns))
    several = len(view.sources) > 1
    time = next(iter(view.sources.values())).time if not several else "time"
    rows: list[tuple[str, ...]] = []
    before: Any = None
    for step in steps:
        source = [step.source] if several else []
        if step.what == "request":
            cells, remark = _asked(view, step, names)
            if step.number == row and len(asked) > 1:
                remark = f"{remark}, and here they differ"
            rows.append(("?", *source, *cells, remark))
        elif step.number is None:
            moment = moment_text(view.time.datetimes([step.at])[0] or EPOCH)
            rows.append((MARKS[step.what], *source, moment, *("" for _ in names), TOLD[step.what]))
        else:
            at = step.payload[view.sources[step.source].time]
            cells = [value_text(step.payload[n]) if n in step.payload else "" for n in names]
            special = "" if step.what == "event again" else _remark(view, at, asked, before)
            remark = ", ".join(filter(None, (_arrival(step, at), special)))
            rows.append((str(step.number + 1), *source, moment_text(at), *cells, remark))
            before = at
    head = ("#", *(["source"] if several else []), time, *names, "")
    if len(rows) <= MOST_ROWS:
        return Timeline(head, tuple(rows), time)
    half = MOST_ROWS // 2
    return Timeline(head, (*rows[:half], *rows[-half:]), time, len(rows) - 2 * half)


def drawing_of(example: Counterexample) -> tuple[str, ...]:
    """Return a drawing of a delivery: when events happen, and when they arrive, one line each.

    The places of a line are the instants at which something happens or arrives, in order. There is
    none for a delivery in order, or for one with too many places.
    """
    view, history = example.view, example.history
    if history.scenario.name not in DRAWN:
        return ()
    happens: dict[int, str] = {}
    arrives: dict[int, str] = {}
    seen: set[int] = set()
    for step in steps_of(view, history):
        mark = MARKS.get(step.what, "")
        if step.what.startswith("event") and step.number is not None:
            at = instant(step.payload[view.sources[step.source].time])
            if step.number not in seen:
                happens[at] = happens.get(at, "") + str(step.number + 1)
            seen.add(step.number)
            mark = f"{step.number + 1}{mark}"
        arrives[step.at] = arrives.get(step.at, "") + mark
    places = sorted({*happens, *arrives})
    widths = [max(len(happens.get(at, "")), len(arrives.get(at, ""))) + 2 for at in places]
    if sum(widths) > WIDEST:
        return ()
    lines = [("happens  ", happens), ("arrives  ", arrives)]
    drawn = [
        head + "".join(f"{line.get(at, '.'):<{w}}" for at, w in zip(places, widths, strict=True))
        for head, line in lines
    ]
    used = [legend for mark, legend in LEGEND.items() if mark in drawn[1].removeprefix("arrives")]
    return (*(line.rstrip() for line in drawn), *((", ".join(used),) if used else ()))


def _asked(view: FeatureView, step: Step, names: list[str]) -> tuple[list[str], str]:
    payload = step.payload
    entity = [value_text(payload[n]) if n in view.entity else "" for n in names]
    extra = ", ".join(f"{n}={value_text(payload[n])}" for n in view.request)
    return [moment_text(payload[AS_OF]), *entity], f"asked with {extra}" if extra else "asked"


def _arrival(step: Step, at: Any) -> str:
    """Return what is special about when an event arrives."""
    late = step.at - instant(at)
    told = "delivered again" if step.what == "event again" else ""
    if late and step.heard:
        told += f"{', ' if told else ''}arrives {length_text(late)} later"
    return told


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
