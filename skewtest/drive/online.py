"""The online side: a fresh object for each history, fed operation by operation."""

import asyncio
import functools
import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import Delivered
from skewtest.drive.guard import OURS, TimeLimitExceeded, time_limit
from skewtest.drive.outcome import MISSING, Answers, Failure
from skewtest.drive.values import OddValueError, plain

LONGEST = 60
WATCHED = 8
"""Every so many lanes, events are checked for having been changed by the receiver."""


@runtime_checkable
class OnlineAdapter(Protocol):
    """An online implementation of another shape, such as `micro_batch(f)`."""

    def start(self, view: FeatureView) -> Any:
        """Return a fresh object with `update(event)` and `query(request)`."""


@dataclass(slots=True)
class Answering:
    """The answers of a pack while they come in."""

    values: dict[str, list[Any]]
    failures: dict[int, Failure] = field(default_factory=dict)
    mutated: dict[str, None] = field(default_factory=dict)

    def take(self, row: int, answer: Any) -> None:
        """Read one answer: a dict with every feature, or None for no row."""
        if answer is None:
            return
        if not isinstance(answer, Mapping):
            told = {"type": type(answer).__name__, "value": _short(answer)}
            self.failures[row] = Failure("online", "not_a_mapping", told)
            return
        for name, answers in self.values.items():
            if name not in answer:
                got = {"feature": name, "got": [str(key) for key in answer]}
                self.failures[row] = Failure("online", "missing_feature", got)
                return
            try:
                answers[row] = plain(answer[name])
            except OddValueError as error:
                facts = {"feature": name, "type": str(error)}
                self.failures[row] = Failure("online", "odd_value", facts)
                return


def answer_online(view: FeatureView, rows: int, deliveries: Iterable[Delivered]) -> Answers:
    """Run the online implementation over the lanes of a pack; a failing lane harms no other."""
    answering = Answering({name: [MISSING] * rows for name in view.features})
    start = _starter(view)
    began = time.perf_counter()
    with asyncio.Runner() as runner, time_limit(view.timeout) as start_limit:
        for delivered in deliveries:
            _drive(delivered, start, start_limit, answering, runner, view.timeout)
    return Answers(
        answering.values,
        answering.failures,
        mutated=tuple(answering.mutated),
        seconds=time.perf_counter() - began,
    )


def _drive(
    delivered: Delivered,
    start: Callable[[], Any],
    start_limit: Callable[[], None],
    answering: Answering,
    runner: asyncio.Runner,
    seconds: float,
) -> None:
    """Run one lane. After a failed update the object is not to be trusted: the rest fails too."""
    at = 0
    watched = delivered.lane % WATCHED == 0
    try:
        start_limit()
        target = start()
        lacking = _lacking(target)
        if lacking is not None:
            _fail(answering, delivered, 0, lacking)
            return
        update, query = target.update, target.query
        named = _takes_source(update)
        operations = zip(delivered.rows, delivered.sources, delivered.payloads, strict=True)
        for at, (row, source, payload) in enumerate(operations):  # noqa: B007 - told on failure
            before = payload.copy() if watched else None
            if row < 0:
                done = update(payload, source=source) if named else update(payload)
                if done is not None and inspect.isawaitable(done):
                    runner.run(_settled(done))
            else:
                _ask(query, row, payload, answering, runner)
            if watched and payload != before and _differs(payload, before):
                answering.mutated["request" if row >= 0 else "event"] = None
    except TimeLimitExceeded:
        _fail(answering, delivered, at, Failure("online", "timeout", {"seconds": seconds}))
    except OURS:
        raise
    except BaseException as error:
        facts = {"operation": at + 1, "of": len(delivered.rows)}
        _fail(answering, delivered, at, Failure("online", "raised", facts, error))


def _ask(
    query: Callable[..., Any],
    row: int,
    request: dict[str, Any],
    answering: Answering,
    runner: asyncio.Runner,
) -> None:
    try:
        answer = query(request)
        if type(answer) is not dict and inspect.isawaitable(answer):
            answer = runner.run(_settled(answer))
    except (TimeLimitExceeded, *OURS):
        raise
    except BaseException as error:
        answering.failures[row] = Failure("online", "raised", {}, error)
        return
    answering.take(row, answer)


async def _settled(awaitable: Any) -> Any:
    return await awaitable


def _starter(view: FeatureView) -> Callable[[], Any]:
    """Return what makes a fresh online object."""
    assert view.online is not None
    if isinstance(view.online, OnlineAdapter) and not inspect.isclass(view.online):
        return functools.partial(view.online.start, view)
    return view.online


def _lacking(target: object) -> Failure | None:
    for verb in ("update", "query"):
        if not callable(getattr(target, verb, None)):
            has = [name for name in dir(target) if not name.startswith("_")]
            facts = {"verb": verb, "type": type(target).__name__, "has": has}
            return Failure("online", "no_method", facts)
    return None


def _takes_source(update: Callable[..., Any]) -> bool:
    code = getattr(update, "__code__", None)
    if code is None:
        return False
    return "source" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _fail(answering: Answering, delivered: Delivered, at: int, failure: Failure) -> None:
    for row in delivered.rows[at:]:
        if row >= 0:
            answering.failures[row] = failure


def _differs(payload: Mapping[str, Any], before: Any) -> bool:
    """Return whether payloads differ beyond NaN, which is unequal to itself."""
    return repr(payload) != repr(before)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
