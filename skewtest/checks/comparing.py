"""One function on the same rows under two environments: what an upgrade would change."""

import importlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl

from skewtest.checks.cell import versions_of
from skewtest.checks.culprits import culprits_of
from skewtest.compare.encoded import Difference, find_differences
from skewtest.compare.floats import ulps_between
from skewtest.compare.tables import Divergence
from skewtest.compare.tags import odd_kind
from skewtest.declare.divergence import Kind
from skewtest.declare.environment import Environment
from skewtest.declare.tolerance import Tolerance
from skewtest.drive.guard import TimeLimitExceeded
from skewtest.drive.values import OddValueError, plain
from skewtest.environments.build import BuiltEnvironment, build_environment
from skewtest.environments.locks import Tell, quiet
from skewtest.environments.runtime import HASH_SEEDS
from skewtest.errors import DeclarationError, nearest
from skewtest.results.finding import UNKNOWN, Finding, GivenRows, Place
from skewtest.results.outcome import Culprits, Outcome, PlainFunction, Seconds
from skewtest.results.pair import TWO_RUNS, Pair
from skewtest.sides.addresses import Code, code_of
from skewtest.sides.answers import Failure, ProcessDiedError
from skewtest.sides.elsewhere import CannotLoadError, loaded
from skewtest.sides.process import RemoteError
from skewtest.worker import codec
from skewtest.worker.frames import parameter_kinds
from skewtest.worker.libraries import TAG

CAUSE = "library.version"
TIMES = 2
"""How often each process runs a function: what differs then is not the versions' doing."""
MOST_TRIALS = 80
"""Sets of fewer rows that are tried: each runs the function eight times in four processes."""
GRACE_SECONDS = 2.0
PLACES = 20
LIBRARY_TAGS = ("odd", "text", "scalar", "array", "series", "frame", "index")
"""What a worker tags that no other interpreter makes a value of."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of every environment."""

    code: Code
    kind: str
    seconds: float


