"""The geometry of a report's drawings: numbers to coordinates. The templates make SVG of it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from skewtest.report import model
from skewtest.report.words import length_text
from skewtest.times import micros

# Pixels of a timeline from one instant to the next: a label such as "23 h 59 min" fits.
STEP, EDGE = 84, 64
# More instants are wider than a page.
MOST_INSTANTS = 14
# Pixels: a bar as wide as its label, bars and dots of one height beside each other.
BAR, BARS_HIGH = 26, 90
SIDE = 180
# Pairs nearer to each other than that, relative to their size, are on the diagonal: half a pixel.
VISIBLE = 1e-3
# Powers of two that have a bar each: errors of rounding. Of more, eight share one.
FINE = 9
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
# Where the largest magnitude exceeds the median so often, half of the dots would share a few
# pixels of a linear scale.
WIDE = 50
MARK_KINDS = {"request": "request", "event": "event", "event again": "again"}
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
    moments = [Moment(step, _micros(step.arrival), _micros(step.time)) for step in example.delivery]
    as_ofs = _list_as_ofs(moments)
    if not as_ofs:
        return None
    happens = _happenings(moments)
    instants = _choose_instants(moments, as_ofs, happens, windows)
    if len(instants) > MOST_INSTANTS:
        return None
    x: dict[int, float] = {}
    labelled = []
    for at in instants:
        x[at] = EDGE + len(x) * STEP
        labelled.append(Instant(x[at], _offset(at - as_ofs[-1]), at in as_ofs))
    return TimelineDrawing(
        width=2 * EDGE + (len(instants) - 1) * STEP,
        instants=tuple(labelled),
        marks=tuple(_marks(moments, happens, x)),
        late=tuple(_late(moments, x)),
        windows=tuple(_windows(as_ofs, windows, x)),
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that is delivered, and when: it arrives, and is of a time; in microseconds."""

    step: model.Step
    arrival: int | None
    time: int | None


def _list_as_ofs(moments: Iterable[Moment]) -> list[int]:
    """Return the `as_of` of all requests, in order."""
    as_ofs = set()
    for moment in moments:
        if moment.step.step == "request" and moment.time is not None:
            as_ofs.add(moment.time)
    return sorted(as_ofs)


def _happenings(moments: Iterable[Moment]) -> dict[int | None, int]:
    """Return when each event happens, by its number."""
    happens = {}
    for moment in moments:
        if moment.step.step == "event" and moment.time is not None:
            happens[moment.step.number] = moment.time
    return happens


def _choose_instants(
    moments: Iterable[Moment],
    as_ofs: Sequence[int],
    happens: Mapping[int | None, int],
    windows: Sequence[int],
) -> list[int]:
    """Return the instants that are drawn: with the starts of windows, where there is room."""
    instants = {*as_ofs, *happens.values()}
    for moment in moments:
        # What arrives after the last request cannot matter, and would take room.
        if moment.arrival is not None and moment.step.heard:
            instants.add(moment.arrival)
    with_starts = set(instants)
    for at in as_ofs:
        for window in windows:
            with_starts.add(at - window)
    if len(with_starts) <= MOST_INSTANTS:
        return sorted(with_starts)
    return sorted(instants)


def _late(moments: Iterable[Moment], x: Mapping[int, float]) -> Iterator[tuple[float, float]]:
    """Return lines from where an event happens to where it arrives."""
    for moment in moments:
        is_event = moment.step.step != "request" and moment.step.heard
        if not is_event or moment.time is None or moment.arrival is None:
            continue
        if moment.arrival != moment.time:
            yield x[moment.time], x[moment.arrival]


def _windows(
    as_ofs: Iterable[int], windows: Sequence[int], x: Mapping[int, float]
) -> Iterator[Window]:
    for at in as_ofs:
        for window in windows:
            # Starts are no instants of the drawing where there was no room for them.
            if at - window in x:
                yield Window(x[at - window], x[at], length_text(window))


