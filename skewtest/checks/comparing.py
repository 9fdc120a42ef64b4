"""One function on the same rows under two environments: what an upgrade would change."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from skewtest.checks.cell import versions_of
from skewtest.checks.culprits import find_culprits
from skewtest.checks.function_findings import CAUSE, find_findings
from skewtest.checks.function_inputs import Row, check_rows, frame_kind, locate_code, name_function
from skewtest.checks.function_runs import Contrast, Task
from skewtest.declare.environment import Environment
from skewtest.declare.tolerance import Tolerance
from skewtest.environments.build import BuiltEnvironment, build_environment
from skewtest.environments.locks import Tell, quiet
from skewtest.results.finding import Finding
from skewtest.results.outcome import Outcome, PlainFunction
from skewtest.results.pair import Pair
from skewtest.results.values import Culprits, Seconds


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
    checked = check_rows(rows)
    name, code = name_function(function), locate_code(function)
    with ThreadPoolExecutor(2) as pool:
        left, right = pool.map(lambda environment: build_environment(environment, tell), (a, b))
    task = Task(code, frame_kind(function), timeout)
    contrast = Contrast(name, task, left, right, tolerance)
    differences, answers = contrast.compare(checked)
    findings = find_findings(contrast, checked, differences, answers, reference)
    # Two that both return nothing agree, and yet that may not be what was to be compared.
    untested: tuple[str, ...] = ()
    if not findings and answers[0].value is None and answers[1].value is None:
        untested = (name,)
    pair = Pair(*contrast.names)
    return Outcome(
        subject=PlainFunction(name),
        scenario=f"{pair.left}~{pair.right}",
        seed=0,
        histories=len(checked),
        planned=len(checked),
        findings=findings,
        pair=pair,
        untested=untested,
        culprits=_find_culprits(contrast, checked, findings, tell, explain=explain),
        cell=(versions_of(left), versions_of(right)),
        seconds=Seconds(total=time.perf_counter() - began),
    )


def _find_culprits(
    contrast: Contrast,
    rows: Sequence[Row],
    findings: Sequence[Finding],
    tell: Tell,
    *,
    explain: bool,
) -> Culprits:
    """Return which packages make the difference, where it is the versions that do."""
    if not any(finding.cause == CAUSE for finding in findings):
        return Culprits()

    def does_as(flipped: BuiltEnvironment, target: BuiltEnvironment) -> bool:
        return replace(contrast, left=flipped, right=target).does_same(rows)

    packages, tried = find_culprits(contrast.left, contrast.right, does_as, tell, explain=explain)
    return Culprits(packages, tried)
