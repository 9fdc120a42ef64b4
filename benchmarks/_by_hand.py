"""The property test that a competent team writes by hand, made general over declared columns.

One strategy for each column, a pool of three keys, event times spread over twice the longest
window, `as_of` at the end or somewhere between, one batch call and one online object an example.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import numpy as np
import polars as pl
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import skewtest as sk
from skewtest.declare import kinds
from skewtest.drive.frames import columns_of
from skewtest.drive.values import plain
from skewtest.sides.answers import NULL_OR_NAN
from skewtest.sides.functions import LocalCaller, call_by_name

EXAMPLES = 100
MOST_EVENTS = 20
END = datetime(2024, 3, 1, tzinfo=UTC)
USUAL_SPAN = timedelta(days=60)
KEYS: Mapping[str, list[Any]] = {"string": ["a", "b", "c"], "int": [1, 2, 3], "int32": [1, 2, 3]}

Row = dict[str, Any]
Event = tuple[str, Row]


@dataclass(frozen=True, slots=True)
class Searched:
    """What the property test came to: CPU seconds and examples, up to the first failure.

    Attributes:
        found: whether it failed.
        examples: how many it ran.
        cpu: CPU seconds.
        error: what was raised, "" where the sides differed or nothing was found.
    """

    found: bool
    examples: int
    cpu: float
    error: str = ""


class DiffersError(BaseException):
    """Ends the test at the first failure: Hypothesis does not shrink what is no Exception."""


def column_strategy(column: kinds.Column) -> st.SearchStrategy[Any]:
    """Return the obvious strategy of a column."""
    match column:
        case kinds.Key():
            values: st.SearchStrategy[Any] = st.sampled_from(KEYS[column.type])
        case kinds.Floats(step=None):
            values = st.floats(column.min, column.max)
        case kinds.Floats():
            low, high = round(column.min / column.step), round(column.max / column.step)
            values = st.integers(low, high).map(lambda n: round(n * column.step, 9))
        case kinds.Ints():
            values = st.integers(column.min, column.max)
        case kinds.Bools():
            values = st.booleans()
        case kinds.Categories():
            values = st.sampled_from([*column.values, *(["unseen"] if column.unseen else [])])
        case kinds.Strings():
            values = st.text(max_size=column.max_size)
        case kinds.Vectors():
            element = column_strategy(column.element)
            values = st.lists(element, min_size=column.size, max_size=column.size)
        case kinds.Structs():
            values = st.fixed_dictionaries(
                {name: column_strategy(inner) for name, inner in column.fields.items()}
            )
        case kinds.Drawn():
            values = column.strategy
        case _:
            raise NotImplementedError(type(column))
    if getattr(column, "nan", False):
        values = values | st.just(float("nan"))
    return values | st.none() if column.nullable else values


def moments(view: sk.FeatureView) -> st.SearchStrategy[datetime]:
    """Return event times: the two longest windows before the end, in the unit of the source."""
    span = 2 * max(view.windows) if view.windows else USUAL_SPAN
    end = END.replace(tzinfo=None)
    times = st.datetimes(end - span, end)
    if view.time.unit == "ms":
        times = times.map(lambda at: at.replace(microsecond=at.microsecond // 1_000 * 1_000))
    return times if view.time.zone is None else times.map(lambda at: at.replace(tzinfo=UTC))


def events_of(view: sk.FeatureView) -> st.SearchStrategy[list[Event]]:
    """Return lists of events, each with the name of its source."""
    rows = [
        st.tuples(
            st.just(name),
            st.fixed_dictionaries(
                {
                    source.time: moments(view),
                    **{column: column_strategy(c) for column, c in source.columns.items()},
                }
            ),
        )
        for name, source in view.sources.items()
    ]
    return st.lists(st.one_of(rows), max_size=MOST_EVENTS)


def spine_of(view: sk.FeatureView) -> st.SearchStrategy[list[Row]]:
    """Return one request for each entity, all at one `as_of`."""
    pools = [KEYS[column.type] for column in view.entity_columns.values()]
    entities = [dict(zip(view.entity, keys, strict=True)) for keys in product(*pools)]
    end = END.replace(tzinfo=None) if view.time.zone is None else END
    asked = {name: column_strategy(column) for name, column in view.request.items()}
    return st.tuples(st.just(end) | moments(view), st.fixed_dictionaries(asked)).map(
        lambda drawn: [{**entity, "as_of": drawn[0], **drawn[1]} for entity in entities]
    )


def batch_answers(view: sk.FeatureView, events: list[Event], spine: list[Row]) -> dict[Any, Row]:
    """Run the batch side once; return its rows by entity."""
    frames = {
        name: pl.DataFrame([row for of, row in events if of == name], schema=source.schema)
        for name, source in view.sources.items()
    }
    if len(frames) == 1:
        frames["events"] = next(iter(frames.values()))
    frames["spine"] = pl.DataFrame(spine, schema=view.spine_schema)
    adapted = getattr(view.batch, "batch", None)
    result = adapted(view, frames, LocalCaller()) if adapted else call_by_name(view.batch, frames)
    columns = columns_of(result)
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return {tuple(row[name] for name in view.entity): row for row in rows}


def online_answers(view: sk.FeatureView, events: list[Event], spine: list[Row]) -> dict[Any, Row]:
    """Feed the events before `as_of` to a fresh online object; return its answers by entity."""
    started = getattr(view.online, "start", None)
    online = started(view, LocalCaller()) if started else view.online()
    as_of = spine[0]["as_of"]
    for name, row in events:
        at = row[view.sources[name].time]
        if at < as_of or (at == as_of and view.as_of == "inclusive"):
            named = {"source": name} if len(view.sources) > 1 else {}
            finished(online.update(dict(row), **named))
    return {
        tuple(row[name] for name in view.entity): finished(online.query(dict(row))) for row in spine
    }


def finished(answer: Any) -> Any:
    """Return an answer, awaited where the online side is asynchronous."""
    return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


def same(batch: Any, online: Any) -> bool:
    """Compare as such tests do: numbers with `np.isclose`, everything else for equality."""
    if batch is NULL_OR_NAN:
        return online is None or online != online
    if isinstance(batch, int | float) and isinstance(online, int | float):
        return bool(np.isclose(batch, online, rtol=1e-6, equal_nan=True))
    if isinstance(batch, list) and isinstance(online, list):
        return len(batch) == len(online) and bool(np.allclose(batch, online, rtol=1e-6))
    return bool(batch == online)


def agree(view: sk.FeatureView, events: list[Event], spine: list[Row]) -> bool:
    """Return whether both sides answer alike for every entity."""
    events = sorted(events, key=lambda event: event[1][view.sources[event[0]].time])
    batch, online = batch_answers(view, events, spine), online_answers(view, events, spine)
    for entity, answer in online.items():
        row = batch.get(entity)
        if row is None or answer is None:
            if row is not answer and "missing" not in view.equal:
                return False
        elif not all(same(plain(row[name]), plain(answer[name])) for name in view.features):
            return False
    return True


def check_by_hand(view: sk.FeatureView, first: int) -> Searched:
    """Run the property test from a seed; a difference or an error is a failure."""
    examples = 0

    @seed(first)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(events_of(view), spine_of(view))
    def test(events: list[Event], spine: list[Row]) -> None:
        nonlocal examples
        examples += 1
        try:
            held = agree(view, events, spine)
        except Exception as error:
            raise DiffersError from error
        if not held:
            raise DiffersError

    started = time.process_time()
    try:
        test()
    except DiffersError as failure:
        spent, cause = time.process_time() - started, failure.__cause__
        return Searched(
            found=True, examples=examples, cpu=spent, error="" if cause is None else repr(cause)
        )
    return Searched(found=False, examples=examples, cpu=time.process_time() - started)