def _marks(
    moments: Iterable[Moment], happens: Mapping[int | None, int], x: Mapping[int, float]
) -> Iterator[Mark]:
    for number, at in happens.items():
        label = str((number or 0) + 1)
        yield Mark(x[at], 0, label, "event", f"event {label} happens")
    for moment in moments:
        step = moment.step
        if moment.arrival is None or not step.heard:
            continue
        label = LATER.get(step.step) or str((step.number or 0) + 1)
        kind = MARK_KINDS.get(step.step, "other")
        yield Mark(x[moment.arrival], 1, label, kind, f"{step.step} {label} arrives")


def _offset(length: int) -> str:
    """Return an instant by how far it is from the last `as_of`."""
    if not length:
        return "as_of"
    sign = "−" if length < 0 else "+"  # noqa: RUF001 # a minus sign
    return f"{sign}{length_text(abs(length))}"


def _micros(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        # Of a file that somebody has edited: its text is shown, and stands nowhere on the axis.
        return None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    if at.tzinfo is None:
        # A view may have naive times. They are taken as they stand: only differences are drawn.
        epoch = epoch.replace(tzinfo=None)
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
    # A few pairs that are far apart beside thousands that agree have a bar that is seen.
    top = math.log1p(max(count for _, count in groups))
    drawn: list[Bar] = []
    for text, count in groups:
        height = 0.0
        if top:
            height = round(BARS_HIGH * math.log1p(count) / top, 1)
        drawn.append(Bar(len(drawn) * BAR, height, text, count))
    return Histogram(len(drawn) * BAR, tuple(drawn))


def bars(errors: model.Errors) -> list[tuple[str, int]]:
    """Return the counts of a histogram by label; of many powers of two, eight share one."""
    counts = errors.histogram
    powers_in_bar = 1 if len(counts) <= FINE else 8
    labelled = [("0", counts[0])]
    for first in range(1, len(counts), powers_in_bar):
        last = first + powers_in_bar - 1
        labelled.append((_bar_label(first, last), sum(counts[first : last + 1])))
    return labelled


def _bar_label(first: int, last: int) -> str:
    """Return what stands below the bar of the places `first` to `last` of a histogram."""
    if last > first:
        return f"<2{str(last).translate(RAISED)}"
    low, high = 2 ** (first - 1), 2**first - 1
    return "1" if high == 1 else f"{low}-{high}"


@dataclass(frozen=True, slots=True)
class Scatter:
    """Left against right: SVG paths of dots, and the ends of the axes, which are alike.

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
    values: list[float] = []
    for point in errors.points:
        values += point
    low, high = min(values), max(values)
    is_wide = _is_wide(values)
    scale_name = "symlog" if is_wide else "linear"
    scale = _symlog if is_wide else float
    pixel_of = _place_on_axis(low, high, scale)
    # Dots by their pixel: thousands of pairs lie on few of them, and a page has to be small.
    agreeing: dict[str, None] = {}
    differing: dict[str, None] = {}
    for left, right in errors.points:
        dots = agreeing if left == right else differing
        dots[f"M{pixel_of(left)} {SIDE - pixel_of(right)}h0"] = None
    return Scatter(
        agree="".join(agreeing),
        differ="".join(differing),
        low=f"{low:.4g}",
        high=f"{high:.4g}",
        scale=scale_name,
    )


def _is_wide(values: Iterable[float]) -> bool:
    """Return whether most values would lie in one dot of a linear scale."""
    sizes = sorted(abs(value) for value in values if value)
    return bool(sizes) and sizes[-1] > WIDE * sizes[len(sizes) // 2]


def _place_on_axis(
    low: float, high: float, scale: Callable[[float], float]
) -> Callable[[float], int]:
    """Return what gives the pixel of a value between two others."""
    start, end = scale(low), scale(high)
    if start == end:
        return lambda _value: round(SIDE / 2)
    # Halves: the span of two opposite largest floats is no float.
    span = end / 2 - start / 2
    return lambda value: round((scale(value) / 2 - start / 2) / span * SIDE)


def _symlog(value: float) -> float:
    return math.copysign(math.log1p(abs(value)), value)