def compare_function(
    function: Callable[[Any], Any] | str,
    rows: Sequence[Mapping[str, Any]],
    *,
    a: Environment,
    b: Environment,
    tolerance: Tolerance | None = None,
    timeout: float = 10.0,
    explain: bool = False,
    reference: Callable[[Any], Any] | None = None,
    tell: Tell = quiet,
) -> Outcome:
    """Run a function on given rows under two environments: see `skewtest.compare_environments`."""
    began = time.perf_counter()
    given = _checked_rows(rows)
    name, code = _code(function)
    with ThreadPoolExecutor(2) as pool:
        left, right = pool.map(lambda environment: build_environment(environment, tell), (a, b))
    task = Task(code, _kind(function), timeout)
    found, answers = _compared(task, left, right, given, tolerance)
    findings = _findings(name, task, (left, right), given, tolerance, found, answers, reference)
    is_nothing = answers[0].value is None and answers[1].value is None
    culprits: tuple[str, ...] = ()
    tried = 0
    if findings and any(finding.cause == CAUSE for finding in findings):
        culprits, tried = culprits_of(
            left,
            right,
            lambda flipped, target: _same(task, flipped, target, given, tolerance),
            tell,
            explain=explain,
        )
    cell = versions_of(left), versions_of(right)
    pair = Pair(cell[0].name, cell[1].name)
    return Outcome(
        subject=PlainFunction(name),
        scenario=f"{pair.left}~{pair.right}",
        seed=0,
        histories=len(given),
        planned=len(given),
        findings=findings,
        pair=pair,
        untested=() if findings or not is_nothing else (name,),
        seconds=Seconds(total=time.perf_counter() - began),
        cell=cell,
        culprits=Culprits(culprits, tried),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What one environment made of the rows, in all its runs.

    Attributes:
        value: what it returned, encoded; None if it did not.
        failure: how it failed, None if it did not.
        is_steady: whether all runs came to the same.
        other: where it is not steady, what another run came to.
    """

    value: Any
    failure: Failure | None
    is_steady: bool = True
    other: Any = None


def _compared(
    task: Task,
    left: BuiltEnvironment,
    right: BuiltEnvironment,
    rows: Sequence[Mapping[str, Any]],
    tolerance: Tolerance | None,
) -> tuple[list[Difference], tuple[Answer, Answer]]:
    answers = _answers(task, (left, right), rows)
    one, other = answers
    if one.failure or other.failure or not (one.is_steady and other.is_steady):
        return [], answers
    return find_differences(one.value, other.value, tolerance), answers


def _answers(
    task: Task,
    environments: tuple[BuiltEnvironment, BuiltEnvironment],
    rows: Sequence[Mapping[str, Any]],
) -> tuple[Answer, Answer]:
    """Return what both environments answer; each in two processes, all at the same time."""
    sent = [codec.encode(dict(row)) for row in rows]
    asked = [(one, seed) for one in environments for seed in HASH_SEEDS]
    with ThreadPoolExecutor(len(asked)) as pool:
        runs = list(pool.map(lambda ask: _runs(task, ask[0], ask[1], sent), asked))
    half = len(HASH_SEEDS)
    first, second = ([run for part in runs[n : n + half] for run in part] for n in (0, half))
    return _steady(first), _steady(second)


def _runs(
    task: Task, environment: BuiltEnvironment, seed: str, rows: Sequence[Any]
) -> list[Answer]:
    """Return what one process answers, in each of its runs."""
    name = environment.environment.name
    try:
        process, number = loaded(task.code, environment.runtime(seed))
        message = {"do": "value", "number": number, "rows": rows, "kind": task.kind, "times": TIMES}
        message["seconds"] = task.seconds
        found = process.ask(message, seconds=(task.seconds + GRACE_SECONDS) * TIMES)
    except CannotLoadError as error:
        if isinstance(error.error, ProcessDiedError):
            return [Answer(None, _died(name, error.error))]
        return [Answer(None, Failure(name, "raised", {"import": True}, error.error))]
    except ProcessDiedError as error:
        return [Answer(None, _died(name, error))]
    except TimeLimitExceeded:
        return [Answer(None, Failure(name, "timeout", {"seconds": task.seconds}))]
    except RemoteError as error:
        return [Answer(None, Failure(name, "raised", {}, error))]
    return [_answer(name, answer) for answer in found["answers"]]


def _answer(name: str, answer: Mapping[str, Any]) -> Answer:
    if "error" in answer:
        return Answer(None, Failure(name, "raised", {}, RemoteError.of(answer["error"])))
    return Answer(answer["value"], None)


def _died(name: str, error: ProcessDiedError) -> Failure:
    return Failure(name, "crashed", {"how": error.how, "last": error.last})


def _steady(runs: list[Answer]) -> Answer:
    """Return the one answer of several runs, or that they differ."""
    first = runs[0]
    for run in runs[1:]:
        failed = first.failure is not None, run.failure is not None
        if failed == (True, True):
            assert first.failure is not None
            assert run.failure is not None
            if first.failure.signature == run.failure.signature:
                continue
        elif failed == (False, False) and not find_differences(first.value, run.value):
            continue
        return Answer(first.value, first.failure, is_steady=False, other=run)
    return first


def _findings(
    name: str,
    task: Task,
    environments: tuple[BuiltEnvironment, BuiltEnvironment],
    rows: Sequence[Mapping[str, Any]],
    tolerance: Tolerance | None,
    found: list[Difference],
    answers: tuple[Answer, Answer],
    reference: Callable[[Any], Any] | None,
) -> tuple[Finding, ...]:
    for environment, answer in zip(environments, answers, strict=True):
        if not answer.is_steady:
            return (_unsteady_finding(name, environments, environment, answer, rows),)
    failures = (answers[0].failure, answers[1].failure)
    if failures == (None, None) and not found:
        failures = _incomparable(environments, answers)
    if failures != (None, None):
        return (_failing_finding(name, task, environments, rows, failures),)
    if not found:
        return ()
    return _differing_findings(name, task, environments, rows, tolerance, found, reference)


def _finding_of(
    name: str, environments: tuple[BuiltEnvironment, BuiltEnvironment], **facts: Any
) -> Finding:
    pair = Pair(environments[0].environment.name, environments[1].environment.name)
    return Finding(
        **{"feature": name, "scenario": f"{pair.left}~{pair.right}", "pair": pair, **facts}
    )


def _unsteady_finding(
    name: str,
    environments: tuple[BuiltEnvironment, BuiltEnvironment],
    unsteady: BuiltEnvironment,
    answer: Answer,
    rows: Sequence[Mapping[str, Any]],
) -> Finding:
    """Return the finding that one environment answers otherwise in another run."""
    places = _two_runs(answer)
    return _finding_of(
        name,
        environments,
        pair=TWO_RUNS,
        kind="nondeterministic",
        counterexample=None,
        given=GivenRows(tuple(rows), len(rows)),
        divergence=Divergence(-1, name, "nondeterministic", None, None),
        side=unsteady.environment.name,
        places=places,
    )


def _failing_finding(
    name: str,
    task: Task,
    environments: tuple[BuiltEnvironment, BuiltEnvironment],
    rows: Sequence[Mapping[str, Any]],
    failures: tuple[Failure | None, Failure | None],
) -> Finding:
    """Return the finding that the function fails in one environment, or in both."""
    divergence = Divergence(-1, name, _failure_kind(failures), *failures)
    few = rows
    cause, side = CAUSE, None
    match divergence.failures:
        case (only,):
            side = only.side
            if only.code == "raised" and not only.facts:
                few = _fewest(rows, lambda fewer: _fails_alike(task, environments, fewer, only))
        case (first, second):
            cause = UNKNOWN if first.signature[1:] == second.signature[1:] else CAUSE
    return _finding_of(
        name,
        environments,
        kind=divergence.kind,
        cause=cause,
        counterexample=None,
        given=GivenRows(tuple(few), len(rows)),
        divergence=divergence,
        side=side,
    )


def _failure_kind(failures: tuple[Failure | None, Failure | None]) -> Kind:
    hangs = any(failure is not None and failure.code == "timeout" for failure in failures)
    return "timeout" if hangs else "error"


def _differing_findings(
    name: str,
    task: Task,
    environments: tuple[BuiltEnvironment, BuiltEnvironment],
    rows: Sequence[Mapping[str, Any]],
    tolerance: Tolerance | None,
    found: list[Difference],
    reference: Callable[[Any], Any] | None,
) -> tuple[Finding, ...]:
    """Return a finding for each kind of difference, on as few rows as show them all."""
    kinds = {difference.kind for difference in found}

    def still_differs(fewer: Sequence[Mapping[str, Any]]) -> bool:
        shown, _ = _compared(task, *environments, fewer, tolerance)
        return kinds <= {difference.kind for difference in shown}

    few = _fewest(rows, still_differs)
    if len(few) < len(rows):
        found, _ = _compared(task, *environments, few, tolerance)
    exact = None if reference is None else codec.encode(reference([dict(row) for row in few]))
    places = [_place(difference, exact) for difference in found]
    findings = []
    for kind in dict.fromkeys(place.kind for place in places):
        own = tuple(place for place in places if place.kind == kind)[:PLACES]
        findings.append(
            _finding_of(
                name,
                environments,
                kind=kind,
                cause=CAUSE,
                counterexample=None,
                given=GivenRows(tuple(few), len(rows)),
                divergence=Divergence(-1, name, own[0].kind, own[0].a, own[0].b),
                places=own,
            )
        )
    return tuple(findings)


def _incomparable(
    environments: tuple[BuiltEnvironment, BuiltEnvironment], answers: tuple[Answer, Answer]
) -> tuple[Failure | None, Failure | None]:
    """Return that both returned what cannot be compared: that they look alike says nothing."""
    kind = odd_kind(answers[0].value)
    if kind is None:
        return None, None
    facts = {"feature": "result", "type": kind}
    left, right = (Failure(one.environment.name, "odd_value", facts) for one in environments)
    return left, right


def _two_runs(answer: Answer) -> tuple[Place, ...]:
    """Return where two runs of one environment differ."""
    other = answer.other
    if answer.failure is not None or other.failure is not None:
        told = [
            one.value if one.failure is None else type(one.failure.exception).__name__
            for one in (answer, other)
        ]
        return (Place("", "value", told[0], told[1]),)
    found = find_differences(answer.value, other.value)[:PLACES]
    return tuple(Place(one.path, one.kind, one.left, one.right, one.ulps) for one in found)


def _place(one: Difference, exact: Any) -> Place:
    drift = None
    if exact is not None and isinstance(one.left, float) and isinstance(one.right, float):
        right = _at(exact, one.path)
        if isinstance(right, int | float):
            drift = ulps_between(one.left, float(right)), ulps_between(one.right, float(right))
    return Place(one.path, one.kind, one.left, one.right, one.ulps, drift)


def _at(exact: Any, path: str) -> Any:
    """Return what a reference has where a difference is, None if it has nothing there."""
    flat: dict[str, Any] = {"": exact}
    waiting = [("", exact)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, list):
            inner = [(f"{place}[{n}]", part) for n, part in enumerate(value)]
        elif isinstance(value, dict) and value[TAG] == "dict":
            inner = [(f"{place}[{key!r}]", part) for key, part in value["v"]]
        elif isinstance(value, dict) and value[TAG] in ("fraction", "decimal"):
            flat[place] = float(codec.decode(value))
            continue
        elif isinstance(value, dict) and value[TAG] == "scalar":
            flat[place] = value["v"]
            continue
        else:
            continue
        flat.update(inner)
        waiting += inner
    found = flat.get(path)
    return found if isinstance(found, int | float) else None


def _fails_alike(
    task: Task,
    environments: tuple[BuiltEnvironment, BuiltEnvironment],
    rows: Sequence[Mapping[str, Any]],
    failure: Failure,
) -> bool:
    """Return whether one environment alone fails on some rows, as it does on all."""
    failures = [one.failure for one in _answers(task, environments, rows) if one.failure]
    return [one.signature for one in failures] == [failure.signature]


def _fewest(
    rows: Sequence[Mapping[str, Any]], still_shows: Callable[[Sequence[Mapping[str, Any]]], bool]
) -> list[Mapping[str, Any]]:
    """Return few of the rows that still show what was found: halves are dropped, then less."""
    trials = 0
    few = list(rows)
    size = max(1, len(few) // 2)
    while size:
        start = 0
        while start < len(few) and trials < MOST_TRIALS:
            trials += 1
            fewer = few[:start] + few[start + size :]
            if still_shows(fewer):
                few = fewer
            else:
                start += size
        size //= 2
    return few


def _same(
    task: Task,
    flipped: BuiltEnvironment,
    target: BuiltEnvironment,
    rows: Sequence[Mapping[str, Any]],
    tolerance: Tolerance | None,
) -> bool:
    """Return whether an environment does as another one does."""
    found, (one, other) = _compared(task, flipped, target, rows, tolerance)
    if one.failure is not None or other.failure is not None:
        both = one.failure is not None and other.failure is not None
        return both and _said(one.failure) == _said(other.failure)
    return not found


def _said(failure: Failure | None) -> tuple[str, str]:
    assert failure is not None
    return failure.signature[1:]


def _checked_rows(rows: object) -> list[Mapping[str, Any]]:
    """Return rows as dicts of what another interpreter can read: plain Python values."""
    if isinstance(rows, pl.DataFrame):
        return list(rows.to_dicts())
    given: list[Any] = list(rows) if isinstance(rows, list | tuple) else [rows]
    if not all(isinstance(row, Mapping) for row in given):
        raise DeclarationError(
            f"compare_environments(rows) takes a list of dicts; got {type(rows).__name__}"
        )
    return [
        {name: _crossing(number, name, value) for name, value in row.items()}
        for number, row in enumerate(given)
    ]


def _crossing(number: int, name: object, value: Any) -> Any:
    """Return a value of a row that crosses; what a library made becomes what it holds."""
    if odd_kind(codec.encode(value), LIBRARY_TAGS) is None:
        return value
    try:
        return plain(value)
    except OddValueError as error:
        raise DeclarationError(
            f"compare_environments: row {number} holds {error} as {name!r}, which another "
            "interpreter cannot read; give numbers, texts, times, lists or dicts"
        ) from error


def _code(function: object) -> tuple[str, Code]:
    """Return a function's name, and how another interpreter loads it."""
    if isinstance(function, str):
        return function.rpartition(":")[2], _code_of_text(function)
    if not callable(function):
        raise DeclarationError(
            "compare_environments(function) takes a function, or 'module:function'; "
            f"got {function!r}"
        )
    name = getattr(function, "__qualname__", type(function).__name__)
    return name.rpartition(".<locals>.")[2], code_of(function, spare=True)


def _code_of_text(text: str) -> Code:
    module_name, _, name = text.partition(":")
    if not name or not all(part.isidentifier() for part in module_name.split(".")):
        raise DeclarationError(
            f"a function is named 'module:function', as in my_repo.features:mean; got {text!r}"
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError:
        # It may import under the other versions alone: there it is found by name.
        return Code.by_name(module_name, name)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise DeclarationError(
                f"the module {module_name!r} has no function {name!r}."
                + nearest(name, vars(module))
            )
        found = getattr(found, part)
    return code_of(found, spare=True)


def _kind(function: object) -> str:
    """Return the kind of frame that a function wants of its rows; "" for a list of dicts."""
    if isinstance(function, str):
        module_name, _, name = function.partition(":")
        function = getattr(sys.modules.get(module_name), name, None)
    kinds = parameter_kinds(function) if function is not None else {}
    return next(iter(kinds.values()), "")
