"""What a function under two environments comes to: findings, on as few rows as show them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from skewtest.checks.function_inputs import Row
from skewtest.checks.function_runs import Answer, Contrast
from skewtest.compare.encoded import Difference, find_differences
from skewtest.compare.floats import ulps_between
from skewtest.compare.tables import Divergence
from skewtest.compare.tags import odd_kind
from skewtest.declare.divergence import Kind
from skewtest.results.finding import UNKNOWN, Finding, GivenRows
from skewtest.results.pair import TWO_RUNS, Pair
from skewtest.results.values import Place
from skewtest.sides.answers import Failure
from skewtest.worker import codec
from skewtest.worker.libraries import TAG

CAUSE = "library.version"
# Sets of fewer rows that are tried: each runs the function eight times in four processes.
MOST_TRIALS = 80
# A finding names so many places: who mends the first sees what is left of the others.
PLACES = 20

Failures = tuple[Failure | None, Failure | None]
Reference = Callable[[Any], Any]


def find_findings(
    contrast: Contrast,
    rows: Sequence[Row],
    differences: list[Difference],
    answers: tuple[Answer, Answer],
    reference: Reference | None,
) -> tuple[Finding, ...]:
    """Return what the answers of both environments come to.

    Args:
        contrast: the function and the environments.
        rows: what it got.
        differences: where the answers differ.
        answers: those of the left and the right environment.
        reference: what is right, told by the owner; None where nobody knows.
    """
    for name, answer in zip(contrast.names, answers, strict=True):
        # An environment that disagrees with itself says nothing about the other one.
        if not answer.is_steady:
            return (_find_unsteady(contrast, name, answer, rows),)
    failures = answers[0].failure, answers[1].failure
    if failures == (None, None) and not differences:
        failures = _find_incomparable(contrast, answers)
    if failures != (None, None):
        return (_find_failing(contrast, rows, failures),)
    if not differences:
        return ()
    return _find_differing(contrast, rows, differences, reference)


def _make_finding(
    contrast: Contrast, rows: GivenRows, divergence: Divergence, **facts: Any
) -> Finding:
    pair = Pair(*contrast.names)
    settings = {"scenario": f"{pair.left}~{pair.right}", "pair": pair, **facts}
    return Finding(
        feature=contrast.name,
        kind=divergence.kind,
        counterexample=None,
        given=rows,
        divergence=divergence,
        **settings,
    )


def _find_unsteady(contrast: Contrast, side: str, answer: Answer, rows: Sequence[Row]) -> Finding:
    """Return the finding that one environment answers otherwise in another run."""
    divergence = Divergence(-1, contrast.name, "nondeterministic", None, None)
    given_rows = GivenRows(tuple(rows), len(rows))
    places = _places_of_two_runs(answer)
    return _make_finding(contrast, given_rows, divergence, pair=TWO_RUNS, side=side, places=places)


def _places_of_two_runs(answer: Answer) -> tuple[Place[Any], ...]:
    """Return where two runs of one environment differ."""
    second = answer.deviating
    assert second is not None
    if answer.failure is not None or second.failure is not None:
        return (Place("", "value", _outline(answer), _outline(second)),)
    places = []
    for difference in find_differences(answer.value, second.value)[:PLACES]:
        places.append(_locate(difference, None))
    return tuple(places)


def _outline(answer: Answer) -> Any:
    if answer.failure is None:
        return answer.value
    return type(answer.failure.exception).__name__


def _find_incomparable(contrast: Contrast, answers: tuple[Answer, Answer]) -> Failures:
    """Return that both returned what cannot be compared: that they look alike says nothing."""
    kind = odd_kind(answers[0].value)
    if kind is None:
        return None, None
    facts = {"feature": "result", "type": kind}
    left, right = contrast.names
    return Failure(left, "odd_value", facts), Failure(right, "odd_value", facts)


def _find_failing(contrast: Contrast, rows: Sequence[Row], failures: Failures) -> Finding:
    """Return the finding that the function fails in one environment, or in both."""
    divergence = Divergence(-1, contrast.name, _kind_of(failures), *failures)
    fewest = rows
    cause, side = CAUSE, None
    match divergence.failures:
        case (failure,):
            side = failure.side
            # What dies or hangs costs a process or its time limit at every trial.
            if failure.code == "raised" and not failure.facts:
                fewest = _take_fewest(rows, lambda few: _fails_alone(contrast, few, failure))
        case (first, second) if first.signature[1:] == second.signature[1:]:
            cause = UNKNOWN
    given_rows = GivenRows(tuple(fewest), len(rows))
    return _make_finding(contrast, given_rows, divergence, cause=cause, side=side)


def _kind_of(failures: Failures) -> Kind:
    for failure in failures:
        if failure is not None and failure.code == "timeout":
            return "timeout"
    return "error"


def _fails_alone(contrast: Contrast, rows: Sequence[Row], failure: Failure) -> bool:
    """Return whether one environment alone fails on some rows, as it does on all."""
    failures = [answer.failure for answer in contrast.ask(rows) if answer.failure]
    return [raised.signature for raised in failures] == [failure.signature]


def _find_differing(
    contrast: Contrast,
    rows: Sequence[Row],
    differences: list[Difference],
    reference: Reference | None,
) -> tuple[Finding, ...]:
    """Return a finding for each kind of difference, on as few rows as show them all."""
    kinds = {difference.kind for difference in differences}

    def still_differs(fewer: Sequence[Row]) -> bool:
        remaining, _ = contrast.compare(fewer)
        return kinds <= {difference.kind for difference in remaining}

    fewest = _take_fewest(rows, still_differs)
    if len(fewest) < len(rows):
        differences, _ = contrast.compare(fewest)
    exact = None
    if reference is not None:
        exact = codec.encode(reference([dict(row) for row in fewest]))
    places: dict[Kind, list[Place[Any]]] = {}
    for difference in differences:
        places.setdefault(difference.kind, []).append(_locate(difference, exact))
    given_rows = GivenRows(tuple(fewest), len(rows))
    findings = []
    for kind, places_of_kind in places.items():
        first = places_of_kind[0]
        divergence = Divergence(-1, contrast.name, kind, first.a, first.b)
        shortened = tuple(places_of_kind[:PLACES])
        findings.append(
            _make_finding(contrast, given_rows, divergence, cause=CAUSE, places=shortened)
        )
    return tuple(findings)


def _locate(difference: Difference, exact: Any) -> Place[Any]:
    """Return a difference as a report has it, with how far off each side is where that is known.

    Args:
        difference: of the two results.
        exact: the encoded result of the reference; None without one.
    """
    left, right = difference.left, difference.right
    drift = None
    if isinstance(left, float) and isinstance(right, float):
        number = _number_at(exact, difference.path)
        if number is not None:
            drift = ulps_between(left, number), ulps_between(right, number)
    return Place(difference.path, difference.kind, left, right, difference.ulps, drift)


def _number_at(exact: Any, path: str) -> float | None:
    """Return the number that a reference has at a path, None if it has none there."""
    for number_path, value in _walk(exact, ""):
        if number_path == path and isinstance(value, int | float):
            return float(value)
    return None


def _walk(exact: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield what an encoded value holds, with its path, as differences have it."""
    if isinstance(exact, list):
        for number, item in enumerate(exact):
            yield from _walk(item, f"{path}[{number}]")
    elif not isinstance(exact, dict):
        yield path, exact
    elif exact[TAG] == "dict":
        for key, value in exact["v"]:
            yield from _walk(value, f"{path}[{key!r}]")
    elif exact[TAG] == "scalar":
        yield path, exact["v"]
    # A reference may count without rounding: what it comes to is rounded once, at the end.
    elif exact[TAG] in ("fraction", "decimal"):
        yield path, float(codec.decode(exact))


def _take_fewest(rows: Sequence[Row], still_shows: Callable[[Sequence[Row]], bool]) -> list[Row]:
    """Return few of the rows that still show what was found: halves are dropped, then less."""
    trials = 0
    remaining = list(rows)
    size = max(1, len(remaining) // 2)
    while size:
        start = 0
        while start < len(remaining) and trials < MOST_TRIALS:
            trials += 1
            fewer = remaining[:start] + remaining[start + size :]
            if still_shows(fewer):
                # What follows has moved up to `start`: the next piece begins there.
                remaining = fewer
            else:
                start += size
        size //= 2
    return remaining
