"""The geometry of a report's drawings: numbers to coordinates. The templates make SVG of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from skewtest.report import model
from skewtest.report.words import length_text
from skewtest.times import micros

STEP, EDGE = 84, 64
"""Of a timeline: pixels from one instant to the next, and before the first."""
MOST_INSTANTS = 14
BAR, BARS_HIGH = 26, 90
SIDE = 180
VISIBLE = 1e-3
"""Pairs nearer to each other than that, relative to their size, are on the diagonal."""
FINE = 9
"""So many powers of two have a bar each; of more, eight share one."""
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
WIDE = 50
"""Where the largest magnitude exceeds the median so often, dots are drawn on a log scale."""
LATER = {"request": "?", "snapshot": "S", "restore": "R", "bootstrap": "B"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing on a line of a timeline."""

    x: float
    line: int
    text: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment at which something is: its place, and what it is called."""

    x: float
    text: str
    is_as_of: bool


@dataclass(frozen=True, slots=True)
class Window:
    """A declared window before a request."""

    left: float
    right: float
    text: str


@dataclass(frozen=True, slots=True)
class TimelineDrawing:
    """When events happen and when they arrive, on a scale of the instants in their order.

    Attributes:
        width: in pixels.
        instants: from first to last, evenly spaced: a microsecond is as wide as a week.
        marks: on line 0 when an event happens, on line 1 when it arrives, and what is asked.
        late: from where an event happens to where it arrives, if that is elsewhere.
        windows: the declared windows before each request.
    """

    width: float
    instants: tuple[Instant, ...]
    marks: tuple[Mark, ...]
    late: tuple[tuple[float, float], ...]
    windows: tuple[Window, ...]


def timeline_drawing(
    example: model.Counterexample, windows: Sequence[int]
) -> TimelineDrawing | None:
    """Return the drawing of a counterexample; None of one with too many instants to read.

    Args:
        example: the counterexample.
        windows: the declared windows, in microseconds.
    """
    steps = [(step, _micros(step.arrival), _micros(step.time)) for step in example.delivery]
    asked = sorted({at for step, _, at in steps if step.step == "request" and at is not None})
    if not asked:
        return None
    happens = {step.number: at for step, _, at in steps if step.step == "event" and at is not None}
    arrives = [arrival for step, arrival, _ in steps if arrival is not None and step.heard]
    told = {*asked, *happens.values(), *arrives}
    edges = {at - window for at in asked for window in windows}
    instants = sorted({*told, *edges})
    if len(instants) > MOST_INSTANTS:
        instants = sorted(told)
    if len(instants) > MOST_INSTANTS:
        return None
    x = {at: EDGE + place * STEP for place, at in enumerate(instants)}
    last = asked[-1]
    return TimelineDrawing(
        width=2 * EDGE + (len(instants) - 1) * STEP,
        instants=tuple(Instant(x[at], _offset(at - last), at in asked) for at in instants),
        marks=tuple(_marks(steps, happens, x)),
        late=tuple(
            (x[at], x[arrival])
            for step, arrival, at in steps
            if at is not None and arrival is not None and step.step != "request"
            if step.heard and arrival != at
        ),
        windows=tuple(
            Window(x[at - window], x[at], length_text(window))
            for at in asked
            for window in windows
            if at - window in x
        ),
    )


def _marks(
    steps: Iterable[tuple[model.Step, int | None, int | None]],
    happens: Mapping[int | None, int],
    x: Mapping[int, float],
) -> Iterable[Mark]:
    for number, at in happens.items():
        label = str((number or 0) + 1)
        yield Mark(x[at], 0, label, "event", f"event {label} happens")
    for step, arrival, _ in steps:
        if arrival is None or not step.heard:
            continue
        label = LATER.get(step.step) or str((step.number or 0) + 1)
        kind = {"request": "request", "event": "event", "event again": "again"}.get(
            step.step, "other"
        )
        yield Mark(x[arrival], 1, label, kind, f"{step.step} {label} arrives")


def _offset(length: int) -> str:
    """Return an instant by how far it is from the last `as_of`."""
    if not length:
        return "as_of"
    return f"{'−' if length < 0 else '+'}{length_text(abs(length))}"  # noqa: RUF001 # a minus sign


def _micros(text: str | None) -> int | None:
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    epoch = datetime(1970, 1, 1, tzinfo=UTC if at.tzinfo else None)  # as it is
    return micros(at - epoch)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a histogram: how many pairs lie so many ulps apart."""

    x: float
    height: float
    text: str
    count: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars for 0, 1, 2-3, 4-7, ... ulps; heights are of the logarithm of the count."""

    width: float
    bars: tuple[Bar, ...]


def histogram(errors: model.Errors) -> Histogram:
    """Return the histogram of errors in ulps."""
    groups = bars(errors)
    top = math.log1p(max(count for _, count in groups))
    drawn = tuple(
        Bar(place * BAR, round(BARS_HIGH * math.log1p(count) / top, 1) if top else 0, text, count)
        for place, (text, count) in enumerate(groups)
    )
    return Histogram(len(drawn) * BAR, drawn)


def bars(errors: model.Errors) -> list[tuple[str, int]]:
    """Return the counts of a histogram by label; of many powers of two, eight share one."""
    counts = errors.histogram
    wide = 1 if len(counts) <= FINE else 8
    found = [("0", counts[0])]
    for first in range(1, len(counts), wide):
        last = first + wide - 1
        low, high = 2 ** (first - 1), 2**last - 1
        text = f"<2{str(last).translate(RAISED)}" if wide > 1 else f"{low}-{high}"
        found.append(("1" if high == 1 else text, sum(counts[first : last + 1])))
    return found


@dataclass(frozen=True, slots=True)
class Scatter:
    """Batch against online: SVG paths of dots, and the ends of the axes, which are alike.

    `scale` is "linear" or "symlog" (the logarithm of one plus the magnitude, with its sign).
    """

    agree: str
    differ: str
    low: str
    high: str
    scale: str


def scatter(errors: model.Errors) -> Scatter | None:
    """Return the scatter of the pairs that a report holds; None where all lie on the diagonal."""
    if not errors.points or errors.rel.max < VISIBLE:
        return None
    values = [value for point in errors.points for value in point]
    low, high = min(values), max(values)
    sizes = sorted(abs(value) for value in values if value)
    is_wide = bool(sizes) and sizes[-1] > WIDE * sizes[len(sizes) // 2]
    place = _symlog if is_wide else float
    start, end = place(low), place(high)
    span = end - start

    def at(value: float) -> int:
        # Halves: the span of two opposite largest floats is no float.
        share = (place(value) / 2 - start / 2) / (end / 2 - start / 2) if span else 0.5
        return round(share * SIDE)

    dots: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for batch, online in errors.points:
        dots[batch == online][f"M{at(batch)} {SIDE - at(online)}h0"] = None
    return Scatter(
        "".join(dots[True]),
        "".join(dots[False]),
        f"{low:.4g}",
        f"{high:.4g}",
        "symlog" if is_wide else "linear",
    )


def _symlog(value: float) -> float:
    return math.copysign(math.log1p(abs(value)), value)
