"""Which incidents a pack really holds: measured on its tables, not taken from the plan."""

import math
from collections import Counter
from collections.abc import Iterator

import polars as pl

from skewtest.declare.columns import Categories, Column, Floats, Ints, Key, Strings
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.generate.instants import USUAL_WINDOWS
from skewtest.generate.keys import PLAIN, TEMPLATES
from skewtest.times import DAY_US, micros, window_text

BURST = 100
AT = "#at"
ASKED = "#asked"


def incidents_of(view: FeatureView, pack: Pack) -> Counter[str]:
    """Return how many histories of a pack hold each incident; absent ones are not in it."""
    found: Counter[str] = Counter()
    lanes_with_events = set()
    moments = pack.spine.select(LANE, pl.col(AS_OF).dt.epoch("us").alias(ASKED))
    timeline = pl.concat(
        frame.select(LANE, pl.col(view.sources[name].time).dt.epoch("us").alias(AT))
        for name, frame in pack.events.items()
    )
    lanes_with_events |= set(timeline[LANE].to_list())
    found["no events"] = pack.lanes - len(lanes_with_events)
    found += _counted(timeline.join(moments, on=LANE), _time_checks(view))
    found += _counted(timeline.sort(LANE, AT), _order_checks(view))
    sizes = timeline.group_by(LANE).len()
    found["one event"] = sizes.filter(pl.col("len") == 1).height
    found["burst"] = sizes.filter(pl.col("len") > BURST).height
    for name, source in view.sources.items():
        checks = [c for column, kind in source.columns.items() for c in _value_checks(column, kind)]
        found += _counted(pack.events[name], checks)
    found += _counted(pack.spine, [c for n, k in view.request.items() for c in _value_checks(n, k)])
    found["entity never seen"] = _never_seen(view, pack)
    found["several requests"] = pack.spine.group_by(LANE).len().filter(pl.col("len") > 1).height
    return +found


Check = tuple[str, pl.Expr]


def _counted(frame: pl.DataFrame, checks: list[Check]) -> Counter[str]:
    if not checks or frame.is_empty():
        return Counter()
    counted = frame.select(
        pl.col(LANE).filter(condition).n_unique().alias(f"{number} {name}")
        for number, (name, condition) in enumerate(checks)
    ).row(0, named=True)
    found: Counter[str] = Counter()
    for name, lanes in counted.items():
        found[name.split(" ", 1)[1]] += lanes
    return found


def _time_checks(view: FeatureView) -> list[Check]:
    tick = view.time.tick
    before = pl.col(ASKED) - pl.col(AT)
    checks = [
        ("event at as_of", before == 0),
        ("event one tick before as_of", before == tick),
        ("event one tick after as_of", before == -tick),
        ("event after as_of", before < 0),
        ("event at midnight UTC", pl.col(AT) % DAY_US == 0),
    ]
    for window in view.windows or USUAL_WINDOWS:
        text, size = window_text(window), micros(window)
        checks += [
            (f"event on the {text} edge", before == size),
            (f"event one tick inside the {text} edge", before == size - tick),
            (f"event one tick outside the {text} edge", before == size + tick),
        ]
    if view.zone and view.time.zone:
        local = (
            pl.from_epoch(AT, time_unit="us")
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone(view.zone)
        )
        clock = local.dt.replace_time_zone(None)
        checks += [
            (f"event at midnight {view.zone}", clock.dt.epoch("us") % DAY_US == 0),
            (f"event on a day of clock change {view.zone}", _clock_changes(local)),
        ]
    return checks


def _clock_changes(local: pl.Expr) -> pl.Expr:
    """Return whether the local day is not 24 hours long."""
    start = local.dt.truncate("1d")
    return (start.dt.offset_by("1d") - start) != pl.duration(days=1)


def _order_checks(view: FeatureView) -> list[Check]:
    gap = pl.col(AT).diff().over(LANE)
    longest = max(micros(window) for window in view.windows or USUAL_WINDOWS)
    return [("tie", gap == 0), ("gap longer than every window", gap > longest)]


def _value_checks(name: str, kind: Column) -> Iterator[Check]:
    column = pl.col(name)
    if kind.nullable:
        yield f"{name} null", column.is_null()
    if isinstance(kind, Floats):
        yield f"{name} at a range end", (column == kind.min) | (column == kind.max)
        if kind.nan:
            yield f"{name} NaN", column.is_nan()
        if kind.inf:
            yield f"{name} infinite", column.is_infinite()
        if kind.negative_zero:
            yield f"{name} -0.0", (column == 0) & ((1 / column) == -math.inf)
    if isinstance(kind, Ints):
        yield f"{name} at a range end", (column == kind.min) | (column == kind.max)
        if max(abs(kind.min), abs(kind.max)) > 2**53:
            yield f"{name} beyond 2**53", (column > 2**53) | (column < -(2**53))
    if isinstance(kind, Categories) and kind.unseen:
        yield f"{name} unseen", column.is_not_null() & ~column.is_in(list(kind.values))
    if isinstance(kind, Strings):
        yield f"{name} empty", column == ""
    if isinstance(kind, Key) and kind.variants and kind.type == "string":
        yield f"{name} odd key", ~column.str.contains(_PLAIN_KEY)


_PLAIN_KEY = f"^[{''.join(template[0] for template in PLAIN)}][0-9]*$"
assert len(TEMPLATES) > len(PLAIN)  # noqa: S101 - odd keys are the templates beyond the plain ones


def _never_seen(view: FeatureView, pack: Pack) -> int:
    asked = pack.spine
    for name, frame in pack.events.items():
        if all(column in view.sources[name].columns for column in view.entity):
            asked = asked.join(frame, on=list(view.entity), how="anti")
    return asked[LANE].n_unique()
