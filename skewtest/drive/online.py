"""The online side: a fresh object for each history, fed operation by operation."""

import asyncio
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

WATCHED = 8
"""Every so many lanes, events are checked for having been changed by the receiver."""


@runtime_checkable
class OnlineAdapter(Protocol):
    """An online implementation of another shape, such as `micro_batch(f)`."""

    def start(self, view: FeatureView) -> Any:  # noqa: ANN401 - an object with update and query
        """Return a fresh object with `update(event)` and `query(request)`."""


@dataclass(slots=True)
class Answering:
    """The answers of a pack while they come in."""

    values: dict[str, list[Any]]
    failures: dict[int, Failure] = field(default_factory=dict)
    mutated: dict[str, None] = field(default_factory=dict)

    def take(self, row: int, answer: Any) -> None:  # noqa: ANN401 - user code's
        """Read one answer: a dict with every feature, or None for no row."""
        if answer is None:
            return
        if not isinstance(answer, Mapping):
            facts = {"type": type(answer).__name__, "value": _short(answer)}
            self.failures[row] = Failure("online", "not_a_mapping", facts)
            return
        for name, answers in self.values.items():
            if name not in answer:
                facts = {"feature": name, "got": [str(key) for key in answer]}
                self.failures[row] = Failure("online", "missing_feature", facts)
                return
            try:
                answers[row] = plain(answer[name])
            except OddValueError as error:
                facts = {"feature": name, "type": str(error)}
                self.failures[row] = Failure("online", "odd_value", facts)
                return


@dataclass(frozen=True, slots=True)
class Verbs:
    """The two verbs of one online object; `named` where update takes the source's name."""

    update: Callable[..., Any]
    query: Callable[..., Any]
    named: bool


def answer_online(view: FeatureView, rows: int, deliveries: Iterable[Delivered]) -> Answers:
    """Run the online implementation over the lanes of a pack; a failing lane harms no other."""
    answering = Answering({name: [MISSING] * rows for name in view.features})
    started = time.perf_counter()
    with asyncio.Runner() as runner:
        for delivered in deliveries:
            _drive(view, delivered, answering, runner)
    return Answers(
        answering.values,
        answering.failures,
        mutated=tuple(answering.mutated),
        seconds=time.perf_counter() - started,
    )


def _drive(
    view: FeatureView, delivered: Delivered, answering: Answering, runner: asyncio.Runner
) -> None:
    """Run one lane. After a failed update the object is not to be trusted: the rest fails too."""
    at = 0
    try:
        with time_limit(view.timeout):
            verbs = _started(view)
            if isinstance(verbs, Failure):
                _fail(answering, delivered, 0, verbs)
                return
            watched = delivered.lane % WATCHED == 0
            for at, (row, source, payload) in enumerate(delivered.operations):
                before = payload.copy() if watched else None
                if row < 0:
                    done = (
                        verbs.update(payload, source=source)
                        if verbs.named
                        else verbs.update(payload)
                    )
                    if done is not None and inspect.isawaitable(done):
                        runner.run(_settled(done))
                else:
                    _ask(verbs, row, payload, answering, runner)
                if watched and payload != before and _differs(payload, before):
                    answering.mutated["request" if row >= 0 else "event"] = None
    except TimeLimitExceeded:
        _fail(answering, delivered, at, Failure("online", "timeout", {"seconds": view.timeout}))
    except OURS:
        raise
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        facts = {"operation": at + 1, "of": len(delivered.operations)}
        _fail(answering, delivered, at, Failure("online", "raised", facts, error))


def _ask(
    verbs: Verbs, row: int, request: dict[str, Any], answering: Answering, runner: asyncio.Runner
) -> None:
    try:
        answer = verbs.query(request)
        if inspect.isawaitable(answer):
            answer = runner.run(_settled(answer))
    except (TimeLimitExceeded, *OURS):
        raise
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        answering.failures[row] = Failure("online", "raised", {}, error)
        return
    answering.take(row, answer)


async def _settled(awaitable: Any) -> Any:  # noqa: ANN401 - user code's
    return await awaitable


def _started(view: FeatureView) -> Verbs | Failure:
    if view.online is None:
        return Failure("online", "not_given")
    adapter = view.online
    if isinstance(adapter, OnlineAdapter) and not inspect.isclass(adapter):
        target = adapter.start(view)
    else:
        target = view.online()
    for verb in ("update", "query"):
        if not callable(getattr(target, verb, None)):
            has = [name for name in dir(target) if not name.startswith("_")]
            facts = {"verb": verb, "type": type(target).__name__, "has": has}
            return Failure("online", "no_method", facts)
    named = len(view.sources) > 1 or _takes_source(target.update)
    return Verbs(target.update, target.query, named)


def _takes_source(update: Callable[..., Any]) -> bool:
    code = getattr(update, "__code__", None)
    if code is None:
        return False
    return "source" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _fail(answering: Answering, delivered: Delivered, at: int, failure: Failure) -> None:
    for operation in delivered.operations[at:]:
        if operation.row >= 0:
            answering.failures[operation.row] = failure


def _differs(payload: Mapping[str, Any], before: Any) -> bool:  # noqa: ANN401
    """Return whether payloads differ beyond NaN, which is unequal to itself."""
    return repr(payload) != repr(before)


def _short(value: Any) -> str:  # noqa: ANN401 - user code's
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004
